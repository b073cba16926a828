//! Waiting for a condition, never for a time.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::Duration;

use crate::Stopwatch;

/// How long a scenario waits for something that takes milliseconds on an idle machine. A deadline
/// only costs time when a test fails, so it is generous. Like every limit of a wait it is measured by
/// a [`Stopwatch`]: on a busy machine it is longer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Looks again and again until `done` likes what `look` returns; returns it.
///
/// # Panics
/// After `limit`, with `what` and what was seen last.
pub fn wait_for<T: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> T,
    mut done: impl FnMut(&T) -> bool,
) -> T {
    let started = Stopwatch::start();
    loop {
        let seen = look();
        if done(&seen) {
            return seen;
        }
        assert!(
            started.elapsed() < limit,
            "waited {limit:?} for {what}; last seen:\n{}",
            shortened(&format!("{seen:#?}"))
        );
        sleep(Duration::from_millis(2));
    }
}

/// Waits until `condition` holds; returns how long that took by a [`Stopwatch`].
///
/// # Panics
/// After `limit`, with `what`.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let started = Stopwatch::start();
    wait_for(what, limit, &mut condition, |holds| *holds);
    started.elapsed()
}

/// At most about two screens of a value that may have 10,000 lines.
fn shortened(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().take(60).collect();
    if lines.len() == 60 {
        lines.push("…");
    }
    lines.join("\n")
}

/// Text that a failed wait shows line by line.
pub(crate) struct Text(pub(crate) String);

impl Debug for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
