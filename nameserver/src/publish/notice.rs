//! What each replica tells all others in the data of its own znode of the election, and what it
//! learns there: what it cannot do, and whether another one has its id. One that does not stand tells
//! so at `STATE/aside/ID`.
//!
//! Neither is waited for by anything, and where it may not be written it is just not told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use contract::{Candidate, State, ZnodePath};
use log::{debug, info, warn};
use tokio::sync::watch;
use zookeeper::{Change, Connection, Create, Error, Follower, Retry, Session, is_candidate};

use crate::publish::driver::at;
use crate::publish::incarnation;

/// The time between two looks on a failure, less a random part.
const RETRY: Duration = Duration::from_secs(1);
/// How much later than its timeout a session may end: ZooKeeper looks once a tick.
const TICK: Duration = Duration::from_secs(2);

/// Keeps the data of this replica's znode of the election up to date.
#[derive(Debug, Clone)]
pub struct Notice {
    election: ZnodePath,
    aside: ZnodePath,
    /// What was told there, in which session.
    told_aside: Option<(i64, Vec<u8>)>,
    candidate: Candidate,
    complaint: watch::Sender<Option<String>>,
    twin: watch::Sender<Option<String>>,
    /// All candidates that were seen, with the transaction that created each.
    candidates: Vec<Seen>,
    /// Whom this replica said last that it stands by for.
    leader: Option<String>,
    /// When each candidate with our id was first seen.
    seen: HashMap<String, Instant>,
}

/// A candidate, as it was seen last.
#[derive(Debug, Clone)]
struct Seen {
    czxid: i64,
    path: ZnodePath,
    is_own: bool,
    id: String,
}

impl Notice {
    /// The notice of a replica below `state`.
    pub fn new(state: &State, candidate: Candidate) -> Self {
        Self {
            election: state.election(),
            aside: state.aside(),
            told_aside: None,
            candidate,
            complaint: watch::Sender::default(),
            twin: watch::Sender::default(),
            candidates: Vec::new(),
            leader: None,
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
        let mut candidates = Vec::new();
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
            if !is_candidate(&child, &znode.stat) {
                continue;
            }
            let is_own = znode.stat.ephemeral_owner == connection.session_id();
            let known = Candidate::decode(&znode.data).ok();
            let id = known.map_or_else(|| child.clone(), |known| known.id);
            candidates.push(Seen {
                czxid: znode.stat.czxid,
                path: path.clone(),
                is_own,
                id,
            });
            if is_own {
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
        self.candidates = candidates;
        self.stand_by();
        self.candidate.complaint = self.complaint.borrow().clone();
        match own {
            Some((path, data)) => {
                self.stand_again(connection).await?;
                self.tell(connection, &path, &data).await?;
            }
            None if self.candidate.complaint.is_some() => self.stand_aside(connection).await?,
            None => {}
        }
        Ok(again)
    }

    /// Says who leads, once, where this replica stands by for another one.
    fn stand_by(&mut self) {
        let stands = self.candidates.iter().any(|candidate| candidate.is_own);
        let first = self
            .candidates
            .iter()
            .min_by_key(|candidate| candidate.czxid);
        let leader = first.filter(|first| stands && !first.is_own);
        let leader = leader.map(|first| first.id.clone());
        if let Some(id) = leader.as_ref().filter(|_| leader != self.leader) {
            info!("standing by: {id} leads");
        }
        self.leader = leader;
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

impl Notice {
    /// Tells that this replica does not stand, and why.
    async fn stand_aside(&mut self, connection: &Connection) -> Result<(), Error> {
        let told = (connection.session_id(), self.candidate.encode());
        if self.told_aside.as_ref() == Some(&told) {
            return Ok(());
        }
        let Ok(path) = self.aside.child(&self.candidate.id) else {
            return Ok(());
        };
        let written = async {
            connection.create_all(&self.aside).await?;
            // What an earlier run left would go with its session.
            match connection.delete(&path, None).await {
                Ok(()) | Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
            connection.create(&path, &told.1, Create::Ephemeral).await
        };
        match written.await {
            Ok(()) => self.told_aside = Some(told),
            Err(error) if error.is_connection() => return Err(error),
            Err(error) => debug!("cannot tell others at {path}: {error}"),
        }
        Ok(())
    }

    /// Takes back that it does not stand.
    async fn stand_again(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some((session, _)) = self.told_aside.take() else {
            return Ok(());
        };
        match self.aside.child(&self.candidate.id) {
            Ok(path) if session == connection.session_id() => {
                match connection.delete(&path, None).await {
                    Err(error) if error.is_connection() => Err(error),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
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
                        let event = event?;
                        if event.change == Change::Deleted {
                            self.candidates.retain(|candidate| candidate.path != event.path);
                            self.stand_by();
                        }
                        if event.change != Change::Deleted || !self.seen.is_empty() {
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
