//! Does what the core says: stands for election, reads, and writes while leading.

use std::time::{Duration, Instant};

use contract::{Address, Candidate, Head, Held, Hosts, Name, Page, State, ZnodePath};
use daemon::Histogram;
use futures::future::join_all;
use futures::{StreamExt, stream};
use log::log;
use tokio::task::{JoinError, JoinSet};
use zookeeper::{Change, Connection, Create, Error, Leadership};

use crate::namespace::scope::Scope;
use crate::publish::Role;
use crate::publish::action::{Action, Continuity, Event, Found, StateZnode, Write};
use crate::publish::core::Core;
use crate::publish::draft::Draft;
use crate::publish::hold::Timestamp;
use crate::publish::incarnation;
use crate::publish::notice::Notice;

/// How often all agents that are in step may tell so, together, in a second.
const PRESENCE_RATE: u32 = 50;
/// How often agents are counted.
const COUNTING: Duration = Duration::from_secs(5);
/// How many pages are written at once.
const PAGES_IN_FLIGHT: usize = 8;

/// Publishes what the tree says at `STATE/hosts` while this process leads.
#[derive(Debug)]
pub struct Publisher {
    core: Core,
    candidate: Candidate,
    candidacy: Candidacy,
    /// How long the last publish took.
    cost: Duration,
    /// How long it took from when a change was known until it was published.
    propagation: Histogram,
    /// What of the next one was spent on its pages.
    pages_cost: Duration,
    /// When the agents were counted last.
    counted: Option<Instant>,
    /// At most one task, which writes pages ahead.
    ahead: JoinSet<Result<(), Error>>,
    state: State,
}

/// What ZooKeeper has of this process in the election.
#[derive(Debug)]
enum Candidacy {
    None,
    /// At most one task, which ends when this process leads. Dropping it withdraws.
    Stands(Connection, JoinSet<Result<Leadership, Error>>),
    Leads(Leadership),
}

impl Publisher {
    /// A publisher of the names of `scope`, below its state, that stands for election as `id`.
    pub fn new(scope: &Scope, id: String, draft: Draft) -> Self {
        Self {
            core: Core::new(scope, id.clone(), draft),
            candidate: incarnation::current(id),
            candidacy: Candidacy::None,
            cost: Duration::ZERO,
            propagation: Histogram::default(),
            pages_cost: Duration::ZERO,
            counted: None,
            ahead: JoinSet::new(),
            state: State::new(scope.state().clone()),
        }
    }

    /// Publishes also where others have published by other settings.
    pub fn take_over(&mut self, takes_over: bool) {
        self.core.take_over(takes_over);
    }

    /// Tells the others that this replica answers over HTTP there.
    pub fn reached_at(&mut self, http: Option<String>) {
        self.candidate.http = http;
    }

    /// How many bytes the names take up, and about how many may be published.
    pub fn capacity(&self) -> (u64, u64) {
        self.core.draft().capacity()
    }

    /// How many addresses the name has that has most, where that is more than half of what one may have; else 0.
    pub fn most_addresses(&self) -> u64 {
        self.core.draft().most_addresses()
    }

    /// Where the snapshot is published.
    pub fn hosts(&self) -> ZnodePath {
        self.state.hosts()
    }

    /// Where it is told what is held.
    pub fn hold(&self) -> ZnodePath {
        self.state.hold()
    }

    /// How long the last publish took.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// How long it takes from when a change of the tree is known until it is published.
    pub fn propagation(&self) -> Histogram {
        self.propagation.clone()
    }

    /// What tells the other replicas of this one.
    pub fn notice(&self) -> Notice {
        Notice::new(&self.state, self.candidate.clone())
    }

    /// What this replica is in the election.
    pub fn role(&self) -> Role {
        self.core.role()
    }

    /// What cannot be done, and why.
    pub fn complaint(&self) -> Option<String> {
        self.core.complaint()
    }

    /// How many snapshots were written.
    pub fn publishes(&self) -> u64 {
        self.core.publishes()
    }

    /// The names that the tree gives, and those that are held.
    pub fn found(&self) -> &Hosts {
        self.core.draft().hosts()
    }

    /// How many names the tree gives.
    pub fn names(&self) -> usize {
        self.core.draft().names()
    }

    /// The newest transaction that the tree reflects.
    pub fn zxid(&self) -> i64 {
        self.core.draft().zxid()
    }

    /// The newest generation that is known; 0 for none.
    pub fn generation(&self) -> u64 {
        self.core.draft().generation()
    }

    /// What is held, if anything.
    pub fn held(&self) -> Option<Held> {
        self.core.draft().held()
    }

    /// Takes over what the tree says of one name.
    pub fn set(&mut self, name: Name, addresses: Option<&[Address]>, now: Instant) {
        self.core.set(name, addresses, now);
    }

    /// Takes note of the znode that gives, or gave, a name.
    pub fn given_by(&mut self, name: &Name, znode: &ZnodePath) {
        self.core.given_by(name, znode);
    }

