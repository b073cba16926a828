//! The live copy of the tree and the names that it gives.
//!
//! Pure: readings in, names out. [`Namespace::update`] costs what changed, and always ends where
//! building the namespace anew would.

mod children;
mod claims;
mod evidence;
mod finding;
mod follow;
mod loops;
mod mentions;
mod pointers;
mod rules;
pub mod scope;
mod taken;
mod tree;

use std::collections::{HashMap, HashSet};

use contract::{Address, Addresses, Hosts, MAX_ADDRESSES_PER_NAME, Name, ZnodePath};

use crate::namespace::scope::Scope;
use crate::records::{Instance, Reading, Silence};

pub use finding::{DeadEnd, Finding};
pub use follow::MAX_FOLLOWED;

use claims::{Claim, Claimant, Claims};
use follow::Standing;
use loops::Loops;
use mentions::Mentions;
use pointers::Pointers;
use tree::Tree;

pub use tree::{Dated, Member, NotItsOwn, UNKNOWN};

/// The live copy of the tree below the root and the names that it gives.
#[derive(Debug, Clone)]
pub struct Namespace {
    scope: Scope,
    tree: Tree,
    claims: Claims,
    /// Which znodes hold each host name, in every way that it may be meant.
    mentions: Mentions,
    /// Which znodes name one beside them.
    pointers: Pointers,
    /// What the system's resolver says of host names; no address for one that it does not know.
    resolved: HashMap<Name, Vec<Address>>,
    loops: Loops,
}

/// What the system's resolver says of a host name that no znode gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The addresses of a host name; none where the resolver does not know it.
    Addresses(Name, Vec<Address>),
    /// Nobody needs the host name any more.
    Unneeded(Name),
}

impl Namespace {
    /// The namespace of the given znodes, the root among them or not, all of one age.
    pub fn new(scope: Scope, znodes: impl IntoIterator<Item = (ZnodePath, Reading)>) -> Self {
        let mut namespace = Self {
            tree: Tree::below(scope.root().clone()),
            scope,
            claims: Claims::default(),
            mentions: Mentions::default(),
            pointers: Pointers::default(),
            resolved: HashMap::new(),
            loops: Loops::default(),
        };
        for (path, reading) in znodes {
            namespace.put(&path, Some(Dated { reading, czxid: 0 }));
        }
        namespace.name_all();
        namespace
    }

    /// Puts a znode in, as a walk finds one after the other. Nothing has a name before
    /// [`Namespace::name_all`].
    pub fn put(&mut self, path: &ZnodePath, znode: Option<Dated>) {
        let czxid = znode.as_ref().map_or(UNKNOWN, |znode| znode.czxid);
        self.date(path, czxid);
        let reading = znode.map(|znode| self.without_data(path, znode.reading));
        let new = host_names(reading.as_ref());
        if pointers::is_called_leader(path)
            && let Some(above) = self.scope.name_above(path)
        {
            self.pointers.put(above, path, reading.as_ref());
        }
        let before = match reading {
            Some(reading) => self.tree.insert(path, Dated { reading, czxid }),
            None => self.tree.remove(path),
        };
        self.mention(path, host_names(before.as_ref()), new);
    }

    /// Names everything that was put in.
    pub fn name_all(&mut self) {
        let paths: Vec<_> = self.tree.paths().cloned().collect();
        self.tree.take_unsettled();
        self.name(&paths);
    }

    /// As [`Namespace::update_dated`], where all znodes are of one age.
    pub fn update(
        &mut self,
        changes: impl IntoIterator<Item = (ZnodePath, Option<Reading>)>,
    ) -> HashSet<ZnodePath> {
        let dated = |reading| Dated { reading, czxid: 0 };
        let changes = changes.into_iter();
        self.update_dated(changes.map(|(path, reading)| (path, reading.map(dated))))
    }

    /// Takes over what changed: what a znode says now, or none for one that is gone. Returns the
    /// znodes whose names or findings may differ now.
    pub fn update_dated(
        &mut self,
        changes: impl IntoIterator<Item = (ZnodePath, Option<Dated>)>,
    ) -> HashSet<ZnodePath> {
        let mut touched = HashSet::new();
        for (path, znode) in changes {
            self.put(&path, znode);
            touched.extend(with_parent(&path));
        }
        let unsettled = self.tree.take_unsettled();
        touched.extend(unsettled.iter().flat_map(with_parent));
        self.refresh(touched)
    }

