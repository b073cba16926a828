//! How long something took, counted in classes, at the cost of two additions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Times that were observed, in classes of seconds. All clones are one.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [f64],
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[AtomicU64]>,
    micros: AtomicU64,
}

impl Histogram {
    /// From a millisecond to a minute: for what goes over a network or a disk.
    pub const SECONDS: &'static [f64] = &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ];
    /// From ten microseconds to a second: for what stays in memory, mostly.
    pub const MICROS: &'static [f64] = &[
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5,
        1.0,
    ];

    /// None yet. The classes end at these bounds, which rise.
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0));
        Self(Arc::new(Inner {
            bounds,
            counts: counts.collect(),
            micros: AtomicU64::new(0),
        }))
    }

    /// Counts one that took so long.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = self.0.bounds.partition_point(|bound| *bound < seconds);
        self.0.counts[class].fetch_add(1, Relaxed);
        let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
        self.0.micros.fetch_add(micros, Relaxed);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = self.0.bounds.iter().copied().chain([f64::MAX]);
        let counts = self.0.counts.iter().map(|count| count.load(Relaxed));
        let classes: Vec<_> = bounds.zip(counts).collect();
        let all = classes.iter().map(|(_, count)| count).sum();
        let seconds = Duration::from_micros(self.0.micros.load(Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(seconds, all, &classes, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(Self::SECONDS)
    }
}
