//! registrator: one container's port.

use super::json::Object;
use super::{Endpoint, Format, Found, Instance, Problem, Reading};

/// Told by its `IP` beside the ports or the container, spelt as only registrator does.
pub(super) fn read(object: &Object<'_>, component: &str) -> Found {
    let is_own = object.has("IP") && object.has_any(&["PublicPort", "PrivatePort", "ContainerID"]);
    is_own.then(|| instance(object, component))
}

fn instance(object: &Object<'_>, component: &str) -> Result<Reading, Problem> {
    let port = object.port("PublicPort");
    let endpoint = match object.text("IP")? {
        // Without an IP of its own, registrator knows it only for the znode's name.
        None | Some("") => {
            let named = Endpoint::parse(component)?;
            Endpoint {
                port: port.or(named.port),
                ..named
            }
        }
        Some(ip) => Endpoint::new(ip, port)?,
    };
    Ok(Instance::new(Format::Registrator, endpoint).into())
}
