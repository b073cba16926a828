//! Members of kazoo's Party and ShallowParty, which both call their znodes by a random number.

use super::{Endpoint, Format, Found, Instance, host, text};

/// As many hexadecimal digits as can hardly be anything but a random number; kazoo writes 32.
const MIN_DIGITS: usize = 8;

/// A Party's member: `HEX__party__` with what identifies it as data.
pub(super) fn read(component: &str, data: &str) -> Found {
    let (number, _) = component.split_once("__party__")?;
    is_random(number).then(|| {
        let endpoint = text::told(data)?;
        Ok(Instance::new(Format::Party, endpoint).into())
    })
}

/// A ShallowParty's member: `HEX-IDENTIFIER`, where the identifier is an address or `HOST:PORT`. A
/// single word there may be anything.
pub(super) fn read_name(component: &str) -> Found {
    let (number, identifier) = component.split_once('-')?;
    if !is_random(number) {
        return None;
    }
    let is_address = identifier.parse::<std::net::IpAddr>().is_ok();
    let is_own = is_address || host::split(identifier).1.is_some_and(is_number);
    is_own.then(|| {
        let endpoint = Endpoint::parse(identifier)?;
        Ok(Instance::new(Format::ShallowParty, endpoint).into())
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_random(text: &str) -> bool {
    text.len() >= MIN_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
