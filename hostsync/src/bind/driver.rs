//! Does for each binding what its core decides, and keeps the choices.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::{PathError, State, ZnodePath};
use daemon::Tasks;
use log::{info, warn};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zookeeper::{Backoff, Connection, Error, Follower, Retry, Session, Write};

use super::core::{Action, Core, Load, News, Service};
use super::{Binding, Bound, Troubles};
use crate::follow::subscription::View;
use crate::store::{Bindings, Sessions};

/// Delays after a failure.
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
struct Driver {
    core: Core,
    binding: Binding,
    state: State,
    id: String,
    sessions: Arc<Sessions>,
    /// What the session does.
    states: watch::Receiver<zookeeper::State>,
    view: watch::Receiver<View>,
    bound: watch::Sender<Arc<Bound>>,
    kept_bindings: Bindings,
    troubles: watch::Sender<Troubles>,
}

impl Binders {
    /// Starts to bind, from what `kept_bindings` holds. The agent is `id` to others.
    ///
    /// # Errors
    /// The id makes no path.
    pub fn start(
        bindings: &[Binding],
        state: &State,
        (id, sessions): (&str, &Arc<Sessions>),
        kept_bindings: &Bindings,
        session: &Session,
        view: &watch::Receiver<View>,
        supervised: &Tasks,
    ) -> Result<Self, PathError> {
        let mut kept = match bindings {
            [] => Bound::new(),
            _ => kept_bindings.load(),
        };
        kept.retain(|name, _| bindings.iter().any(|binding| binding.local == *name));
        state.bindings().child(id)?;
        let bound = watch::Sender::new(Arc::new(kept));
        let troubles = watch::Sender::default();
        let mut tasks = JoinSet::new();
        for binding in bindings {
            let (binding, state, id) = (binding.clone(), state.clone(), id.to_owned());
            let (sessions, session, view) = (Arc::clone(sessions), session.clone(), view.clone());
            let (bound, troubles) = (bound.clone(), troubles.clone());
            let kept_bindings = kept_bindings.clone();
            let name = format!("binding of {}", binding.local);
            let make = move || {
                let kept = bound.borrow().get(&binding.local).copied();
                let mut driver = Driver {
                    core: Core::new(binding.clone(), &state, id.clone(), kept),
                    binding: binding.clone(),
                    state: state.clone(),
                    id: id.clone(),
                    sessions: Arc::clone(&sessions),
                    states: session.states(),
                    view: view.clone(),
                    bound: bound.clone(),
                    kept_bindings: kept_bindings.clone(),
                    troubles: troubles.clone(),
                };
                let session = session.clone();
                async move {
                    let retry = Retry::new(RETRY.0, RETRY.1);
                    match session.follow(&mut driver, retry).await {}
                }
            };
            tasks.spawn(supervised.clone().keep(name, make));
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

impl Follower for Driver {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let connection = &connection.as_agent();
        self.states.mark_unchanged();
        let session = connection.session_id();
        self.core.connected(session);
        self.sessions.remember(session);
        self.look_at_service();
        let mut again = Backoff::new(AGAIN.0, AGAIN.1);
        loop {
            match self.core.next() {
                Action::Tell(news) => self.tell(news),
                Action::Look(path) => {
                    let stat = connection.stat(&path).await?;
                    self.core.version(stat.map(|stat| stat.version));
                }
                Action::Open(path) => {
                    self.open(connection, &path).await?;
                    self.core.opened();
                }
                Action::Count(base) => {
                    let loads = self.count(connection, &base).await?;
                    self.core.counted(loads, self.sessions.known());
                }
                Action::Write(writes) => {
                    let writes: Vec<_> = writes.iter().map(Write::from).collect();
                    let result = connection.commit(&writes).await;
                    self.core.wrote(result)?;
                }
                Action::Pause => {
                    tokio::time::sleep(again.delay()).await;
                    self.core.again();
                }
                Action::Fail(why) => return Err(Error::Other(why)),
                Action::Wait => {
                    again.reset();
                    retry.succeeded();
                    self.wait().await?;
                }
            }
        }
    }

    fn complain(&mut self, error: &Error) {
        self.core.failed(error);
        // What there is to say does not wait for a connection.
        while let Action::Tell(news) = self.core.next() {
            self.tell(news);
        }
    }
}

impl Driver {
    /// Waits until another snapshot is there.
    ///
    /// # Errors
    /// The connection is another.
    async fn wait(&mut self) -> Result<(), Error> {
        tokio::select! {
            changed = self.view.changed() => match changed {
                Ok(()) => self.look_at_service(),
                // The subscription has ended, and so will this.
                Err(_) => std::future::pending().await,
            },
            _ = self.states.changed() => return Err(Error::Lost),
        }
        Ok(())
    }

    fn look_at_service(&mut self) {
        if let Some(published) = &self.view.borrow_and_update().snapshot {
            let hosts = &published.snapshot.hosts;
            self.core.service(Service::of(&self.binding.service, hosts));
        }
    }

    /// Creates a znode below which everybody may write.
    async fn open(&self, connection: &Connection, path: &ZnodePath) -> Result<(), Error> {
        match connection.create_open(path).await {
            // Usually the nameserver creates STATE and STATE/bindings.
            Err(Error::NoNode) => {
                connection.create_all(self.state.path()).await?;
                connection.create_open(&self.state.bindings()).await?;
                connection.create_open(path).await
            }
            created => created,
        }
    }

    /// Who is bound to each instance.
    async fn count(&self, connection: &Connection, base: &ZnodePath) -> Result<Vec<Load>, Error> {
        let mut loads = Vec::new();
        for component in connection.children(base).await?.unwrap_or_default() {
            let Ok(place) = base.child(&component) else {
                continue;
            };
            let Some(agents) = connection.children(&place).await? else {
                continue;
            };
            let mut own = None;
            if agents.contains(&self.id)
                && let Ok(path) = place.child(&self.id)
            {
                let stat = connection.stat(&path).await?;
                own = stat.map(|stat| (stat.ephemeral_owner, stat.version));
            }
            let others = agents.iter().filter(|agent| **agent != self.id).count();
            loads.push(Load { place, others, own });
        }
        Ok(loads)
    }

    fn tell(&self, news: News) {
        let local = &self.binding.local;
        let service = &self.binding.service;
        match news {
            News::Bound(address) => {
                self.change(|bound| bound.insert(local.clone(), address));
                info!("bound {local} to {address} of {service}");
            }
            News::Unbound => {
                self.change(|bound| bound.remove(local));
                info!("{local} is bound to nothing");
            }
            News::Trouble(why) => {
                warn!("{why}");
                self.troubles.send_modify(|troubles| {
                    troubles.insert(local.clone(), why);
                });
            }
            News::Content => self.troubles.send_modify(|troubles| {
                troubles.remove(local);
            }),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Bound) -> T) {
        self.bound.send_modify(|bound| {
            change(Arc::make_mut(bound));
        });
        self.kept_bindings.keep(&self.bound.borrow());
    }
}
