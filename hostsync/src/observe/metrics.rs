//! What an agent tells over HTTP: its status, and the same in numbers.

use std::time::SystemTime;

use daemon::{Answer, Health, Histogram, Metrics, Observed, Page};
use tokio::sync::watch;

use crate::apply::agent::Applied;
use crate::health::Checks;
use crate::observe::status::{Certificates, File, Status};

/// Tells what a function finds at the moment, and what was counted.
#[derive(Debug)]
pub struct StatusSource<F, R> {
    /// Finds how it is.
    pub status: F,
    /// How long it took from when names were published until they were in the file.
    pub propagation: Histogram,
    /// Finds how often the connection to ZooKeeper was made again.
    pub reconnects: R,
    /// What came of `--check`.
    pub checks: Checks,
}

impl<F, R> Observed for StatusSource<F, R>
where
    F: Fn() -> Status + Send + Sync + 'static,
    R: Fn() -> u64 + Send + Sync + 'static,
{
    fn status(&self) -> serde_json::Value {
        serde_json::to_value((self.status)()).unwrap_or_default()
    }

    fn health(&self) -> Health {
        (self.status)().health()
    }

    fn readiness(&self) -> Health {
        let applied = (self.status)().snapshot.applied;
        let missing = "no names are in the hosts file yet";
        Health {
            reasons: applied
                .is_none()
                .then(|| missing.to_owned())
                .into_iter()
                .collect(),
            remarks: Vec::new(),
        }
    }

    fn metrics(&self) -> Metrics {
        let checks = [
            ("passed", self.checks.passed()),
            ("failed", self.checks.failed()),
        ];
        metrics(&(self.status)())
            .histogram(
                "propagation_seconds",
                "From when names were published, by the publisher's clock, until they were in the hosts file",
                &self.propagation,
            )
            .counter(
                "zookeeper_reconnects",
                "Times that the connection to ZooKeeper was made again",
                (self.reconnects)(),
            )
            .counters(
                "checks",
                "Times that --check was made, by its result",
                checks.map(|(result, count)| ([("result", result)], count)),
            )
    }

    fn page(&self) -> Page {
        Page::new("hostsync", include_str!("page.js"))
    }

    async fn ask(&self, _: &str, _: &[(String, String)]) -> Option<Answer> {
        None
    }
}

/// Counts how long each generation took until it was in the file. What was there before is not counted.
pub async fn observe(mut applied: watch::Receiver<Applied>, propagation: Histogram) {
    let mut last = None;
    loop {
        let (generation, took) = {
            let applied = applied.borrow_and_update();
            let used = applied.published.as_ref().map(|used| &used.snapshot);
            let took = used.zip(applied.since).map(|(used, (_, at))| {
                // Clocks may differ; nothing takes less than no time.
                at.duration_since(used.published).unwrap_or_default()
            });
            (used.map(|used| used.generation), took)
        };
        if generation != last
            && last.is_some()
            && let Some(took) = took
        {
            propagation.observe(took);
        }
        last = generation.or(last);
        if applied.changed().await.is_err() {
            return;
        }
    }
}

fn metrics(status: &Status) -> Metrics {
    let (snapshot, file) = (&status.snapshot, &status.hosts_file);
    let version = env!("CARGO_PKG_VERSION");
    Metrics::new("hostsync")
        .info("build_info", "The release that runs", "version", version)
        .health(&status.health())
        .flag(
            "in_step",
            "1 while the hosts file agrees with the newest snapshot, and all is registered and bound",
            status.in_step,
        )
        .flag(
            "connected",
            "1 while a ZooKeeper server answers",
            status.zookeeper.connected,
        )
        .gauge(
            "seen_generation",
            "The newest generation that was read; 0 for none",
            snapshot.seen.unwrap_or(0) as f64,
        )
        .gauge(
            "applied_generation",
            "The generation in the hosts file; 0 for none",
            snapshot.applied.unwrap_or(0) as f64,
        )
        .counter(
            "writes",
            "Times that the hosts file was written",
            file.writes,
        )
        .counter(
            "mended",
            "Times that it was written because somebody else had changed what is ours in it",
            file.mended,
        )
        .gauge(
            "applied_timestamp_seconds",
            "Since when the generation in the hosts file is there; 0 for none",
            snapshot.since.as_deref().map_or(0.0, seconds),
        )
        .counter(
            "repairs",
            "How often changes did not lead to what was published, so that all of it was looked at anew",
            snapshot.repairs,
        )
        .counter(
            "task_panics",
            "How often a task ended by a fault of its own, or for want of a thread; it is started again",
            status.task_panics,
        )
        .gauge(
            "names",
            "Names of ours in the hosts file",
            file.names as f64,
        )
        .gauge(
            "shadowed_names",
            "Names that are left to lines that are not ours",
            file.shadowed.len() as f64,
        )
        .flag(
            "hosts_file_failing",
            "1 while the hosts file cannot be written",
            file.failure.is_some(),
        )
        .gauges(
            "hosts_files",
            "Hosts files of containers that are kept, by their state",
            by_state(&file.files),
        )
        .flag(
            "cache_failing",
            "1 while the snapshot cannot be kept on disk",
            status.cache.failure.is_some(),
        )
        .certificates(&status.zookeeper.certificates.as_ref().map_or(Vec::new(), Certificates::by_name))
}

fn by_state(files: &[File]) -> impl Iterator<Item = ([(&'static str, &'static str); 1], f64)> {
    File::STATES.into_iter().map(|state| {
        let count = files.iter().filter(|file| file.state == state).count();
        ([("state", state)], count as f64)
    })
}

fn seconds(time: &str) -> f64 {
    let time = humantime::parse_rfc3339(time).ok();
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.unwrap_or_default().as_secs_f64()
}
