//! What is published, by whom, and when.
//!
//! * [`draft`] is the next snapshot, and whether it is due; [`hold`] whether a drop of names is in doubt;
//!   [`settings`] by what all replicas must agree; `hold_znode` what the leader tells of a hold. Pure.
//! * `core` decides from all these about the election and about each read and write. Pure.
//! * [`driver`] does what the core says: it stands for election, and reads and writes, fenced.
//! * [`notice`] and [`incarnation`] are what replicas tell each other.
//! * [`agreement`]: whether what is published agrees with the tree, whoever leads.
//! * [`mending`]: the leader keeps what others write below `STATE` open to them.
//! * [`access`]: whether this identity may keep its state in ZooKeeper.

pub mod access;
mod action;
pub mod agreement;
mod core;
pub mod draft;
pub mod driver;
pub mod hold;
pub mod hold_znode;
pub mod incarnation;
pub mod mending;
pub mod notice;
pub mod paging;
mod role;
pub mod settings;

pub use role::Role;
