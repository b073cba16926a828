//! The daemon: follow the tree, keep the names, publish.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::bail;
use contract::{Counted, State, ZnodePath};
use daemon::{Signal, Signals};
use futures::StreamExt;
use futures::stream;
use indicatif::ProgressBar;
use log::{error, info, warn};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zookeeper::{Connection, Error, Follower, Retry, Session, Watch};

use crate::dns::SharedZones;
use crate::ingest::changes::Changes;
use crate::ingest::resolver::Resolver;
use crate::ingest::walk::{Tree, visit, walk};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::observe::problems::Problems;
use crate::observe::status::Progress;
use crate::publish::access;
use crate::publish::draft::Draft;
use crate::publish::driver::Publisher;
use crate::publish::hold::Hold;
use crate::publish::notice::Notice;
use crate::records::Reading;

/// Delays after the tree could not be followed. The longest one is short, since both daemons are to
/// be in step soon after ZooKeeper is well again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How many znodes are read again at once.
const IN_FLIGHT: usize = 512;
/// A burst goes on being taken in for as long as this many publishes take.
const BURST: u32 = 8;
/// After a walk, host names that were never asked for get this long to be answered: else a restart
/// would take their names away for a moment.
const RESOLVING: Duration = Duration::from_secs(2);

/// The daemon's state, across connections.
#[derive(Debug)]
pub struct Nameserver {
    scope: Scope,
    namespace: Namespace,
    publisher: Publisher,
    problems: Problems,
    resolver: Resolver,
    /// What DNS is answered from, if it is.
    zones: Option<SharedZones>,
    progress: fn() -> ProgressBar,
    /// Why the tree could not be followed, as the log knows it.
    complaint: Option<String>,
    walks: u64,
    told: watch::Sender<Progress>,
    /// What tells the other replicas; none once it is at work.
    notice: Option<Notice>,
    /// The complaint that it tells.
    noticed: watch::Sender<Option<String>>,
}

impl Nameserver {
    /// A nameserver that stands for election as `id` and doubts large drops as `hold` says.
    /// `progress` shows a walk.
    pub fn new(scope: Scope, id: String, hold: Hold, progress: fn() -> ProgressBar) -> Self {
        let draft = Draft::new(&scope, id.clone(), hold);
        let publisher = Publisher::new(&scope, id, draft);
        let notice = publisher.notice();
        Self {
            namespace: Namespace::new(scope.clone(), []),
            publisher,
            problems: Problems::default(),
            resolver: Resolver::new(false),
            zones: None,
            scope,
            progress,
            complaint: None,
            walks: 0,
            told: watch::Sender::default(),
            noticed: notice.complaint(),
            notice: Some(notice),
        }
    }

    /// Whether the system's resolver is asked for host names that no znode gives.
    #[must_use]
    pub fn resolving(mut self, resolves: bool) -> Self {
        self.resolver = Resolver::new(resolves);
        self
    }

    /// Publishes also where others have published by another root, domain or exclusions.
    #[must_use]
    pub fn taking_over(mut self, takes_over: bool) -> Self {
        self.publisher.take_over(takes_over);
        self
    }

    /// Keeps what DNS is answered from in step with the tree.
    #[must_use]
    pub fn answering(mut self, zones: SharedZones) -> Self {
        self.zones = Some(zones);
        self
    }

    /// What it has done, now and from now on.
    pub fn told(&self) -> watch::Receiver<Progress> {
        self.told.subscribe()
    }

    /// What is to be said of another replica with the same id, while there is one.
    pub fn twin(&self) -> watch::Receiver<Option<String>> {
        self.notice
            .as_ref()
            .map_or_else(|| watch::channel(None).1, Notice::twin)
    }

    /// Tells those who ask.
    fn tell(&self, follows: bool) {
        let complaint = self.complaint.clone().or(self.publisher.complaint());
        self.noticed.send_if_modified(|noticed| {
            let is_news = *noticed != complaint;
            noticed.clone_from(&complaint);
            is_news
        });
        self.told.send_replace(Progress {
            role: self.publisher.role(),
            follows,
            znodes: self.namespace.len(),
            names: self.publisher.names(),
            problems: self.problems.len(),
            zxid: self.publisher.zxid(),
            generation: self.publisher.generation(),
            publishes: self.publisher.publishes(),
            walks: self.walks,
            hold: self.publisher.held(),
            complaint,
        });
    }

