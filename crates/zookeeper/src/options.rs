//! How to reach ZooKeeper, and as whom.

use std::fmt;
use std::time::Duration;

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
    /// How to speak TLS, if that is to be spoken.
    pub tls: Option<Tls>,
    /// How long the servers are to keep the session of a client that they do not hear from, at most
    /// a second more; what is agreed with them is also the deadline of each call.
    pub session_timeout: Duration,
}

/// How much later than agreed a server may end a session: it looks only once in a `tickTime`, which
/// is two seconds long by default. A second of it is allowed for.
const LATE: Duration = Duration::from_millis(1_500);

impl Options {
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
        let mut acls = zk::Acls::creator_all().to_vec();
        acls.extend_from_slice(&zk::Acls::anyone_read());
        acls
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
        for text in ["", "ops", "ops:", ":s3cret", "digest:ops"] {
            assert_eq!(Auth::digest(text), Err(AuthError), "{text}");
        }
    }
}
