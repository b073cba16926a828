//! What is published, by whom, and when.
//!
//! * [`draft`] is the next snapshot, and whether it is due; [`hold`] whether a drop of names is in doubt;
//!   [`settings`] by what all replicas must agree. Pure.
//! * [`publisher`] stands for election and writes the draft, fenced.
//! * [`hold_znode`], [`notice`] and [`incarnation`] are what replicas tell each other.
//! * [`access`]: whether this identity may keep its state in ZooKeeper.

pub mod access;
pub mod draft;
pub mod hold;
pub mod hold_znode;
pub mod incarnation;
pub mod notice;
pub mod publisher;
mod role;
pub mod settings;

pub use role::Role;
