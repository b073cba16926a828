//! What resolvers of early gRPC read: a host, and the port as text.

use super::json::{Json, Object};
use super::{Format, Found, Instance, generic};

/// Told by having nothing but the two fields, the port as text.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_text = matches!(object.get("port"), Some(Json::Text(_)));
    let is_own = object.len() == 2 && is_text && generic::has_host_alone(object);
    is_own.then(|| {
        let endpoint = object.endpoint("host", "port")?;
        Ok(Instance::new(Format::Grpc, endpoint).into())
    })
}
