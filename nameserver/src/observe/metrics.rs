//! What one replica tells, in numbers. docs/operating.md says what each is for.

use std::time::{Duration, SystemTime};

use daemon::{Metrics, Observed};
use zookeeper::Tls;

use crate::observe::live::{Live, Times};
use crate::observe::status::Status;
use crate::publish::Role;

/// All of it, `now`.
pub(super) fn metrics(status: &Status, now: SystemTime) -> Metrics {
    let metrics = of_the_replica(Metrics::new("nameserver"), status, now);
    let metrics = of_its_work(metrics, status).limits(&status.limits);
    let metrics = match &status.live {
        Some(live) => of_all(metrics, live, now),
        None => metrics,
    };
    match &status.dns {
        Some(dns) => dns.metrics(metrics),
        None => metrics,
    }
}

fn of_the_replica(metrics: Metrics, status: &Status, now: SystemTime) -> Metrics {
    let (session, progress) = (status.session.borrow(), status.progress.borrow());
    let connected = session.is_connected();
    let leads = progress.role == Role::Leading;
    let since = progress.differs_since;
    let differs = since.and_then(|since| now.duration_since(since).ok());
    let certificates = status.facts.tls.as_ref();
    metrics
        .info(
            "build_info",
            "The release that runs",
            "version",
            status.facts.version,
        )
        .health(&status.health())
        .flag(
            "leader",
            "1 while this replica leads and is connected",
            leads && connected,
        )
        .flag(
            "connected",
            "1 while a ZooKeeper server answers",
            connected,
        )
        .flag(
            "in_step",
            "1 while the tree is followed and nothing is complained of",
            connected && progress.follows && progress.complaint.is_none(),
        )
        .gauge("znodes", "Znodes below the root", progress.znodes as f64)
        .gauge("names", "Names that the tree gives", progress.names as f64)
        .gauge(
            "problems",
            "Znodes with something to be mended",
            progress.problems as f64,
        )
        .gauge(
            "differs_seconds",
            "For how long what is published differs from the tree as this replica sees it; 0 when it agrees",
            differs.unwrap_or_default().as_secs_f64(),
        )
        .certificates(&certificates.map_or(Vec::new(), |tls: &Tls| tls.ends().by_name()))
}

fn of_its_work(metrics: Metrics, status: &Status) -> Metrics {
    let progress = status.progress.borrow();
    let held = progress.hold.as_ref();
    metrics
        .gauge(
            "generation",
            "The newest generation that this replica knows of",
            progress.generation as f64,
        )
        .gauge(
            "held_names",
            "Names that the tree lost and that are still published",
            held.map_or(0, |held| held.names) as f64,
        )
        .gauge(
            "hold_until_timestamp_seconds",
            "When the held names will go; 0 when nothing is held",
            held.map_or(0.0, |held| seconds(held.until)),
        )
        .counter(
            "publishes",
            "Snapshots that this replica wrote",
            progress.publishes,
        )
        .histogram(
            "propagation_seconds",
            "From when a change of the tree was known to this replica until it had published it",
            &status.propagation,
        )
        .counter("walks", "Times that it read the whole tree", progress.walks)
        .counter(
            "repairs",
            "Znodes that reading the whole tree again found otherwise than was told of changes",
            progress.repairs,
        )
        .counter(
            "zookeeper_reconnects",
            "Times that the connection to ZooKeeper was made again",
            status.reconnects.count(),
        )
        .counter(
            "task_panics",
            "How often a task ended by a fault of its own, or for want of a thread",
            status.tasks.panics(),
        )
}

/// What stands below `STATE`, as this replica sees it.
fn of_all(metrics: Metrics, live: &Live, now: SystemTime) -> Metrics {
    let (overview, bytes) = (live.overview(now), live.bytes());
    let behind = overview.behind.len();
    let in_step = overview.agents.saturating_sub(behind);
    let leading = usize::from(overview.leader.is_some());
    let Times {
        first,
        half,
        most,
        last,
    } = live.times(now);
    metrics
        .gauge(
            "published_generation",
            "The generation that is published; 0 for none",
            overview.snapshot.as_ref().map_or(0, |of| of.generation) as f64,
        )
        .gauge(
            "last_publish_timestamp_seconds",
            "When that was, whoever did it, by the clock of the servers; 0 for never",
            live.published().map_or(0.0, seconds),
        )
        .gauge(
            "head_bytes",
            "What STATE/hosts itself holds",
            bytes.head as f64,
        )
        .gauge("pages", "Pages that it names", bytes.pages as f64)
        .gauge(
            "pages_bytes",
            "What these hold together",
            bytes.in_pages as f64,
        )
        .gauges(
            "agents",
            "Agents that run, by whether they are in step",
            [
                ([("state", "in step")], in_step as f64),
                ([("state", "behind")], behind as f64),
            ],
        )
        .gauges(
            "replicas",
            "Nameservers that run and stand for election, by what they are in it",
            [
                ([("role", "leading")], leading as f64),
                ([("role", "standing by")], overview.standbys.len() as f64),
            ],
        )
        .histograms(
            "convergence_seconds",
            "From when a generation was published until so many of the agents had it in their files",
            "agents",
            [
                ("first", first),
                ("half", half),
                ("99%", most),
                ("last", last),
            ],
        )
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
}
