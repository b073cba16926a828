//! Reads what names are made of: the tree from ZooKeeper, and host names from the system's resolver.
//!
//! * [`walk`] reads the whole tree, [`changes`] says what is to be read again after events.
//! * [`resolver`] asks for host names that no znode gives.

pub mod changes;
pub mod resolver;
pub mod walk;
