//! What is to be said of a znode.

use std::collections::BTreeMap;

use contract::{MAX_ADDRESSES_PER_NAME, Name, NameError, ZnodePath};

use super::{Namespace, Scope};
use crate::records::{Format, Instance, Outage, Problem, Reading};

/// Why a znode gives no name, or fewer addresses than it could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Nothing is wrong; there is nothing to name.
    #[error("{0}, and no child has an address")]
    Nameless(&'static str),
    /// Nothing is wrong; the service has no instance now.
    #[error("holds a service record, and no child of a type that counts for one is in service")]
    NoInstances,
    /// Nothing is wrong; the instance is out of service.
    #[error("is out of service: {0}")]
    OutOfService(Outage),
    /// Nothing is wrong; the znode's name is an address rather than a label.
    #[error("has no name of its own, as {0} znodes have none; it counts for the service above it")]
    InName(Format),
    /// The data should be an address and is not.
    #[error(transparent)]
    Record(#[from] Problem),
    /// A host name that leads to no address.
    #[error("{:?} is a host name, not an address, and {why}", host.as_str())]
    HostName {
        /// The host name.
        host: Name,
        /// Why it leads nowhere.
        why: DeadEnd,
    },
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

/// Why a host name leads to no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeadEnd {
    /// Nothing in the tree has the name, and the system's resolver was not asked.
    #[error("no znode gives that name; --resolve-hostnames asks the system's resolver too")]
    Unknown,
    /// Nothing in the tree has the name, and the system's resolver no address that others could use.
    #[error("neither a znode nor the system's resolver has an address for that name")]
    Unresolved,
    /// A znode has the name, but leads to no address either.
    #[error("the znode of that name leads to no address")]
    Nowhere,
    /// A znode has the name, and leads back to where the host name was found.
    #[error("the znode of that name leads back to here")]
    Loop,
}

impl Finding {
    /// True for what an operator should mend.
    pub fn is_problem(&self) -> bool {
        !matches!(
            self,
            Self::Nameless(_) | Self::NoInstances | Self::OutOfService(_) | Self::InName(_)
        )
    }
}

impl Namespace {
    /// Every znode with what is to be said of it, in the order of the paths.
    pub fn findings(&self) -> BTreeMap<ZnodePath, Vec<Finding>> {
        let found = self
            .tree
            .paths()
            .map(|path| (path.clone(), self.findings_of(path)));
        found.filter(|(_, findings)| !findings.is_empty()).collect()
    }

    /// Every znode with something that an operator should mend, and all that is to be said of it,
    /// in the order of the paths.
    pub fn problems(&self) -> Vec<(ZnodePath, Vec<Finding>)> {
        let found = self
            .tree
            .paths()
            .map(|path| (path.clone(), self.findings_of(path)));
        let is_problem =
            |(_, findings): &(_, Vec<Finding>)| findings.iter().any(Finding::is_problem);
        let mut problems: Vec<_> = found.filter(is_problem).collect();
        problems.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        problems
    }

    /// What is to be said of one znode.
    pub fn findings_of(&self, path: &ZnodePath) -> Vec<Finding> {
        let (Some(reading), Some(name)) = (self.tree.get(path), self.scope.name(path)) else {
            return Vec::new();
        };
        let standing = self.standing(path, |host| self.follow(host, path).unwrap_or_default());
        let has_addresses = !standing.addresses.is_empty();
        let mut findings = self.findings_in(reading, path, has_addresses);
        if !has_addresses {
            return findings;
        }
        match (name, reading.format()) {
            (Err(_), Some(format)) if format.is_in_name(path.component()) => {
                findings.push(Finding::InName(format))
            }
            (Err(error), _) => findings.push(error.into()),
            (Ok(name), _) => {
                findings.extend(self.taken(&name, false, path));
                if !standing.leader.is_empty()
                    && let Ok(leader) = Scope::leader_name(&name)
                {
                    findings.extend(self.taken(&leader, true, path));
                }
                if standing.addresses.len() > MAX_ADDRESSES_PER_NAME {
                    findings.push(Finding::TooMany {
                        name,
                        count: standing.addresses.len(),
                    });
                }
            }
        }
        findings
    }

    /// What is to be said of a reading, whether its path makes a name or not.
    fn findings_in(
        &self,
        reading: &Reading,
        path: &ZnodePath,
        has_addresses: bool,
    ) -> Vec<Finding> {
        match reading {
            Reading::Problem(problem) => vec![Finding::Record((**problem).clone())],
            Reading::Nothing(_) | Reading::Service(_) if has_addresses => Vec::new(),
            Reading::Nothing(why) => vec![Finding::Nameless(why)],
            Reading::Service(_) => vec![Finding::NoInstances],
            Reading::Instance(instance) => match instance.outage {
                Some(outage) => vec![Finding::OutOfService(outage)],
                None => self.dead_ends(instance, path),
            },
        }
    }

    /// The host names of an instance that lead nowhere.
    fn dead_ends(&self, instance: &Instance, path: &ZnodePath) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for host in instance.host_names() {
            if let Err(why) = self.follow(host, path) {
                let host = host.clone();
                let finding = Finding::HostName { host, why };
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    fn taken(&self, name: &Name, as_leader: bool, path: &ZnodePath) -> Option<Finding> {
        let winner = &self.claims.winner(name)?.claimant;
        let lost = winner.path != *path || winner.as_leader != as_leader;
        lost.then(|| Finding::Taken {
            name: name.clone(),
            winner: winner.path.clone(),
        })
    }
}
