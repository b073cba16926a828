//! The live copy of the tree: what each znode says, and which instances stand below it.

use std::hash::{BuildHasher, RandomState};
use std::mem;

use contract::ZnodePath;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::children::Child;
use super::evidence::{Family, Says};
use crate::records::{Format, Instance, Membership, Reading};

/// What each znode says, and the children of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    /// By path. The table holds no more than pointers, since a part of it is always empty.
    znodes: HashTable<Kept>,
    hashes: RandomState,
    /// How many of them are there.
    count: usize,
    /// The number of the round in which znodes are marked.
    round: u32,
    /// The znode whose children have nothing to do with each other.
    top: Option<ZnodePath>,
    /// Znodes whose data count otherwise than before, because others changed.
    unsettled: Vec<ZnodePath>,
}

type Kept = Box<Znode>;

/// What a znode says, and which transaction created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// What it says.
    pub reading: Reading,
    /// The transaction that created it; [`UNKNOWN`] for one that may not be read.
    pub czxid: i64,
}

/// Later than any znode, so that nobody comes before others by not being read.
pub const UNKNOWN: i64 = i64::MAX;

/// A znode that is there, or has children that are.
#[derive(Debug, Clone)]
struct Znode {
    path: ZnodePath,
    reading: Option<Reading>,
    /// The transaction that created it.
    czxid: i64,
    family: Option<Box<Family>>,
    /// Whether what stands below says that its address is that of whoever made it.
    is_folder: bool,
    /// The round in which it was marked last.
    round: u32,
}

/// An instance of a service, below whose znode it stands.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its znode.
    pub path: &'a ZnodePath,
    /// Whether it has a sequence number, so that it may lead.
    pub is_numbered: bool,
    /// What it says.
    pub instance: &'a Instance,
}

/// What stands around the children of one znode, as far as an address alone cares.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    beside_records: bool,
    beside_folder: bool,
    below_folder: bool,
}

/// Why the address that a znode holds is that of whoever made the znode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotItsOwn {
    /// It is a folder of records.
    #[error("records stand below it")]
    Folder,
    /// It stands among records of another format.
    #[error("the znodes beside it hold records")]
    BesideRecords,
    /// It stands beside such folders, as one does whose records are gone.
    #[error("folders that hold such an address stand beside it")]
    BesideFolder,
    /// It stands in a folder that holds such an address.
    #[error("it stands in a folder of that kind")]
    BelowFolder,
}

impl Znode {
    fn is_needed(&self) -> bool {
        self.reading.is_some() || self.family.is_some()
    }

    fn says(&self) -> Says {
        self.reading.as_ref().map_or(Says::Other, Says::of)
    }

    /// Why the address that it holds is not its own; none where it is.
    fn not_its_own(&self, surroundings: impl FnOnce() -> Surroundings) -> Option<NotItsOwn> {
        let Says::Bare(is_ephemeral) = self.says() else {
            return None;
        };
        if self.is_folder {
            return Some(NotItsOwn::Folder);
        }
        let around = surroundings();
        if around.beside_records {
            Some(NotItsOwn::BesideRecords)
        } else if is_ephemeral {
            None
        } else if around.beside_folder {
            Some(NotItsOwn::BesideFolder)
        } else {
            around.below_folder.then_some(NotItsOwn::BelowFolder)
        }
    }

    /// The instance that it is, while it is in service, and the address in it is its own.
    fn own(&self, surroundings: impl FnOnce() -> Surroundings) -> Option<&Instance> {
        let instance = self.reading.as_ref()?.instance()?;
        let is_own = instance.is_in_service() && self.not_its_own(surroundings).is_none();
        is_own.then_some(instance)
    }
}

impl Tree {
    /// No znode yet, of a tree whose names begin below `top`.
    pub(super) fn below(top: ZnodePath) -> Self {
        Self {
            top: Some(top),
            ..Self::default()
        }
    }

