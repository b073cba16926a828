//! Names on the wire, names in the zones, and the way from one to the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::Name;

/// Begins the label of an instance that has no name of its own.
const IP: &str = "ip-";

/// A name in lower case without the final dot. A label that no name of ours can have stays one.
pub(super) fn key(name: &Name) -> String {
    let mut key = String::with_capacity(name.len());
    for label in name {
        if !key.is_empty() {
            key.push('.');
        }
        key.extend(label.iter().map(|&byte| match byte.to_ascii_lowercase() {
            byte @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => char::from(byte),
            _ => '?',
        }));
    }
    key
}

/// A name on the wire; the root for what is no name, which no valid name of ours is.
pub(super) fn dns_name(name: &str) -> Name {
    Name::from_labels(name.split('.').map(str::as_bytes)).unwrap_or_else(|_| Name::root())
}

/// The name that an SRV record's owner is about.
pub(super) fn host_of(owner: &str) -> &str {
    owner.splitn(3, '.').nth(2).unwrap_or_default()
}

/// The label of an instance that has no name of its own.
pub(super) fn instance_label(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("{IP}{v4}").replace('.', "-"),
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:x}"));
            format!("{IP}{}", groups.join("-"))
        }
    }
}

/// The address that such a label stands for.
pub(super) fn instance(label: &str) -> Option<IpAddr> {
    let groups: Vec<&str> = label.strip_prefix(IP)?.split('-').collect();
    let address = match groups.len() {
        4 => groups.join(".").parse::<Ipv4Addr>().ok()?.into(),
        8 => groups.join(":").parse::<Ipv6Addr>().ok()?.into(),
        _ => return None,
    };
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_for_an_address_leads_back_to_it() {
        for (address, label) in [
            ("10.0.0.5", "ip-10-0-0-5"),
            ("fd00::5", "ip-fd00-0-0-0-0-0-0-5"),
            ("fd00:0:0:1::", "ip-fd00-0-0-1-0-0-0-0"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(instance_label(address), label);
            assert_eq!(instance(label), Some(address));
        }
        for label in [
            "ip-",
            "ip-10-0-0",
            "ip-10-0-0-256",
            "10-0-0-5",
            "ip-1-2-3-4-5-6-7-g",
        ] {
            assert_eq!(instance(label), None, "{label}");
        }
    }
}
