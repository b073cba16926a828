//! What is written while leading.

use std::mem;

use contract::{Counted, Held};
use log::Level;
use zookeeper::Error;

use super::{Core, Due, Head, Stage, Writing, remedy};
use crate::publish::action::{Action, StateZnode, Write};
use crate::publish::draft::{HoldEnd, Publication, TooLarge};
use crate::publish::hold::Timestamp;

impl Core {
    /// What is to be done next for `STATE/hosts` to hold the draft.
    pub(super) fn lead(&mut self, now: Timestamp) -> Option<Action> {
        let Stage::Leading(term) = &mut self.stage else {
            return None;
        };
        if self.retry_at.is_some() {
            return None;
        }
        let version = match term.head {
            Head::ReadHold => return Some(Action::Read(StateZnode::Hold)),
            Head::ReadSettings => return Some(Action::Read(StateZnode::Settings)),
            Head::ReadHosts(_) | Head::ReadAgain => return Some(Action::Read(StateZnode::Hosts)),
            Head::Known(version) => version,
        };
        if let Some(due) = term.settings_due {
            // All replicas are told by which settings the names are made before the names themselves.
            term.writing = Some(Writing::Settings);
            return Some(Action::Write(due.write(self.settings.encode())));
        }
        if self.draft.hold_ends().is_some() && self.hold.is_in_question() {
            return Some(Action::Read(StateZnode::Hold));
        }
        self.doubt(now).or_else(|| self.publish(version, now))
    }

    /// Holds what is in doubt, or ends a hold. Returns what is to be said of it.
    fn doubt(&mut self, now: Timestamp) -> Option<Action> {
        let was_held = self.draft.held();
        if let Some(why) = self.draft.doubt(now) {
            return said_of_end(why, was_held.as_ref());
        }
        if was_held.is_some() {
            return None;
        }
        let held = self.draft.held()?;
        let (lost, left) = (Counted(held.names, "name"), self.draft.names());
        let text = format!(
            "{lost} would be gone at once ({}), {left} left: held until {}; publish it sooner with \
             `nameserver release`, see --drop-hold",
            held.list(),
            held.until()
        );
        Some(Action::Say(Level::Warn, text))
    }

    /// Writes the draft over the given version, if it is due.
    fn publish(&mut self, version: Option<i32>, now: Timestamp) -> Option<Action> {
        let mut publication = match self.draft.publication(now.wall) {
            Ok(Some(publication)) => publication,
            Ok(None) => {
                (self.complaint, self.too_large) = (None, None);
                return None;
            }
            Err(too_large) => return self.too_large(&too_large),
        };
        self.too_large = None;
        let bytes = mem::take(&mut publication.bytes);
        if let Stage::Leading(term) = &mut self.stage {
            term.writing = Some(Writing::Hosts(publication));
        }
        Some(Action::Write(match version {
            None => Write::Create(StateZnode::Hosts, bytes),
            version => Write::Set(StateZnode::Hosts, bytes, version),
        }))
    }

    fn too_large(&mut self, too_large: &TooLarge) -> Option<Action> {
        // Once, not once a size; and no retry: only another tree helps.
        if self.too_large.is_some() {
            return None;
        }
        let hosts = self.path(StateZnode::Hosts);
        let text = format!("cannot publish {hosts}: {too_large}");
        self.too_large = Some(text.clone());
        Some(Action::Say(Level::Error, text))
    }

    pub(super) fn tell_what_is_held(&mut self) -> Option<Action> {
        let Stage::Leading(term) = &mut self.stage else {
            return None;
        };
        // Until it is known what a predecessor held, that stays.
        if term.inherits() {
            return None;
        }
        let held = self.draft.held();
        let write = self.hold.due(held.as_ref())?;
        term.writing = Some(Writing::Hold(held));
        Some(Action::Write(write))
    }

    pub(super) fn written(&mut self, written: Result<i32, Error>, now: Timestamp) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        match (term.writing.take(), written) {
            (None, _) => {}
            (Some(_), Err(Error::Deposed)) => self.deposed(now),
            (Some(Writing::Settings), written) => self.settings_written(written),
            (Some(Writing::Hosts(publication)), written) => {
                self.hosts_written(&publication, written, now);
            }
            (Some(Writing::Hold(held)), written) => {
                if let Err(error) = self.hold.written(held, written) {
                    let hold = self.path(StateZnode::Hold);
                    let text = format!("cannot write {hold}, which tells what is held: {error}");
                    self.say(Level::Warn, text);
                }
            }
        }
    }

    fn settings_written(&mut self, written: Result<i32, Error>) {
        let due = match written {
            Ok(_) => None,
            // Put there, or deleted, by somebody else meanwhile.
            Err(Error::NodeExists) => Some(Due::Set),
            Err(Error::NoNode) => Some(Due::Create),
            Err(error) => {
                let (path, why) = (self.path(StateZnode::Settings), remedy(&error));
                let text = format!("cannot write {path}, by which replicas agree: {why}");
                self.say(Level::Warn, text);
                None
            }
        };
        if let Stage::Leading(term) = &mut self.stage {
            term.settings_due = due;
        }
    }

    fn hosts_written(
        &mut self,
        publication: &Publication,
        written: Result<i32, Error>,
        now: Timestamp,
    ) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        match written {
            Ok(version) => {
                term.head = Head::Known(Some(version));
                self.echoes += 1;
                self.publishes += 1;
                self.complaint = None;
                self.draft.published(publication);
                let Publication {
                    generation,
                    diff,
                    names,
                    ..
                } = publication;
                let names = Counted(*names, "name");
                self.say(
                    Level::Info,
                    format!("generation {generation}: {diff}; {names}"),
                );
            }
            Err(Error::BadVersion | Error::NodeExists | Error::NoNode) => term.look_again(),
            Err(error) => {
                let (hosts, why) = (self.path(StateZnode::Hosts), remedy(&error));
                self.complain(format!("cannot write {hosts}: {why}"), now);
            }
        }
    }
}

pub(super) fn said_of_end(why: HoldEnd, held: Option<&Held>) -> Option<Action> {
    let names = Counted(held.map_or(0, |held| held.names), "name");
    let (level, text) = match why {
        HoldEnd::Time => (
            Level::Warn,
            format!("{names} held until now are still gone, so they go"),
        ),
        HoldEnd::Released => (
            Level::Warn,
            format!("{names} held until now go: an operator released them"),
        ),
        HoldEnd::Back => (Level::Info, "all names that were held are back".to_owned()),
        HoldEnd::Deposed => return None,
    };
    Some(Action::Say(level, text))
}
