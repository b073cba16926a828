//! Generic JSON: an object with the address under one of the usual names.

use super::json::{Json, Object};
use super::{Format, Instance, Problem, Reading, text};

/// Where an address may stand, the most telling name first.
const ADDRESS_FIELDS: [&str; 5] = ["ip", "IP", "address", "addr", "host"];

/// Reads an object with one of `ip`, `IP`, `address`, `addr` or `host`, and perhaps `port` as a
/// number or text. The first of them that holds something decides.
pub(super) fn read(object: &Object<'_>) -> Result<Reading, Problem> {
    for field in ADDRESS_FIELDS {
        match object.get(field) {
            None => {}
            Some(Json::Text(text)) if text.is_empty() => {}
            Some(Json::Text(text)) => {
                let mut endpoint = text::endpoint(text)?;
                endpoint.port = object.port("port")?.or(endpoint.port);
                return Ok(Instance::new(Format::Json, endpoint).into());
            }
            Some(other) => return Err(other.unexpected(field, "text")),
        }
    }
    Ok(Reading::Nothing("holds JSON without an address"))
}

/// True when the address can only stand under `host`, as in the small formats that have it there.
pub(super) fn has_host_alone(object: &Object<'_>) -> bool {
    object.get("host").is_some() && !object.has_any(&ADDRESS_FIELDS[..4])
}
