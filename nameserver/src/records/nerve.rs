//! SmartStack's nerve: JSON as data, or in base64 as the znode's name.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::json::{Json, Object};
use super::{Format, Found, Instance, Outage, Problem, Reading, generic};

const PADDING_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OR_NOT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OR_NOT);

/// Told by a `host` with a `port` and one of the fields that only nerve adds.
pub(super) fn read(object: &Object<'_>, _: &str) -> Found {
    let is_own = generic::has_host_alone(object)
        && object.has("port")
        && object.has_any(&["name", "available", "labels"]);
    is_own.then(|| instance(object))
}

/// Told by its prefix: `base64_LENGTH_BASE64_SEQUENCE`.
pub(super) fn read_name(component: &str) -> Found {
    let rest = component.strip_prefix("base64_")?;
    let (length, rest) = rest.split_once('_')?;
    // URL-safe base64 itself may hold underscores.
    let length: usize = length.parse().ok()?;
    let encoded = rest.get(..length).filter(|_| {
        let end = &rest[length..];
        end.is_empty() || end.starts_with('_')
    });
    Some(match encoded {
        Some(encoded) => decoded(encoded),
        None => Err(Problem::ZnodeName(format!(
            "promises {length} characters of base64 and has {}",
            rest.len()
        ))),
    })
}

fn decoded(encoded: &str) -> Result<Reading, Problem> {
    let engine = if encoded.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    let bytes = engine
        .decode(encoded)
        .map_err(|error| Problem::ZnodeName(format!("is no base64: {error}")))?;
    let text =
        str::from_utf8(&bytes).map_err(|_| Problem::ZnodeName("holds no UTF-8 text".to_owned()))?;
    instance(&Json::object(text)?)
}

fn instance(object: &Object<'_>) -> Result<Reading, Problem> {
    let mut instance = Instance::new(Format::Nerve, object.endpoint("host", "port")?);
    instance.weight = object.srv_number("weight");
    if object.is_false("available") {
        instance.outage = Some(Outage::NotAvailable);
    }
    Ok(instance.into())
}
