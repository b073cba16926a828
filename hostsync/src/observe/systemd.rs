//! What a service manager such as systemd is told of the agent.

use std::time::Duration;

use daemon::systemd::{self, StatusLine};
use tokio::sync::watch;
use zookeeper::State;

use crate::apply::agent::Applied;
use crate::follow::subscription::View;
use crate::observe::status::Status;

/// How often the line is looked at for what seldom changes: registrations, local names, other agents
/// with the same id.
const LOOK: Duration = Duration::from_secs(5);

/// What the agent's status depends on, but for what seldom changes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The session.
    pub states: watch::Receiver<State>,
    /// What was read.
    pub view: watch::Receiver<View>,
    /// What was applied.
    pub applied: watch::Receiver<Applied>,
}

/// Says that the agent is ready, at once or where `has_kept_names` after the first pass, which puts
/// them into the file; from then on, what it does. Whether ZooKeeper answers does not matter: the
/// order of starts is free.
pub async fn tell(mut sources: Sources, has_kept_names: bool, status: impl Fn() -> Status) {
    if !systemd::is_listened_to() {
        return;
    }
    if has_kept_names {
        let applied = &mut sources.applied;
        let _ = applied.wait_for(Applied::is_after_a_pass).await;
    }
    systemd::ready();
    let mut line = StatusLine::default();
    loop {
        line.tell(status().line());
        tokio::time::sleep(systemd::PAUSE).await;
        let Sources {
            states,
            view,
            applied,
        } = &mut sources;
        let changed = tokio::select! {
            changed = states.changed() => changed,
            changed = view.changed() => changed,
            changed = applied.changed() => changed,
            () = tokio::time::sleep(LOOK) => Ok(()),
        };
        if changed.is_err() {
            return;
        }
    }
}
