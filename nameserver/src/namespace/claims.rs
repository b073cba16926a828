//! Who would have each name, and who has it.

use std::collections::BTreeMap;

use contract::{Address, Hosts, Name, ZnodePath};

/// Every claim to a name.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(BTreeMap<Name, Vec<Claim>>);

/// The addresses that a znode would give to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) claimant: Claimant,
    /// Empty for a claim that host names should fill and do not.
    pub(super) addresses: Vec<Address>,
}

/// By whom and how a name is claimed. A znode that has the name itself comes before a service
/// that would give it to its leader; else the first path in byte order wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claimant {
    pub(super) as_leader: bool,
    pub(super) path: ZnodePath,
}

impl Claims {
    /// Every name that has addresses, with them.
    pub(super) fn hosts(&self) -> Hosts {
        let named = self.0.iter().filter_map(|(name, claims)| {
            let winner = winner(claims)?;
            Some((name.clone(), winner.addresses.clone()))
        });
        named.collect()
    }

    /// The claim that has the name: the first one with an address.
    pub(super) fn winner(&self, name: &Name) -> Option<&Claim> {
        winner(self.0.get(name)?)
    }

    /// Whether anybody claims a name, with addresses or host names that might lead to some.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.0.contains_key(name)
    }

    /// Puts a claim in the place of that by the same claimant, if there is one.
    pub(super) fn set(&mut self, name: Name, claim: Claim) {
        let claims = self.0.entry(name).or_default();
        match claims.binary_search_by(|other| other.claimant.cmp(&claim.claimant)) {
            Ok(at) => claims[at] = claim,
            Err(at) => claims.insert(at, claim),
        }
    }

    /// Takes a claim back, if there is one.
    pub(super) fn remove(&mut self, name: &Name, claimant: &Claimant) {
        let Some(claims) = self.0.get_mut(name) else {
            return;
        };
        if let Ok(at) = claims.binary_search_by(|other| other.claimant.cmp(claimant)) {
            claims.remove(at);
        }
        if claims.is_empty() {
            self.0.remove(name);
        }
    }
}

fn winner(claims: &[Claim]) -> Option<&Claim> {
    claims.iter().find(|claim| !claim.addresses.is_empty())
}
