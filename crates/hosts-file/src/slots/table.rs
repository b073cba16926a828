//! The slots of a file as a state machine: what is there, what is wanted and the time in, single
//! writes out. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::layout::{Layout, Live};
use super::operations::{Operation, Writes};
use super::reclaim::Displaced;
use super::{CELL, GRACE, Time, growth};
use crate::{Address, Hosts, Name, Owner};

/// Before any time at which a table is asked: its clock begins at [`GRACE`].
const LONG_AGO: Time = Time::ZERO;

/// What is to be done next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// To be done in this order.
    pub(super) operations: Vec<Operation>,
    /// When there will be more to do, though nothing changes.
    pub(super) wake: Option<Time>,
    /// Wanted names that are left to foreign lines, in order.
    pub(super) shadowed: Vec<Name>,
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
    /// The live lines of each name, in the order of the file.
    live: BTreeMap<Name, Vec<Slot>>,
    /// Dead slots that may be written, by their cells.
    ready: BTreeMap<usize, BTreeSet<u64>>,
    /// Dead slots that a reader may still be reading, the longest dead first.
    waiting: VecDeque<Waiting>,
    displaced: Displaced,
    /// Where our blocks begin, and since when they have been there.
    blocks: BTreeMap<u64, Time>,
    foreign_names: BTreeSet<String>,
    size: u64,
    is_terminated: bool,
    /// Whether anything came alive since the last sync.
    is_unsynced: bool,
    retiring: usize,
}

/// A live line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    offset: u64,
    address: Address,
    /// None for a line that is no slot and is to be replaced by one.
    cells: Option<usize>,
    length: u64,
    /// Whether it stands between our markers.
    is_inside: bool,
    /// Since when it is known to be alive.
    since: Time,
}

/// A dead slot that a reader may still be reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    since: Time,
    offset: u64,
    cells: usize,
}

/// What one name lacks and has too much.
#[derive(Debug, Default)]
struct Difference {
    missing: Vec<Address>,
    /// Live lines that say what is wanted.
    kept: Vec<Slot>,
    /// Live lines that say what is not wanted, or say it twice, or are no slots.
    superseded: Vec<Slot>,
}

impl Table {
    /// The slots of a file. What `before` knows of the times of slots that are still there is taken
    /// over; of others it is only known that they are there now. `grown` is where dead slots were
    /// just appended, in which nobody can be reading anything.
    pub(super) fn new(
        layout: Layout,
        before: Option<&Self>,
        grown: Option<u64>,
        now: Time,
    ) -> Self {
        let mut table = Self {
            live: BTreeMap::new(),
            ready: BTreeMap::new(),
            waiting: VecDeque::new(),
            displaced: Displaced::new(layout.displaced, now),
            blocks: BTreeMap::new(),
            foreign_names: layout.foreign_names,
            size: layout.size,
            is_terminated: layout.is_terminated,
            // Of lines that are taken over nothing is known; one sync too many does no harm.
            is_unsynced: before.is_none_or(|before| before.is_unsynced),
            retiring: 0,
        };
        for begin in layout.blocks {
            let since = before.and_then(|before| before.blocks.get(&begin).copied());
            table.blocks.insert(begin, since.unwrap_or(now));
        }
        for live in layout.live {
            let since = before.and_then(|before| before.since(&live)).unwrap_or(now);
            let Live {
                offset,
                cells,
                length,
                is_inside,
                name,
                address,
            } = live;
            let slot = Slot {
                offset,
                address,
                cells,
                length,
                is_inside,
                since,
            };
            table.live.entry(name).or_default().push(slot);
        }
        let known = before.map(Self::dead_since).unwrap_or_default();
        for dead in layout.dead {
            let is_new = grown.is_some_and(|from| dead.offset >= from);
            match known.get(&dead.offset) {
                _ if is_new => table.wait(LONG_AGO, dead.offset, dead.cells),
                Some(None) => table.wait(LONG_AGO, dead.offset, dead.cells),
                Some(&Some(since)) => table.wait(since, dead.offset, dead.cells),
                None => table.wait(now, dead.offset, dead.cells),
            }
        }
        table
            .waiting
            .make_contiguous()
            .sort_by_key(|waiting| waiting.since);
        table
    }

    /// How long a file is that holds exactly this.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What our part of the file consists of.
    pub(super) fn counts(&self) -> SlotCounts {
        let lines: usize = self.live.values().map(Vec::len).sum();
        SlotCounts {
            live: lines - self.retiring,
            retiring: self.retiring,
            dead: self
                .ready
                .iter()
                .map(|(cells, slots)| cells * slots.len())
                .sum(),
            waiting: self.waiting.iter().map(|waiting| waiting.cells).sum(),
            rewrites: 0,
        }
    }

    /// True when a live line of ours says this.
    pub(super) fn says(&self, name: &Name, address: &Address) -> bool {
        let slots = self.live.get(name);
        slots.is_some_and(|slots| slots.iter().any(|slot| slot.address == *address))
    }

