//! Who would have each name, and who has it.

use std::hash::{BuildHasher, RandomState};

use contract::{Addresses, Hosts, Name, ZnodePath};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use smallvec::{SmallVec, smallvec};

/// Every claim to a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    /// By name. The table holds no more than pointers, since a part of it is always empty.
    names: HashTable<Kept>,
    hashes: RandomState,
}

type Kept = Box<Claimed>;

/// A name that somebody claims.
#[derive(Debug, Clone)]
struct Claimed {
    name: Name,
    /// In the order of the claimants, and nearly always a single one.
    claims: SmallVec<[Claim; 1]>,
}

/// The addresses that a znode would give to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) claimant: Claimant,
    /// Empty for a claim that host names should fill and do not.
    pub(super) addresses: Addresses,
}

/// By whom and how a name is claimed. A znode that has the name itself comes before a service
/// that would give it to its leader; else the znode that was created first, so that nobody takes a name by adding
/// one; and of two of one age the first path in byte order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claimant {
    pub(super) as_leader: bool,
    /// The transaction that created the znode.
    pub(super) czxid: i64,
    pub(super) path: ZnodePath,
}

impl Claims {
    /// Every name that has addresses, with them.
    pub(super) fn hosts(&self) -> Hosts {
        let named = self.names.iter().filter_map(|claimed| {
            let addresses = claimed.winner()?.addresses.clone();
            Some((claimed.name.clone(), addresses))
        });
        named.collect()
    }

    /// Whether any name has addresses.
    pub(super) fn have_winner(&self) -> bool {
        self.names.iter().any(|claimed| claimed.winner().is_some())
    }

    /// The claim that has the name: the first one with an address.
    pub(super) fn winner(&self, name: &Name) -> Option<&Claim> {
        self.claimed(name)?.winner()
    }

    /// Whether anybody claims a name, with addresses or host names that might lead to some.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.claimed(name).is_some()
    }

    /// A name as it is kept, so that it is there once.
    pub(super) fn kept(&self, name: &Name) -> Option<&Name> {
        self.claimed(name).map(|claimed| &claimed.name)
    }

    /// Puts a claim in the place of that by the same claimant, if there is one.
    pub(super) fn set(&mut self, name: Name, claim: Claim) {
        let hashes = &self.hashes;
        let is_it = |claimed: &Kept| claimed.name == name;
        let of = |claimed: &Kept| hashes.hash_one(&claimed.name);
        match self.names.entry(hashes.hash_one(&name), is_it, of) {
            Entry::Occupied(mut claimed) => claimed.get_mut().set(claim),
            Entry::Vacant(place) => {
                let claims = smallvec![claim];
                place.insert(Box::new(Claimed { name, claims }));
            }
        }
    }

    /// Takes a claim back, if there is one.
    pub(super) fn remove(&mut self, name: &Name, claimant: &Claimant) {
        let is_it = |claimed: &Kept| claimed.name == *name;
        let hash = self.hashes.hash_one(name);
        let Ok(mut claimed) = self.names.find_entry(hash, is_it) else {
            return;
        };
        let claims = &mut claimed.get_mut().claims;
        if let Ok(at) = claims.binary_search_by(|other| other.claimant.cmp(claimant)) {
            claims.remove(at);
        }
        if claims.is_empty() {
            claimed.remove();
        }
    }

    fn claimed(&self, name: &Name) -> Option<&Claimed> {
        let hash = self.hashes.hash_one(name);
        let found = self.names.find(hash, |claimed| claimed.name == *name);
        found.map(|claimed| &**claimed)
    }
}

impl Claimed {
    fn winner(&self) -> Option<&Claim> {
        let mut claims = self.claims.iter();
        claims.find(|claim| !claim.addresses.is_empty())
    }

    fn set(&mut self, claim: Claim) {
        let claims = &mut self.claims;
        match claims.binary_search_by(|other| other.claimant.cmp(&claim.claimant)) {
            Ok(at) => claims[at] = claim,
            Err(at) => claims.insert(at, claim),
        }
    }
}
