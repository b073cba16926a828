//! A live node of Solr, told by the znode's name.

use super::{Endpoint, Format, Found, Instance, Problem, Reading, host};

/// Told by its form, `HOST:PORT_CONTEXT`. The context is URL-encoded, so that no colon stands in it.
pub(super) fn read_name(component: &str) -> Found {
    let (server, rest) = component.rsplit_once(':')?;
    let (port, _context) = rest.split_once('_')?;
    let is_own =
        !server.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_own.then(|| instance(server, port))
}

fn instance(server: &str, port: &str) -> Result<Reading, Problem> {
    let endpoint = Endpoint::new(server, Some(host::port(port)?))?;
    Ok(Instance::new(Format::Solr, endpoint).into())
}
