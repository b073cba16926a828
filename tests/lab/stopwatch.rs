//! Time as the machine gives it to the tests.
//!
//! A deadline in seconds says little on a machine that is busy with other things: five want each of
//! its processors, and all takes five times as long. So a deadline counts such a second as a fifth.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{available_parallelism, sleep, spawn};
use std::time::{Duration, Instant};

/// How often the machine is looked at.
const TICK: Duration = Duration::from_millis(10);
/// What counts at most between two looks: when the looks themselves come late, nothing else ran either.
const LATEST: Duration = Duration::from_millis(50);

/// Measures what may be compared with an upper limit: the time in which the machine was free to work
/// for the tests. On a machine with nothing else to do that is the time that passes.
///
/// For a lower limit, such as a pause that has to be kept, take an [`Instant`].
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    begun: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self { begun: our_time() }
    }

    /// The time that the machine has given since the start.
    pub fn elapsed(&self) -> Duration {
        our_time().saturating_sub(self.begun)
    }
}

/// What was given up to the last look, and how much of a second counts since.
#[derive(Debug)]
struct Given {
    until: Instant,
    time: Duration,
    share: f64,
}

impl Given {
    fn new(now: Instant) -> Self {
        Self {
            until: now,
            time: Duration::ZERO,
            share: 1.0,
        }
    }

    fn at(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.until).min(LATEST);
        self.time + since.mul_f64(self.share)
    }

    fn look(&mut self, now: Instant, runnable: usize, processors: usize) {
        self.time = self.at(now);
        self.until = now;
        self.share = processors as f64 / runnable.max(processors) as f64;
    }
}

/// Of the whole process, which looks from the first stopwatch on.
static GIVEN: LazyLock<Mutex<Given>> = LazyLock::new(|| {
    spawn(watch_the_machine);
    Mutex::new(Given::new(Instant::now()))
});

fn given() -> MutexGuard<'static, Given> {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn our_time() -> Duration {
    given().at(Instant::now())
}

fn watch_the_machine() {
    let processors = available_parallelism().map_or(1, usize::from);
    loop {
        sleep(TICK);
        let runnable = runnable();
        given().look(Instant::now(), runnable, processors);
    }
}

/// How many threads of the whole machine run or wait for a processor.
fn runnable() -> usize {
    // Three averages, then `RUNNABLE/ALL`.
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text
        .split(' ')
        .nth(3)
        .and_then(|field| field.split_once('/'));
    field
        .and_then(|(runnable, _)| runnable.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks every tick for so long.
    fn pass(given: &mut Given, time: Duration, runnable: usize) -> Duration {
        let (before, begun) = (given.time, given.until);
        while given.until < begun + time {
            given.look(given.until + TICK, runnable, 2);
        }
        given.time - before
    }

    #[test]
    fn a_second_counts_by_the_share_of_the_processors() {
        let mut given = Given::new(Instant::now());
        for (runnable, share) in [(0, 1.0), (1, 1.0), (2, 1.0), (4, 0.5), (10, 0.2)] {
            let _ = pass(&mut given, TICK, runnable);
            let time = pass(&mut given, SECOND, runnable);
            assert!(
                time.abs_diff(SECOND.mul_f64(share)) < TICK,
                "{runnable}: {time:?}"
            );
        }
    }

    #[test]
    fn a_look_that_comes_late_does_not_count_what_it_missed() {
        let mut given = Given::new(Instant::now());
        given.look(given.until + 100 * SECOND, 2, 2);
        assert_eq!(given.time, LATEST);
    }

    #[test]
    fn the_machine_says_how_many_threads_want_to_run() {
        // This one does.
        assert!(runnable() >= 1);
    }
}
