//! `--dns`: this replica answers DNS from its own live tree, leader or not.
//!
//! [`zones`] holds what every name answers with and follows the tree change by change; [`answer`]
//! and [`transfer`] make records of it. All three are pure, and so is [`message`], which turns the bytes
//! of a query into a question and what answers it into the bytes of a response. [`service`] decides
//! what becomes of a message, [`server`] has the sockets, and [`forward`] asks another resolver for
//! what lies outside of our zones.

pub mod access;
pub mod flags;
pub mod forward;
pub mod server;
pub mod statistics;
pub mod wire;
pub mod zones;

pub use flags::{Dns, DnsArgs, Told};
pub use zones::{Freshness, Question, Reply, Settings, SharedZones, Zones};
