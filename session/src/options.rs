//! How to reach ZooKeeper, and as whom.

use std::fmt;
use std::time::Duration;

use crate::Servers;

/// How to reach ZooKeeper, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// The servers and the chroot.
    pub servers: Servers,
    /// Whom to authenticate as, if anyone.
    pub auth: Option<Auth>,
    /// How long the server keeps the session of a client that it does not hear from; also the
    /// deadline of each call. The server may negotiate another value.
    pub session_timeout: Duration,
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
