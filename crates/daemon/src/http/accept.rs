//! Which of two formats a client would rather have. Pure.

/// The type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text";

/// Whether `Accept` asks for OpenMetrics rather than for the older text format, which is what everybody gets who
/// does not say.
pub(super) fn wants_open_metrics(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_wanted = parts.next()?.eq_ignore_ascii_case(wanted);
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            is_wanted.then(|| weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
        });
        ranges.fold(0.0_f32, f32::max)
    };
    let wanted = weight(OPEN_METRICS);
    wanted > 0.0 && wanted >= weight("text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for asked in [
            prometheus,
            "Application/OpenMetrics-Text",
            "*/*, application/openmetrics-text",
        ] {
            assert!(wants_open_metrics(asked), "{asked}");
        }
        let refused = "application/openmetrics-text;q=0, */*";
        let older = "text/plain;q=0.9, application/openmetrics-text;q=0.5";
        for other in [
            "",
            "*/*",
            "text/html",
            "text/plain;version=0.0.4",
            refused,
            older,
            ";;,q=1",
        ] {
            assert!(!wants_open_metrics(other), "{other}");
        }
    }
}
