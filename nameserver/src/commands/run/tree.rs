//! What the loop does with the tree: reads it whole, takes changes in, hands on what they give.

use std::collections::HashSet;
use std::future::{pending, ready};
use std::time::{Duration, Instant};

use contract::{Counted, ZnodePath};
use futures::StreamExt;
use futures::stream;
use log::{info, warn};
use zookeeper::{Connection, Error, Event, Watch};

use super::Nameserver;
use crate::ingest::changes::Changes;
use crate::ingest::pass::Pass;
use crate::ingest::walk::{Step, Walk, Walked, visit};
use crate::namespace::scope::Scope;
use crate::namespace::{Dated, Namespace};

/// How many znodes are read again at once.
const IN_FLIGHT: usize = 512;
/// A burst goes on being taken in for as long as this many publishes take.
const BURST: u32 = 8;
/// After a walk, host names that were never asked for get this long to be answered: else a restart
/// would take their names away for a moment.
const RESOLVING: Duration = Duration::from_secs(2);
/// How many znodes are named that a walk found otherwise than the watch had told.
const SHOWN: usize = 10;

/// Following the tree over one connection.
pub(super) struct Following<'a> {
    connection: &'a Connection,
    watch: Watch,
    /// What the watch told and was not read yet.
    left: Changes,
    again: Option<Again>,
    /// Whether the tree was read whole while it was watched.
    is_followed: bool,
}

/// Reading the whole tree again, while changes come.
struct Again {
    walk: Walk,
    pass: Pass,
    begun: Instant,
    /// Somebody asked once more meanwhile.
    asked: bool,
}

/// Why the loop goes on.
pub(super) enum Woken {
    /// Some changes are left to be read.
    Left,
    /// Another one was told.
    Told(Event),
    /// A walk went on.
    Walked(Step),
}

impl<'a> Following<'a> {
    /// Watches the tree. It is to be read after that.
    pub(super) async fn begin(
        nameserver: &Nameserver,
        connection: &'a Connection,
    ) -> Result<Self, Error> {
        Ok(Self {
            connection,
            watch: connection.watch(nameserver.scope.root()).await?,
            left: Changes::default(),
            again: None,
            is_followed: false,
        })
    }

    /// Whether the tree was read whole over this connection, and is followed since.
    pub(super) fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Reads the whole tree: at once where it was never read, else beside what follows. True when
    /// it is read.
    pub(super) async fn read(&mut self, nameserver: &mut Nameserver) -> Result<bool, Error> {
        if nameserver.walks == 0 {
            self.read_first(nameserver).await?;
        } else {
            self.start(nameserver);
        }
        Ok(self.is_followed)
    }

    /// Reads the whole tree again, which is followed meanwhile.
    pub(super) fn read_again(&mut self, nameserver: &mut Nameserver) {
        match &mut self.again {
            Some(again) => again.asked = true,
            None => self.start(nameserver),
        }
    }

