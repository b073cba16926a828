//! The addresses that this host has, and which of them last.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// What Linux says of IPv6 addresses, one a line.
const IPV6: &str = "/proc/net/if_inet6";
/// Flags of an IPv6 address (linux/if_addr.h): made for a while only, and for privacy; found to be another
/// host's too; not to be used for anything new; not known to be ours alone yet.
const TEMPORARY: u32 = 0x01;
const DUPLICATE: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;

/// An address of an interface that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) interface: String,
    pub(super) ip: IpAddr,
    pub(super) state: State,
}

/// How far an address can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is there to stay.
    Lasting,
    /// It works now, but is made for a while only, or on its way out.
    Passing,
    /// It does not work, or not yet.
    Unusable,
}

/// All addresses of the interfaces that are up.
pub(super) fn list() -> io::Result<Vec<Own>> {
    let ipv6 = std::fs::read_to_string(IPV6).unwrap_or_default();
    let states: Vec<_> = ipv6.lines().filter_map(state).collect();
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for interface in getifaddrs()?.filter(|found| found.flags.contains(InterfaceFlags::IFF_UP)) {
        let Some(storage) = interface.address else {
            continue;
        };
        let v4 = storage
            .as_sockaddr_in()
            .map(|address| IpAddr::V4(address.ip()));
        let v6 = storage
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()));
        let Some(ip) = v4.or(v6) else { continue };
        let known = states.iter().find(|(address, _)| *address == ip);
        let state = known.map_or(State::Lasting, |(_, state)| *state);
        if seen.insert((interface.interface_name.clone(), ip)) {
            all.push(Own {
                interface: interface.interface_name,
                ip,
                state,
            });
        }
    }
    Ok(all)
}

/// One line: address, number of the interface, length of the prefix, scope, flags, name.
fn state(line: &str) -> Option<(IpAddr, State)> {
    let mut words = line.split_ascii_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
    let state = match flags {
        flags if flags & (DUPLICATE | TENTATIVE) != 0 => State::Unusable,
        flags if flags & (DEPRECATED | TEMPORARY) != 0 => State::Passing,
        _ => State::Lasting,
    };
    Some((Ipv6Addr::from(address).into(), state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_of_an_ipv6_address() {
        for (flags, expected) in [
            ("80", State::Lasting),
            ("00", State::Lasting),
            ("01", State::Passing),
            ("a0", State::Passing),
            ("21", State::Passing),
            ("40", State::Unusable),
            ("c8", State::Unusable),
        ] {
            let line = format!("fd000000000000000000000000000002 04 40 00 {flags}     eth0");
            let found = state(&line);
            assert_eq!(
                found,
                Some(("fd00::2".parse().unwrap(), expected)),
                "{line}"
            );
        }
        for line in [
            "",
            "fd00::2 04 40 00 80 eth0",
            "fd000000000000000000000000000002 04",
        ] {
            assert_eq!(state(line), None, "{line}");
        }
    }

    #[test]
    fn loopback_is_among_them() {
        let all = list().unwrap();
        let loopback = "127.0.0.1".parse::<IpAddr>().unwrap();
        assert!(all.iter().any(|own| own.ip == loopback), "{all:?}");
    }
}
