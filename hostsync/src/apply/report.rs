//! What the agent says in the log: each thing once, when it begins and when it ends.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Arc;

use contract::{Counted, Diff, Hosts, Name};
use hosts_file::{Method, Pass, Reason};
use log::Level::{self, Debug, Error, Info, Warn};

/// How many names a line lists.
const SHOWN: usize = 10;

/// A line for the log.
pub type Line = (Level, String);

/// What has been said already.
#[derive(Debug, Default)]
pub struct Report {
    failure: Option<String>,
    /// Why the file is written by somebody else.
    followed: Option<String>,
    shadowed: Arc<[Name]>,
    /// This machine's own name is published.
    is_own_published: bool,
    method: Option<Method>,
    lost_attributes: BTreeSet<OsString>,
    /// What is said of each change is of little interest, since it is said of many files.
    is_of_many: bool,
}

/// What a pass wanted.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The generation.
    pub generation: u64,
    /// The entries before; none when they are the same generation's.
    pub before: Option<&'a Hosts>,
    /// The entries now.
    pub wanted: &'a Hosts,
    /// How often the file was put right, where that is to be told now.
    pub repairs: Option<u32>,
    /// True for a snapshot that was kept on disk and is not read from ZooKeeper yet.
    pub kept: bool,
}

impl Report {
    /// Of one of many files: what goes well with each is told at the level debug.
    pub fn of_many() -> Self {
        Self {
            is_of_many: true,
            ..Self::default()
        }
    }

    fn routine(&self) -> Level {
        if self.is_of_many { Debug } else { Info }
    }

    /// After a pass that made the file agree.
    pub fn done(&mut self, change: &Change<'_>, pass: &Pass) -> Vec<Line> {
        let file = pass.target.display();
        let mut lines = Vec::new();
        if self.failure.take().is_some() {
            lines.push((Info, format!("{file} can be written again")));
        }
        if self.followed.take().is_some() {
            lines.push((
                Info,
                format!("{file} is written by this process from now on"),
            ));
        }
        let notes = pass.notes.iter();
        lines.extend(notes.map(|note| (Warn, format!("{file}, {note}"))));
        lines.extend(self.attributes(pass));
        lines.extend(self.method(pass));
        lines.extend(self.names(pass));
        let count = change.wanted.len() - pass.shadowed.len();
        let generation = change.generation;
        match change.before {
            Some(before) => {
                let diff = Diff::between(before, change.wanted);
                let kept = if change.kept { " (kept on disk)" } else { "" };
                lines.push((
                    self.routine(),
                    format!(
                        "generation {generation}{kept}: {diff}; {} in {file}{}",
                        Counted(count, "name"),
                        diff.moves(before, change.wanted)
                    ),
                ));
            }
            None => {
                let times = change.repairs.map(|times| match times {
                    1 => String::new(),
                    more => format!(" ({more} times since that was last told)"),
                });
                let line = times.map(|times| {
                    let names = Counted(count, "name");
                    format!("{file} was changed by others{times}; put our {names} right again")
                });
                lines.extend(line.map(|line| (Info, line)));
            }
        }
        lines
    }

    /// After a pass that could not; says nothing that it said last time.
    pub fn failed(&mut self, failure: String) -> Option<Line> {
        let news = self.failure.as_ref() != Some(&failure);
        self.failure = Some(failure.clone());
        news.then(|| {
            let line =
                format!("{failure}; trying again until it works, the names stay as they are");
            (Error, line)
        })
    }

    /// After a pass that found a file that says all that it should, though it cannot be written here.
    pub fn followed(&mut self, why: &str) -> Option<Line> {
        self.failure = None;
        let is_news = self.followed.as_deref() != Some(why);
        self.followed = Some(why.to_owned());
        is_news.then(|| {
            let line =
                format!("{why}; it says what it should, and is written here once that is possible");
            (Info, line)
        })
    }

    /// Of this machine's own name, where it is published.
    pub fn own(&mut self, own: Option<&Name>) -> Option<Line> {
        let was_published = std::mem::replace(&mut self.is_own_published, own.is_some());
        let own = own.filter(|_| !was_published)?;
        let line = format!(
            "{own} is published, and is this machine's own name: it is left to other lines"
        );
        Some((Warn, line))
    }

    fn method(&mut self, pass: &Pass) -> Option<Line> {
        let method = Some(pass.method).filter(|method| *method != Method::Replace);
        let news = self.method != method;
        self.method = method;
        method.filter(|_| news).map(|method| {
            let (file, why) = (pass.target.display(), why(method));
            let line = format!("{file} is written in {}, because {why}", method.name());
            (self.routine(), line)
        })
    }

    fn attributes(&mut self, pass: &Pass) -> Vec<Line> {
        let lost = pass.lost_attributes.iter();
        let news = lost.filter(|name| self.lost_attributes.insert(OsString::clone(name)));
        news.map(|name| {
            let (file, name) = (pass.target.display(), name.display());
            let line =
                format!("{file} has lost its extended attribute {name}, which may not be set");
            (Warn, line)
        })
        .collect()
    }

