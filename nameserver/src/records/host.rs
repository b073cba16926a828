//! Where an instance is: an address or a host name, and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Deref;
use std::slice;

use contract::{Address, Label, Name};
use smallvec::SmallVec;

use super::Problem;

/// An address, or the name of a host that has some.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Address(Address),
    /// A name, to be looked up.
    Name(Name),
    /// A single word, which is a host name only if the tree itself gives that name.
    Word(Name),
}

/// Where an instance can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The machine.
    pub host: Host,
    /// The port, where the record has one.
    pub port: Option<u16>,
}

/// Where an instance can be reached, in order; nearly always a single place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// A single one.
    One(Endpoint),
    /// Any other number of them.
    Many(Box<[Endpoint]>),
}

impl Deref for Endpoints {
    type Target = [Endpoint];

    fn deref(&self) -> &[Endpoint] {
        match self {
            Self::One(endpoint) => slice::from_ref(endpoint),
            Self::Many(endpoints) => endpoints,
        }
    }
}

impl From<SmallVec<[Endpoint; 1]>> for Endpoints {
    fn from(endpoints: SmallVec<[Endpoint; 1]>) -> Self {
        endpoints.into_inner().map_or_else(
            |more| Self::Many(more.into_boxed_slice()),
            |[only]| Self::One(only),
        )
    }
}

impl Host {
    /// Reads an address or a host name; upper case is folded, and a final dot dropped.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Address(ip.try_into()?));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_host_name(&name) {
            Ok(Self::Name(name.try_into()?))
        } else {
            Err(Problem::no_address(text))
        }
    }
}

impl Endpoint {
    /// Reads `10.0.0.5`, `10.0.0.5:8080`, `fd00::5`, `[fd00::5]`, `[fd00::5]:8080`, `host` or
    /// `host:8080`.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let (host, port) = split(text);
        let host = Host::parse(host).map_err(|problem| match problem {
            Problem::NoAddress(_) => Problem::no_address(text),
            other => other,
        })?;
        let port = port.map(self::port).transpose()?;
        Ok(Self { host, port })
    }

    /// Reads a host and a port that stand apart; the host alone, without a port in it.
    pub(super) fn new(host: &str, port: Option<u16>) -> Result<Self, Problem> {
        let bracketed = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let host = Host::parse(bracketed.unwrap_or(host))?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) | Self::Word(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (host, None) => host.fmt(f),
            (Host::Address(address), Some(port)) if address.ip().is_ipv6() => {
                write!(f, "[{address}]:{port}")
            }
            (host, Some(port)) => write!(f, "{host}:{port}"),
        }
    }
}

/// A port as text.
pub(super) fn port(text: &str) -> Result<u16, Problem> {
    match text.parse() {
        Ok(0) | Err(_) => Err(Problem::Port(text.into())),
        Ok(port) => Ok(port),
    }
}

/// Host and port of `HOST`, `HOST:PORT` or a bracketed IPv6 address; a bare one has no port.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
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

/// True for what people write where a host name is meant: a number alone, or what ends in one, such as
/// a version or an address with a mistake in it, is none.
fn is_host_name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    last.contains(|c: char| c.is_ascii_alphabetic() || c == '-' || c == '_')
        && text.contains(|c: char| c.is_ascii_alphabetic())
        && text.split('.').all(|label| Label::check(label).is_ok())
}
