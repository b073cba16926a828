//! Keeps one znode of ours in place while it is wished for.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::{Address, Name, ZnodePath};
use log::{info, warn};
use tokio::sync::watch;
use zookeeper::{Backoff, Connection, Create, Error, Session, Stat, Watch, Write};

use super::instance_path::InstancePath;
use super::{Kind, Registration};
use crate::address::AddressChoice;
use crate::follow::subscription::View;
use crate::store::Sessions;

/// Delays after a failure while the connection stood.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often the address of this host is looked at.
const ADDRESS: Duration = Duration::from_secs(5);
/// How long an end waits for the znodes to be gone.
const GOODBYE: Duration = Duration::from_secs(1);

/// Whether the znodes are to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// Not now: the check has not passed, or the program that it is about does not run.
    Absent,
    /// As long as the session lives.
    Present,
    /// Never again.
    End,
}

/// What became of the wish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It is not wished for, or something is still missing.
    #[default]
    Absent,
    /// It stands there.
    Present(ZnodePath),
    /// It does not, and why.
    Failed(String),
}

/// What all registrations of one container have in common.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The last component of an instance's path.
    pub id: String,
    /// Whether a number is added to it, so that the service has a leader.
    pub sequential: bool,
    /// Where its address comes from.
    pub address: AddressChoice,
    /// Our own sessions.
    pub sessions: Arc<Sessions>,
}

/// Keeps one registration.
#[derive(Debug)]
pub(super) struct Registrar {
    registration: Registration,
    instance: Instance,
    view: watch::Receiver<View>,
    wish: watch::Receiver<Desired>,
    outcome: watch::Sender<Outcome>,
    /// Where it is, or is about to be.
    place: Option<InstancePath>,
}

/// What [`Registrar::ensure`] found or made.
enum Found {
    Ours(ZnodePath),
    Taken(String),
}

/// Why the work on one connection ended.
enum Trouble {
    ZooKeeper(Error),
    /// The nameserver has another root or domain now.
    Moved,
    Other(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::ZooKeeper(error)
    }
}

impl Registrar {
    /// A registrar that tells at `outcome` what becomes of the wish.
    pub(super) fn new(
        registration: Registration,
        instance: Instance,
        view: watch::Receiver<View>,
        wish: watch::Receiver<Desired>,
        outcome: watch::Sender<Outcome>,
    ) -> Self {
        Self {
            registration,
            instance,
            view,
            wish,
            outcome,
            place: None,
        }
    }

    /// Works until the wish is the end.
    pub(super) async fn run(mut self, session: Session) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut wish = self.wish.clone();
        loop {
            let wished = *wish.borrow_and_update();
            if wished != Desired::Present {
                self.withdraw(&session).await;
                if wished == Desired::End || wish.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let trouble = tokio::select! {
                biased;
                changed = wish.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                Err(trouble) = self.hold(&session, &mut backoff) => trouble,
            };
            match trouble {
                // The session says itself when the connection is lost.
                Trouble::ZooKeeper(error) if error.is_connection() => {}
                Trouble::ZooKeeper(error) => {
                    let place = self.place.as_ref().map(|place| place.path().to_string());
                    let place = place.unwrap_or_default();
                    self.failed(format!(
                        "cannot register {} at {place}: {error}",
                        self.registration
                    ));
                }
                Trouble::Moved => continue,
                Trouble::Other(why) => {
                    self.failed(format!("cannot register {}: {why}", self.registration));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.delay()) => {}
                _ = wish.changed() => wish.mark_changed(),
            }
        }
    }

    /// Keeps the znode in place over one connection.
    async fn hold(
        &mut self,
        session: &Session,
        backoff: &mut Backoff,
    ) -> Result<Infallible, Trouble> {
        let (root, domain) = self.scope().await;
        let connection = session.connected().await;
        let place = InstancePath::new(&self.registration, &self.instance, &root, domain.as_ref());
        let place = place.map_err(Trouble::Other)?;
        if self.place.as_ref().is_some_and(|old| *old != place) {
            self.delete_own(&connection).await?;
        }
        self.place = Some(place.clone());
        self.instance.sessions.remember(connection.session_id());
        let watched = if place.sequential {
            place.parent.clone()
        } else {
            place.path()
        };
        let mut changes = connection.watch(&watched).await?;
        let mut address = self.address().await?;
        loop {
            let data = self.registration.data(address);
            let found = match place.sequential {
                false => self.ensure(&connection, &place, &data).await?,
                true => self.ensure_numbered(&connection, &place, &data).await?,
            };
            let own = match found {
                Found::Ours(path) => {
                    backoff.reset();
                    self.done(path.clone(), address);
                    path
                }
                Found::Taken(by) => {
                    let path = place.path();
                    self.failed(format!(
                        "cannot register {} at {path}: {by}; waiting until it is gone",
                        self.registration
                    ));
                    path
                }
            };
            address = self
                .until_news(&mut changes, &own, address, (&root, &domain))
                .await?;
        }
    }

