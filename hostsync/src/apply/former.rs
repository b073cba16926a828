//! What was published before, to know it again in lines that another program has made of ours. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use contract::{Hosts, Name};
use hosts_file::addresses_of;
use imbl::ordmap::DiffItem;

/// How many addresses are remembered, the latest ones.
const MOST: usize = 4096;

/// Addresses that names had earlier in this run.
#[derive(Debug, Default)]
pub(crate) struct Former {
    of: BTreeMap<Name, Vec<IpAddr>>,
    /// The oldest first.
    order: VecDeque<(Name, IpAddr)>,
}

impl Former {
    /// Takes in what `now` no longer says, at the cost of the difference.
    pub(crate) fn note(&mut self, before: &Hosts, now: &Hosts) {
        for item in before.diff(now) {
            let (DiffItem::Remove(name, old)
            | DiffItem::Update {
                old: (name, old), ..
            }) = item
            else {
                continue;
            };
            let new = now.get(name);
            let is_gone = |address: &&_| new.is_none_or(|new| !new.contains(address));
            for address in old.iter().filter(is_gone) {
                self.add(name, address.ip());
            }
        }
    }

    fn add(&mut self, name: &Name, address: IpAddr) {
        let of = self.of.entry(name.clone()).or_default();
        if of.contains(&address) {
            return;
        }
        of.push(address);
        self.order.push_back((name.clone(), address));
        if self.order.len() <= MOST {
            return;
        }
        if let Some((name, address)) = self.order.pop_front()
            && let Some(of) = self.of.get_mut(&name)
        {
            of.retain(|other| *other != address);
            if of.is_empty() {
                self.of.remove(&name);
            }
        }
    }

    /// Those of the names left to other lines that stand there with an address of before, and not with one
    /// that is `wanted`. `text` is only asked for where there may be any.
    pub(crate) fn stale(
        &self,
        shadowed: &[Name],
        wanted: &Hosts,
        text: impl FnOnce() -> Vec<u8>,
    ) -> Vec<(Name, IpAddr)> {
        let names = || shadowed.iter().filter(|name| self.of.contains_key(*name));
        if names().next().is_none() {
            return Vec::new();
        }
        let text = text();
        let stale = names().filter_map(|name| {
            let said = addresses_of(&text, name.as_str());
            let wanted = wanted.get(name).map_or(&[][..], |wanted| wanted);
            if wanted.iter().any(|address| said.contains(&address.ip())) {
                return None;
            }
            let address = said.into_iter().find(|said| self.of[name].contains(said));
            Some((name.clone(), address?))
        });
        stale.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;

    fn hosts(names: &[(&str, u8)]) -> Hosts {
        published(1, 1, 1, names).snapshot.hosts
    }

    #[test]
    fn an_address_of_before_is_told_from_one_that_was_never_published() {
        let mut former = Former::default();
        let shadowed = ["db", "web"].map(|name| name.parse().unwrap());
        let wanted = hosts(&[("db", 2), ("web", 1)]);
        former.note(&hosts(&[("db", 1), ("web", 1)]), &wanted);
        let stale = |former: &Former, text: &str| -> Vec<String> {
            let stale = former.stale(&shadowed, &wanted, || text.as_bytes().to_vec());
            stale
                .iter()
                .map(|(name, at)| format!("{name} {at}"))
                .collect()
        };
        assert_eq!(stale(&former, "10.0.0.1 web DB\n"), ["db 10.0.0.1"]);
        assert_eq!(stale(&former, "10.0.0.3 db web\n"), [""; 0]);
        assert_eq!(stale(&former, "10.0.0.1 db\n10.0.0.2 db\n"), [""; 0]);
        let none = Former::default();
        assert_eq!(none.stale(&shadowed, &wanted, || panic!("not read")), []);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut former = Former::default();
        for round in 0..3 * MOST {
            let name = format!("n{round}");
            former.note(&hosts(&[(&name, 1)]), &Hosts::new());
        }
        assert_eq!((former.of.len(), former.order.len()), (MOST, MOST));
    }
}
