//! `--dns`: this replica answers DNS from its own live tree, leader or not.
//!
//! [`catalog`] holds what every name answers with and follows the tree change by change; [`answer`]
//! and [`transfer`] make records of it. All three are pure. `message` turns the bytes of a query into
//! those of its response, `server` has the sockets, and `forward` asks another resolver for what lies
//! outside of our zones.

pub mod answer;
pub mod catalog;
mod entry;
mod reverse;
pub mod transfer;

pub use answer::{Question, Reply};
pub use catalog::{Catalog, Freshness, Settings};

#[cfg(test)]
mod tests;