    /// Runs until a signal asks for the end. Whether an identity is `named` matters for what is
    /// said when it may not write.
    ///
    /// # Errors
    /// It may not keep its state in ZooKeeper, which is found out at the start.
    pub async fn run(
        mut self,
        session: Session,
        mut signals: Signals,
        named: bool,
    ) -> anyhow::Result<()> {
        let retry = || Retry::new(RETRY.0, RETRY.1);
        let mut asking = Asking {
            nameserver: &mut self,
            named,
        };
        tokio::select! {
            biased;
            () = stop(&mut signals) => {
                session.close().await;
                return Ok(());
            }
            refusal = session.follow(&mut asking, retry()) => if let Some(refusal) = refusal {
                session.close().await;
                bail!(refusal);
            }
        }
        let mut noticing = JoinSet::new();
        if let Some(notice) = self.notice.take() {
            noticing.spawn(notice.follow(session.clone()));
        }
        loop {
            let signal = tokio::select! {
                biased;
                signal = signals.next() => signal,
                never = session.follow(&mut self, retry()) => match never {},
            };
            match signal {
                Signal::Hangup => info!("SIGHUP: reading the whole tree again"),
                Signal::Stop(signal) => {
                    info!("{signal}: ending");
                    self.publisher.resign();
                    noticing.shutdown().await;
                    session.close().await;
                    return Ok(());
                }
            }
        }
    }

    /// Says why the tree cannot be followed, once for each reason.
    fn cannot(&mut self, complaint: &str) {
        if self.complaint.as_deref() != Some(complaint) {
            error!("{complaint}; trying again until it works, the published names stay");
            self.complaint = Some(complaint.to_owned());
            self.tell(false);
        }
    }

    /// Follows the tree until the connection breaks.
    async fn follow(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let mut tree = connection.watch(self.scope.root()).await?;
        let mut hosts = connection.watch(&self.publisher.hosts()).await?;
        let mut hold = connection.watch(&self.publisher.hold()).await?;
        connection.sync().await?;
        self.read_all(connection).await?;
        self.publisher.begin(connection).await?;
        retry.succeeded();
        self.complaint = None;
        let mut left = Changes::default();
        loop {
            self.publisher.publish(connection).await?;
            self.tell(true);
            tokio::select! {
                () = std::future::ready(()), if !left.is_empty() => {
                    left = self.take_in(connection, left, &mut tree).await?;
                }
                event = tree.next(), if left.is_empty() => {
                    left.note(event?, &self.scope);
                    left = self.take_in(connection, left, &mut tree).await?;
                }
                event = hosts.next() => self.publisher.hosts_changed(&event?),
                event = hold.next() => {
                    event?;
                    self.publisher.hold_changed();
                }
                answer = self.resolver.next(|host| self.namespace.needs(host)) => {
                    let touched = self.namespace.answer(answer);
                    self.hand_on(touched);
                }
                woken = self.publisher.wake() => woken?,
            }
        }
    }

    async fn read_all(&mut self, connection: &Connection) -> Result<(), Error> {
        let begun = Instant::now();
        let progress = (self.progress)();
        let root = self.scope.root();
        let walked = walk(connection, root, |path| self.scope.covers(path), &progress).await;
        progress.finish_and_clear();
        let Tree {
            znodes,
            zxid,
            has_root,
        } = walked?;
        if !has_root {
            warn!("{root} does not exist yet, so it gives no names; see --root");
        }
        self.walks += 1;
        self.namespace.replace(znodes);
        self.resolver.want_all(&self.namespace);
        self.resolver.settle(&mut self.namespace, RESOLVING).await;
        if let Some(zones) = &self.zones {
            zones.replace(&self.namespace);
        }
        self.publisher.set_all(self.namespace.hosts(), begun);
        self.publisher.reflect(zxid);
        let (znodes, names, took) = (
            self.namespace.len(),
            self.publisher.names(),
            begun.elapsed(),
        );
        let (znodes, names) = (Counted(znodes, "znode"), Counted(names, "name"));
        info!("read {znodes} below {root} in {took:.1?}: {names}");
        self.problems.replace(self.namespace.findings());
        Ok(())
    }

