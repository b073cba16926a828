//! Curator's service discovery, as Spring Cloud also writes it.

use super::json::{Json, Object};
use super::{Format, Found, Instance, Outage, Problem, Reading, generic, text};

/// Told by its `serviceType`, `registrationTimeUTC` or `uriSpec` beside an `id`.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_own =
        object.has("id") && object.has_any(&["serviceType", "registrationTimeUTC", "uriSpec"]);
    is_own.then(|| instance(object))
}

fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let mut endpoint = text::told(object.needed_text("address")?)?;
    let port = object.port("port").or_else(|| object.port("sslPort"));
    endpoint.port = port.or(endpoint.port);
    let mut instance = Instance::new(Format::Curator, endpoint);
    instance.outage = object.get("payload").and_then(outage);
    Ok(instance.into())
}

/// Why a payload says that its instance is out of service: in its own fields or its metadata.
fn outage(payload: &Json<'_>) -> Option<Outage> {
    match payload {
        Json::Text(text) => status(text),
        Json::Object(payload) => {
            of_fields(payload).or_else(|| of_fields(payload.object("metadata")?))
        }
        _ => None,
    }
}

fn of_fields(object: &Object<'_>) -> Option<Outage> {
    let text = |field| match object.get(field) {
        Some(Json::Text(text)) => Some(text.as_ref()),
        _ => None,
    };
    match text("instance_status").filter(|status| !status.is_empty()) {
        Some(said) if !said.eq_ignore_ascii_case("UP") => {
            Some(status(said).unwrap_or(Outage::NotUp))
        }
        Some(_) => None,
        None => text("status").and_then(status),
    }
}

fn status(text: &str) -> Option<Outage> {
    if text.eq_ignore_ascii_case("OUT_OF_SERVICE") {
        Some(Outage::OutOfService)
    } else {
        generic::is_out(text).then_some(Outage::State)
    }
}
