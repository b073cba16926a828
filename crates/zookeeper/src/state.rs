//! What a session is doing, as a value to show.

use std::fmt;
use std::time::SystemTime;

/// What a session is doing, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No session yet, or the last one is gone for good.
    Connecting {
        /// When this state began.
        since: SystemTime,
        /// Why the last try failed, if there was one.
        failure: Option<String>,
    },
    /// A server answers.
    Connected {
        /// When the connection was made.
        since: SystemTime,
        /// ZooKeeper's number of the session.
        session_id: i64,
    },
    /// The connection broke; the session may still live on the servers.
    Disconnected {
        /// When the loss was noticed.
        since: SystemTime,
    },
}

impl State {
    /// True when a server answers.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// When this state began.
    pub fn since(&self) -> SystemTime {
        match self {
            Self::Connecting { since, .. }
            | Self::Connected { since, .. }
            | Self::Disconnected { since } => *since,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { failure: None, .. } => f.write_str("connecting"),
            Self::Connecting {
                failure: Some(failure),
                ..
            } => write!(f, "connecting: {failure}"),
            Self::Connected { session_id, .. } => write!(f, "connected, session {session_id:#x}"),
            Self::Disconnected { .. } => f.write_str("connection lost"),
        }
    }
}