    /// Takes a burst of changes in. What arrives while it is read joins it, but only for so long
    /// that publishing still happens: a single change is never held up. Returns what is left then.
    async fn take_in(
        &mut self,
        connection: &Connection,
        mut changes: Changes,
        tree: &mut Watch,
    ) -> Result<Changes, Error> {
        let begun = Instant::now();
        loop {
            self.note_arrived(&mut changes, tree)?;
            if changes.is_empty() {
                return Ok(changes);
            }
            let (mut updates, zxid) = read_again(connection, std::mem::take(&mut changes)).await?;
            let all = updates.len();
            // A transaction that deletes a znode and creates it again is two events, but nobody can
            // read what lies between them. The second event comes before the answers to what was
            // read for the first one.
            self.note_arrived(&mut changes, tree)?;
            updates.retain(|(path, reading)| reading.is_some() || !changes.read.contains(path));
            if updates.len() == all {
                self.publisher.reflect(zxid);
            }
            self.update(updates);
            if begun.elapsed() > self.publisher.cost() * BURST {
                return Ok(changes);
            }
        }
    }

    fn note_arrived(&self, changes: &mut Changes, tree: &mut Watch) -> Result<(), Error> {
        while let Some(event) = tree.try_next()? {
            changes.note(event, &self.scope);
        }
        Ok(())
    }

    fn update(&mut self, updates: Vec<(ZnodePath, Option<Reading>)>) {
        let root = self.scope.root();
        if updates
            .iter()
            .any(|(path, reading)| path == root && reading.is_none())
        {
            warn!("{root} does not exist any more; what it gave is held, see --drop-hold");
            self.publisher.root_is_gone();
        }
        let touched = self.namespace.update(updates);
        let foreign = touched
            .iter()
            .flat_map(|path| self.namespace.foreign_hosts(path));
        self.resolver.want(foreign);
        self.hand_on(touched);
    }

    /// Hands on what the given znodes give now.
    fn hand_on(&mut self, touched: HashSet<ZnodePath>) {
        let now = Instant::now();
        if let Some(zones) = &self.zones {
            zones.update(&self.namespace, &touched);
        }
        for name in touched
            .iter()
            .flat_map(|path| self.namespace.names_of(path))
        {
            self.publisher
                .set(name.clone(), self.namespace.addresses(&name), now);
        }
        let found = touched.into_iter().map(|path| {
            let findings = self.namespace.findings_of(&path);
            (path, findings)
        });
        self.problems.update(found.collect::<Vec<_>>());
    }
}

impl Follower for Nameserver {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let ended = self.follow(connection, retry).await;
        self.tell(false);
        ended
    }

    fn complain(&mut self, error: &Error) {
        self.cannot(&format!("cannot follow {}: {error}", self.scope.root()));
    }
}

/// Asks ZooKeeper why this replica may not publish.
struct Asking<'a> {
    nameserver: &'a mut Nameserver,
    named: bool,
}

impl Follower for Asking<'_> {
    type End = Option<String>;

    async fn attempt(
        &mut self,
        connection: &Connection,
        _: &mut Retry,
    ) -> Result<Option<String>, Error> {
        let state = State::new(self.nameserver.scope.state().clone());
        access::refusal(connection, &state, self.named).await
    }

    fn complain(&mut self, error: &Error) {
        let state = self.nameserver.scope.state();
        self.nameserver.cannot(&match error {
            Error::NoNode => format!(
                "cannot create {state}: the chroot of --zookeeper does not exist; create it first"
            ),
            error => format!("cannot use {state}: {error}"),
        });
    }
}

/// What changed znodes hold now, and the newest transaction that this reflects.
async fn read_again(
    connection: &Connection,
    changes: Changes,
) -> Result<(Vec<(ZnodePath, Option<Reading>)>, i64), Error> {
    let mut updates: Vec<_> = changes.gone.into_iter().map(|path| (path, None)).collect();
    let mut zxid = 0;
    let visits = changes.read.into_iter().map(|path| visit(connection, path));
    let mut visits = stream::iter(visits).buffer_unordered(IN_FLIGHT);
    while let Some(visit) = visits.next().await {
        let visit = visit?;
        zxid = zxid.max(visit.zxid);
        updates.push((visit.path, visit.reading));
    }
    Ok((updates, zxid))
}

/// Waits for the signal to stop.
async fn stop(signals: &mut Signals) {
    loop {
        if let Signal::Stop(signal) = signals.next().await {
            return info!("{signal}: ending");
        }
    }
}
