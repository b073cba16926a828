//! What is to be said of a znode.

use contract::{MAX_ADDRESSES_PER_NAME, Name, NameError, ZnodePath};

use crate::records::{Format, Outage, Problem};

/// Why a znode gives no name, or fewer addresses than it could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Nothing is wrong; there is nothing to name.
    #[error("{0}, and no child has an address")]
    Nameless(&'static str),
    /// Nothing is wrong; the service has no instance now.
    #[error("holds a service record, and no child of a type that counts for one is in service")]
    NoInstances,
    /// Nothing is wrong; the instance is out of service.
    #[error("is out of service: {0}")]
    OutOfService(Outage),
    /// Nothing is wrong; the znode's name is an address rather than a label.
    #[error("has no name of its own, as {0} znodes have none; it counts for the service above it")]
    InName(Format),
    /// The data should be an address and is not.
    #[error(transparent)]
    Record(#[from] Problem),
    /// A host name that leads to no address.
    #[error("{:?} is a host name, not an address, and {why}", host.as_str())]
    HostName {
        /// The host name.
        host: Name,
        /// Why it leads nowhere.
        why: DeadEnd,
    },
    /// There are addresses, but the path makes no name.
    #[error("its path makes no name: {0}")]
    Name(#[from] NameError),
    /// Another path has the name.
    #[error("its name {name} is taken by {winner}")]
    Taken {
        /// The name.
        name: Name,
        /// The path whose name it is.
        winner: ZnodePath,
    },
    /// More addresses than one name may have.
    #[error(
        "service {name} has {count} addresses; only the first {MAX_ADDRESSES_PER_NAME} are named"
    )]
    TooMany {
        /// The service.
        name: Name,
        /// Its addresses.
        count: usize,
    },
}

/// Why a host name leads to no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeadEnd {
    /// Nothing in the tree has the name, and the system's resolver was not asked.
    #[error("no znode gives that name; --resolve-hostnames asks the system's resolver too")]
    Unknown,
    /// Nothing in the tree has the name, and the system's resolver no address that others could use.
    #[error("neither a znode nor the system's resolver has an address for that name")]
    Unresolved,
    /// A znode has the name, but leads to no address either.
    #[error("the znode of that name leads to no address")]
    Nowhere,
    /// A znode has the name, and leads back to where the host name was found.
    #[error("the znode of that name leads back to here")]
    Loop,
}

impl Finding {
    /// True for what an operator should mend.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::Nameless(_) | Self::NoInstances | Self::OutOfService(_) | Self::InName(_)
        )
    }
}
