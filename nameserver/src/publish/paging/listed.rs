//! The changes that an index lists.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Addresses, Change, Hosts, Name};

use super::cut::addresses_bytes;

/// Names that changed, each with the generation of its newest change. What they changed to is what they
/// are now.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    /// With what the entry takes up.
    names: BTreeMap<Name, (u64, usize)>,
    order: BTreeSet<(u64, Name)>,
    bytes: usize,
    listed: usize,
}

impl Listed {
    /// What all entries took up that were ever listed, which only grows.
    pub(super) fn listed(&self) -> usize {
        self.listed
    }

    /// What all entries take up.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The generation, the name and the bytes of each entry, the oldest first.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = (u64, &Name, usize)> {
        let entries = self.order.iter();
        entries.map(|(generation, name)| (*generation, name, self.names[name].1))
    }

    /// A name has changed. False where that would take more than `most`: then it is not listed.
    pub(super) fn list(
        &mut self,
        name: &Name,
        generation: u64,
        new: Option<&Addresses>,
        most: usize,
    ) -> bool {
        self.forget(name);
        // `[1207,"old.db",null],`
        let digits = 1 + generation.checked_ilog10().unwrap_or(0) as usize;
        let value = new.map_or(4, |addresses| addresses_bytes(addresses));
        let bytes = digits + name.as_str().len() + value + 7;
        if bytes > most {
            return false;
        }
        self.names.insert(name.clone(), (generation, bytes));
        self.order.insert((generation, name.clone()));
        self.bytes += bytes;
        self.listed += bytes;
        true
    }

    /// Lists a name no longer.
    pub(super) fn forget(&mut self, name: &Name) {
        if let Some((generation, bytes)) = self.names.remove(name) {
            self.order.remove(&(generation, name.clone()));
            self.bytes -= bytes;
        }
    }

    /// As the index has them, from what all names are now.
    pub(super) fn to_vec(&self, hosts: &Hosts) -> Vec<Change> {
        let entries = self.order.iter().map(|(generation, name)| Change {
            generation: *generation,
            name: name.clone(),
            addresses: hosts.get(name).cloned(),
        });
        entries.collect()
    }
}

impl<'a> FromIterator<&'a Change> for Listed {
    fn from_iter<T: IntoIterator<Item = &'a Change>>(changes: T) -> Self {
        let mut listed = Self::default();
        for change in changes {
            let addresses = change.addresses.as_ref();
            listed.list(&change.name, change.generation, addresses, usize::MAX);
        }
        listed
    }
}
