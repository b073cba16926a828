//! What is to be said of a znode.

use std::collections::{BTreeMap, HashSet};

use contract::{Address, MAX_ADDRESSES_PER_NAME, Name, ZnodePath};

use super::scope::NoName;
use super::{MAX_FOLLOWED, Namespace, NotItsOwn, Scope};
use crate::records::{Format, Instance, Outage, Problem, Reading, Silence};

/// Why a znode gives no name, or fewer addresses than it could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Nothing is wrong; there is nothing to name.
    #[error("{0}, and no child has an address")]
    Nameless(Silence),
    /// Nothing is wrong; the service has no instance now.
    #[error("holds a service record, and no child of a type that counts for one is in service")]
    NoInstances,
    /// Nothing is wrong; the instance is out of service.
    #[error("is out of service: {0}")]
    OutOfService(Outage),
    /// Nothing is wrong; the znode's name is an address rather than a label.
    #[error("has no name of its own, as {0} znodes have none; it counts for the service above it")]
    InName(Format),
    /// Nothing is wrong; the znode's name is no label, and its address counts for its service.
    #[error("its path makes no name: {0}; it counts for the service above it")]
    CountsOnly(NoName),
    /// Nothing is wrong; the address is that of whoever made the znode.
    #[error("holds {address} and nothing else, which is taken for the machine that made it: {why}")]
    Creator {
        /// The address.
        address: Address,
        /// Why it is no address of its own.
        why: NotItsOwn,
    },
    /// Nothing is wrong; a plain text beside records of a format counts for no service.
    #[error("counts for no service: records of a format stand beside it, and it is plain text")]
    BesideRecords,
    /// Nothing is wrong; the data are no record, and nothing suggests that they should be.
    #[error("{0}; nothing suggests that it was meant as one")]
    Unmeant(Problem),
    /// Nothing is wrong; a word or a name that nothing has an address for.
    #[error("{host:?} may be a host name, but {why}", host = host.as_str())]
    Unknown {
        /// The word.
        host: Name,
        /// Why it leads nowhere.
        why: DeadEnd,
        /// Whether instances stand beside it.
        beside: bool,
    },
    /// A record that was an instance before and is none now, with what is to be said of it else.
    #[error("held an address before, and now {0}")]
    Spoilt(Box<Finding>),
    /// Nothing is wrong; a service whose path makes no name, and all of whose addresses have others.
    #[error("its path makes no name, and other names have all its addresses: {0}")]
    NamedElsewhere(NoName),
    /// A service whose path makes no name.
    #[error(
        "its {instances} instances cannot be reached by any name, since its path makes none: {error}; \
         rename it, name a znode below with --root, or leave it out with --exclude"
    )]
    Unnameable {
        /// How many instances it has.
        instances: usize,
        /// What is wrong with the path.
        error: NoName,
    },
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
    /// A host name that leads to more addresses than it gives.
    #[error("{:?} leads to {count} addresses; only the first {MAX_FOLLOWED} are given here", host.as_str())]
    Shortened {
        /// The host name.
        host: Name,
        /// How many addresses it leads to.
        count: usize,
    },
    /// There are addresses, but the path makes no name.
    #[error("its path makes no name: {0}")]
    Name(#[from] NoName),
    /// Another path has the name.
    #[error("its name {name} is taken by {winner}{}", if *.is_older { ", which was there first" } else { "" })]
    Taken {
        /// The name.
        name: Name,
        /// The path whose name it is.
        winner: ZnodePath,
        /// Whether that is so because it was created first.
        is_older: bool,
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
    /// In a few words, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nameless(silence) => (*silence).into(),
            Self::NoInstances => "is a service without an instance",
            Self::OutOfService(_) => "is out of service",
            Self::InName(_) | Self::CountsOnly(_) => {
                "counts for its service, without a name of its own"
            }
            Self::Creator { .. } => "holds the address of the machine that made it",
            Self::BesideRecords => "is plain text beside records",
            Self::Unmeant(_) => "holds data that is no record",
            Self::Unknown { .. } => "holds a word or a name that nothing has an address for",
            Self::NamedElsewhere(_) => "is a service whose addresses have other names",
            _ => "is to be mended",
        }
    }

    /// Whether an address is left out of a service, or of the names, by a rule.
    pub fn leaves_out(&self) -> bool {
        matches!(
            self,
            Self::OutOfService(_) | Self::Creator { .. } | Self::BesideRecords
        ) || matches!(self, Self::Unknown { host, .. } if host.as_str().contains('.'))
    }

    /// The rule that decided, if it is not the format's.
    pub fn rule(&self) -> Option<&'static str> {
        Some(match self {
            Self::Nameless(Silence::Lock) => {
                "who waits for a lock or an election serves nobody by that"
            }
            Self::Nameless(Silence::Persistent) => {
                "an address as a name counts on an ephemeral znode only, and never in a list of servers"
            }
            Self::Nameless(Silence::LeftOut) => "--exclude data:GLOB leaves out what a znode holds",
            Self::Nameless(Silence::Dubbo) => {
                "of Dubbo's URLs only those of providers are instances"
            }
            Self::Nameless(Silence::SeveralHosts) => {
                "a record that tells of several hosts is no instance"
            }
            Self::Nameless(Silence::NoData) => "without data, only a name can tell",
            Self::Nameless(_) => "nothing in it looks like an address or a record",
            Self::Creator { .. } => {
                "an address alone, with records below or beside it, is its creator's"
            }
            Self::BesideRecords => "the most telling format among siblings decides",
            Self::OutOfService(_) => "who says that it is out of service is left out",
            Self::Record(problem) if problem.is_meant() => "it looks like an address and is none",
            Self::Record(_) => "the znodes beside it are instances, so it should be one",
            Self::Unmeant(_) => "nothing suggests that it was meant as an address",
            Self::Unknown { .. } => "a word is a host name only where the tree gives it",
            Self::HostName { .. } => {
                "a host name leads to an address of the tree, else to the resolver's"
            }
            Self::Unnameable { .. } | Self::NamedElsewhere(_) | Self::CountsOnly(_) => {
                "a component that is no label gives no name"
            }
            Self::Taken { .. } => "of two paths with one name, the one that was there first has it",
            _ => return None,
        })
    }

    /// True for what an operator should mend.
    pub fn is_problem(&self) -> bool {
        match self {
            Self::Nameless(_)
            | Self::NoInstances
            | Self::OutOfService(_)
            | Self::InName(_)
            | Self::CountsOnly(_)
            | Self::Creator { .. }
            | Self::BesideRecords
            | Self::NamedElsewhere(_)
            | Self::Unmeant(_)
            | Self::Unknown { .. } => false,
            Self::Record(_)
            | Self::HostName { .. }
            | Self::Shortened { .. }
            | Self::Name(_)
            | Self::Spoilt(_)
            | Self::Taken { .. }
            | Self::TooMany { .. }
            | Self::Unnameable { .. } => true,
        }
    }
}

