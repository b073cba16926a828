//! How to reach ZooKeeper, and as whom.

use std::fmt;
use std::time::Duration;

use crate::{Servers, Tls};

/// How to reach ZooKeeper, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// The servers and the chroot.
    pub servers: Servers,
    /// Whom to authenticate as, if anyone.
    pub auth: Option<Auth>,
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
        self.auth.is_some() || self.tls.as_ref().is_some_and(Tls::has_identity)
    }

    /// The session timeout to ask the servers for, so that the session ends in time.
    pub(crate) fn asked_timeout(&self) -> Duration {
        self.session_timeout - LATE.min(self.session_timeout / 4)
    }
}

/// An identity of ZooKeeper's `digest` scheme. Its password is never shown.
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

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
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
