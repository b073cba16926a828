//! What an agent tells of itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::body::body;

/// The body of `STATE/agents/ID`: what this agent has applied.
///
/// One that is in step tells so no oftener than [`Head::presence`](crate::Head::presence) asks: what it told
/// may be older than the newest generation for so long. One that is not says so within two seconds.
///
/// Where that znode is another agent's, the body stands at `ID+2`, `ID+3`, … and names its `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// For how long that generation was in the file when this was written, in milliseconds: the time of the
    /// znode less this is when it came there. Left out where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago_ms: Option<u64>,
    /// The generation in the file; 0 for none.
    pub applied: u64,
    /// Why it is not in step, if it is not.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub complaint: Option<String>,
    /// How many files it keeps, where it is not just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<AgentFiles>,
    /// What its machine is called.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub host: Option<String>,
    /// The file, or what stands for all of them.
    #[serde(default)]
    pub hosts_file: PathBuf,
    /// Given where the znode is not called so.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// How many names of ours are in the file.
    #[serde(default)]
    pub names: usize,
    /// Its release.
    #[serde(
        default,
        deserialize_with = "crate::plain::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub version: Option<String>,
}

/// The hosts files of an agent that keeps several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFiles {
    /// All that there are.
    pub count: usize,
    /// Those of them that cannot be kept.
    pub failing: usize,
}

body!(Agent);