    /// What is to be done next so that the file says what is `wanted`; to be called again after an
    /// [`Operation::Append`], and when it is time to wake.
    pub(super) fn step(&mut self, wanted: &Hosts, now: Time, owner: &Owner) -> Batch {
        let mut writes = Writes::default();
        let mut batch = Batch::default();
        self.mature(now);
        let (cells, wake) = self.displaced.reclaim(now, &mut writes);
        // Somebody may still be reading the blank lines that were there, which end elsewhere.
        for offset in cells {
            self.wait(now, offset, 1);
        }
        batch.wake = wake;
        let lacking = self.lacking(wanted, &mut batch.shadowed);
        let mut unplaced = Vec::new();
        let mut retiring = Vec::new();
        for (name, mut difference) in lacking {
            if self.activate(&name, &mut difference, now, &mut writes, &mut unplaced) {
                let ready = self.waiting.front().map(|waiting| waiting.since + GRACE);
                batch.wake = earlier(batch.wake, ready);
            }
            retiring.push((name, difference));
        }
        self.retiring = 0;
        for (name, difference) in retiring {
            let is_wanted =
                wanted.contains_key(&name) && !self.foreign_names.contains(name.as_str());
            let wake = self.retire(name, difference, is_wanted, now, &mut writes);
            batch.wake = earlier(batch.wake, wake);
        }
        batch.operations = writes.into_operations();
        if !unplaced.is_empty() {
            let bytes = growth::block(owner, self.size, self.is_terminated, unplaced);
            batch.operations.push(Operation::Append { bytes });
        }
        batch
    }

    fn since(&self, live: &Live) -> Option<Time> {
        let slots = self.live.get(&live.name)?;
        let slot = slots
            .iter()
            .find(|slot| slot.offset == live.offset && slot.address == live.address)?;
        Some(slot.since)
    }

    /// Since when each dead slot has been dead, by offset; none for those that may be written.
    fn dead_since(&self) -> HashMap<u64, Option<Time>> {
        let ready = self.ready.values().flatten().map(|&offset| (offset, None));
        let waiting = self
            .waiting
            .iter()
            .map(|waiting| (waiting.offset, Some(waiting.since)));
        ready.chain(waiting).collect()
    }

    fn wait(&mut self, since: Time, offset: u64, cells: usize) {
        self.waiting.push_back(Waiting {
            since,
            offset,
            cells,
        });
    }

    /// Takes the slots that have been dead for long enough into use.
    fn mature(&mut self, now: Time) {
        while let Some(&Waiting {
            since,
            offset,
            cells,
        }) = self.waiting.front()
            && since + GRACE <= now
        {
            self.waiting.pop_front();
            self.ready.entry(cells).or_default().insert(offset);
        }
    }

    /// The names whose live lines are not what is wanted. Both sides are sorted by name, so this
    /// is one pass over them.
    fn lacking(&self, wanted: &Hosts, shadowed: &mut Vec<Name>) -> Vec<(Name, Difference)> {
        let mut lacking = Vec::new();
        let mut lives = self.live.iter().peekable();
        for (name, addresses) in wanted {
            while let Some((gone, slots)) = lives.next_if(|(live, _)| *live < name) {
                lacking.push((gone.clone(), Difference::between(&[], slots)));
            }
            let slots = lives
                .next_if(|(live, _)| *live == name)
                .map_or(&[][..], |(_, slots)| slots);
            let is_foreign = self.foreign_names.contains(name.as_str());
            if is_foreign {
                shadowed.push(name.clone());
            }
            let addresses = if is_foreign { &[][..] } else { addresses };
            if !says_exactly(slots, addresses) {
                lacking.push((name.clone(), Difference::between(addresses, slots)));
            }
        }
        lacking.extend(lives.map(|(gone, slots)| (gone.clone(), Difference::between(&[], slots))));
        lacking
    }

    /// Brings what is missing of a name to life, as far as there are slots; the sizes of those that
    /// are lacking go to `unplaced`. True when something waits for slots to become ready: a line that
    /// is no slot says what is wanted where it is, and the file need not grow for it.
    fn activate(
        &mut self,
        name: &Name,
        difference: &mut Difference,
        now: Time,
        writes: &mut Writes,
        unplaced: &mut Vec<usize>,
    ) -> bool {
        let mut waits = false;
        let last = difference.superseded.iter().map(|slot| slot.offset).max();
        for address in &difference.missing {
            let text = format!("{address} {name}");
            let cells = (text.len() + 1).div_ceil(CELL);
            let Some((offset, cells)) = self.take(cells, last, now) else {
                let said = &difference.superseded;
                match said.iter().position(|slot| slot.address == *address) {
                    Some(at) if !self.waiting.is_empty() || self.displaced.is_pending() => {
                        difference.kept.push(difference.superseded.remove(at));
                        waits = true;
                    }
                    _ => unplaced.push(cells),
                }
                continue;
            };
            let length = cells * CELL;
            let line = format!("{text:width$}\n", width = length - 1);
            writes.body(offset, &line.as_bytes()[1..]);
            writes.activate(offset, line.as_bytes()[0]);
            self.is_unsynced = true;
            let slot = Slot {
                offset,
                address: *address,
                cells: Some(cells),
                length: length as u64,
                is_inside: true,
                since: now,
            };
            difference.kept.push(slot);
        }
        waits
    }

