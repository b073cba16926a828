//! Who publishes, what, and when, as a state machine: events and the time in, actions out. Pure.
//!
//! [`Core::step`] says what is to be done next, until there is nothing; [`Core::handle`] takes in what
//! came of it, and whatever else happens; [`Core::wake`] says when there will be more to do though
//! nothing happens. An action that nobody answered is asked for again.

mod election;
#[cfg(test)]
mod model;
mod orphans;
mod pages;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use contract::{Address, Held, Hosts, Name, Settings, State, ZnodePath};
use log::Level;
use zookeeper::Error;

use self::orphans::Orphans;
use self::pages::ReadPages;
use crate::namespace::scope::Scope;
use crate::publish::Role;
use crate::publish::action::{Action, Event, StateZnode, Write};
use crate::publish::draft::{Draft, Publication};
use crate::publish::hold::Timestamp;
use crate::publish::hold_znode::HoldZnode;
use crate::publish::paging::Fold;
use crate::publish::settings;

/// How long a refused write or a lost election waits before the next try.
const RETRY: Duration = Duration::from_secs(5);

/// Decides for one replica about the election and about `STATE/hosts`.
#[derive(Debug)]
pub(super) struct Core {
    id: String,
    state: State,
    draft: Draft,
    settings: Settings,
    /// Others may have published by other settings.
    takes_over: bool,
    hold: HoldZnode,
    is_connected: bool,
    stage: Stage,
    /// What has to be done first, and needs no answer.
    first: VecDeque<Action>,
    /// Events of our own writes of `STATE/hosts` that the watch has still to yield.
    echoes: u32,
    retry_at: Option<Instant>,
    complaint: Option<String>,
    /// The draft does not fit a znode, and this was said.
    too_large: Option<String>,
    publishes: u64,
    /// How long it took to publish what was published last, if nobody has asked.
    took: Option<Duration>,
    orphans: Orphans,
    /// Until when the agents have work with what was published.
    busy_until: Option<Instant>,
}

/// How far this replica has got.
#[derive(Debug)]
enum Stage {
    /// Stands when it is time to try again.
    Idle,
    /// Finds out whether it may stand, and makes ready for it.
    Preparing(Preparation),
    Standing,
    Leading(Box<Term>),
}

/// What is to be done next on the way to the election.
#[derive(Debug)]
enum Preparation {
    ReadSettings,
    /// With the data of `STATE/settings`.
    ReadHosts(Option<Vec<u8>>),
    Create,
    Stand,
}

/// One time of leading.
#[derive(Debug)]
struct Term {
    head: Head,
    /// How `STATE/settings` is to be made to hold our own.
    settings_due: Option<Due>,
    /// What was asked to be written, and is not answered.
    writing: Option<Writing>,
    /// A publication, of this revision of the draft, whose pages are written.
    ready: Option<(u64, Publication)>,
    /// The pages are to be listed.
    is_list_due: bool,
    /// What is being written ahead.
    ahead: Option<Vec<Fold>>,
}

/// What is known of `STATE/hosts`.
#[derive(Debug)]
enum Head {
    /// It is a predecessor's, and first what was held is to be read,
    ReadHold,
    /// then by which settings it was made,
    ReadSettings,
    /// then itself, with the data of `STATE/settings`.
    ReadHosts(Option<Vec<u8>>),
    /// It is an index, and its pages are to be read.
    ReadPages(Box<ReadPages>),
    /// Somebody may have written over our own.
    ReadAgain,
    /// Its version; none where there is no such znode.
    Known(Option<i32>),
}

/// How a znode is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Create,
    Set,
}

/// What is being written.
#[derive(Debug)]
enum Writing {
    Settings,
    /// `STATE/hosts` without data, for the pages to have a place.
    Place,
    /// The pages of a publication of this revision of the draft.
    Pages(u64, Publication),
    Hosts(Publication),
    Hold(Option<Held>),
}

impl Core {
    /// The core of a replica that publishes the names of `scope` as `id`. Without a connection
    /// there is nothing to do.
    pub(super) fn new(scope: &Scope, id: String, draft: Draft) -> Self {
        Self {
            id,
            state: State::new(scope.state().clone()),
            draft,
            settings: settings::of(scope),
            takes_over: false,
            hold: HoldZnode::default(),
            is_connected: false,
            stage: Stage::Idle,
            first: VecDeque::new(),
            echoes: 0,
            retry_at: None,
            complaint: None,
            too_large: None,
            publishes: 0,
            took: None,
            orphans: Orphans::default(),
            busy_until: None,
        }
    }

    /// Publishes also where others have published by other settings.
    pub(super) fn take_over(&mut self, takes_over: bool) {
        self.takes_over = takes_over;
    }

    /// How often an agent that is in step is to tell so at most.
    pub(super) fn ask_for_presence(&mut self, presence: Duration) {
        self.draft.ask_for_presence(presence);
    }

    /// What is to be published.
    pub(super) fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Takes over what the tree says of one name.
    pub(super) fn set(&mut self, name: Name, addresses: Option<&[Address]>, now: Instant) {
        self.draft.set(name, addresses, now);
    }

    /// Takes note of the znode that gives, or gave, a name.
    pub(super) fn given_by(&mut self, name: &Name, znode: &ZnodePath) {
        self.draft.given_by(name, znode);
    }

    /// Takes over what the tree says of all names.
    pub(super) fn set_all(&mut self, hosts: Hosts, now: Instant) {
        self.draft.set_all(hosts, now);
    }

