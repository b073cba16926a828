//! Electing one leader among several processes, and writing only while leading.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use contract::ZnodePath;
use tokio::runtime::Handle;
use zookeeper_client as zk;

use crate::{Connection, Create, Error, Stat};

/// What comes before the sequence number in the name of a candidate's znode.
const LATCH: &str = "-latch-";
/// The least time between two looks while the connection fails.
const PAUSE: Duration = Duration::from_millis(50);

/// The right to write as the leader: a lock znode that is the oldest of all candidates'.
///
/// Dropping it gives the leadership up.
#[derive(Debug)]
pub struct Leadership {
    lock: Lock,
    connection: Connection,
}

/// A candidate's own znode, which is deleted on drop.
#[derive(Debug)]
struct Lock {
    path: ZnodePath,
    client: zk::Client,
}

/// A candidate's znode, by the transaction that created it.
type Standing = (i64, ZnodePath);

impl Connection {
    /// Stands for election below `election` and waits until this process leads. `data` tells
    /// others who stands. Dropping the future withdraws. The znodes of candidates whose data
    /// `is_gone` knows to be of nobody any more are deleted first.
    ///
    /// The znodes are named as those of Curator's `LeaderLatch`; each candidate watches the one before
    /// it. Who was there first leads, by the transactions that created the znodes, which nobody can
    /// forge, unlike the numbers in their names. What no live session owns, or is named otherwise, is
    /// no candidate, and is left alone. The client's own recipe is not used: it panics on a foreign
    /// name that it cuts inside a character, and is led by a persistent znode.
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
        let (connection, parent) = (self.clone(), election.clone());
        let data = data.to_vec();
        // What is created after all, when nobody waits for it any more, is deleted at once.
        let created = tokio::spawn(async move { connection.stand(&parent, &data).await });
        let lock = created.await.map_err(|_| Error::Lost)??;
        while !self
            .patiently(|| self.is_turn(election, &lock.path))
            .await?
        {}
        Ok(Leadership {
            lock,
            connection: self.clone(),
        })
    }

    /// Creates the znode of a candidate.
    async fn stand(&self, election: &ZnodePath, data: &[u8]) -> Result<Lock, Error> {
        let (high, low) = (fastrand::u64(..), fastrand::u64(..));
        let prefix = format!("_c_{high:016x}{low:016x}{LATCH}");
        let path = election.child(&prefix).expect("a plain component");
        let lock = |path| Lock {
            path,
            client: self.client.clone(),
        };
        loop {
            let acls = Arc::clone(&self.acls);
            let mode = Create::EphemeralSequential.mode();
            let options = mode.with_acls(zk::Acls::new(&acls));
            match self
                .call(self.client.create(path.as_str(), data, &options))
                .await
            {
                Ok((_, sequence)) => {
                    let path = election.child(&format!("{prefix}{sequence}"));
                    return Ok(lock(path.expect("a plain component")));
                }
                // It may be there all the same.
                Err(error) if error.is_connection() => {
                    self.reconnected().await?;
                    let children = self.patiently(|| self.children(election)).await?;
                    let children = children.unwrap_or_default().into_iter();
                    let mut own = children.filter(|child| child.starts_with(&prefix));
                    if let Some(Ok(path)) = own.next().map(|own| election.child(&own)) {
                        return Ok(lock(path));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether `own` is the first of all; waits otherwise until the one before it changes.
    async fn is_turn(&self, election: &ZnodePath, own: &ZnodePath) -> Result<bool, Error> {
        let mut standing = Vec::new();
        for child in self.children(election).await?.unwrap_or_default() {
            let Some(path) = is_named(&child).then(|| election.child(&child)) else {
                continue;
            };
            let Ok(path) = path else { continue };
            if let Some(stat) = self.stat(&path).await?
                && is_of_a_session(stat.ephemeral_owner)
            {
                standing.push((stat.czxid, path));
            }
        }
        let Some(before) = before(&standing, own)? else {
            return Ok(true);
        };
        let mut watch = self.watch_data(before.clone());
        if watch.stat().await?.is_some() {
            watch.changed().await?;
        }
        Ok(false)
    }

    /// Asks again after each loss of the connection, until the session has ended.
    async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            match ask().await {
                Err(error) if error.is_connection() => self.reconnected().await?,
                asked => return asked,
            }
        }
    }

    /// Waits until the client is connected again.
    async fn reconnected(&self) -> Result<(), Error> {
        tokio::time::sleep(PAUSE).await;
        let mut states = self.client.state_watcher();
        let mut state = self.client.state();
        loop {
            state = match state {
                zk::SessionState::Disconnected => states.changed().await,
                zk::SessionState::AuthFailed => return Err(Error::AuthFailed),
                zk::SessionState::Expired | zk::SessionState::Closed => return Err(Error::Lost),
                _ => return Ok(()),
            };
        }
    }

    /// A session that was resumed may still own a lock znode of which nobody here knows any more;
    /// standing again would wait for it for ever.
    async fn withdraw_leftovers(
        &self,
        election: &ZnodePath,
        is_gone: fn(&[u8]) -> bool,
    ) -> Result<(), Error> {
        for child in self.children(election).await?.unwrap_or_default() {
            let Some(path) = is_named(&child).then(|| election.child(&child)) else {
                continue;
            };
            let Ok(path) = path else { continue };
            let Some(znode) = self.read(&path).await? else {
                continue;
            };
            if !is_of_a_session(znode.stat.ephemeral_owner) {
                log::warn!("{path} is no candidate, since no session owns it: it is ignored");
                continue;
            }
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

/// Whether the znode of this name, below the election, stands for somebody: it is named so, and a
/// session owns it. Of two, the one that was created first is ahead.
pub fn is_candidate(component: &str, stat: &Stat) -> bool {
    is_named(component) && is_of_a_session(stat.ephemeral_owner)
}

/// Whether a znode of this name may be a candidate's: it ends in [`LATCH`], or is all of that, and a
/// sequence number.
fn is_named(component: &str) -> bool {
    let Some((before, number)) = component.rsplit_once("latch-") else {
        return false;
    };
    let is_cut = before.is_empty() || before.ends_with('-');
    is_cut && number.len() >= 10 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a session owns the znode: it is ephemeral, and neither a container nor one with a TTL, of
/// which ZooKeeper tells in the same field.
fn is_of_a_session(owner: i64) -> bool {
    owner != 0 && owner != i64::MIN && owner.to_be_bytes()[0] != 0xff
}

/// The youngest of those that are older than `own`; none where that is the oldest.
fn before<'a>(standing: &'a [Standing], own: &ZnodePath) -> Result<Option<&'a ZnodePath>, Error> {
    let found = standing.iter().find(|(_, path)| path == own);
    let &(born, _) = found.ok_or(Error::Deposed)?;
    let older = standing.iter().filter(|&&(czxid, _)| czxid < born);
    Ok(older.max_by_key(|&&(czxid, _)| czxid).map(|(_, path)| path))
}

impl Drop for Lock {
    fn drop(&mut self) {
        let (client, path) = (self.client.clone(), self.path.clone());
        let withdrawn = async move {
            // With a session that has ended it is gone by itself.
            while let Err(zk::Error::ConnectionLoss) = client.delete(path.as_str(), None).await {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(withdrawn));
        }
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
        let mut writer = self.writer()?;
        writer.add_set_data(path.as_str(), data, version)?;
        match self.commit(writer).await?.pop() {
            Some(zk::MultiWriteResult::SetData { stat }) => Ok(stat.into()),
            _ => Err(Error::Other("ZooKeeper answers something else".into())),
        }
    }

    /// Deletes a znode in one transaction with the check that this process still leads.
    ///
    /// # Errors
    /// As [`Connection::delete`]; [`Error::Deposed`] when the lock is gone.
    pub async fn delete(&self, path: &ZnodePath) -> Result<(), Error> {
        let mut writer = self.writer()?;
        writer.add_delete(path.as_str(), None)?;
        self.commit(writer).await.map(drop)
    }

    /// Creates a persistent znode in one transaction with the check that this process still leads.
    ///
    /// # Errors
    /// As [`Connection::create`]; [`Error::Deposed`] when the lock is gone.
    pub async fn create(&self, path: &ZnodePath, data: &[u8]) -> Result<(), Error> {
        let acls = Arc::clone(&self.connection.acls);
        let options = zk::CreateMode::Persistent.with_acls(zk::Acls::new(&acls));
        let mut writer = self.writer()?;
        writer.add_create(path.as_str(), data, &options)?;
        self.commit(writer).await.map(drop)
    }

    fn writer(&self) -> Result<zk::CheckWriter<'_>, Error> {
        let lock = self.lock.path.as_str();
        Ok(self.connection.client.new_check_writer(lock, None)?)
    }

    async fn commit(
        &self,
        writer: zk::CheckWriter<'_>,
    ) -> Result<Vec<zk::MultiWriteResult>, Error> {
        let committed = writer.commit();
        let reply = async { committed.await.map_err(zk::Error::from) };
        self.connection.call(reply).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_session_owns_and_is_named_so_is_a_candidate() {
        for (component, is_one) in [
            ("_c_0c2f-latch-0000000007", true),
            ("latch-0000000007", true),
            ("_c_0c2f-latch-2147483648000000000", true),
            ("latch-é123456789", false),
            ("latch-é12345678", false),
            ("latch-٠٠٠٠٠٠٠٠٠٠", false),
            ("latch--000000001", false),
            ("latch-000000007", false),
            ("latch-+000000007", false),
            ("xlatch-0000000007", false),
            ("latch-", false),
            ("lock-0000000007", false),
            ("", false),
        ] {
            assert_eq!(is_named(component), is_one, "{component}");
        }
        for (owner, is_one) in [
            (0x0100_0000_0000_0001, true),
            (0, false),
            (i64::MIN, false),
            (0xff00_0000_0000_1000_u64.cast_signed(), false),
        ] {
            assert_eq!(is_of_a_session(owner), is_one, "{owner:#x}");
        }
    }

    #[test]
    fn who_was_there_first_leads_whatever_the_names_say() {
        let path = |name: &str| -> ZnodePath { format!("/e/{name}").parse().unwrap() };
        let standing = [
            (30, path("latch-0000000000")),
            (20, path("latch-0000000009")),
            (10, path("latch-0000000008")),
        ];
        let before = |own: &str| before(&standing, &path(own)).map(|before| before.cloned());
        assert_eq!(before("latch-0000000008"), Ok(None));
        assert_eq!(
            before("latch-0000000009"),
            Ok(Some(path("latch-0000000008")))
        );
        assert_eq!(
            before("latch-0000000000"),
            Ok(Some(path("latch-0000000009")))
        );
        assert_eq!(before("latch-0000000001"), Err(Error::Deposed));
    }
}
