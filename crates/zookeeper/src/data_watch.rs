//! Being told of changes of one znode's data.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use contract::ZnodePath;
use zookeeper_client as zk;

use crate::client_task;
use crate::connection::found;
use crate::{Connection, Error, Stat, Znode};

/// A watch of one znode's data, which each look at it sets anew: one request, and nothing is missed
/// between two looks. Unlike a [`Watch`](crate::Watch) it is not told of what happens below the znode.
pub struct DataWatch {
    connection: Connection,
    path: ZnodePath,
    states: zk::StateWatcher,
    set: Option<Pin<Box<dyn Future<Output = zk::WatchedEvent> + Send + Sync>>>,
}

impl Connection {
    /// A watch of a znode's data over this connection; the znode need not exist. Nothing is watched
    /// before the first look.
    pub fn watch_data(&self, path: ZnodePath) -> DataWatch {
        DataWatch {
            connection: self.clone(),
            path,
            states: self.client.state_watcher(),
            set: None,
        }
    }
}

impl DataWatch {
    /// The znode's data and stat; none when there is no such znode. Sets the watch.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn read(&mut self) -> Result<Option<Znode>, Error> {
        loop {
            let client = &self.connection.client;
            let reply = self
                .connection
                .call(client.get_and_watch_data(self.path.as_str()));
            if let Some((data, stat, watcher)) = found(reply.await)? {
                self.set = Some(Box::pin(watcher.changed()));
                let stat = stat.into();
                return Ok(Some(Znode { data, stat }));
            }
            if self.stat().await?.is_none() {
                return Ok(None);
            }
        }
    }

    /// What ZooKeeper knows about the znode; none when there is no such znode. Sets the watch.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn stat(&mut self) -> Result<Option<Stat>, Error> {
        let client = &self.connection.client;
        let reply = self
            .connection
            .call(client.check_and_watch_stat(self.path.as_str()));
        let (stat, watcher) = reply.await?;
        self.set = Some(Box::pin(watcher.changed()));
        Ok(stat.map(Stat::from))
    }

    /// Waits until the znode has changed since the last look, which is to be repeated then. Nothing is
    /// lost when the future is dropped. Pends for ever where nobody has looked.
    ///
    /// # Errors
    /// [`Error::Lost`] once the connection broke.
    pub async fn changed(&mut self) -> Result<(), Error> {
        let event = async {
            match &mut self.set {
                Some(set) => set.as_mut().await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            biased;
            _ = self.states.changed() => None,
            () = client_task::gone(&mut self.connection.gone) => None,
            event = event => Some(event),
        };
        self.set = None;
        match event {
            Some(event) if event.event_type != zk::EventType::Session => Ok(()),
            _ => Err(Error::Lost),
        }
    }
}

impl fmt::Debug for DataWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DataWatch");
        debug.field("path", &self.path).finish_non_exhaustive()
    }
}