    /// Waits until there is something to do. Nothing is lost when the future is dropped.
    pub(super) async fn wake(&mut self) -> Result<Woken, Error> {
        let step = async {
            match &mut self.again {
                Some(again) => again.walk.next().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = ready(()), if !self.left.is_empty() => Ok(Woken::Left),
            event = self.watch.next(), if self.left.is_empty() => event.map(Woken::Told),
            step = step => step.map(Woken::Walked),
        }
    }

    /// Does what there is to do. True when the whole tree is read with that.
    pub(super) async fn go_on(
        &mut self,
        nameserver: &mut Nameserver,
        woken: Woken,
    ) -> Result<bool, Error> {
        match (woken, &mut self.again) {
            (Woken::Left, _) => self.take_in(nameserver).await?,
            (Woken::Told(event), _) => {
                self.note(event, &nameserver.scope);
                self.take_in(nameserver).await?;
            }
            (Woken::Walked(Step::Visits(visits)), Some(again)) => {
                again.pass.visit(&mut nameserver.namespace, visits);
            }
            (Woken::Walked(Step::End(walked)), _) => {
                self.end(nameserver, walked)?;
                return Ok(true);
            }
            (Woken::Walked(Step::Visits(_)), None) => {}
        }
        Ok(false)
    }

    async fn read_first(&mut self, nameserver: &mut Nameserver) -> Result<(), Error> {
        let begun = Instant::now();
        let mut walk = walk(self.connection, nameserver);
        // An earlier try may have left a part of the tree.
        nameserver.namespace = Namespace::new(nameserver.scope.clone(), []);
        let walked = loop {
            tokio::select! {
                step = walk.next() => match step? {
                    Step::Visits(visits) => visits
                        .into_iter()
                        .for_each(|visit| nameserver.namespace.put(&visit.path.clone(), visit.dated())),
                    Step::End(walked) => break walked,
                },
                event = self.watch.next() => self.note(event?, &nameserver.scope),
            }
        };
        drop(walk);
        nameserver.name_all(walked, begun).await;
        self.is_followed = true;
        Ok(())
    }

    fn start(&mut self, nameserver: &mut Nameserver) {
        self.again = Some(Again {
            walk: walk(self.connection, nameserver),
            pass: Pass::begin(&mut nameserver.namespace),
            begun: Instant::now(),
            asked: false,
        });
    }

    /// Takes over what a walk found otherwise.
    fn end(&mut self, nameserver: &mut Nameserver, walked: Walked) -> Result<(), Error> {
        // What came before the last answer of the walk has arrived.
        self.note_arrived(&nameserver.scope)?;
        let Some(again) = self.again.take() else {
            return Ok(());
        };
        let differing = again.pass.end(&nameserver.namespace);
        if self.is_followed {
            nameserver.complain_of(&differing);
        }
        nameserver.take_over(differing, walked, again.begun);
        self.is_followed = true;
        if again.asked {
            self.start(nameserver);
        }
        Ok(())
    }

    /// Takes a burst of changes in. What arrives while it is read joins it, but only for so long
    /// that publishing still happens: a single change is never held up.
    async fn take_in(&mut self, nameserver: &mut Nameserver) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            self.note_arrived(&nameserver.scope)?;
            if self.left.is_empty() {
                return Ok(());
            }
            let changes = std::mem::take(&mut self.left);
            let (mut updates, zxid) = read_changed(self.connection, changes).await?;
            let all = updates.len();
            // A transaction that deletes a znode and creates it again is two events, but nobody can
            // read what lies between them. The second event comes before the answers to what was
            // read for the first one.
            self.note_arrived(&nameserver.scope)?;
            updates.retain(|(path, reading)| reading.is_some() || !self.left.read.contains(path));
            if updates.len() == all {
                nameserver.publisher.reflect(zxid);
            }
            nameserver.update(updates);
            if begun.elapsed() > nameserver.publisher.cost() * BURST {
                return Ok(());
            }
        }
    }

    fn note_arrived(&mut self, scope: &Scope) -> Result<(), Error> {
        while let Some(event) = self.watch.try_next()? {
            self.note(event, scope);
        }
        Ok(())
    }

    fn note(&mut self, event: Event, scope: &Scope) {
        if !scope.covers(&event.path) {
            return;
        }
        if let Some(again) = &mut self.again {
            again.pass.tell(&event.path);
        }
        self.left.note(event, scope);
    }
}

impl Nameserver {
    /// Names everything that the first walk put in.
    async fn name_all(&mut self, walked: Walked, begun: Instant) {
        if !walked.has_root {
            let root = self.scope.root();
            warn!("{root} does not exist yet, so it gives no names; see --root");
        }
        self.namespace.name_all();
        self.walks += 1;
        self.resolver.want_all(&self.namespace);
        self.resolver.settle(&mut self.namespace, RESOLVING).await;
        if let Some(zones) = &self.zones {
            zones.replace(&self.namespace);
        }
        self.publisher.set_all(self.namespace.hosts(), begun);
        self.publisher.reflect(walked.zxid);
        self.say_read(begun);
        self.problems.replace(self.namespace.findings());
    }

