//! SkyDNS.

use super::json::Object;
use super::{Format, Found, Instance, Problem, Reading, generic};

/// Told by a `host` with a `ttl`, `priority` or `weight`.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_own = generic::has_host_alone(object) && object.has_any(&["ttl", "priority", "weight"]);
    is_own.then(|| instance(object))
}

fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let mut instance = Instance::new(Format::SkyDns, object.endpoint("host", "port")?);
    instance.ttl = object.ttl();
    instance.priority = object.srv_number("priority");
    instance.weight = object.srv_number("weight");
    Ok(instance.into())
}
