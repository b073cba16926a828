//! Plain text: an address or a host name, and perhaps a port.

use super::{Endpoint, Format, Instance, Problem, Reading};

/// Reads `10.0.0.5`, `10.0.0.5:8080`, `fd00::5`, `[fd00::5]`, `[fd00::5]:8080` or `host:8080`.
pub(super) fn read(text: &str) -> Result<Reading, Problem> {
    Ok(Instance::new(Format::Text, endpoint(text)?).into())
}

/// One line with one endpoint.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, Problem> {
    if text.contains('\n') {
        Err(Problem::SeveralLines)
    } else {
        Endpoint::parse(text)
    }
}
