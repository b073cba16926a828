//! How long a file is left alone that somebody else seems to be writing just now: what we append meanwhile, they
//! would write over. Pure: what it looks like, and the time, in.

use std::time::Duration;

use super::Time;
use super::store::Stamp;

/// How long a file may be empty before that is what somebody wants: engines truncate it, and then write.
const EMPTY: Duration = Duration::from_millis(100);
/// How long one that lacks what others had in it is left alone after each of their writes: they are probably writing it
/// piece by piece;
const INCOMPLETE: Duration = Duration::from_millis(200);
/// and how long at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far somebody else is with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// It is truncated.
    Empty,
    /// It is shorter than we left it, and lacks names of theirs.
    Incomplete,
    /// Nothing of theirs is lacking.
    Complete,
}

/// A file that somebody else seems to be writing.
#[derive(Debug, Default)]
pub(super) struct Settling(Option<Unsettled>);

#[derive(Debug, Clone, Copy)]
struct Unsettled {
    writing: Writing,
    /// Since when it is.
    since: Time,
    /// What it looked like last,
    stamp: Stamp,
    /// and since when.
    stamp_since: Time,
}

impl Settling {
    /// How long to wait for a file that looks so now; none where it is time to write.
    pub(super) fn wait(&mut self, writing: Writing, stamp: Stamp, now: Time) -> Option<Duration> {
        if writing == Writing::Complete {
            self.0 = None;
            return None;
        }
        let new = Unsettled {
            writing,
            since: now,
            stamp,
            stamp_since: now,
        };
        let known = self.0.filter(|known| known.writing == writing);
        let mut unsettled = known.unwrap_or(new);
        if unsettled.stamp != stamp {
            (unsettled.stamp, unsettled.stamp_since) = (stamp, now);
        }
        self.0 = Some(unsettled);
        let until = match writing {
            Writing::Empty => unsettled.since + EMPTY,
            _ => (unsettled.stamp_since + INCOMPLETE).min(unsettled.since + PATIENCE),
        };
        Some(until.saturating_sub(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn stamp(size: u64) -> Stamp {
        Stamp {
            size,
            modified: (0, 0),
        }
    }

    #[test]
    fn one_that_stays_empty_is_meant_to_be() {
        let mut settling = Settling::default();
        let mut wait = |now| settling.wait(Writing::Empty, stamp(0), now);
        assert_eq!(wait(MILLI), Some(EMPTY));
        assert_eq!(wait(EMPTY), Some(MILLI));
        assert_eq!(wait(EMPTY + MILLI), None);
    }

    /// Each piece begins the wait anew, but not without end.
    #[test]
    fn who_writes_piece_by_piece_is_waited_for_while_they_do() {
        let mut settling = Settling::default();
        let mut wait = |size, now| settling.wait(Writing::Incomplete, stamp(size), now);
        assert_eq!(wait(1, Time::ZERO), Some(INCOMPLETE));
        assert_eq!(wait(1, INCOMPLETE - MILLI), Some(MILLI));
        assert_eq!(wait(2, INCOMPLETE - MILLI), Some(INCOMPLETE));
        assert_eq!(wait(2, INCOMPLETE * 2 - MILLI), None, "they are done");
        assert_eq!(wait(3, PATIENCE - MILLI), Some(MILLI));
        assert_eq!(wait(4, PATIENCE), None);
        assert_eq!(settling.wait(Writing::Complete, stamp(5), PATIENCE), None);
        let again = settling.wait(Writing::Incomplete, stamp(6), PATIENCE);
        assert_eq!(again, Some(INCOMPLETE));
    }
}
