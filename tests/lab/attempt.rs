//! Changes that may be refused, for those who do not know what the tree holds by now.

use zookeeper_client::{Acls, Stat};
pub use zookeeper_client::{CreateMode, Error as Failure};

use crate::client::Client;

/// One change of the tree.
#[derive(Debug, Clone, Copy)]
pub enum Attempt<'a> {
    /// Creates a znode.
    Create(CreateMode, &'a str, &'a [u8]),
    /// Replaces the data of a znode.
    Set(&'a str, &'a [u8]),
    /// Deletes a znode.
    Delete(&'a str),
}

impl Client {
    /// Makes a change, again after a lost connection: one whose answer was lost may have happened.
    ///
    /// # Errors
    /// The server refuses it, or is away for too long.
    pub fn attempt(&self, attempt: Attempt<'_>) -> Result<(), Failure> {
        self.call(|inner| async move {
            match attempt {
                Attempt::Create(mode, path, data) => {
                    let options = mode.with_acls(Acls::anyone_all());
                    inner.create(path, data, &options).await.map(drop)
                }
                Attempt::Set(path, data) => inner.set_data(path, data, None).await.map(drop),
                Attempt::Delete(path) => inner.delete(path, None).await,
            }
        })
    }

    /// The data of a znode with what the server knows of it; none if there is no such znode.
    ///
    /// # Errors
    /// The server refuses it, or is away for too long.
    pub fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Stat)>, Failure> {
        match self.call(|inner| async move { inner.get_data(path).await }) {
            Ok(znode) => Ok(Some(znode)),
            Err(Failure::NoNode) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until the server has caught up with the leader of its ensemble.
    ///
    /// # Errors
    /// The server refuses it, or is away for too long.
    pub fn sync(&self, path: &str) -> Result<(), Failure> {
        self.call(|inner| async move { inner.sync(path).await })
    }
}
