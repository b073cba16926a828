//! Joyent's Registrar, as Binder reads it: hosts, services and databases.

use contract::Label;
use smallvec::SmallVec;

use super::json::{Json, Object};
use super::{Endpoint, Format, Found, Instance, Membership, Problem, Reading, Service, Srv, text};

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
/// What the record of a service has at least one of.
const SERVICE: [&str; 5] = ["service", "srvce", "proto", "port", "ttl"];
/// The seconds that Binder lets an answer be kept when no record says.
const DEFAULT_TTL: u32 = 30;

/// Told by the object that is named like its `type`, with an address or what else Binder reads. A type that nobody else has tells it too, so
/// that one without the object is a problem.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let Some(Json::Text(kind)) = object.get("type") else {
        return None;
    };
    let is_own = match (kind.as_ref(), object.object(kind)) {
        (kind, None) => ELIGIBLE.contains(&kind) || kind == "db_host",
        ("service", Some(inner)) => inner.len() == 0 || inner.has_any(&SERVICE),
        ("database", Some(inner)) => inner.len() == 0 || inner.has_any(&["primary", "host"]),
        (kind, Some(inner)) => {
            let has_address = inner.has("address") || object.has("address");
            has_address || ELIGIBLE.contains(&kind) || APART.contains(&kind)
        }
    };
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
            let good = ports.iter().filter_map(Json::port);
            endpoints.extend(good.map(|port| Endpoint {
                port: Some(port),
                ..at.clone()
            }));
        }
        _ => {}
    }
    if endpoints.is_empty() {
        endpoints.push(at);
    }
    let mut instance = Instance::at(Format::Joyent, endpoints);
    instance.ttl = Some(ttl(&[inner, object]));
    if ELIGIBLE.contains(&kind) {
        instance.membership = Membership::Eligible;
    } else if APART.contains(&kind) {
        instance.membership = Membership::Apart;
    }
    Ok(instance.into())
}

/// `{"type":"database","database":{"primary":"tcp://USER@HOST:PORT/…"}}`; others hold an address of
/// their own there.
fn database(object: &Object<'_>) -> Result<Reading, Problem> {
    let inner = object.needed_object("database")?;
    let endpoint = match inner.text("primary")? {
        Some(url) => text::told(url)?,
        None if inner.has("host") => inner.endpoint("host", "port")?,
        None => return Err(Problem::Missing("primary".to_owned())),
    };
    let mut instance = Instance::new(Format::Joyent, endpoint);
    instance.ttl = Some(ttl(&[inner, object]));
    Ok(instance.into())
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
            port: inner.port("port"),
        })
    } else {
        None
    };
    let ttl = ttl(&[inner, outer, object]);
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
fn ttl(deepest_first: &[&Object<'_>]) -> u32 {
    let mut all = deepest_first.iter().filter_map(|object| object.ttl());
    all.next().unwrap_or(DEFAULT_TTL)
}
