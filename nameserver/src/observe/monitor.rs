//! `nameserver monitor`: a line for each name that moved, once the agents have it.
//!
//! Pure: moves and what agents tell in, lines out.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use contract::{Addresses, Diff, Hosts, Name, ZnodePath};
use serde::Serialize;

use crate::observe::convergence::{Converged, Convergence};
use crate::observe::feed::Move;
use crate::observe::listing::listed;
use crate::records::shown;

/// For how long a line waits for the agents.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many labels a name may have for every way to cut it into components to be thought of.
const LABELS: usize = 5;

/// Generations whose lines wait for the agents.
#[derive(Debug, Default)]
pub struct Waiting(VecDeque<Generation>);

#[derive(Debug)]
struct Generation {
    number: u64,
    published: SystemTime,
    until: Instant,
    moves: Vec<(Move, Option<ZnodePath>)>,
}

/// One name that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// From where to where.
    #[serde(flatten)]
    pub moved: Move,
    /// The znode that gives the name, or gave it, where that is known; without secrets.
    pub znode: Option<String>,
    /// The generation with which it moved.
    pub generation: u64,
    /// When that was published, as RFC 3339 text.
    pub published: String,
    /// How far that has come.
    pub converged: Option<Converged>,
}

impl Waiting {
    /// A generation was published, and moved these names, given by these znodes.
    pub fn add(
        &mut self,
        number: u64,
        published: SystemTime,
        moves: Vec<(Move, Option<ZnodePath>)>,
        now: Instant,
    ) {
        self.0.push_back(Generation {
            number,
            published,
            until: now + PATIENCE,
            moves,
        });
    }

    /// The lines of those, in order, that all agents have, or that have waited long enough.
    pub fn ready(&mut self, convergence: &Convergence, now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(first) = self.0.front() {
            let converged = convergence.of(first.number);
            let is_complete = |converged: &Converged| converged.applied >= converged.agents;
            if first.until > now && !converged.as_ref().is_none_or(is_complete) {
                break;
            }
            let Some(first) = self.0.pop_front() else {
                break;
            };
            let published = humantime::format_rfc3339_millis(first.published).to_string();
            lines.extend(first.moves.into_iter().map(|(moved, znode)| Line {
                moved,
                znode: znode.as_ref().map(shown),
                generation: first.number,
                published: published.clone(),
                converged: converged.clone(),
            }));
        }
        lines
    }

    /// When the first of them has waited long enough.
    pub fn wake(&self) -> Option<Instant> {
        self.0.front().map(|first| first.until)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Move {
            name,
            before,
            after,
        } = &self.moved;
        let of = |addresses: &Option<Addresses>, none: &str| match addresses {
            Some(addresses) => listed(addresses, ","),
            None => none.to_owned(),
        };
        let (before, after) = (of(before, "new"), of(after, "gone"));
        let znode = self.znode.as_deref().unwrap_or("-");
        let generation = self.generation;
        write!(
            f,
            "{name} {before} → {after}  {znode}  generation {generation}"
        )?;
        match &self.converged {
            None => Ok(()),
            Some(Converged { agents: 0, .. }) => f.write_str(", no agent runs"),
            Some(converged) => {
                let Converged {
                    applied, agents, ..
                } = converged;
                write!(f, ", applied by {applied} of {agents}")?;
                match converged.last {
                    Some(last) => write!(f, " after {} ms", last.as_millis()),
                    None => f.write_str(" so far"),
                }
            }
        }
    }
}

/// The names that moved, in order, for which `wants` holds.
pub fn moves(old: &Hosts, new: &Hosts, wants: impl Fn(&Name) -> bool) -> Vec<Move> {
    let Diff {
        added,
        changed,
        removed,
    } = Diff::between(old, new);
    let mut names: Vec<_> = [added, changed, removed].concat();
    names.retain(|name| wants(name));
    names.sort_unstable();
    let moved = names.into_iter().map(|name| Move {
        before: old.get(&name).cloned(),
        after: new.get(&name).cloned(),
        name,
    });
    moved.collect()
}

