//! What the terminal shows: a function from what is known to cells.

use contract::{Counted, Moved, plain};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use crate::observe::live::{Generation, Told};

/// How many lines what is amiss may take.
const REMARKS: u16 = 8;

/// All that is shown.
pub(super) struct Page<'a> {
    pub(super) servers: &'a str,
    pub(super) told: Told,
    /// The newest first.
    pub(super) generations: Vec<Generation>,
    /// How many lines of the lists are passed over.
    pub(super) offset: usize,
}

impl Page<'_> {
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let remarks = self.remarks();
        let height = u16::try_from(remarks.len()).unwrap_or(REMARKS).min(REMARKS);
        let [head, amiss, moves, agents, keys] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Length(height),
            Constraint::Fill(2),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(self.head()), head);
        frame.render_widget(Paragraph::new(remarks), amiss);
        let listed = |title: &'static str, lines: Vec<Line<'static>>| {
            let most = lines.len().saturating_sub(1);
            let lines: Vec<_> = lines.into_iter().skip(self.offset.min(most)).collect();
            Paragraph::new(lines).block(Block::bordered().title(title))
        };
        frame.render_widget(listed(" moved ", self.moves()), moves);
        frame.render_widget(
            listed(" agents that are not in step ", self.agents()),
            agents,
        );
        let keys_text = Line::from("q ends, up and down scroll").dim();
        frame.render_widget(Paragraph::new(keys_text), keys);
    }

    fn head(&self) -> Vec<Line<'static>> {
        let overview = &self.told.overview;
        let health = overview.health();
        let color = match (overview.ok, health.remarks.is_empty()) {
            (false, _) => Color::Red,
            (true, false) => Color::Yellow,
            (true, true) => Color::Green,
        };
        let word = if self.told.is_current {
            overview.health.to_owned()
        } else {
            "not connected".to_owned()
        };
        let leader = overview
            .leader
            .clone()
            .unwrap_or_else(|| "nobody".to_owned());
        let standbys = match overview.standbys.as_slice() {
            [] => "no standby".to_owned(),
            some => format!("standing by: {}", some.join(", ")),
        };
        let published = match &overview.snapshot {
            Some(snapshot) => format!(
                "generation {}, {}, published {}",
                snapshot.generation,
                Counted(snapshot.names, "name"),
                snapshot.published
            ),
            None => "nothing is published".to_owned(),
        };
        let (agents, behind) = (overview.agents, self.told.not_in_step);
        vec![
            Line::from(vec![
                Span::styled(word, Style::new().fg(color).bold()),
                shown(&format!("  {}", self.servers)),
            ]),
            Line::from(shown(&format!(
                "{leader} leads, {standbys}; {} of {agents} agents in step",
                agents - behind.min(agents)
            ))),
            Line::from(shown(&published)),
        ]
    }

    fn remarks(&self) -> Vec<Line<'static>> {
        let health = self.told.overview.health();
        let reasons = health
            .reasons
            .iter()
            .map(|text| Line::from(shown(text).red()));
        let remarks = health
            .remarks
            .iter()
            .map(|text| Line::from(shown(text).yellow()));
        reasons.chain(remarks).collect()
    }

    fn moves(&self) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        for Generation { entry, converged } in &self.generations {
            let far = converged.as_ref().map(|converged| match converged.last {
                Some(last) => format!(
                    "  {} of {} after {} ms",
                    converged.applied,
                    converged.agents,
                    last.as_millis()
                ),
                None => format!("  {} of {} so far", converged.applied, converged.agents),
            });
            let far = far.unwrap_or_default();
            let generation = entry.generation;
            for moved in &entry.changes {
                let moved = Moved {
                    name: &moved.name,
                    before: moved.before.as_ref(),
                    after: moved.after.as_ref(),
                };
                lines.push(Line::from(shown(&format!("{generation}  {moved}{far}"))));
            }
            if entry.more > 0 {
                let more = Counted(entry.more, "more name");
                lines.push(Line::from(shown(&format!("{generation}  and {more}"))));
            }
        }
        lines
    }

    fn agents(&self) -> Vec<Line<'static>> {
        let behind = self.told.overview.behind.iter().map(|agent| {
            let why = agent
                .complaint
                .as_deref()
                .unwrap_or("has not told of the newest generation in its time");
            Line::from(shown(&format!("{} at {}: {why}", agent.id, agent.applied)))
        });
        behind.collect()
    }
}

/// Text of whoever it is, that drives no terminal.
fn shown(text: &str) -> Span<'static> {
    Span::raw(plain(text).into_owned())
}

#[cfg(test)]
mod tests {
    use contract::State;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::time::SystemTime;
    use tokio::sync::watch;

    use super::*;
    use crate::observe::live::Live;

    fn text(width: u16, height: u16, told: Told) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let page = Page {
            servers: "zk1:2181\u{1b}[2J",
            told,
            generations: Vec::new(),
            offset: 7,
        };
        terminal.draw(|frame| page.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_page_of_any_size_says_how_it_is() {
        let state = State::new("/nameserver".parse().unwrap());
        let live = Live::new(state, watch::channel(None).1, &daemon::Limits::default());
        let told = || live.told(SystemTime::UNIX_EPOCH);
        let page = text(60, 20, told());
        for words in [
            "not connected  zk1:2181\\u001b[2J",
            "nobody leads",
            "nothing is published",
            "no nameserver runs",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        for (width, height) in [(1, 1), (10, 3), (300, 100)] {
            let _ = text(width, height, told());
        }
    }
}
