//! Keeps each choice as an ephemeral znode `STATE/bindings/SERVICE/ADDRESS/ID`.
//!
//! The choice is made in a transaction that also writes `STATE/bindings/SERVICE`, at the version at
//! which the loads were counted: of two agents that choose at once, one looks again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::{Address, Hosts, Name, PathError, State, ZnodePath};
use log::{info, warn};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zookeeper::{Backoff, Connection, Create, Error, Session, Write};

use super::{Binding, Bound, Candidate, Troubles, choose};
use crate::follow::subscription::View;
use crate::store::{Bindings, Sessions};

/// Delays after a failure while the connection stood.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Delays before another look where another agent was quicker.
const AGAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// All bindings of a container.
#[derive(Debug)]
pub struct Binders {
    bound: watch::Receiver<Arc<Bound>>,
    troubles: watch::Receiver<Troubles>,
    // Dropped, they end; what they own goes with the session.
    _tasks: JoinSet<()>,
}

/// Keeps one binding.
struct Binder {
    binding: Binding,
    /// `STATE/bindings`.
    bindings: ZnodePath,
    id: String,
    sessions: Arc<Sessions>,
    view: watch::Receiver<View>,
    bound: watch::Sender<Arc<Bound>>,
    memory: Bindings,
    troubles: watch::Sender<Troubles>,
}

/// What the snapshot says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Service {
    addresses: Vec<Address>,
    leader: Option<Address>,
}

impl Service {
    fn of(name: &Name, hosts: &Hosts) -> Self {
        let addresses = hosts.get(name).cloned().unwrap_or_default();
        let leader = format!("leader.{name}").parse::<Name>().ok();
        let leader = leader.and_then(|leader| hosts.get(&leader)?.first().copied());
        Self {
            leader: leader.or(addresses.first().copied()),
            addresses,
        }
    }
}

impl Binders {
    /// Starts to bind, from what `memory` holds. The agent is `id` to others.
    ///
    /// # Errors
    /// The id or the state makes no path.
    pub fn start(
        bindings: &[Binding],
        state: &State,
        id: &str,
        sessions: &Arc<Sessions>,
        memory: &Bindings,
        session: &Session,
        view: &watch::Receiver<View>,
    ) -> Result<Self, PathError> {
        let mut kept = match bindings {
            [] => Bound::new(),
            _ => memory.load(),
        };
        kept.retain(|name, _| bindings.iter().any(|binding| binding.local == *name));
        let bound = watch::Sender::new(Arc::new(kept));
        let troubles = watch::Sender::default();
        state.bindings().child(id)?;
        let mut tasks = JoinSet::new();
        for binding in bindings {
            let binder = Binder {
                binding: binding.clone(),
                bindings: state.bindings(),
                id: id.to_owned(),
                sessions: Arc::clone(sessions),
                view: view.clone(),
                bound: bound.clone(),
                memory: memory.clone(),
                troubles: troubles.clone(),
            };
            tasks.spawn(binder.run(session.clone()));
        }
        Ok(Self {
            bound: bound.subscribe(),
            troubles: troubles.subscribe(),
            _tasks: tasks,
        })
    }

    /// The local names, now and from now on.
    pub fn bound(&self) -> watch::Receiver<Arc<Bound>> {
        self.bound.clone()
    }

    /// Why local names are not bound, now and from now on.
    pub fn troubles(&self) -> watch::Receiver<Troubles> {
        self.troubles.clone()
    }
}

