//! Tells everybody what this agent has applied: an ephemeral znode at `STATE/agents/ID`.
//!
//! It is a courtesy. Nothing waits for it, and a failure of it harms nothing. [`pace`] decides when it is
//! told.
//!
//! Where another agent has the same id, and so that znode, this one stands beside it, at `ID+2` or
//! the next that is free, and takes the first place over when that one ends. The first watches
//! `ID+2`, so that both know; nobody looks at agents of other ids.

mod pace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::{PRESENCE, PathError, State, ZnodePath};
use log::{info, warn};
use tokio::sync::watch;
use zookeeper::{Connection, Create, Error, Follower, Retry, Session, Write};

use crate::apply::agent::Applied;
use crate::follow::published::Published;
use crate::follow::subscription::View;
use crate::observe::presence::pace::{Complaint, Look, Pace, Word};
use crate::store::Sessions;

/// The least time between two looks, whatever changes.
const LOOK: Duration = Duration::from_millis(250);
/// How long a refusal is left alone at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How often an agent that stands beside another one looks whether that one has gone.
const BESIDE: Duration = Duration::from_secs(2);
/// How much later than its timeout a session may end: ZooKeeper looks once a tick.
const TICK: Duration = Duration::from_secs(2);
/// How many agents of one id are told apart.
const PLACES: usize = 16;

/// The znode of one agent.
#[derive(Debug, Clone)]
pub struct Presence {
    agents: ZnodePath,
    id: String,
    hosts_file: PathBuf,
    /// What this machine is called.
    host: Option<String>,
    sessions: Arc<Sessions>,
    /// What was told last.
    told: Option<Told>,
    /// The session that has the first place, and since when it is known to.
    first: Option<(i64, Instant)>,
    twin: watch::Sender<Option<String>>,
}

/// What was told, where, and in which session.
#[derive(Debug, Clone)]
struct Told {
    session: i64,
    place: usize,
    word: Word,
}

/// Where an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    First,
    /// Another agent has the first place, in this session.
    Beside(i64),
    /// The first place may be one of an earlier run, whose session is about to end.
    Waiting,
}

/// Tells what is applied, until nothing more is.
struct Teller {
    presence: Presence,
    sources: Sources,
    pace: Pace,
    began: Instant,
}

/// What is told of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What was read.
    pub view: watch::Receiver<View>,
    /// What was applied.
    pub applied: watch::Receiver<Applied>,
}

impl Sources {
    fn look(&mut self) -> Look {
        let view = self.view.borrow_and_update();
        let applied = self.applied.borrow_and_update();
        let generation = |published: &Arc<Published>| published.snapshot.generation;
        let seen = view.snapshot.as_ref();
        let failure = applied.failure.clone();
        let failure = failure.map(|text| Complaint {
            text,
            is_shared: false,
        });
        let problem = view.problem.clone();
        let problem = problem.map(|text| Complaint {
            text,
            is_shared: true,
        });
        Look {
            word: Word {
                applied: applied.published.as_ref().map_or(0, generation),
                names: applied.names,
                files: applied.counted(),
                complaint: failure.or(problem),
            },
            seen: seen.map_or(0, generation),
            interval: seen.map_or(PRESENCE, |seen| seen.snapshot.presence),
        }
    }

    /// Since when this generation is in the file, where that is known.
    fn since(&self, generation: u64) -> Option<Instant> {
        let applied = self.applied.borrow();
        let published = applied.published.as_ref();
        let is_in = published.is_some_and(|used| used.snapshot.generation == generation);
        let (since, _) = applied.since.filter(|_| is_in)?;
        Some(since.into())
    }

    /// Waits for another look to be worthwhile; false once the agent has ended.
    async fn changed(&mut self) -> bool {
        let changed = tokio::select! {
            changed = self.view.changed() => changed,
            changed = self.applied.changed() => changed,
        };
        changed.is_ok()
    }
}

impl Follower for Teller {
    type End = ();

