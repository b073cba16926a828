//! A model of what the core has to do with: ZooKeeper, the driver, and all others who write there.
//! It refuses to do what must never be done.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use contract::{Head, Hosts, Index, Page, Snapshot, is_plausible};
use log::Level;
use zookeeper::Error;

use super::{Core, Role};
use crate::namespace::scope::Scope;
use crate::publish::action::{Action, Continuity, Event, Found, StateZnode, Write};
use crate::publish::draft::Draft;
use crate::publish::hold::{Hold, Timestamp};
use crate::publish::paging::Sizes;
use crate::publish::settings;

/// How long a drop is held.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Few names need pages already.
const SIZES: Sizes = Sizes {
    whole: 120,
    whole_again: 60,
    page: 60,
    largest: 200,
    pages: 6,
    changes: 90,
    changes_per_page: 20,
    ahead: 2,
};
/// More than the core ever does at once.
const MANY: usize = 60;

/// ZooKeeper, as far as one replica sees it, and that replica.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) core: Core,
    pub(super) now: Timestamp,
    pub(super) tree: Hosts,
    pub(super) hosts: Option<Found>,
    pub(super) settings: Option<Vec<u8>>,
    pub(super) hold: Option<Vec<u8>>,
    pub(super) candidacy: Candidacy,
    pub(super) is_connected: bool,
    /// What becomes of the next requests.
    pub(super) failures: VecDeque<Failure>,
    /// What was asked for.
    pub(super) requests: Vec<(Request, StateZnode)>,
    /// What was said.
    pub(super) log: Vec<(Level, String)>,
    /// How many snapshots of the core have arrived.
    pub(super) publishes: usize,
    /// What stands below `STATE/hosts`.
    pub(super) pages: BTreeMap<String, Vec<u8>>,
    /// An agent looks at each snapshot, not only now and then.
    pub(super) looks_always: bool,
    /// What an agent holds who looks now and then.
    pub(super) held: Option<Snapshot>,
    /// What is written while other things go on.
    ahead: Option<Vec<Page>>,
    snapshot: Option<Snapshot>,
    scope: Scope,
    takes_over: bool,
    /// The core's own znode in the election is there.
    has_lock: bool,
    /// The number of the newest transaction.
    zxid: i64,
    /// What the watches have still to yield.
    events: VecDeque<Change>,
    /// All that was ever published.
    history: Vec<Vec<u8>>,
    /// The version that the core must take for the newest, and the transaction in which that was so.
    fresh: Option<(Option<i32>, i64)>,
    /// The newest generation that the core was told of while it led.
    known: u64,
    /// The newest generation there ever was; nobody needs to know of it once `STATE/hosts` was
    /// deleted.
    newest: u64,
    was_deleted: bool,
    /// The core was told that it leads, and nothing to the contrary since.
    may_write: bool,
    /// Somebody put something at `STATE/hold`, or refused to let it be written: neither is put right
    /// before there is something else to be told.
    pub(super) is_hold_wrong: bool,
}

/// What the driver has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Candidacy {
    None,
    Stands,
    Leads,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Read,
    Write,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection breaks before it arrives.
    LostBefore,
    /// The connection breaks before its answer arrives.
    LostAfter,
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    znode: StateZnode,
    zxid: i64,
    is_foreign: bool,
}

impl Model {
    /// A replica that has just read an empty tree.
    pub(super) fn new(takes_over: bool) -> Self {
        let (root, state) = ("/".parse().unwrap(), "/nameserver".parse().unwrap());
        let scope = Scope::new(root, state, None, &[]).unwrap();
        let mut model = Self {
            core: core(&scope, takes_over),
            now: Timestamp {
                monotonic: Instant::now(),
                wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            },
            tree: Hosts::new(),
            hosts: None,
            settings: None,
            hold: None,
            candidacy: Candidacy::None,
            is_connected: false,
            failures: VecDeque::new(),
            requests: Vec::new(),
            log: Vec::new(),
            publishes: 0,
            pages: BTreeMap::new(),
            looks_always: false,
            held: None,
            ahead: None,
            snapshot: None,
            scope,
            takes_over,
            has_lock: false,
            zxid: 0,
            events: VecDeque::new(),
            history: Vec::new(),
            fresh: None,
            known: 0,
            newest: 0,
            was_deleted: false,
            may_write: false,
            is_hold_wrong: false,
        };
        model.connect(Continuity::Nothing);
        model
    }