    pub(super) fn get(&self, path: &ZnodePath) -> Option<&Reading> {
        self.znode(path.as_str())?.reading.as_ref()
    }

    /// The transaction that created a znode; the latest of all where that is not known.
    pub(super) fn czxid(&self, path: &ZnodePath) -> i64 {
        let znode = self.znode(path.as_str());
        znode.map_or(UNKNOWN, |znode| znode.czxid)
    }

    /// A znode's path as it is kept here.
    pub(super) fn kept(&self, path: &ZnodePath) -> Option<&ZnodePath> {
        self.znode(path.as_str()).map(|znode| &znode.path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &ZnodePath> {
        self.there().map(|(znode, _)| &znode.path)
    }

    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.there().map(|(_, reading)| reading)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Takes over a znode's reading; returns the one before.
    pub(super) fn insert(&mut self, path: &ZnodePath, znode: Dated) -> Option<Reading> {
        let Dated { reading, czxid } = znode;
        let now = Says::of(&reading);
        let place = self.make(path);
        place.czxid = czxid;
        let before = place.reading.replace(reading);
        if before.is_none() {
            self.count += 1;
            if let Some(parent) = path.parent_str() {
                let child = Child::new(path.clone());
                let parent = match self.znode_mut(parent) {
                    Some(znode) => znode,
                    None => self.make(&path.parent()?),
                };
                parent.family.get_or_insert_default().children.insert(child);
            }
        }
        self.settle(path, before.as_ref().map_or(Says::Other, Says::of), now);
        before
    }

    /// Forgets a znode; returns its reading.
    pub(super) fn remove(&mut self, path: &ZnodePath) -> Option<Reading> {
        let znode = self.znode_mut(path.as_str())?;
        znode.czxid = UNKNOWN;
        let before = znode.reading.take()?;
        self.count -= 1;
        self.settle(path, Says::of(&before), Says::Other);
        self.prune(path.as_str());
        if let Some(parent) = path.parent_str()
            && let Some(znode) = self.znode_mut(parent)
            && let Some(family) = &mut znode.family
        {
            family.children.remove(&Child::new(path.clone()));
            if family.children.is_empty() {
                znode.family = None;
                self.prune(parent);
            }
        }
        Some(before)
    }

    /// The znodes whose data count otherwise since this was asked last.
    pub(super) fn take_unsettled(&mut self) -> Vec<ZnodePath> {
        mem::take(&mut self.unsettled)
    }

    /// Takes over that a znode says another kind of thing than before.
    fn settle(&mut self, path: &ZnodePath, before: Says, now: Says) {
        if before == now {
            return;
        }
        if let Some(parent) = path.parent() {
            if let Some(znode) = self.znode_mut(parent.as_str())
                && let Some(family) = &mut znode.family
                && family.count(before, now)
                && self.top.as_ref() != Some(&parent)
            {
                // What plain text beside it counts for has changed.
                let texts = self.children_that(&parent, Says::is_text);
                self.unsettled.extend(texts);
            }
            self.review(&parent);
        }
        self.review(path);
        if before.is_bare() || now.is_bare() {
            for child in self.children_that(path, Says::is_bare) {
                self.review(&child);
                self.unsettle(&child);
            }
        }
    }

    /// Looks again at whether a znode is a folder that holds its creator's address, and from there at
    /// those above.
    fn review(&mut self, path: &ZnodePath) {
        let Some(znode) = self.znode(path.as_str()) else {
            return;
        };
        let parent = path.parent();
        let is_below_bare = || {
            let parent = parent
                .as_ref()
                .and_then(|parent| self.znode(parent.as_str()));
            parent.is_some_and(|parent| parent.says().is_bare())
        };
        let is_folder = znode.says().is_bare()
            && znode
                .family
                .as_ref()
                .is_some_and(|family| family.makes_folder(is_below_bare));
        if is_folder == znode.is_folder {
            return;
        }
        if let Some(znode) = self.znode_mut(path.as_str()) {
            znode.is_folder = is_folder;
        }
        self.unsettle(path);
        if let Some(parent) = parent {
            if let Some(znode) = self.znode_mut(parent.as_str())
                && let Some(family) = &mut znode.family
                && family.count_folder(is_folder)
            {
                let beside = self.children_that(&parent, Says::is_bare);
                self.unsettled.extend(beside);
            }
            self.review(&parent);
        }
    }

    /// Notes that a znode counts otherwise, and with it the addresses below.
    fn unsettle(&mut self, path: &ZnodePath) {
        let mut waiting = vec![path.clone()];
        while let Some(path) = waiting.pop() {
            waiting.extend(self.children_that(&path, Says::is_bare));
            self.unsettled.push(path);
        }
    }

    fn children_that(&self, path: &ZnodePath, says: fn(Says) -> bool) -> Vec<ZnodePath> {
        let family = self
            .znode(path.as_str())
            .and_then(|znode| znode.family.as_ref());
        let children = family.into_iter().flat_map(|family| family.children.iter());
        let paths = children.map(Child::path);
        paths
            .filter(|path| {
                self.znode(path.as_str())
                    .is_some_and(|znode| says(znode.says()))
            })
            .cloned()
            .collect()
    }

    /// Why the address that a znode holds is not its own; none where it is.
    pub(super) fn not_its_own(&self, path: &ZnodePath) -> Option<NotItsOwn> {
        let znode = self.znode(path.as_str())?;
        let surroundings = || Some(self.surroundings(self.znode(path.parent_str()?)?));
        znode.not_its_own(|| surroundings().unwrap_or_default())
    }

    /// What stands around the children of a znode.
    fn surroundings(&self, parent: &Znode) -> Surroundings {
        let family = parent.family.as_ref();
        let is_top = self.top.as_ref() == Some(&parent.path);
        let mut above = Some(parent);
        let mut below_folder = false;
        while let Some(znode) = above.filter(|znode| !below_folder && znode.says().is_bare()) {
            below_folder = znode.is_folder;
            above = znode.path.parent_str().and_then(|path| self.znode(path));
        }
        Surroundings {
            beside_records: !is_top && family.is_some_and(|family| family.has_structured()),
            // Below ZooKeeper's own root stand systems that know nothing of each other.
            beside_folder: parent.path.parent_str().is_some()
                && family.is_some_and(|family| family.has_folder()),
            below_folder,
        }
    }

    /// Whether a znode beside one has a record with a structure.
    pub(super) fn is_beside_records(&self, path: &ZnodePath) -> bool {
        let parent = path.parent_str().and_then(|parent| self.znode(parent));
        let parent = parent.filter(|parent| self.top.as_ref() != Some(&parent.path));
        let family = parent.and_then(|parent| parent.family.as_ref());
        family.is_some_and(|family| family.has_structured())
    }

    /// Whether some other znode beside one is an instance that makes one of it too: for a text, another
    /// text, unless records stand there.
    pub(super) fn is_in_company(&self, path: &ZnodePath, is_text: bool) -> bool {
        let parent = path.parent_str().and_then(|parent| self.znode(parent));
        let family = parent.and_then(|parent| parent.family.as_ref());
        let own = self.znode(path.as_str()).map_or(Says::Other, Znode::says);
        family.is_some_and(|family| family.has_instance_beside(own, is_text))
    }

    /// The children of a znode that is there or not, in order.
    pub(super) fn children(&self, path: &ZnodePath) -> impl Iterator<Item = &ZnodePath> {
        let family = self
            .znode(path.as_str())
            .and_then(|znode| znode.family.as_ref());
        let children = family.into_iter().flat_map(|family| family.children.iter());
        children.map(Child::path)
    }

    /// Begins a round, in which no znode is marked.
    pub(super) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Marks a znode in this round; returns what it says.
    pub(super) fn mark(&mut self, path: &ZnodePath) -> Option<(&Reading, i64)> {
        let round = self.round;
        let znode = self.znode_mut(path.as_str())?;
        znode.round = round;
        Some((znode.reading.as_ref()?, znode.czxid))
    }

    /// Every znode that is there and was not marked in this round.
    pub(super) fn unmarked(&self) -> impl Iterator<Item = &ZnodePath> {
        let unmarked = self.there().filter(|(znode, _)| znode.round != self.round);
        unmarked.map(|(znode, _)| &znode.path)
    }

    /// The instance that a znode itself is, while it is in service, and the address in it is its own.
    pub(super) fn own(&self, path: &ZnodePath) -> Option<&Instance> {
        let surroundings = || Some(self.surroundings(self.znode(path.parent_str()?)?));
        let znode = self.znode(path.as_str())?;
        znode.own(|| surroundings().unwrap_or_default())
    }

    /// The children of a znode that count for it as instances and are in service, in the order of
    /// its addresses.
    pub(super) fn members(&self, path: &ZnodePath) -> impl Iterator<Item = Member<'_>> {
        // Without the znode itself nothing stands for its children.
        let znode = self.znode(path.as_str());
        let znode = znode.filter(|znode| znode.reading.is_some());
        let reading = znode.and_then(|znode| znode.reading.as_ref());
        let family = znode.and_then(|znode| znode.family.as_deref());
        // The most telling records are the service; plain text beside them is something else.
        let is_structured = family.is_some_and(Family::has_structured);
        let counts = move |instance: &Instance| match reading {
            Some(Reading::Service(service)) => service.takes(instance),
            _ => {
                instance.membership != Membership::Apart
                    && (!is_structured || instance.format != Format::Text)
            }
        };
        let children = family.into_iter().flat_map(|family| family.children.iter());
        let surroundings = znode.map(|znode| self.surroundings(znode));
        let surroundings = surroundings.unwrap_or_default();
        children.filter_map(move |child| {
            let znode = self.znode(child.path().as_str())?;
            let instance = znode.own(|| surroundings)?;
            if !counts(instance) {
                return None;
            }
            Some(Member {
                path: child.path(),
                is_numbered: child.is_numbered(),
                instance,
            })
        })
    }

    fn there(&self) -> impl Iterator<Item = (&Znode, &Reading)> {
        let znodes = self.znodes.iter();
        znodes.filter_map(|znode| Some((&**znode, znode.reading.as_ref()?)))
    }

    fn znode(&self, path: &str) -> Option<&Znode> {
        let hash = self.hashes.hash_one(path);
        let found = self.znodes.find(hash, |znode| znode.path.as_str() == path);
        found.map(|znode| &**znode)
    }

    fn znode_mut(&mut self, path: &str) -> Option<&mut Znode> {
        let hash = self.hashes.hash_one(path);
        let is_it = |znode: &Kept| znode.path.as_str() == path;
        self.znodes.find_mut(hash, is_it).map(|znode| &mut **znode)
    }

    /// The znode at a path, made where it is missing.
    fn make(&mut self, path: &ZnodePath) -> &mut Znode {
        let hashes = &self.hashes;
        let hash = hashes.hash_one(path.as_str());
        let is_it = |znode: &Kept| znode.path == *path;
        let of = |znode: &Kept| hashes.hash_one(znode.path.as_str());
        match self.znodes.entry(hash, is_it, of) {
            Entry::Occupied(znode) => znode.into_mut(),
            Entry::Vacant(place) => {
                let znode = Znode {
                    path: path.clone(),
                    reading: None,
                    czxid: UNKNOWN,
                    family: None,
                    is_folder: false,
                    round: self.round,
                };
                place.insert(Box::new(znode)).into_mut()
            }
        }
    }

    /// Drops what holds nothing any more.
    fn prune(&mut self, path: &str) {
        let hash = self.hashes.hash_one(path);
        let is_it = |znode: &Kept| znode.path.as_str() == path && !znode.is_needed();
        if let Ok(znode) = self.znodes.find_entry(hash, is_it) {
            mem::drop(znode.remove());
        }
    }
}