/// The znodes that may give a name, the most likely first. What is in capitals is not among them.
pub fn givers(name: &Name, root: &ZnodePath, domain: Option<&Name>) -> Vec<ZnodePath> {
    let local = match domain {
        None => Some(name.as_str()),
        Some(domain) => {
            let local = name.as_str().strip_suffix(domain.as_str());
            local.and_then(|local| local.strip_suffix('.'))
        }
    };
    let names = local
        .into_iter()
        .flat_map(|name| [Some(name), name.strip_prefix("leader.")]);
    let mut paths = Vec::new();
    for name in names.flatten() {
        let labels: Vec<_> = name.split('.').collect();
        let gaps = labels.len() - 1;
        let ways = if labels.len() <= LABELS { 1 << gaps } else { 1 };
        for joined in 0..ways {
            let mut components: Vec<String> = Vec::new();
            for (place, label) in labels.iter().enumerate() {
                match components.last_mut() {
                    Some(component) if joined & (1 << (place - 1)) != 0 => {
                        *component = format!("{component}.{label}");
                    }
                    _ => components.push((*label).to_owned()),
                }
            }
            let below = |path: ZnodePath, component: &String| path.child(component).ok();
            paths.extend(components.iter().rev().try_fold(root.clone(), below));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Option<Addresses> {
        let addresses: Addresses = texts.iter().map(|text| text.parse().unwrap()).collect();
        (!texts.is_empty()).then_some(addresses)
    }

    fn moved(before: &[&str], after: &[&str]) -> Move {
        Move {
            name: "primary.db".parse().unwrap(),
            before: addresses(before),
            after: addresses(after),
        }
    }

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn a_line_waits_for_the_agents_but_not_for_long() {
        let (mut waiting, mut convergence) = (Waiting::default(), Convergence::default());
        let begun = Instant::now();
        convergence.published(1, at(0), PATIENCE);
        convergence.told("a", 1, at(0));
        convergence.told("b", 1, at(0));
        let znode: ZnodePath = "/services/db/primary".parse().unwrap();
        for (number, before, after) in [(87, "10.0.0.5", "10.0.0.7"), (88, "10.0.0.7", "10.0.0.8")]
        {
            convergence.published(number, at(1_000), PATIENCE);
            let moves = vec![(moved(&[before], &[after]), Some(znode.clone()))];
            waiting.add(number, at(1_000), moves, begun);
        }
        convergence.told("a", 87, at(1_007));
        assert_eq!(waiting.ready(&convergence, begun), []);
        convergence.told("b", 87, at(1_018));
        let texts = |lines: Vec<Line>| lines.iter().map(Line::to_string).collect::<Vec<_>>();
        assert_eq!(
            texts(waiting.ready(&convergence, begun)),
            [
                "primary.db 10.0.0.5 → 10.0.0.7  /services/db/primary  generation 87, applied by 2 of 2 after 18 ms"
            ]
        );
        convergence.told("a", 88, at(1_020));
        assert_eq!(waiting.ready(&convergence, begun), []);
        let late = waiting.wake().unwrap();
        assert_eq!(
            texts(waiting.ready(&convergence, late)),
            [
                "primary.db 10.0.0.7 → 10.0.0.8  /services/db/primary  generation 88, applied by 1 of 2 so far"
            ]
        );
        assert_eq!(waiting.wake(), None);
    }

    #[test]
    fn new_and_gone_names_and_nobody_there() {
        let (mut waiting, mut convergence) = (Waiting::default(), Convergence::default());
        convergence.published(2, at(0), PATIENCE);
        let moves = vec![
            (
                moved(&[], &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
                None,
            ),
            (moved(&["10.0.0.1"], &[]), None),
        ];
        waiting.add(2, at(0), moves, Instant::now());
        let lines = waiting.ready(&convergence, Instant::now());
        let texts: Vec<_> = lines.iter().map(Line::to_string).collect();
        assert_eq!(
            texts,
            [
                "primary.db new → 10.0.0.1,10.0.0.2,10.0.0.3,+1  -  generation 2, no agent runs",
                "primary.db 10.0.0.1 → gone  -  generation 2, no agent runs",
            ]
        );
    }

    #[test]
    fn every_znode_that_may_give_a_name() {
        let of = |name: &str, domain: &str| {
            let root = "/s".parse().unwrap();
            let domain: Option<Name> = domain.parse().ok();
            let paths = givers(&name.parse().unwrap(), &root, domain.as_ref());
            paths.into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(of("primary.db", ""), ["/s/db/primary", "/s/primary.db"]);
        assert_eq!(of("db.zk", "zk"), ["/s/db"]);
        assert_eq!(of("db", "zk"), [""; 0]);
        assert_eq!(
            of("leader.db", ""),
            ["/s/db/leader", "/s/leader.db", "/s/db"]
        );
        assert_eq!(of("a.b.c.d.e.f.g", ""), ["/s/g/f/e/d/c/b/a"]);
    }
}
