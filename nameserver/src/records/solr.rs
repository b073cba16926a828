//! A live node of Solr, told by the znode's name.

use super::{Endpoint, Format, Found, Instance, Problem, Reading, host, sequence};

/// Told by its form, `HOST:PORT_CONTEXT`. The context is URL-encoded, so that no colon stands in it;
/// and no sequence number, as at the end of `SESSION-HOST:PORT_solr-n_0000000001` in an election.
pub(super) fn read_name(component: &str) -> Found {
    let (server, rest) = component.rsplit_once(':')?;
    let (port, context) = rest.split_once('_')?;
    let is_own = !server.is_empty()
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && sequence(context).is_none();
    is_own.then(|| instance(server, port)).filter(is_whole)
}

/// A name that only begins like one is none.
fn is_whole(found: &Result<Reading, Problem>) -> bool {
    !matches!(found, Err(Problem::NoAddress(_)))
}

fn instance(server: &str, port: &str) -> Result<Reading, Problem> {
    let endpoint = Endpoint::new(server, Some(host::port(port)?))?;
    Ok(Instance::new(Format::Solr, endpoint).into())
}
