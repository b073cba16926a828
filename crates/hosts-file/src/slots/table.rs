//! The slots of a file as a state machine: what is there, what is wanted and the time in, single
//! writes out. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::agenda::{Agenda, Need};
use super::difference::{Difference, says_exactly};
use super::free::Free;
use super::growth::Growth;
use super::known::{Known, Memory};
use super::layout::{self, Joined, Layout, place};
use super::live::Live;
use super::operations::{Operation, Writes};
use super::reclaim::Displaced;
use super::scan::{self, Entry, Scan};
use super::slot::{Eras, Form, LONG_AGO, Offset, Slot};
use super::{CELL, GRACE, Time};
use crate::{Address, Hosts, Name, Owner};

/// What is to be done next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// To be done in this order. After them there may be more to do at once.
    pub(super) operations: Vec<Operation>,
    /// False while not all names have been looked at that are to be.
    pub(super) is_last: bool,
    /// When there will be more to do, though nothing changes.
    pub(super) wake: Option<Time>,
}

/// What our part of a file consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SlotCounts {
    /// Lines of ours that say what is wanted.
    pub live: usize,
    /// Lines that still say what no longer is, until every reader can know better.
    pub retiring: usize,
    /// Cells that can be written at once.
    pub dead: usize,
    /// Dead cells in which a reader may still be reading.
    pub waiting: usize,
    /// How often somebody else changed the file while we kept it.
    pub rewrites: u64,
}

/// The slots of a file.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The live lines of each name.
    live: Live,
    eras: Eras,
    free: Free,
    displaced: Displaced,
    /// Lines that others have made of ours, by where they begin.
    joined: BTreeMap<u64, Joined>,
    /// Where our blocks begin, and since when they have been there.
    blocks: BTreeMap<u64, Time>,
    foreign_names: BTreeSet<String>,
    /// Wanted names that are left to foreign lines, in order.
    shadowed: Arc<[Name]>,
    size: u64,
    is_terminated: bool,
    /// Whether anything came alive since the last sync.
    is_unsynced: bool,
    /// What was wanted at the last step.
    wanted: Hosts,
    /// The comparison of all names with what is wanted, while that is under way.
    scan: Option<Scan>,
    agenda: Agenda,
    /// Whether slots have become ready that no name has been offered yet,
    is_fed: bool,
    /// and whether the file has grown by some, for those names alone that cannot wait.
    is_grown: bool,
    /// By what the file is still to grow.
    growth: Growth,
}

impl Table {
    /// The slots of a file. What is remembered of the times of slots that are still there is taken
    /// over; of others it is only known that they are there now. `grown` is where dead slots were
    /// just appended, in which nobody can be reading anything.
    pub(super) fn new(layout: Layout, memory: Memory, grown: Option<u64>, now: Time) -> Self {
        let Layout {
            blocks,
            mut live,
            dead,
            displaced,
            joined,
            foreign_names,
            size,
            is_terminated,
        } = layout;
        let mut eras = memory.eras.clone();
        let era = eras.at(now);
        live.each(|name, slot| {
            let since = memory.since(name, &slot.address, slot.offset);
            slot.era = since.unwrap_or(era);
        });
        let is_new = |offset| grown.is_some_and(|from| u64::from(offset) >= from);
        let since = |offset| match is_new(offset) {
            true => LONG_AGO,
            false => memory.dead_since(offset).unwrap_or(now),
        };
        let dead = dead.into_iter();
        let dead = dead.map(|(offset, cells)| (offset, cells, since(offset)));
        let since = |begin| memory.blocks.get(&begin).copied().unwrap_or(now);
        let blocks = blocks.into_iter().map(|begin| (begin, since(begin)));
        Self {
            live,
            eras,
            free: Free::new(dead.collect()),
            displaced: Displaced::new(displaced, now),
            joined,
            blocks: blocks.collect(),
            foreign_names,
            shadowed: Arc::default(),
            size,
            is_terminated,
            // Of lines that are taken over nothing is known; one sync too many does no harm.
            is_unsynced: !memory.is_synced,
            wanted: Hosts::new(),
            scan: Some(Scan::default()),
            agenda: Agenda::default(),
            is_fed: false,
            is_grown: false,
            growth: Growth::default(),
        }
    }

    /// What the next table needs to know of this one.
    pub(super) fn into_memory(self) -> Memory {
        let mut memory = Memory::default();
        memory.eras = self.eras;
        memory.blocks = self.blocks;
        memory.is_synced = !self.is_unsynced;
        let live = self.live.from(None).flat_map(|(name, slots)| {
            let slots = slots.iter();
            slots.map(move |slot| (name, slot.address, slot.offset, slot.era))
        });
        memory.remember(live, self.free.into_dead());
        memory
    }

