//! The record of a service.

use super::{Instance, Membership};

/// A record that makes its znode a service of its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What its SRV records say, where the record tells.
    pub srv: Option<Srv>,
    /// How long an answer may be kept, in seconds.
    pub ttl: u32,
}

/// What the SRV records of a service say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// The service, such as `_http`.
    pub service: Box<str>,
    /// The protocol, such as `_tcp`.
    pub proto: Box<str>,
    /// The port of every instance whose own record names none.
    pub port: Option<u16>,
}

impl Service {
    /// Whether a child with such a record is an instance of the service.
    pub fn takes(&self, instance: &Instance) -> bool {
        instance.membership == Membership::Eligible
    }
}
