//! HiveServer2 and Kyuubi, told by the znode's name: `serverUri=HOST:PORT;version=…;sequence=…`.

use super::{Endpoint, Format, Found, Instance, Problem, masked};

/// How such a name begins; old releases of Kyuubi wrote the second.
const PREFIXES: [&str; 2] = ["serverUri=", "serviceUri="];

/// Told by its prefix.
pub(super) fn read_name(component: &str) -> Found {
    let rest = PREFIXES
        .iter()
        .find_map(|prefix| component.strip_prefix(prefix))?;
    let at = rest.split(';').next().unwrap_or(rest);
    Some(
        Endpoint::parse(at).and_then(|endpoint| match endpoint.port {
            Some(_) => Ok(Instance::new(Format::HiveServer, endpoint).into()),
            None => Err(Problem::ZnodeName(format!(
                "has no port after {}",
                masked(at)
            ))),
        }),
    )
}
