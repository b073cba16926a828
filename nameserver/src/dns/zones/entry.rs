//! What one name answers with, read off the namespace.

use contract::{Addresses, MAX_ADDRESSES_PER_NAME, Name, ZnodePath};
use smallvec::SmallVec;

use crate::namespace::{Member, Namespace};
use crate::records::{Format, Instance, Reading, Srv};

/// What one name answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its addresses, at least one.
    pub(super) addresses: Addresses,
    /// Whose addresses these are.
    pub(super) kind: Kind,
    /// How long an answer may be kept, in seconds, where a record says so.
    pub(super) ttl: Option<u32>,
    /// Whether instances may go with their sessions.
    pub(super) is_volatile: bool,
    /// The znode that gives the name.
    pub(super) znode: ZnodePath,
    /// The format of its record; none for a service without one.
    pub(super) format: Option<Format>,
    /// The labels of its SRV records, where a record says; else any will do.
    pub(super) labels: Option<Box<Labels>>,
    /// What its SRV records say; nearly always a single one.
    pub(super) targets: SmallVec<[Target; 1]>,
}

/// Whose addresses a name has, the one to be named first for an address coming first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Those in the znode's own record.
    Own,
    /// Those of a service's instances.
    Service,
    /// Those of a service's leader.
    Leader,
}

/// Service and protocol, such as `_http` and `_tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) service: Box<str>,
    pub(super) proto: Box<str>,
}

/// Where a service can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The name of the instance, where its znode has one.
    pub(super) name: Option<Name>,
    /// Its addresses, at least one.
    pub(super) addresses: Addresses,
    pub(super) port: u16,
    pub(super) priority: u16,
    pub(super) weight: u16,
}

impl Entry {
    /// What a name answers with; none for a name without addresses.
    pub(super) fn new(namespace: &Namespace, name: &Name) -> Option<Self> {
        let addresses = namespace.addresses(name)?.clone();
        let path = namespace.giver(name)?;
        let reading = namespace.reading(path)?;
        let entry = Self {
            addresses,
            kind: Kind::Own,
            ttl: None,
            is_volatile: false,
            znode: path.clone(),
            format: reading.format(),
            labels: None,
            targets: SmallVec::new(),
        };
        Some(if namespace.is_leader_name(name) {
            entry.of_leader(namespace, path)
        } else {
            match (namespace.own_record(path), reading) {
                (Some(own), _) => entry.of_host(namespace, path, name, own),
                (None, Reading::Service(service)) => {
                    let members: Vec<_> = namespace.members(path).collect();
                    let labels = service.srv.as_ref().map(Labels::from).map(Box::new);
                    let port = service.srv.as_ref().and_then(|srv| srv.port);
                    let entry = entry.of_service(namespace, &members, port);
                    let ttl = Some(service.ttl);
                    Self {
                        ttl,
                        labels,
                        ..entry
                    }
                }
                (None, _) => {
                    let members: Vec<_> = namespace.members(path).collect();
                    entry.of_service(namespace, &members, None)
                }
            }
        })
    }

    fn of_host(
        mut self,
        namespace: &Namespace,
        path: &ZnodePath,
        name: &Name,
        own: &Instance,
    ) -> Self {
        self.ttl = own.ttl;
        self.targets = targets(namespace, path, own, Some(name), None);
        self
    }

    fn of_leader(mut self, namespace: &Namespace, service: &ZnodePath) -> Self {
        self.kind = Kind::Leader;
        if let Some(leader) = namespace.leader(service) {
            let name = namespace.own_name(leader.path);
            self.ttl = leader.instance.ttl;
            self.is_volatile = leader.instance.ephemeral;
            self.format = Some(leader.instance.format);
            self.targets = targets(namespace, leader.path, leader.instance, name.as_ref(), None);
            self.znode = leader.path.clone();
        }
        self
    }

    fn of_service(
        mut self,
        namespace: &Namespace,
        members: &[Member<'_>],
        port: Option<u16>,
    ) -> Self {
        self.kind = Kind::Service;
        self.ttl = members
            .iter()
            .filter_map(|member| member.instance.ttl)
            .min();
        self.is_volatile = members.iter().any(|member| member.instance.ephemeral);
        let all = members.iter().flat_map(|member| {
            let name = namespace.own_name(member.path);
            targets(namespace, member.path, member.instance, name.as_ref(), port)
        });
        self.targets = all.take(MAX_ADDRESSES_PER_NAME).collect();
        self.targets.shrink_to_fit();
        self
    }
}

/// Where the instance at `path` can be reached. `port` is for endpoints without one.
fn targets(
    namespace: &Namespace,
    path: &ZnodePath,
    instance: &Instance,
    name: Option<&Name>,
    port: Option<u16>,
) -> SmallVec<[Target; 1]> {
    let mut targets: SmallVec<[Target; 1]> = SmallVec::new();
    for endpoint in instance.endpoints.iter() {
        let addresses = Addresses::from(namespace.addresses_of(endpoint, path));
        let Some(port) = endpoint.port.or(port).filter(|_| !addresses.is_empty()) else {
            continue;
        };
        let target = Target {
            name: name.cloned(),
            addresses,
            port,
            priority: instance.priority.unwrap_or(0),
            weight: instance.weight.unwrap_or(0),
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

impl From<&Srv> for Labels {
    fn from(srv: &Srv) -> Self {
        Self {
            service: srv.service.clone(),
            proto: srv.proto.clone(),
        }
    }
}
