//! Pages that no index names any more, and when they may go.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a reader may take from an index to the last of its pages. Whoever takes longer starts over.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// The same where much is to go: ZooKeeper keeps it all in memory.
const HASTE: Duration = Duration::from_secs(2);
/// How many bytes are much.
const MUCH: usize = 32 * 1024 * 1024;
/// How many pages go at once,
const BATCH: usize = 8;
/// and how long the next ones wait, so that names do not.
const PAUSE: Duration = Duration::from_millis(5);

/// Pages that wait to be deleted, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    pages: VecDeque<Orphan>,
    bytes: usize,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Orphan {
    component: String,
    bytes: usize,
    since: Instant,
}

impl Orphans {
    /// Forgets all: what there is, is to be listed again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A page of about so many bytes is of no more use.
    pub(super) fn add(&mut self, component: String, bytes: usize, now: Instant) {
        self.bytes += bytes;
        self.pages.push_back(Orphan {
            component,
            bytes,
            since: now,
        });
    }

    /// When the next ones may go.
    pub(super) fn due(&self) -> Option<Instant> {
        let grace = if self.bytes > MUCH { HASTE } else { GRACE };
        let due = self.pages.front()?.since + grace;
        Some(self.not_before.map_or(due, |at| at.max(due)))
    }

    /// Those that may go now, and are not named again.
    pub(super) fn take(&mut self, is_named: impl Fn(&str) -> bool, now: Instant) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < BATCH && self.due().is_some_and(|due| due <= now) {
            let Some(orphan) = self.pages.pop_front() else {
                break;
            };
            self.bytes -= orphan.bytes;
            if !is_named(&orphan.component) {
                taken.push(orphan.component);
            }
        }
        if !taken.is_empty() {
            self.not_before = Some(now + PAUSE);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_after_the_grace_a_few_at_once_and_sooner_where_there_are_many() {
        let now = Instant::now();
        let mut orphans = Orphans::default();
        assert_eq!(orphans.due(), None);
        for page in 0..10 {
            orphans.add(page.to_string(), 1, now);
        }
        assert_eq!(orphans.due(), Some(now + GRACE));
        assert!(orphans.take(|_| false, now + HASTE).is_empty());
        let first = orphans.take(|component| component == "3", now + GRACE);
        assert_eq!(first.concat(), "01245678");
        assert_eq!(orphans.due(), Some(now + GRACE + PAUSE));
        assert!(orphans.take(|_| false, now + GRACE).is_empty());
        assert_eq!(orphans.take(|_| false, now + GRACE + PAUSE), ["9"]);
        assert_eq!((orphans.due(), orphans.bytes), (None, 0));

        orphans.add("large".to_owned(), MUCH + 1, now + GRACE * 2);
        assert_eq!(orphans.due(), Some(now + GRACE * 2 + HASTE));
    }
}
