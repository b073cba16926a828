//! The live lines of each name, in few bytes: there may be a hundred thousand.

use super::slot::{Slot, Slots};
use crate::Name;

/// The most names of a run.
const RUN: usize = 128;

/// The live lines of each name: runs in a row, each sorted. They are full where names come in their
/// order, as they do when a file is first filled or read; full ones are split where they do not, and
/// nearly empty ones joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// None of them empty.
    runs: Vec<Vec<(Name, Slots)>>,
    lines: usize,
}

/// The place of a name, or the one where it would be.
type Place = Result<(usize, usize), (usize, usize)>;

impl Live {
    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// The lines of a name.
    pub(super) fn get(&self, name: &Name) -> &[Slot] {
        match self.find(name) {
            Ok((run, at)) => &self.runs[run][at].1,
            Err(_) => &[],
        }
    }

    /// One more line of a name.
    pub(super) fn push(&mut self, name: Name, slot: Slot) {
        match self.find(&name) {
            Ok((run, at)) => self.runs[run][at].1.push(slot),
            Err(place) => self.insert(place, name, Slots::One(slot)),
        }
        self.lines += 1;
    }

    /// These lines are those of a name, in place of those that were.
    pub(super) fn set(&mut self, name: Name, slots: Vec<Slot>) {
        self.lines += slots.len();
        match (self.find(&name), Slots::new(slots)) {
            (Ok((run, at)), Some(slots)) => {
                let before = std::mem::replace(&mut self.runs[run][at].1, slots);
                self.lines -= before.len();
            }
            (Ok((run, at)), None) => self.lines -= self.remove(run, at).len(),
            (Err(place), Some(slots)) => self.insert(place, name, slots),
            (Err(_), None) => {}
        }
    }

    /// The names from one on, or all of them, with their lines.
    pub(super) fn from(&self, name: Option<&Name>) -> impl Iterator<Item = (&Name, &[Slot])> {
        let (run, at) = match name.map(|name| self.find(name)) {
            Some(Ok(place) | Err(place)) => place,
            None => (0, 0),
        };
        let runs = self.runs.iter().skip(run).flatten();
        runs.skip(at).map(|(name, slots)| (name, &slots[..]))
    }

    /// Each line, to be altered.
    pub(super) fn each(&mut self, mut work: impl FnMut(&Name, &mut Slot)) {
        for (name, slots) in self.runs.iter_mut().flatten() {
            slots.iter_mut().for_each(|slot| work(name, slot));
        }
    }

    fn find(&self, name: &Name) -> Place {
        let last = self.runs.last().and_then(|run| run.last());
        if last.is_none_or(|(last, _)| last < name) {
            let run = self.runs.len().saturating_sub(1);
            return Err((run, self.runs.last().map_or(0, Vec::len)));
        }
        let run = self.runs.partition_point(|run| run[0].0 <= *name);
        let run = run.saturating_sub(1);
        let found = self.runs[run].binary_search_by(|(other, _)| other.cmp(name));
        found.map(|at| (run, at)).map_err(|at| (run, at))
    }

    fn insert(&mut self, (run, at): (usize, usize), name: Name, slots: Slots) {
        let entry = (name, slots);
        let is_last = run + 1 >= self.runs.len();
        match self.runs.get_mut(run) {
            Some(entries) if entries.len() < RUN => entries.insert(at, entry),
            Some(entries) if !(is_last && at == RUN) => {
                let mut second = entries.split_off(RUN / 2);
                match at.checked_sub(RUN / 2) {
                    Some(at) => second.insert(at, entry),
                    None => entries.insert(at, entry),
                }
                self.runs.insert(run + 1, second);
            }
            _ => {
                let mut entries = Vec::with_capacity(RUN);
                entries.push(entry);
                self.runs.push(entries);
            }
        }
    }

    fn remove(&mut self, run: usize, at: usize) -> Slots {
        let (_, slots) = self.runs[run].remove(at);
        let fits = |next: &Vec<_>| self.runs[run].len() + next.len() <= RUN / 2;
        if self.runs[run].is_empty() {
            self.runs.remove(run);
        } else if self.runs.get(run + 1).is_some_and(fits) {
            let next = self.runs.remove(run + 1);
            self.runs[run].extend(next);
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::slot::{Era, Form};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn name(number: u16) -> Name {
        format!("n{number:05}").parse().unwrap()
    }

    fn slot(number: u16) -> Slot {
        Slot {
            offset: number.into(),
            length: 64,
            era: Era::default(),
            address: "10.0.0.1".parse().unwrap(),
            form: Form::Slot,
        }
    }

    #[test]
    fn runs_are_full_where_names_come_in_their_order() {
        let mut live = Live::default();
        (0..1_000).for_each(|number| live.push(name(number), slot(number)));
        assert!(live.runs.iter().all(|run| run.capacity() == RUN));
        assert_eq!(live.runs.len(), 1_000usize.div_ceil(RUN));
        (0..1_000).for_each(|number| live.set(name(number), Vec::new()));
        assert_eq!((live.lines(), live.runs.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn a_sorted_map_of_lists(
            steps in prop::collection::vec((0u16..700, 0usize..4, any::<bool>()), 0..3_000),
            from in 0u16..700,
        ) {
            let (mut live, mut map) = (Live::default(), BTreeMap::<Name, Vec<Slot>>::new());
            for (number, count, is_push) in steps {
                let name = name(number);
                if is_push {
                    live.push(name.clone(), slot(number));
                    map.entry(name).or_default().push(slot(number));
                } else {
                    let slots = vec![slot(number + 1); count];
                    live.set(name.clone(), slots.clone());
                    map.insert(name.clone(), slots);
                    map.retain(|_, slots| !slots.is_empty());
                }
            }
            let list = |all: &mut dyn Iterator<Item = (&Name, &[Slot])>| -> Vec<(Name, Vec<Slot>)> {
                all.map(|(name, slots)| (name.clone(), slots.to_vec())).collect()
            };
            let mut every = map.iter().map(|(name, slots)| (name, &slots[..]));
            prop_assert_eq!(list(&mut live.from(None)), list(&mut every));
            let from = name(from);
            let mut rest = map.range::<Name, _>(&from..).map(|(name, slots)| (name, &slots[..]));
            prop_assert_eq!(list(&mut live.from(Some(&from))), list(&mut rest));
            prop_assert_eq!(live.get(&from), map.get(&from).map_or(&[][..], |slots| slots));
            prop_assert_eq!(live.lines(), map.values().map(Vec::len).sum::<usize>());
            prop_assert!(live.runs.iter().all(|run| (1..=RUN).contains(&run.len())));
        }
    }
}