    async fn attempt(&mut self, connection: &Connection, retry: &mut Retry) -> Result<(), Error> {
        let connection = &connection.as_agent();
        let Self {
            presence,
            sources,
            pace,
            began,
        } = self;
        let beside = presence.place(1)?;
        let mut changes = connection.watch(&beside).await?;
        if !presence.stands_in(connection) {
            pace.forget();
        }
        let mut looked = false;
        loop {
            let plan = pace.plan(&sources.look(), began.elapsed());
            let since = sources.since(plan.word.applied);
            let stand = presence.tell(connection, &plan.word, since).await?;
            if plan.is_due && stand != Stand::Waiting {
                pace.told(&plan);
            }
            match stand {
                Stand::First if !looked => {
                    let stat = connection.stat(&beside).await?;
                    let owner = stat.map(|stat| stat.ephemeral_owner);
                    presence.meet(owner.filter(|owner| !presence.is_ours(connection, *owner)));
                    looked = true;
                }
                Stand::First | Stand::Waiting => {}
                Stand::Beside(other) => {
                    presence.meet(Some(other));
                    looked = false;
                }
            }
            retry.succeeded();
            let wake = plan.wake.filter(|_| stand != Stand::Waiting);
            let wake = wake.map(|wake| *began + wake);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = at(wake) => continue,
            }
            tokio::select! {
                goes_on = sources.changed() => if !goes_on {
                    return Ok(());
                },
                event = changes.next() => {
                    event?;
                    looked = false;
                }
                () = at(wake) => {}
                () = tokio::time::sleep(BESIDE), if stand != Stand::First => {}
            }
        }
    }

    fn complain(&mut self, error: &Error) {
        let Presence { agents, id, .. } = &self.presence;
        match error {
            // Somebody came first.
            Error::NodeExists | Error::BadVersion => {}
            error => warn!(
                "cannot tell at {agents}/{id} what was applied: {error}; the names are not affected"
            ),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

impl Presence {
    /// The presence of the agent `id` that keeps `hosts_file`.
    ///
    /// # Errors
    /// The id is no component of a znode path.
    pub fn new(
        state: &State,
        id: &str,
        hosts_file: PathBuf,
        sessions: Arc<Sessions>,
    ) -> Result<Self, PathError> {
        state.agent(id)?;
        Ok(Self {
            agents: state.agents(),
            id: id.to_owned(),
            hosts_file,
            host: daemon::host_name().ok(),
            sessions,
            told: None,
            first: None,
            twin: watch::Sender::default(),
        })
    }

    /// What is to be said of another agent with the same id, while there is one.
    pub fn twin(&self) -> watch::Receiver<Option<String>> {
        self.twin.subscribe()
    }

    /// Follows what is applied for ever.
    pub async fn follow(self, session: Session, mut sources: Sources) {
        let first = sources.applied.wait_for(Applied::is_after_a_pass);
        if first.await.is_err() {
            return;
        }
        let mut teller = Teller {
            pace: Pace::new(&self.id),
            presence: self,
            sources,
            began: Instant::now(),
        };
        let retry = Retry::new(RETRY.0, RETRY.1);
        session.follow(&mut teller, retry).await;
    }

    /// Whether something was told in the session of this connection.
    fn stands_in(&self, connection: &Connection) -> bool {
        let session = connection.session_id();
        self.told
            .as_ref()
            .is_some_and(|told| told.session == session)
    }

    /// The znode of the first agent of this id, or of one beside it.
    fn place(&self, place: usize) -> Result<ZnodePath, Error> {
        let component = match place {
            0 => self.id.clone(),
            _ => format!("{}+{}", self.id, place + 1),
        };
        let path = self.agents.child(&component);
        path.map_err(|error| Error::Other(error.to_string()))
    }

    fn fact(&self, word: &Word, place: usize, since: Option<Instant>) -> Vec<u8> {
        let complaint = word.complaint.as_ref();
        let ago = since.map(|since| since.elapsed().as_millis());
        let fact = contract::Agent {
            ago_ms: ago.and_then(|ago| ago.try_into().ok()),
            applied: word.applied,
            complaint: complaint.map(|complaint| complaint.text.clone()),
            files: word.files,
            host: self.host.clone(),
            hosts_file: self.hosts_file.clone(),
            id: (place > 0).then(|| self.id.clone()),
            names: word.names,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        };
        fact.encode()
    }

    /// Tells in the first place that is free, or in our own if there is none before it.
    async fn tell(
        &mut self,
        connection: &Connection,
        word: &Word,
        since: Option<Instant>,
    ) -> Result<Stand, Error> {
        let session = connection.session_id();
        let mine = self.told.as_ref().filter(|told| told.session == session);
        let mine = mine.map(|told| told.place);
        for place in 0..PLACES {
            let is_told = self.told.as_ref().is_some_and(|told| told.word == *word);
            if mine == Some(place) && is_told {
                break;
            }
            let fact = self.fact(word, place, since);
            let path = self.place(place)?;
            if let Some(other) = self.take(connection, &path, &fact).await? {
                if place == 0 && !self.is_sure_of(connection, other) {
                    return Ok(Stand::Waiting);
                }
                continue;
            }
            if let Some(former) = mine.filter(|former| *former != place) {
                match connection.delete(&self.place(former)?, None).await {
                    Ok(()) | Err(Error::NoNode) => {}
                    Err(error) => return Err(error),
                }
            }
            self.told = Some(Told {
                session,
                place,
                word: word.clone(),
            });
            break;
        }
        match (&self.told, self.first) {
            (Some(Told { place: 0, .. }), _) | (_, None) => {
                self.first = None;
                Ok(Stand::First)
            }
            (_, Some((other, _))) => Ok(Stand::Beside(other)),
        }
    }

    /// Usually the nameserver creates the znode of all agents.
    async fn make_room(&self, connection: &Connection) -> Result<(), Error> {
        if let Some(state) = self.agents.parent() {
            connection.create_all(&state).await?;
        }
        connection.create_open(&self.agents).await
    }

    /// Makes the znode ours, saying this; or returns the session of the other that has it.
    async fn take(
        &self,
        connection: &Connection,
        path: &ZnodePath,
        fact: &[u8],
    ) -> Result<Option<i64>, Error> {
        let create = Write::Create(path, fact, Create::Ephemeral);
        let Some(stat) = connection.stat(path).await? else {
            let created = match connection.create(path, fact, Create::Ephemeral).await {
                Err(Error::NoNode) => {
                    self.make_room(connection).await?;
                    connection.create(path, fact, Create::Ephemeral).await
                }
                created => created,
            };
            return created.map(|()| None);
        };
        let owner = stat.ephemeral_owner;
        if owner == connection.session_id() {
            connection.set(path, fact, None).await?;
        } else if self.is_ours(connection, owner) {
            let gone = Write::Delete(path, Some(stat.version));
            match connection.commit(&[gone, create]).await {
                // It went just now.
                Err(Error::NoNode) => return Err(Error::BadVersion),
                committed => committed?,
            }
        } else {
            return Ok(Some(owner));
        }
        Ok(None)
    }

    /// True for a session of this process, or of an earlier run of this agent.
    fn is_ours(&self, connection: &Connection, owner: i64) -> bool {
        let told = self.told.as_ref().map(|told| told.session);
        owner == connection.session_id() || told == Some(owner) || self.sessions.knows(owner)
    }

    /// True when the session that has the first place is more than what an agent that was killed
    /// left behind.
    fn is_sure_of(&mut self, connection: &Connection, other: i64) -> bool {
        let since = match self.first {
            Some((session, since)) if session == other => since,
            _ => Instant::now(),
        };
        self.first = Some((other, since));
        since.elapsed() >= connection.session_timeout() + TICK
    }

    /// Takes note of another agent with this id, and says so once.
    fn meet(&self, other: Option<i64>) {
        let id = &self.id;
        match (other, self.twin.borrow().is_some()) {
            (Some(session), false) => warn!(
                "another agent with the id {id:?} runs, in the session {session:#x}: nobody can tell \
                 them apart, and they may register the same; give each its own --id, or have --sequential number what \
                 they register"
            ),
            (None, true) => info!("no other agent has the id {id:?} any more"),
            _ => return,
        }
        let told =
            other.map(|_| format!("another agent with the id {id:?} runs; give each its own --id"));
        self.twin.send_replace(told);
    }
}
