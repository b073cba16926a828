//! Znodes that name another one in their own neighbourhood, as the leader of Patroni's members does.

use std::collections::{BTreeSet, HashMap};

use contract::{Name, ZnodePath};

use crate::records::{Instance, Reading};

/// What the name of such a znode has in it.
const LEADS: [&str; 4] = ["leader", "master", "primary", "active"];

/// The znodes that hold a word in place of an address and are called like a leader, by the name of the
/// znode above them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pointers(HashMap<String, BTreeSet<ZnodePath>>);

impl Pointers {
    /// Takes over what the znode at `path` says now, below one of the name `above`.
    pub(super) fn put(&mut self, above: String, path: &ZnodePath, reading: Option<&Reading>) {
        let word = reading.and_then(Reading::instance).and_then(Instance::word);
        if word.is_some() {
            self.0.entry(above).or_default().insert(path.clone());
        } else if let Some(all) = self.0.get_mut(&above) {
            all.remove(path);
            if all.is_empty() {
                self.0.remove(&above);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a znode, below one of the name `above`, names one beside it, or in a folder beside it.
    pub(super) fn has(&self, above: &str, path: &ZnodePath) -> bool {
        self.0.get(above).is_some_and(|all| all.contains(path))
    }

    /// The znodes that may mean one of this name.
    pub(super) fn to(&self, name: &Name) -> impl Iterator<Item = &ZnodePath> {
        let name = name.as_str();
        let above = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        above
            .chain([""])
            .filter_map(|above| self.0.get(above))
            .flatten()
    }
}

/// Whether a znode is called like one that names another.
pub(super) fn is_called_leader(path: &ZnodePath) -> bool {
    let component = path.component().as_bytes();
    LEADS.iter().any(|leads| {
        let mut parts = component.windows(leads.len());
        parts.any(|part| part.eq_ignore_ascii_case(leads.as_bytes()))
    })
}
