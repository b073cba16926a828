//! Znodes below which others create: what their ACL is to be, and how it is kept so.

use std::sync::Arc;

use contract::ZnodePath;
use zookeeper_client as zk;

use crate::options::folder;
use crate::{Connection, Error, Options};

/// ACLs of what agents and nameservers create for each other.
#[derive(Debug)]
pub(crate) struct Agents {
    /// Of what is neither.
    pub(crate) other: Arc<[zk::Acl]>,
    /// Of what an agent keeps for itself.
    own: Arc<[zk::Acl]>,
    /// Of what an agent creates for all agents to create below it.
    folder: Arc<[zk::Acl]>,
    /// Whom all agents are known as.
    who: zk::AuthId,
    /// Who may have the right to change an ACL.
    owners: Vec<zk::AuthId>,
    /// What we create is open to all.
    is_open: bool,
}

const CLOSED: &str = "was closed to those who are to write there";
const EXPOSED: &str = "could be closed by others, by its ACL";

/// What became of a znode that was to be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is as it should be.
    Well,
    /// It was not, and is now. Says what was wrong.
    Mended(String),
    /// It is not, and this identity may not mend it. Says why, and who can.
    Cannot(String),
}

/// What the ACL of a znode is to allow.
struct Want<'a> {
    acls: &'a [zk::Acl],
    who: &'a zk::AuthId,
    rights: zk::Permission,
    owners: &'a [zk::AuthId],
}

impl Agents {
    pub(crate) fn of(options: &Options) -> Self {
        let digest = options.auth.iter().map(crate::Auth::id);
        let sasl = options.sasl.iter();
        let sasl = sasl.map(|auth| zk::AuthId::new("sasl", auth.user()));
        let given = options.acl.iter().map(|acl| acl.to_client());
        let given = given.map(|acl| acl.auth_id().clone());
        let agents = options.agents.as_ref();
        Self {
            other: options.acls().into(),
            own: options.agents_own().into(),
            folder: options.agents_folder().into(),
            who: agents.map_or_else(zk::AuthId::anyone, crate::Auth::id),
            owners: digest.chain(sasl).chain(given).collect(),
            is_open: !options.is_named() && options.acl.is_empty(),
        }
    }
}

impl Want<'_> {
    /// What is wrong with this ACL, if anything.
    fn fault(&self, acls: &[zk::Acl]) -> Option<&'static str> {
        let anyone = zk::AuthId::anyone();
        let matching = acls
            .iter()
            .filter(|acl| acl.auth_id() == self.who || *acl.auth_id() == anyone);
        let rights = matching.fold(zk::Permission::NONE, |all, acl| all | acl.permission());
        // Which certificate is whose only the servers know.
        let is_owner = |id: &zk::AuthId| id.scheme() == "x509" || self.owners.contains(id);
        let mut owners = acls
            .iter()
            .filter(|acl| acl.permission().has(zk::Permission::ADMIN));
        if !rights.has(self.rights) {
            Some(CLOSED)
        } else if owners.any(|acl| !is_owner(acl.auth_id())) {
            Some(EXPOSED)
        } else {
            None
        }
    }
}

impl Connection {
    /// The same connection, where what is created is an agent's below `STATE`, and not a registration.
    #[must_use]
    pub fn as_agent(&self) -> Self {
        Self {
            acls: Arc::clone(&self.agents.own),
            open: Arc::clone(&self.agents.folder),
            ..self.clone()
        }
    }

