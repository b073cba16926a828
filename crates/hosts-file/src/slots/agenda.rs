//! Names that are to be looked at, though nothing else be wanted of them: when, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::Time;
use crate::Name;

/// The names that are to be looked at, now or later.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    /// Those that are to be looked at now.
    queue: BTreeSet<Name>,
    /// Names with lines that retire: when the next of those may go, and how many there are.
    retiring: BTreeMap<Name, (Time, usize)>,
    /// The same by time.
    due: BTreeSet<(Time, Name)>,
    /// How many lines retire.
    lines: usize,
    /// Names that lack slots, for which the file grows,
    lacking: BTreeSet<Name>,
    /// and those that wait for slots that become ready by themselves.
    waiting: BTreeSet<Name>,
}

/// Whether a name has the slots that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It has them.
    None,
    /// It can wait for some.
    Later,
    /// The file is to grow for it.
    Now,
}

impl Agenda {
    /// So many lines of a name retire, the next one at some time; or none does, and nothing is due.
    pub(super) fn retire(&mut self, name: &Name, next: Option<(Time, usize)>) {
        if let Some((at, lines)) = self.retiring.remove(name) {
            self.lines -= lines;
            self.due.remove(&(at, name.clone()));
        }
        if let Some((at, lines)) = next {
            self.lines += lines;
            self.retiring.insert(name.clone(), (at, lines));
            self.due.insert((at, name.clone()));
        }
    }

    /// What a name lacks.
    pub(super) fn needs(&mut self, name: &Name, need: Need) {
        let sets = [
            (&mut self.lacking, Need::Now),
            (&mut self.waiting, Need::Later),
        ];
        for (names, of) in sets {
            if need == of {
                names.insert(name.clone());
            } else {
                names.remove(name);
            }
        }
    }

    /// True when some name lacks slots, or waits for them.
    pub(super) fn is_hungry(&self) -> bool {
        !self.lacking.is_empty() || !self.waiting.is_empty()
    }

    /// A name is to be looked at now.
    pub(super) fn queue(&mut self, name: Name) {
        self.queue.insert(name);
    }

    /// Those that lack slots are to be looked at now.
    pub(super) fn feed_lacking(&mut self) {
        self.queue.append(&mut self.lacking);
    }

    /// So are those that wait for them.
    pub(super) fn feed_all(&mut self) {
        self.feed_lacking();
        self.queue.append(&mut self.waiting);
    }

    /// So many of the names that are to be looked at now, those among them of which lines may go.
    pub(super) fn take(&mut self, now: Time, limit: usize) -> Vec<Name> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now);
        self.queue.extend(due.map(|(_, name)| name.clone()));
        let first = iter::from_fn(|| self.queue.pop_first());
        first.take(limit).collect()
    }

    /// The names that are to be looked at now and were not taken.
    pub(super) fn queued(&self) -> &BTreeSet<Name> {
        &self.queue
    }

    /// When the next line may go.
    pub(super) fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// How many lines retire.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }
}
