//! Joyent's Registrar, as Binder reads it: hosts, services and databases.

use contract::Label;
use smallvec::SmallVec;

use super::json::{Json, Object};
use super::{Endpoint, Format, Found, Instance, Membership, Problem, Reading, Service, Srv};

/// The types that Binder takes as instances of a service.
const ELIGIBLE: [&str; 5] = [
    "load_balancer",
    "moray_host",
    "ops_host",
    "redis_host",
    "rr_host",
];
/// The types that are hosts of their own.
const APART: [&str; 2] = ["db_host", "host"];
/// The seconds that Binder lets an answer be kept when no record says.
const DEFAULT_TTL: u32 = 30;

/// Told by the object that is named like its `type`. A type that nobody else has tells it too, so
/// that one without the object is a problem.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let Some(Json::Text(kind)) = object.get("type") else {
        return None;
    };
    let is_own =
        object.object(kind).is_some() || ELIGIBLE.contains(&kind.as_ref()) || *kind == "db_host";
    is_own.then(|| match kind.as_ref() {
        "service" => service(object),
        "database" => database(object),
        kind => host(object, kind),
    })
}

fn host(object: &Object<'_>, kind: &str) -> Result<Reading, Problem> {
    let inner = object.needed_object(kind)?;
    let address = match inner.text("address")? {
        Some(address) => address,
        None => object.needed_text("address")?,
    };
    let at = Endpoint::new(address, None)?;
    let mut endpoints: SmallVec<[Endpoint; 1]> = SmallVec::new();
    match inner.get("ports") {
        Some(Json::Array(ports)) if !ports.is_empty() => {
            for port in ports {
                let port = Some(port.port()?);
                endpoints.push(Endpoint { port, ..at.clone() });
            }
        }
        None | Some(Json::Array(_)) => endpoints.push(at),
        Some(other) => return Err(other.unexpected("ports", "an array")),
    }
    let mut instance = Instance::at(Format::Joyent, endpoints);
    instance.ttl = Some(ttl(&[inner, object])?);
    if ELIGIBLE.contains(&kind) {
        instance.membership = Membership::Eligible;
    } else if APART.contains(&kind) {
        instance.membership = Membership::Apart;
    }
    Ok(instance.into())
}

/// `{"type":"database","database":{"primary":"tcp://USER@HOST:PORT/…"}}`
fn database(object: &Object<'_>) -> Result<Reading, Problem> {
    let inner = object.needed_object("database")?;
    let url = inner.needed_text("primary")?;
    let mut instance = Instance::new(Format::Joyent, of_url(url)?);
    instance.ttl = Some(ttl(&[inner, object])?);
    Ok(instance.into())
}

fn of_url(url: &str) -> Result<Endpoint, Problem> {
    let wrong = || Problem::Url(url.to_owned());
    let (_, rest) = url.split_once("://").ok_or_else(wrong)?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    Endpoint::parse(host)
}

/// The fields of the innermost `service` also occur one level up.
fn service(object: &Object<'_>) -> Result<Reading, Problem> {
    let outer = object.needed_object("service")?;
    let inner = match outer.get("service") {
        None => outer,
        Some(_) => outer.needed_object("service")?,
    };
    let srv = if inner.has_any(&["srvce", "proto", "port"]) {
        Some(Srv {
            service: srv_label(inner, "srvce")?,
            proto: srv_label(inner, "proto")?,
            port: inner.port("port")?,
        })
    } else {
        None
    };
    let ttl = ttl(&[inner, outer, object])?;
    Ok(Reading::Service(Box::new(Service { srv, ttl })))
}

fn srv_label(object: &Object<'_>, field: &str) -> Result<Box<str>, Problem> {
    let label = object.needed_text(field)?.to_ascii_lowercase();
    if label.starts_with('_') && Label::check(&label).is_ok() {
        return Ok(label.into());
    }
    Err(Problem::Field {
        field: field.to_owned(),
        found: "other text",
        expected: "a label that begins with '_'",
    })
}

/// The first that is there; the deepest object comes first.
fn ttl(deepest_first: &[&Object<'_>]) -> Result<u32, Problem> {
    for object in deepest_first {
        if let Some(ttl) = object.ttl()? {
            return Ok(ttl);
        }
    }
    Ok(DEFAULT_TTL)
}
