//! Keeps /etc/hosts in step with the names that a nameserver publishes.
//!
//! Data flows one way: [`follow`] yields the latest good snapshot, [`apply`] selects from it and has the
//! crate [`hosts_file`] make the file agree, in one idempotent pass that snapshots, foreign edits, signals and timers only wake.
//! [`register`] puts this container into the tree while its [`health`] is good, [`bind`] picks one instance
//! of a service for it. [`store`] is what lies on disk, [`observe`] all that is told outside, and
//! [`commands`] puts the parts together. A room knows only those behind it.

pub mod address;
pub mod apply;
pub mod bind;
pub mod children;
pub mod commands;
pub mod follow;
pub mod health;
#[cfg(test)]
mod model;
pub mod observe;
pub mod register;
pub mod store;