    /// Finds a dead slot of at least so many cells; slots are never split or joined, since a reader
    /// could put half of each together. Behind the line that is superseded, in a block that every
    /// reader knows to be there, is best: then that line may die at once. Otherwise the first
    /// place, so that readers find the new address before the old one.
    fn take(&mut self, cells: usize, superseded: Option<u64>, now: Time) -> Option<(u64, usize)> {
        let (&cells, slots) = self
            .ready
            .range(cells..)
            .find(|(_, slots)| !slots.is_empty())?;
        let behind = superseded.and_then(|last| slots.range(last..).next().copied());
        let behind = behind.filter(|&offset| self.is_old(offset, now));
        let offset = behind.or_else(|| slots.first().copied())?;
        self.ready.get_mut(&cells)?.remove(&offset);
        Some((offset, cells))
    }

    /// True when the block around an offset has been there for longer than any reader reads: some
    /// ask for the size first and stop there.
    fn is_old(&self, offset: u64, now: Time) -> bool {
        let block = self.blocks.range(..=offset).next_back();
        block.is_some_and(|(_, &since)| since + GRACE <= now)
    }

    /// Ends what is superseded and may die; says when the rest may.
    fn retire(
        &mut self,
        name: Name,
        difference: Difference,
        is_wanted: bool,
        now: Time,
        writes: &mut Writes,
    ) -> Option<Time> {
        let Difference {
            mut kept,
            superseded,
            ..
        } = difference;
        let mut wake = None;
        // The oldest first, each relying on younger ones, which may be superseded too; and none
        // before an older one. Else a name that changes more often than the grace period ends
        // never has a line that is old enough for the others to go.
        let mut alive = VecDeque::from(superseded);
        alive.make_contiguous().sort_by_key(|slot| slot.since);
        while let Some(slot) = alive.pop_front() {
            let others = kept.iter().chain(&alive);
            let others = others.map(|survivor| self.may_die_for(&slot, survivor, now));
            let may_die = match is_wanted {
                true => others.min(),
                false => Some(now),
            };
            if may_die.is_some_and(|at| at <= now) {
                self.deactivate(&slot, is_wanted, now, writes);
                continue;
            }
            wake = earlier(wake, may_die);
            alive.push_front(slot);
            break;
        }
        self.retiring += alive.len();
        kept.extend(alive);
        match kept.is_empty() {
            true => drop(self.live.remove(&name)),
            false => drop(self.live.insert(name, kept)),
        }
        wake
    }

    /// From when on no reader can miss both a line and the one that takes its place.
    fn may_die_for(&self, slot: &Slot, survivor: &Slot, now: Time) -> Time {
        match survivor.offset > slot.offset && self.is_old(survivor.offset, now) {
            true => now,
            false => survivor.since + GRACE,
        }
    }

    fn deactivate(&mut self, slot: &Slot, has_successor: bool, now: Time, writes: &mut Writes) {
        if has_successor && self.is_unsynced {
            writes.sync();
            self.is_unsynced = false;
        }
        writes.deactivate(slot.offset);
        match slot.cells {
            Some(cells) => self.wait(now, slot.offset, cells),
            None if slot.is_inside => self.displaced.add(slot.offset, slot.length, now),
            // Outside of our markers it is now a comment like any other.
            None => {}
        }
    }
}

impl Difference {
    fn between(addresses: &[Address], slots: &[Slot]) -> Self {
        let mut difference = Self::default();
        for slot in slots {
            let is_said = difference
                .kept
                .iter()
                .any(|kept| kept.address == slot.address);
            match slot.cells.is_some() && !is_said && addresses.contains(&slot.address) {
                true => difference.kept.push(slot.clone()),
                false => difference.superseded.push(slot.clone()),
            }
        }
        let is_missing =
            |address: &&Address| difference.kept.iter().all(|kept| kept.address != **address);
        difference.missing = addresses.iter().filter(is_missing).copied().collect();
        difference
    }
}

/// The usual case: nothing is to be done for a name.
fn says_exactly(slots: &[Slot], addresses: &[Address]) -> bool {
    let is_said = |slot: &Slot| slot.cells.is_some() && addresses.contains(&slot.address);
    slots.len() == addresses.len()
        && slots.iter().all(is_said)
        && addresses
            .iter()
            .all(|address| slots.iter().any(|slot| slot.address == *address))
}

fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
