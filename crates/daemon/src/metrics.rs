//! Metrics in the text format that Prometheus reads.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::process::Process;
use crate::{Health, Histogram, Limits};

/// The metrics of one moment.
#[derive(Debug)]
pub struct Metrics {
    /// What is told of the process itself, whatever program it runs.
    process: Registry,
    registry: Registry,
}

impl Metrics {
    /// What part of each limit is used.
    #[must_use]
    pub fn limits(self, limits: &Limits) -> Self {
        let used = limits.ratios().into_iter();
        self.gauges(
            "limit_used_ratio",
            "What part of each limit is used; it is told in words from 0.8 on",
            used.map(|(name, ratio)| ([("limit", name)], ratio)),
        )
    }

    /// None yet; the name of each one begins with `program` and an underscore.
    pub fn new(program: &str) -> Self {
        Self {
            process: Registry::with_prefix("process"),
            registry: Registry::with_prefix(program),
        }
    }

    /// Adds what the system knows of this process.
    #[must_use]
    pub fn process(mut self) -> Self {
        let now = Process::now();
        let number = |number: Option<u64>| number.map(|number| number as f64);
        let seconds = now.started.map(|started| started.as_secs_f64());
        for (name, help, value) in [
            ("open_fds", "Open file descriptors", number(now.open_files)),
            (
                "max_fds",
                "The most file descriptors that it may open",
                number(now.most_files),
            ),
            (
                "resident_memory_bytes",
                "Memory that it holds",
                number(now.resident),
            ),
            (
                "virtual_memory_bytes",
                "Addresses that it has reserved",
                number(now.virtual_memory),
            ),
            ("threads", "Threads that it has", number(now.threads)),
            ("start_time_seconds", "When it started", seconds),
        ] {
            if let Some(value) = value {
                let gauge = Gauge::<f64, AtomicU64>::default();
                gauge.set(value);
                self.process.register(name, help, gauge);
            }
        }
        if let Some(cpu) = now.cpu {
            let help = "Time that processors worked for it";
            let counter = ConstCounter::new(cpu.as_secs_f64());
            self.process.register("cpu_seconds", help, counter);
        }
        self
    }

    /// Adds how long something took.
    #[must_use]
    pub fn histogram(mut self, name: &str, help: &str, times: &Histogram) -> Self {
        self.registry.register(name, help, times.clone());
        self
    }

    /// Adds how long something took, of several kinds, told apart by a label.
    #[must_use]
    pub fn histograms<const KINDS: usize>(
        mut self,
        name: &str,
        help: &str,
        label: &'static str,
        kinds: [(&'static str, &Histogram); KINDS],
    ) -> Self {
        let family = Labelled {
            label,
            kinds: kinds.map(|(kind, times)| (kind, times.clone())).into(),
        };
        self.registry.register(name, help, family);
        self
    }

    /// Adds a value that goes up and down. A time is in seconds since 1970.
    #[must_use]
    pub fn gauge(mut self, name: &str, help: &str, value: f64) -> Self {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
        self
    }

    /// Adds a value that is 1 while something is so, else 0.
    #[must_use]
    pub fn flag(self, name: &str, help: &str, is_so: bool) -> Self {
        self.gauge(name, help, f64::from(u8::from(is_so)))
    }

    /// Adds a number that only rises while the program runs; its name gets the ending `_total`.
    #[must_use]
    pub fn counter(mut self, name: &str, help: &str, value: u64) -> Self {
        self.registry.register(name, help, ConstCounter::new(value));
        self
    }

    /// Adds numbers of one kind that only rise, told apart by their labels; their name gets the
    /// ending `_total`.
    #[must_use]
    pub fn counters<const LABELS: usize>(
        mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, &'static str); LABELS], u64)>,
    ) -> Self {
        let family = Family::<Vec<(&str, &str)>, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.to_vec()).inc_by(value);
        }
        self.registry.register(name, help, family);
        self
    }

    /// Adds numbers of one kind that rise and fall, told apart by their labels.
    #[must_use]
    pub fn gauges<const LABELS: usize>(
        mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, &'static str); LABELS], f64)>,
    ) -> Self {
        let family = Family::<Vec<(&str, &str)>, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.to_vec()).set(value);
        }
        self.registry.register(name, help, family);
        self
    }

    /// Adds a value that is always 1 and carries a text in a label.
    #[must_use]
    pub fn info(mut self, name: &str, help: &str, label: &str, text: &str) -> Self {
        let family = Family::<Vec<(String, String)>, Gauge>::default();
        family
            .get_or_create(&vec![(label.to_owned(), text.to_owned())])
            .set(1);
        self.registry.register(name, help, family);
        self
    }

    /// Adds the health of the program: of its words, each the value of a label, the present one is 1.
    #[must_use]
    pub fn health(mut self, health: &Health) -> Self {
        let family = Family::<Vec<(&str, &str)>, Gauge>::default();
        for word in Health::WORDS {
            let is_present = i64::from(word == health.word());
            family.get_or_create(&vec![("state", word)]).set(is_present);
        }
        let help = "1 for what /healthz says, 0 for the other words";
        self.registry.register("health", help, family);
        self
    }

    /// Adds the ends of certificates, each under the name of whose it is, as seconds since 1970.
    #[must_use]
    pub fn certificates(mut self, ends: &[(&'static str, SystemTime)]) -> Self {
        if ends.is_empty() {
            return self;
        }
        let family = Family::<Vec<(&str, &str)>, Gauge<f64, AtomicU64>>::default();
        for (whose, end) in ends {
            let end = end.duration_since(SystemTime::UNIX_EPOCH);
            let end = end.unwrap_or_default().as_secs_f64();
            family.get_or_create(&vec![("of", *whose)]).set(end);
        }
        let help = "Until when the certificates for ZooKeeper are valid";
        let name = "certificate_end_timestamp_seconds";
        self.registry.register(name, help, family);
        self
    }

    /// All of them, as OpenMetrics has it.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        for registry in [&self.process, &self.registry] {
            encode_registry(&mut text, registry).expect("a string takes everything");
        }
        encode_eof(&mut text).expect("a string takes everything");
        text
    }

    /// All of them in the older text format, which every scraper reads, and people do.
    pub fn text(&self) -> String {
        plain(&self.open_metrics())
    }
}

