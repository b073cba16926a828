//! Keeps /etc/hosts in step with the names that a nameserver publishes.
//!
//! Data flows one way: [`subscription`] yields the latest good snapshot, [`entries`] selects from
//! it, [`hosts_file`] makes the file agree. [`agent`] is the loop around them: one idempotent pass
//! that snapshots, foreign edits, signals and timers only wake. [`keeper`] keeps what was applied
//! in a [`cache`], for a start without ZooKeeper; [`socket`] answers with a [`status`], and
//! a service manager is told by [`manager`].

pub mod agent;
pub mod binding;
pub mod cache;
pub mod children;
pub mod cli;
pub mod commands;
pub mod entries;
pub mod findings;
pub mod health;
pub mod hosts_file;
pub mod keeper;
pub mod manager;
pub mod observation;
pub mod places;
pub mod presence;
pub mod published;
pub mod registration;
pub mod report;
pub mod socket;
pub mod status;
pub mod subscription;

mod temporary;
mod unread;
