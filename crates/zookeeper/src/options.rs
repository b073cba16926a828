//! How to reach ZooKeeper, and as whom.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use zookeeper_client as zk;

use crate::{Acl, Servers, Tls};

/// How to reach ZooKeeper, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// The servers and the chroot.
    pub servers: Servers,
    /// Whom to authenticate as, if anyone.
    pub auth: Option<Auth>,
    /// Whom to be by SASL, DIGEST-MD5, if anyone.
    pub sasl: Option<Auth>,
    /// The ACL of what is created; none for what follows from whom we are.
    pub acl: Vec<Acl>,
    /// Whom agents are; none where they are nobody, and everybody may write where they do.
    pub agents: Option<Auth>,
    /// Whether this is an agent, which shows that it is one.
    pub is_agent: bool,
    /// How to speak TLS, if that is to be spoken.
    pub tls: Option<Tls>,
    /// How long the servers are to keep the session of a client that they do not hear from, at most
    /// a second more; what is agreed with them is also the deadline of each call.
    pub session_timeout: Duration,
}

/// How much later than agreed a server may end a session: it looks only once in a `tickTime`, which
/// is two seconds long by default. A second of it is allowed for.
const LATE: Duration = Duration::from_millis(1_500);

/// What an agent needs to do with a znode below which it creates, and deletes what is its own.
const FOLDER: [zk::Permission; 3] = [
    zk::Permission::CREATE,
    zk::Permission::DELETE,
    zk::Permission::READ,
];

/// The same, as one.
pub(crate) fn folder() -> zk::Permission {
    FOLDER
        .into_iter()
        .fold(zk::Permission::NONE, |all, one| all | one)
}

impl Options {
    /// The options of an agent.
    #[must_use]
    pub fn of_agent(mut self) -> Self {
        self.is_agent = true;
        self
    }

    /// Whether the servers are told who we are, so that what we create can be ours alone.
    pub fn is_named(&self) -> bool {
        self.auth.is_some()
            || self.sasl.is_some()
            || self.tls.as_ref().is_some_and(Tls::has_identity)
    }

    /// The ACL of what is created: where the servers are told who we are, it is ours to change, and everybody's to read.
    pub(crate) fn acls(&self) -> Vec<zk::Acl> {
        if !self.acl.is_empty() {
            return self.acl.iter().map(Acl::to_client).collect();
        }
        if !self.is_named() {
            return zk::Acls::anyone_all().to_vec();
        }
        let mut acls = self.creator_all();
        acls.extend_from_slice(&zk::Acls::anyone_read());
        acls
    }

    /// All rights for whom we are. An agent is also one of the agents, which its registrations are not for: so it names
    /// itself, but for a certificate, whose identity only the servers know.
    fn creator_all(&self) -> Vec<zk::Acl> {
        let has_certificate = self.tls.as_ref().is_some_and(Tls::has_identity);
        if !self.is_agent || self.agents.is_none() || has_certificate {
            return zk::Acls::creator_all().to_vec();
        }
        let digest = self.auth.as_ref().map(Auth::id);
        let sasl = self.sasl.as_ref();
        let sasl = sasl.map(|auth| zk::AuthId::new("sasl", auth.user()));
        let ids = digest.into_iter().chain(sasl);
        ids.map(|id| zk::Acl::new(zk::Permission::ALL, id))
            .collect()
    }

    /// The ACL of a znode below which agents create. Nobody but us may change it.
    pub(crate) fn open_acls(&self) -> Vec<zk::Acl> {
        let mut acls = match self.acl.as_slice() {
            [] if self.is_named() => self.creator_all(),
            some => some.iter().map(Acl::to_client).collect(),
        };
        acls.extend(self.for_agents(folder()));
        acls
    }

    /// The ACL of a znode that an agent creates for all agents to create below it.
    pub(crate) fn agents_folder(&self) -> Vec<zk::Acl> {
        self.for_agents(folder() | zk::Permission::WRITE)
    }

