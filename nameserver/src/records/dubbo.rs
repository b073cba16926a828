//! A Dubbo 2 provider, told by the znode's name: a URL, percent-encoded.

use percent_encoding::percent_decode_str;

use super::{Endpoint, Format, Found, Instance, Problem, Reading, Silence};

/// How the part between scheme and host looks when it is encoded.
const SEPARATOR: &str = "%3A%2F%2F";
/// The schemes of what stands beside the providers.
const OTHER_SCHEMES: [&str; 8] = [
    "absent",
    "condition",
    "consumer",
    "empty",
    "override",
    "route",
    "script",
    "tag",
];
/// What the queries of those say where the scheme does not.
const OTHER_QUERIES: [&str; 5] = [
    "side=consumer",
    "category=consumers",
    "category=configurators",
    "category=routers",
    "category=dynamicconfigurators",
];

/// The folders of those, whatever the URLs in them say of themselves.
const OTHER_FOLDERS: [&str; 4] = ["consumers", "configurators", "overrides", "routers"];

/// Told by an encoded URL. Its data are whatever Curator put there, often the writer's own address.
pub(super) fn read_name(parent: &str, component: &str) -> Found {
    let at = component
        .as_bytes()
        .windows(SEPARATOR.len())
        .position(|part| part.eq_ignore_ascii_case(SEPARATOR.as_bytes()))?;
    let is_scheme = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let scheme = component.get(..at).filter(|text| is_scheme(text))?;
    let folder = parent.rsplit('/').next().unwrap_or_default();
    if OTHER_FOLDERS.contains(&folder) {
        return Some(Ok(Reading::Nothing(Silence::Dubbo)));
    }
    Some(read(scheme, &component[at + SEPARATOR.len()..]))
}

fn read(scheme: &str, rest: &str) -> Result<Reading, Problem> {
    let rest = percent_decode_str(rest)
        .decode_utf8()
        .map_err(|_| Problem::ZnodeName("is no UTF-8 text once it is URL-decoded".to_owned()))?;
    let (address, query) = rest.split_once('?').unwrap_or((&rest, ""));
    let is_other = query.split('&').any(|part| OTHER_QUERIES.contains(&part));
    if is_other || OTHER_SCHEMES.contains(&scheme) {
        return Ok(Reading::Nothing(Silence::Dubbo));
    }
    let authority = address.split('/').next().unwrap_or(address);
    let at = authority.rsplit_once('@').map_or(authority, |(_, at)| at);
    Ok(Instance::new(Format::Dubbo, Endpoint::parse(at)?).into())
}
