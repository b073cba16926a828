//! What a replica tells of itself in the election.

use serde::{Deserialize, Serialize};

use crate::body::body;

/// The body of a replica's own znode below `STATE/election`, or below `STATE/aside` where it does not
/// stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The name of the replica.
    #[serde(deserialize_with = "crate::plain::text")]
    pub id: String,
    /// The machine since it was started, and the namespace in which `pid` means something; empty
    /// where the system does not tell.
    pub machine: String,
    /// The number of its process.
    pub pid: u32,
    /// When the process began, in the kernel's ticks, since numbers of processes are used again.
    pub started: u64,
    /// What it cannot do, and why.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub complaint: Option<String>,
    /// Where it tells of itself over HTTP, as HOST:PORT, where it does.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub http: Option<String>,
    /// Another replica has its id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_id: bool,
}

body!(Candidate);