    /// Takes over the addresses of a host name that the system's resolver was asked for.
    fn resolve(&mut self, host: Name, addresses: Vec<Address>) -> HashSet<ZnodePath> {
        let holders = self.mentions.of(&host);
        let touched = holders.flat_map(with_parent).collect();
        self.resolved.insert(host, addresses);
        self.refresh(touched)
    }

    /// Takes over news from the system's resolver. Returns the znodes whose names or findings may
    /// differ now.
    pub fn answer(&mut self, answer: Answer) -> HashSet<ZnodePath> {
        match answer {
            Answer::Addresses(host, addresses) => self.resolve(host, addresses),
            Answer::Unneeded(host) => {
                self.resolved.remove(&host);
                HashSet::new()
            }
        }
    }

    /// The host names that a znode holds and nothing in the tree has. A word alone is none.
    pub fn foreign_hosts(&self, path: &ZnodePath) -> Vec<Name> {
        let instance = self.tree.get(path).and_then(Reading::instance);
        let instance = instance.filter(|instance| instance.word().is_none());
        let names = instance.into_iter().flat_map(Instance::host_names);
        names
            .filter(|host| !self.has_claims(host))
            .cloned()
            .collect()
    }

    /// The host names that some znode holds and nothing in the tree has.
    pub fn all_foreign_hosts(&self) -> HashSet<Name> {
        let paths = self.tree.paths();
        paths.flat_map(|path| self.foreign_hosts(path)).collect()
    }

    /// Whether any znode holds what other znodes decide about: an address alone, or a word.
    pub fn depends_on_neighbours(&self) -> bool {
        let mut instances = self.readings().filter_map(Reading::instance);
        instances.any(|instance| instance.is_bare() || instance.word().is_some())
    }

    /// Every name of the tree that a host name may mean.
    pub fn mentioned(&self) -> impl Iterator<Item = &Name> {
        self.mentions.names()
    }

    /// Whether a znode holds a host name that nothing in the tree has.
    pub fn needs(&self, host: &Name) -> bool {
        self.mentions.of(host).next().is_some() && !self.has_claims(host)
    }

    /// Every name with its addresses.
    pub fn hosts(&self) -> Hosts {
        self.claims.hosts()
    }

    /// Whether there is any name.
    pub fn has_names(&self) -> bool {
        self.claims.have_winner()
    }

    /// The addresses of one name.
    pub fn addresses(&self, name: &Name) -> Option<&Addresses> {
        let winner = self.claims.winner(name)?;
        Some(&winner.addresses)
    }

    /// The znode that gives a name: its own, or that of its leader.
    pub fn giver(&self, name: &Name) -> Option<&ZnodePath> {
        let winner = self.claims.winner(name)?;
        Some(&winner.claimant.path)
    }

    /// Whether a name is that of a service's leader, and of no znode itself.
    pub fn is_leader_name(&self, name: &Name) -> bool {
        let winner = self.claims.winner(name);
        winner.is_some_and(|winner| winner.claimant.as_leader)
    }

