//! The live copy of the tree: what each znode says, and which instances stand below it.

use std::hash::{BuildHasher, RandomState};
use std::mem;

use contract::ZnodePath;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::children::{Child, Children};
use crate::records::{Instance, Membership, Reading};

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
}

type Kept = Box<Znode>;

/// A znode that is there, or has children that are.
#[derive(Debug, Clone)]
struct Znode {
    path: ZnodePath,
    reading: Option<Reading>,
    children: Option<Box<Children>>,
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

impl Znode {
    fn is_needed(&self) -> bool {
        self.reading.is_some() || self.children.is_some()
    }
}

impl Tree {
    pub(super) fn get(&self, path: &ZnodePath) -> Option<&Reading> {
        self.znode(path.as_str())?.reading.as_ref()
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
    pub(super) fn insert(&mut self, path: &ZnodePath, reading: Reading) -> Option<Reading> {
        let before = self.make(path).reading.replace(reading);
        if before.is_none() {
            self.count += 1;
            if let Some(parent) = path.parent_str() {
                let child = Child::new(path.clone());
                let parent = match self.znode_mut(parent) {
                    Some(znode) => znode,
                    None => self.make(&path.parent()?),
                };
                parent.children.get_or_insert_default().insert(child);
            }
        }
        before
    }

    /// Forgets a znode; returns its reading.
    pub(super) fn remove(&mut self, path: &ZnodePath) -> Option<Reading> {
        let before = self.znode_mut(path.as_str())?.reading.take()?;
        self.count -= 1;
        self.prune(path.as_str());
        if let Some(parent) = path.parent_str()
            && let Some(znode) = self.znode_mut(parent)
            && let Some(children) = &mut znode.children
        {
            children.remove(&Child::new(path.clone()));
            if children.is_empty() {
                znode.children = None;
                self.prune(parent);
            }
        }
        Some(before)
    }

    /// Begins a round, in which no znode is marked.
    pub(super) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Marks a znode in this round; returns what it says.
    pub(super) fn mark(&mut self, path: &ZnodePath) -> Option<&Reading> {
        let round = self.round;
        let znode = self.znode_mut(path.as_str())?;
        znode.round = round;
        znode.reading.as_ref()
    }

    /// Every znode that is there and was not marked in this round.
    pub(super) fn unmarked(&self) -> impl Iterator<Item = &ZnodePath> {
        let unmarked = self.there().filter(|(znode, _)| znode.round != self.round);
        unmarked.map(|(znode, _)| &znode.path)
    }

    /// The instance that a znode itself is, while it is in service.
    pub(super) fn own(&self, path: &ZnodePath) -> Option<&Instance> {
        self.get(path)?
            .instance()
            .filter(|instance| instance.is_in_service())
    }

    /// The children of a znode that count for it as instances and are in service, in the order of
    /// its addresses.
    pub(super) fn members(&self, path: &ZnodePath) -> impl Iterator<Item = Member<'_>> {
        // Without the znode itself nothing stands for its children.
        let znode = self.znode(path.as_str());
        let znode = znode.filter(|znode| znode.reading.is_some());
        let reading = znode.and_then(|znode| znode.reading.as_ref());
        let children = znode.and_then(|znode| znode.children.as_deref());
        let counts = move |instance: &Instance| match reading {
            Some(Reading::Service(service)) => service.takes(instance),
            _ => instance.membership != Membership::Apart,
        };
        let children = children.into_iter().flat_map(Children::iter);
        children.filter_map(move |child| {
            let instance = self.own(child.path()).filter(|instance| counts(instance))?;
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
                    children: None,
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
