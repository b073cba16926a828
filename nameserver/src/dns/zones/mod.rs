//! What every name answers with, kept in step with the zone.
//!
//! Pure: a zone and what was touched in it come in. [`Zones::update`] costs what changed, and
//! always ends where [`Zones::replace`] would.

pub mod answer;
mod entry;
pub(crate) mod freshness;
mod names;
mod reverse;
pub mod shared;
pub mod transfer;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use contract::{Address, Name, ZnodePath};
use smallvec::SmallVec;

use crate::dns::zones::entry::{Entry, Kind};
use crate::namespace::Namespace;

pub use answer::{Question, Reply};
pub use shared::SharedZones;

/// The TTL where no record says one, in seconds.
const DEFAULT_TTL: u32 = 30;
/// The same for services whose instances go with their sessions.
const VOLATILE_TTL: u32 = 5;
/// How long it may be kept that a name is not there, in seconds: it may be about to appear.
const NEGATIVE_TTL: u32 = 5;
/// RFC 2181 has no longer ones.
const MAX_TTL: u32 = i32::MAX as u32;

/// What does not change while a replica runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is appended to every name, which makes it the one zone.
    pub domain: Option<Name>,
    /// The TTL where no record says one, in seconds; none for the defaults.
    pub ttl: Option<u32>,
    /// Where this replica answers, as far as its flags tell.
    pub addresses: Vec<IpAddr>,
}

/// How fresh the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Whether the tree is followed now.
    pub follows: bool,
    /// Since when that is so.
    pub since: SystemTime,
    /// The newest transaction that the tree reflects.
    pub zxid: i64,
    /// The newest generation that this replica knows of.
    pub generation: u64,
}

/// What every name answers with.
#[derive(Debug, Clone)]
pub struct Zones {
    pub(super) settings: Settings,
    pub(super) freshness: Option<Freshness>,
    /// Whether the tree was ever read.
    pub(super) is_complete: bool,
    /// The serial number of every zone's SOA.
    pub(super) serial: u32,
    /// Every name that exists, in lower case and without the final dot.
    nodes: HashMap<Arc<str>, Node>,
    /// The names that have each address.
    reverse: BTreeSet<(IpAddr, Kind, Arc<str>)>,
}

/// A name that exists: because of znodes, of addresses, or of names below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Node {
    /// The znodes with this name.
    pub(super) znodes: SmallVec<[ZnodePath; 1]>,
    /// What it answers with; none for a name without addresses.
    entry: Option<Box<Entry>>,
    /// How many names are directly below it.
    below: u32,
}

impl Node {
    fn is_needed(&self) -> bool {
        !self.znodes.is_empty() || self.entry.is_some() || self.below > 0
    }
}

/// What one znode gives now.
#[derive(Debug)]
pub struct Given {
    path: ZnodePath,
    is_there: bool,
    /// The names that it may have or lose, its own before that of its leader.
    names: SmallVec<[(Name, Option<Box<Entry>>); 2]>,
}

impl Given {
    /// What the znode at `path` gives.
    pub fn new(zone: &Namespace, path: &ZnodePath) -> Self {
        let names = zone.names_of(path).map(|name| {
            let name = zone.shared(name);
            let entry = Entry::new(zone, &name).map(Box::new);
            (name, entry)
        });
        Self {
            path: zone.shared_path(path).clone(),
            is_there: zone.reading(path).is_some(),
            names: names.collect(),
        }
    }
}