    /// Every znode that is there, the root among them, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &ZnodePath> {
        self.tree.paths()
    }

    /// What a znode says; none for one that is not there.
    pub fn reading(&self, path: &ZnodePath) -> Option<&Reading> {
        self.tree.get(path)
    }

    /// What all znodes say, in no order.
    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.tree.readings()
    }

    /// The addresses that a znode has of its own.
    pub fn own_addresses(&self, path: &ZnodePath) -> Vec<Address> {
        let own = self.tree.own(path).into_iter();
        let hosts = own.flat_map(|own| self.addresses_at(own, path));
        hosts.collect()
    }

    /// The children of a znode that count for it as instances and are in service, in the order of
    /// its addresses.
    pub fn members(&self, path: &ZnodePath) -> impl Iterator<Item = Member<'_>> {
        self.tree.members(path)
    }

    /// The instances among the children of a znode, as [`Namespace::members`] gives them.
    pub fn instances(&self, path: &ZnodePath) -> impl Iterator<Item = &Instance> {
        self.members(path).map(|member| member.instance)
    }

    /// Why the address that a znode holds counts as that of whoever made the znode; none where it is
    /// its own.
    pub fn not_its_own(&self, path: &ZnodePath) -> Option<NotItsOwn> {
        self.tree.not_its_own(path)
    }

    /// The names that a znode may have or lose when it is touched: its own and its leader's.
    pub fn names_of(&self, path: &ZnodePath) -> impl Iterator<Item = Name> + use<> {
        let own = self.scope.name(path).and_then(Result::ok);
        let leader = own.as_ref().and_then(|own| Scope::leader_name(own).ok());
        own.into_iter().chain(leader)
    }

    /// The name as the namespace keeps it, so that its text is there once; else the one that was
    /// given.
    pub fn shared(&self, name: Name) -> Name {
        self.claims.kept(&name).cloned().unwrap_or(name)
    }

    /// The path as the namespace keeps it, so that its text is there once; else the one that was
    /// given.
    pub fn shared_path<'a>(&'a self, path: &'a ZnodePath) -> &'a ZnodePath {
        self.tree.kept(path).unwrap_or(path)
    }

    /// Begins a round: no znode is marked.
    pub fn begin_round(&mut self) {
        self.tree.begin_round();
    }

    /// Marks a znode in this round, if it is there; returns what it says, and which transaction created it.
    pub fn mark(&mut self, path: &ZnodePath) -> Option<(&Reading, i64)> {
        self.tree.mark(path)
    }

    /// Every znode that was not marked in this round, in no order.
    pub fn unmarked(&self) -> impl Iterator<Item = &ZnodePath> {
        self.tree.unmarked()
    }

    /// The name of a znode itself, whether it has addresses or not.
    pub fn own_name(&self, path: &ZnodePath) -> Option<Name> {
        let name = self.scope.name(path)?.ok()?;
        Some(self.shared(name))
    }

    /// The number of znodes below the root.
    pub fn len(&self) -> usize {
        self.tree.len() - usize::from(self.tree.get(self.scope.root()).is_some())
    }

    /// True when there is no znode below the root.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn has_claims(&self, host: &Name) -> bool {
        let mut meant = self.scope.meant_by(host);
        meant.any(|name| self.claims.has(&name))
    }

    /// A znode whose data are left out says what one without any does, unless its name tells.
    fn without_data(&self, path: &ZnodePath, reading: Reading) -> Reading {
        match reading {
            Reading::Instance(instance)
                if !instance.format.is_in_name(path.component())
                    && self.scope.leaves_out_data(path) =>
            {
                Reading::Nothing(Silence::LeftOut)
            }
            Reading::Problem(_) | Reading::Service(_) | Reading::Nothing(_)
                if self.scope.leaves_out_data(path) =>
            {
                Reading::Nothing(Silence::LeftOut)
            }
            reading => reading,
        }
    }

    /// Takes back what a znode of another age claims at a path; it is claimed anew as that of the one that is there
    /// now.
    fn date(&mut self, path: &ZnodePath, czxid: i64) {
        let before = self.tree.czxid(path);
        if before == czxid || self.tree.kept(path).is_none() {
            return;
        }
        let Some(Ok(name)) = self.scope.name(path) else {
            return;
        };
        let claimant = |as_leader| Claimant {
            as_leader,
            czxid: before,
            path: path.clone(),
        };
        if let Ok(leader_name) = Scope::leader_name(&name) {
            self.claims.remove(&leader_name, &claimant(true));
        }
        self.claims.remove(&name, &claimant(false));
    }

    /// Takes over that a znode holds other host names than before.
    fn mention(&mut self, path: &ZnodePath, before: Vec<Name>, new: Vec<Name>) {
        for host in before {
            for name in self.scope.meant_by(&host) {
                self.mentions.remove(&name, path);
            }
        }
        for host in new {
            for name in self.scope.meant_by(&host) {
                self.mentions.add(name.into_owned(), path);
            }
        }
    }

    /// Makes the claims of the given znodes what they should be, and those of every znode that
    /// holds one of their names, and so on. Returns all of them.
    fn refresh(&mut self, mut touched: HashSet<ZnodePath>) -> HashSet<ZnodePath> {
        self.add_holders(&mut touched);
        if !self.loops.is_empty() {
            let names = touched.iter().flat_map(|path| self.names_of(path));
            let names: Vec<_> = names.collect();
            names.iter().for_each(|name| self.loops.remove(name));
        }
        self.name(&touched);
        touched
    }

    /// Makes the claims of the given znodes what they should be.
    ///
    /// First come the claims that need no host name, and places for the others: where a host name
    /// leads depends on who claims what. The others follow in the order in which they lead to each
    /// other.
    fn name<'a>(&mut self, paths: impl IntoIterator<Item = &'a ZnodePath>) {
        let mut following = Vec::new();
        for path in paths {
            // Nothing looks at what the root stands for, and it may have all znodes as children.
            if !matches!(self.scope.name(path), Some(Ok(_))) {
                continue;
            }
            let standing = self.standing(path, |_, _| &[]);
            if standing.follows {
                following.push(path);
            }
            self.claim(path, standing);
        }
        self.follow_in_order(&following);
    }

    /// Makes the claims of znodes that follow host names what they should be.
    fn follow_in_order(&mut self, paths: &[&ZnodePath]) {
        let names: Vec<(Name, &ZnodePath)> = paths
            .iter()
            .flat_map(|&path| self.names_of(path).map(move |name| (name, path)))
            .collect();
        let mut nodes: HashMap<&Name, usize> = HashMap::new();
        let mut claimed: Vec<(&Name, Vec<&ZnodePath>)> = Vec::new();
        for (name, path) in &names {
            let node = *nodes.entry(name).or_insert(claimed.len());
            if node == claimed.len() {
                claimed.push((name, Vec::new()));
            }
            claimed[node].1.push(path);
        }
        let edges: Vec<Vec<usize>> = claimed
            .iter()
            .map(|(_, paths)| {
                let followed = paths.iter().flat_map(|path| self.followed(path));
                followed
                    .filter_map(|name| nodes.get(&name).copied())
                    .collect()
            })
            .collect();
        for component in loops::components(&edges) {
            let is_loop = |&node: &usize| component.len() > 1 || edges[node].contains(&node);
            if component.iter().any(is_loop) {
                self.loops
                    .add(component.iter().map(|&node| claimed[node].0.clone()));
            }
            for path in component.iter().flat_map(|&node| &claimed[node].1) {
                let standing = self.standing_now(path);
                self.claim(path, standing);
            }
        }
    }

    /// What a znode stands for, by what is claimed now.
    fn standing_now(&self, path: &ZnodePath) -> Standing {
        self.standing(path, |host, at| {
            self.follow_for(host, at, path).unwrap_or_default()
        })
    }

    /// Adds the znodes that hold a name of one of these, and so on.
    fn add_holders(&self, touched: &mut HashSet<ZnodePath>) {
        if self.mentions.is_empty() && self.pointers.is_empty() {
            return;
        }
        let mut waiting: Vec<_> = touched.iter().cloned().collect();
        while let Some(path) = waiting.pop() {
            for name in self.names_of(&path) {
                let holders = self.mentions.of(&name).chain(self.pointers.to(&name));
                for holder in holders.flat_map(with_parent) {
                    if touched.insert(holder.clone()) {
                        waiting.push(holder);
                    }
                }
            }
        }
    }

    /// Makes the claims of one znode those of what it stands for.
    fn claim(&mut self, path: &ZnodePath, standing: Standing) {
        let Some(Ok(name)) = self.scope.name(path) else {
            return;
        };
        let Standing {
            mut addresses,
            leader,
            leads,
            follows,
        } = standing;
        addresses.truncate(MAX_ADDRESSES_PER_NAME);
        if let Ok(leader_name) = Scope::leader_name(&name) {
            self.set_claim(leader_name, true, path, leader, leads && follows);
        }
        self.set_claim(name, false, path, addresses, follows);
    }

    fn set_claim(
        &mut self,
        name: Name,
        as_leader: bool,
        path: &ZnodePath,
        addresses: Vec<Address>,
        is_held: bool,
    ) {
        let claimant = Claimant {
            as_leader,
            czxid: self.tree.czxid(path),
            path: self.shared_path(path).clone(),
        };
        if addresses.is_empty() && !is_held {
            return self.claims.remove(&name, &claimant);
        }
        let claim = Claim {
            claimant,
            addresses: Addresses::from(addresses),
        };
        self.claims.set(name, claim);
    }
}

fn with_parent(path: &ZnodePath) -> impl Iterator<Item = ZnodePath> + use<> {
    path.parent().into_iter().chain([path.clone()])
}

/// The host names that a reading holds, in service or not.
fn host_names(reading: Option<&Reading>) -> Vec<Name> {
    let instance = reading.and_then(Reading::instance);
    let names = instance.into_iter().flat_map(Instance::host_names);
    names.cloned().collect()
}

#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod tests;
