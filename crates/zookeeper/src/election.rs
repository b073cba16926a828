//! Electing one leader among several processes, and writing only while leading.

use contract::ZnodePath;
use zookeeper_client as zk;

use crate::{Connection, Error, Stat};

/// The right to write as the leader: a lock znode that is the lowest of its siblings.
///
/// Dropping it gives the leadership up.
#[derive(Debug)]
pub struct Leadership {
    lock: zk::OwnedLockClient,
    connection: Connection,
}

impl Connection {
    /// Stands for election below `election` and waits until this process leads. `data` tells
    /// others who stands. Dropping the future withdraws. The znodes of candidates whose data
    /// `is_gone` knows to be of nobody any more are deleted first.
    ///
    /// The znodes are those of Curator's `LeaderLatch`; each candidate watches the one before it.
    ///
    /// # Errors
    /// The session ended or the ACL forbids it. A mere connection loss is waited out.
    pub async fn lead(
        &self,
        election: &ZnodePath,
        data: &[u8],
        is_gone: fn(&[u8]) -> bool,
    ) -> Result<Leadership, Error> {
        self.withdraw_leftovers(election, is_gone).await?;
        let acls = self.acls();
        let prefix = zk::LockPrefix::new_curator(election.as_str(), "latch-")?;
        let options = zk::LockOptions::new(zk::Acls::new(&acls));
        let lock = self.client.lock(prefix, data, options).await?.into_owned();
        Ok(Leadership {
            lock,
            connection: self.clone(),
        })
    }

    /// A session that was resumed may still own a lock znode of which nobody here knows any more;
    /// standing again would wait for it for ever.
    async fn withdraw_leftovers(
        &self,
        election: &ZnodePath,
        is_gone: fn(&[u8]) -> bool,
    ) -> Result<(), Error> {
        for child in self.children(election).await?.unwrap_or_default() {
            let Ok(path) = election.child(&child) else {
                continue;
            };
            let Some(znode) = self.read(&path).await? else {
                continue;
            };
            if znode.stat.ephemeral_owner == self.session_id() || is_gone(&znode.data) {
                match self.delete(&path, None).await {
                    Ok(()) | Err(Error::NoNode) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

impl Leadership {
    /// True when this leadership was won over the same client as `connection`, so that its writes
    /// can arrive.
    pub fn is_of(&self, connection: &Connection) -> bool {
        self.connection.shares_client_with(connection)
    }

    /// ZooKeeper's number of the session in which this leadership was won.
    pub fn session_id(&self) -> i64 {
        self.connection.session_id()
    }

    /// Sets a znode's data in one transaction with the check that this process still leads.
    ///
    /// # Errors
    /// As [`Connection::set`]; [`Error::Deposed`] when the lock is gone.
    pub async fn set(
        &self,
        path: &ZnodePath,
        data: &[u8],
        version: Option<i32>,
    ) -> Result<Stat, Error> {
        let reply = self.lock.set_data(path.as_str(), data, version);
        Ok(self.connection.call(reply).await?.into())
    }

    /// Deletes a znode in one transaction with the check that this process still leads.
    ///
    /// # Errors
    /// As [`Connection::delete`]; [`Error::Deposed`] when the lock is gone.
    pub async fn delete(&self, path: &ZnodePath) -> Result<(), Error> {
        let reply = self.lock.delete(path.as_str(), None);
        self.connection.call(reply).await
    }

    /// Creates a persistent znode in one transaction with the check that this process still leads.
    ///
    /// # Errors
    /// As [`Connection::create`]; [`Error::Deposed`] when the lock is gone.
    pub async fn create(&self, path: &ZnodePath, data: &[u8]) -> Result<(), Error> {
        let acls = self.connection.acls();
        let options = zk::CreateMode::Persistent.with_acls(zk::Acls::new(&acls));
        self.connection
            .call(self.lock.create(path.as_str(), data, &options))
            .await?;
        Ok(())
    }
}