    /// Creates a persistent znode without data that all agents may create below, where it is missing.
    ///
    /// # Errors
    /// As [`Connection::read`]; [`Error::NoNode`] without a parent.
    pub async fn create_open(&self, path: &ZnodePath) -> Result<(), Error> {
        match self.create_with(path, &self.open).await {
            Ok(()) | Err(Error::NodeExists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sees to it that all agents may create below a znode, and that none of them can close it.
    ///
    /// # Errors
    /// The connection broke, or there is no answer for another reason than the ACL.
    pub async fn keep_open(&self, path: &ZnodePath) -> Result<Kept, Error> {
        self.keep(path, &self.open, folder()).await
    }

    /// The same for what agents have created for each other, where it is there.
    ///
    /// # Errors
    /// As [`Connection::keep_open`].
    pub async fn keep_folder(&self, path: &ZnodePath) -> Result<Kept, Error> {
        if self.stat(path).await?.is_none() {
            return Ok(Kept::Well);
        }
        let rights = folder() | zk::Permission::WRITE;
        self.keep(path, &self.agents.folder, rights).await
    }

    /// Sees to it that a znode of ours is open where all of ours is, since we have no identity.
    ///
    /// # Errors
    /// As [`Connection::keep_open`].
    pub async fn keep_ours(&self, path: &ZnodePath) -> Result<Kept, Error> {
        if !self.agents.is_open {
            return Ok(Kept::Well);
        }
        let anyone = zk::AuthId::anyone();
        let want = Want {
            acls: &self.acls,
            who: &anyone,
            rights: folder() | zk::Permission::WRITE,
            owners: std::slice::from_ref(&anyone),
        };
        self.mend(path, &want).await
    }

    async fn keep(
        &self,
        path: &ZnodePath,
        acls: &[zk::Acl],
        rights: zk::Permission,
    ) -> Result<Kept, Error> {
        let want = Want {
            acls,
            who: &self.agents.who,
            rights,
            owners: &self.agents.owners,
        };
        self.mend(path, &want).await
    }

    async fn mend(&self, path: &ZnodePath, want: &Want<'_>) -> Result<Kept, Error> {
        let found = self.call(self.client.get_acl(path.as_str())).await;
        let (fault, has) = match found {
            Err(Error::NoNode) => {
                return match self.create_with(path, want.acls).await {
                    Ok(()) => Ok(Kept::Mended("was gone".to_owned())),
                    // Somebody else was quicker, or its parent is looked at next time.
                    Err(Error::NodeExists | Error::NoNode) => Ok(Kept::Well),
                    Err(Error::NotAuthorized) => Ok(cannot(path, "is gone", want)),
                    Err(error) => Err(error),
                };
            }
            Err(Error::NotAuthorized) => (CLOSED, None),
            Err(error) => return Err(error),
            Ok((_, stat)) if stat.ephemeral_owner != 0 => (
                "was an ephemeral znode, below which nobody can create",
                None,
            ),
            Ok((acls, _)) => match want.fault(&acls) {
                None => return Ok(Kept::Well),
                Some(fault) => (fault, Some(acls)),
            },
        };
        if has.is_some() {
            let set = self.client.set_acl(path.as_str(), want.acls, None);
            match self.call(set).await {
                Ok(_) => return Ok(Kept::Mended(fault.to_owned())),
                Err(Error::NotAuthorized) => {}
                Err(Error::NoNode) => return Ok(Kept::Well),
                Err(error) => return Err(error),
            }
        }
        match self.replace(path, want.acls).await {
            Ok(()) => Ok(Kept::Mended(fault.to_owned())),
            Err(Error::NotEmpty | Error::NotAuthorized) => {
                // Who could close it has not done so.
                Ok(match fault {
                    EXPOSED => Kept::Well,
                    _ => cannot(path, "is closed", want),
                })
            }
            Err(Error::NoNode) => Ok(Kept::Well),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn create_with(
        &self,
        path: &ZnodePath,
        acls: &[zk::Acl],
    ) -> Result<(), Error> {
        let options = zk::CreateMode::Persistent.with_acls(zk::Acls::new(acls));
        let created = self.client.create(path.as_str(), b"", &options);
        self.call(created).await.map(drop)
    }

    /// Deletes a znode without children and creates it anew, at one moment.
    async fn replace(&self, path: &ZnodePath, acls: &[zk::Acl]) -> Result<(), Error> {
        let mut writer = self.client.new_multi_writer();
        let options = zk::CreateMode::Persistent.with_acls(zk::Acls::new(acls));
        writer.add_delete(path.as_str(), None)?;
        writer.add_create(path.as_str(), b"", &options)?;
        let committed = writer.commit();
        self.call(async { committed.await.map_err(zk::Error::from) })
            .await
            .map(drop)
    }
}

fn cannot(path: &ZnodePath, what: &str, want: &Want<'_>) -> Kept {
    let acl: Vec<_> = want.acls.iter().map(spelled).collect();
    Kept::Cannot(format!(
        "{path} {what}, and this identity may neither change nor replace it: whoever owns it, or ZooKeeper's \
         superuser, opens it with zkCli's `setAcl {path} {}`, or deletes it with `deleteall {path}`",
        acl.join(",")
    ))
}

/// An entry as zkCli has it.
fn spelled(acl: &zk::Acl) -> String {
    let letters = [
        ('c', zk::Permission::CREATE),
        ('d', zk::Permission::DELETE),
        ('r', zk::Permission::READ),
        ('w', zk::Permission::WRITE),
        ('a', zk::Permission::ADMIN),
    ];
    let letters = letters
        .iter()
        .filter(|(_, right)| acl.permission().has(*right));
    let letters: String = letters.map(|(letter, _)| letter).collect();
    let id = acl.auth_id();
    format!("{}:{}:{letters}", id.scheme(), id.id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Acl, Auth};

    fn acls(text: &str) -> Vec<zk::Acl> {
        let entries = text.split(',').map(|entry| entry.parse::<Acl>().unwrap());
        entries.map(|entry| entry.to_client()).collect()
    }

    fn options(auth: Option<&str>, agents: Option<&str>) -> Options {
        let identity = |text: Option<&str>| text.map(|text| Auth::digest(text).unwrap());
        Options {
            servers: "zk1".parse().unwrap(),
            auth: identity(auth),
            sasl: None,
            acl: Vec::new(),
            agents: identity(agents),
            is_agent: false,
            tls: None,
            session_timeout: std::time::Duration::from_secs(6),
        }
    }

    fn text(acls: &[zk::Acl]) -> String {
        let entries: Vec<_> = acls.iter().map(spelled).collect();
        entries.join(",")
    }

    /// Open means that others create there, and never that they decide about the ACL.
    #[test]
    fn nobody_but_us_may_change_the_acl_of_what_is_open() {
        let acl = |options: &Options| text(&options.open_acls());
        assert_eq!(acl(&options(None, None)), "world:anyone:cdr");
        assert_eq!(
            acl(&options(Some("ops:s3cret"), None)),
            "auth::cdrwa,world:anyone:cdr"
        );
        let agents = options(Some("ops:s3cret"), Some("super:admin"));
        assert_eq!(
            acl(&agents),
            "auth::cdrwa,digest:super:xQJmxLMiHGwaqBvst5y6rkB6HQs=:cdr,world:anyone:r"
        );
        assert_eq!(
            text(&agents.agents_own()),
            "digest:super:xQJmxLMiHGwaqBvst5y6rkB6HQs=:rw,world:anyone:r"
        );
        // A registration of an agent is not all agents'.
        let own = text(&agents.of_agent().acls());
        assert!(
            own.starts_with("digest:ops:") && own.ends_with("=:cdrwa,world:anyone:r"),
            "{own}"
        );
    }

    #[test]
    fn what_is_wrong_with_an_acl() {
        let own = Auth::digest("ops:s3cret").unwrap().id();
        let (wanted, anyone, owners) = (acls("world:anyone:cdr"), zk::AuthId::anyone(), [own]);
        let want = Want {
            acls: &wanted,
            who: &anyone,
            rights: folder(),
            owners: &owners,
        };
        let fault = |text: &str| want.fault(&acls(text));
        let ours = format!("digest:{}:cdrwa", owners[0].id());
        assert_eq!(fault(&format!("{ours},world:anyone:cdr")), None);
        assert_eq!(fault("world:anyone:cdr"), None);
        assert_eq!(fault("x509:CN=ns:cdrwa,world:anyone:cdr"), None);
        for closed in ["world:anyone:r", "digest:eve:x=:cdrwa", &ours] {
            assert!(fault(closed) == Some(CLOSED), "{closed}");
        }
        for open in ["world:anyone:cdrwa", "digest:eve:x=:a,world:anyone:cdr"] {
            assert!(fault(open) == Some(EXPOSED), "{open}");
        }
    }
}