    /// The root and the domain of the nameserver, once they are known.
    async fn scope(&mut self) -> (ZnodePath, Option<Name>) {
        loop {
            let published = self.view.borrow_and_update().snapshot.clone();
            if let Some(published) = published {
                let snapshot = &published.snapshot;
                return (snapshot.root.clone(), snapshot.domain.clone());
            }
            if self.view.changed().await.is_err() {
                // The subscription has ended, and so will this.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn address(&self) -> Result<Address, Trouble> {
        let choice = self.instance.address.clone();
        // It may look up the names of servers.
        let found = tokio::task::spawn_blocking(move || choice.find()).await;
        match found {
            Ok(Ok(address)) => Ok(address),
            Ok(Err(why)) => Err(Trouble::Other(why)),
            Err(error) => Err(Trouble::Other(error.to_string())),
        }
    }

    /// Waits until the znode may no longer be as it should; returns the address that it should have.
    async fn until_news(
        &mut self,
        changes: &mut Watch,
        own: &ZnodePath,
        address: Address,
        scope: (&ZnodePath, &Option<Name>),
    ) -> Result<Address, Trouble> {
        loop {
            tokio::select! {
                event = changes.next() => {
                    let mut concerns = event?.path == *own;
                    while let Some(event) = changes.try_next()? {
                        concerns |= event.path == *own;
                    }
                    if concerns {
                        return Ok(address);
                    }
                }
                now = self.scope_changed(scope) => return Err(now),
                () = tokio::time::sleep(ADDRESS) => {
                    // Without an address now, the old one is the best guess.
                    let now = self.address().await.unwrap_or(address);
                    if now != address {
                        info!("the address of this host is {now} now, {address} before");
                        return Ok(now);
                    }
                }
            }
        }
    }

    async fn scope_changed(&self, (root, domain): (&ZnodePath, &Option<Name>)) -> Trouble {
        let mut view = self.view.clone();
        loop {
            let published = view.borrow_and_update().snapshot.clone();
            let now = published.as_ref().map(|published| &published.snapshot);
            if now.is_some_and(|now| now.root != *root || now.domain != *domain) {
                return Trouble::Moved;
            }
            if view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Makes sure that the znode is there, ours, and says what it should.
    async fn ensure(
        &self,
        connection: &Connection,
        place: &InstancePath,
        data: &[u8],
    ) -> Result<Found, Error> {
        let path = place.path();
        loop {
            let Some(znode) = connection.read(&path).await? else {
                match connection.create(&path, data, Create::Ephemeral).await {
                    Err(Error::NoNode) => connection.create_all(&place.parent).await?,
                    Err(Error::NodeExists) => {}
                    created => return created.map(|()| Found::Ours(path)),
                }
                continue;
            };
            match self.owner(connection, &znode.stat) {
                Owner::Us if znode.data == data => return Ok(Found::Ours(path)),
                Owner::Us => match connection.set(&path, data, None).await {
                    Err(Error::NoNode) => {}
                    set => return set.map(|_| Found::Ours(path)),
                },
                Owner::OurPast => {
                    let again = Write::Create(&path, data, Create::Ephemeral);
                    let gone = Write::Delete(&path, Some(znode.stat.version));
                    match connection.commit(&[gone, again]).await {
                        Err(Error::NoNode | Error::BadVersion | Error::NodeExists) => {}
                        committed => return committed.map(|()| Found::Ours(path)),
                    }
                }
                Owner::Nobody => {
                    return Ok(Found::Taken(
                        "a znode that no session owns is there, put there by hand perhaps: delete \
                         it, or choose another name"
                            .to_owned(),
                    ));
                }
                Owner::Other(session) => {
                    let remedy = match self.registration.kind {
                        Kind::Instance => {
                            "give each agent its own --id, or have --sequential number them"
                        }
                        Kind::Exact => "only one at a time can have that very name",
                    };
                    return Ok(Found::Taken(format!(
                        "it is owned by the live session {session:#x} of somebody else: {remedy}"
                    )));
                }
            }
        }
    }

    /// The same where ZooKeeper adds a number to the name.
    async fn ensure_numbered(
        &self,
        connection: &Connection,
        place: &InstancePath,
        data: &[u8],
    ) -> Result<Found, Error> {
        let create = Write::Create(&place.prefix(), data, Create::EphemeralSequential);
        loop {
            let (mut ours, mut past) = (Vec::new(), Vec::new());
            for (path, stat) in place.numbered(connection).await? {
                match self.owner(connection, &stat) {
                    Owner::Us => ours.push(path),
                    Owner::OurPast => past.push(path),
                    Owner::Nobody | Owner::Other(_) => {}
                }
            }
            // What an earlier run left goes in the same moment in which we come.
            let mut writes: Vec<_> = past.iter().map(|path| Write::Delete(path, None)).collect();
            let Some(first) = ours.first() else {
                writes.push(create);
                match connection.commit(&writes).await {
                    Ok(()) => {}
                    Err(Error::NoNode) => connection.create_all(&place.parent).await?,
                    Err(error) => return Err(error),
                }
                continue;
            };
            let Some(znode) = connection.read(first).await? else {
                continue;
            };
            writes.extend(ours[1..].iter().map(|path| Write::Delete(path, None)));
            // Only what differs: the event of a write of our own brings us here again.
            if znode.data != data {
                writes.push(Write::Set(first, data, None));
            }
            if writes.is_empty() {
                return Ok(Found::Ours(first.clone()));
            }
            match connection.commit(&writes).await {
                Err(Error::NoNode) => {}
                committed => return committed.map(|()| Found::Ours(first.clone())),
            }
        }
    }

    fn owner(&self, connection: &Connection, stat: &Stat) -> Owner {
        match stat.ephemeral_owner {
            0 => Owner::Nobody,
            owner if owner == connection.session_id() => Owner::Us,
            owner if self.instance.sessions.knows(owner) => Owner::OurPast,
            owner => Owner::Other(owner),
        }
    }

    /// Deletes what we have, if ZooKeeper can be reached; else it goes with the session.
    async fn withdraw(&mut self, session: &Session) {
        if self.place.is_some() {
            let deleted = async {
                let connection = session.connected().await;
                self.delete_own(&connection).await
            };
            match tokio::time::timeout(GOODBYE, deleted).await {
                Ok(Ok(())) => {
                    info!("withdrew {}", self.registration);
                    self.place = None;
                }
                Ok(Err(error)) if !error.is_connection() => {
                    warn!("cannot withdraw {}: {error}", self.registration);
                }
                // It goes with the session.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        self.outcome.send_replace(Outcome::Absent);
    }

    async fn delete_own(&self, connection: &Connection) -> Result<(), Error> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let candidates = match place.sequential {
            true => place.numbered(connection).await?,
            false => {
                let path = place.path();
                let stat = connection.stat(&path).await?;
                stat.map(|stat| (path, stat)).into_iter().collect()
            }
        };
        for (path, stat) in candidates {
            if stat.ephemeral_owner == connection.session_id() {
                match connection.delete(&path, None).await {
                    Ok(()) | Err(Error::NoNode) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn done(&self, path: ZnodePath, address: Address) {
        let outcome = Outcome::Present(path);
        if *self.outcome.borrow() != outcome {
            info!(
                "registered {} with the address {address} at {outcome}",
                self.registration
            );
            self.outcome.send_replace(outcome);
        }
    }

    /// Says why, once.
    fn failed(&self, why: String) {
        let outcome = Outcome::Failed(why);
        if *self.outcome.borrow() != outcome {
            warn!("{outcome}");
            self.outcome.send_replace(outcome);
        }
    }
}

/// Whose an ephemeral znode is.
enum Owner {
    Us,
    OurPast,
    Nobody,
    Other(i64),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not registered"),
            Self::Present(path) => path.fmt(f),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
