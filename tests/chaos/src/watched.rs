//! What readers of one hosts file must know: which lines of others stand in it, and whether somebody
//! is writing it in place just now.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::check::file::Lines;
use crate::history::Place;

/// What stood in each file before anything happened.
pub(crate) const BASE: [&str; 4] = [
    "127.0.0.1\tlocalhost\n",
    "::1\tlocalhost ip6-localhost\n",
    "# below: the machine itself\n",
    "10.249.0.1   mine mine.example # a comment\n",
];
/// So long may a file that somebody wrote in place be wrong, for as long as its agent can write.
const REPAIR: Duration = Duration::from_secs(5);
/// A write that an agent had begun before may land so long after the file was written in place.
const SETTLE: Duration = Duration::from_millis(500);

/// A hosts file.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) place: &'static Place,
    pub(crate) path: PathBuf,
    state: Mutex<State>,
}

/// What is known of a file at one moment.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) lines: Lines,
    /// Somebody writes it in place, or has done so, and no reader has found it whole since.
    is_disturbed: bool,
    is_being_written: bool,
    /// When somebody had written it in place.
    written: Instant,
    /// Rises with each write in place, at its begin and at its end.
    epoch: u64,
    /// Since when the agent could have put it right; none while it cannot.
    able: Option<Instant>,
}

/// What a read is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// All must hold.
    Full,
    /// Somebody writes in place, and readers see each step.
    Nothing,
    /// Nothing is promised yet, but if it is whole, all holds from now on; if not, the agent has had
    /// so long already.
    Recovery(Duration),
}

impl Watched {
    pub(crate) fn new(place: &'static Place, path: PathBuf) -> Self {
        let base: BTreeSet<_> = BASE.into_iter().map(str::to_owned).collect();
        let state = State {
            lines: Lines {
                standing: base.clone(),
                known: base,
            },
            is_disturbed: false,
            is_being_written: false,
            written: Instant::now(),
            epoch: 0,
            able: Some(Instant::now()),
        };
        Self {
            place,
            path,
            state: Mutex::new(state),
        }
    }

    /// What is known now.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// From now on somebody may find this line there.
    pub(crate) fn line_comes(&self, line: &str) {
        self.lock().lines.known.insert(line.to_owned());
    }

    /// From now on everybody finds this line there.
    pub(crate) fn line_stands(&self, line: &str) {
        self.lock().lines.standing.insert(line.to_owned());
    }

    /// From now on somebody may not find this line there.
    pub(crate) fn line_goes(&self, line: &str) {
        self.lock().lines.standing.remove(line);
    }

    /// Somebody begins to write the file in place.
    pub(crate) fn write_begins(&self) {
        let mut state = self.lock();
        state.epoch += 1;
        (state.is_disturbed, state.is_being_written) = (true, true);
    }

    /// He has written it.
    pub(crate) fn write_ends(&self) {
        let mut state = self.lock();
        state.epoch += 1;
        state.is_being_written = false;
        state.written = Instant::now();
        if state.able.is_some() {
            state.able = Some(Instant::now());
        }
    }

    /// Whether the agent runs and the file has room.
    pub(crate) fn agent_is_able(&self, able: bool) {
        self.lock().able = able.then(Instant::now);
    }

    /// A reader has found it whole, as it was in `state`.
    pub(crate) fn is_whole(&self, seen: &State) {
        let mut state = self.lock();
        if state.epoch == seen.epoch && state.written.elapsed() > SETTLE {
            state.is_disturbed = false;
        }
    }

    /// Whether a repair has taken too long.
    pub(crate) fn is_late(able: Duration) -> bool {
        able > REPAIR
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What a read is worth that began in this state and ended in that one.
    pub(crate) fn worth(&self, after: &Self) -> Worth {
        let is_quiet = self.epoch == after.epoch && !after.is_being_written;
        match (is_quiet, self.is_disturbed) {
            (true, false) => Worth::Full,
            (true, true) => Worth::Recovery(self.able.map_or(Duration::ZERO, |at| at.elapsed())),
            (false, _) => Worth::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::PLACES;

    #[test]
    fn a_read_beside_a_write_in_place_is_worth_nothing_until_one_is_whole() {
        let watched = Watched::new(&PLACES[0], PathBuf::new());
        let calm = watched.state();
        assert_eq!(calm.worth(&watched.state()), Worth::Full);
        watched.write_begins();
        let during = watched.state();
        assert_eq!(calm.worth(&during), Worth::Nothing);
        assert_eq!(during.worth(&watched.state()), Worth::Nothing);
        watched.write_ends();
        let after = watched.state();
        assert_eq!(during.worth(&after), Worth::Nothing);
        assert!(matches!(after.worth(&after), Worth::Recovery(_)));
        // A reader that began before the end says nothing about it.
        watched.is_whole(&during);
        assert!(matches!(after.worth(&watched.state()), Worth::Recovery(_)));
        watched.is_whole(&after);
        assert!(matches!(after.worth(&watched.state()), Worth::Recovery(_)));
        let settled = Instant::now().checked_sub(SETTLE * 2);
        watched.lock().written = settled.expect("a second ago");
        watched.is_whole(&after);
        assert_eq!(watched.state().worth(&watched.state()), Worth::Full);
    }
}
