//! Participants of locks and elections, told by the znode's name. Who waits for a lock serves nobody
//! by that, whatever its znode holds.

use super::{Found, Reading, Silence};

/// What kazoo puts between its random number and the sequence number.
const KAZOO: [&str; 4] = ["__lock__", "__rlock__", "__wlock__", "__lease__"];

/// Curator's `_c_UUID-…`, its older `UUID-lock-N`, kazoo's `HEX__lock__N`, Accumulo's `zlock#UUID#N`
/// and `zlock-N`.
pub(super) fn read_name(component: &str) -> Found {
    let is_own = is_curator_s(component)
        || component.starts_with("zlock#")
        || component.starts_with("zlock-")
        || KAZOO.iter().any(|middle| {
            let (number, rest) = component.split_once(middle).unwrap_or_default();
            !number.is_empty() && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
        });
    is_own.then_some(Ok(Reading::Nothing(Silence::Lock)))
}

fn is_curator_s(component: &str) -> bool {
    if let Some(rest) = component.strip_prefix("_c_") {
        return rest.get(..36).is_some_and(is_uuid);
    }
    let Some((uuid, rest)) = component.split_at_checked(36) else {
        return false;
    };
    is_uuid(uuid)
        && ["-lock-", "-latch-", "-lease-", "-mutex-"]
            .iter()
            .any(|middle| rest.starts_with(middle))
}

/// `8-4-4-4-12` hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_right)
}
