//! Where the names are, and what changed last.

use std::ops::Bound;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::json::{self, List};
use super::{DecodeError, Digest, Snapshot, Sum};
use crate::{Addresses, Hosts, Name, ZnodePath};

/// What `STATE/hosts` holds where the names are many: the recent changes, and the pages of the base.
///
/// The names at [`Index::generation`] are those of all pages, and then every change that is newer
/// than the page into which its name falls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Recent changes, the oldest first; a name's newest one at most.
    pub changes: Vec<Change>,
    /// As in [`Snapshot::domain`].
    pub domain: Option<Name>,
    /// As in [`Snapshot::generation`].
    pub generation: u64,
    /// As in [`Snapshot::leader`].
    pub leader: String,
    /// How many names there are.
    pub names: usize,
    /// The pages, in the order of their names; the first one begins at the empty text.
    pub pages: Vec<PageEntry>,
    /// As in [`Snapshot::presence`].
    pub presence: Duration,
    /// As in [`Snapshot::published`].
    pub published: SystemTime,
    /// As in [`Snapshot::root`].
    pub root: ZnodePath,
    /// The changes are all those of later generations than this one.
    pub since: u64,
    /// The checksum of all names, if the publisher tells it.
    pub sum: Option<Sum>,
    /// As in [`Snapshot::zxid`].
    pub zxid: i64,
}

/// What a name has had since a generation; absolute, so that applying it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In which it was published.
    pub generation: u64,
    /// The name.
    pub name: Name,
    /// All its addresses; none where the name is gone.
    pub addresses: Option<Addresses>,
}

/// Where a page is, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEntry {
    /// The names of the page do not precede this text; they precede that of the next page.
    pub first: Box<str>,
    /// The generation whose names it holds.
    pub generation: u64,
    /// What its bytes are known by.
    pub digest: Digest,
}

impl Index {
    /// The pages, as their places in [`Index::pages`], that a reader has to read who has the names of
    /// `held` already, a generation of the same history that is not newer; all of them without any.
    pub fn missing(&self, held: Option<&Snapshot>) -> Vec<usize> {
        let held = held.map_or(0, |held| held.generation);
        let pages = self.pages.iter().enumerate();
        pages
            .filter(|(_, page)| held < self.since && held < page.generation)
            .map(|(at, _)| at)
            .collect()
    }

    /// Before which text the names of a page end; none for the last page.
    pub fn end(&self, page: usize) -> Option<&str> {
        self.pages.get(page + 1).map(|next| &*next.first)
    }

    /// The snapshot that this describes, from what a reader has already, as for [`Index::missing`], and
    /// the names of the pages that were missing.
    ///
    /// # Errors
    /// The names are not those that were published.
    pub fn snapshot(
        &self,
        held: Option<&Snapshot>,
        read: Vec<(usize, Hosts)>,
    ) -> Result<Snapshot, DecodeError> {
        let mut hosts = held.map_or_else(Hosts::new, |held| held.hosts.clone());
        let mut as_of = vec![held.map_or(0, |held| held.generation); self.pages.len()];
        for (page, names) in read {
            as_of[page] = self.pages[page].generation;
            replace(&mut hosts, &self.pages[page].first, self.end(page), names);
        }
        for change in &self.changes {
            if change.generation <= as_of[self.page_of(&change.name)] {
                continue;
            }
            match &change.addresses {
                Some(addresses) => hosts.insert(change.name.clone(), addresses.clone()),
                None => hosts.remove(&change.name),
            };
        }
        if hosts.len() != self.names {
            return Err(DecodeError::Count {
                said: self.names,
                held: hosts.len(),
            });
        }
        let sum = self.sum.map(|_| match held {
            Some(Snapshot {
                sum: Some(sum),
                hosts: before,
                ..
            }) => sum.follow(before, &hosts),
            _ => Sum::of(&hosts),
        });
        if sum != self.sum {
            return Err(DecodeError::Sum);
        }
        Ok(Snapshot {
            domain: self.domain.clone(),
            generation: self.generation,
            hosts,
            leader: self.leader.clone(),
            presence: self.presence,
            published: self.published,
            root: self.root.clone(),
            sum,
            zxid: self.zxid,
        })
    }

    /// The page into which a name falls, as its place in [`Index::pages`].
    pub fn page_of(&self, name: &Name) -> usize {
        let behind = self
            .pages
            .partition_point(|page| *page.first <= *name.as_str());
        behind.saturating_sub(1)
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        if self.pages.first().is_none_or(|page| !page.first.is_empty()) {
            return Err(DecodeError::Pages(String::new()));
        }
        if let Some(pair) = self
            .pages
            .windows(2)
            .find(|pair| pair[0].first >= pair[1].first)
        {
            return Err(DecodeError::Pages(pair[1].first.to_string()));
        }
        let mut newest = 0;
        for change in &self.changes {
            if change.generation < newest {
                return Err(DecodeError::Order(change.generation));
            }
            newest = change.generation;
            if let Some(addresses) = &change.addresses {
                json::check(&change.name, addresses)?;
            }
        }
        let pages = self.pages.iter().map(|page| page.generation);
        match pages
            .chain([newest, self.since])
            .find(|&generation| generation > self.generation)
        {
            Some(generation) => Err(DecodeError::Order(generation)),
            None => Ok(()),
        }
    }
}

impl PageEntry {
    /// The component of the page's znode below `STATE/hosts`.
    pub fn component(&self) -> String {
        format!("{}-{}", self.generation, self.digest)
    }
}

/// Makes the names of a range those of a page; what is the same already stays as it is.
fn replace(hosts: &mut Hosts, first: &str, end: Option<&str>, names: Hosts) {
    if hosts.is_empty() {
        *hosts = names;
        return;
    }
    let end = end.map_or(Bound::Unbounded, Bound::Excluded);
    let range = hosts.range::<_, str>((Bound::Included(first), end));
    let gone: Vec<Name> = range
        .map(|(name, _)| name)
        .filter(|name| !names.contains_key(*name))
        .cloned()
        .collect();
    for name in gone {
        hosts.remove(&name);
    }
    for (name, addresses) in names {
        if hosts.get(&name) != Some(&addresses) {
            hosts.insert(name, addresses);
        }
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.generation, &self.name, self.addresses.as_deref()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (generation, name, addresses) = <(u64, Name, Option<List>)>::deserialize(from)?;
        let addresses = addresses.map(|List(addresses)| addresses);
        Ok(Self {
            generation,
            name,
            addresses,
        })
    }
}

impl Serialize for PageEntry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (&*self.first, self.generation, self.digest).serialize(to)
    }
}

impl<'de> Deserialize<'de> for PageEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (first, generation, digest) = <(Box<str>, u64, Digest)>::deserialize(from)?;
        Ok(Self {
            first,
            generation,
            digest,
        })
    }
}
