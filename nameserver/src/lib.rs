//! Turns a live ZooKeeper tree into names and publishes them as one snapshot.
//!
//! The data flows one way: [`walk`] and the session's watch read znodes, [`records`] turns their
//! bytes into instances, [`zone`] keeps the copy of the tree and the names, [`draft`] knows what is
//! to be published, and [`publisher`] writes it while this replica leads. [`run`] holds them
//! together; everything between reading and writing is pure.

pub mod access;
pub mod changes;
pub mod check;
pub mod cli;
pub mod commands;
pub mod dns;
pub mod draft;
pub mod hold;
pub mod hold_znode;
pub mod incarnation;
pub mod notice;
pub mod operate;
pub mod overview;
pub mod problems;
pub mod publisher;
pub mod records;
pub mod resolver;
pub mod run;
pub mod scope;
pub mod settings;
pub mod status;
pub mod walk;
pub mod zone;