/// The older format of the same metrics: it calls a counter by the name that its values have, and has no end.
fn plain(open_metrics: &str) -> String {
    let lines: Vec<&str> = open_metrics.lines().collect();
    let mut text = String::with_capacity(open_metrics.len());
    for (at, line) in lines.iter().enumerate() {
        // The kind of a metric follows what it is.
        let kind = if line.starts_with("# HELP ") {
            lines.get(at + 1).unwrap_or(line)
        } else {
            line
        };
        let mut words = line.splitn(4, ' ');
        let is_counter = kind.starts_with("# TYPE ") && kind.ends_with(" counter");
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("EOF"), ..) => continue,
            (Some("#"), Some(what), Some(name), Some(rest)) if is_counter => {
                text += &format!("# {what} {name}_total {rest}");
            }
            _ => text += line,
        }
        text.push('\n');
    }
    text
}

/// Times of several kinds.
#[derive(Debug)]
struct Labelled {
    label: &'static str,
    kinds: Vec<(&'static str, Histogram)>,
}

impl EncodeMetric for Labelled {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (kind, times) in &self.kinds {
            times.encode(encoder.encode_family(&[(self.label, *kind)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_counted_in_classes() {
        let (one, other) = (Histogram::default(), Histogram::default());
        for millis in [1, 2, 700, 100_000] {
            one.observe(Duration::from_millis(millis));
        }
        let metrics = Metrics::new("x").histogram("one_seconds", "Times", &one);
        let text = metrics
            .histograms("each_seconds", "Times", "of", [("a", &one), ("b", &other)])
            .text();
        for line in [
            "# TYPE x_one_seconds histogram",
            "x_one_seconds_sum 100.703",
            "x_one_seconds_count 4",
            "x_one_seconds_bucket{le=\"0.001\"} 1",
            "x_one_seconds_bucket{le=\"0.0025\"} 2",
            "x_one_seconds_bucket{le=\"60.0\"} 3",
            "x_one_seconds_bucket{le=\"+Inf\"} 4",
            "x_each_seconds_bucket{le=\"+Inf\",of=\"a\"} 4",
            "x_each_seconds_count{of=\"b\"} 0",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
    }

    #[test]
    fn health_is_one_of_three_words() {
        let health = Health {
            remarks: vec!["it rains".into()],
            ..Health::default()
        };
        let text = Metrics::new("x").health(&health).text();
        for line in [
            "x_health{state=\"healthy\"} 0",
            "x_health{state=\"healthy, but\"} 1",
            "x_health{state=\"not healthy\"} 0",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
    }

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let metrics = Metrics::new("nameserver")
            .gauge("names", "Names in the snapshot", 12.0)
            .flag("leader", "1 while this replica leads", true)
            .flag("connected", "1 while a server answers", false)
            .counter("publishes", "Snapshots written", 3)
            .info("build_info", "The release that runs", "version", "0.1.0")
            .counters(
                "queries",
                "Queries",
                [([("type", "A"), ("result", "x")], 2)],
            );
        let of_counters = metrics.text();
        for line in [
            "# HELP nameserver_publishes_total Snapshots written.",
            "# TYPE nameserver_publishes_total counter",
            "nameserver_publishes_total 3",
            "# TYPE nameserver_leader gauge",
        ] {
            assert!(
                of_counters.contains(&format!("\n{line}\n")),
                "{of_counters}"
            );
        }
        assert!(!of_counters.contains("EOF"));
        assert_eq!(
            metrics.open_metrics(),
            "# HELP nameserver_names Names in the snapshot.\n\
             # TYPE nameserver_names gauge\n\
             nameserver_names 12.0\n\
             # HELP nameserver_leader 1 while this replica leads.\n\
             # TYPE nameserver_leader gauge\n\
             nameserver_leader 1.0\n\
             # HELP nameserver_connected 1 while a server answers.\n\
             # TYPE nameserver_connected gauge\n\
             nameserver_connected 0.0\n\
             # HELP nameserver_publishes Snapshots written.\n\
             # TYPE nameserver_publishes counter\n\
             nameserver_publishes_total 3\n\
             # HELP nameserver_build_info The release that runs.\n\
             # TYPE nameserver_build_info gauge\n\
             nameserver_build_info{version=\"0.1.0\"} 1\n\
             # HELP nameserver_queries Queries.\n\
             # TYPE nameserver_queries counter\n\
             nameserver_queries_total{type=\"A\",result=\"x\"} 2\n\
             # EOF\n"
        );
    }
}
