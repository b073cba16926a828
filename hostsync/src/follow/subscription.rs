//! Follows the znode of the snapshot and yields the latest good one.
//!
//! What never happens: anything but a valid snapshot that may follow the last one is passed on. A
//! failed read, junk in the znode or in a page, or their absence change nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::ZnodePath;
use tokio::sync::{Notify, watch};
use zookeeper::{Backoff, Connection, Follower, Retry, Session, Znode};

use crate::follow::judge::{Judge, Next};
use crate::follow::published::Published;

/// Delays after a read that failed. The longest one is short, since both daemons are to be in step
/// soon after ZooKeeper is well again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Delays while a page is missing, or not what the head says it is. A new head ends them.
const INCOMPLETE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// What is known of the snapshot.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The latest good one.
    pub snapshot: Option<Arc<Published>>,
    /// Why what the znode holds now is not used, if so.
    pub problem: Option<String>,
    /// Whether ZooKeeper was asked since the start, so that nothing newer is to be expected.
    pub is_confirmed: bool,
    /// How often changes did not lead from what was held to what was published, so that all of it was
    /// read anew.
    pub repairs: u64,
}

/// What is known of a znode, and what keeps that up to date. All clones are one.
#[derive(Debug, Clone)]
pub struct Subscription {
    path: ZnodePath,
    view: watch::Sender<View>,
    again: Arc<Notify>,
}

/// Reads the znode when it changes.
struct Reader {
    judge: Judge,
    view: watch::Sender<View>,
    again: Arc<Notify>,
}

impl View {
    fn is_as(&self, other: &Self) -> bool {
        let is_same = match (&self.snapshot, &other.snapshot) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let of = |view: &Self| (view.problem.clone(), view.is_confirmed, view.repairs);
        is_same && of(self) == of(other)
    }
}

impl Subscription {
    /// A subscription to the znode at `path`, starting from what was kept of an earlier run.
    pub fn new(path: ZnodePath, kept: Option<Arc<Published>>) -> Self {
        let judge = Judge::new(path.clone(), kept);
        Self {
            path,
            view: watch::Sender::new(judge.view().clone()),
            again: Arc::default(),
        }
    }

    /// What is known, now and from now on.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Notify it to have the znode read again at once.
    pub fn again(&self) -> Arc<Notify> {
        Arc::clone(&self.again)
    }

    /// Follows the znode for ever, from what is known.
    pub async fn follow(self, session: Session) {
        let known = self.view.borrow().snapshot.clone();
        let mut reader = Reader {
            judge: Judge::new(self.path, known),
            view: self.view,
            again: self.again,
        };
        match session
            .follow(&mut reader, Retry::new(RETRY.0, RETRY.1))
            .await {}
    }
}

impl Reader {
    /// Looks at what was read, and reads the pages that are missing.
    async fn see(
        &mut self,
        connection: &Connection,
        znode: Option<Znode>,
    ) -> Result<Next, zookeeper::Error> {
        let next = match self.judge.look(znode) {
            None => Next::Wait,
            Some(task) => {
                let (origin, path) = (task.origin(), self.judge.path());
                let held = task.held.as_ref().map(|held| &held.snapshot);
                let result = connection.complete(path, task.head, held).await?;
                self.judge.finish(origin, result)
            }
        };
        self.tell();
        Ok(next)
    }

    fn tell(&self) {
        let now = self.judge.view();
        self.view.send_if_modified(|view| {
            let is_news = !view.is_as(now);
            if is_news {
                view.clone_from(now);
            }
            is_news
        });
    }
}

impl Follower for Reader {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, zookeeper::Error> {
        let again = Arc::clone(&self.again);
        let mut changes = connection.watch_data(self.judge.path().clone());
        // Another server than the last one may lag behind what was already seen.
        connection.sync().await?;
        // A thousand agents that come back need not all be sent again what they have.
        let stat = changes.stat().await?;
        let mut next = Next::Wait;
        if self.judge.is_news(stat.as_ref()) {
            next = Next::Again;
        }
        let mut backoff = Backoff::new(INCOMPLETE.0, INCOMPLETE.1);
        loop {
            match next {
                Next::Again => {}
                Next::Wait => {
                    retry.succeeded();
                    backoff.reset();
                    tokio::select! {
                        changed = changes.changed() => changed?,
                        () = again.notified() => {}
                    }
                }
                Next::Later => {
                    tokio::select! {
                        changed = changes.changed() => changed?,
                        () = again.notified() => {}
                        () = tokio::time::sleep(backoff.delay()) => {}
                    }
                    // What is missing here may be there.
                    connection.sync().await?;
                }
            }
            // All that changes from here on joins the next read.
            let znode = changes.read().await?;
            next = self.see(connection, znode).await?;
        }
    }

    fn complain(&mut self, error: &zookeeper::Error) {
        self.judge.unreadable(error);
        self.tell();
    }
}
