//! What a status finds amiss, and how much each finding weighs.

use daemon::{Health, Tasks, time};
use tokio::sync::watch;
use zookeeper::State;

use crate::bind::{Binding, Bound, Troubles};
use crate::observe::status::{HostsFile, Registered, Snapshot, Status};
use crate::register::{Outcome, Registration};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The agent does not do its work: neither in step nor healthy.
    Failing,
    /// The file may not agree with what the tree says now, but the agent does what it can.
    OutOfStep,
    /// Somebody should look at it.
    Remark,
}

/// What the registrations of an agent are at.
#[derive(Debug, Clone)]
pub struct Registering {
    /// Each with what became of it.
    pub outcomes: Vec<(Registration, watch::Receiver<Outcome>)>,
    /// Whether what is registered runs at all; before, nothing is to be registered.
    pub works: watch::Receiver<bool>,
    /// Whether `--check` passes.
    pub healthy: watch::Receiver<bool>,
    /// Why it does not.
    pub failure: watch::Receiver<Option<String>>,
}

/// What the local names of an agent are at.
#[derive(Debug, Clone, Copy)]
pub struct Binds<'a> {
    /// Those that are asked for.
    pub wanted: &'a [Binding],
    /// Those that are there.
    pub bound: &'a Bound,
    /// Why others are not.
    pub troubles: &'a Troubles,
}

impl Status {
    /// Takes a finding in.
    pub fn find(&mut self, weight: Weight, text: String) {
        match weight {
            Weight::Failing => {
                self.failing.push(text.clone());
                self.reasons.push(text);
            }
            Weight::OutOfStep => self.reasons.push(text),
            Weight::Remark => self.remarks.push(text),
        }
        self.in_step = self.reasons.is_empty();
        self.health = self.health().word().to_owned();
    }

    /// Whether the agent lives and does its work. That ZooKeeper is away is no fault of it, and
    /// nothing that its restart would mend.
    pub fn health(&self) -> Health {
        let is_failing = |reason: &&String| self.failing.contains(*reason);
        let passing = self.reasons.iter().filter(|reason| !is_failing(reason));
        Health {
            reasons: self.failing.clone(),
            remarks: passing.chain(&self.remarks).cloned().collect(),
        }
    }

    /// Adds the local names.
    #[must_use]
    pub fn with_bindings(mut self, binds: &Binds<'_>) -> Self {
        self.bindings = binds.bound.clone();
        for trouble in binds.troubles.values() {
            self.find(Weight::Failing, trouble.clone());
        }
        let unbound = |binding: &&Binding| !binds.bound.contains_key(&binding.local);
        let unbound = binds.wanted.iter().find(unbound);
        if let (true, Some(binding)) = (self.in_step, unbound) {
            let text = format!("{} is not bound yet", binding.local);
            self.find(Weight::OutOfStep, text);
        }
        self
    }

    /// Adds what became of the registrations.
    #[must_use]
    pub fn with_registrations(mut self, registering: &Registering) -> Self {
        let (works, healthy) = (*registering.works.borrow(), *registering.healthy.borrow());
        for (registration, outcome) in &registering.outcomes {
            let (znode, failure) = match &*outcome.borrow() {
                Outcome::Absent => (None, None),
                Outcome::Present(path) => (Some(path.to_string()), None),
                Outcome::Failed(why) => (None, Some(why.clone())),
            };
            match (&znode, &failure) {
                (_, Some(failure)) => self.find(Weight::Failing, failure.clone()),
                (None, None) if works && !healthy => {
                    let why = registering.failure.borrow().clone();
                    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                    let text =
                        format!("{registration} is not registered: --check does not pass{why}");
                    self.find(Weight::Failing, text);
                }
                (None, None) if works && self.in_step => {
                    let text = format!("{registration} is not registered yet");
                    self.find(Weight::OutOfStep, text);
                }
                _ => {}
            }
            self.registrations.push(Registered {
                register: registration.to_string(),
                znode,
                failure,
            });
        }
        self
    }

    /// Adds the tasks that are down.
    #[must_use]
    pub fn with_tasks(mut self, tasks: &Tasks) -> Self {
        for failure in tasks.failures() {
            self.find(Weight::Failing, failure);
        }
        self.task_panics = tasks.panics();
        self
    }

    /// Adds what is to be said of another agent with the same id.
    #[must_use]
    pub fn with_twin(mut self, twin: Option<&String>) -> Self {
        if let Some(twin) = twin {
            self.find(Weight::Remark, twin.clone());
        }
        self
    }
}

