//! Live lines, and since when they are alive, in few bytes: a file may hold a hundred thousand.

use std::collections::VecDeque;

use super::{CELL, GRACE, Time};
use crate::Address;

/// Before any time at which a table is asked: its clock begins at [`GRACE`].
pub(super) const LONG_AGO: Time = Time::ZERO;

/// A place in a file, which is at most [`MAX_BYTES`](crate::MAX_BYTES) long.
pub(super) type Offset = u32;

/// A live line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) offset: Offset,
    /// In bytes, its line ending among them.
    pub(super) length: u32,
    /// When it is first known to have been alive.
    pub(super) era: Era,
    pub(super) address: Address,
    pub(super) form: Form,
}

/// What a line is to the slot protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A slot.
    Slot,
    /// None, and to be replaced by one; between our markers.
    Inside,
    /// None, and outside of our markers.
    Outside,
    /// A name in a line that somebody else has made of ours; its place is that of the name.
    Word,
}

impl Slot {
    /// Its length in cells; none for a line that is no slot.
    pub(super) fn cells(&self) -> Option<u8> {
        (self.form == Form::Slot).then_some((self.length as usize / CELL) as u8)
    }
}

/// The live lines of one name; nearly every name has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slots {
    One(Slot),
    Many(Box<[Slot]>),
}

impl Slots {
    /// The lines; none where there are none.
    pub(super) fn new(slots: Vec<Slot>) -> Option<Self> {
        match &slots[..] {
            [] => None,
            [slot] => Some(Self::One(*slot)),
            _ => Some(Self::Many(slots.into())),
        }
    }

    /// One more.
    pub(super) fn push(&mut self, slot: Slot) {
        let slots = [&self[..], &[slot]].concat();
        *self = Self::Many(slots.into());
    }
}

impl std::ops::Deref for Slots {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }
}

impl std::ops::DerefMut for Slots {
    fn deref_mut(&mut self) -> &mut [Slot] {
        match self {
            Self::One(slot) => std::slice::from_mut(slot),
            Self::Many(slots) => slots,
        }
    }
}

/// Stands for a time, as long as that is of interest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Era(u32);

/// The times that eras stand for: those within one grace period. An earlier one is [`LONG_AGO`].
/// Numbers begin anew when they are used up, and one of a line that is so old then makes it wait once
/// more.
#[derive(Debug, Clone, Default)]
pub(super) struct Eras {
    /// The number of the first of `recent`.
    first: u32,
    recent: VecDeque<Time>,
}

impl Eras {
    /// The era that begins now, at no earlier time than the last one.
    pub(super) fn at(&mut self, now: Time) -> Era {
        if self.recent.back() != Some(&now) {
            self.recent.push_back(now);
        }
        Era(self.first.wrapping_add(self.recent.len() as u32 - 1))
    }

    /// When an era began.
    pub(super) fn time(&self, era: Era) -> Time {
        let at = era.0.wrapping_sub(self.first) as usize;
        self.recent.get(at).copied().unwrap_or(LONG_AGO)
    }

    /// Forgets what no reader can have seen begin.
    pub(super) fn forget(&mut self, now: Time) {
        while self.recent.front().is_some_and(|&time| time + GRACE <= now) {
            self.recent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_one_line_takes_few_bytes() {
        assert_eq!(size_of::<Slots>(), 32);
    }

    #[test]
    fn eras_are_told_apart_for_one_grace_period_also_where_numbers_begin_anew() {
        let mut eras = Eras {
            first: u32::MAX - 1,
            ..Eras::default()
        };
        let times: Vec<Time> = (1..6).map(|at| GRACE + at * GRACE / 4).collect();
        let numbers: Vec<Era> = times.iter().map(|&time| eras.at(time)).collect();
        assert_eq!(eras.at(times[4]), numbers[4]);
        let told = |eras: &Eras| {
            numbers
                .iter()
                .map(|&era| eras.time(era))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&eras), times);
        eras.forget(times[1] + GRACE);
        assert_eq!(told(&eras)[..2], [LONG_AGO; 2]);
        assert_eq!(told(&eras)[2..], times[2..]);
        eras.forget(times[4] + GRACE);
        assert_eq!(told(&eras), [LONG_AGO; 5]);
        assert!(eras.at(times[4] + GRACE) != numbers[0]);
    }
}
