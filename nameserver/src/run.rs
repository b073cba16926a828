//! The daemon: follow the tree, keep the names, publish.

use std::time::{Duration, Instant};

use daemon::{Signal, Signals};
use futures::StreamExt;
use futures::stream;
use indicatif::ProgressBar;
use log::{error, info, warn};
use session::{Backoff, Connection, Error, Session, Watch};
use snapshot::Counted;

use crate::changes::Changes;
use crate::draft::Draft;
use crate::problems::Problems;
use crate::publisher::Publisher;
use crate::scope::Scope;
use crate::walk::{Tree, visit, walk};
use crate::zone::Zone;

/// How many znodes are read again at once.
const IN_FLIGHT: usize = 512;
/// A burst goes on being taken in for as long as this many publishes take.
const BURST: u32 = 8;

/// The daemon's state, across connections.
#[derive(Debug)]
pub struct Nameserver {
    scope: Scope,
    zone: Zone,
    publisher: Publisher,
    problems: Problems,
    progress: fn() -> ProgressBar,
    /// Why the tree could not be followed, as the log knows it.
    complaint: Option<String>,
}

impl Nameserver {
    /// A nameserver that stands for election as `id`. `progress` shows a walk.
    pub fn new(scope: Scope, id: String, progress: fn() -> ProgressBar) -> Self {
        let draft = Draft::new(&scope, id.clone());
        Self {
            zone: Zone::new(scope.clone(), []),
            publisher: Publisher::new(scope.state(), id, draft),
            problems: Problems::default(),
            scope,
            progress,
            complaint: None,
        }
    }

    /// Runs until a signal asks for the end.
    pub async fn run(mut self, session: Session, mut signals: Signals) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let signal = tokio::select! {
                biased;
                signal = signals.next() => signal,
                ended = self.serve(&session, &mut backoff) => {
                    // A lost connection is the session's to report, and it comes back by itself.
                    if !ended.is_connection() {
                        self.complain(&ended);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(backoff.delay()) => continue,
                        signal = signals.next() => signal,
                    }
                }
            };
            match signal {
                Signal::Hangup => info!("SIGHUP: reading the whole tree again"),
                Signal::Stop(signal) => {
                    info!("{signal}: ending");
                    self.publisher.resign();
                    return session.close().await;
                }
            }
        }
    }

    /// Says why the tree cannot be followed, once for each reason.
    fn complain(&mut self, error: &Error) {
        let complaint = format!("cannot follow {}: {error}", self.scope.root());
        if self.complaint.as_ref() != Some(&complaint) {
            error!("{complaint}; trying again until it works, the published names stay");
            self.complaint = Some(complaint);
        }
    }

    async fn serve(&mut self, session: &Session, backoff: &mut Backoff) -> Error {
        let connection = session.connected().await;
        match self.follow(&connection, backoff).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    /// Follows the tree until the connection breaks.
    async fn follow(
        &mut self,
        connection: &Connection,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, Error> {
        let mut tree = connection.watch(self.scope.root()).await?;
        let mut hosts = connection.watch(self.publisher.hosts()).await?;
        connection.sync().await?;
        self.read_all(connection).await?;
        self.publisher.begin(connection).await?;
        backoff.reset();
        self.complaint = None;
        loop {
            self.publisher.publish(connection).await?;
            tokio::select! {
                event = tree.next() => {
                    let mut changes = Changes::default();
                    changes.note(event?, &self.scope);
                    self.take_in(connection, changes, &mut tree).await?;
                }
                event = hosts.next() => {
                    event?;
                    self.publisher.hosts_changed();
                }
                woken = self.publisher.wake(connection) => woken?,
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
        self.zone = Zone::new(self.scope.clone(), znodes);
        self.publisher.draft.set_all(self.zone.hosts());
        self.publisher.draft.reflect(zxid);
        let (znodes, names, took) = (
            self.zone.len(),
            self.publisher.draft.names(),
            begun.elapsed(),
        );
        let (znodes, names) = (Counted(znodes, "znode"), Counted(names, "name"));
        info!("read {znodes} below {root} in {took:.1?}: {names}");
        self.problems.replace(self.zone.findings());
        Ok(())
    }

    /// Takes a burst of changes in. What arrives while it is read joins it, but only for so long
    /// that publishing still happens: a single change is never held up.
    async fn take_in(
        &mut self,
        connection: &Connection,
        mut changes: Changes,
        tree: &mut Watch,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            while let Some(event) = tree.try_next()? {
                changes.note(event, &self.scope);
            }
            if changes.is_empty() {
                return Ok(());
            }
            self.read_again(connection, std::mem::take(&mut changes))
                .await?;
            if begun.elapsed() > self.publisher.cost() * BURST {
                return Ok(());
            }
        }
    }

    async fn read_again(&mut self, connection: &Connection, changes: Changes) -> Result<(), Error> {
        let mut updates: Vec<_> = changes.gone.into_iter().map(|path| (path, None)).collect();
        let visits = changes.read.into_iter().map(|path| visit(connection, path));
        let mut visits = stream::iter(visits).buffer_unordered(IN_FLIGHT);
        while let Some(visit) = visits.next().await {
            let visit = visit?;
            self.publisher.draft.reflect(visit.zxid);
            updates.push((visit.path, visit.reading));
        }
        let touched = self.zone.update(updates);
        for name in touched.iter().flat_map(|path| self.zone.names_of(path)) {
            self.publisher
                .draft
                .set(name.clone(), self.zone.addresses(&name));
        }
        let found = touched.into_iter().map(|path| {
            let findings = self.zone.findings_of(&path);
            (path, findings)
        });
        self.problems.update(found.collect::<Vec<_>>());
        Ok(())
    }
}
