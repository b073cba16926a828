//! What is known of a file before its bytes are taken apart.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::Time;
use super::slot::{Era, Eras, Offset};
use crate::{Address, Hosts, Name};

/// What is known of a file beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What it is to say.
    pub(super) wanted: &'a Hosts,
    /// What it was made to say before.
    pub(super) last: &'a Hosts,
    /// What it said when it was last taken apart.
    pub(super) memory: &'a Memory,
}

/// What is kept of a table until the next one is made: the times of what is still there then. Names
/// are kept as hashes, with a key of this process: both tables would be many megabytes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    hasher: RandomState,
    /// By name and address, and then by place.
    lines: Vec<(u64, Offset, Era)>,
    /// Since when dead slots are dead, by place.
    dead: Vec<(Offset, Time)>,
    pub(super) eras: Eras,
    /// Since when our blocks are there, by where they begin.
    pub(super) blocks: BTreeMap<u64, Time>,
    /// True when all that came alive is known to be on disk.
    pub(super) is_synced: bool,
}

impl<'a> Known<'a> {
    /// What is known where the file was made to say what it is to say.
    pub(super) fn of(hosts: &'a Hosts, memory: &'a Memory) -> Self {
        Self {
            wanted: hosts,
            last: hosts,
            memory,
        }
    }

    /// The name that a text is, if it is one: that of what is wanted, rather than a second one in memory.
    pub(super) fn name(&self, text: &str) -> Option<Name> {
        let known = |hosts: &Hosts| hosts.get_key_value(text).map(|(name, _)| name.clone());
        known(self.wanted)
            .or_else(|| known(self.last))
            .or_else(|| text.parse().ok())
    }

    /// Whether a line outside of our markers is one of ours: others have rewritten the file without
    /// comments.
    pub(super) fn is_ours(&self, name: &Name, address: &Address) -> bool {
        let was = self.last.get(name);
        was.is_some_and(|addresses| addresses.contains(address))
            || self.memory.said(name, address).next().is_some()
    }
}

impl Memory {
    /// Takes in what is alive and what is dead.
    pub(super) fn remember<'a>(
        &mut self,
        lines: impl Iterator<Item = (&'a Name, Address, Offset, Era)>,
        dead: impl Iterator<Item = (Offset, Time)>,
    ) {
        let hasher = &self.hasher;
        let lines = lines
            .map(|(name, address, offset, era)| (hasher.hash_one((name, address)), offset, era));
        self.lines.extend(lines);
        self.lines
            .sort_unstable_by_key(|(hash, offset, _)| (*hash, *offset));
        self.dead.extend(dead);
        self.dead.sort_unstable();
    }

    /// Since when a line is alive that was at the same place before.
    pub(super) fn since(&self, name: &Name, address: &Address, offset: Offset) -> Option<Era> {
        let mut said = self.said(name, address);
        said.find(|(at, _)| *at == offset).map(|(_, era)| era)
    }

    /// Since when a slot is dead that was so before.
    pub(super) fn dead_since(&self, offset: Offset) -> Option<Time> {
        let found = self.dead.binary_search_by_key(&offset, |(at, _)| *at);
        found.ok().map(|index| self.dead[index].1)
    }

    /// The lines that said this.
    fn said(&self, name: &Name, address: &Address) -> impl Iterator<Item = (Offset, Era)> {
        let hash = self.hasher.hash_one((name, address));
        let first = self.lines.partition_point(|(other, ..)| *other < hash);
        let same = self.lines[first..].iter();
        same.take_while(move |(other, ..)| *other == hash)
            .map(|&(_, offset, era)| (offset, era))
    }
}
