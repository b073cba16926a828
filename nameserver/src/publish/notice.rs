//! What each replica tells all others in the data of its own znode of the election, and what it
//! learns there: what it cannot do, and whether another one has its id.
//!
//! Neither is waited for by anything, and where it may not be written it is just not told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use contract::{Candidate, ZnodePath};
use log::{debug, info, warn};
use tokio::sync::watch;
use zookeeper::{Change, Connection, Error, Follower, Retry, Session};

use crate::publish::driver::at;
use crate::publish::incarnation;

/// The time between two looks on a failure, less a random part.
const RETRY: Duration = Duration::from_secs(1);
/// How much later than its timeout a session may end: ZooKeeper looks once a tick.
const TICK: Duration = Duration::from_secs(2);

/// Keeps the data of this replica's znode of the election up to date.
#[derive(Debug)]
pub struct Notice {
    election: ZnodePath,
    candidate: Candidate,
    complaint: watch::Sender<Option<String>>,
    twin: watch::Sender<Option<String>>,
    /// When each candidate with our id was first seen.
    seen: HashMap<String, Instant>,
}

impl Notice {
    /// The notice of a replica that stands below `election`.
    pub fn new(election: ZnodePath, candidate: Candidate) -> Self {
        Self {
            election,
            candidate,
            complaint: watch::Sender::default(),
            twin: watch::Sender::default(),
            seen: HashMap::new(),
        }
    }

    /// Where to tell what this replica cannot do.
    pub fn complaint(&self) -> watch::Sender<Option<String>> {
        self.complaint.clone()
    }

    /// What is to be said of another replica with the same id, while there is one.
    pub fn twin(&self) -> watch::Receiver<Option<String>> {
        self.twin.subscribe()
    }

    /// Tells and learns for ever.
    pub async fn follow(mut self, session: Session) {
        match session.follow(&mut self, Retry::new(RETRY, RETRY)).await {}
    }

    /// Looks at all candidates, and writes what is to be told where that is news. Returns when to
    /// look again, should no event come.
    async fn look(&mut self, connection: &Connection) -> Result<Option<Instant>, Error> {
        let patience = connection.session_timeout() + TICK;
        let (now, before) = (Instant::now(), std::mem::take(&mut self.seen));
        let (mut own, mut twin, mut again) = (None, None, None);
        for child in connection
            .children(&self.election)
            .await?
            .unwrap_or_default()
        {
            let Ok(path) = self.election.child(&child) else {
                continue;
            };
            let Some(znode) = connection.read(&path).await? else {
                continue;
            };
            if znode.stat.ephemeral_owner == connection.session_id() {
                own = Some((path, znode.data));
                continue;
            }
            if !incarnation::is_twin(&self.candidate, &znode.data) {
                continue;
            }
            let first = before.get(&child).copied().unwrap_or(now);
            self.seen.insert(child, first);
            // What a killed replica left on another machine goes with its session.
            if now >= first + patience || incarnation::wrote_and_runs(&znode.data) {
                twin = Some(path);
            } else {
                again = Some(first + patience);
            }
        }
        self.meet(twin);
        if let Some((path, data)) = own {
            self.tell(connection, &path, &data).await?;
        }
        Ok(again)
    }

    /// Takes note of the twin, and says so once.
    fn meet(&mut self, twin: Option<ZnodePath>) {
        let id = &self.candidate.id;
        match (&twin, self.twin.borrow().is_some()) {
            (Some(path), false) => warn!(
                "another replica with the id {id:?} runs, at {path}: whoever looks cannot tell them \
                 apart; give each its own --id"
            ),
            (None, true) => info!("no other replica has the id {id:?} any more"),
            _ => return,
        }
        self.candidate.shares_id = twin.is_some();
        let told = twin
            .map(|_| format!("another replica with the id {id:?} runs; give each its own --id"));
        self.twin.send_replace(told);
    }

    async fn tell(
        &mut self,
        connection: &Connection,
        own: &ZnodePath,
        data: &[u8],
    ) -> Result<(), Error> {
        self.candidate.complaint = self.complaint.borrow().clone();
        let wanted = self.candidate.encode();
        if wanted == data {
            return Ok(());
        }
        match connection.set(own, &wanted, None).await {
            Err(error) if error.is_connection() => Err(error),
            Err(error) => {
                debug!("cannot tell others at {own}: {error}");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

impl Follower for Notice {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let mut complaint = self.complaint.subscribe();
        let mut changes = connection.watch(&self.election).await?;
        loop {
            complaint.mark_unchanged();
            let again = self.look(connection).await?;
            retry.succeeded();
            loop {
                tokio::select! {
                    event = changes.next() => {
                        // One that goes matters only to its twin: a takeover asks for nothing here.
                        if event?.change != Change::Deleted || !self.seen.is_empty() {
                            break;
                        }
                    }
                    Ok(()) = complaint.changed() => break,
                    () = at(again) => break,
                }
            }
        }
    }

    fn complain(&mut self, error: &Error) {
        debug!("cannot look at {}: {error}", self.election);
    }
}
