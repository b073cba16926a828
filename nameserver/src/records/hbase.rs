//! HBase: region servers, told by the znode's name; and the binary data of its other znodes.

use super::{Endpoint, Format, Found, Instance, Problem, Reading, Silence, host};

/// Folders of HBase in which such a name is not that of a server that runs: the queues of
/// replication, which outlive it, and lists of what is to happen to it.
const OTHER_FOLDERS: [&str; 4] = ["replication", "draining", "splitWAL", "table-lock"];

/// Told by its form, `HOST,PORT,STARTCODE`: the time at which it was started in milliseconds. The
/// data is binary and says nothing that is needed.
pub(super) fn read_name(parent: &str, component: &str) -> Found {
    let mut parts = component.split(',');
    let (server, port, started) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_own =
        parts.next().is_none() && is_number(port) && is_number(started) && started.len() >= 10;
    if !is_own {
        return None;
    }
    let is_other = parent
        .split('/')
        .any(|folder| OTHER_FOLDERS.contains(&folder));
    Some(match is_other {
        true => Ok(Reading::Nothing(Silence::Persistent)),
        false => instance(server, port),
    })
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
    is_own.then_some(Reading::Nothing(Silence::HBase))
}