    /// How long a file is that holds exactly this.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Wanted names that are left to foreign lines, in order.
    pub(super) fn shadowed(&self) -> &Arc<[Name]> {
        &self.shadowed
    }

    /// The names, in lower case, that lines of others map.
    pub(super) fn foreign_names(&self) -> &BTreeSet<String> {
        &self.foreign_names
    }

    /// What our part of the file consists of.
    pub(super) fn counts(&self) -> SlotCounts {
        let (dead, waiting) = self.free.counts();
        let retiring = self.agenda.lines();
        SlotCounts {
            live: self.live.lines() - retiring,
            retiring,
            dead,
            waiting,
            rewrites: 0,
        }
    }

    /// The file has grown by these bytes, which begin with what its last line lacked.
    pub(super) fn grow(&mut self, bytes: &[u8], owner: &Owner, now: Time) {
        let (hosts, memory) = (Hosts::new(), Memory::default());
        let grown = layout::read(self.size, bytes, owner, &Known::of(&hosts, &memory));
        self.blocks
            .extend(grown.blocks.into_iter().map(|begin| (begin, now)));
        for (offset, cells) in grown.dead {
            // Nobody can be reading anything there.
            self.free.put(offset, cells);
        }
        (self.size, self.is_terminated) = (grown.size, grown.is_terminated);
        self.is_grown = true;
    }

    /// What is to be done next so that the file says what is `wanted`, of about `limit` names at most; to be
    /// called again until nothing is, and when it is time to wake.
    pub(super) fn step(&mut self, wanted: &Hosts, now: Time, owner: &Owner, limit: usize) -> Batch {
        if let Some(block) = self.next_block(owner) {
            // All of them, before any of the new slots is used: the spare ones stay spare.
            return Batch {
                operations: vec![block],
                ..Batch::default()
            };
        }
        let mut writes = Writes::default();
        self.eras.forget(now);
        self.is_fed |= self.free.mature(now);
        let (cells, reclaimed) = self.displaced.reclaim(now, &mut writes);
        for offset in cells {
            // Somebody may still be reading the blank lines that were there, which end elsewhere.
            self.free.wait(now, place(offset), 1);
        }
        let mut unplaced = Vec::new();
        let mut retiring = Vec::new();
        for name in self.unsettled(wanted, now, limit) {
            let mut need = Need::None;
            if let Some(mut difference) = self.difference(&name, wanted) {
                let lacking = unplaced.len();
                let waits = self.activate(&name, &mut difference, now, &mut writes, &mut unplaced);
                need = match unplaced.len() > lacking {
                    true => Need::Now,
                    false if waits => Need::Later,
                    false => Need::None,
                };
                retiring.push((name.clone(), difference));
            } else {
                self.agenda.retire(&name, None);
            }
            self.agenda.needs(&name, need);
        }
        for (name, difference) in retiring {
            let is_wanted =
                wanted.contains_key(&name) && !self.foreign_names.contains(name.as_str());
            self.retire(name, difference, is_wanted, now, &mut writes);
        }
        let mut operations = writes.into_operations();
        if !unplaced.is_empty() {
            // All that the others lack, so that there will be slots of each size for all of them.
            unplaced.extend(self.lacking_cells(wanted));
            self.growth = Growth::by(unplaced);
            operations.extend(self.next_block(owner));
        }
        let fed = self.free.due().filter(|_| self.agenda.is_hungry());
        let wake = [reclaimed, self.agenda.next(), fed];
        Batch {
            operations,
            is_last: self.is_complete(),
            wake: wake.into_iter().flatten().min(),
        }
    }

    /// The next block by which the file grows, if it does.
    fn next_block(&mut self, owner: &Owner) -> Option<Operation> {
        let bytes = self
            .growth
            .next_block(owner, self.size, self.is_terminated)?;
        Some(Operation::Append {
            bytes,
            rest: self.growth.bytes(),
        })
    }

    /// One that will look at all names, whatever it has done so far.
    #[cfg(test)]
    pub(super) fn doubtful(&self) -> Self {
        Self {
            scan: Some(Scan::default()),
            ..self.clone()
        }
    }

    /// Its lines between our markers, since when they are alive left out: what any other table of the
    /// same file has too.
    #[cfg(test)]
    pub(super) fn inside(&self) -> BTreeSet<(Name, Offset, u32, Address, bool)> {
        let each = self.live.from(None).flat_map(|(name, slots)| {
            let inside = slots.iter();
            let inside = inside.filter(|slot| !matches!(slot.form, Form::Outside | Form::Word));
            inside.map(move |slot| {
                let is_slot = slot.form == Form::Slot;
                (
                    name.clone(),
                    slot.offset,
                    slot.length,
                    slot.address,
                    is_slot,
                )
            })
        });
        each.collect()
    }

