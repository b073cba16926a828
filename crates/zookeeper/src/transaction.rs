//! Several writes of which all happen, or none.

use std::sync::Arc;

use contract::ZnodePath;
use zookeeper_client as zk;

use crate::{Connection, Create, Error};

/// One write of a transaction.
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// Creates a znode.
    Create(&'a ZnodePath, &'a [u8], Create),
    /// Sets a znode's data, when it still has the given version.
    Set(&'a ZnodePath, &'a [u8], Option<i32>),
    /// Deletes a znode, when it still has the given version.
    Delete(&'a ZnodePath, Option<i32>),
}

/// A [`Write`] that holds what it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedWrite {
    /// Creates a znode.
    Create(ZnodePath, Vec<u8>, Create),
    /// Sets a znode's data, when it still has the given version.
    Set(ZnodePath, Vec<u8>, Option<i32>),
    /// Deletes a znode, when it still has the given version.
    Delete(ZnodePath, Option<i32>),
}

impl<'a> From<&'a OwnedWrite> for Write<'a> {
    fn from(write: &'a OwnedWrite) -> Self {
        match write {
            OwnedWrite::Create(path, data, create) => Self::Create(path, data, *create),
            OwnedWrite::Set(path, data, version) => Self::Set(path, data, *version),
            OwnedWrite::Delete(path, version) => Self::Delete(path, *version),
        }
    }
}

impl Connection {
    /// Makes all these writes, in this order, at one moment; or none of them.
    ///
    /// # Errors
    /// What the first write that is refused would fail with by itself.
    pub async fn commit(&self, writes: &[Write<'_>]) -> Result<(), Error> {
        let acls = Arc::clone(&self.acls);
        let mut writer = self.client.new_multi_writer();
        for write in writes {
            match *write {
                Write::Create(path, data, create) => {
                    let options = create.mode().with_acls(zk::Acls::new(&acls));
                    writer.add_create(path.as_str(), data, &options)?;
                }
                Write::Set(path, data, version) => {
                    writer.add_set_data(path.as_str(), data, version)?;
                }
                Write::Delete(path, version) => writer.add_delete(path.as_str(), version)?,
            }
        }
        let committed = writer.commit();
        self.call(async { committed.await.map_err(zk::Error::from) })
            .await
            .map(drop)
    }
}
