//! The live copy of the tree: what each znode says, and which instances stand below it.

use std::collections::{BTreeSet, HashMap};

use contract::ZnodePath;

use crate::namespace::scope::sequence;
use crate::records::{Instance, Membership, Reading};

/// What each znode says, and the children of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    znodes: HashMap<ZnodePath, Reading>,
    /// The components of the children, by parent, in the order of a service's addresses.
    children: HashMap<ZnodePath, BTreeSet<Child>>,
}

/// A znode's component, ordered by sequence number, then by name; those without a number last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Child {
    unnumbered: bool,
    sequence: u64,
    component: Box<str>,
}

/// An instance of a service, below whose znode it stands.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its znode.
    pub path: ZnodePath,
    /// Whether it has a sequence number, so that it may lead.
    pub is_numbered: bool,
    /// What it says.
    pub instance: &'a Instance,
}

impl Child {
    fn new(component: &str) -> Self {
        let sequence = sequence(component);
        Self {
            unnumbered: sequence.is_none(),
            sequence: sequence.unwrap_or_default(),
            component: component.into(),
        }
    }
}

impl Tree {
    pub(super) fn get(&self, path: &ZnodePath) -> Option<&Reading> {
        self.znodes.get(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &ZnodePath> {
        self.znodes.keys()
    }

    pub(super) fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.znodes.values()
    }

    pub(super) fn len(&self) -> usize {
        self.znodes.len()
    }

    /// Takes over a znode's reading; returns the one before.
    pub(super) fn insert(&mut self, path: &ZnodePath, reading: Reading) -> Option<Reading> {
        let before = self.znodes.insert(path.clone(), reading);
        if before.is_none()
            && let Some(parent) = path.parent()
        {
            let child = Child::new(path.component());
            self.children.entry(parent).or_default().insert(child);
        }
        before
    }

    /// Forgets a znode; returns its reading.
    pub(super) fn remove(&mut self, path: &ZnodePath) -> Option<Reading> {
        if let Some(parent) = path.parent()
            && let Some(siblings) = self.children.get_mut(&parent)
        {
            siblings.remove(&Child::new(path.component()));
            if siblings.is_empty() {
                self.children.remove(&parent);
            }
        }
        self.znodes.remove(path)
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
        let reading = self.get(path);
        // Without the znode itself nothing stands for its children.
        let children = reading.and_then(|_| self.children.get(path));
        let counts = move |instance: &Instance| match reading {
            Some(Reading::Service(service)) => service.takes(instance),
            _ => instance.membership != Membership::Apart,
        };
        children.into_iter().flatten().filter_map(move |child| {
            let path = path.child(&child.component).ok()?;
            let instance = self.own(&path).filter(|instance| counts(instance))?;
            Some(Member {
                path,
                is_numbered: !child.unnumbered,
                instance,
            })
        })
    }
}
