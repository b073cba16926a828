//! Standing for election, leading, and when not to.

use contract::Head as Published;
use log::Level;
use zookeeper::Error;

use super::{Core, Head, Preparation, RETRY, Stage, Term, remedy};
use crate::publish::action::{Action, Continuity, StateZnode};
use crate::publish::draft::HoldEnd;
use crate::publish::hold::Timestamp;
use crate::publish::settings;

impl Core {
    /// Whether earlier writes arrived is unknown now, and a leadership or candidacy of an ended
    /// session is void.
    pub(super) fn connected(&mut self, continuity: Continuity) {
        self.is_connected = true;
        self.echoes = 0;
        self.retry_at = None;
        self.hold.changed();
        match (&mut self.stage, continuity) {
            (Stage::Standing, Continuity::Client) => {}
            (Stage::Leading(term), Continuity::Client) => term.look_again(),
            (Stage::Leading(_), Continuity::Session) => {
                self.step_down("its connection was away for about as long as --session-timeout");
                self.prepare();
            }
            (Stage::Leading(_), Continuity::Nothing) => {
                self.step_down(
                    "its session ended, as after a pause or an outage longer than --session-timeout",
                );
                self.prepare();
            }
            (Stage::Idle | Stage::Preparing(_) | Stage::Standing, _) => self.prepare(),
        }
    }

    /// Makes ready to stand for election.
    pub(super) fn prepare(&mut self) {
        self.idle();
        self.stage = Stage::Preparing(if self.takes_over {
            Preparation::Create
        } else {
            Preparation::ReadSettings
        });
    }

    pub(super) fn go_on_preparing(&mut self) -> Action {
        match self.stage {
            Stage::Preparing(Preparation::ReadSettings) => Action::Read(StateZnode::Settings),
            Stage::Preparing(Preparation::ReadHosts(_)) => Action::Read(StateZnode::Hosts),
            Stage::Preparing(Preparation::Create) => Action::Prepare,
            _ => {
                self.stage = Stage::Standing;
                self.complaint = None;
                Action::Stand
            }
        }
    }

    pub(super) fn prepared(&mut self, prepared: Result<(), Error>, now: Timestamp) {
        let Stage::Preparing(Preparation::Create) = self.stage else {
            return;
        };
        match prepared {
            Ok(()) => self.stage = Stage::Preparing(Preparation::Stand),
            Err(error) => {
                self.stage = Stage::Idle;
                let (election, why) = (self.state.election(), remedy(&error));
                self.complain(format!("cannot create {election}: {why}"), now);
            }
        }
    }

    pub(super) fn elected(&mut self) {
        if let Stage::Standing = self.stage {
            self.stage = Stage::Leading(Box::new(Term {
                head: Head::ReadHold,
                settings_due: None,
                writing: None,
                ready: None,
                is_list_due: true,
                ahead: None,
            }));
            let (id, hosts) = (&self.id, self.path(StateZnode::Hosts));
            let text = format!("leading as {id:?}: this replica publishes {hosts}");
            self.say(Level::Info, text);
        }
    }

    pub(super) fn not_elected(&mut self, error: Option<Error>, now: Timestamp) {
        self.stage = Stage::Idle;
        match error {
            Some(error) if error.is_connection() => {}
            Some(error) => {
                let (election, why) = (self.state.election(), remedy(&error));
                self.complain(
                    format!("cannot stand for election at {election}: {why}"),
                    now,
                );
            }
            None => self.retry_at = Some(now.monotonic + RETRY),
        }
    }

    fn idle(&mut self) {
        self.resign();
        // Now it is the leader's to complain of it.
        self.too_large = None;
        self.orphans.clear();
        self.draft.end_hold(HoldEnd::Deposed);
    }

    /// Says why this replica no longer leads, and leaves what it held to its successor.
    fn step_down(&mut self, reason: &str) {
        let id = &self.id;
        let text = format!("no longer leading as {id:?}: {reason}; standing for election again");
        self.say(Level::Warn, text);
        self.idle();
    }

    pub(super) fn deposed(&mut self, now: Timestamp) {
        let election = self.state.election();
        self.step_down(&format!(
            "its znode below {election} is gone, though its session goes on: somebody deleted it"
        ));
        self.retry_at = Some(now.monotonic);
    }

    /// Does not stand, or no longer: at a failover this replica would rename everything.
    pub(super) fn refuse(&mut self, difference: &str, now: Timestamp) {
        self.idle();
        let text = format!(
            "not standing for election: {difference}; give all replicas the same, or change what is \
             published with --take-over"
        );
        self.complain(text, now);
    }

    /// In what this replica differs from what is published.
    pub(super) fn difference(
        &self,
        told: Option<&[u8]>,
        head: Option<&Published>,
    ) -> Option<String> {
        let published = settings::published(told, head)?;
        settings::difference(&self.settings, &published)
    }
}
