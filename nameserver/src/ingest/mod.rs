//! Reads what names are made of: the tree from ZooKeeper, and host names from the system's resolver.
//!
//! * [`walk`] reads the whole tree, [`changes`] says what is to be read again after events, and
//!   [`pass`] what a walk is to change that went on meanwhile.
//! * [`resolver`] asks for host names that no znode gives.

pub mod changes;
pub mod pass;
pub mod resolver;
pub mod walk;
