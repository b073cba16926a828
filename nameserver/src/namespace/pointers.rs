//! Znodes that name another one in their own neighbourhood, as the leader of Patroni's members does.

use std::collections::{BTreeSet, HashMap};

use contract::ZnodePath;

use crate::records::{Instance, Reading};

/// What the name of such a znode has in it.
const LEADS: [&str; 4] = ["leader", "master", "primary", "active"];

/// The znodes that hold a word in place of an address and are called like a leader, by the znode above
/// them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pointers(HashMap<ZnodePath, BTreeSet<ZnodePath>>);

impl Pointers {
    /// Takes over what a znode says now.
    pub(super) fn put(&mut self, path: &ZnodePath, reading: Option<&Reading>) {
        if !is_called_leader(path) {
            return;
        }
        let Some(parent) = path.parent() else { return };
        let word = reading.and_then(Reading::instance).and_then(Instance::word);
        if word.is_some() {
            self.0.entry(parent).or_default().insert(path.clone());
        } else if let Some(all) = self.0.get_mut(&parent) {
            all.remove(path);
            if all.is_empty() {
                self.0.remove(&parent);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a znode names one beside it, or in a folder beside it.
    pub(super) fn has(&self, path: &ZnodePath) -> bool {
        let all = path.parent().and_then(|parent| self.0.get(&parent));
        all.is_some_and(|all| all.contains(path))
    }

    /// The znodes that may name the one at `path`.
    pub(super) fn to(&self, path: &ZnodePath) -> impl Iterator<Item = &ZnodePath> {
        let above = path.parent();
        let beyond = above.as_ref().and_then(ZnodePath::parent);
        let all = above.into_iter().chain(beyond);
        all.filter_map(|parent| self.0.get(&parent)).flatten()
    }
}

fn is_called_leader(path: &ZnodePath) -> bool {
    let component = path.component().to_ascii_lowercase();
    LEADS.iter().any(|leads| component.contains(leads))
}
