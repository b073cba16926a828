//! `--dns`: this replica answers DNS from its own live tree, leader or not.
//!
//! [`catalog`] holds what every name answers with and follows the tree change by change; [`answer`]
//! and [`transfer`] make records of it. All three are pure, and so is [`message`], which turns the bytes
//! of a query into a question and what answers it into the bytes of a response. [`service`] decides
//! what becomes of a message, [`server`] has the sockets, and [`forward`] asks another resolver for
//! what lies outside of our zones.

pub mod answer;
pub mod catalog;
mod datagrams;
mod entry;
pub mod flags;
pub mod forward;
pub(crate) mod freshness;
pub mod message;
mod names;
pub mod networks;
mod reverse;
pub mod server;
pub mod service;
pub mod shared;
pub mod tally;
mod tcp;
pub mod transfer;
mod udp;

pub use answer::{Question, Reply};
pub use catalog::{Catalog, Freshness, Settings};
pub use flags::{Dns, DnsArgs, Told};
pub use shared::SharedCatalog;

#[cfg(test)]
mod tests;
