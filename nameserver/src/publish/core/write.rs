//! What is written while leading.

use std::mem;
use std::time::{Duration, Instant};

use contract::{Counted, Held};
use log::Level;
use zookeeper::Error;

use super::{Core, Due, Head, Stage, Writing, remedy};
use crate::publish::action::{Action, StateZnode, Write};
use crate::publish::draft::{HoldEnd, Publication, TooLarge};
use crate::publish::hold::Timestamp;

/// How long agents are busy with one changed name, as a guess on the safe side.
const PER_NAME: Duration = Duration::from_millis(1);
/// How long they are busy with many, at most.
const MOST_WORK: Duration = Duration::from_millis(200);
/// How much work may lie before them.
const ALLOWANCE: Duration = Duration::from_millis(50);

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
            Head::ReadPages(ref read) => return Some(Action::ReadPages(read.index.clone())),
            Head::Known(version) => version,
        };
        if term.is_list_due && !self.draft.pages().is_empty() {
            // Some may have gone while nobody told of it, and the next index would name them.
            term.is_list_due = false;
            return Some(Action::ListPages);
        }
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
        let revision = self.draft.revision();
        let ready = match &mut self.stage {
            Stage::Leading(term) => term.ready.take(),
            _ => None,
        };
        let mut publication = match ready {
            Some((of, publication)) if of == revision => publication,
            _ if self.paced().is_some_and(|at| at > now.monotonic) => return None,
            _ => match self.draft.publication(now.wall) {
                Ok(Some(publication)) if version.is_none() && !publication.pages.is_empty() => {
                    if let Stage::Leading(term) = &mut self.stage {
                        term.writing = Some(Writing::Place);
                    }
                    return Some(Action::Write(Write::Create(StateZnode::Hosts, Vec::new())));
                }
                Ok(Some(mut publication)) if !publication.pages.is_empty() => {
                    let pages = mem::take(&mut publication.pages);
                    for page in &pages {
                        // Unless it is named in time, it is of no use.
                        let component = page.entry.component();
                        self.orphans.add(component, page.bytes.len(), now.monotonic);
                    }
                    if let Stage::Leading(term) = &mut self.stage {
                        term.writing = Some(Writing::Pages(revision, publication));
                    }
                    return Some(Action::WritePages(pages));
                }
                Ok(Some(publication)) => publication,
                Ok(None) => {
                    (self.complaint, self.too_large) = (None, None);
                    return None;
                }
                Err(too_large) => return self.too_large(&too_large),
            },
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

    /// Before when nothing is published, so that the agents come along in a burst: they need some time
    /// for each name. A few names never wait.
    pub(super) fn paced(&self) -> Option<Instant> {
        self.busy_until
            .and_then(|until| until.checked_sub(ALLOWANCE))
    }

    fn pace(&mut self, names: usize, now: Instant) {
        let names = u32::try_from(names).unwrap_or(u32::MAX);
        let until = self.busy_until.map_or(now, |until| until.max(now));
        let work = PER_NAME.saturating_mul(names).min(MOST_WORK);
        self.busy_until = Some((until + work).min(now + ALLOWANCE + MOST_WORK));
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
            (Some(Writing::Pages(..)), _) => {}
            (Some(Writing::Place), written) => self.place_made(written, now),
            (Some(Writing::Hosts(publication)), written) => {
                self.hosts_written(publication, written, now);
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

    /// Agents take the empty znode for one of which they wait for better.
    fn place_made(&mut self, written: Result<i32, Error>, now: Timestamp) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        match written {
            Ok(version) => {
                term.head = Head::Known(Some(version));
                self.echoes += 1;
                self.draft.passed_over(version);
            }
            Err(Error::NodeExists | Error::NoNode) => term.look_again(),
            Err(error) => {
                let (hosts, why) = (self.path(StateZnode::Hosts), remedy(&error));
                self.complain(format!("cannot create {hosts}: {why}"), now);
            }
        }
    }

    fn hosts_written(
        &mut self,
        publication: Publication,
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
                let (diff, names) = (&publication.diff, Counted(publication.names, "name"));
                let changed = diff.added.len() + diff.changed.len() + diff.removed.len();
                let (generation, moves) = (publication.generation, &publication.moves);
                let text = format!("generation {generation}: {diff}; {names}{moves}");
                self.say(Level::Info, text);
                self.pace(changed, now.monotonic);
                self.forsake(&publication.gone, now);
                let news = self.draft.published(publication, version);
                self.took = news.map(|since| now.monotonic.duration_since(since));
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
