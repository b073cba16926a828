//! An instance: something that runs somewhere.

use std::fmt;

use contract::{Address, Name};
use smallvec::SmallVec;

use super::{Endpoint, Endpoints, Format, Host};

/// An instance of a service, or a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What kind of record says so.
    pub format: Format,
    /// Where it can be reached, at least one; several of one host differ in the port.
    pub endpoints: Endpoints,
    /// How long an answer may be kept, in seconds, where the record says so.
    pub ttl: Option<u32>,
    /// The priority of its SRV record, where the record has one.
    pub priority: Option<u16>,
    /// The weight of its SRV record, where the record has one.
    pub weight: Option<u16>,
    /// Why it is out of service; none while it is in service.
    pub outage: Option<Outage>,
    /// For which services it counts.
    pub membership: Membership,
    /// Whether the record says no more than plain text could, as hostsync's own registrations.
    pub plain: bool,
    /// Whether its znode is ephemeral, which no record tells.
    pub ephemeral: bool,
}

/// Why an instance is out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// A ServerSet member of another status than `ALIVE`.
    NotAlive,
    /// nerve's `"available":false`.
    NotAvailable,
    /// Curator's `"enabled":false`.
    NotEnabled,
    /// A payload that says `OUT_OF_SERVICE`.
    OutOfService,
    /// Spring Cloud's `instance_status` of another value than `UP`.
    NotUp,
    /// `"healthy":false` or the like.
    NotHealthy,
    /// `"active":false` or the like.
    NotActive,
    /// A `state` or `status` that means so.
    State,
}

/// For which services an instance counts, its parent being the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// For a service without a record of its own.
    Plain,
    /// Also for one with a service record.
    Eligible,
    /// For none: it is a host of its own.
    Apart,
}

impl Instance {
    /// An instance of one endpoint, in service, that counts for its parent.
    pub(super) fn new(format: Format, endpoint: Endpoint) -> Self {
        Self::at(format, SmallVec::from_buf([endpoint]))
    }

    /// An instance of several endpoints.
    pub(super) fn at(format: Format, endpoints: SmallVec<[Endpoint; 1]>) -> Self {
        Self {
            format,
            endpoints: endpoints.into(),
            ttl: None,
            priority: None,
            weight: None,
            outage: None,
            membership: Membership::Plain,
            plain: format == Format::Text,
            ephemeral: false,
        }
    }

    /// True when it is in service.
    pub fn is_in_service(&self) -> bool {
        self.outage.is_none()
    }

    /// The addresses that the record itself holds.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.endpoints
            .iter()
            .filter_map(|endpoint| match endpoint.host {
                Host::Address(address) => Some(address),
                Host::Name(_) | Host::Word(_) => None,
            })
    }

    /// The host names that the record holds in place of addresses, and words that may be some.
    pub fn host_names(&self) -> impl Iterator<Item = &Name> {
        self.endpoints
            .iter()
            .filter_map(|endpoint| match &endpoint.host {
                Host::Address(_) => None,
                Host::Name(name) | Host::Word(name) => Some(name),
            })
    }

    /// The word that the record is, if it is nothing more.
    pub fn word(&self) -> Option<&Name> {
        match &*self.endpoints {
            [
                Endpoint {
                    host: Host::Word(word),
                    ..
                },
            ] => Some(word),
            _ => None,
        }
    }

    /// Whether the record is an address and nothing more. Curator writes its own machine's into what
    /// is created without data.
    pub fn is_bare(&self) -> bool {
        let is_bare = |endpoint: &Endpoint| {
            endpoint.port.is_none() && matches!(endpoint.host, Host::Address(_))
        };
        self.format == Format::Text
            && self.endpoints.len() == 1
            && self.endpoints.iter().all(is_bare)
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAlive => "its status is not ALIVE",
            Self::NotAvailable => "it says \"available\":false",
            Self::NotEnabled => "it says \"enabled\":false",
            Self::OutOfService => "its payload says OUT_OF_SERVICE",
            Self::NotUp => "its instance_status is not UP",
            Self::NotHealthy => "it says \"healthy\":false",
            Self::NotActive => "it says that it is not active",
            Self::State => "its state or status says so",
        })
    }
}
