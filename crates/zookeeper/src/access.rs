//! What this identity, and everybody, may do with a znode.

use contract::ZnodePath;
use zookeeper_client as zk;

use crate::{Connection, Error};

/// A version that no znode has: ZooKeeper looks at the ACL first, then at the version.
const NEVER: i32 = i32::MAX;

impl Connection {
    /// Whether this identity may set the data of a znode, which is left as it is. True when there
    /// is no such znode.
    ///
    /// # Errors
    /// The connection broke, or nobody answered in time.
    pub async fn may_set(&self, path: &ZnodePath) -> Result<bool, Error> {
        match self.set(path, b"", Some(NEVER)).await {
            Ok(_) | Err(Error::BadVersion | Error::NoNode) => Ok(true),
            Err(Error::NotAuthorized) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether everybody may change a znode or what is directly below it. False when there is no
    /// such znode, or its ACL may not be read.
    ///
    /// # Errors
    /// The connection broke, or nobody answered in time.
    pub async fn anyone_may_change(&self, path: &ZnodePath) -> Result<bool, Error> {
        let acls = match self.call(self.client.get_acl(path.as_str())).await {
            Ok((acls, _)) => acls,
            Err(Error::NoNode | Error::NotAuthorized) => return Ok(false),
            Err(error) => return Err(error),
        };
        let change = [
            zk::Permission::WRITE,
            zk::Permission::CREATE,
            zk::Permission::DELETE,
            zk::Permission::ADMIN,
        ];
        Ok(acls.iter().any(|acl| {
            *acl.auth_id() == zk::AuthId::anyone()
                && change.iter().any(|right| acl.permission().has(*right))
        }))
    }
}
