//! Times as RFC 3339 text in UTC.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, de::Error};

pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_rfc3339(&text)
        .map_err(|_| D::Error::custom(format!("{text:?} is no RFC 3339 time")))
}

/// To the second: `2026-11-20T10:00:00Z`.
pub(crate) mod seconds {
    use std::time::SystemTime;

    use serde::Serializer;

    pub(crate) use super::deserialize;

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_seconds(*time))
    }
}

/// To the millisecond: `2026-11-20T10:00:00.123Z`.
pub(crate) mod milliseconds {
    use std::time::SystemTime;

    use serde::Serializer;

    pub(crate) use super::deserialize;

    pub(crate) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_millis(*time))
    }
}
