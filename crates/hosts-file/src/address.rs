//! An IP address that may stand in a hosts file.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::Quoted;
#[cfg(feature = "serde")]
use crate::text::as_text;

/// An IP address that a name may have: never unspecified, loopback, multicast or broadcast.
///
/// An IPv4-mapped IPv6 address is held as the IPv4 address that it stands for, so that one host has
/// one text. The text form is canonical (RFC 5952 for IPv6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(IpAddr);

#[cfg(feature = "serde")]
as_text!(Address, |address, to| to.collect_str(address));

/// Why a text or an IP address is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is not an IPv4 or IPv6 address.
    #[error("{} is not an IP address", Quoted(.0))]
    Syntax(String),
    /// `0.0.0.0` or `::`.
    #[error("{0} is the unspecified address, which no host has")]
    Unspecified(IpAddr),
    /// `127.0.0.0/8` or `::1`, also as an IPv4-mapped address.
    #[error("{0} is a loopback address, which means another host to each reader")]
    Loopback(IpAddr),
    /// `224.0.0.0/4` or `ff00::/8`.
    #[error("{0} is a multicast address, which is not one host")]
    Multicast(IpAddr),
    /// `255.255.255.255`.
    #[error("{0} is the broadcast address, which is not one host")]
    Broadcast(IpAddr),
}

impl Address {
    /// The IP address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl TryFrom<IpAddr> for Address {
    type Error = AddressError;

    fn try_from(given: IpAddr) -> Result<Self, AddressError> {
        let ip = given.to_canonical();
        if ip.is_unspecified() {
            Err(AddressError::Unspecified(given))
        } else if ip.is_loopback() {
            Err(AddressError::Loopback(given))
        } else if ip.is_multicast() {
            Err(AddressError::Multicast(given))
        } else if ip == Ipv4Addr::BROADCAST {
            Err(AddressError::Broadcast(given))
        } else {
            Ok(Self(ip))
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<IpAddr>()
            .map_err(|_| AddressError::Syntax(text.to_owned()))?
            .try_into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text() {
        for (given, canonical) in [
            ("10.0.0.5", "10.0.0.5"),
            ("FD00:0:0::5", "fd00::5"),
            ("::ffff:10.0.0.5", "10.0.0.5"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(given.parse::<Address>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn addresses_of_no_single_host_are_refused() {
        use AddressError::*;
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let parse = |text: &str| text.parse::<Address>().unwrap_err();
        for text in ["127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(parse(text), Loopback(ip(text)));
        }
        for text in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
            assert_eq!(parse(text), Unspecified(ip(text)));
        }
        for text in ["224.0.0.1", "239.1.2.3", "ff02::1", "::ffff:224.0.0.1"] {
            assert_eq!(parse(text), Multicast(ip(text)));
        }
        for text in ["255.255.255.255", "::ffff:255.255.255.255"] {
            assert_eq!(parse(text), Broadcast(ip(text)));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "10.0.0",
            "010.0.0.1",
            "1.2.3.4\nevil",
            " 1.2.3.4",
            "1.2.3.4 ",
            "host",
            "fe80::1%eth0",
            "[::2]",
        ] {
            assert_eq!(
                text.parse::<Address>(),
                Err(AddressError::Syntax(text.to_owned()))
            );
        }
    }
}
