//! Which address others reach this host by.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;

use contract::{Address, AddressError};
use nix::ifaddrs::getifaddrs;
use zookeeper::Servers;

/// Documentation addresses stand for any host that is far away; nothing is ever sent to them.
const FAR_AWAY: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];

/// Where the address of this host comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChoice {
    /// The one that the system uses towards ZooKeeper.
    Towards(Servers),
    /// This one.
    Fixed(Address),
    /// The first one of this interface, IPv4 before IPv6.
    Interface(String),
}

/// `--address`: an address or the name of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressArg {
    /// An address.
    Address(Address),
    /// An interface.
    Interface(String),
}

impl FromStr for AddressArg {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(AddressError::Syntax(_)) if is_interface_name(text) => {
                Ok(Self::Interface(text.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

impl AddressChoice {
    /// What the flag asks for, or else the way to these servers.
    pub fn new(arg: Option<&AddressArg>, servers: Servers) -> Self {
        match arg {
            None => Self::Towards(servers),
            Some(AddressArg::Address(address)) => Self::Fixed(*address),
            Some(AddressArg::Interface(name)) => Self::Interface(name.clone()),
        }
    }

    /// The address now. Looks host names up, so it may take a while.
    ///
    /// # Errors
    /// There is none, and what to do.
    pub fn find(&self) -> Result<Address, String> {
        match self {
            Self::Fixed(address) => Ok(*address),
            Self::Interface(name) => of_interface(name),
            Self::Towards(servers) => {
                // Else each way would look as if it led nowhere.
                UdpSocket::bind("0.0.0.0:0")
                    .or_else(|_| UdpSocket::bind("[::]:0"))
                    .map_err(|error| error.to_string())?;
                towards(servers).ok_or_else(|| {
                    format!("no address of this host leads to ZooKeeper at {servers} and to others; name one with --address")
                })
            }
        }
    }
}

/// As Linux has it: up to 15 bytes without a slash, a colon or a blank.
fn is_interface_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
    (1..=15).contains(&text.len()) && text.chars().all(allowed)
}

fn of_interface(name: &str) -> Result<Address, String> {
    let interfaces =
        getifaddrs().map_err(|error| format!("cannot list the interfaces: {error}"))?;
    let (mut exists, mut found) = (false, Vec::new());
    for interface in interfaces.filter(|interface| interface.interface_name == name) {
        exists = true;
        let Some(storage) = interface.address else {
            continue;
        };
        let v4 = storage
            .as_sockaddr_in()
            .map(|address| IpAddr::V4(address.ip()));
        let v6 = storage
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()));
        found.extend(v4.or(v6));
    }
    best(found).ok_or_else(|| {
        if exists {
            format!("interface {name:?} has no address yet that others could use; see --address")
        } else {
            format!("there is no interface {name:?}; see --address")
        }
    })
}

/// IPv4 before IPv6, and none that is only valid on one link.
fn best(addresses: Vec<IpAddr>) -> Option<Address> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    let addresses = addresses.into_iter().filter(usable);
    let mut addresses: Vec<Address> = addresses.filter_map(|ip| ip.try_into().ok()).collect();
    addresses.sort_by_key(|address| address.ip().is_ipv6());
    addresses.first().copied()
}

/// The address towards the first server that is not on this very host; else the one towards the
/// rest of the world.
fn towards(servers: &Servers) -> Option<Address> {
    let mut sources = servers.endpoints().filter_map(|server| {
        use std::net::ToSocketAddrs;
        let targets = server.to_socket_addrs().ok()?;
        targets
            .filter_map(|target| source(target).ok())
            .find_map(|ip| ip.try_into().ok())
    });
    let far_away = || {
        let targets = FAR_AWAY.iter().filter_map(|target| target.parse().ok());
        let mut sources = targets.filter_map(|target| source(target).ok());
        sources.find_map(|ip| ip.try_into().ok())
    };
    sources.next().or_else(far_away)
}

/// The address that the system would send from. Connecting a datagram socket sends nothing.
fn source(target: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        let address = |text: &str| text.parse::<AddressArg>();
        assert_eq!(
            address("10.0.0.5").unwrap(),
            AddressArg::Address("10.0.0.5".parse().unwrap())
        );
        assert!(matches!(address("fd00::5"), Ok(AddressArg::Address(_))));
        assert_eq!(
            address("eth0").unwrap(),
            AddressArg::Interface("eth0".into())
        );
        for text in [
            "127.0.0.1",
            "::1",
            "",
            "an interface",
            "a/b",
            "much-too-long-a-name",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_best_address_is_one_that_others_reach() {
        let best = |texts: &[&str]| {
            let addresses = texts.iter().map(|text| text.parse().unwrap());
            best(addresses.collect()).map(|address| address.to_string())
        };
        assert_eq!(
            best(&["fe80::1", "fd00::5", "169.254.0.1", "10.0.0.5"]).as_deref(),
            Some("10.0.0.5")
        );
        assert_eq!(best(&["fe80::1", "fd00::5"]).as_deref(), Some("fd00::5"));
        assert_eq!(best(&["127.0.0.1", "fe80::1"]), None);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let error = AddressChoice::Interface("nowhere0".into())
            .find()
            .unwrap_err();
        assert!(error.contains("no interface \"nowhere0\""), "{error}");
        let error = AddressChoice::Interface("lo".into()).find().unwrap_err();
        assert!(error.contains("no address yet"), "{error}");
    }
}