    /// The names that may have something to be done, and are to be looked at now.
    fn unsettled(&mut self, wanted: &Hosts, now: Time, limit: usize) -> BTreeSet<Name> {
        let before = std::mem::replace(&mut self.wanted, wanted.clone());
        let mut is_shadowed_otherwise = false;
        for item in before.diff(wanted) {
            let name = scan::name_of(&item);
            is_shadowed_otherwise |= self.is_shadowed_otherwise(name, wanted);
            if !self.is_to_be_scanned(name) {
                self.agenda.queue(name.clone());
            }
        }
        if is_shadowed_otherwise {
            self.shadow(wanted);
        }
        // Slots that come by themselves are waited for.
        if std::mem::take(&mut self.is_fed) || !self.awaits_slots() {
            self.agenda.feed_all();
        } else if std::mem::take(&mut self.is_grown) {
            self.agenda.feed_lacking();
        }
        let mut names = BTreeSet::from_iter(self.agenda.take(now, limit));
        if let Some(scan) = self.scan.take() {
            let mut lacking = self.lacking(&scan, wanted);
            names.extend(lacking.by_ref().take(limit).map(|(name, ..)| name.clone()));
            let next = lacking.next().map(|(name, ..)| name.clone());
            drop(lacking);
            self.scan = next.map(|name| Scan { from: Some(name) });
        }
        names
    }

    /// False while not all names have been looked at that are to be.
    fn is_complete(&self) -> bool {
        self.scan.is_none() && self.agenda.queued().is_empty() && self.growth.is_complete()
    }

    /// The names not scanned yet whose live lines are not what is wanted.
    fn lacking<'a>(&'a self, scan: &Scan, wanted: &'a Hosts) -> impl Iterator<Item = Entry<'a>> {
        scan.rest(&self.live, wanted)
            .map(|(name, addresses, slots)| (name, self.unless_foreign(name, addresses), slots))
            .filter(|(_, addresses, slots)| !says_exactly(slots, addresses))
    }