impl Namespace {
    /// Every znode with what is to be said of it, in the order of the paths.
    pub fn findings(&self) -> BTreeMap<ZnodePath, Vec<Finding>> {
        let mut published = None;
        let found = self.tree.paths().map(|path| {
            let findings = self.findings_of(path);
            (path.clone(), self.weigh(path, findings, &mut published))
        });
        found.filter(|(_, findings)| !findings.is_empty()).collect()
    }

    /// Every znode with something that an operator should mend, and all that is to be said of it,
    /// in the order of the paths.
    pub fn problems(&self) -> Vec<(ZnodePath, Vec<Finding>)> {
        let mut published = None;
        let found = self.tree.paths().map(|path| {
            let findings = self.findings_of(path);
            (path.clone(), self.weigh(path, findings, &mut published))
        });
        let is_problem =
            |(_, findings): &(_, Vec<Finding>)| findings.iter().any(Finding::is_problem);
        let mut problems: Vec<_> = found.filter(is_problem).collect();
        problems.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        problems
    }

    /// The findings, where a service that no name can reach is no problem if all of its addresses have
    /// other names. That takes all names, which are looked at once, and only for such a service.
    pub fn weigh(
        &self,
        path: &ZnodePath,
        findings: Vec<Finding>,
        published: &mut Option<HashSet<Address>>,
    ) -> Vec<Finding> {
        let weighed = findings.into_iter().map(|finding| {
            let Finding::Unnameable { error, .. } = &finding else {
                return finding;
            };
            let published = published.get_or_insert_with(|| {
                let hosts = self.hosts();
                hosts.values().flat_map(|all| all.iter().copied()).collect()
            });
            let mut own = self
                .members(path)
                .flat_map(|member| self.addresses_at(member.instance, member.path));
            match own.all(|address| published.contains(&address)) {
                true => Finding::NamedElsewhere(error.clone()),
                false => finding,
            }
        });
        weighed.collect()
    }

