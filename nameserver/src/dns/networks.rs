//! Who may do what.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<IpNet>);

impl From<Vec<IpNet>> for Networks {
    fn from(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }
}

impl Networks {
    /// Loopback and private ones.
    pub fn private() -> Self {
        let all = [
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
        ];
        Self(all.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Whether it is one of them.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&ip))
    }
}

/// Reads `ADDR[/LEN]`.
///
/// # Errors
/// It is none.
pub fn parse_network(text: &str) -> Result<IpNet, ipnet::AddrParseError> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.into()),
        Err(_) => text.parse(),
    }
}
