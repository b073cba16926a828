//! An address as the name of an ephemeral znode, as many servers announce themselves.
//!
//! Only of an ephemeral one: persistent znodes of such names are lists of all that ever were.

use std::net::IpAddr;

use super::{Endpoint, Format, Found, Host, Instance, Outage, host, sequence};

/// Prefixes of Pinot's instances.
const ROLES: [&str; 4] = ["Broker_", "Controller_", "Minion_", "Server_"];

/// Told by its form: `HOST:PORT`, `HOST:PORT:WEIGHT`, `ADDRESS`, `ADDRESS@NUMBER`, `ADDRESS_PORT`, `Server_HOST_PORT`, `HOST@-@PID`,
/// `SCHEME@HOST:PORT` or `SCHEME:HOST:PORT`, with a sequence number or not. `data` may say that the
/// instance is inactive.
pub(super) fn read_name(component: &str, data: &str) -> Found {
    let endpoint = endpoint(component)?;
    let mut instance = Instance::new(Format::Named, endpoint);
    if data.split('&').any(|part| part == "state=inactive") {
        instance.outage = Some(Outage::NotActive);
    }
    Some(Ok(instance.into()))
}

/// Whether a name is of this form.
pub(super) fn is_own(component: &str) -> bool {
    endpoint(component).is_some()
}

fn endpoint(component: &str) -> Option<Endpoint> {
    if let Some(role) = ROLES.iter().find_map(|role| component.strip_prefix(role)) {
        let (host, port) = role.rsplit_once('_')?;
        return with_port(host, port);
    }
    if let Some((host, pid)) = component.split_once("@-@") {
        return address(host).filter(|_| is_number(pid));
    }
    if let Some((host, number)) = component.split_once('@')
        && is_number(number)
    {
        // A port, or the number of a process.
        return address(host);
    }
    let component = match sequence(component) {
        Some(_) => component[..component.len() - 10].strip_suffix('-')?,
        None => component,
    };
    if let Some(endpoint) = address(component) {
        return Some(endpoint);
    }
    if let Some((scheme, at)) = component.split_once('@') {
        let (host, port) = at.rsplit_once(':')?;
        return with_port(host, port).filter(|_| is_scheme(scheme));
    }
    if let Some((host, port)) = component.rsplit_once(':') {
        return match host.split_once(':') {
            Some((host, weighed)) if is_number(port) && is_number(weighed) => {
                with_port(host, weighed)
            }
            Some((scheme, host)) if is_scheme(scheme) && !host.contains(':') => {
                with_port(host, port)
            }
            _ => with_port(host, port),
        };
    }
    let (host, port) = component.rsplit_once('_')?;
    let port = host::port(port).ok();
    address(host)
        .filter(|_| port.is_some())
        .map(|endpoint| Endpoint { port, ..endpoint })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn address(text: &str) -> Option<Endpoint> {
    let ip: IpAddr = text.parse().ok()?;
    let host = Host::Address(ip.try_into().ok()?);
    Some(Endpoint { host, port: None })
}

fn with_port(host: &str, port: &str) -> Option<Endpoint> {
    let port = host::port(port).ok()?;
    Endpoint::new(host, Some(port)).ok()
}
