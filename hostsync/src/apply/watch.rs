//! Waits until somebody changes the hosts file.

use std::sync::Arc;
use std::time::Duration;

use hosts_file::{WatchSet, Watcher, Watchers};
use tokio::sync::Notify;

/// How often the file is looked at when it cannot be watched.
const POLL: Duration = Duration::from_secs(3);

/// A watch on the hosts file, or a look at it from time to time where that is not to be had.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: Watcher,
    changed: Arc<Notify>,
    /// Why it has to poll; kept so that it is said once.
    trouble: Option<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self::by(Watcher::new)
    }
}

impl Watch {
    /// One of many, which share their threads.
    pub(crate) fn of(watchers: &Watchers) -> Self {
        Self::by(|changed| watchers.watcher(changed))
    }

    fn by(watcher: impl FnOnce(Box<dyn Fn() + Send + Sync>) -> Watcher) -> Self {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        Self {
            watcher: watcher(Box::new(move || notify.notify_one())),
            changed,
            trouble: None,
        }
    }

    /// Waits until the file may have changed since the last call.
    pub(crate) async fn changed(&self) {
        let changed = self.changed.notified();
        if self.trouble.is_some() {
            let _ = tokio::time::timeout(POLL, changed).await;
        } else {
            changed.await;
        }
    }

    /// Watches these paths from now on. True when they were not watched before: what was read until
    /// now may then be out of date.
    pub(crate) fn follow(&mut self, set: &WatchSet) -> bool {
        match self.watcher.follow(set) {
            Ok(is_new) => {
                if self.trouble.take().is_some() {
                    log::info!("the hosts file is watched again");
                }
                is_new
            }
            Err(error) => {
                self.complain(error.to_string());
                false
            }
        }
    }

    fn complain(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            log::warn!(
                "cannot watch the hosts file, so it is looked at every {} s: {trouble}",
                POLL.as_secs()
            );
        }
        self.trouble = Some(trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Time stands still but for what is waited for, so that polling takes none.
    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_watched_is_looked_at_from_time_to_time() {
        let base = tempfile::tempdir().unwrap();
        let hosts = base.path().join("d/hosts");
        let set = WatchSet {
            paths: [hosts.clone()].into(),
            ..WatchSet::default()
        };
        let mut watch = Watch::default();
        assert!(!watch.follow(&set), "there is nothing to watch");
        let begun = tokio::time::Instant::now();
        watch.changed().await;
        assert_eq!(begun.elapsed(), POLL);
        fs::create_dir(base.path().join("d")).unwrap();
        assert!(watch.follow(&set));
        assert_eq!(watch.trouble, None);
        assert!(!watch.follow(&set), "it is watched already");
    }

    #[tokio::test]
    async fn a_change_ends_the_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = directory.path().join("hosts");
        let mut watch = Watch::default();
        watch.follow(&WatchSet {
            paths: [hosts.clone()].into(),
            ..WatchSet::default()
        });
        fs::write(&hosts, "a").unwrap();
        let deadline = Duration::from_secs(20);
        let noticed = tokio::time::timeout(deadline, watch.changed()).await;
        assert!(noticed.is_ok(), "the write was not noticed");
    }
}
