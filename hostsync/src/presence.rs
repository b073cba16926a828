//! Tells everybody what this agent has applied: an ephemeral znode at `STATE/agents/ID`.
//!
//! It is a courtesy. Nothing waits for it, and a failure of it harms nothing.

use std::path::PathBuf;
use std::time::Duration;

use log::{debug, warn};
use serde::Serialize;
use session::{Connection, Create, Error, Session, State};
use snapshot::{PathError, ZnodePath};
use tokio::sync::watch;

use crate::agent::Applied;

/// The least time between two writes: a thousand agents must not keep the servers busy.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a refusal is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// The znode of one agent.
#[derive(Debug)]
pub struct Presence {
    agents: ZnodePath,
    path: ZnodePath,
    hosts_file: PathBuf,
    complaint: Option<String>,
}

/// What the znode says.
#[derive(Debug, Serialize)]
struct Fact<'a> {
    /// The generation in the file.
    applied: u64,
    /// The file.
    hosts_file: &'a PathBuf,
    /// How many names of ours are in it.
    names: usize,
}

impl Presence {
    /// The presence of the agent `id` that keeps `hosts_file`.
    ///
    /// # Errors
    /// The id is no component of a znode path.
    pub fn new(state: &ZnodePath, id: &str, hosts_file: PathBuf) -> Result<Self, PathError> {
        let agents = state.child("agents")?;
        let path = agents.child(id)?;
        Ok(Self {
            agents,
            path,
            hosts_file,
            complaint: None,
        })
    }

    /// Follows what is applied for ever.
    pub async fn follow(mut self, session: Session, mut applied: watch::Receiver<Applied>) {
        loop {
            if applied.borrow_and_update().published.is_none() {
                match applied.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            let connection = session.connected().await;
            let fact = self.fact(&applied.borrow_and_update());
            match self.tell(&connection, &fact).await {
                Ok(()) => {
                    self.complaint = None;
                    let told_in = connection.session_id();
                    drop(connection);
                    tokio::time::sleep(PAUSE).await;
                    until_news(&session, told_in, &mut applied).await;
                }
                Err(error) if error.is_connection() => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    self.complain(&error);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn fact(&self, applied: &Applied) -> Vec<u8> {
        let published = applied.published.as_ref();
        let fact = Fact {
            applied: published.map_or(0, |published| published.snapshot.generation),
            hosts_file: &self.hosts_file,
            names: applied.names,
        };
        serde_json::to_vec(&fact).unwrap_or_default()
    }

    async fn tell(&self, connection: &Connection, fact: &[u8]) -> Result<(), Error> {
        match connection.stat(&self.path).await? {
            Some(stat) if stat.ephemeral_owner == connection.session_id() => {
                return connection.set(&self.path, fact, None).await.map(drop);
            }
            // Of an earlier run, whose session will end, or of another agent.
            Some(_) => return Err(Error::NodeExists),
            None => {}
        }
        match connection.create(&self.path, fact, Create::Ephemeral).await {
            Err(Error::NoNode) => {
                connection.create_all(&self.agents).await?;
                connection.create(&self.path, fact, Create::Ephemeral).await
            }
            created => created,
        }
    }

    fn complain(&mut self, error: &Error) {
        if *error == Error::NodeExists {
            return debug!(
                "{} is there already, of an earlier run or of another agent",
                self.path
            );
        }
        let complaint = format!("cannot tell at {} what was applied: {error}", self.path);
        if self.complaint.as_ref() != Some(&complaint) {
            warn!("{complaint}; the names are not affected");
            self.complaint = Some(complaint);
        }
    }
}

/// Waits for another generation, or for another session than the one with which the znode goes. A
/// connection that is lost and found again is neither.
async fn until_news(session: &Session, told_in: i64, applied: &mut watch::Receiver<Applied>) {
    let is_another = |state: &State| matches!(state, State::Connected { session_id, .. } if *session_id != told_in);
    let mut states = session.states();
    tokio::select! {
        _ = applied.changed() => {}
        _ = states.wait_for(is_another) => {}
    }
}