/// What is amiss with the session, the snapshot and the file.
pub(crate) fn of_the_file(
    state: &State,
    snapshot: &Snapshot,
    file: &HostsFile,
) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    if !state.is_connected() {
        let since = time(state.since());
        let text = format!("ZooKeeper is not connected since {since}: {state}");
        found.push((Weight::OutOfStep, text));
    }
    let problem = snapshot.problem.clone();
    found.extend(problem.map(|problem| (Weight::OutOfStep, problem)));
    let stale = file.stale.iter().cloned();
    found.extend(stale.map(|stale| (Weight::OutOfStep, stale)));
    let failure = file.failure.clone();
    found.extend(failure.map(|failure| (Weight::Failing, failure)));
    let lag = match (snapshot.seen, snapshot.applied) {
        (None, _) if found.is_empty() => Some("no snapshot was read yet".into()),
        (Some(seen), None) if file.failure.is_none() => {
            Some(format!("generation {seen} is not in the file yet"))
        }
        (Some(seen), Some(applied)) if seen != applied && file.failure.is_none() => Some(format!(
            "generation {seen} was read, {applied} is in the file"
        )),
        _ => None,
    };
    found.extend(lag.map(|lag| (Weight::OutOfStep, lag)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::agent::Applied;
    use crate::follow::subscription::View;
    use crate::observe::status::Facts;
    use std::time::SystemTime;

    /// An agent that has not heard of ZooKeeper yet.
    fn status() -> Status {
        let facts = Facts {
            started: SystemTime::UNIX_EPOCH,
            servers: "zk1:2181".into(),
            znode: "/nameserver/hosts".into(),
            hosts_file: "/nonexistent/hosts".into(),
            cache: "/cache".into(),
            tls: None,
        };
        let away = State::Disconnected {
            since: SystemTime::UNIX_EPOCH,
        };
        Status::new(&facts, &away, &View::default(), &Applied::default(), None)
    }

    fn registering(outcome: Outcome, works: bool, healthy: bool) -> Registering {
        Registering {
            outcomes: vec![("web:80".parse().unwrap(), watch::channel(outcome).1)],
            works: watch::channel(works).1,
            healthy: watch::channel(healthy).1,
            failure: watch::channel(None).1,
        }
    }

    #[test]
    fn without_zookeeper_it_is_out_of_step_but_not_dead() {
        let status = status();
        assert!(!status.in_step && status.health().is_healthy());
        assert_eq!(status.health, "healthy, but");
        let health = status.health();
        assert_eq!(health.remarks, status.reasons);
    }

    #[test]
    fn a_failed_registration_weighs_and_one_that_is_not_due_does_not() {
        let of = |outcome, works, healthy| {
            let status = status().with_registrations(&registering(outcome, works, healthy));
            (status.failing.join("; "), status.reasons.len())
        };
        let none = String::new();
        assert_eq!(
            of(Outcome::Failed("taken".into()), true, true),
            ("taken".into(), 2)
        );
        let withdrawn = "web:80 is not registered: --check does not pass".to_owned();
        assert_eq!(of(Outcome::Absent, true, false), (withdrawn, 2));
        // Its command waits to be started; or ZooKeeper is away, which was said.
        assert_eq!(of(Outcome::Absent, false, false), (none.clone(), 1));
        assert_eq!(of(Outcome::Absent, true, true), (none, 1));
    }

    #[test]
    fn a_local_name_weighs_when_it_is_known_why_it_is_missing() {
        let wanted = ["mqtt=broker".parse().unwrap()];
        let of = |troubles: &Troubles| {
            let (wanted, bound) = (&wanted, &Bound::new());
            let status = status().with_bindings(&Binds {
                wanted,
                bound,
                troubles,
            });
            status.failing.join("; ")
        };
        assert_eq!(of(&Troubles::new()), "");
        let trouble = ("mqtt".parse().unwrap(), "no instance".to_owned());
        assert_eq!(of(&Troubles::from([trouble])), "no instance");
    }

    #[test]
    fn a_twin_is_a_remark() {
        let mut status = status();
        (status.reasons, status.in_step) = (Vec::new(), true);
        let status = status.with_twin(Some(&"another one".to_owned()));
        assert!(status.in_step && status.health().is_healthy());
        assert!(status.to_string().starts_with("in step, but another one\n"));
        assert!(status.line().ends_with("; another one"));
    }
}
