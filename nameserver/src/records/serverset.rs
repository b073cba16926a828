//! A member of a ServerSet, as Aurora and Finagle write it.

use super::json::Object;
use super::{Format, Found, Instance, Outage, Problem, Reading};

/// Told by its `serviceEndpoint`.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    object.has("serviceEndpoint").then(|| instance(object))
}

/// The binary variant: a Thrift struct whose field 1 is a struct whose field 1 is text.
pub(super) fn read_thrift(data: &[u8]) -> Option<Reading> {
    let is_own = data.starts_with(&[0x0c, 0, 1, 0x0b, 0, 1]);
    is_own.then(|| Reading::from(Problem::In(Format::ServerSet, Box::new(Problem::Thrift))))
}

fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let endpoint = object
        .needed_object("serviceEndpoint")?
        .endpoint("host", "port")?;
    let mut instance = Instance::new(Format::ServerSet, endpoint);
    if object
        .text("status")?
        .is_some_and(|status| status != "ALIVE")
    {
        instance.outage = Some(Outage::NotAlive);
    }
    Ok(instance.into())
}
