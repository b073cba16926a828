//! Generic JSON: an object with the address under one of the usual names.

use smallvec::SmallVec;

use super::json::{Json, Object};
use super::text::{self, Found, No};
use super::{Endpoint, Format, Host, Instance, Outage, Problem, Reading, Silence};

/// What a `state` or `status` says of an instance that is out of service.
const OUT: [&str; 7] = [
    "DOWN",
    "OFFLINE",
    "OUT_OF_SERVICE",
    "DISABLED",
    "STARTING",
    "DRAINING",
    "INACTIVE",
];
/// Objects and arrays are looked into so deep.
const DEPTH: u8 = 5;
/// The rank of a name under which machines write what they call themselves, which others may not know.
const HOST_NAME: u8 = 4;
/// A record with more endpoints is a list of something else.
const MOST: usize = 64;

/// Reads an object that says where it is: by a field for the address, the most telling one first;
/// else by URLs and the like, in itself and in what it holds, where all of them are of one host.
pub(super) fn read(object: &Object<'_>) -> Result<Reading, No> {
    let own = own(object)?;
    let endpoints = match own {
        Some((rank, endpoint)) if rank < HOST_NAME => SmallVec::from_buf([endpoint]),
        own => {
            let mut found = Vec::new();
            collect(object, DEPTH, &mut found)?;
            match own {
                Some((_, endpoint)) if found.is_empty() => SmallVec::from_buf([endpoint]),
                _ if found.is_empty() => return Err(no_address(object)),
                _ => of_one_host(found)?,
            }
        }
    };
    let mut instance = Instance::at(Format::Json, endpoints);
    instance.outage = outage(object);
    // As hostsync registers an instance, perhaps in a service of which others are plain text.
    instance.plain = object.has("address") && object.len() == 1 + usize::from(object.has("port"));
    Ok(instance.into())
}

/// Why an object says of itself that it is out of service.
pub(super) fn outage(object: &Object<'_>) -> Option<Outage> {
    for (field, value) in object.fields() {
        let is = |name: &str| field.eq_ignore_ascii_case(name);
        let outage = match value {
            Json::Bool(false) if is("enabled") => Outage::NotEnabled,
            Json::Bool(false) if is("healthy") => Outage::NotHealthy,
            Json::Bool(false) if is("active") => Outage::NotActive,
            Json::Text(text) if (is("state") || is("status")) && is_out(text) => Outage::State,
            _ => continue,
        };
        return Some(outage);
    }
    None
}

/// Whether a state or status means that an instance is out of service.
pub(super) fn is_out(text: &str) -> bool {
    OUT.iter().any(|out| text.eq_ignore_ascii_case(out))
}

/// True when the address can only stand under `host`, as in the small formats that have it there.
pub(super) fn has_host_alone(object: &Object<'_>) -> bool {
    object.get("host").is_some() && !object.has_any(&["ip", "IP", "address", "addr"])
}

/// What the name of a field says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The address itself; the most telling name has the lowest number.
    Own(u8),
    /// The port beside an address; as above.
    Port(u8),
    /// A URL or an address of some purpose; true for one that only operators use.
    Purpose(bool),
    /// A part of the record that says where it is.
    Part,
    Other,
}

/// The longest name of a field that is looked at, folded.
const NAME: usize = 24;