    /// Takes over what a later walk found otherwise.
    fn take_over(
        &mut self,
        differing: Vec<(ZnodePath, Option<Dated>)>,
        walked: Walked,
        begun: Instant,
    ) {
        self.walks += 1;
        self.update(differing);
        if !self.namespace.has_names() {
            self.publisher.root_is_gone();
        }
        self.publisher.reflect(walked.zxid);
        self.say_read(begun);
    }

    fn say_read(&self, begun: Instant) {
        let (root, took) = (self.scope.root(), begun.elapsed());
        let znodes = Counted(self.namespace.len(), "znode");
        let names = Counted(self.publisher.names(), "name");
        info!("read {znodes} below {root} in {took:.1?}: {names}");
    }

    /// Says and counts what a walk found otherwise though the watch was never interrupted.
    fn complain_of(&mut self, differing: &[(ZnodePath, Option<Dated>)]) {
        if differing.is_empty() {
            return;
        }
        self.repairs += differing.len() as u64;
        let shown = differing.iter().take(SHOWN);
        let shown: Vec<_> = shown.map(|(path, _)| path.to_string()).collect();
        warn!(
            "reading the whole tree found {} otherwise than was told of changes, and puts that right: {}{}",
            Counted(differing.len(), "znode"),
            shown.join(", "),
            if differing.len() > SHOWN { ", …" } else { "" }
        );
    }

    fn update(&mut self, updates: Vec<(ZnodePath, Option<Dated>)>) {
        let root = self.scope.root();
        if updates
            .iter()
            .any(|(path, reading)| path == root && reading.is_none())
        {
            warn!("{root} does not exist any more; what it gave is held, see --drop-hold");
            self.publisher.root_is_gone();
        }
        for (path, reading) in &updates {
            let before = self.namespace.reading(path);
            let now = reading.as_ref().map(|znode| &znode.reading);
            self.problems.changed(path, before, now);
        }
        let touched = self.namespace.update_dated(updates);
        let foreign = touched
            .iter()
            .flat_map(|path| self.namespace.foreign_hosts(path));
        self.resolver.want(foreign);
        self.hand_on(touched);
    }

    /// Hands on what the given znodes give now.
    pub(super) fn hand_on(&mut self, touched: HashSet<ZnodePath>) {
        let now = Instant::now();
        if let Some(zones) = &self.zones {
            zones.update(&self.namespace, &touched);
        }
        let names = touched.iter().flat_map(|path| {
            let names = self.namespace.names_of(path);
            names.map(move |name| (path, name))
        });
        for (path, name) in names {
            let name = self.namespace.shared(name);
            let addresses = self.namespace.addresses(&name);
            self.publisher
                .set(name.clone(), addresses.map(|all| &**all), now);
            let giver = self.namespace.giver(&name).unwrap_or(path);
            self.publisher.given_by(&name, giver);
        }
        let mut published = None;
        let found = touched.into_iter().map(|path| {
            let findings = self.namespace.findings_of(&path);
            // Weighing looks at all names, so not at each change.
            let findings = match self.problems.weighs(&path, &findings) {
                true => self.namespace.weigh(&path, findings, &mut published),
                false => findings,
            };
            (path, findings)
        });
        self.problems.update(found.collect::<Vec<_>>());
    }
}

fn walk(connection: &Connection, nameserver: &Nameserver) -> Walk {
    let scope = nameserver.scope.clone();
    Walk::start(
        connection.clone(),
        scope.root().clone(),
        move |path| scope.covers(path),
        (nameserver.progress)(),
    )
}

/// What changed znodes hold now, and the newest transaction that this reflects.
async fn read_changed(
    connection: &Connection,
    changes: Changes,
) -> Result<(Vec<(ZnodePath, Option<Dated>)>, i64), Error> {
    let mut updates: Vec<_> = changes.gone.into_iter().map(|path| (path, None)).collect();
    let mut zxid = 0;
    let visits = changes.read.into_iter().map(|path| visit(connection, path));
    let mut visits = stream::iter(visits).buffer_unordered(IN_FLIGHT);
    while let Some(visit) = visits.next().await {
        let visit = visit?;
        zxid = zxid.max(visit.zxid);
        updates.push((visit.path.clone(), visit.dated()));
    }
    Ok((updates, zxid))
}
