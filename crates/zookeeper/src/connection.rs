//! Calls over one unbroken connection, each with a deadline.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use contract::ZnodePath;
use futures::FutureExt;
use zookeeper_client as zk;

use crate::client_task::Gone;
use crate::open::Agents;
use crate::{Error, Watch};

/// One unbroken connection to ZooKeeper. Cheap to clone; share one among all that must see the
/// same moment.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) client: zk::Client,
    pub(crate) gone: Gone,
    /// Tells the clients of one process apart; a session that is resumed may get another client.
    pub(crate) client_number: u64,
    pub(crate) deadline: Duration,
    /// The ACL of what is created.
    pub(crate) acls: Arc<[zk::Acl]>,
    /// The ACL of what is created for agents to create below it.
    pub(crate) open: Arc<[zk::Acl]>,
    pub(crate) agents: Arc<Agents>,
}

/// A znode's data and what ZooKeeper knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Znode {
    /// The bytes that somebody stored.
    pub data: Vec<u8>,
    /// What ZooKeeper knows about it.
    pub stat: Stat,
}

/// What ZooKeeper knows about a znode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The transaction that created the znode.
    pub czxid: i64,
    /// When that was, by the clock of the servers.
    pub ctime: SystemTime,
    /// The transaction that last set its data.
    pub mzxid: i64,
    /// When that was, by the clock of the servers.
    pub mtime: SystemTime,
    /// The transaction that last created or deleted a child of it.
    pub pzxid: i64,
    /// How often its data was set.
    pub version: i32,
    /// The session that owns it; 0 for a znode that is not ephemeral.
    pub ephemeral_owner: i64,
    /// The number of its children.
    pub num_children: i32,
    /// How many bytes it holds.
    pub data_length: i32,
}

impl Stat {
    /// The newest transaction that this reflects.
    pub fn zxid(&self) -> i64 {
        self.czxid.max(self.mzxid).max(self.pzxid)
    }
}

impl From<zk::Stat> for Stat {
    fn from(stat: zk::Stat) -> Self {
        let time = |millis: i64| {
            SystemTime::UNIX_EPOCH + Duration::from_millis(millis.max(0).unsigned_abs())
        };
        Self {
            czxid: stat.czxid,
            ctime: time(stat.ctime),
            mzxid: stat.mzxid,
            mtime: time(stat.mtime),
            pzxid: stat.pzxid,
            version: stat.version,
            ephemeral_owner: stat.ephemeral_owner,
            num_children: stat.num_children,
            data_length: stat.data_length,
        }
    }
}

/// How long a created znode lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// Until it is deleted.
    Persistent,
    /// Until this session ends.
    Ephemeral,
    /// Until this session ends; ten digits, the next number of the parent, are added to its name.
    EphemeralSequential,
}

impl Create {
    pub(crate) fn mode(self) -> zk::CreateMode {
        match self {
            Self::Persistent => zk::CreateMode::Persistent,
            Self::Ephemeral => zk::CreateMode::Ephemeral,
            Self::EphemeralSequential => zk::CreateMode::EphemeralSequential,
        }
    }
}

impl Connection {
    /// True when both go through the same client: what one began, the other can end.
    pub fn shares_client_with(&self, other: &Self) -> bool {
        self.client_number == other.client_number
    }

    /// ZooKeeper's number of the session.
    pub fn session_id(&self) -> i64 {
        self.client.session_id().0
    }

    /// The session timeout that was asked for, which is also the deadline of each call.
    pub fn session_timeout(&self) -> Duration {
        self.deadline
    }

    /// A znode's data and stat; none when there is no such znode.
    ///
    /// # Errors
    /// The connection broke, nobody answered in time, or the ACL forbids it.
    pub async fn read(&self, path: &ZnodePath) -> Result<Option<Znode>, Error> {
        let reply = found(self.call(self.client.get_data(path.as_str())).await)?;
        Ok(reply.map(|(data, stat)| Znode {
            data,
            stat: stat.into(),
        }))
    }