/// What a field's name says, whatever its spelling: `ip_addr`, `ipAddr` and `IPAddr` are one.
fn kind(field: &str) -> Kind {
    // YARN's names have a prefix.
    let field = field.strip_prefix("yarn:").unwrap_or(field);
    let mut folded = [0; NAME];
    let mut length = 0;
    for byte in field.bytes().filter(u8::is_ascii_alphanumeric) {
        let Some(place) = folded.get_mut(length) else {
            return Kind::Other;
        };
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = &folded[..length];
    match name {
        b"ip" | b"ipaddr" | b"ipaddress" | b"ipv4" | b"hostip" => Kind::Own(0),
        b"address" => Kind::Own(1),
        b"addr" => Kind::Own(2),
        b"host" => Kind::Own(3),
        b"hostname" => Kind::Own(HOST_NAME),
        b"port" => Kind::Port(0),
        b"plaintextport" | b"httpport" | b"serviceport" | b"rpcport" => Kind::Port(1),
        b"tlsport" | b"sslport" | b"httpsport" => Kind::Port(2),
        b"endpoint" | b"endpoints" | b"addresses" | b"addrs" | b"nodes" | b"node"
        | b"instances" | b"instance" | b"hosts" | b"urls" | b"listeners" | b"external"
        | b"internal" | b"descriptors" | b"members" | b"location" | b"serviceendpoint"
        | b"druidnode" => Kind::Part,
        _ => purpose(name),
    }
}

fn purpose(name: &[u8]) -> Kind {
    const ENDS: [&[u8]; 8] = [
        b"url",
        b"uri",
        b"addr",
        b"address",
        b"endpoint",
        b"hostport",
        b"hostandport",
        b"hostandtlsport",
    ];
    // Of others, or not of a server.
    const OTHERS: [&[u8]; 13] = [
        b"source",
        b"remote",
        b"client",
        b"zookeeper",
        b"zk",
        b"registry",
        b"bind",
        b"listen",
        b"doc",
        b"repo",
        b"license",
        b"image",
        b"mac",
    ];
    const OPERATORS: [&[u8]; 6] = [b"admin", b"debug", b"metrics", b"api", b"jmx", b"health"];
    let has = |part: &&[u8]| name.windows(part.len()).any(|window| window == *part);
    if !ENDS.iter().any(|end| name.ends_with(end))
        || OTHERS.iter().any(|other| name.starts_with(other))
    {
        return Kind::Other;
    }
    Kind::Purpose(OPERATORS.iter().any(has))
}

/// The address that an object has under a name for just that. The most telling name that holds one
/// decides; a word there may still be something else.
fn own(object: &Object<'_>) -> Result<Option<(u8, Endpoint)>, No> {
    let mut fields: SmallVec<[(u8, &str); 4]> = SmallVec::new();
    let mut port: Option<(u8, u16)> = None;
    // Of several fields of one name, the last counts.
    for (field, value) in object.fields() {
        match (kind(field), value) {
            (Kind::Own(rank), Json::Text(text)) if !text.trim().is_empty() => {
                fields.retain(|(other, _)| *other != rank);
                fields.push((rank, text.trim()));
            }
            (Kind::Port(rank), value) => {
                let better = port.is_none_or(|(other, _)| rank <= other);
                if let Some(number) = value.port().filter(|_| better) {
                    port = Some((rank, number));
                }
            }
            _ => {}
        }
    }
    fields.sort_by_key(|(rank, _)| *rank);
    let port = port.map(|(_, port)| port);
    let mut word = None;
    for (at, &(rank, text)) in fields.iter().enumerate() {
        let mut endpoint = match text::one(text) {
            Ok(endpoint) => endpoint,
            Err(No::Silence(_)) => continue,
            Err(No::Problem(problem)) if problem.is_meant() => return Err(problem.into()),
            Err(No::Problem(_)) => continue,
        };
        let of_others = || {
            fields[at + 1..]
                .iter()
                .filter_map(|(_, text)| text::one(text).ok()?.port)
        };
        endpoint.port = port.or(endpoint.port).or_else(|| of_others().next());
        match endpoint {
            Endpoint {
                host: Host::Word(name),
                port: port @ Some(_),
            } => {
                let host = Host::Name(name);
                return Ok(Some((rank, Endpoint { host, port })));
            }
            Endpoint {
                host: Host::Word(_),
                ..
            } => word = word.or(Some((HOST_NAME, endpoint))),
            Endpoint {
                host: Host::Address(_),
                ..
            } => return Ok(Some((0, endpoint))),
            _ => return Ok(Some((rank, endpoint))),
        }
    }
    Ok(word)
}

/// Why an object without an address has none: a problem where a field for just that holds something
/// else, though only its siblings can tell whether an address was meant.
fn no_address(object: &Object<'_>) -> No {
    let bad = object.fields().find_map(|(field, value)| {
        let is_empty = matches!(value, Json::Text(text) if text.is_empty());
        if kind(field) != Kind::Own(0) || *value == Json::Null || is_empty {
            return None;
        }
        Some(match value {
            Json::Text(text) => Problem::no_address(text),
            other => other.unexpected(field, "an address"),
        })
    });
    match bad {
        Some(problem) => Problem::In(Format::Json, Box::new(problem)).into(),
        None => Silence::Json.into(),
    }
}

/// What an object says of where it is, but for its own fields for that; true beside what only
/// operators use.
fn collect(object: &Object<'_>, depth: u8, found: &mut Vec<(bool, Endpoint)>) -> Result<(), No> {
    if depth == 0 || found.len() > MOST {
        return Ok(());
    }
    for (field, value) in object.fields() {
        match kind(field) {
            Kind::Purpose(is_operators) => collect_value(value, is_operators, depth, found)?,
            Kind::Part => collect_value(value, false, depth, found)?,
            Kind::Own(_) if matches!(value, Json::Object(_) | Json::Array(_)) => {
                collect_value(value, false, depth, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn collect_value(
    value: &Json<'_>,
    is_operators: bool,
    depth: u8,
    found: &mut Vec<(bool, Endpoint)>,
) -> Result<(), No> {
    match value {
        Json::Text(text) => match text::endpoints(text.trim()) {
            Ok(endpoints) => {
                let names = endpoints.into_iter();
                let hosts = names.filter(|endpoint| !matches!(endpoint.host, Host::Word(_)));
                found.extend(hosts.map(|endpoint| (is_operators, endpoint)));
            }
            Err(No::Problem(problem)) if problem.is_meant() => return Err(problem.into()),
            Err(_) => {}
        },
        Json::Array(values) => {
            for value in values.iter().take(MOST) {
                collect_value(value, is_operators, depth - 1, found)?;
                if found.len() > MOST || depth == 1 {
                    break;
                }
            }
        }
        Json::Object(object) => match own(object)? {
            Some((_, endpoint)) => found.push((is_operators, endpoint)),
            None => collect(object, depth - 1, found)?,
        },
        _ => {}
    }
    Ok(())
}

/// The endpoint of the only host among these: the first with a port that is not for operators.
fn of_one_host(mut found: Vec<(bool, Endpoint)>) -> Result<Found, No> {
    found.sort_by_key(|(is_operators, endpoint)| (*is_operators, endpoint.port.is_none()));
    let Some((_, first)) = found.first() else {
        return Err(Silence::Json.into());
    };
    if found.iter().any(|(_, other)| other.host != first.host) {
        return Err(Silence::SeveralHosts.into());
    }
    Ok(SmallVec::from_buf([first.clone()]))
}
