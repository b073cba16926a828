//! Keeps what was applied on disk, off the way of the names.

use std::sync::Arc;
use std::time::Duration;

use contract::Name;
use tokio::sync::watch;

use crate::apply::agent::Applied;
use crate::follow::published::Published;
use crate::store::cache::Keeper;
use crate::store::{Unwritten, UnwrittenFile};

/// The least time between two writes: a busy tree must not wear the disk out.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells two versions of the znode apart. A snapshot itself is not held without need.
type Version = (i64, i64);

/// Writes each applied snapshot to the cache, or the newest of several, and what of it is not in the hosts
/// file.
#[derive(Debug)]
pub struct CacheWriter {
    keeper: Keeper,
    unwritten_file: UnwrittenFile,
    /// What it holds.
    unwritten: Unwritten,
    select: Vec<String>,
    /// The version that was last given to it.
    kept: Option<Version>,
    failure: watch::Sender<Option<String>>,
}

impl CacheWriter {
    /// A writer to a cache that holds `kept` already. `select` are the globs by which the names of the file are
    /// chosen.
    pub fn new(
        keeper: Keeper,
        kept: Option<&Published>,
        unwritten_file: UnwrittenFile,
        select: &[String],
    ) -> Self {
        Self {
            keeper,
            unwritten: unwritten_file.load(),
            select: select.to_vec(),
            unwritten_file,
            kept: kept.map(version),
            failure: watch::Sender::default(),
        }
    }

    /// Tells at `failure` why a write fails, where a writer before it may have told.
    #[must_use]
    pub fn telling(mut self, failure: watch::Sender<Option<String>>) -> Self {
        self.failure = failure;
        self
    }

    /// Why the last write failed, if it did, now and from now on.
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// Follows what is applied, until the agent is gone; what it applied last is written then.
    pub async fn follow(mut self, mut applied: watch::Receiver<Applied>) {
        loop {
            let (published, shadowed) = {
                let applied = applied.borrow_and_update();
                (applied.published.clone(), applied.shadowed.clone())
            };
            if published.is_some() {
                self.keep_unwritten(shadowed);
            }
            if let Some(published) = published.filter(|published| self.is_news(published)) {
                self.keep(published);
                let _ = tokio::time::timeout(PAUSE, gone(&mut applied)).await;
            } else if applied.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_news(&self, published: &Published) -> bool {
        self.kept != Some(version(published))
    }

    /// Before the snapshot, which is of no use without.
    fn keep_unwritten(&mut self, shadowed: Vec<Name>) {
        let unwritten = Unwritten {
            shadowed: shadowed.into_iter().collect(),
            select: self.select.clone(),
        };
        if self.unwritten != unwritten {
            tokio::task::block_in_place(|| self.unwritten_file.keep(&unwritten));
            self.unwritten = unwritten;
        }
    }

    fn keep(&mut self, published: Arc<Published>) {
        // Off the worker that has other tasks to run: a disk can take its time.
        let result = tokio::task::block_in_place(|| self.keeper.keep(&published));
        self.kept = Some(version(&published));
        drop(published);
        let failure = result.err().map(|error| {
            let path = self.keeper.path().display();
            format!("cannot keep the snapshot in {path}: {error}; see --cache")
        });
        if failure.is_some() && *self.failure.borrow() != failure {
            let failure = failure.as_deref().unwrap_or_default();
            log::warn!(
                "{failure}; without it, a start needs ZooKeeper to have names, and after a crash waits \
                 until its old session has ended to register again"
            );
        }
        self.failure.send_replace(failure);
    }
}

fn version(published: &Published) -> Version {
    (published.czxid, published.mzxid)
}

/// Waits until there is no agent any more.
async fn gone(applied: &mut watch::Receiver<Applied>) {
    while applied.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;
    use crate::store::cache::{Cache, Source};
    use std::path::Path;

    fn writer(keeper: Keeper, directory: &Path) -> CacheWriter {
        let unwritten = UnwrittenFile::new(directory.join("unwritten"));
        CacheWriter::new(keeper, None, unwritten, &[])
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_first_is_kept_at_once_and_the_last_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let source = Source {
            zookeeper: "zk1:2181".into(),
            state: "/nameserver".parse().unwrap(),
        };
        let cache = Cache::new(directory.path().join("cache"), source);
        let cache_writer = writer(cache.open().1, directory.path());
        let applied = watch::Sender::new(Applied::default());
        let task = tokio::spawn(cache_writer.follow(applied.subscribe()));
        let apply = |generation| {
            let published = published(1, generation as i64, generation, &[("db", 1)]);
            applied.send_modify(|applied| applied.published = Some(Arc::new(published)));
        };
        let kept = || cache.open().0.map(|kept| kept.snapshot.generation);
        apply(1);
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while kept() != Some(1) {
            assert!(
                std::time::Instant::now() < deadline,
                "generation 1 is not kept"
            );
            tokio::task::yield_now().await;
        }
        apply(2);
        apply(3);
        drop(applied);
        task.await.unwrap();
        assert_eq!(kept(), Some(3));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_failure_is_told() {
        let source = Source {
            zookeeper: "zk1:2181".into(),
            state: "/nameserver".parse().unwrap(),
        };
        let cache_writer = writer(
            Cache::new("/proc/no/cache".into(), source).open().1,
            Path::new("/proc/no"),
        );
        let failure = cache_writer.failure();
        let published = Some(Arc::new(published(1, 1, 1, &[])));
        let applied = watch::Sender::new(Applied {
            published,
            ..Applied::default()
        });
        let task = tokio::spawn(cache_writer.follow(applied.subscribe()));
        drop(applied);
        task.await.unwrap();
        let failure = failure.borrow().clone().unwrap();
        assert!(failure.contains("/proc/no/cache"), "{failure}");
    }
}
