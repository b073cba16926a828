//! Dead bytes of ours that are no slots, because somebody shifted them, and how they become slots
//! again.

use super::growth::dead_slot;
use super::operations::Writes;
use super::{CELL, GRACE, Time};

/// Dead lines of ours that are no slots, as offset and length.
#[derive(Debug, Clone)]
pub(super) struct Displaced {
    /// Lines that still hold text.
    stained: Lines,
    /// Lines that hold nothing but `#`, blanks and a line end: any mixture of such lines with new
    /// cells is harmless too.
    blank: Lines,
}

/// Lines that wait for something to be done with them.
#[derive(Debug, Clone, Default)]
struct Lines {
    lines: Vec<(u64, u64)>,
    /// When nobody can be reading any more what they held before; none when all is done.
    due: Option<Time>,
}

impl Displaced {
    /// Lines that are there at the start: of stained ones it is not known since when they are dead;
    /// blank ones have been blank for as long as anybody reads, since that is when they were made.
    pub(super) fn new(lines: Vec<(u64, u64, bool)>, now: Time) -> Self {
        let (blank, stained): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|(.., is_blank)| *is_blank);
        let lines = |lines: Vec<(u64, u64, bool)>, due| Lines {
            due: (!lines.is_empty()).then_some(due),
            lines: lines
                .into_iter()
                .map(|(offset, length, _)| (offset, length))
                .collect(),
        };
        Self {
            stained: lines(stained, now + GRACE),
            blank: lines(blank, now),
        }
    }

    /// A line died that was no slot.
    pub(super) fn add(&mut self, offset: u64, length: u64, now: Time) {
        self.stained.lines.push((offset, length));
        self.stained.due = Some(now + GRACE);
    }

    /// True while there will be new slots without anything else happening.
    pub(super) fn is_pending(&self) -> bool {
        self.stained.due.is_some() || self.blank.due.is_some()
    }

    /// Goes on making slots of them: blanks the lines, waits, and lays cells over them.
    /// Returns the new cells, and when to go on.
    pub(super) fn reclaim(&mut self, now: Time, writes: &mut Writes) -> (Vec<u64>, Option<Time>) {
        if self.stained.due.is_some_and(|due| due <= now) {
            self.stained.due = None;
            for (offset, length) in std::mem::take(&mut self.stained.lines) {
                if length > 2 {
                    writes.dead(offset + 1, vec![b' '; length as usize - 2]);
                }
                self.blank.lines.push((offset, length));
            }
            self.blank.due = Some(now + GRACE);
        }
        let mut cells = Vec::new();
        if self.blank.due.is_some_and(|due| due <= now) {
            self.blank.due = None;
            for (offset, length) in runs(std::mem::take(&mut self.blank.lines)) {
                let Some(laid) = lay(offset, length) else {
                    self.blank.lines.push((offset, length));
                    continue;
                };
                writes.dead(offset, laid.bytes);
                cells.extend(laid.cells);
                self.blank.lines.extend(laid.rest);
            }
        }
        let wake = [self.stained.due, self.blank.due]
            .into_iter()
            .flatten()
            .min();
        (cells, wake)
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

/// Cells laid over a run, with dead lines before and behind them.
struct Laid {
    bytes: Vec<u8>,
    cells: Vec<u64>,
    rest: Vec<(u64, u64)>,
}

/// Lays as many cells over a run as fit; none where none does.
fn lay(offset: u64, length: u64) -> Option<Laid> {
    let cell = CELL as u64;
    // A line has at least two bytes: others drop empty lines, which would shift all that follows.
    let filler = |bytes: u64| if bytes == 1 { bytes + cell } else { bytes };
    let before = filler(offset.next_multiple_of(cell) - offset);
    let room = length.checked_sub(before)?;
    let behind = filler(room % cell);
    let count = room.checked_sub(behind)? / cell;
    if count == 0 {
        return None;
    }
    let first = offset + before;
    let bytes = [
        dead_line(before),
        dead_slot(1).repeat(count as usize),
        dead_line(behind),
    ]
    .concat();
    let rest = [(offset, before), (first + count * cell, behind)];
    Some(Laid {
        bytes,
        cells: (0..count).map(|at| first + at * cell).collect(),
        rest: rest.into_iter().filter(|(_, length)| *length > 0).collect(),
    })
}

fn dead_line(length: u64) -> Vec<u8> {
    let mut line = vec![b' '; length as usize];
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    if let [first, _, ..] = &mut line[..] {
        *first = b'#';
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line;
    use crate::slots::operations::Operation;

    const NANO: Time = Time::from_nanos(1);

    /// New cells, when to go on, and what is written where.
    type Outcome = (Vec<u64>, Option<Time>, Vec<(u64, Vec<u8>)>);

    fn reclaim(displaced: &mut Displaced, now: Time) -> Outcome {
        let mut writes = Writes::default();
        let (cells, wake) = displaced.reclaim(now, &mut writes);
        let written = writes.into_operations().into_iter().map(|operation| {
            let Operation::Body { offset, bytes } = operation else {
                panic!("{operation:?}")
            };
            (offset, bytes)
        });
        (cells, wake, written.collect())
    }

    /// First what a line held must have left all readers, and then that it was blank.
    #[test]
    fn a_line_is_blanked_and_becomes_cells_each_after_its_time() {
        let now = GRACE * 5;
        // From the start, and died later.
        let at_start = Displaced::new(vec![(10, 54 + 64, false)], now);
        let mut later = Displaced::new(vec![], now);
        assert!(!later.is_pending());
        assert_eq!(reclaim(&mut later, now), (vec![], None, vec![]));
        later.add(10, 54 + 64, now);
        for mut displaced in [at_start, later] {
            assert!(displaced.is_pending());
            let nothing = |until| (vec![], Some(until), vec![]);
            let blanked = now + GRACE;
            assert_eq!(reclaim(&mut displaced, now), nothing(blanked));
            assert_eq!(reclaim(&mut displaced, blanked - NANO), nothing(blanked));
            let laid = blanked + GRACE;
            let blank = vec![(11, vec![b' '; 54 + 64 - 2])];
            assert_eq!(
                reclaim(&mut displaced, blanked),
                (vec![], Some(laid), blank)
            );
            assert!(displaced.is_pending());
            assert_eq!(reclaim(&mut displaced, laid - NANO), nothing(laid));
            let (cells, wake, written) = reclaim(&mut displaced, laid);
            assert_eq!((cells, wake), (vec![64], None));
            let line = [dead_line(54), dead_slot(1)].concat();
            assert_eq!(written, [(10, line)]);
            assert!(!displaced.is_pending());
        }
    }

    #[test]
    fn a_line_that_is_blank_already_is_used_at_once_and_one_without_room_never() {
        let now = GRACE * 5;
        let mut displaced = Displaced::new(vec![(0, 64, true), (70, 2, true)], now);
        assert!(displaced.is_pending());
        let (cells, wake, written) = reclaim(&mut displaced, now);
        assert_eq!((cells, wake), (vec![0], None));
        assert_eq!(written, [(0, dead_slot(1))]);
        assert!(!displaced.is_pending());
    }

    #[test]
    fn a_line_that_holds_nothing_is_not_written() {
        let mut displaced = Displaced::new(vec![], GRACE);
        displaced.add(70, 2, GRACE);
        displaced.add(80, 3, GRACE);
        let (.., written) = reclaim(&mut displaced, GRACE * 2);
        assert_eq!(written, [(81, vec![b' '])]);
    }

    /// How many cells fit, by trying: aligned, and no line of a single byte before or behind them.
    fn most(offset: u64, length: u64) -> u64 {
        let (cell, end) = (CELL as u64, offset + length);
        let begins = (offset..end).filter(|at| at.is_multiple_of(cell) && *at != offset + 1);
        let counts = begins.flat_map(|begin| {
            (0..).map_while(move |count| {
                let rest = end.checked_sub(begin + count * cell)?;
                Some(if rest == 1 { 0 } else { count })
            })
        });
        counts.max().unwrap_or(0)
    }

    #[test]
    fn as_many_cells_as_fit_are_laid_over_any_run() {
        for offset in 0..70 {
            for length in 2..400 {
                let laid = lay(offset, length);
                let count = laid.as_ref().map_or(0, |laid| laid.cells.len() as u64);
                assert_eq!(count, most(offset, length), "{offset} {length}");
                let Some(laid) = laid else { continue };
                assert_eq!(laid.bytes.len() as u64, length);
                // Each line of what is written is a cell or a rest, at the place where it is said to be.
                let (mut at, mut cells, mut rest) = (offset, Vec::new(), Vec::new());
                for line in line::lines(&laid.bytes) {
                    assert!(line.starts_with(b"#") && line.ends_with(b"\n"));
                    if laid.cells.contains(&at) {
                        assert_eq!(line, dead_slot(1), "{offset} {length}");
                        assert!(at.is_multiple_of(CELL as u64));
                        cells.push(at);
                    } else {
                        rest.push((at, line.len() as u64));
                    }
                    at += line.len() as u64;
                }
                assert_eq!((cells, rest), (laid.cells, laid.rest), "{offset} {length}");
            }
        }
    }
}
