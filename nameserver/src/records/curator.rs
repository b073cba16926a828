//! Curator's service discovery, as Spring Cloud also writes it.

use super::json::{Json, Object};
use super::{Endpoint, Format, Found, Instance, Outage, Problem, Reading};

/// Where Spring Cloud and others keep a status, beneath the payload or its `metadata`.
const STATUS_FIELDS: [&str; 2] = ["instance_status", "status"];

/// Told by its `serviceType` or `registrationTimeUTC` beside an `id`.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_own = object.has("id") && object.has_any(&["serviceType", "registrationTimeUTC"]);
    is_own.then(|| instance(object))
}

fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let port = match object.port("port")? {
        Some(port) => Some(port),
        None => object.port("sslPort")?,
    };
    let endpoint = Endpoint::new(object.needed_text("address")?, port)?;
    let mut instance = Instance::new(Format::Curator, endpoint);
    instance.outage = if object.is_false("enabled") {
        Some(Outage::NotEnabled)
    } else if object.get("payload").is_some_and(is_out) {
        Some(Outage::OutOfService)
    } else {
        None
    };
    Ok(instance.into())
}

/// Whether a payload says so, in its own fields or those of its metadata.
fn is_out(payload: &Json<'_>) -> bool {
    match payload {
        Json::Text(_) => is_out_text(payload),
        Json::Object(payload) => {
            let says = |object: &Object<'_>| {
                let mut statuses = STATUS_FIELDS.iter().filter_map(|field| object.get(field));
                statuses.any(is_out_text)
            };
            says(payload) || payload.object("metadata").is_some_and(says)
        }
        _ => false,
    }
}

fn is_out_text(status: &Json<'_>) -> bool {
    matches!(status, Json::Text(text) if text.eq_ignore_ascii_case("OUT_OF_SERVICE"))
}
