//! Turns a live ZooKeeper tree into names and publishes them as one snapshot.

pub mod records;
pub mod scope;
pub mod zone;
