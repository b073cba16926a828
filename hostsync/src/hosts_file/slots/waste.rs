//! Dead bytes of ours that are no slots, because somebody shifted them, and how they become slots
//! again.

use super::operations::Writes;
use super::{CELL, GRACE, GROUP, Time};

/// Waste is made slots of when there is more of it than this, and it is more than half of the file.
const MUCH: u64 = 64 * 1024;

/// Dead lines of ours that are no slots.
#[derive(Debug, Clone)]
pub(super) struct Waste {
    /// Offset and length of each.
    lines: Vec<(u64, u64)>,
    /// Since when no byte of them was alive or written.
    since: Time,
    /// True when they hold nothing but `#`, blanks and line ends: then any mixture of them with new
    /// slots is harmless too.
    is_blank: bool,
}

impl Waste {
    pub(super) fn new(lines: Vec<(u64, u64)>, now: Time) -> Self {
        Self { lines, since: now, is_blank: false }
    }

    /// A line died that was no slot.
    pub(super) fn add(&mut self, offset: u64, length: u64, now: Time) {
        self.lines.push((offset, length));
        (self.since, self.is_blank) = (now, false);
    }

    /// Goes on making slots of the waste, if there is much of it in a file of `size` bytes: blanks
    /// the lines, waits, and lays cells over them. Returns the new cells, and when to go on.
    pub(super) fn reclaim(&mut self, size: u64, now: Time, writes: &mut Writes) -> (Vec<u64>, Option<Time>) {
        let bytes: u64 = self.lines.iter().map(|(_, length)| length).sum();
        if bytes <= MUCH || bytes * 2 <= size {
            return (Vec::new(), None);
        }
        if now < self.since + GRACE {
            return (Vec::new(), Some(self.since + GRACE));
        }
        self.since = now;
        if !self.is_blank {
            for &(offset, length) in self.lines.iter().filter(|(_, length)| *length > 2) {
                writes.dead(offset + 1, vec![b' '; length as usize - 2]);
            }
            self.is_blank = true;
            return (Vec::new(), Some(now + GRACE));
        }
        let mut cells = Vec::new();
        for (offset, length) in runs(std::mem::take(&mut self.lines)) {
            let (bytes, found, rest) = lay(offset, length);
            writes.dead(offset, bytes);
            cells.extend(found);
            self.lines.extend(rest);
        }
        (cells, None)
    }
}

/// Lines in a row as one.
fn runs(mut lines: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    lines.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (offset, length) in lines {
        match runs.last_mut() {
            Some((start, total)) if *start + *total == offset => *total += length,
            _ => runs.push((offset, length)),
        }
    }
    runs
}

/// Lays as many cells over a run as fit, with dead lines before and behind them.
fn lay(offset: u64, length: u64) -> (Vec<u8>, Vec<u64>, Vec<(u64, u64)>) {
    let cell = CELL as u64;
    let mut before = offset.next_multiple_of(cell) - offset;
    // A line has at least two bytes: others drop empty lines, which would shift all that follows.
    if before == 1 {
        before += cell;
    }
    let room = length.saturating_sub(before);
    let mut count = room / cell;
    if room % cell == 1 {
        count = count.saturating_sub(1);
    }
    if count == 0 {
        return (dead_line(length), Vec::new(), vec![(offset, length)]);
    }
    let first = offset + before;
    let behind = room - count * cell;
    let mut bytes = dead_line(before);
    bytes.extend(super::growth::dead_cells(count as usize));
    bytes.extend(dead_line(behind));
    let rest = [(offset, before), (first + count * cell, behind)];
    let cells = (0..count).map(|at| first + at * cell).collect();
    (bytes, cells, rest.into_iter().filter(|(_, length)| *length > 0).collect())
}

fn dead_line(length: u64) -> Vec<u8> {
    let mut line = vec![b' '; length as usize];
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    if length > 1 {
        line[0] = b'#';
    }
    line
}

const _: () = assert!(GROUP.is_multiple_of(CELL as u64), "a cell never crosses a group");