    /// What ZooKeeper knows about a znode; none when there is no such znode.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn stat(&self, path: &ZnodePath) -> Result<Option<Stat>, Error> {
        let stat = self.call(self.client.check_stat(path.as_str())).await?;
        Ok(stat.map(Stat::from))
    }

    /// The names of a znode's children, in no order; none when there is no such znode.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn children(&self, path: &ZnodePath) -> Result<Option<Vec<String>>, Error> {
        found(self.call(self.client.list_children(path.as_str())).await)
    }

    /// Creates a znode, whose parent must exist.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::NodeExists`]; [`Error::NoNode`] without a parent.
    pub async fn create(&self, path: &ZnodePath, data: &[u8], create: Create) -> Result<(), Error> {
        let options = create.mode().with_acls(zk::Acls::new(&self.acls));
        self.call(self.client.create(path.as_str(), data, &options))
            .await?;
        Ok(())
    }

    /// Creates a znode without data, and its ancestors, where they are missing.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::NoNode`] when the chroot itself is missing.
    pub async fn create_all(&self, path: &ZnodePath) -> Result<(), Error> {
        let mut missing = Vec::new();
        let mut at = path.clone();
        while let Some(parent) = at.parent() {
            match self.create_with(&at, &self.agents.other).await {
                Ok(()) | Err(Error::NodeExists) => break,
                Err(Error::NoNode) => missing.push(std::mem::replace(&mut at, parent)),
                Err(error) => return Err(error),
            }
        }
        if at.is_root() && !missing.is_empty() {
            return Err(Error::NoNode);
        }
        while let Some(path) = missing.pop() {
            match self.create_with(&path, &self.agents.other).await {
                Ok(()) | Err(Error::NodeExists) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sets a znode's data, when it still has the given version.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::NoNode`]; [`Error::BadVersion`].
    pub async fn set(
        &self,
        path: &ZnodePath,
        data: &[u8],
        version: Option<i32>,
    ) -> Result<Stat, Error> {
        let stat = self
            .call(self.client.set_data(path.as_str(), data, version))
            .await?;
        Ok(stat.into())
    }

    /// Deletes a znode without children, when it still has the given version.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::NoNode`]; [`Error::BadVersion`]; [`Error::NotEmpty`].
    pub async fn delete(&self, path: &ZnodePath, version: Option<i32>) -> Result<(), Error> {
        self.call(self.client.delete(path.as_str(), version)).await
    }

    /// Waits until the connected server has caught up with the leader of the ensemble, so that
    /// later reads see everything that was committed before this call.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn sync(&self) -> Result<(), Error> {
        self.call(self.client.sync("/")).await
    }

    /// Watches a znode and everything below it; the znode need not exist.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::Other`] from a server older than ZooKeeper 3.6.
    pub async fn watch(&self, path: &ZnodePath) -> Result<Watch, Error> {
        let mode = zk::AddWatchMode::PersistentRecursive;
        Ok(Watch::new(
            self.call(self.client.watch(path.as_str(), mode)).await?,
            self.gone.clone(),
        ))
    }

    pub(crate) async fn call<T, E: Into<Error>>(
        &self,
        reply: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        // The client panics about some replies that no server should send.
        let reply = AssertUnwindSafe(reply).catch_unwind();
        match tokio::time::timeout(self.deadline, reply).await {
            Ok(Ok(reply)) => reply.map_err(Into::into),
            Ok(Err(_)) => Err(Error::Other("the server's reply makes no sense".to_owned())),
            Err(_) => Err(Error::Timeout(self.deadline)),
        }
    }
}

pub(crate) fn found<T>(reply: Result<T, Error>) -> Result<Option<T>, Error> {
    match reply {
        Ok(value) => Ok(Some(value)),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}
