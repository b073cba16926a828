//! Does for one registration what its core decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Address;
use log::{info, warn};
use tokio::sync::watch;
use zookeeper::{Connection, Error, Event, Follower, Retry, Session, Watch, Write};

use super::core::{Action, Core, Desired, News, Outcome, Seen};
use super::instance_path::InstancePath;
use super::{Kind, Registration};
use crate::address::OwnAddress;
use crate::follow::subscription::View;
use crate::store::Sessions;

/// Delays after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What all registrations of one container have in common.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The last component of an instance's path.
    pub id: String,
    /// Whether somebody chose it.
    pub is_chosen: bool,
    /// Whether a number is added to it, so that the service has a leader.
    pub sequential: bool,
    /// Where its address comes from.
    pub address: OwnAddress,
    /// Our own sessions.
    pub sessions: Arc<Sessions>,
}

impl Instance {
    /// What it is called where one container has several ports, or several have one name.
    pub(super) fn id_with_port(&self, registration: &Registration) -> Option<String> {
        let port = registration
            .port
            .filter(|_| registration.kind == Kind::Instance);
        port.map(|port| format!("{}-{port}", self.id))
    }
}

/// Keeps one registration.
#[derive(Debug)]
pub(super) struct Driver {
    core: Core,
    registration: Registration,
    address: OwnAddress,
    sessions: Arc<Sessions>,
    view: watch::Receiver<View>,
    outcome: watch::Sender<Outcome>,
}

impl Driver {
    /// A driver that tells at `outcome` what becomes of what is desired.
    pub(super) fn new(
        registration: Registration,
        instance: Instance,
        view: watch::Receiver<View>,
        outcome: watch::Sender<Outcome>,
    ) -> Self {
        let other_id = (!instance.is_chosen)
            .then(|| instance.id_with_port(&registration))
            .flatten();
        Self {
            core: Core::new(registration.clone(), instance.id, instance.sequential)
                .or_called(other_id),
            registration,
            address: instance.address,
            sessions: instance.sessions,
            view,
            outcome,
        }
    }

    /// Works until the end is desired.
    pub(super) async fn run(mut self, mut desired: watch::Receiver<Desired>, session: Session) {
        loop {
            self.core.desire(*desired.borrow_and_update());
            // Where nothing is there to be taken back, no connection is needed.
            if self.next() == Action::End {
                return;
            }
            tokio::select! {
                biased;
                changed = desired.changed() => if changed.is_err() {
                    return;
                },
                () = session.follow(&mut self, Retry::new(RETRY.0, RETRY.1)) => return,
            }
        }
    }

    /// What is to be done now, when everything is said.
    fn next(&mut self) -> Action {
        loop {
            match self.core.next(Instant::now()) {
                Action::Tell(news) => self.tell(news),
                action => return action,
            }
        }
    }

    async fn find_address(&self) -> Result<Address, String> {
        let choice = self.address.clone();
        // It may look up the names of servers.
        let found = tokio::task::spawn_blocking(move || choice.find()).await;
        found.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Waits for something to happen, but no longer than `until`.
    async fn wait(
        &mut self,
        changes: &mut Option<Watch>,
        until: Option<Instant>,
    ) -> Result<(), Error> {
        tokio::select! {
            event = next(changes) => {
                self.core.changed(&event?.path);
                while let Some(event) = changes.as_mut().map_or(Ok(None), Watch::try_next)? {
                    self.core.changed(&event.path);
                }
            }
            changed = self.view.changed() => match changed {
                Ok(()) => self.look_at_scope(),
                // The subscription has ended, and so will this.
                Err(_) => std::future::pending().await,
            },
            () = at(until) => {}
        }
        Ok(())
    }

    fn look_at_scope(&mut self) {
        if let Some(published) = &self.view.borrow_and_update().snapshot {
            let snapshot = &published.snapshot;
            self.core.scope(&snapshot.root, snapshot.domain.as_ref());
        }
    }

    fn tell(&self, news: News) {
        let registration = &self.registration;
        let outcome = match news {
            News::Present(path, address) => {
                info!("registered {registration} with the address {address} at {path}");
                Outcome::Present(path)
            }
            News::Failed(why) => {
                warn!("{why}");
                Outcome::Failed(why)
            }
            News::Withdrawn => {
                info!("withdrew {registration}");
                Outcome::Absent
            }
            News::Absent => Outcome::Absent,
            News::Stays(why) => return warn!("cannot withdraw {registration}: {why}"),
            News::Moved(now, before) => {
                return info!("the address of this host is {now} now, {before} before");
            }
        };
        self.outcome.send_replace(outcome);
    }
}

impl Follower for Driver {
    type End = ();

    async fn attempt(&mut self, connection: &Connection, retry: &mut Retry) -> Result<(), Error> {
        let session = connection.session_id();
        self.core.connected(session);
        self.sessions.remember(session);
        self.look_at_scope();
        let mut changes = None;
        loop {
            match self.core.next(Instant::now()) {
                Action::Tell(news) => self.tell(news),
                Action::FindAddress => {
                    let found = self.find_address().await;
                    self.core.address(found, Instant::now());
                }
                Action::Watch(path) => {
                    changes = Some(connection.watch(&path).await?);
                    self.core.watching(path);
                }
                Action::Read(place) => {
                    let seen = read(connection, &place).await?;
                    self.core.read(seen, self.sessions.known());
                }
                Action::CreateAll(path) => {
                    connection.create_all(&path).await?;
                    self.core.created_all();
                }
                Action::Write(writes) => {
                    let writes: Vec<_> = writes.iter().map(Write::from).collect();
                    let result = connection.commit(&writes).await;
                    self.core.wrote(result)?;
                }
                Action::Wait(until) => {
                    retry.succeeded();
                    self.wait(&mut changes, until).await?;
                }
                Action::End => return Ok(()),
            }
        }
    }

    fn complain(&mut self, error: &Error) {
        self.core.failed(error);
        // What there is to say does not wait for a connection.
        self.next();
    }
}

/// What stands at a place.
async fn read(connection: &Connection, place: &InstancePath) -> Result<Vec<Seen>, Error> {
    let paths = if place.sequential {
        let children = connection.children(&place.parent).await?;
        let children = children.unwrap_or_default();
        let numbered = children.iter().filter_map(|child| place.numbered(child));
        numbered.collect()
    } else {
        vec![place.path()]
    };
    let mut seen = Vec::new();
    for path in paths {
        if let Some(znode) = connection.read(&path).await? {
            seen.push(Seen {
                path,
                owner: znode.stat.ephemeral_owner,
                version: znode.stat.version,
                data: znode.data,
            });
        }
    }
    Ok(seen)
}

async fn next(changes: &mut Option<Watch>) -> Result<Event, Error> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

async fn at(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
