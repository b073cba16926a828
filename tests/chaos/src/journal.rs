//! What was done and what was found, as it happens.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// So many lines before a violation are printed; all of them are written to a file.
const LAST: usize = 25;
/// So many violations are told; the run ends with the first one, but others may follow at once.
const MOST: usize = 10;

/// Shared by all threads of a run.
#[derive(Debug)]
pub(crate) struct Journal {
    started: Instant,
    /// The time of day at the start, which the logs of the daemons have.
    began: SystemTime,
    inner: Mutex<Inner>,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<String>,
    violations: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            began: SystemTime::now(),
            inner: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    /// Since the start of the run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn began(&self) -> SystemTime {
        self.began
    }

    /// Notes what was done.
    pub(crate) fn note(&self, text: &str) {
        let line = format!("{:9.3} s  {text}", self.elapsed().as_secs_f64());
        self.lock().lines.push(line);
    }

    /// Counts something that is told at the end.
    pub(crate) fn count(&self, what: &'static str, number: u64) {
        *self.lock().counts.entry(what).or_default() += number;
    }

    /// How often something was counted.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.lock().counts.get(what).copied().unwrap_or_default()
    }

    /// Notes that something does not hold, and ends the run.
    pub(crate) fn violation(&self, what: &str) {
        self.note(&format!("VIOLATION  {what}"));
        let at = self.elapsed().as_secs_f64();
        let mut inner = self.lock();
        if inner.violations.len() < MOST {
            inner.violations.push(format!("after {at:.3} s: {what}"));
        }
        drop(inner);
        self.stop();
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// Whether the threads are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Everything that was noted.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lock().lines {
            writeln!(text, "{line}").expect("a string takes everything");
        }
        text
    }

    /// What was noted last, up to the first violation.
    pub(crate) fn last(&self) -> Vec<String> {
        let lines = &self.lock().lines;
        let first = lines.iter().position(|line| line.contains("VIOLATION"));
        let end = first.map_or(lines.len(), |at| at + 1);
        lines[end.saturating_sub(LAST)..end].to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
