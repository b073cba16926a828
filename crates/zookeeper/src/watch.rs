//! Being told of changes in a tree.

use contract::ZnodePath;
use futures::FutureExt;
use zookeeper_client as zk;

use crate::Error;
use crate::client_task::{self, Gone};

/// A persistent recursive watch: yields each change of a znode and of all below it, in the order
/// in which the server made them, until the connection breaks.
#[derive(Debug)]
pub struct Watch {
    watcher: zk::PersistentWatcher,
    gone: Gone,
    ended: bool,
}

/// One change of one znode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The znode that changed.
    pub path: ZnodePath,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a znode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Created,
    /// Its data was set.
    Set,
    /// It was deleted.
    Deleted,
}

impl Watch {
    pub(crate) fn new(watcher: zk::PersistentWatcher, gone: Gone) -> Self {
        Self {
            watcher,
            gone,
            ended: false,
        }
    }

    /// Waits for the next change. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Error::Lost`] once the connection broke, and from then on: events may have been missed.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if self.ended {
                return Err(Error::Lost);
            }
            let event = tokio::select! {
                biased;
                () = client_task::gone(&mut self.gone) => {
                    self.ended = true;
                    continue;
                }
                event = self.watcher.changed() => event,
            };
            let change = match event.event_type {
                zk::EventType::NodeCreated => Change::Created,
                zk::EventType::NodeDeleted => Change::Deleted,
                zk::EventType::NodeDataChanged => Change::Set,
                zk::EventType::NodeChildrenChanged => continue,
                // Even a session that came back by itself has lost its persistent watches.
                zk::EventType::Session => {
                    self.ended = true;
                    continue;
                }
            };
            if let Ok(path) = event.path.try_into() {
                return Ok(Event { path, change });
            }
        }
    }

    /// The next change that has arrived already, if any.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn try_next(&mut self) -> Result<Option<Event>, Error> {
        self.next().now_or_never().transpose()
    }
}