impl Zones {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            freshness: None,
            is_complete: false,
            serial: 0,
            nodes: HashMap::new(),
            reverse: BTreeSet::new(),
        }
    }

    /// Takes over a whole tree.
    pub fn replace(&mut self, zone: &Namespace, now: SystemTime) {
        self.nodes.clear();
        self.reverse.clear();
        self.is_complete = true;
        for path in zone.paths() {
            self.take_over(Given::new(zone, path));
        }
        self.count_on(now);
    }

    /// A zones without names, to take over a whole tree aside and then the place of this one.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            serial: self.serial,
            freshness: self.freshness.clone(),
            ..Self::new(self.settings.clone())
        }
    }

    /// Takes over what some znodes give now.
    pub fn update(&mut self, given: impl IntoIterator<Item = Given>, now: SystemTime) {
        let mut differs = false;
        for given in given {
            differs |= self.take_over(given);
        }
        if differs {
            self.count_on(now);
        }
    }

    /// Takes note of how fresh the tree is.
    pub fn note(&mut self, freshness: Freshness) {
        self.freshness = Some(freshness);
    }

    /// `starting` until the tree is read, `live` while it is followed, else `stale`.
    pub fn state(&self) -> &'static str {
        match &self.freshness {
            Some(fresh) if self.is_complete && fresh.follows => "live",
            Some(_) if self.is_complete => "stale",
            _ => "starting",
        }
    }

    /// True when something differs now.
    fn take_over(&mut self, given: Given) -> bool {
        let mut differs = false;
        if let Some((own, _)) = given.names.first() {
            differs |= self.set_znode(own, &given.path, given.is_there);
        }
        for (name, entry) in given.names {
            differs |= self.set_entry(&name, entry);
        }
        differs
    }

    /// Rises with each change, also over a restart: seconds since 1970, unless changes come faster.
    fn count_on(&mut self, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        // Serial numbers wrap around (RFC 1982).
        let seconds = since.unwrap_or_default().as_secs() as u32;
        let next = self.serial.wrapping_add(1);
        let is_ahead = seconds.wrapping_sub(next) < u32::MAX / 2;
        self.serial = if is_ahead || self.serial == 0 {
            seconds
        } else {
            next
        };
    }

    fn set_znode(&mut self, name: &Name, path: &ZnodePath, is_there: bool) -> bool {
        let known = self.nodes.get(name.as_str());
        if known.is_some_and(|node| node.znodes.contains(path)) == is_there {
            return false;
        }
        self.change(name, |node| {
            if is_there {
                node.znodes.push(path.clone())
            } else {
                node.znodes.retain(|other| other != path)
            }
        });
        true
    }

    fn set_entry(&mut self, name: &Name, entry: Option<Box<Entry>>) -> bool {
        let known = self.nodes.get_mut(name.as_str());
        if known.as_ref().and_then(|node| node.entry.as_ref()) == entry.as_ref() {
            return false;
        }
        let before = known.and_then(|node| node.entry.take());
        self.lead_back(name, before.as_deref(), entry.as_deref());
        self.change(name, |node| node.entry = entry);
        true
    }

    /// Has the addresses of a name lead back to it. Of a service with many only those are touched
    /// that came or went.
    fn lead_back(&mut self, name: &Name, before: Option<&Entry>, now: Option<&Entry>) {
        let lines = |entry: Option<&Entry>| -> HashSet<(Address, Kind)> {
            let lines = entry.into_iter().flat_map(|entry| {
                let addresses = entry.addresses.iter();
                addresses.map(|&address| (address, entry.kind))
            });
            lines.collect()
        };
        let (before, now) = (lines(before), lines(now));
        let line = |&(address, kind): &(Address, Kind)| (address.ip(), kind, name.clone().into());
        for gone in before.difference(&now) {
            self.reverse.remove(&line(gone));
        }
        self.reverse.extend(now.difference(&before).map(line));
    }

    /// Changes a name's node; those above it come and go with it.
    fn change(&mut self, name: &Name, change: impl FnOnce(&mut Node)) {
        self.grow(name.as_str(), Some(name));
        if let Some(node) = self.nodes.get_mut(name.as_str()) {
            change(node);
        }
        self.prune(name.as_str());
    }

    fn grow(&mut self, name: &str, shared: Option<&Name>) {
        if self.nodes.contains_key(name) {
            return;
        }
        let shared = shared.map_or_else(|| name.into(), |name| name.clone().into());
        self.nodes.insert(shared, Node::default());
        if let Some(parent) = self.parent(name) {
            self.grow(parent, None);
            self.count_below(parent, 1);
        }
    }

    fn prune(&mut self, name: &str) {
        if self.nodes.get(name).is_none_or(Node::is_needed) {
            return;
        }
        self.nodes.remove(name);
        if let Some(parent) = self.parent(name) {
            self.count_below(parent, -1);
            self.prune(parent);
        }
    }

    fn count_below(&mut self, name: &str, more: i32) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.below = node.below.saturating_add_signed(more);
        }
    }

    /// The name above one, as far up as the zone's apex.
    fn parent<'a>(&self, name: &'a str) -> Option<&'a str> {
        let is_apex = |domain: &Name| domain.as_str() == name;
        if self.settings.domain.as_ref().is_some_and(is_apex) {
            None
        } else {
            Some(name.split_once('.')?.1)
        }
    }

    /// The apex of the zone that a name lies in; none for a name outside of all zones.
    pub(super) fn apex<'a>(&self, name: &'a str) -> Option<&'a str> {
        match &self.settings.domain {
            Some(domain) => {
                let above = name.strip_suffix(domain.as_str())?;
                let is_within = above.is_empty() || above.ends_with('.');
                is_within.then(|| &name[above.len()..])
            }
            None => {
                let top = name.rsplit('.').next()?;
                self.nodes.contains_key(top).then_some(top)
            }
        }
    }

    /// A name that exists.
    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// What a name answers with, if it has addresses.
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.node(name)?.entry.as_deref()
    }

    /// Every name of a zone that answers with something, in no order.
    fn entries(&self, apex: &str) -> impl Iterator<Item = (&str, &Entry)> {
        self.nodes.iter().filter_map(move |(name, node)| {
            let above = name.strip_suffix(apex)?;
            let is_within = above.is_empty() || above.ends_with('.');
            let entry = node.entry.as_deref().filter(|_| is_within)?;
            Some((&**name, entry))
        })
    }

    /// The names that have an address, a host's own ones first; nothing for an address of nobody.
    pub(super) fn names_of(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        // No name is empty, so this comes before all of them.
        let first = (address, Kind::Own, "".into());
        let names = self.reverse.range(first..);
        let names = names.take_while(move |(other, ..)| *other == address);
        names.map(|(_, _, name)| &**name)
    }

    /// How long an answer of this entry may be kept, in seconds.
    fn ttl(&self, entry: &Entry) -> u32 {
        let default = if entry.is_volatile && entry.kind != Kind::Own {
            VOLATILE_TTL
        } else {
            DEFAULT_TTL
        };
        let ttl = entry.ttl.or(self.settings.ttl).unwrap_or(default);
        ttl.min(MAX_TTL)
    }

    /// How long it may be kept that there is no such name or record, in seconds.
    pub(super) fn negative_ttl(&self) -> u32 {
        self.settings.ttl.unwrap_or(NEGATIVE_TTL).min(NEGATIVE_TTL)
    }
}

#[cfg(test)]
impl Zones {
    /// All of it in order, to be compared.
    pub(super) fn sorted(&self) -> impl PartialEq + std::fmt::Debug {
        use std::collections::BTreeMap;
        let mut nodes: BTreeMap<_, _> = self.nodes.clone().into_iter().collect();
        nodes.values_mut().for_each(|node| node.znodes.sort());
        (nodes, self.reverse.clone())
    }
}

#[cfg(test)]
mod tests;
