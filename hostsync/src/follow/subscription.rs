//! Follows the znode of the snapshot and yields the latest good one.
//!
//! What never happens: anything but a valid snapshot that may follow the last one is passed on. A
//! failed read, junk in the znode, or its absence change nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::{Snapshot, ZnodePath};
use tokio::sync::{Notify, watch};
use zookeeper::{Connection, Event, Follower, Retry, Session, Stat, Znode};

use crate::follow::published::Published;
use crate::follow::unread::Unread;

/// Delays after a read that failed. The longest one is short, since both daemons are to be in step
/// soon after ZooKeeper is well again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What is known of the snapshot.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The latest good one.
    pub snapshot: Option<Arc<Published>>,
    /// Why what the znode holds now is not used, if so.
    pub problem: Option<String>,
    /// Whether ZooKeeper was asked since the start, so that nothing newer is to be expected.
    pub is_confirmed: bool,
}

/// Reads the znode when it changes.
#[derive(Debug)]
pub struct Subscription {
    path: ZnodePath,
    view: watch::Sender<View>,
    /// The znode as last seen, so that each of its versions is looked at and reported once.
    seen: Option<Seen>,
    again: Arc<Notify>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Missing,
    Version(i64, i64),
    Unreadable(String),
}

impl Seen {
    fn at(stat: Option<&Stat>) -> Self {
        stat.map_or(Self::Missing, |stat| Self::Version(stat.czxid, stat.mzxid))
    }
}

