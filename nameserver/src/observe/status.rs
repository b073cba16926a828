//! What a running replica tells about itself over HTTP. [`crate::observe::overview`] tells of all replicas.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use contract::{Counted, ZnodePath};
use daemon::systemd::{self, StatusLine};
use daemon::{Answer, Health, Histogram, Limits, Metrics, Observed, Page, Tasks, time};
use serde::{Serialize, Serializer};
use tokio::sync::watch;
use zookeeper::{State, Tls};

use crate::dns;
use crate::observe::ask::Asking;
use crate::observe::live::Live;
use crate::observe::metrics::metrics;
use crate::publish::Role;
use crate::publish::hold::Held;

/// What does not change while a replica runs.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The name of this replica.
    pub id: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started: String,
    /// The release.
    pub version: &'static str,
    /// The servers and the chroot.
    pub servers: String,
    /// Where names are looked for.
    pub root: ZnodePath,
    /// Where it keeps its own.
    pub state: ZnodePath,
    /// TLS to ZooKeeper, if it is spoken.
    #[serde(skip)]
    pub tls: Option<Tls>,
}

/// What changes while a replica runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// What it is in the election.
    pub role: Role,
    /// The tree was read whole over the present connection, and is followed since.
    pub follows: bool,
    /// Znodes below the root.
    pub znodes: usize,
    /// Names that they give.
    pub names: usize,
    /// Znodes with something to be mended.
    pub problems: usize,
    /// How many of them are of which kind.
    pub problem_kinds: BTreeMap<&'static str, usize>,
    /// The newest transaction that the tree reflects.
    pub zxid: i64,
    /// The newest generation that this replica knows of; 0 before it has led.
    pub generation: u64,
    /// How many snapshots it has written.
    pub publishes: u64,
    /// How often it has read the whole tree.
    pub walks: u64,
    /// How many znodes that found otherwise than it was told of changes.
    pub repairs: u64,
    /// What it holds, if anything.
    pub hold: Option<Held>,
    /// Since when what is published differs from the tree as this replica sees it.
    #[serde(serialize_with = "shown")]
    pub differs_since: Option<SystemTime>,
    /// What it cannot do, and why.
    pub complaint: Option<String>,
}

fn shown<S: Serializer>(since: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
    since.map(time).serialize(to)
}

/// All that is told.
#[derive(Debug, Clone)]
pub struct Status {
    /// What does not change.
    pub facts: Facts,
    /// What the session does.
    pub session: watch::Receiver<State>,
    /// What does change.
    pub progress: watch::Receiver<Progress>,
    /// What is to be said of another replica with the same id, while there is one.
    pub twin: watch::Receiver<Option<String>>,
    /// What is told of DNS, if it is answered.
    pub dns: Option<dns::Told>,
    /// What stands below `STATE`, where somebody may ask for it.
    pub live: Option<Live>,
    /// Asks the tree what is not told without being asked for.
    pub asking: Option<Arc<Asking>>,
    /// How long it takes to publish what is known.
    pub propagation: Histogram,
    /// How often the connection to ZooKeeper was made again.
    pub reconnects: Reconnects,
    /// What works beside the tree.
    pub tasks: Tasks,
    /// What it uses of its limits.
    pub limits: Limits,
}

