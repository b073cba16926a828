//! The live copy of the tree and the names that it gives.
//!
//! Pure: readings in, names out. [`Zone::update`] costs what changed, and always ends where
//! building the zone anew would.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use snapshot::{Address, Hosts, MAX_ADDRESSES_PER_NAME, Name, NameError, ZnodePath};

use crate::records::{Problem, Reading};
use crate::scope::{Scope, sequence};

/// The live copy of the tree below the root and the names that it gives.
#[derive(Debug, Clone)]
pub struct Zone {
    scope: Scope,
    znodes: HashMap<ZnodePath, Reading>,
    /// The components of the children, by parent, in the order of a service's addresses.
    children: HashMap<ZnodePath, BTreeSet<Child>>,
    /// Who would have each name; the first has it.
    claims: BTreeMap<Name, Vec<Claim>>,
}

/// A znode's component, ordered by sequence number, then by name; those without a number last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Child {
    unnumbered: bool,
    sequence: u64,
    component: Box<str>,
}

/// The addresses that a znode would give to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    claimant: Claimant,
    addresses: Vec<Address>,
}

/// By whom and how a name is claimed. A znode that has the name itself comes before a service
/// that would give it to its leader; else the first path in byte order wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claimant {
    as_leader: bool,
    path: ZnodePath,
}

/// Why a znode gives no name, or fewer addresses than it could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Nothing is wrong; there is nothing to name.
    #[error("{0}, and no child has an address")]
    Nameless(&'static str),
    /// The data should be an address and is not.
    #[error(transparent)]
    Record(#[from] Problem),
    /// There are addresses, but the path makes no name.
    #[error("its path makes no name: {0}")]
    Name(#[from] NameError),
    /// Another path has the name.
    #[error("its name {name} is taken by {winner}")]
    Taken {
        /// The name.
        name: Name,
        /// The path whose name it is.
        winner: ZnodePath,
    },
    /// More addresses than one name may have.
    #[error(
        "service {name} has {count} addresses; only the first {MAX_ADDRESSES_PER_NAME} are named"
    )]
    TooMany {
        /// The service.
        name: Name,
        /// Its addresses.
        count: usize,
    },
}

impl Finding {
    /// True for what an operator should mend.
    pub fn is_problem(&self) -> bool {
        !matches!(self, Self::Nameless(_))
    }
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

impl Zone {
    /// The zone of the given znodes, the root among them or not.
    pub fn new(scope: Scope, znodes: impl IntoIterator<Item = (ZnodePath, Reading)>) -> Self {
        let mut zone = Self {
            scope,
            znodes: HashMap::new(),
            children: HashMap::new(),
            claims: BTreeMap::new(),
        };
        zone.update(
            znodes
                .into_iter()
                .map(|(path, reading)| (path, Some(reading))),
        );
        zone
    }

    /// Takes over what changed: a znode's new reading, or none for one that is gone. Returns the
    /// znodes whose names or findings may differ now.
    pub fn update(
        &mut self,
        changes: impl IntoIterator<Item = (ZnodePath, Option<Reading>)>,
    ) -> HashSet<ZnodePath> {
        let mut touched = HashSet::new();
        for (path, reading) in changes {
            let parent = path.parent();
            match reading {
                Some(reading) => self.insert(&path, parent.as_ref(), reading),
                None => self.remove(&path, parent.as_ref()),
            }
            touched.extend(parent.into_iter().chain([path]));
        }
        for path in &touched {
            self.claim(path);
        }
        touched
    }

    /// Every name with its addresses.
    pub fn hosts(&self) -> Hosts {
        let winner = |claims: &Vec<Claim>| claims[0].addresses.clone();
        self.claims
            .iter()
            .map(|(name, claims)| (name.clone(), winner(claims)))
            .collect()
    }

    /// The addresses of one name.
    pub fn addresses(&self, name: &Name) -> Option<&[Address]> {
        self.claims
            .get(name)
            .map(|claims| claims[0].addresses.as_slice())
    }

    /// The names that a znode may have or lose when it is touched: its own and its leader's.
    pub fn names_of(&self, path: &ZnodePath) -> impl Iterator<Item = Name> {
        let own = self.scope.name(path).and_then(Result::ok);
        let leader = own.as_ref().and_then(|own| Scope::leader_name(own).ok());
        own.into_iter().chain(leader)
    }

    /// The number of znodes below the root.
    pub fn len(&self) -> usize {
        self.znodes.len() - usize::from(self.znodes.contains_key(self.scope.root()))
    }

