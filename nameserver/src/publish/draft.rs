//! The next snapshot, and whether it is due.
//!
//! Pure: names and the state of `STATE/hosts` in, a snapshot to publish out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant, SystemTime};

use contract::{
    Address, Addresses, Diff, Digest, Hosts, Index, MAX_ADDRESSES_PER_NAME, MAX_INDEX_BYTES, Moved,
    Name, PRESENCE, Page, PageEntry, Snapshot, Sum, ZnodePath,
};

use crate::namespace::scope::Scope;
use crate::publish::hold::{Held, Hold, Timestamp};
use crate::publish::paging::{Difference, Fold, Paging, Plan, Sizes};
use crate::records::shown;

/// Of how many names that differ the znode is kept.
const GIVERS: usize = 64;

/// The next snapshot: what the tree says, beside what `STATE/hosts` holds.
#[derive(Debug)]
pub struct Draft {
    /// As it would be published, held names included; its generation is the last known one.
    snapshot: Snapshot,
    /// The names of the snapshot that the tree no longer has.
    held: BTreeSet<Name>,
    hold: Hold,
    /// The root is gone, or a walk gave nothing at all.
    is_missing: bool,
    /// The published addresses of every name that may differ from the draft, once that was compared.
    published: BTreeMap<Name, Option<Addresses>>,
    /// The znodes that gave some of those names, for the log.
    givers: BTreeMap<Name, ZnodePath>,
    /// Whether it is known what `STATE/hosts` holds, or was once.
    is_compared: bool,
    /// Whether `STATE/hosts` must be written even if no name differs.
    overdue: bool,
    /// Since when something is known of the tree that is not published.
    news: Option<Instant>,
    /// Where the published names are.
    paging: Paging,
    sizes: Sizes,
    /// Rises with each change of the draft.
    revision: u64,
    /// Names with more than half as many addresses as one may have.
    crowded: BTreeMap<Name, usize>,
    /// What was published last, and the version of `STATE/hosts` with it, if this replica did it.
    own: Option<(Digest, i32)>,
}

/// What `STATE/hosts` holds, as far as it is a snapshot.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The names.
    pub snapshot: Snapshot,
    /// Where they are, if that is in pages.
    pub index: Option<Index>,
}

/// A snapshot to publish.
#[derive(Debug)]
pub struct Publication {
    /// What has to be written first.
    pub pages: Vec<Page>,
    /// The JSON.
    pub bytes: Vec<u8>,
    /// The pages that are of no use once it is written.
    pub gone: Vec<PageEntry>,
    /// Its generation.
    pub generation: u64,
    /// What it changes.
    pub diff: Diff,
    /// How some of the names moved, and by which znodes, with a semicolon before each.
    pub moves: String,
    /// How many names it holds.
    pub names: usize,
    paging: Paging,
    digest: Digest,
}

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// It lasted as long as `--drop-hold` says.
    Time,
    /// An operator released it.
    Released,
    /// All names are back.
    Back,
    /// This replica no longer decides.
    Deposed,
}

/// The names do not fit the pages that one index can name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{names} names take up {bytes} bytes, in more pages than an index of {MAX_INDEX_BYTES} bytes can \
     name; what was published last stays. Publish less: a narrower --root, or --exclude"
)]
pub struct TooLarge {
    /// The names that it holds.
    pub names: usize,
    /// What they take up.
    pub bytes: usize,
}

impl Draft {
    /// An empty draft of the nameserver `id`. Nothing is due before [`Draft::compare`].
    pub fn new(scope: &Scope, id: String, hold: Hold) -> Self {
        let snapshot = Snapshot {
            domain: scope.domain().cloned(),
            generation: 0,
            hosts: Hosts::new(),
            leader: id,
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: scope.root().clone(),
            sum: None,
            zxid: 0,
        };
        Self {
            snapshot,
            held: BTreeSet::new(),
            hold,
            is_missing: false,
            published: BTreeMap::new(),
            givers: BTreeMap::new(),
            is_compared: false,
            overdue: false,
            news: None,
            paging: Paging::new(Sizes::default()),
            sizes: Sizes::default(),
            revision: 0,
            crowded: BTreeMap::new(),
            own: None,
        }
    }

    /// Cuts the names into pages of other sizes.
    #[cfg(test)]
    pub(super) fn sized(mut self, sizes: Sizes) -> Self {
        (self.paging, self.sizes) = (Paging::new(sizes), sizes);
        self
    }

    /// Asks the agents that are in step to tell so no more often than this.
    pub fn ask_for_presence(&mut self, presence: Duration) {
        self.snapshot.presence = presence;
    }

