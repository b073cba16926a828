//! Text: where something is, in the many ways in which people and programs write that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::json::Json;
use super::{Endpoint, Format, Host, Instance, Problem, Reading, Silence, array, host};

/// Longer text is none of these but a URL. A host name has at most 253 characters.
const LONGEST: usize = 512;

/// Why a text gives no endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum No {
    /// It says something else.
    Silence(Silence),
    /// It looks like one, or should be one.
    Problem(Problem),
}

impl From<Silence> for No {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<No> for Reading {
    fn from(no: No) -> Self {
        match no {
            No::Silence(silence) => Self::Nothing(silence),
            No::Problem(problem) => Self::from(problem),
        }
    }
}

/// Endpoints, in order and each once.
pub(super) type Found = SmallVec<[Endpoint; 1]>;

/// What the data of a znode say that are text and no JSON object.
pub(super) fn read(text: &str) -> Result<Reading, No> {
    match text.as_bytes() {
        [b'[', ..] if !is_like_address(text) => return array::read(text),
        [b'"', ..] => {
            let inner: Json<'_> = serde_json::from_str(text).map_err(|_| Silence::Word)?;
            return match inner {
                Json::Text(inner) => read_bare(inner.trim()),
                _ => Err(Silence::Word.into()),
            };
        }
        _ => {}
    }
    if text.contains('\n') {
        return lines(text);
    }
    read_bare(text)
}

fn read_bare(text: &str) -> Result<Reading, No> {
    Ok(Instance::at(Format::Text, endpoints(text)?).into())
}

/// One endpoint, or several with commas between them.
pub(super) fn endpoints(text: &str) -> Result<Found, No> {
    if !text.contains(',') {
        return Ok(SmallVec::from_buf([one(text)?]));
    }
    let is_url = |text: &str| {
        let scheme = text.trim().split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(is_scheme)
    };
    // In a URL, the hosts of one authority are meant, `x://a:1,b:2/c`; a comma after that is its own.
    let (text, is_url) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) && !text.split(',').all(is_url) => {
            (authority(rest), true)
        }
        _ => (text, false),
    };
    let mut all = Found::new();
    for part in text.split(',') {
        let endpoint = if is_url {
            host_and_port(part, true)?
        } else {
            one(part.trim())?
        };
        if let Host::Word(_) = endpoint.host {
            return Err(Silence::Word.into());
        }
        if !all.contains(&endpoint) {
            all.push(endpoint);
        }
    }
    Ok(all)
}

/// What a record of a known format holds where an endpoint must stand: a word is a host name there.
pub(super) fn told(text: &str) -> Result<Endpoint, Problem> {
    match one(text) {
        Ok(Endpoint {
            host: Host::Word(name),
            port,
        }) => Ok(Endpoint {
            host: Host::Name(name),
            port,
        }),
        Ok(endpoint) => Ok(endpoint),
        Err(No::Problem(problem)) => Err(problem),
        Err(No::Silence(_)) => Err(Problem::no_address(text)),
    }
}

/// `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT[:WEIGHT]][/…]`, `HOST PORT`, or as Java writes it,
/// `/HOST:PORT` and `NAME/HOST:PORT`.
pub(super) fn one(text: &str) -> Result<Endpoint, No> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        let host = Host::Address(ip.try_into().map_err(Problem::from)?);
        return Ok(Endpoint { host, port: None });
    }
    // What most znodes hold that are no records costs nothing more.
    if !is_like_address(text)
        && let Some(silence) = constant(text)
    {
        return Err(silence.into());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match is_scheme(scheme) {
            true => host_and_port(authority(rest), true),
            false => Err(silence(text)),
        };
    }
    if text.len() > LONGEST {
        return Err(Silence::Word.into());
    }
    if text.contains(|c: char| c.is_ascii_whitespace()) {
        return blank_between(text);
    }
    if let Some((before, after)) = text.split_once('/') {
        return around_slash(text, before, after);
    }
    if let Some((_, at)) = text.rsplit_once('@') {
        // `NAME@HOST` is a mail address as well.
        return match host_and_port(at, false)? {
            endpoint @ Endpoint {
                host: Host::Address(_),
                ..
            }
            | endpoint @ Endpoint { port: Some(_), .. } => Ok(endpoint),
            _ => Err(Silence::Word.into()),
        };
    }
    host_and_port(text, false)
}