    /// What is to be said of one znode.
    pub fn findings_of(&self, path: &ZnodePath) -> Vec<Finding> {
        let (Some(reading), Some(name)) = (self.tree.get(path), self.scope.name(path)) else {
            return Vec::new();
        };
        let standing = self.standing_now(path);
        let has_addresses = !standing.addresses.is_empty();
        let mut findings = self.findings_in(reading, path, has_addresses);
        if !has_addresses {
            return findings;
        }
        match name {
            Err(error) => findings.push(self.without_a_name(reading, path, error)),
            Ok(name) => {
                if self.is_beside_records(reading, path) {
                    findings.push(Finding::BesideRecords);
                }
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

    /// Whether a plain text counts for no service, since records stand beside it.
    fn is_beside_records(&self, reading: &Reading, path: &ZnodePath) -> bool {
        let is_text = |instance: &Instance| instance.format == Format::Text;
        reading.instance().is_some_and(is_text) && self.tree.is_beside_records(path)
    }

    /// What is to be said of a znode with addresses whose path makes no name.
    fn without_a_name(&self, reading: &Reading, path: &ZnodePath, error: NoName) -> Finding {
        if self.own_record(path).is_none() {
            let instances = self.members(path).count();
            return Finding::Unnameable { instances, error };
        }
        // Its service is told instead, if it has one.
        let parent = path.parent().filter(|parent| parent != self.scope.root());
        let is_member = parent.is_some_and(|parent| {
            self.own_record(&parent).is_none()
                && self.members(&parent).any(|member| member.path == path)
        });
        if self.is_beside_records(reading, path) {
            return Finding::BesideRecords;
        }
        match reading.format() {
            Some(format) if format.is_in_name(path.component()) => Finding::InName(format),
            _ if is_member => Finding::CountsOnly(error),
            _ => error.into(),
        }
    }

    /// What is to be said of a reading, whether its path makes a name or not.
    fn findings_in(
        &self,
        reading: &Reading,
        path: &ZnodePath,
        has_addresses: bool,
    ) -> Vec<Finding> {
        match reading {
            Reading::Problem(problem)
                if problem.is_meant() || self.tree.is_in_company(path, problem.is_of_text()) =>
            {
                vec![Finding::Record((**problem).clone())]
            }
            Reading::Problem(_) | Reading::Nothing(_) | Reading::Service(_) if has_addresses => {
                Vec::new()
            }
            Reading::Problem(problem) => vec![Finding::Unmeant((**problem).clone())],
            Reading::Nothing(why) => vec![Finding::Nameless(*why)],
            Reading::Service(_) => vec![Finding::NoInstances],
            Reading::Instance(instance) => match instance.outage {
                Some(outage) => vec![Finding::OutOfService(outage)],
                None => match (self.not_its_own(path), instance.addresses().next()) {
                    (Some(why), Some(address)) => vec![Finding::Creator { address, why }],
                    _ => self.dead_ends(instance, path),
                },
            },
        }
    }

    /// The host names of an instance that lead nowhere. Where nothing says that it was meant as an
    /// instance, an unknown name is as good as any other text.
    fn dead_ends(&self, instance: &Instance, path: &ZnodePath) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let is_text = instance.format == Format::Text;
        let is_meant = instance.format.is_certain() || self.tree.is_in_company(path, is_text);
        for host in instance.host_names() {
            let leads_to = self.meant(host, path);
            let leads_to = leads_to.and_then(|name| self.addresses(&name));
            let count = leads_to.map_or(0, |all| all.len());
            if count > MAX_FOLLOWED {
                let host = host.clone();
                findings.push(Finding::Shortened { host, count });
            }
            if let Err(why) = self.follow(host, path) {
                // A single label in the name of a znode may be anything with a colon.
                let may_be_other = instance.word().is_some()
                    || (instance.format == Format::Named && !host.as_str().contains('.'));
                let is_unknown = matches!(why, DeadEnd::Unknown | DeadEnd::Unresolved);
                let host = host.clone();
                let finding = if is_unknown && (may_be_other || !is_meant) {
                    let beside = is_meant && instance.word().is_none();
                    Finding::Unknown { host, why, beside }
                } else {
                    Finding::HostName { host, why }
                };
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
            is_older: winner.as_leader == as_leader && winner.czxid < self.tree.czxid(path),
        })
    }
}
