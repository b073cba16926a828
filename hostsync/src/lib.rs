//! Keeps /etc/hosts in step with the names that a nameserver publishes.
//!
//! Data flows one way: `subscription` yields the latest good snapshot, `entries` selects from it,
//! `hosts_file` makes the file agree. `agent` is the loop around them: one idempotent pass that
//! snapshots, foreign edits, signals and timers only wake.

pub mod cache;
pub mod entries;
pub mod hosts_file;
pub mod published;
pub mod subscription;
mod temporary;