    /// Takes over what the tree says of all names.
    pub fn set_all(&mut self, hosts: Hosts, now: Instant) {
        self.core.set_all(hosts, now);
    }

    /// Takes over the newest transaction that the tree reflects.
    pub fn reflect(&mut self, zxid: i64) {
        self.core.reflect(zxid);
    }

    /// Takes note that the root of the tree is gone: no name goes without doubt then.
    pub fn root_is_gone(&mut self) {
        self.core.root_is_gone();
    }

    /// Takes an event of `STATE/hosts`, or of a page below it, in.
    pub fn hosts_changed(&mut self, event: &zookeeper::Event) {
        if event.path == self.state.hosts() {
            self.tell(Event::Changed(StateZnode::Hosts));
        } else if event.change == Change::Deleted {
            self.tell(Event::PageGone(event.path.component().to_owned()));
        }
    }

    /// Takes an event of `STATE/hold` in: an operator may have released what is held.
    pub fn hold_changed(&mut self) {
        self.tell(Event::Changed(StateZnode::Hold));
    }

    /// Begins with a new connection, over which `STATE/hosts` and `STATE/hold` are watched.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn begin(&mut self, connection: &Connection) -> Result<(), Error> {
        let continuity = self.candidacy.continuity(connection);
        self.tell(Event::Connected(continuity));
        self.publish(connection).await
    }

    /// Does all that is to be done now: stands for election, or publishes what is due.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn publish(&mut self, connection: &Connection) -> Result<(), Error> {
        self.count_agents(connection).await?;
        while let Some(action) = self.core.step(Timestamp::now()) {
            if let Some(event) = self.perform(action, connection).await {
                self.take_in(event)?;
            }
        }
        Ok(())
    }

    /// Looks now and then, while it leads, how many agents there are: together they are to write no more
    /// than [`PRESENCE_RATE`] times a second, from the first change after a takeover on.
    async fn count_agents(&mut self, connection: &Connection) -> Result<(), Error> {
        let is_due = self.counted.is_none_or(|at| at.elapsed() >= COUNTING);
        if is_due && self.role() == Role::Leading {
            let stat = match connection.stat(&self.state.agents()).await {
                Err(error) if error.is_connection() => return Err(error),
                stat => stat.ok().flatten(),
            };
            let agents = stat.map_or(0, |stat| stat.num_children.unsigned_abs());
            let seconds = agents.div_ceil(PRESENCE_RATE).max(1);
            self.core
                .ask_for_presence(Duration::from_secs(seconds.into()));
            self.counted = Some(Instant::now());
        }
        Ok(())
    }

    /// Waits until there is something to do that no event of a watch tells of: the election is won
    /// or lost, or it is time to go on.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn wake(&mut self) -> Result<(), Error> {
        let time = at(self.core.wake());
        let counting = self.counted.filter(|_| self.role() == Role::Leading);
        let counting = at(counting.map(|counted| counted + COUNTING));
        let candidacy = tokio::select! {
            candidacy = self.candidacy.outcome() => candidacy,
            Some(written) = self.ahead.join_next() => {
                let written = written.unwrap_or(Err(Error::Lost));
                return self.take_in(Event::WrittenAhead(written));
            }
            () = time => return Ok(()),
            () = counting => return Ok(()),
        };
        let event = match candidacy {
            Some(Ok(Ok(leadership))) => {
                self.candidacy = Candidacy::Leads(leadership);
                return self.take_in(Event::Elected);
            }
            Some(Ok(Err(error))) => Event::NotElected(Some(error)),
            Some(Err(_)) | None => Event::NotElected(None),
        };
        self.candidacy = Candidacy::None;
        self.take_in(event)
    }

    /// Gives up leadership or candidacy.
    pub fn resign(&mut self) {
        self.core.resign();
        self.candidacy = Candidacy::None;
    }

    fn tell(&mut self, event: Event) {
        self.core.handle(event, Timestamp::now());
    }

    fn take_in(&mut self, event: Event) -> Result<(), Error> {
        let broken = event.broken_connection().cloned();
        self.tell(event);
        if let Some(took) = self.core.took() {
            self.propagation.observe(took);
        }
        broken.map_or(Ok(()), Err)
    }

    async fn perform(&mut self, action: Action, connection: &Connection) -> Option<Event> {
        match action {
            Action::Say(level, text) => log!(level, "{text}"),
            Action::Stand => self.stand(connection),
            Action::Resign => self.candidacy = Candidacy::None,
            Action::ReadPages(index) => {
                let hosts = self.state.hosts();
                let read = connection.complete(&hosts, Head::Paged(index), None).await;
                return Some(Event::PagesRead(
                    read.map(|snapshot| snapshot.map_err(|error| error.to_string())),
                ));
            }
            Action::WritePages(pages) => {
                let begun = Instant::now();
                let written = write_pages(connection, &self.state, pages).await;
                self.pages_cost = begun.elapsed();
                return Some(Event::PagesWritten(written));
            }
            Action::WriteAhead(pages) => {
                let (connection, state) = (connection.clone(), self.state.clone());
                self.ahead = JoinSet::new();
                self.ahead
                    .spawn(async move { write_pages(&connection, &state, pages).await });
            }
            Action::ListPages => {
                let listed = connection.children(&self.state.hosts()).await;
                return Some(Event::PagesListed(listed));
            }
            Action::DeletePages(pages) => {
                return Some(Event::PagesDeleted(self.delete_pages(&pages).await));
            }
            Action::Prepare => return Some(Event::Prepared(self.prepare(connection).await)),
            Action::Read(znode) => {
                let read = connection.read(&znode.path(&self.state)).await;
                let found = read.map(|znode| {
                    znode.map(|znode| Found {
                        data: znode.data,
                        version: znode.stat.version,
                        mzxid: znode.stat.mzxid,
                    })
                });
                return Some(Event::Read(znode, found));
            }
            Action::Write(write) => {
                let begun = Instant::now();
                let written = self.write(&write).await;
                if write.znode() == StateZnode::Hosts {
                    self.cost = begun.elapsed() + std::mem::take(&mut self.pages_cost);
                }
                return Some(Event::Written(written));
            }
        }
        None
    }

    async fn prepare(&self, connection: &Connection) -> Result<(), Error> {
        connection.create_all(&self.state.election()).await?;
        for open in self.state.open() {
            connection.create_open(&open).await?;
        }
        Ok(())
    }

    fn stand(&mut self, connection: &Connection) {
        let (candidate, election) = (connection.clone(), self.state.election());
        let data = self.candidate.encode();
        let mut candidacy = JoinSet::new();
        candidacy.spawn(async move {
            candidate
                .lead(&election, &data, incarnation::wrote_and_is_gone)
                .await
        });
        self.candidacy = Candidacy::Stands(connection.clone(), candidacy);
    }

    async fn delete_pages(&self, pages: &[String]) -> Result<(), Error> {
        let Candidacy::Leads(leadership) = &self.candidacy else {
            return Err(Error::Deposed);
        };
        let deletes = pages.iter().map(|component| async move {
            let Ok(page) = self.state.hosts().child(component) else {
                return Ok(());
            };
            match leadership.delete(&page).await {
                Ok(()) | Err(Error::NoNode) => Ok(()),
                Err(error) => Err(error),
            }
        });
        let done = join_all(deletes).await;
        done.into_iter().collect()
    }

    /// Returns the version that the znode has then.
    async fn write(&self, write: &Write) -> Result<i32, Error> {
        let Candidacy::Leads(leadership) = &self.candidacy else {
            return Err(Error::Deposed);
        };
        let path = &write.znode().path(&self.state);
        match write {
            Write::Create(_, data) => leadership.create(path, data).await.map(|()| 0),
            Write::Set(_, data, version) => {
                let stat = leadership.set(path, data, *version).await?;
                Ok(stat.version)
            }
            Write::Delete(_) => leadership.delete(path).await.map(|()| 0),
        }
    }
}