    /// Takes note that the root of the tree is gone: no name goes without doubt then.
    pub fn root_is_gone(&mut self) {
        self.is_missing = true;
    }

    /// Takes over what the tree says of all names.
    pub fn set_all(&mut self, hosts: Hosts, now: Instant) {
        self.is_missing = hosts.is_empty();
        if !self.is_compared && self.snapshot.hosts.is_empty() {
            hosts.keys().for_each(|name| self.hold.regain(name));
            self.crowded.clear();
            hosts
                .iter()
                .for_each(|(name, all)| self.crowds(name, all.len()));
            self.snapshot.hosts = hosts;
            return;
        }
        let known = self.snapshot.hosts.keys();
        let gone = known.filter(|&name| !hosts.contains_key(name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.set(name, None, now);
        }
        for (name, addresses) in hosts {
            self.set(name, Some(&addresses), now);
        }
    }

    /// Takes over what the tree says of one name.
    pub fn set(&mut self, name: Name, addresses: Option<&[Address]>, now: Instant) {
        if addresses.is_some() {
            self.is_missing = false;
            self.held.remove(&name);
            self.hold.regain(&name);
        } else if self.held.contains(&name) {
            return;
        }
        let old = self.snapshot.hosts.get(&name);
        if old.map(|old| &**old) == addresses {
            return;
        }
        if let (Some(old), None) = (old, addresses) {
            self.hold.lose(name.clone(), old.clone(), now);
        }
        self.news.get_or_insert(now);
        self.put(name, addresses.map(Addresses::from));
    }

    /// Takes note of the znode that gives, or gave, a name that differs from what is published.
    pub fn given_by(&mut self, name: &Name, znode: &ZnodePath) {
        if self.givers.len() < GIVERS && self.published.contains_key(name) {
            self.givers.insert(name.clone(), znode.clone());
        }
    }

    fn moves(&self, diff: &Diff) -> String {
        let moved = diff.first().map(|name| {
            let before = self.published.get(name).and_then(Option::as_ref);
            let after = self.snapshot.hosts.get(name);
            let moved = Moved {
                name,
                before,
                after,
            };
            match self.givers.get(name) {
                Some(znode) => format!("; {moved} ({})", shown(znode)),
                None => format!("; {moved}"),
            }
        });
        moved.collect()
    }

    /// How many bytes the published names take up, and about how many may be published; the leader knows.
    pub fn capacity(&self) -> (u64, u64) {
        let (bytes, most) = self.paging.capacity();
        (bytes as u64, most as u64)
    }

    /// How many addresses the name has that has most, where that is more than half of what one may have; else 0.
    pub fn most_addresses(&self) -> u64 {
        self.crowded.values().max().map_or(0, |most| *most as u64)
    }

    fn crowds(&mut self, name: &Name, addresses: usize) {
        if addresses > MAX_ADDRESSES_PER_NAME / 2 {
            self.crowded.insert(name.clone(), addresses);
        } else if !self.crowded.is_empty() {
            self.crowded.remove(name);
        }
    }

    fn put(&mut self, name: Name, addresses: Option<Addresses>) {
        self.revision += 1;
        self.crowds(&name, addresses.as_ref().map_or(0, |all| all.len()));
        let old = match addresses {
            Some(addresses) => self.snapshot.hosts.insert(name.clone(), addresses),
            None => self.snapshot.hosts.remove(&name),
        };
        if self.is_compared {
            self.published.entry(name).or_insert(old);
        }
    }

    /// Takes over the newest transaction that the tree reflects.
    pub fn reflect(&mut self, zxid: i64) {
        self.snapshot.zxid = self.snapshot.zxid.max(zxid);
    }

    /// Takes over what `STATE/hosts` holds: none where there is no such znode, else its version and
    /// what was decoded of it.
    ///
    /// Of junk (none) only the version is known, but that is enough: the generation never exceeds the
    /// number of times that the znode was written, so counting goes on from there.
    ///
    /// A predecessor's snapshot is `trusted`: what the tree lacks of it counts as lost now, unless it
    /// had another root or domain. What somebody else wrote over our own is not, and is put right.
    pub fn compare(&mut self, head: Option<(i32, Option<&Taken>)>, trusted: bool, now: Instant) {
        self.published.clear();
        self.givers.clear();
        self.is_compared = true;
        self.revision += 1;
        self.own = None;
        let (generation, taken) = match head {
            None => (0, None),
            Some((version, Some(taken))) => {
                (taken.snapshot.generation.max(writes(version)), Some(taken))
            }
            Some((version, None)) => (writes(version), None),
        };
        self.snapshot.generation = self.snapshot.generation.max(generation);
        // An older snapshot that was put back, or a forged one: whoever holds what was published since
        // gets nowhere with the changes that follow it, and needs pages that are newer.
        let leads_on = |snapshot: &Snapshot| {
            let is_ours = trusted || snapshot.leader == self.snapshot.leader;
            is_ours && snapshot.generation == self.snapshot.generation
        };
        let index = taken.filter(|taken| leads_on(&taken.snapshot));
        let index = index.and_then(|taken| taken.index.as_ref());
        let none = Hosts::new();
        let hosts = taken.map_or(&none, |taken| &taken.snapshot.hosts);
        self.paging = match taken {
            Some(_) => Paging::of(self.sizes, hosts, index),
            None => Paging::new(self.sizes),
        };
        let diff = Diff::between(hosts, &self.snapshot.hosts);
        // Another root or domain was asked for, and takes all names away.
        let is_asked_for = taken.is_some_and(|Taken { snapshot: head, .. }| {
            head.root != self.snapshot.root || head.domain != self.snapshot.domain
        });
        if trusted && (!is_asked_for || self.is_missing) {
            for name in &diff.removed {
                self.hold.lose(name.clone(), hosts[name].clone(), now);
            }
        }
        // What is news of the tree, others may have published.
        self.news = (!diff.is_empty()).then_some(now);
        self.remember(diff, hosts);
        self.overdue = taken.is_none_or(|Taken { snapshot: head, .. }| {
            head.leader != self.snapshot.leader
                || is_asked_for
                || head.generation < self.snapshot.generation
        });
    }

    /// `STATE/hosts` was written, without a snapshot, and has this version now.
    pub fn passed_over(&mut self, version: i32) {
        self.snapshot.generation = self.snapshot.generation.max(writes(version));
    }

    /// True when these bytes are what this replica published last, so that all of it is known. With
    /// another version somebody put them back, over what may have been a newer generation.
    pub fn is_own(&self, bytes: &[u8], version: i32) -> bool {
        self.own == Some((Digest::of(bytes), version))
    }

    /// A page is gone that should be there. True if it was one of ours, which is written anew then.
    pub fn lose_page(&mut self, component: &str) -> bool {
        let is_ours = self.paging.lose(component);
        self.overdue |= is_ours;
        is_ours
    }

    /// The pages that are named, or may be soon.
    pub fn pages(&self) -> HashSet<String> {
        self.paging.named()
    }

    /// Pages that should be written now, if what is published is exactly the draft; and what is to be
    /// handed to [`Draft::folded`] then.
    pub fn fold_ahead(&mut self) -> Option<(Vec<Fold>, Vec<Page>)> {
        let is_published = self.published.is_empty() && !self.overdue;
        let ahead = || {
            self.paging
                .fold_ahead(&self.snapshot.hosts, self.snapshot.generation)
        };
        is_published.then(ahead).flatten()
    }

    /// Those pages were written: the next publication may name them.
    pub fn folded(&mut self, folds: Vec<Fold>) {
        self.paging.folded(folds);
    }

    /// What it was when something was asked of it, so that it can be told whether that still holds.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Holds what is in doubt, and ends a hold whose time is over. Returns why, if one ended.
    pub fn doubt(&mut self, now: Timestamp) -> Option<HoldEnd> {
        let was_on = self.hold.is_on();
        let until = self.hold.until();
        if until.is_some_and(|until| until.monotonic <= now.monotonic) {
            return Some(self.end_hold(HoldEnd::Time));
        }
        let remaining = self.snapshot.hosts.len() - self.held.len();
        for (name, addresses) in self.hold.decide(remaining, self.is_missing, now) {
            self.held.insert(name.clone());
            self.put(name, Some(addresses));
        }
        (was_on && self.held.is_empty()).then(|| self.end_hold(HoldEnd::Back))
    }

    /// Lets the held names go, or takes note that none is left.
    pub fn end_hold(&mut self, why: HoldEnd) -> HoldEnd {
        self.hold.end();
        for name in std::mem::take(&mut self.held) {
            self.put(name, None);
        }
        why
    }

    /// Goes on with a predecessor's hold, should what that one held be missing still.
    pub fn inherit_hold(&mut self, held: &Held, now: Timestamp) {
        self.hold.inherit(held.until, now);
    }

    /// When the hold ends, if there is one.
    pub fn hold_ends(&self) -> Option<Instant> {
        self.hold.until().map(|until| until.monotonic)
    }

    /// What is held, if anything.
    pub fn held(&self) -> Option<Held> {
        let until = self.hold.until()?;
        Some(Held::new(self.held.iter(), until.wall))
    }

    /// True when something differs from what is published, or may.
    pub fn is_due(&self) -> bool {
        self.overdue || !self.published.is_empty()
    }

    /// How many names may differ from what is published.
    pub fn differences(&self) -> usize {
        self.published.len()
    }

    /// What is to be published, if anything is due.
    ///
    /// # Errors
    /// The names do not fit.
    pub fn publication(&mut self, now: SystemTime) -> Result<Option<Publication>, TooLarge> {
        let diff = self.diff();
        if diff.is_empty() && !self.overdue {
            self.published.clear();
            self.news = None;
            return Ok(None);
        }
        let generation = self.snapshot.generation.saturating_add(1);
        let differing = diff.added.iter().chain(&diff.changed).chain(&diff.removed);
        let differences: Vec<_> = differing
            .map(|name| Difference {
                name: name.clone(),
                old: self.published[name].clone(),
            })
            .collect();
        let mut index = self.index(generation, now);
        let rest = index.encode().len();
        let room = MAX_INDEX_BYTES.saturating_sub(rest);
        let plan = self
            .paging
            .plan(&self.snapshot.hosts, &differences, generation, room);
        let Plan {
            paging,
            pages,
            gone,
        } = plan.map_err(|too_many| TooLarge {
            names: index.names,
            bytes: too_many.bytes,
        })?;
        let bytes = match paging.index(&self.snapshot.hosts) {
            None => {
                let snapshot = Snapshot {
                    generation,
                    published: now,
                    ..self.snapshot.clone()
                };
                snapshot.encode()
            }
            Some((entries, changes, since, sum)) => {
                (index.pages, index.changes) = (entries, changes);
                (index.since, index.sum) = (since, Some(sum));
                index.encode()
            }
        };
        Ok(Some(Publication {
            pages,
            digest: Digest::of(&bytes),
            bytes,
            gone,
            generation,
            moves: self.moves(&diff),
            diff,
            names: index.names,
            paging,
        }))
    }

    /// The publication was written: it is now what `STATE/hosts` holds, with this version. Returns since when
    /// the oldest of what it tells was known.
    pub fn published(&mut self, publication: Publication, version: i32) -> Option<Instant> {
        self.snapshot.generation = publication.generation;
        self.paging = publication.paging;
        self.own = Some((publication.digest, version));
        self.published.clear();
        self.givers.clear();
        self.overdue = false;
        self.news.take()
    }

    /// An index without pages and changes; what it will say in their place is no longer.
    fn index(&self, generation: u64, now: SystemTime) -> Index {
        Index {
            changes: Vec::new(),
            domain: self.snapshot.domain.clone(),
            generation,
            leader: self.snapshot.leader.clone(),
            names: self.snapshot.hosts.len(),
            pages: Vec::new(),
            presence: self.snapshot.presence,
            published: now,
            root: self.snapshot.root.clone(),
            since: generation,
            sum: Some(Sum::default()),
            zxid: self.snapshot.zxid,
        }
    }

    /// The newest generation that is known; 0 for none.
    pub fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// The newest transaction that the tree reflects.
    pub fn zxid(&self) -> i64 {
        self.snapshot.zxid
    }

    /// How many names the tree gives.
    pub fn names(&self) -> usize {
        self.snapshot.hosts.len() - self.held.len()
    }

    /// The names that the tree gives, and those that are held.
    pub fn hosts(&self) -> &Hosts {
        &self.snapshot.hosts
    }

    fn remember(&mut self, diff: Diff, old: &Hosts) {
        for name in diff
            .added
            .into_iter()
            .chain(diff.changed)
            .chain(diff.removed)
        {
            let addresses = old.get(&name).cloned();
            self.published.entry(name).or_insert(addresses);
        }
    }

    fn diff(&self) -> Diff {
        let mut diff = Diff::default();
        for (name, published) in &self.published {
            let names = match (published, self.snapshot.hosts.get(name)) {
                (None, Some(_)) => &mut diff.added,
                (Some(_), None) => &mut diff.removed,
                (Some(old), Some(new)) if old != new => &mut diff.changed,
                _ => continue,
            };
            names.push(name.clone());
        }
        diff
    }
}

/// How often a znode of this version was written, its creation included.
///
/// Also a valid snapshot counts no less than that: it may be an older one that somebody put back
/// before a leader came who does not remember the newest, and agents would refuse what follows it.
fn writes(version: i32) -> u64 {
    u64::from(version.unsigned_abs()) + 1
}

#[cfg(test)]
mod tests;