impl Binder {
    async fn run(mut self, session: Session) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let Err(error) = self.hold(&session, &mut backoff).await;
            // The session says itself when the connection is lost.
            if !error.is_connection() {
                self.complain(format!("cannot bind {}: {error}", self.binding));
            }
            tokio::time::sleep(backoff.delay()).await;
        }
    }

    /// Keeps the choice over one connection.
    async fn hold(
        &mut self,
        session: &Session,
        backoff: &mut Backoff,
    ) -> Result<Infallible, Error> {
        let connection = session.connected().await;
        self.sessions.remember(connection.session_id());
        loop {
            let service = self.service().await;
            if service.addresses.is_empty() {
                self.free(&connection).await?;
                self.complain(format!(
                    "cannot bind {}: no instance of {} is published",
                    self.binding, self.binding.service
                ));
            } else {
                let address = self.bind(&connection, &service).await?;
                self.content();
                self.tell(Some(address));
            }
            backoff.reset();
            self.until_news(session, &connection, &service).await;
            if !connection.shares_client_with(&session.connected().await) {
                return Err(Error::Lost);
            }
        }
    }

    /// What the snapshot says now, once there is one.
    async fn service(&mut self) -> Service {
        loop {
            let published = self.view.borrow_and_update().snapshot.clone();
            match published {
                Some(published) => {
                    return Service::of(&self.binding.service, &published.snapshot.hosts);
                }
                None if self.view.changed().await.is_err() => std::future::pending().await,
                None => {}
            }
        }
    }

    /// Waits until the service is another, or the connection is.
    async fn until_news(&mut self, session: &Session, connection: &Connection, known: &Service) {
        let mut states = session.states();
        states.mark_unchanged();
        let _ = connection;
        loop {
            tokio::select! {
                changed = self.view.changed() => {
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                    if self.service().await != *known {
                        return;
                    }
                }
                _ = states.changed() => return,
            }
        }
    }

    /// Makes sure that one of the live instances is ours, and says which.
    async fn bind(&self, connection: &Connection, service: &Service) -> Result<Address, Error> {
        let base = self.base();
        let mut again = Backoff::new(AGAIN.0, AGAIN.1);
        self.create_base(connection, &base).await?;
        loop {
            let Some(stat) = connection.stat(&base).await? else {
                self.create_base(connection, &base).await?;
                continue;
            };
            let (mut own, mut stale) = (None, Vec::new());
            let mut candidates = Vec::new();
            for component in connection.children(&base).await?.unwrap_or_default() {
                let Ok(path) = base.child(&component) else {
                    continue;
                };
                let alive = component
                    .parse()
                    .ok()
                    .filter(|at| service.addresses.contains(at));
                let Some((owner, load)) = self.look(connection, &path).await? else {
                    continue;
                };
                match (owner, alive) {
                    (Some(owner), Some(at)) if owner == connection.session_id() => own = Some(at),
                    (Some(_), _) => stale.push(path.child(&self.id).map_err(refused)?),
                    (None, _) => {}
                }
                if let Some(address) = alive {
                    candidates.push(self.candidate(address, load, service));
                }
            }
            for address in &service.addresses {
                if !candidates.iter().any(|known| known.address == *address) {
                    candidates.push(self.candidate(*address, 0, service));
                }
            }
            if let Some(own) = own {
                return Ok(own);
            }
            let remembered = self.bound.borrow().get(&self.binding.local).copied();
            let remembered = remembered.filter(|at| service.addresses.contains(at));
            let lot = usize::try_from(connection.session_id().unsigned_abs()).unwrap_or_default();
            let chosen = remembered
                .or_else(|| choose(&candidates, self.binding.preference, lot))
                .ok_or(Error::NoNode)?;
            let place = base.child(&chosen.to_string()).map_err(refused)?;
            connection.create_open(&place).await?;
            let own = place.child(&self.id).map_err(refused)?;
            let mut writes = vec![Write::Set(&base, b"", Some(stat.version))];
            writes.extend(stale.iter().map(|path| Write::Delete(path, None)));
            writes.push(Write::Create(&own, b"", Create::Ephemeral));
            match connection.commit(&writes).await {
                Ok(()) => return Ok(chosen),
                Err(Error::BadVersion | Error::NoNode) => {
                    tokio::time::sleep(again.delay()).await;
                }
                Err(Error::NodeExists) => return Err(taken(&own)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Who owns the znode of our id at an instance, if it is us, now or in an earlier run; and how
    /// many others are bound there.
    async fn look(
        &self,
        connection: &Connection,
        place: &ZnodePath,
    ) -> Result<Option<(Option<i64>, usize)>, Error> {
        let Some(agents) = connection.children(place).await? else {
            return Ok(None);
        };
        let mut owner = None;
        if agents.contains(&self.id) {
            let path = place.child(&self.id).map_err(refused)?;
            let stat = connection.stat(&path).await?;
            owner = stat.map(|stat| stat.ephemeral_owner);
            if owner.is_some_and(|owner| !self.sessions.knows(owner)) {
                return Err(taken(&path));
            }
        }
        let others = agents.len() - usize::from(owner.is_some());
        Ok(Some((owner, others)))
    }

    fn candidate(&self, address: Address, load: usize, service: &Service) -> Candidate {
        Candidate {
            address,
            load,
            is_leader: service.leader == Some(address),
        }
    }

    /// Gives up what we have, since no instance is left.
    async fn free(&self, connection: &Connection) -> Result<(), Error> {
        let bound = self.bound.borrow().get(&self.binding.local).copied();
        let Some(address) = bound else { return Ok(()) };
        let place = self.base().child(&address.to_string()).map_err(refused)?;
        let own = place.child(&self.id).map_err(refused)?;
        match connection.delete(&own, None).await {
            Ok(()) | Err(Error::NoNode) => {}
            Err(error) => return Err(error),
        }
        self.tell(None);
        Ok(())
    }

    fn base(&self) -> ZnodePath {
        let service = self.binding.service.as_str();
        self.bindings.child(service).expect("a name is a component")
    }

    async fn create_base(&self, connection: &Connection, base: &ZnodePath) -> Result<(), Error> {
        match connection.create_open(base).await {
            // Usually the nameserver creates STATE and STATE/bindings.
            Err(Error::NoNode) => {
                if let Some(state) = self.bindings.parent() {
                    connection.create_all(&state).await?;
                }
                connection.create_open(&self.bindings).await?;
                connection.create_open(base).await
            }
            created => created,
        }
    }

    fn tell(&self, address: Option<Address>) {
        let local = &self.binding.local;
        let changed = self.bound.send_if_modified(|bound| {
            if bound.get(local).copied() == address {
                return false;
            }
            let mut now = Bound::clone(bound);
            match address {
                Some(address) => now.insert(local.clone(), address),
                None => now.remove(local),
            };
            *bound = Arc::new(now);
            true
        });
        if changed {
            self.memory.keep(&self.bound.borrow());
            match address {
                Some(address) => info!("bound {local} to {address} of {}", self.binding.service),
                None => info!("{local} is bound to nothing"),
            }
        }
    }

    /// Says what is wrong, once.
    fn complain(&self, text: String) {
        self.troubles.send_if_modified(|troubles| {
            let local = &self.binding.local;
            if troubles.get(local) == Some(&text) {
                return false;
            }
            warn!("{text}");
            troubles.insert(local.clone(), text);
            true
        });
    }

    /// Nothing is wrong any more.
    fn content(&self) {
        let local = &self.binding.local;
        self.troubles
            .send_if_modified(|troubles| troubles.remove(local).is_some());
    }
}

fn refused(error: PathError) -> Error {
    Error::Other(error.to_string())
}

fn taken(path: &ZnodePath) -> Error {
    Error::Other(format!(
        "{path} belongs to another agent of the same id; see --id"
    ))
}
