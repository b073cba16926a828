//! Why a call to ZooKeeper failed.

use std::time::Duration;

use zookeeper_client as zk;

/// Why a call to ZooKeeper failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection broke. Ask the session for a new one and start over.
    #[error("the connection to ZooKeeper was lost")]
    Lost,
    /// No answer within the deadline.
    #[error("ZooKeeper did not answer within {0:?}")]
    Timeout(Duration),
    /// The znode's ACL does not let this identity do that.
    #[error(
        "not authorised: the znode's ACL does not allow it; see --auth, --sasl-user and --tls-cert"
    )]
    NotAuthorized,
    /// The servers refuse the identity itself.
    #[error("ZooKeeper refuses the identity; see --auth and --sasl-user")]
    AuthFailed,
    /// The znode, or the parent of one to be created, is not there.
    #[error("no such znode")]
    NoNode,
    /// The znode to be created is there already.
    #[error("the znode exists already")]
    NodeExists,
    /// The znode was written by somebody else meanwhile.
    #[error("the znode was changed by somebody else meanwhile")]
    BadVersion,
    /// The znode has children.
    #[error("the znode has children")]
    NotEmpty,
    /// The lock that makes this process the leader is gone.
    #[error("this process no longer leads")]
    Deposed,
    /// Anything else that the client or a server says.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// True when the connection, not the request, is to blame, so that starting over may help.
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Lost | Self::Timeout(_))
    }
}

impl From<zk::Error> for Error {
    fn from(error: zk::Error) -> Self {
        match error {
            zk::Error::ConnectionLoss
            | zk::Error::SessionExpired
            | zk::Error::SessionMoved
            | zk::Error::ClientClosed
            | zk::Error::Timeout
            | zk::Error::NoHosts
            // What the system says of the connection, such as its reset, or that nobody answers.
            | zk::Error::Custom(_)
            // The client's task is gone, or does not know what the server means.
            | zk::Error::UnexpectedError(_) => Self::Lost,
            zk::Error::NoAuth => Self::NotAuthorized,
            zk::Error::AuthFailed => Self::AuthFailed,
            zk::Error::NoNode => Self::NoNode,
            zk::Error::NodeExists => Self::NodeExists,
            zk::Error::BadVersion => Self::BadVersion,
            zk::Error::NotEmpty => Self::NotEmpty,
            zk::Error::InvalidAcl => Self::Other(
                "ZooKeeper does not take the ACL: it does not know us by what says who we are, or --acl names what it does not know"
                    .to_owned(),
            ),
            zk::Error::RuntimeInconsistent => Self::Deposed,
            other => Self::Other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_one_however_the_client_says_it() {
        for error in [
            zk::Error::ConnectionLoss,
            zk::Error::SessionExpired,
            zk::Error::ClientClosed,
            zk::Error::Timeout,
            zk::Error::NoHosts,
        ] {
            assert!(Error::from(error.clone()).is_connection(), "{error}");
        }
        assert!(!Error::from(zk::Error::NoAuth).is_connection());
        assert!(!Error::from(zk::Error::Throttled).is_connection());
    }
}
