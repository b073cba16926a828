//! Turns a live ZooKeeper tree into names and publishes them as one snapshot.
//!
//! The data flows one way, from the last room to the first: [`records`] turns the bytes of a znode into
//! instances, [`namespace`] keeps the copy of the tree and the names, [`ingest`] reads znodes and keeps
//! both in step with ZooKeeper, [`publish`] knows what is to be published and writes it while this
//! replica leads, [`dns`] answers from the same names, [`observe`] tells of all that, and [`commands`]
//! puts the parts together. A room knows only those behind it.

pub mod commands;
pub mod dns;
pub mod ingest;
pub mod namespace;
pub mod observe;
pub mod publish;
pub mod records;
