//! From a znode to its addresses, by way of host names where its records hold them.
//!
//! A host name is first one of the tree's own, and leads to what that stands for, unless that leads
//! back. Only a name that nobody in the tree claims is one for the system's resolver: the hosts file
//! that it reads may hold what we publish, and a name must not keep itself alive.

use std::borrow::Cow;
use std::collections::HashSet;

use contract::{Address, Name, ZnodePath};

use super::pointers::is_called_leader;
use super::{DeadEnd, Member, Namespace, rules};
use crate::records::{Endpoint, Host, Instance, Reading};

/// How many addresses a host name in a record leads to at most: else a few bytes that name a large service would
/// cost as much as all of it, for each znode that holds them.
pub const MAX_FOLLOWED: usize = 64;

/// What a znode stands for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its addresses, each once.
    pub(super) addresses: Vec<Address>,
    /// Those of its first sequential child that has some.
    pub(super) leader: Vec<Address>,
    /// Whether it may have a leader, once all host names lead somewhere.
    pub(super) leads: bool,
    /// Whether host names were met on the way.
    pub(super) follows: bool,
}

impl Namespace {
    /// What a znode stands for: its own addresses, else those of its instances. `follow` says where
    /// a host name in the record of a znode leads.
    pub(super) fn standing<'a>(
        &'a self,
        path: &ZnodePath,
        follow: impl Fn(&Name, &ZnodePath) -> &'a [Address],
    ) -> Standing {
        let mut standing = Standing::default();
        if let Some(own) = self.tree.own(path) {
            standing.follows = own.host_names().next().is_some();
            standing.addresses = addresses(own, |host| follow(host, path));
            if own.addresses().next().is_some() {
                return standing;
            }
        }
        let mut all = Unique::default();
        for member in self.tree.members(path) {
            let instance = member.instance;
            standing.follows |= instance.host_names().next().is_some();
            standing.leads |= member.is_numbered;
            if rules::counts(&standing.addresses) {
                continue;
            }
            let addresses = addresses(instance, |host| follow(host, member.path));
            addresses.iter().for_each(|&address| all.add(address));
            if standing.leader.is_empty() && rules::may_lead(&member, &addresses) {
                standing.leader = addresses;
            }
        }
        if !rules::counts(&standing.addresses) {
            standing.addresses = all.list;
        }
        standing
    }

    /// The record that a znode gets its addresses from, if that is its own.
    pub fn own_record(&self, path: &ZnodePath) -> Option<&Instance> {
        let own = self.tree.own(path)?;
        rules::counts(&self.addresses_at(own, path)).then_some(own)
    }

    /// The member that leads a service.
    pub fn leader(&self, service: &ZnodePath) -> Option<Member<'_>> {
        let addresses = |member: &Member<'_>| self.addresses_at(member.instance, member.path);
        let mut members = self.tree.members(service);
        members.find(|member| rules::may_lead(member, &addresses(member)))
    }

    /// The addresses that a host name in a record of the znode at `path` leads to.
    ///
    /// # Errors
    /// It leads to none.
    pub fn follow(&self, host: &Name, path: &ZnodePath) -> Result<&[Address], DeadEnd> {
        self.follow_for(host, path, path)
    }

    /// The same, on behalf of the znode at `claimant`, whose names it must not lead back to.
    pub(super) fn follow_for(
        &self,
        host: &Name,
        path: &ZnodePath,
        claimant: &ZnodePath,
    ) -> Result<&[Address], DeadEnd> {
        if let Some(name) = self.meant(host, path) {
            let mut from = self.names_of(claimant);
            if from.any(|from| self.loops.hold(&from, &name)) {
                return Err(DeadEnd::Loop);
            }
            let addresses = self
                .addresses(&name)
                .map(|all| &all[..all.len().min(MAX_FOLLOWED)]);
            return addresses.ok_or(DeadEnd::Nowhere);
        }
        let instance = self.tree.get(path).and_then(Reading::instance);
        if instance.and_then(Instance::word) == Some(host) {
            return Err(DeadEnd::Unknown);
        }
        match self.resolved.get(host) {
            None => Err(DeadEnd::Unknown),
            Some(addresses) if addresses.is_empty() => Err(DeadEnd::Unresolved),
            Some(addresses) => Ok(addresses),
        }
    }

    /// The name of the tree that the znode at `path` means by a host name, if anybody claims one.
    pub(super) fn meant(&self, host: &Name, path: &ZnodePath) -> Option<Name> {
        if let Some(name) = self.pointed_at(host, path) {
            return Some(name);
        }
        let mut meant = self.scope.meant_by(host);
        let name = meant.find(|name| self.claims.has(name));
        name.map(Cow::into_owned)
    }

    /// The name of the znode that a leader names by its last component: one beside it, else the only
    /// one in the folders beside it.
    fn pointed_at(&self, host: &Name, path: &ZnodePath) -> Option<Name> {
        if self.pointers.is_empty() || !is_called_leader(path) {
            return None;
        }
        let above = self.scope.name_above(path)?;
        if !self.pointers.has(&above, path) {
            return None;
        }
        let parent = path.parent()?;
        let named = |text: String| {
            let name = Name::try_from(text).ok()?;
            let is_own = self.names_of(path).any(|own| own == name);
            (self.claims.has(&name) && !is_own).then_some(name)
        };
        let below =
            |folder: &ZnodePath| named(format!("{host}.{}", self.scope.name(folder)?.ok()?));
        let beside = match above.as_str() {
            "" => host.to_string(),
            above => format!("{host}.{above}"),
        };
        if let Some(name) = named(beside) {
            return Some(name);
        }
        let mut found = self.tree.children(&parent).filter_map(below);
        found.next().filter(|_| found.next().is_none())
    }

    /// The addresses of an instance whose record is that of the znode at `path`.
    pub fn addresses_at(&self, instance: &Instance, path: &ZnodePath) -> Vec<Address> {
        addresses(instance, |host| self.follow(host, path).unwrap_or_default())
    }

    /// The addresses of one endpoint in the record of the znode at `path`.
    pub fn addresses_of(&self, endpoint: &Endpoint, path: &ZnodePath) -> Vec<Address> {
        match &endpoint.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) | Host::Word(name) => {
                self.follow(name, path).unwrap_or_default().to_vec()
            }
        }
    }

    /// The host names that a znode follows, as names of the tree.
    pub(super) fn followed<'a>(&'a self, path: &'a ZnodePath) -> impl Iterator<Item = Name> + 'a {
        let own = self.tree.own(path).into_iter();
        let own = own.map(move |own| (own, path));
        let members = self.members(path);
        let all = own.chain(members.map(|member| (member.instance, member.path)));
        all.flat_map(move |(instance, at)| {
            let hosts = instance.host_names();
            hosts.filter_map(move |host| self.meant(host, at))
        })
    }
}

fn addresses<'a>(instance: &Instance, follow: impl Fn(&Name) -> &'a [Address]) -> Vec<Address> {
    let mut all = Unique::default();
    for endpoint in instance.endpoints.iter() {
        match &endpoint.host {
            Host::Address(address) => all.add(*address),
            Host::Name(name) | Host::Word(name) => {
                follow(name).iter().for_each(|&address| all.add(address))
            }
        }
    }
    all.list
}

/// Addresses in order, each once.
#[derive(Default)]
struct Unique {
    list: Vec<Address>,
    seen: HashSet<Address>,
}

impl Unique {
    fn add(&mut self, address: Address) {
        // Most have one address, and need no set.
        let is_new = match self.list.as_slice() {
            [] => true,
            [only] => *only != address,
            _ => !self.seen.contains(&address),
        };
        if is_new {
            self.list.push(address);
            if self.list.len() > 1 {
                self.seen.extend(self.list.first());
                self.seen.insert(address);
            }
        }
    }
}