/// The part of a URL after its scheme that says where: without user, password, path and query.
fn authority(rest: &str) -> &str {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    authority.rsplit_once('@').map_or(authority, |(_, at)| at)
}

fn is_scheme(text: &str) -> bool {
    let rest =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b':');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(rest)
}

/// `10.0.0.5 8080`
fn blank_between(text: &str) -> Result<Endpoint, No> {
    let mut words = text.split_ascii_whitespace();
    if let (Some(host), Some(port), None) = (words.next(), words.next(), words.next())
        && let Ok(ip) = host.parse::<IpAddr>()
        && let Ok(port) = host::port(port)
    {
        let host = Host::Address(ip.try_into().map_err(Problem::from)?);
        return Ok(Endpoint {
            host,
            port: Some(port),
        });
    }
    Err(Problem::no_address(text).into())
}

/// `/HOST:PORT`, `NAME/HOST:PORT`, or `HOST:PORT/PATH`.
fn around_slash(text: &str, before: &str, after: &str) -> Result<Endpoint, No> {
    if !is_address(before) && is_address(after) {
        return host_and_port(after, false);
    }
    // `10.0.0.0/24` is a network.
    let is_path = !after.starts_with(|c: char| c.is_ascii_digit());
    match before {
        "" => Err(silence(text)),
        _ if literal(before).is_some() || (is_address(before) && is_path) => {
            host_and_port(before, false)
        }
        _ => Err(silence(text)),
    }
}

/// `ADDRESS` or `ADDRESS:PORT`
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || literal(text).is_some()
}