    /// The process ends, and another one begins.
    pub(super) fn restart(&mut self) {
        self.core = core(&self.scope, self.takes_over);
        (self.candidacy, self.known) = (Candidacy::None, 0);
        self.ahead = None;
        self.connect(Continuity::Nothing);
    }

    /// There is a new connection, and over it the tree was read.
    pub(super) fn connect(&mut self, continuity: Continuity) {
        let continuity = match self.candidacy {
            Candidacy::None => Continuity::Nothing,
            _ => continuity,
        };
        self.has_lock &= continuity == Continuity::Client;
        self.may_write &= continuity == Continuity::Client;
        self.is_connected = true;
        self.fresh = None;
        self.events.clear();
        self.core.set_all(self.tree.clone(), self.now.monotonic);
        self.tell(Event::Connected(continuity));
    }

    pub(super) fn elect(&mut self) {
        if self.is_connected && self.candidacy == Candidacy::Stands {
            self.candidacy = Candidacy::Leads;
            (self.has_lock, self.may_write, self.fresh) = (true, true, None);
            self.tell(Event::Elected);
        }
    }

    pub(super) fn not_elected(&mut self, error: Option<Error>) {
        if self.is_connected && self.candidacy == Candidacy::Stands {
            self.candidacy = Candidacy::None;
            let event = Event::NotElected(error);
            self.is_connected = event.broken_connection().is_none();
            self.tell(event);
        }
    }

    /// Somebody deletes the core's znode of the election.
    pub(super) fn depose(&mut self) {
        self.has_lock = false;
    }

    /// The watches yield the next event. Returns whether there was one.
    pub(super) fn deliver(&mut self) -> bool {
        let Some(change) = self.events.pop_front() else {
            return false;
        };
        let is_news = |&(_, zxid): &(Option<i32>, i64)| change.zxid > zxid;
        if change.znode == StateZnode::Hosts
            && change.is_foreign
            && self.fresh.as_ref().is_some_and(is_news)
        {
            self.fresh = None;
        }
        self.tell(Event::Changed(change.znode));
        true
    }

    /// Has one action done. Returns whether there was one.
    pub(super) fn act(&mut self) -> bool {
        let Some(action) = self.core.step(self.now) else {
            return false;
        };
        if let Some(event) = self.perform(action) {
            if event.broken_connection().is_some() {
                self.is_connected = false;
                self.events.clear();
            }
            if let Event::Written(Err(Error::Deposed)) = event {
                self.may_write = false;
            }
            self.tell(event);
        }
        true
    }

    /// Has all done that is to be done now; then there is nothing until time passes.
    pub(super) fn run(&mut self) {
        for _ in 0..MANY {
            if !self.act() {
                let wake = self.core.wake();
                assert!(
                    wake.is_none_or(|wake| wake > self.now.monotonic),
                    "not at rest: it wakes at once"
                );
                return;
            }
        }
        panic!("not at rest: {:?}", self.log);
    }

