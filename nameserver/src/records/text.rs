//! Plain text: an address, or an address and a port.

use std::net::{IpAddr, Ipv6Addr};

use super::{Instance, Problem};

/// Reads `10.0.0.5`, `10.0.0.5:8080`, `fd00::5`, `[fd00::5]` or `[fd00::5]:8080`.
pub(super) fn read(text: &str) -> Result<Instance, Problem> {
    if text.contains('\n') {
        return Err(Problem::SeveralLines);
    }
    let (host, port) = split(text);
    let address = match host.parse::<IpAddr>() {
        Ok(ip) => ip.try_into()?,
        Err(_) if is_host_name(host) => return Err(Problem::HostName(host.to_owned())),
        Err(_) => return Err(Problem::NoAddress(text.to_owned())),
    };
    Ok(Instance {
        address,
        port: port.map(self::port).transpose()?,
    })
}

/// A port as text.
pub(super) fn port(text: &str) -> Result<u16, Problem> {
    match text.parse() {
        Ok(0) | Err(_) => Err(Problem::Port(text.to_owned())),
        Ok(port) => Ok(port),
    }
}

/// Host and port of `HOST`, `HOST:PORT` or a bracketed IPv6 address; a bare one has no port.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = rest.strip_prefix(':');
        if host.parse::<Ipv6Addr>().is_ok() && (port.is_some() || rest.is_empty()) {
            return (host, port);
        }
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// True for what people write where a host name is meant, so that the message can say so.
fn is_host_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains(|c: char| c.is_ascii_alphabetic())
        && lower
            .split('.')
            .all(|label| snapshot::Label::check(label).is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::instance;
    use super::super::{Reading, read};

    #[test]
    fn addresses_with_and_without_a_port() {
        for (data, address, port) in [
            ("10.0.0.5", "10.0.0.5", None),
            ("10.0.0.5\n", "10.0.0.5", None),
            (" 10.0.0.5\r\n", "10.0.0.5", None),
            ("10.0.0.5:8080", "10.0.0.5", Some(8080)),
            ("fd00::5", "fd00::5", None),
            ("[fd00::5]", "fd00::5", None),
            ("[fd00::5]:8080", "fd00::5", Some(8080)),
            ("FD00:0::5", "fd00::5", None),
        ] {
            assert_eq!(read(data.as_bytes()), instance(address, port), "{data}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (data, reason) in [
            ("10.0.0.5:0", "port \"0\" is not"),
            ("10.0.0.5:65536", "port \"65536\" is not"),
            ("10.0.0.5:", "port \"\" is not"),
            ("[fd00::5]:-1", "port \"-1\" is not"),
            ("[fd00::5", "is no address"),
            ("[10.0.0.5]:1", "is no address"),
            ("[fd00::5]x", "is no address"),
            ("fd00::5:8080:1::", "is no address"),
            ("10.0.0.5 10.0.0.6", "is no address"),
            ("10.0.0.5\n127.0.0.1 evil", "several lines"),
            ("010.0.0.5", "is no address"),
            ("10.0.0", "is no address"),
            ("db7.example.com", "is a host name"),
            ("db7:5432", "is a host name"),
            ("0.0.0.0:80", "unspecified"),
            ("[::1]:80", "loopback"),
            ("255.255.255.255", "broadcast"),
            ("ff02::1", "multicast"),
        ] {
            match read(data.as_bytes()) {
                Reading::Problem(problem) => {
                    assert!(problem.to_string().contains(reason), "{data}: {problem}");
                }
                other => panic!("{data}: {other:?}"),
            }
        }
    }
}