/// Asks how often the connection to ZooKeeper was made again.
#[derive(Clone)]
pub struct Reconnects(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Reconnects {
    /// Asks this.
    pub fn new(count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }

    /// How often.
    pub fn count(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Reconnects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

impl Status {
    /// What it does, in one line.
    pub fn line(&self) -> String {
        let health = self.health();
        if !health.is_healthy() {
            return health.to_string();
        }
        let progress = self.progress.borrow();
        let role = match progress.role {
            Role::Idle => "not standing for election",
            Role::StandingBy => "standing by",
            Role::Leading => "leading",
        };
        let mut line = format!("{role}: {}", Counted(progress.names, "name"));
        if let Some(held) = &progress.hold {
            line += &format!(", {} held in doubt until {}", held.names, time(held.until));
        }
        if let Some(twin) = &*self.twin.borrow() {
            line += &format!("; {twin}");
        }
        line
    }

    /// Tells the service manager that this replica is ready, and from then on what it does. Whether
    /// ZooKeeper answers does not matter: the order of starts is free.
    pub async fn tell(self) {
        if !systemd::is_listened_to() {
            return;
        }
        systemd::ready();
        let (mut session, mut progress) = (self.session.clone(), self.progress.clone());
        let mut line = StatusLine::default();
        loop {
            line.tell(self.line());
            tokio::time::sleep(systemd::PAUSE).await;
            let changed = tokio::select! {
                changed = session.changed() => changed,
                changed = progress.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

impl Observed for Status {
    fn status(&self) -> serde_json::Value {
        let (session, health) = (self.session.borrow().clone(), self.health());
        let mut status = serde_json::json!({
            "ok": health.is_healthy(),
            "health": health.word(),
            "reasons": health.reasons,
            "remarks": health.remarks,
            "replica": self.facts,
            "zookeeper": {
                "connected": session.is_connected(),
                "state": session.to_string(),
                "since": time(session.since()),
            },
            "progress": *self.progress.borrow(),
        });
        if let Some(ends) = self.facts.tls.as_ref().map(Tls::ends) {
            status["zookeeper"]["certificates"] = serde_json::json!({
                "ca_ends": ends.ca.map(time),
                "own_ends": ends.own.map(time),
            });
        }
        if let Some(dns) = &self.dns {
            status["dns"] = dns.status();
        }
        if let Some(live) = &self.live {
            let told = live.told(SystemTime::now());
            status["overview"] = serde_json::to_value(told).unwrap_or_default();
            let generations = serde_json::to_value(live.generations());
            status["generations"] = generations.unwrap_or_default();
        }
        status
    }

    fn health(&self) -> Health {
        let (session, progress) = (self.session.borrow(), self.progress.borrow());
        let mut reasons = Vec::new();
        if !session.is_connected() {
            let since = time(session.since());
            reasons.push(format!(
                "ZooKeeper is not connected since {since}: {}",
                *session
            ));
        } else if !progress.follows {
            reasons.push("the tree is being read".to_owned());
        }
        reasons.extend(progress.complaint.clone());
        reasons.extend(self.tasks.failures());
        let held = progress.hold.as_ref().map(Held::remark);
        let twin = self.twin.borrow().clone();
        let ends = self.facts.tls.as_ref().map(Tls::ends);
        let ends = ends.iter().flat_map(|ends| ends.remarks(SystemTime::now()));
        Health {
            reasons,
            remarks: held
                .into_iter()
                .chain(twin)
                .chain(ends)
                .chain(self.limits.remarks())
                .collect(),
        }
    }

    fn readiness(&self) -> Health {
        let walks = self.progress.borrow().walks;
        let unread = (walks == 0).then(|| "the tree was not read yet".to_owned());
        Health {
            reasons: unread.into_iter().collect(),
            remarks: Vec::new(),
        }
    }

    fn metrics(&self) -> Metrics {
        metrics(self, SystemTime::now())
    }

    fn page(&self) -> Page {
        Page::new("nameserver", include_str!("page.js"))
    }

    async fn ask(&self, path: &str, query: &[(String, String)]) -> Option<Answer> {
        self.asking.as_ref()?.answer(path, query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn status(state: State, progress: Progress) -> Status {
        let facts = Facts {
            id: "ns1".into(),
            pid: 1,
            started: time(SystemTime::UNIX_EPOCH),
            version: "0.1.0",
            servers: "zk:2181".into(),
            root: ZnodePath::root(),
            state: "/nameserver".parse().unwrap(),
            tls: None,
        };
        let (session, progress) = (watch::channel(state).1, watch::channel(progress).1);
        Status {
            facts,
            session,
            progress,
            twin: watch::channel(None).1,
            dns: None,
            live: None,
            asking: None,
            propagation: Histogram::default(),
            reconnects: Reconnects::new(|| 0),
            tasks: Tasks::default(),
            limits: Limits::default(),
        }
    }

    #[tokio::test]
    async fn a_task_that_is_down_is_not_healthy() {
        let state = State::Connected {
            since: SystemTime::UNIX_EPOCH,
            session_id: 1,
        };
        let progress = Progress {
            follows: true,
            ..Progress::default()
        };
        let status = status(state, progress);
        assert!(status.health().is_healthy());
        let broken = || async { panic!("no more threads") };
        let _kept = tokio::spawn(status.tasks.clone().keep("dns", broken));
        while status.health().is_healthy() {
            tokio::task::yield_now().await;
        }
        let reasons = status.health().reasons;
        assert_eq!(reasons, ["the task 'dns' is down: no more threads"]);
    }

    #[test]
    fn a_leader_with_a_hold() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(90);
        let name = "db".parse().unwrap();
        let progress = Progress {
            role: Role::Leading,
            follows: true,
            names: 8,
            hold: Some(Held::new([name].iter(), until)),
            ..Progress::default()
        };
        let connected = State::Connected {
            since: SystemTime::UNIX_EPOCH,
            session_id: 7,
        };
        let status = status(connected, progress);
        assert_eq!(
            status.health().to_string(),
            "healthy, but 1 name that the tree lost is held until 1970-01-01T00:01:30Z: db"
        );
        assert_eq!(
            status.line(),
            "leading: 8 names, 1 held in doubt until 1970-01-01T00:01:30Z"
        );
        let json = status.status();
        assert_eq!(json["progress"]["role"], "leading");
        assert_eq!(json["progress"]["hold"]["until"], "1970-01-01T00:01:30Z");
        let metrics = status.metrics().text();
        for line in [
            "nameserver_leader 1.0",
            "nameserver_zookeeper_reconnects_total 0",
            "nameserver_names 8.0",
            "nameserver_held_names 1.0",
            "nameserver_hold_until_timestamp_seconds 90.0",
        ] {
            assert!(metrics.contains(&format!("\n{line}\n")), "{metrics}");
        }
    }

    #[test]
    fn what_is_not_healthy_is_said() {
        let away = State::Disconnected {
            since: SystemTime::UNIX_EPOCH,
        };
        let progress = Progress {
            complaint: Some("cannot write".into()),
            ..Progress::default()
        };
        let status = status(away, progress);
        assert_eq!(
            status.health().reasons,
            [
                "ZooKeeper is not connected since 1970-01-01T00:00:00Z: connection lost",
                "cannot write"
            ]
        );
        assert!(status.line().starts_with("not healthy: ZooKeeper is"));
    }
}