    /// Lets everything come to its end, in at most this time: nothing fails or happens any more.
    pub(super) fn rest(&mut self, time: Duration) {
        self.failures.clear();
        let end = self.now.monotonic + time;
        for _ in 0..MANY {
            if !self.is_connected {
                self.connect(Continuity::Client);
            }
            self.run();
            if self.deliver() || self.finish_ahead(None) {
                continue;
            }
            match (self.candidacy, self.core.wake()) {
                (Candidacy::Stands, _) => self.elect(),
                // It will try again for ever.
                (Candidacy::None, Some(_)) if !self.takes_over && self.differs() => return,
                (_, Some(wake)) if wake <= end => self.pass(wake - self.now.monotonic),
                _ => return,
            }
        }
        panic!("not at rest: {:?}", self.log);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Whether this replica would name the tree in another way than what is published.
    pub(super) fn differs(&self) -> bool {
        let own = settings::of(&self.scope);
        let told = self.settings.as_deref();
        let head = self.hosts.as_ref();
        let head = head.and_then(|head| Head::decode(&head.data).ok());
        let published = settings::published(told, head.as_ref());
        published.is_some_and(|published| settings::difference(&own, &published).is_some())
    }

    /// What is published.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// How often this was said.
    pub(super) fn said(&self, words: &str) -> usize {
        let lines = self.log.iter();
        lines.filter(|(_, line)| line.contains(words)).count()
    }

    /// Another replica publishes while this one does not lead.
    pub(super) fn another_publishes(&mut self, hosts: Hosts) {
        if self.has_lock {
            return;
        }
        let snapshot = Snapshot {
            domain: None,
            generation: self.newest + 1,
            hosts,
            leader: "another".into(),
            presence: contract::PRESENCE,
            published: self.now.wall,
            root: self.scope.root().clone(),
            sum: None,
            zxid: 1,
        };
        self.foreign_write(StateZnode::Hosts, Some(snapshot.encode()));
    }

    /// Somebody puts a snapshot back that was published before.
    pub(super) fn put_back(&mut self, number: usize) {
        if !self.history.is_empty() {
            let data = self.history[number % self.history.len()].clone();
            self.foreign_write(StateZnode::Hosts, Some(data));
        }
    }

    /// Somebody writes a snapshot of a number that is not counted among those of nameservers.
    pub(super) fn forge(&mut self, snapshot: &Snapshot) {
        self.foreign_write(StateZnode::Hosts, Some(snapshot.encode()));
    }

    /// Somebody else writes or deletes a znode.
    pub(super) fn foreign_write(&mut self, znode: StateZnode, data: Option<Vec<u8>>) {
        if data.is_some() || self.data(znode).is_some() {
            self.was_deleted |= znode == StateZnode::Hosts && data.is_none();
            self.is_hold_wrong |= znode == StateZnode::Hold && data.is_some();
            if znode == StateZnode::Hosts && data.is_none() {
                // No znode goes before those below it.
                (0..self.pages.len()).for_each(|_| self.lose_page(0));
            }
            self.put(znode, data, true);
        }
    }

    fn tell(&mut self, event: Event) {
        self.core.handle(event, self.now);
        if !self.may_write {
            assert_ne!(self.core.role(), Role::Leading);
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Say(level, text) => {
                self.log.push((level, text));
                return None;
            }
            Action::Resign => {
                self.candidacy = Candidacy::None;
                (self.has_lock, self.may_write) = (false, false);
                return None;
            }
            _ => assert!(self.is_connected, "{action:?} without a connection"),
        }
        if action == Action::Stand {
            assert_eq!(self.candidacy, Candidacy::None);
            self.candidacy = Candidacy::Stands;
            return None;
        }
        let action = match action {
            Action::WriteAhead(pages) => {
                assert!(self.may_write, "it does not lead");
                self.ahead = Some(pages);
                return None;
            }
            action => action,
        };
        let failure = self.failures.pop_front();
        Some(match action {
            Action::ReadPages(index) => Event::PagesRead(match failure {
                Some(failure) => Err(failure.error()),
                None => Ok(self.names_of(&index)),
            }),
            Action::WritePages(pages) => Event::PagesWritten(self.write_pages(pages, failure)),
            Action::ListPages => Event::PagesListed(match failure {
                Some(failure) => Err(failure.error()),
                None => Ok(Some(self.pages.keys().cloned().collect())),
            }),
            Action::DeletePages(pages) => Event::PagesDeleted(self.delete_pages(pages, failure)),
            Action::Read(znode) => Event::Read(znode, self.read(znode, failure)),
            Action::Write(write) => Event::Written(self.write(write, failure)),
            _ => Event::Prepared(failure.map_or(Ok(()), |failure| Err(failure.error()))),
        })
    }

    fn read(
        &mut self,
        znode: StateZnode,
        failure: Option<Failure>,
    ) -> Result<Option<Found>, Error> {
        self.requests.push((Request::Read, znode));
        if let Some(failure) = failure {
            // Where it may not be read, what a predecessor left there stays.
            self.is_hold_wrong |= znode == StateZnode::Hold && matches!(failure, Failure::Refused);
            return Err(failure.error());
        }
        let data = self.data(znode);
        if znode != StateZnode::Hosts {
            return Ok(data.map(|data| Found {
                data,
                version: 0,
                mzxid: self.zxid,
            }));
        }
        let version = self.hosts.as_ref().map(|hosts| hosts.version);
        self.fresh = Some((version, self.zxid));
        if let (Candidacy::Leads, Some(snapshot)) = (self.candidacy, self.snapshot()) {
            self.known = self.known.max(self.counted(snapshot));
        }
        Ok(self.hosts.clone())
    }

    /// What was begun to be written ahead is there, or not. Returns whether there was anything.
    pub(super) fn finish_ahead(&mut self, failure: Option<Failure>) -> bool {
        let Some(pages) = self.ahead.take() else {
            return false;
        };
        let written = self.write_pages(pages, failure);
        self.tell(Event::WrittenAhead(written));
        true
    }

    /// Somebody deletes a page.
    pub(super) fn lose_page(&mut self, number: usize) {
        let Some(component) = self.pages.keys().nth(number % self.pages.len().max(1)) else {
            return;
        };
        let component = component.clone();
        self.pages.remove(&component);
        self.snapshot = self.published();
        if self.is_connected {
            self.tell(Event::PageGone(component));
        }
    }

    fn write_pages(&mut self, pages: Vec<Page>, failure: Option<Failure>) -> Result<(), Error> {
        if let Some(failure @ (Failure::LostBefore | Failure::Refused)) = failure {
            return Err(failure.error());
        }
        if self.hosts.is_none() {
            return Err(Error::NoNode);
        }
        for page in pages {
            self.pages.insert(page.entry.component(), page.bytes);
        }
        self.snapshot = self.published();
        failure.map_or(Ok(()), |failure| Err(failure.error()))
    }

    fn delete_pages(&mut self, pages: Vec<String>, failure: Option<Failure>) -> Result<(), Error> {
        if let Some(failure @ (Failure::LostBefore | Failure::Refused)) = failure {
            return Err(failure.error());
        }
        if !self.has_lock {
            return Err(Error::Deposed);
        }
        let was_there = self.snapshot.is_some();
        for page in pages {
            self.pages.remove(&page);
        }
        self.snapshot = self.published();
        assert_eq!(self.snapshot.is_some(), was_there, "a page that is named");
        failure.map_or(Ok(()), |failure| Err(failure.error()))
    }

    /// The names of an index, as its pages are now.
    fn names_of(&self, index: &Index) -> Result<Snapshot, String> {
        let pages = index.missing(None).into_iter().map(|page| {
            let component = index.pages[page].component();
            let bytes = self.pages.get(&component).ok_or(component)?;
            let names = Page::decode(bytes, &index.pages[page], index.end(page));
            Ok((page, names.map_err(|error| error.to_string())?))
        });
        let pages = pages.collect::<Result<_, String>>()?;
        let snapshot = index.snapshot(None, pages);
        snapshot.map_err(|error| error.to_string())
    }

    /// An agent that holds an older generation gets at the same names as one that reads all of them.
    fn follow(&mut self) {
        let head = self.hosts.as_ref();
        let head = head.and_then(|head| Head::decode(&head.data).ok());
        let (Some(head), Some(all)) = (head, &self.snapshot) else {
            self.held = self.held.take().filter(|_| self.hosts.is_some());
            return;
        };
        if self.counted(all) == 0 {
            return;
        }
        let is_newer = self
            .held
            .as_ref()
            .is_none_or(|held| held.generation < head.generation());
        if !is_newer || self.zxid % 3 == 0 && !self.looks_always {
            return;
        }
        if let Head::Paged(index) = &head {
            let held = self.held.as_ref();
            let pages = index.missing(held).into_iter().map(|page| {
                let bytes = &self.pages[&index.pages[page].component()];
                let names = Page::decode(bytes, &index.pages[page], index.end(page));
                (page, names.expect("the page of the index"))
            });
            let pages = pages.collect();
            let followed = index.snapshot(held, pages).expect("what was published");
            assert_eq!(followed.hosts, all.hosts);
        }
        self.held = Some(all.clone());
    }

    /// The generation of what is published, where it was counted up to.
    fn counted(&self, snapshot: &Snapshot) -> u64 {
        let mzxid = self.hosts.as_ref().map_or(0, |hosts| hosts.mzxid);
        let generation = Some(snapshot.generation);
        let counted = generation.filter(|&generation| is_plausible(generation, mzxid));
        counted.unwrap_or_default()
    }

    /// What a reader finds.
    fn published(&self) -> Option<Snapshot> {
        match Head::decode(&self.hosts.as_ref()?.data).ok()? {
            Head::Whole(snapshot) => Some(snapshot),
            Head::Paged(index) => self.names_of(&index).ok(),
        }
    }

    fn write(&mut self, write: Write, failure: Option<Failure>) -> Result<i32, Error> {
        assert!(self.may_write, "it does not lead: {write:?}");
        let znode = write.znode();
        self.requests.push((Request::Write, znode));
        match &write {
            Write::Create(StateZnode::Hosts, data) => self.check(None, data),
            Write::Set(StateZnode::Hosts, data, version) => self.check(*version, data),
            _ => {}
        }
        match failure {
            Some(Failure::LostBefore) => return Err(Error::Lost),
            Some(Failure::Refused) => {
                self.is_hold_wrong |= znode == StateZnode::Hold;
                return Err(Error::NotAuthorized);
            }
            Some(Failure::LostAfter) | None => {}
        }
        let written = self.apply(write);
        if failure.is_some() {
            return Err(Error::Lost);
        }
        if let (StateZnode::Hosts, Ok(version)) = (znode, &written) {
            let generation = self.snapshot().map_or(0, |snapshot| snapshot.generation);
            self.known = self.known.max(generation);
            self.fresh = Some((Some(*version), self.zxid));
        }
        written
    }

    /// Whether the core may ask for this to be written over the given version.
    fn check(&self, version: Option<i32>, data: &[u8]) {
        let fresh = self.fresh.expect("a fresh head");
        assert_eq!(version, fresh.0, "not over what was read last");
        if version.is_none() && data.is_empty() {
            return;
        }
        let head = Head::decode(data).unwrap();
        let generation = head.generation();
        let floor = if self.was_deleted {
            self.known
        } else {
            self.newest
        };
        let is_newest = self.hosts.as_ref().map(|hosts| hosts.version) == version;
        if let Head::Paged(index) = &head
            && is_newest
        {
            self.names_of(index).expect("all pages are there");
        }
        if self.has_lock && is_newest {
            assert!(generation > floor, "generation {generation} after {floor}");
        }
    }

    fn apply(&mut self, write: Write) -> Result<i32, Error> {
        if !self.has_lock {
            return Err(Error::Deposed);
        }
        let znode = write.znode();
        let is_there = self.data(znode).is_some();
        let data = match write {
            Write::Create(..) if is_there => return Err(Error::NodeExists),
            Write::Set(..) | Write::Delete(_) if !is_there => return Err(Error::NoNode),
            Write::Set(StateZnode::Hosts, _, version)
                if version != self.hosts.as_ref().map(|hosts| hosts.version) =>
            {
                return Err(Error::BadVersion);
            }
            Write::Create(_, data) | Write::Set(_, data, _) => Some(data),
            Write::Delete(_) => None,
        };
        self.put(znode, data, false);
        let is_publish = self
            .hosts
            .as_ref()
            .is_some_and(|hosts| !hosts.data.is_empty());
        self.publishes += usize::from(znode == StateZnode::Hosts && is_publish);
        Ok(self.hosts.as_ref().map_or(0, |hosts| hosts.version))
    }

    fn data(&self, znode: StateZnode) -> Option<Vec<u8>> {
        match znode {
            StateZnode::Hosts => self.hosts.as_ref().map(|hosts| hosts.data.clone()),
            StateZnode::Settings => self.settings.clone(),
            StateZnode::Hold => self.hold.clone(),
        }
    }

    fn put(&mut self, znode: StateZnode, data: Option<Vec<u8>>, is_foreign: bool) {
        self.zxid += 1;
        match znode {
            StateZnode::Settings => self.settings = data,
            StateZnode::Hold => self.hold = data,
            StateZnode::Hosts => {
                let version = self.hosts.as_ref().map_or(0, |hosts| hosts.version + 1);
                let mzxid = self.zxid;
                self.hosts = data.map(|data| Found {
                    data,
                    version,
                    mzxid,
                });
                if self.hosts.is_none() {
                    self.pages.clear();
                }
                self.snapshot = self.published();
                self.follow();
                if let Some(snapshot) = &self.snapshot {
                    self.newest = self.newest.max(self.counted(snapshot));
                    self.history.extend(self.data(znode));
                }
            }
        }
        if self.is_connected && znode != StateZnode::Settings {
            self.events.push_back(Change {
                znode,
                zxid: self.zxid,
                is_foreign,
            });
        }
    }
}

impl Failure {
    fn error(self) -> Error {
        match self {
            Self::LostBefore | Self::LostAfter => Error::Lost,
            Self::Refused => Error::NotAuthorized,
        }
    }
}

fn core(scope: &Scope, takes_over: bool) -> Core {
    let draft = Draft::new(scope, "ns".into(), Hold::new(PATIENCE)).sized(SIZES);
    let mut core = Core::new(scope, "ns".into(), draft);
    core.take_over(takes_over);
    core
}