    /// True when there is no znode below the root.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every znode with what is to be said of it, in the order of the paths.
    pub fn findings(&self) -> BTreeMap<ZnodePath, Vec<Finding>> {
        let found = self
            .znodes
            .keys()
            .map(|path| (path.clone(), self.findings_of(path)));
        found.filter(|(_, findings)| !findings.is_empty()).collect()
    }

    /// What is to be said of one znode.
    pub fn findings_of(&self, path: &ZnodePath) -> Vec<Finding> {
        let (Some(reading), Some(name)) = (self.znodes.get(path), self.scope.name(path)) else {
            return Vec::new();
        };
        let mut findings = Vec::new();
        if let Reading::Problem(problem) = reading {
            findings.push(problem.clone().into());
        }
        let (addresses, leader) = self.addresses_of(path);
        match (name, reading) {
            (_, Reading::Nothing(why)) if addresses.is_empty() => {
                findings.push(Finding::Nameless(why))
            }
            _ if addresses.is_empty() => {}
            (Err(error), _) => findings.push(error.into()),
            (Ok(name), _) => {
                findings.extend(self.taken(&name, false, path));
                if leader.is_some()
                    && let Ok(leader) = Scope::leader_name(&name)
                {
                    findings.extend(self.taken(&leader, true, path));
                }
                if addresses.len() > MAX_ADDRESSES_PER_NAME {
                    findings.push(Finding::TooMany {
                        name,
                        count: addresses.len(),
                    });
                }
            }
        }
        findings
    }

    fn taken(&self, name: &Name, as_leader: bool, path: &ZnodePath) -> Option<Finding> {
        let winner = &self.claims.get(name)?[0].claimant;
        let lost = winner.path != *path || winner.as_leader != as_leader;
        lost.then(|| Finding::Taken {
            name: name.clone(),
            winner: winner.path.clone(),
        })
    }

    fn insert(&mut self, path: &ZnodePath, parent: Option<&ZnodePath>, reading: Reading) {
        let known = self.znodes.insert(path.clone(), reading).is_some();
        if let Some(parent) = parent
            && !known
        {
            let child = Child::new(path.component());
            self.children
                .entry(parent.clone())
                .or_default()
                .insert(child);
        }
    }

    fn remove(&mut self, path: &ZnodePath, parent: Option<&ZnodePath>) {
        self.znodes.remove(path);
        if let Some(parent) = parent
            && let Some(siblings) = self.children.get_mut(parent)
        {
            siblings.remove(&Child::new(path.component()));
            if siblings.is_empty() {
                self.children.remove(parent);
            }
        }
    }

    /// Makes the claims of one znode what they should be.
    fn claim(&mut self, path: &ZnodePath) {
        let Some(Ok(name)) = self.scope.name(path) else {
            return;
        };
        let (mut addresses, leader) = self.addresses_of(path);
        addresses.truncate(MAX_ADDRESSES_PER_NAME);
        if let Ok(leader_name) = Scope::leader_name(&name) {
            self.set_claim(leader_name, true, path, leader.into_iter().collect());
        }
        self.set_claim(name, false, path, addresses);
    }

    fn set_claim(
        &mut self,
        name: Name,
        as_leader: bool,
        path: &ZnodePath,
        addresses: Vec<Address>,
    ) {
        let claimant = Claimant {
            as_leader,
            path: path.clone(),
        };
        let claims = self.claims.entry(name.clone()).or_default();
        let place = claims.binary_search_by(|claim| claim.claimant.cmp(&claimant));
        match (place, addresses.is_empty()) {
            (Ok(at), false) => claims[at].addresses = addresses,
            (Ok(at), true) => drop(claims.remove(at)),
            (Err(at), false) => claims.insert(
                at,
                Claim {
                    claimant,
                    addresses,
                },
            ),
            (Err(_), true) => {}
        }
        if claims.is_empty() {
            self.claims.remove(&name);
        }
    }

    /// The addresses that a znode stands for and, for a service with sequential children, the
    /// address of the first of those.
    fn addresses_of(&self, path: &ZnodePath) -> (Vec<Address>, Option<Address>) {
        match self.znodes.get(path) {
            None => return Default::default(),
            Some(Reading::Instance(instance)) => return (vec![instance.address], None),
            Some(_) => {}
        }
        let (mut addresses, mut leader) = (Vec::new(), None);
        let mut seen = HashSet::new();
        for child in self.children.get(path).into_iter().flatten() {
            let child_path = path.child(&child.component).ok();
            let reading = child_path.and_then(|path| self.znodes.get(&path));
            let Some(Reading::Instance(instance)) = reading else {
                continue;
            };
            if !child.unnumbered {
                leader.get_or_insert(instance.address);
            }
            if seen.insert(instance.address) {
                addresses.push(instance.address);
            }
        }
        (addresses, leader)
    }
}

#[cfg(test)]
mod tests;
