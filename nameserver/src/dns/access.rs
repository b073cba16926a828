//! Who may ask for what: networks of source addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How many leading bits all IPv6 addresses share that stand for an IPv4 address.
const MAPPED_LEN: u8 = 96;

/// What is nobody else's: loopback, the private networks (RFC 1918 and RFC 4193) and the link.
const PRIVATE: [IpNet; 8] = [
    v4([127, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([169, 254, 0, 0], 16),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    v6(0xfc00, 7),
    v6(0xfe80, 10),
];

/// A set of networks. An IPv4 address is the same whether it comes by itself or mapped into IPv6
/// (`::ffff:10.0.0.5`), as a socket for both reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is neither an address nor a network.
    #[error("not an address such as 10.0.0.5, nor a network such as 10.0.0.0/8 or fd00::/8")]
    Syntax,
    /// The address goes on behind the length, so that either of the two may be meant.
    #[error(
        "{host} is not the first address of a network that long: say {network}, or {host} alone"
    )]
    HostBits {
        /// The address that was given.
        host: IpAddr,
        /// The network that it lies in.
        network: IpNet,
    },
}

impl Networks {
    /// Sources that are no strangers: loopback, the private networks and the link.
    pub fn private() -> Self {
        Self(PRIVATE.to_vec())
    }

    /// Whether an address lies in one of the networks.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }
}

impl From<Vec<IpNet>> for Networks {
    fn from(networks: Vec<IpNet>) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }
}

/// Reads `ADDR` (one host) or `ADDR/LEN`, for the command line.
///
/// # Errors
/// It is neither, or the address does not end where the network does.
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    if let Ok(host) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(host));
    }
    let given: IpNet = text.parse().map_err(|_| NetworkError::Syntax)?;
    let (host, network) = (given.addr(), given.trunc());
    if given == network {
        Ok(network)
    } else {
        Err(NetworkError::HostBits { host, network })
    }
}

/// A network of IPv4 addresses mapped into IPv6 as the IPv4 network that it stands for.
fn canonical(network: IpNet) -> IpNet {
    let length = network.prefix_len().checked_sub(MAPPED_LEN);
    match (network.addr().to_canonical(), length) {
        (ip @ IpAddr::V4(_), Some(length)) if matches!(network, IpNet::V6(_)) => {
            IpNet::new(ip, length).unwrap_or(network)
        }
        _ => network,
    }
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(first: u16, length: u8) -> IpNet {
    let address = Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0);
    IpNet::V6(Ipv6Net::new_assert(address, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        let parsed = texts.iter().map(|text| parse_network(text));
        Networks::from(parsed.collect::<Result<Vec<_>, _>>().expect("networks"))
    }

    #[track_caller]
    fn check(networks: &Networks, inside: &[&str], outside: &[&str]) {
        let contains = |ip: &&str| networks.contains(ip.parse().expect("an address"));
        let missed: Vec<_> = inside.iter().filter(|ip| !contains(ip)).collect();
        let caught: Vec<_> = outside.iter().filter(|ip| contains(ip)).collect();
        assert!(
            missed.is_empty() && caught.is_empty(),
            "{missed:?} {caught:?}"
        );
    }

    #[test]
    fn private_networks_to_their_edges() {
        let inside = [
            "127.0.0.0",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "::1",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
        ];
        let outside = [
            "126.255.255.255",
            "128.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "::2",
            "fbff::1",
            "fe00::1",
            "fe7f::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
        ];
        check(&Networks::private(), &inside, &outside);
    }

    #[test]
    fn what_was_listed_and_nothing_else() {
        let listed = networks(&[
            "192.0.2.7",
            "198.51.100.0/25",
            "2001:db8::/32",
            "2001:db9::1",
        ]);
        let inside = [
            "192.0.2.7",
            "::ffff:192.0.2.7",
            "198.51.100.0",
            "198.51.100.127",
            "2001:db8:ffff::1",
            "2001:db9::1",
        ];
        let outside = [
            "192.0.2.6",
            "192.0.2.8",
            "198.51.100.128",
            "2001:db7::1",
            "2001:db9::2",
            "127.0.0.1",
        ];
        check(&listed, &inside, &outside);
        check(&Networks::from(Vec::new()), &[], &["127.0.0.1", "::1"]);
    }

    #[test]
    fn everybody_of_one_family() {
        check(
            &networks(&["0.0.0.0/0"]),
            &["8.8.8.8", "::ffff:8.8.8.8"],
            &["::", "2001:db8::1"],
        );
        check(
            &networks(&["::/0"]),
            &["::1", "2001:db8::1"],
            &["8.8.8.8", "::ffff:8.8.8.8"],
        );
    }

    #[test]
    fn mapped_networks_are_ipv4_networks() {
        let mapped = networks(&["::ffff:10.0.0.0/104", "::ffff:192.0.2.7"]);
        check(
            &mapped,
            &["10.9.9.9", "::ffff:10.9.9.9", "192.0.2.7"],
            &["11.0.0.0", "192.0.2.8"],
        );
    }

    #[test]
    fn texts() {
        let parsed = |text| parse_network(text).map(|network| network.to_string());
        assert_eq!(parsed("10.0.0.5"), Ok("10.0.0.5/32".to_owned()));
        assert_eq!(parsed("fd00::5"), Ok("fd00::5/128".to_owned()));
        assert_eq!(parsed("10.0.0.0/8"), Ok("10.0.0.0/8".to_owned()));
        assert_eq!(parsed("fd00::/8"), Ok("fd00::/8".to_owned()));
        assert_eq!(parsed("0.0.0.0/0"), Ok("0.0.0.0/0".to_owned()));
        for text in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.5:53",
            "[::1]",
            " 10.0.0.5",
            "fe80::1%1",
        ] {
            assert_eq!(parsed(text), Err(NetworkError::Syntax), "{text:?}");
        }
        let error = parse_network("10.0.0.5/8").expect_err("a host");
        assert_eq!(
            error.to_string(),
            "10.0.0.5 is not the first address of a network that long: say 10.0.0.0/8, or 10.0.0.5 alone"
        );
    }
}
