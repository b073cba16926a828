//! A Kafka broker.

use smallvec::SmallVec;

use super::json::{Json, Object};
use super::{Endpoint, Format, Found, Instance, Problem, Reading, text};

/// Told by what only brokers say of themselves.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_own = object.has_any(&["listener_security_protocol_map", "jmx_port"])
        || (object.has("host") && object.has("version") && object.has("endpoints"));
    is_own.then(|| instance(object))
}

/// `host` and `port` are those of the PLAINTEXT listener. A broker without one says `null` and -1
/// there, and its listeners stand in `endpoints`.
fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let endpoints = match object.text("host")? {
        Some(host) => {
            let mut endpoint = text::told(host)?;
            endpoint.port = object.port("port").or(endpoint.port);
            SmallVec::from_buf([endpoint])
        }
        None => listeners(object)?,
    };
    Ok(Instance::at(Format::Kafka, endpoints).into())
}

fn listeners(object: &Object<'_>) -> Result<SmallVec<[Endpoint; 1]>, Problem> {
    let listeners = match object.get("endpoints") {
        Some(Json::Array(listeners)) if !listeners.is_empty() => listeners,
        Some(Json::Array(_)) | None => return Err(Problem::Missing("endpoints".to_owned())),
        Some(other) => return Err(other.unexpected("endpoints", "an array")),
    };
    let mut endpoints = SmallVec::new();
    for listener in listeners {
        let Json::Text(listener) = listener else {
            return Err(listener.unexpected("endpoints", "texts"));
        };
        let endpoint = of_listener(listener)?;
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

/// `NAME://HOST:PORT`
fn of_listener(listener: &str) -> Result<Endpoint, Problem> {
    if !listener.contains("://") {
        return Err(Problem::url(listener));
    }
    text::told(listener)
}