/// The address of `ADDRESS:PORT`.
fn literal(text: &str) -> Option<IpAddr> {
    let (host, port) = text.rsplit_once(':')?;
    host::port(port).ok()?;
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(host) => host.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// `HOST`, `HOST:PORT` or `HOST:PORT:WEIGHT`. In a URL, a word is a host name.
pub(super) fn host_and_port(text: &str, in_url: bool) -> Result<Endpoint, No> {
    let (host, port) = split(text);
    let is_literal = host.parse::<IpAddr>().is_ok();
    let port = match port.map(host::port) {
        None => None,
        Some(Ok(port)) => Some(port),
        // Clients announce themselves by URLs without a port of their own.
        Some(Err(_)) if in_url && is_literal => None,
        Some(Err(problem)) if is_literal => return Err(problem.into()),
        Some(Err(_)) => return Err(silence(text)),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:%".contains(&byte);
    if !host.bytes().all(is_host) {
        return Err(silence(text));
    }
    let is_name = in_url || port.is_some();
    let host = match Host::parse(host) {
        Ok(Host::Name(_)) if !is_name && is_class(host) => return Err(Silence::Word.into()),
        Ok(Host::Name(name)) if !is_name && !host.contains('.') => match constant(host) {
            Some(silence) => return Err(silence.into()),
            None => Host::Word(name),
        },
        Ok(host) => host,
        Err(Problem::NoAddress(_)) => return Err(silence(text)),
        Err(problem) => return Err(problem.into()),
    };
    Ok(Endpoint { host, port })
}

fn split(text: &str) -> (&str, Option<&str>) {
    let (host, port) = host::split(text);
    if port.is_none()
        && let Some((rest, weight)) = text.rsplit_once(':')
        && let Some((host, port)) = rest.split_once(':')
        && !port.contains(':')
        && !weight.is_empty()
        && weight.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<Ipv6Addr>().is_err()
        && !host.is_empty()
    {
        return (host, Some(port));
    }
    (host, port)
}

/// `host: …` and `port: …`, each in a line of its own, as ClickHouse writes them.
fn lines(text: &str) -> Result<Reading, No> {
    let (mut host, mut port) = (None, None);
    for line in text.lines() {
        match line.split_once(':') {
            Some(("host", value)) if host.is_none() => host = Some(value.trim()),
            Some(("port", value)) if port.is_none() => port = Some(value.trim()),
            _ => {}
        }
    }
    match host {
        Some(at) if text.starts_with("host:") || port.is_some() => {
            let in_format = |problem| Problem::In(Format::Lines, Box::new(problem));
            let mut endpoint = told(at).map_err(in_format)?;
            endpoint.port = port
                .and_then(|port| host::port(port).ok())
                .or(endpoint.port);
            Ok(Instance::new(Format::Lines, endpoint).into())
        }
        // Whoever begins with an address meant one.
        _ if text.lines().next().is_some_and(is_address) => Err(Problem::SeveralLines.into()),
        _ => Err(Silence::Lines.into()),
    }
}

/// Why a text that is no endpoint says nothing; a problem where it looks like one, or is a sentence.
fn silence(text: &str) -> No {
    if is_like_address(text) {
        Problem::no_address(text).into()
    } else if let Some(silence) = constant(text) {
        silence.into()
    } else if text.contains(char::is_whitespace) {
        Problem::no_address(text).into()
    } else {
        Silence::Word.into()
    }
}

/// What is neither a word nor an address by any means.
fn constant(text: &str) -> Option<Silence> {
    let is_all = |allowed: fn(u8) -> bool| text.bytes().all(allowed);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if matches!(text, "true" | "false" | "null" | "none" | "TRUE" | "FALSE") {
        Some(Silence::Number)
    } else if digits > 0 && is_all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.')) {
        let is_number = text.matches('.').count() < 2 && !text[1..].contains('-');
        Some(if is_number {
            Silence::Number
        } else if text.contains('-') {
            Silence::Time
        } else {
            Silence::Version
        })
    } else if is_version(text) {
        Some(Silence::Version)
    } else if digits > 0 && text.len() >= 16 && is_all(|b| b.is_ascii_hexdigit() || b == b'-') {
        Some(Silence::Identifier)
    } else if is_time(text) {
        Some(Silence::Time)
    } else {
        None
    }
}

/// `v1.2.3`
fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']);
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    })
}

/// `2024-01-01T00:00:00Z`
fn is_time(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let is_number = |part: Option<&str>, length: usize| {
        part.and_then(|part| part.get(..length))
            .is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    is_number(parts.next(), 4) && is_number(parts.next(), 2) && is_number(parts.next(), 2)
}

/// `org.example.Demo`, which has dots and is no host name.
fn is_class(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && last.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Whether a text can hardly be meant as anything but an address: four numbers with dots between
/// them, or what only IPv6 has, and nothing else.
pub(super) fn is_like_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').unwrap_or(text);
    let of_four = {
        let mut parts = bare.splitn(4, '.');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let count = parts
            .by_ref()
            .take(3)
            .filter(|part| is_number(part))
            .count();
        count == 3
            && parts
                .next()
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if of_four {
        let allowed = |b: u8| b.is_ascii_digit() || b".:/[], ".contains(&b);
        return bare.bytes().all(allowed) && !is_longer_version(bare);
    }
    let allowed = |b: u8| b.is_ascii_hexdigit() || b".:/[]%".contains(&b);
    let head = bare.split(']').next().unwrap_or(bare);
    head.contains("::") && head.bytes().all(allowed) && head.bytes().any(|b| b.is_ascii_hexdigit())
}

/// `1.2.3.4.5`
fn is_longer_version(text: &str) -> bool {
    text.matches('.').count() > 3 && !text.contains([' ', ',', ':', '/'])
}