    fn unless_foreign<'a>(&self, name: &Name, addresses: &'a [Address]) -> &'a [Address] {
        match self.foreign_names.contains(name.as_str()) {
            true => &[],
            false => addresses,
        }
    }

    fn difference(&self, name: &Name, wanted: &Hosts) -> Option<Difference> {
        let addresses = wanted.get(name).map_or(&[][..], |addresses| addresses);
        Difference::between(self.unless_foreign(name, addresses), self.live.get(name))
    }

    /// True when a name is newly left to a foreign line, or no longer.
    fn is_shadowed_otherwise(&self, name: &Name, wanted: &Hosts) -> bool {
        let is_told = self.shadowed.binary_search(name).is_ok();
        self.foreign_names.contains(name.as_str()) && is_told != wanted.contains_key(name)
    }

    /// Notes which names are left to foreign lines.
    fn shadow(&mut self, wanted: &Hosts) {
        let foreign = self.foreign_names.iter();
        let shadowed = foreign.filter_map(|name| wanted.get_key_value(name.as_str()));
        self.shadowed = shadowed.map(|(name, _)| name.clone()).collect();
    }

    /// The sizes of slots that the names will lack that are to be looked at next.
    fn lacking_cells(&self, wanted: &Hosts) -> Vec<u8> {
        let mut sizes = Vec::new();
        let mut add = |name: &Name, difference: Difference| {
            let missing = difference.missing.iter();
            let missing = missing.filter(|address| !self.can_wait(&difference, address));
            sizes.extend(missing.map(|address| cells(&format!("{address} {name}"))));
        };
        let lacking = self.scan.as_ref().map(|scan| self.lacking(scan, wanted));
        for (name, addresses, slots) in lacking.into_iter().flatten() {
            if let Some(difference) = Difference::between(addresses, slots) {
                add(name, difference);
            }
        }
        let queued = self.agenda.queued().iter();
        for name in queued.filter(|name| !self.is_to_be_scanned(name)) {
            if let Some(difference) = self.difference(name, wanted) {
                add(name, difference);
            }
        }
        self.free.without_room(sizes)
    }

    fn is_to_be_scanned(&self, name: &Name) -> bool {
        let scan = self.scan.as_ref();
        scan.is_some_and(|scan| scan.from.as_ref().is_none_or(|from| name >= from))
    }

    /// True while there will be new slots without anything else happening.
    fn awaits_slots(&self) -> bool {
        self.free.due().is_some() || self.displaced.is_pending()
    }

    /// True when a line that is no slot says this where it is, and the file need not grow for it.
    fn can_wait(&self, difference: &Difference, address: &Address) -> bool {
        let mut said = difference.superseded.iter();
        self.awaits_slots() && said.any(|slot| slot.address == *address)
    }

    /// Brings what is missing of a name to life, as far as there are slots; the sizes of those that
    /// are lacking go to `unplaced`. True when something waits for slots to become ready.
    fn activate(
        &mut self,
        name: &Name,
        difference: &mut Difference,
        now: Time,
        writes: &mut Writes,
        unplaced: &mut Vec<u8>,
    ) -> bool {
        let mut waits = false;
        let last = difference.superseded.iter().map(|slot| slot.offset).max();
        for address in std::mem::take(&mut difference.missing) {
            let text = format!("{address} {name}");
            let wanted = cells(&text);
            let is_old = |offset| old_at(&self.blocks, offset) <= now;
            let Some((offset, cells)) = self.free.take(wanted, last, is_old) else {
                if !self.can_wait(difference, &address) {
                    unplaced.push(wanted);
                    continue;
                }
                let said = difference.superseded.iter();
                let said = said.enumerate().find(|(_, slot)| slot.address == address);
                if let Some((at, _)) = said {
                    difference.kept.push(difference.superseded.remove(at));
                    waits = true;
                }
                continue;
            };
            let length = usize::from(cells) * CELL;
            let line = format!("{text:width$}\n", width = length - 1);
            writes.body(offset.into(), &line.as_bytes()[1..]);
            writes.activate(offset.into(), line.as_bytes()[0]);
            self.is_unsynced = true;
            difference.kept.push(Slot {
                offset,
                length: length as u32,
                era: self.eras.at(now),
                address,
                form: Form::Slot,
            });
        }
        waits
    }

    /// Ends what is superseded and may die, and notes when the rest may.
    fn retire(
        &mut self,
        name: Name,
        difference: Difference,
        is_wanted: bool,
        now: Time,
        writes: &mut Writes,
    ) {
        let Difference {
            kept, superseded, ..
        } = difference;
        let mut next = None;
        // The oldest first, each relying on younger ones, which may be superseded too; and none
        // before an older one. Else a name that changes more often than the grace period ends
        // never has a line that is old enough for the others to go.
        let mut alive = VecDeque::from(superseded);
        let age = |slot: &Slot| (self.eras.time(slot.era), slot.era);
        alive.make_contiguous().sort_by_key(age);
        while let Some(slot) = alive.pop_front() {
            let others = kept.iter().chain(&alive);
            let others = others.map(|survivor| self.may_die_for(&slot, survivor));
            let may_die = match is_wanted {
                true => others.min(),
                false => Some(now),
            };
            if may_die.is_some_and(|at| at <= now) {
                self.deactivate(&slot, is_wanted, now, writes);
                continue;
            }
            alive.push_front(slot);
            next = may_die;
            break;
        }
        let retiring = next.map(|at| (at, alive.len()));
        self.agenda.retire(&name, retiring);
        // What is superseded next comes behind what already is, which is to die before it.
        alive.extend(kept);
        self.live.set(name, alive.into());
    }

    /// From when on no reader can miss both a line and the one that takes its place.
    fn may_die_for(&self, slot: &Slot, survivor: &Slot) -> Time {
        let old = self.eras.time(survivor.era) + GRACE;
        match survivor.offset > slot.offset {
            true => old.min(old_at(&self.blocks, survivor.offset)),
            false => old,
        }
    }

    fn deactivate(&mut self, slot: &Slot, has_successor: bool, now: Time, writes: &mut Writes) {
        if has_successor && self.is_unsynced {
            writes.sync();
            self.is_unsynced = false;
        }
        if slot.form == Form::Word {
            return self.deactivate_word(slot.offset.into(), now, writes);
        }
        writes.deactivate(slot.offset.into());
        match (slot.cells(), slot.form) {
            (Some(cells), _) => self.free.wait(now, slot.offset, cells),
            (None, Form::Outside) => {
                // It is now a comment like any other.
            }
            (None, _) => self
                .displaced
                .add(slot.offset.into(), slot.length.into(), now),
        }
    }

    /// Ends a name in a line of others; the last one of a line ends the line.
    fn deactivate_word(&mut self, offset: u64, now: Time, writes: &mut Writes) {
        let Some((&begin, line)) = self.joined.range_mut(..=offset).next_back() else {
            return;
        };
        line.live -= 1;
        if line.live > 0 {
            return writes.deactivate_word(offset);
        }
        let cells = line.cells;
        self.joined.remove(&begin);
        writes.deactivate(begin);
        if let Some(cells) = cells {
            self.free.wait(now, place(begin), cells);
        }
    }
}

/// From when on the block around an offset has been there for longer than any reader reads: some ask for
/// the size first and stop there.
fn old_at(blocks: &BTreeMap<u64, Time>, offset: Offset) -> Time {
    let block = blocks.range(..=u64::from(offset)).next_back();
    block.map_or(Time::MAX, |(_, &since)| since + GRACE)
}

/// How many cells a line takes.
fn cells(text: &str) -> u8 {
    (text.len() + 1).div_ceil(CELL) as u8
}

#[cfg(test)]
mod tests;
