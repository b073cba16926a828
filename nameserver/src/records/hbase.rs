//! HBase: region servers, told by the znode's name; and the binary data of its other znodes.

use super::{Endpoint, Format, Found, Instance, Problem, Reading, host};

/// Told by its form, `HOST,PORT,STARTCODE`: the time at which it was started in milliseconds. The
/// data is binary and says nothing that is needed.
pub(super) fn read_name(component: &str) -> Found {
    let mut parts = component.split(',');
    let (server, port, started) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_own =
        parts.next().is_none() && is_number(port) && is_number(started) && started.len() >= 10;
    is_own.then(|| instance(server, port))
}

fn instance(server: &str, port: &str) -> Result<Reading, Problem> {
    let endpoint = Endpoint::new(server, Some(host::port(port)?))?;
    Ok(Instance::new(Format::HBase, endpoint).into())
}

/// Told by the magic that HBase puts before everything it writes: 0xFF, the length of the writer's
/// id, that id, and for most znodes `PBUF`.
pub(super) fn read_data(data: &[u8]) -> Option<Reading> {
    let (length, rest) = data.strip_prefix(&[0xff])?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let is_own = length > 0 && rest.len() >= length;
    is_own.then_some(Reading::Nothing("holds binary data of HBase"))
}