impl Subscription {
    /// A subscription to the znode at `path`, starting from what was kept of an earlier run.
    pub fn new(path: ZnodePath, kept: Option<Arc<Published>>) -> Self {
        let view = View {
            snapshot: kept,
            problem: None,
            is_confirmed: false,
        };
        Self {
            path,
            view: watch::Sender::new(view),
            seen: None,
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

    /// Follows the znode for ever.
    pub async fn follow(mut self, session: Session) {
        match session
            .follow(&mut self, Retry::new(RETRY.0, RETRY.1))
            .await {}
    }

    fn is_news(&self, event: &Event, unread: &mut Unread) -> bool {
        event.path == self.path && unread.event(event.change)
    }

    /// Looks at what was read.
    fn see(&mut self, znode: Option<Znode>) {
        let now = Seen::at(znode.as_ref().map(|znode| &znode.stat));
        if self.seen.replace(now.clone()) == Some(now) {
            return;
        }
        match znode {
            Some(znode) => match self.judge(&znode) {
                Ok(Some(published)) => self.pass_on(published),
                Ok(None) => self.complain(None),
                Err(problem) => {
                    self.complain(Some(format!("{} is not used: {problem}", self.path)))
                }
            },
            None => self.complain(Some(format!(
                "{} does not exist: start a nameserver, or see --state",
                self.path
            ))),
        }
    }

    /// The snapshot in a znode; none when it says what is known already.
    fn judge(&self, znode: &Znode) -> Result<Option<Published>, String> {
        let snapshot = Snapshot::decode(&znode.data).map_err(|error| error.to_string())?;
        let published = Published {
            czxid: znode.stat.czxid,
            mzxid: znode.stat.mzxid,
            snapshot,
        };
        let used = self.view.borrow().snapshot.clone();
        let follows = published.follows(used.as_deref());
        let follows = follows.map_err(|refusal| refusal.to_string())?;
        Ok(follows.then_some(published))
    }

    fn pass_on(&mut self, published: Published) {
        self.view.send_replace(View {
            snapshot: Some(Arc::new(published)),
            problem: None,
            is_confirmed: true,
        });
    }

    fn unreadable(&mut self, error: &zookeeper::Error) {
        let now = Seen::Unreadable(error.to_string());
        if self.seen.replace(now.clone()) != Some(now) {
            self.complain(Some(format!("cannot read {}: {error}", self.path)));
        }
    }

    fn complain(&mut self, problem: Option<String>) {
        self.view.send_if_modified(|view| {
            let rest = match view.snapshot {
                Some(_) => "; the names stay as they are",
                None => "",
            };
            if let Some(problem) = &problem {
                log::warn!("{problem}{rest}");
            }
            let is_first = !std::mem::replace(&mut view.is_confirmed, true);
            std::mem::replace(&mut view.problem, problem.clone()) != problem || is_first
        });
    }
}

impl Follower for Subscription {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, zookeeper::Error> {
        let again = Arc::clone(&self.again);
        // Another server than the last one may lag behind what was already seen.
        let (_, mut changes) = tokio::try_join!(connection.sync(), connection.watch(&self.path))?;
        let mut unread = Unread::default();
        // A thousand agents that come back need not all be sent again what they have.
        let stat = connection.stat(&self.path).await?;
        unread.read(stat.as_ref());
        let mut is_due = self.seen != Some(Seen::at(stat.as_ref()));
        loop {
            if std::mem::replace(&mut is_due, true) {
                let znode = connection.read(&self.path).await?;
                unread.read(znode.as_ref().map(|znode| &znode.stat));
                self.see(znode);
            }
            retry.succeeded();
            loop {
                tokio::select! {
                    event = changes.next() => if self.is_news(&event?, &mut unread) { break },
                    () = again.notified() => break,
                }
            }
            // One read for all changes that came meanwhile.
            while let Some(event) = changes.try_next()? {
                self.is_news(&event, &mut unread);
            }
        }
    }

    fn complain(&mut self, error: &zookeeper::Error) {
        self.unreadable(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;

    fn znode(published: &Published, data: Option<&[u8]>) -> Option<Znode> {
        let encoded = published.snapshot.encode();
        Some(Znode {
            data: data.map_or(encoded, <[u8]>::to_vec),
            stat: Stat {
                czxid: published.czxid,
                mzxid: published.mzxid,
                pzxid: 0,
                version: 0,
                ephemeral_owner: 0,
                num_children: 0,
            },
        })
    }

    struct Case {
        subscription: Subscription,
        view: watch::Receiver<View>,
    }

    impl Case {
        fn new() -> Self {
            let path = "/nameserver/hosts".parse().unwrap();
            let subscription = Subscription::new(path, None);
            let view = subscription.view();
            Self { subscription, view }
        }

        /// The generation in use afterwards, and the problem, if they are news.
        fn after(&mut self, znode: Option<Znode>) -> Option<(u64, String)> {
            self.subscription.see(znode);
            if !self.view.has_changed().unwrap() {
                return None;
            }
            let view = self.view.borrow_and_update();
            let generation = view
                .snapshot
                .as_ref()
                .map_or(0, |used| used.snapshot.generation);
            Some((generation, view.problem.clone().unwrap_or_default()))
        }
    }

    #[test]
    fn only_good_snapshots_are_passed_on() {
        let mut case = Case::new();
        let (_, problem) = case.after(None).unwrap();
        assert!(
            problem.contains("/nameserver/hosts does not exist"),
            "{problem}"
        );
        assert_eq!(case.after(None), None, "said once");

        let seven = published(5, 50, 7, &[("db", 1)]);
        assert_eq!(case.after(znode(&seven, None)), Some((7, String::new())));
        assert_eq!(case.after(znode(&seven, None)), None);

        let junk = published(5, 51, 7, &[]);
        let (generation, problem) = case.after(znode(&junk, Some(b"junk"))).unwrap();
        assert_eq!(generation, 7);
        assert!(problem.contains("not a valid snapshot"), "{problem}");
        assert_eq!(
            case.after(znode(&junk, Some(b"junk"))),
            None,
            "one version, one report"
        );

        let six = published(5, 52, 6, &[]);
        let (generation, problem) = case.after(znode(&six, None)).unwrap();
        assert_eq!(generation, 7);
        assert!(problem.contains("older than 7"), "{problem}");

        let back = published(5, 53, 7, &[("db", 1)]);
        assert_eq!(case.after(znode(&back, None)), Some((7, String::new())));
        let (generation, problem) = case.after(None).unwrap();
        assert_eq!(generation, 7, "a deleted znode takes no name away");
        assert!(problem.contains("does not exist"), "{problem}");
        let anew = published(60, 60, 1, &[]);
        assert_eq!(case.after(znode(&anew, None)), Some((1, String::new())));
    }
}
