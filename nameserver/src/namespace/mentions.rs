//! Which znodes hold a host name where an address is expected.

use std::collections::{BTreeSet, HashMap};

use contract::{Name, ZnodePath};

/// The znodes that hold each host name.
#[derive(Debug, Clone, Default)]
pub(super) struct Mentions(HashMap<Name, BTreeSet<ZnodePath>>);

impl Mentions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }

    /// The znodes that hold `name`.
    pub(super) fn of(&self, name: &Name) -> impl Iterator<Item = &ZnodePath> {
        self.0.get(name).into_iter().flatten()
    }

    pub(super) fn add(&mut self, name: Name, path: &ZnodePath) {
        self.0.entry(name).or_default().insert(path.clone());
    }

    pub(super) fn remove(&mut self, name: &Name, path: &ZnodePath) {
        if let Some(paths) = self.0.get_mut(name) {
            paths.remove(path);
            if paths.is_empty() {
                self.0.remove(name);
            }
        }
    }
}
