//! What an agent tells over HTTP: its status, and the same in numbers.

use daemon::{Health, Metrics, Observed};

use crate::observe::status::{Certificates, File, Status};

/// Tells what a function finds at the moment.
#[derive(Debug)]
pub struct StatusSource<F>(pub F);

impl<F: Fn() -> Status + Send + Sync + 'static> Observed for StatusSource<F> {
    fn status(&self) -> serde_json::Value {
        serde_json::to_value(self.0()).unwrap_or_default()
    }

    fn health(&self) -> Health {
        self.0().health()
    }

    fn metrics(&self) -> Metrics {
        metrics(&self.0())
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