async fn write_pages(
    connection: &Connection,
    state: &State,
    pages: Vec<Page>,
) -> Result<(), Error> {
    let writes = pages.into_iter();
    let writes = writes.map(|page| write_page(connection, state, page));
    let mut writes = stream::iter(writes).buffer_unordered(PAGES_IN_FLIGHT);
    while let Some(written) = writes.next().await {
        written?;
    }
    Ok(())
}

/// Creates a page. One that is there already was written by somebody who had the same to tell.
async fn write_page(connection: &Connection, state: &State, page: Page) -> Result<(), Error> {
    let path = state.page(&page.entry);
    match connection
        .create(&path, &page.bytes, Create::Persistent)
        .await
    {
        Ok(()) | Err(Error::NodeExists) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Candidacy {
    /// What a connection has in common with the one over which this began.
    fn continuity(&self, connection: &Connection) -> Continuity {
        let (client, session) = match self {
            Self::None => return Continuity::Nothing,
            Self::Stands(of, _) => (of.shares_client_with(connection), of.session_id()),
            Self::Leads(leadership) => (leadership.is_of(connection), leadership.session_id()),
        };
        if client {
            Continuity::Client
        } else if session == connection.session_id() {
            Continuity::Session
        } else {
            Continuity::Nothing
        }
    }

    /// Waits until the election is won or lost; nothing is lost when the future is dropped.
    async fn outcome(&mut self) -> Option<Result<Result<Leadership, Error>, JoinError>> {
        match self {
            Self::Stands(_, candidacy) => candidacy.join_next().await,
            Self::None | Self::Leads(_) => std::future::pending().await,
        }
    }
}

/// Waits until then; for ever where no time is given.
pub(crate) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
