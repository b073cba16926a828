//! Names of the reverse zones, such as `5.0.0.10.in-addr.arpa`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The zone of IPv4 addresses.
const V4: &str = ".in-addr.arpa";
/// The zone of IPv6 addresses.
const V6: &str = ".ip6.arpa";

/// The address that a name of the reverse zones stands for; none for any other name, and for one
/// that stands for many addresses.
pub(super) fn address(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(V4) {
        let octets = octets.rsplit('.').map(octet);
        let octets: [u8; 4] = octets.collect::<Option<Vec<_>>>()?.try_into().ok()?;
        return Some(Ipv4Addr::from(octets).into());
    }
    let nibbles = name.strip_suffix(V6)?.rsplit('.').map(nibble);
    let nibbles: [u8; 32] = nibbles.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let address = nibbles
        .iter()
        .fold(0, |address, &nibble| address << 4 | u128::from(nibble));
    Some(Ipv6Addr::from(address).into())
}

/// A number as it is written here: without leading zeros.
fn octet(text: &str) -> Option<u8> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_canonical)
}

fn nibble(text: &str) -> Option<u8> {
    let digit = text.parse::<char>().ok()?.to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_is_an_address() {
        let v6 = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
        for (name, expected) in [
            ("5.0.0.10.in-addr.arpa", Some("10.0.0.5")),
            ("255.1.168.192.in-addr.arpa", Some("192.168.1.255")),
            (v6, Some("fd00::5")),
            ("0.0.10.in-addr.arpa", None),
            ("1.5.0.0.10.in-addr.arpa", None),
            ("256.0.0.10.in-addr.arpa", None),
            ("05.0.0.10.in-addr.arpa", None),
            ("+5.0.0.10.in-addr.arpa", None),
            (".5.0.0.10.in-addr.arpa", None),
            ("in-addr.arpa", None),
            ("5.0.0.10", None),
            (&v6[2..], None),
            (&v6.replace("5.0", "g.0"), None),
            (&v6.replace("5.0", "50.0"), None),
        ] {
            assert_eq!(
                address(name),
                expected.map(|ip| ip.parse().unwrap()),
                "{name}"
            );
        }
    }
}