    /// The ACL of a znode that an agent keeps for itself. Without an identity, it is at least nobody's to close.
    pub(crate) fn agents_own(&self) -> Vec<zk::Acl> {
        if self.agents.is_none() && (self.is_named() || !self.acl.is_empty()) {
            return self.acls();
        }
        self.for_agents(zk::Permission::READ | zk::Permission::WRITE)
    }

    fn for_agents(&self, rights: zk::Permission) -> Vec<zk::Acl> {
        let Some(agents) = &self.agents else {
            return vec![zk::Acl::new(rights, zk::AuthId::anyone())];
        };
        let mut acls = vec![zk::Acl::new(rights, agents.id())];
        acls.extend_from_slice(&zk::Acls::anyone_read());
        acls
    }

    /// Whom the servers are told of by the digest scheme.
    pub(crate) fn digests(&self) -> impl Iterator<Item = &Auth> {
        let agents = self.agents.as_ref().filter(|_| self.is_agent);
        self.auth.iter().chain(agents)
    }

    /// The session timeout to ask the servers for, so that the session ends in time.
    pub(crate) fn asked_timeout(&self) -> Duration {
        self.session_timeout - LATE.min(self.session_timeout / 4)
    }
}

/// A user and a password, of ZooKeeper's `digest` scheme or of SASL. Its password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    user: String,
    password: String,
}

/// Why a text is no digest identity. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity is written USER:PASSWORD, with neither of them empty")]
pub struct AuthError;

impl Auth {
    /// Reads `user:password`, or `digest:user:password` as zkCli's `addauth` has it.
    ///
    /// # Errors
    /// The text has no colon, or nothing before or after it.
    pub fn digest(text: &str) -> Result<Self, AuthError> {
        let text = text.strip_prefix("digest:").unwrap_or(text);
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(Self {
                user: user.to_owned(),
                password: password.to_owned(),
            }),
            _ => Err(AuthError),
        }
    }

    /// A user whose password came by itself.
    ///
    /// # Errors
    /// One of both is empty.
    pub fn new(user: &str, password: &str) -> Result<Self, AuthError> {
        if user.is_empty() || password.is_empty() {
            return Err(AuthError);
        }
        let (user, password) = (user.to_owned(), password.to_owned());
        Ok(Self { user, password })
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn sasl(&self) -> zk::SaslOptions {
        zk::SaslOptions::digest_md5(self.user.clone(), self.password.clone()).into()
    }

    /// Whom an ACL of the digest scheme names.
    pub(crate) fn id(&self) -> zk::AuthId {
        let hash = Sha1::digest(self.credentials());
        zk::AuthId::new(
            "digest",
            &format!("{}:{}", self.user, STANDARD.encode(hash)),
        )
    }

    pub(crate) fn credentials(&self) -> Vec<u8> {
        format!("{}:{}", self.user, self.password).into_bytes()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "digest:{}:…", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_in_time_with_the_usual_tick() {
        let tick = Duration::from_secs(2);
        let second = Duration::from_secs(1);
        for (seconds, asked) in [(6, 4_500), (30, 28_500), (1, 750)] {
            let session_timeout = second * seconds;
            let options = Options {
                servers: "zk1".parse().unwrap(),
                auth: None,
                sasl: None,
                acl: Vec::new(),
                agents: None,
                is_agent: false,
                tls: None,
                session_timeout,
            };
            assert_eq!(options.asked_timeout(), Duration::from_millis(asked));
            let late = options.asked_timeout() + tick;
            assert!(seconds < 6 || late < session_timeout + second);
        }
    }

    #[test]
    fn identities() {
        let auth = Auth::digest("ops:s3:cret").unwrap();
        assert_eq!(auth, Auth::digest("digest:ops:s3:cret").unwrap());
        assert_eq!(auth.credentials(), b"ops:s3:cret");
        assert_eq!(format!("{auth:?}"), "digest:ops:…");
        // As ZooKeeper's own DigestAuthenticationProvider says.
        let admin = Auth::digest("super:admin").unwrap();
        assert_eq!(admin.id().id(), "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
        for text in ["", "ops", "ops:", ":s3cret", "digest:ops"] {
            assert_eq!(Auth::digest(text), Err(AuthError), "{text}");
        }
    }
}
