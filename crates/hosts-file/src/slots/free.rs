//! Dead slots: those that may be written, and those in which a reader may still be reading.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::slot::{LONG_AGO, Offset};
use super::{GRACE, Time};

/// The dead slots of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Free {
    /// Those that may be written, by their cells.
    ready: BTreeMap<u8, BTreeSet<Offset>>,
    ready_cells: usize,
    /// The others, the longest dead first.
    waiting: VecDeque<Waiting>,
    waiting_cells: usize,
}

/// A dead slot that a reader may still be reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    since: Time,
    offset: Offset,
    cells: u8,
}

impl Free {
    /// Slots of which it is known, or not, since when they have been dead, as offset, cells and time.
    pub(super) fn new(mut dead: Vec<(Offset, u8, Time)>) -> Self {
        dead.sort_by_key(|&(.., since)| since);
        let mut free = Self::default();
        for (offset, cells, since) in dead {
            match since {
                LONG_AGO => free.put(offset, cells),
                _ => free.wait(since, offset, cells),
            }
        }
        free
    }

    /// A slot that may be written.
    pub(super) fn put(&mut self, offset: Offset, cells: u8) {
        self.ready.entry(cells).or_default().insert(offset);
        self.ready_cells += usize::from(cells);
    }

    /// A slot that died at a time no earlier than those before.
    pub(super) fn wait(&mut self, since: Time, offset: Offset, cells: u8) {
        self.waiting_cells += usize::from(cells);
        self.waiting.push_back(Waiting {
            since,
            offset,
            cells,
        });
    }

    /// Takes the slots that have been dead for long enough into use; says whether there were any.
    pub(super) fn mature(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(&Waiting {
            since,
            offset,
            cells,
        }) = self.waiting.front()
            && since + GRACE <= now
        {
            self.waiting.pop_front();
            self.waiting_cells -= usize::from(cells);
            self.put(offset, cells);
            any = true;
        }
        any
    }

    /// When the next one will be ready.
    pub(super) fn due(&self) -> Option<Time> {
        self.waiting.front().map(|waiting| waiting.since + GRACE)
    }

    /// Finds a dead slot of at least so many cells; slots are never split or joined, since a reader
    /// could put half of each together. Behind the line that is superseded, in a place that is `old`,
    /// is best: then that line may die at once. Otherwise the first place, so that readers find the
    /// new address before the old one.
    pub(super) fn take(
        &mut self,
        cells: u8,
        superseded: Option<Offset>,
        is_old: impl Fn(Offset) -> bool,
    ) -> Option<(Offset, u8)> {
        let (&cells, slots) = self
            .ready
            .range_mut(cells..)
            .find(|(_, slots)| !slots.is_empty())?;
        let behind = superseded.and_then(|last| slots.range(last..).next().copied());
        let behind = behind.filter(|&offset| is_old(offset));
        let offset = behind.or_else(|| slots.first().copied())?;
        slots.remove(&offset);
        self.ready_cells -= usize::from(cells);
        Some((offset, cells))
    }

    /// Those of some sizes for which there is no slot.
    pub(super) fn without_room(&self, mut sizes: Vec<u8>) -> Vec<u8> {
        let ready = self.ready.iter();
        let mut room: BTreeMap<u8, usize> =
            ready.map(|(cells, slots)| (*cells, slots.len())).collect();
        sizes.retain(|size| {
            let mut room = room.range_mut(size..).map(|(_, slots)| slots);
            let Some(slots) = room.find(|slots| **slots > 0) else {
                return true;
            };
            *slots -= 1;
            false
        });
        sizes
    }

    /// How many cells may be written, and how many wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.ready_cells, self.waiting_cells)
    }

    /// All of them, with the time since when they are dead, which for those that may be written is
    /// [`LONG_AGO`].
    pub(super) fn into_dead(self) -> impl Iterator<Item = (Offset, Time)> {
        let ready = self.ready.into_values().flatten();
        let waiting = self.waiting.into_iter();
        ready
            .map(|offset| (offset, LONG_AGO))
            .chain(waiting.map(|waiting| (waiting.offset, waiting.since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(slots: &[(Offset, u8)]) -> Free {
        let slots = slots.iter();
        Free::new(
            slots
                .map(|&(offset, cells)| (offset, cells, LONG_AGO))
                .collect(),
        )
    }

    #[test]
    fn each_slot_is_room_for_one_and_a_larger_one_will_do() {
        let free = ready(&[(0, 1), (64, 1), (128, 4)]);
        assert_eq!(free.without_room(vec![1, 1]), []);
        assert_eq!(free.without_room(vec![1, 1, 3]), []);
        assert_eq!(free.without_room(vec![1, 1, 1, 1]), [1]);
        assert_eq!(free.without_room(vec![3, 4, 1]), [4]);
        assert_eq!(free.without_room(vec![5]), [5]);
        assert_eq!(ready(&[]).without_room(vec![1]), [1]);
    }

    #[test]
    fn what_waits_is_no_room_until_its_time() {
        let mut free = Free::new(vec![(0, 2, GRACE)]);
        assert_eq!(free.without_room(vec![1]), [1]);
        assert_eq!((free.counts(), free.due()), ((0, 2), Some(GRACE * 2)));
        assert!(!free.mature(GRACE * 2 - Time::from_nanos(1)));
        assert!(free.mature(GRACE * 2));
        assert_eq!(free.without_room(vec![1]), []);
        assert_eq!((free.counts(), free.due()), ((2, 0), None));
    }

    #[test]
    fn all_are_remembered_with_their_times() {
        let mut free = ready(&[(64, 1), (0, 2)]);
        free.wait(GRACE, 128, 1);
        let mut dead: Vec<_> = free.into_dead().collect();
        dead.sort();
        assert_eq!(dead, [(0, LONG_AGO), (64, LONG_AGO), (128, GRACE)]);
    }
}
