//! What a replica is in the election.

use serde::Serialize;

/// What this replica is in the election.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// No candidate, since ZooKeeper does not answer or refuses.
    #[default]
    Idle,
    /// Waits for its turn, with a warm tree.
    StandingBy,
    /// Publishes.
    Leading,
}
