//! A Mesos master.

use super::json::{Json, Object};
use super::{Format, Found, Instance};

/// Told by the `address` that is an object, beside the `pid` or the integer `ip`. The integer `ip` beside it is in the
/// byte order of the machine that wrote it: nobody can tell which.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let Some(Json::Object(address)) = object.get("address") else {
        return None;
    };
    object.has_any(&["pid", "ip"]).then(|| {
        let endpoint = address.endpoint("ip", "port")?;
        Ok(Instance::new(Format::Mesos, endpoint).into())
    })
}
