//! Times and spans of time as people write and read them, and what this machine is called.

use std::io;
use std::time::{Duration, SystemTime};

/// A time as RFC 3339 text in UTC, to the second: `2026-11-20T10:00:00Z`.
pub fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Reads a span of time such as `1m 30s`, for a flag.
///
/// # Errors
/// It is none; the text says why.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// What this machine is called.
///
/// # Errors
/// It has no name.
pub fn host_name() -> io::Result<String> {
    Ok(hostname::get()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_utc_to_the_second() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(86_400_999);
        assert_eq!(time(at), "1970-01-02T00:00:00Z");
    }

    #[test]
    fn a_span_of_time_has_a_unit() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "5", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