    /// Takes over the newest transaction that the tree reflects.
    pub(super) fn reflect(&mut self, zxid: i64) {
        self.draft.reflect(zxid);
    }

    /// Takes note that the root of the tree is gone.
    pub(super) fn root_is_gone(&mut self) {
        self.draft.root_is_gone();
    }

    /// What this replica is in the election.
    pub(super) fn role(&self) -> Role {
        match self.stage {
            Stage::Idle | Stage::Preparing(_) => Role::Idle,
            Stage::Standing => Role::StandingBy,
            Stage::Leading(_) => Role::Leading,
        }
    }

    /// What cannot be done, and why.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint.clone().or(self.too_large.clone())
    }

    /// How many snapshots were written.
    pub(super) fn publishes(&self) -> u64 {
        self.publishes
    }

    /// How long it took from when the oldest change of the last publish was known, told once.
    pub(super) fn took(&mut self) -> Option<Duration> {
        self.took.take()
    }

    /// When there will be something to do though nothing happens.
    pub(super) fn wake(&self) -> Option<Instant> {
        // What cannot be written now is tried again before a hold matters.
        let paced = self.paced().filter(|_| self.draft.is_due());
        let due = [self.draft.hold_ends(), self.orphans.due(), paced];
        let leads = matches!(self.stage, Stage::Leading(_));
        let due = due.into_iter().flatten().min().filter(|_| leads);
        let wake = self.retry_at.or(due);
        wake.filter(|_| self.is_connected)
    }

    /// What is to be done next; none when there is nothing to do before an event, or before it is
    /// time to wake.
    pub(super) fn step(&mut self, now: Timestamp) -> Option<Action> {
        if let Some(action) = self.first.pop_front() {
            return Some(action);
        }
        if !self.is_connected {
            return None;
        }
        if self.retry_at.is_some_and(|at| at <= now.monotonic) {
            self.retry_at = None;
            if let Stage::Idle = self.stage {
                self.prepare();
            }
        }
        match &self.stage {
            Stage::Idle | Stage::Standing => None,
            Stage::Preparing(_) => Some(self.go_on_preparing()),
            Stage::Leading(_) => self
                .lead(now)
                .or_else(|| self.tell_what_is_held())
                .or_else(|| self.keep_pages(now)),
        }
    }

    /// Takes an event in.
    pub(super) fn handle(&mut self, event: Event, now: Timestamp) {
        if event.broken_connection().is_some() {
            // What was asked for last may have arrived all the same.
            self.is_connected = false;
        }
        match event {
            Event::NotElected(error) => self.not_elected(error, now),
            _ if event.broken_connection().is_some() => {}
            Event::Connected(continuity) => self.connected(continuity),
            Event::Changed(StateZnode::Hosts) => self.hosts_changed(),
            Event::Changed(StateZnode::Hold) => self.hold.changed(),
            Event::Changed(StateZnode::Settings) => {}
            Event::Elected => self.elected(),
            Event::Read(znode, read) => self.read(znode, read, now),
            Event::PagesRead(read) => self.pages_read(read, now),
            Event::PagesWritten(written) => self.pages_written(written, now),
            Event::WrittenAhead(written) => self.written_ahead(written, now),
            Event::PagesListed(listed) => self.pages_listed(listed, now),
            Event::PagesDeleted(deleted) => self.pages_deleted(deleted, now),
            Event::PageGone(component) => self.page_gone(&component),
            Event::Prepared(prepared) => self.prepared(prepared, now),
            Event::Written(written) => self.written(written, now),
        }
    }

    /// Gives up leadership or candidacy.
    pub(super) fn resign(&mut self) {
        if let Stage::Standing | Stage::Leading(_) = mem::replace(&mut self.stage, Stage::Idle) {
            self.first.push_back(Action::Resign);
        }
    }
}

/// What is said.
impl Core {
    fn say(&mut self, level: Level, text: String) {
        self.first.push_back(Action::Say(level, text));
    }

    /// Says what is wrong, once, and tries again later.
    fn complain(&mut self, text: String, now: Timestamp) {
        self.retry_at = Some(now.monotonic + RETRY);
        if self.complaint.as_ref() != Some(&text) {
            self.say(
                Level::Error,
                format!("{text}; trying again every {RETRY:?}"),
            );
            self.complaint = Some(text);
        }
    }

    fn path(&self, znode: StateZnode) -> ZnodePath {
        znode.path(&self.state)
    }
}

impl Term {
    /// What is known of `STATE/hosts` may no longer be so.
    fn look_again(&mut self) {
        (self.writing, self.ready) = (None, None);
        self.is_list_due = true;
        self.head = if self.inherits() {
            Head::ReadHold
        } else {
            Head::ReadAgain
        };
    }

    /// What `STATE/hosts` holds is a predecessor's, not to be told from our own.
    fn inherits(&self) -> bool {
        match &self.head {
            Head::ReadAgain | Head::Known(_) => false,
            Head::ReadPages(read) => read.inherited.is_some(),
            Head::ReadHold | Head::ReadSettings | Head::ReadHosts(_) => true,
        }
    }
}

impl Due {
    fn write(self, data: Vec<u8>) -> Write {
        match self {
            Self::Create => Write::Create(StateZnode::Settings, data),
            Self::Set => Write::Set(StateZnode::Settings, data, None),
        }
    }
}

fn remedy(error: &Error) -> String {
    match error {
        Error::NoNode => "the chroot of --zookeeper does not exist; create it first".to_owned(),
        other => other.to_string(),
    }
}