    fn names(&mut self, pass: &Pass) -> Vec<Line> {
        let file = pass.target.display();
        let mut lines = Vec::new();
        if self.shadowed == pass.shadowed {
            return lines;
        }
        let before = std::mem::replace(&mut self.shadowed, Arc::clone(&pass.shadowed));
        let before: BTreeSet<&Name> = before.iter().collect();
        let now: BTreeSet<&Name> = self.shadowed.iter().collect();
        let new: Vec<&Name> = now.difference(&before).copied().collect();
        if !new.is_empty() {
            let line = format!(
                "left to other lines of {file}, which map them already: {}; take those lines out \
                 to have the published addresses",
                list(&new)
            );
            lines.push((Warn, line));
        }
        let gone: Vec<&Name> = before.difference(&now).copied().collect();
        if !gone.is_empty() {
            let line = format!("no longer left to other lines of {file}: {}", list(&gone));
            lines.push((Info, line));
        }
        lines
    }
}

/// Why the file is written by this method.
pub(crate) fn why(method: Method) -> String {
    match method {
        Method::Replace => "the file is not a mount point".to_owned(),
        Method::Slots(Reason::Chosen) => "--write asks for it".to_owned(),
        Method::Slots(reason) => reason.to_string(),
    }
}

/// Some names as text; a long list is cut.
pub(crate) fn list(names: &[&Name]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| name.as_str()).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;
    use hosts_file::Note;

    fn pass(wrote: bool, shadowed: &[&str]) -> Pass {
        Pass {
            target: "/etc/hosts".into(),
            method: Method::Replace,
            wrote,
            repaired: wrote,
            slots: None,
            wake: None,
            shadowed: shadowed.iter().map(|name| name.parse().unwrap()).collect(),
            notes: Vec::new(),
            lost_attributes: Vec::new(),
        }
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn one_line_for_a_generation_and_one_for_a_repair() {
        let before = published(1, 1, 7, &[("db", 1)]).snapshot.hosts;
        let wanted = published(1, 2, 8, &[("db", 1), ("web", 2)]).snapshot.hosts;
        let mut report = Report::default();
        let mut change = Change {
            generation: 8,
            before: Some(&before),
            wanted: &wanted,
            repairs: None,
            kept: false,
        };
        assert_eq!(
            texts(report.done(&change, &pass(true, &[]))),
            [
                "generation 8: 1 added (web), 0 changed, 0 removed; 2 names in /etc/hosts; web new → 10.0.0.2"
            ]
        );
        change.before = None;
        assert_eq!(texts(report.done(&change, &pass(false, &[]))), [""; 0]);
        let mut repaired = pass(true, &[]);
        change.repairs = Some(1);
        repaired.notes = vec![Note::StrayEnd(3)];
        assert_eq!(
            texts(report.done(&change, &repaired)),
            [
                "/etc/hosts, line 3: our END line without a BEGIN line; took it out",
                "/etc/hosts was changed by others; put our 2 names right again"
            ]
        );
        change.repairs = Some(40);
        let many = texts(report.done(&change, &pass(true, &[])));
        let expected = "/etc/hosts was changed by others (40 times since that was last told); put our 2 names right again";
        assert_eq!(many, [expected]);
    }

    #[test]
    fn what_lasts_is_said_once() {
        let wanted = published(1, 1, 7, &[("db", 1)]).snapshot.hosts;
        let change = Change {
            generation: 7,
            before: None,
            wanted: &wanted,
            repairs: None,
            kept: false,
        };
        let mut report = Report::default();
        let mut shadowed = pass(false, &["db"]);
        shadowed.method = Method::Slots(Reason::MountPoint);
        shadowed.lost_attributes = vec!["security.selinux".into()];
        let first = texts(report.done(&change, &shadowed));
        assert!(first[0].contains("security.selinux"), "{first:?}");
        assert!(
            first[1].contains("in slots, because the file is a mount point"),
            "{first:?}"
        );
        assert!(first[2].contains("map them already: db;"), "{first:?}");
        assert_eq!(texts(report.done(&change, &shadowed)), [""; 0]);
        let freed = texts(report.done(&change, &pass(false, &[])));
        assert_eq!(freed, ["no longer left to other lines of /etc/hosts: db"]);

        assert!(report.failed("disk full".into()).is_some());
        assert_eq!(report.failed("disk full".into()), None);
        assert!(report.failed("read-only".into()).is_some());
        let again = texts(report.done(&change, &pass(true, &[])));
        assert_eq!(again[0], "/etc/hosts can be written again");
        assert!(report.failed("read-only".into()).is_some());
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<Name> = (0..12)
            .map(|n| format!("n{n:02}").parse().unwrap())
            .collect();
        let text = list(&names.iter().collect::<Vec<_>>());
        assert!(text.ends_with("n09 and 2 more"), "{text}");
    }
}
