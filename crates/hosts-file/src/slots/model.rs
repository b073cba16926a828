//! A model of a file that is written in slots, of those who read it meanwhile, and of what can go
//! wrong. The real driver works on it.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::driver::Driver;
use super::known::{Known, Memory};
use super::store::{Stamp, Store};
use super::sums::Sums;
use super::table::{SlotCounts, Table};
use super::{GRACE, GROUP, Time, layout};
use crate::{Address, Addresses, Error, Hosts, Name, Owner, line};

/// How many readers arrive after each change.
const READERS: usize = 4;
/// What reaches the disk as a whole: less than in truth, so that a small file has several, but with
/// whole slots.
const SECTOR: usize = GROUP as usize;

/// What somebody writes first.
pub(super) const SHIFT: &[u8] = b"10.9.9.9 mine\n";

pub(super) fn owner() -> Owner {
    Owner::new("hostsync").unwrap()
}

/// What is wanted: names, each with the last bytes of its addresses.
pub(super) fn hosts(entries: &[(&str, &[u8])]) -> Hosts {
    let address = |last: &u8| format!("10.0.0.{last}").parse::<Address>().unwrap();
    let entries = entries.iter();
    entries
        .map(|(name, addresses)| {
            let addresses: Addresses = addresses.iter().map(address).collect();
            (name.parse().unwrap(), addresses)
        })
        .collect()
}

/// The driver at work on a file.
pub(super) struct Model {
    disk: Rc<RefCell<Disk>>,
    driver: Driver<ModelStore>,
    /// What the file was made to say last, as the daemon keeps it on disk.
    last: Hosts,
    pub(super) counts: SlotCounts,
    pub(super) shadowed: Arc<[Name]>,
}

/// What goes wrong at one call of the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The process is killed.
    Kill,
    /// The machine loses its power: of what was not synced, each sector has been written with the
    /// first of its changes, more or fewer of them by these bits.
    PowerCut(u64),
    /// The system does nothing and returns an error.
    Refuse,
    /// The disk is full after this part of the bytes.
    Short(u8),
    /// Somebody else appends a line.
    Append(u8),
    /// Somebody else has read the file before and writes that back, right before the next setting of
    /// the time.
    Revert,
    /// Somebody else writes the file anew while we write, with a line of theirs first and as many bytes
    /// less at the end: neither length nor time tells it from our own write.
    Shift,
}

/// A file, the readers in it, and what they must find.
pub(super) struct Disk {
    pub(super) text: Vec<u8>,
    /// Another one after each change.
    modified: i64,
    pub(super) now: Time,
    /// What the text was, as far back as a reader can have begun, each since some time.
    past: Vec<(Time, Vec<u8>)>,
    /// Where the last change was, and how long.
    changed: (usize, usize),
    /// Of what is chosen at random.
    pub(super) seed: u64,
    /// Somebody rewrites the file just now; what readers see of that is not ours to prevent.
    is_disturbed: bool,
    /// For each name what it may be answered with, since when it has been promised, and until when
    /// an earlier promise held.
    pub(super) history: BTreeMap<Name, Vec<Promise>>,
    pub(super) foreign: Vec<u8>,
    pub(super) written: usize,
    /// How often it was synced.
    pub(super) syncs: usize,
    /// When its time was last set.
    pub(super) touched: Option<Time>,
    /// How many bytes the process has read.
    pub(super) read: usize,
    /// Looking after every operation takes too long for large files.
    pub(super) is_watched: bool,
    /// What goes wrong, after so many more calls.
    fault: Option<(usize, Fault)>,
    /// The process is dead, and does nothing any more.
    is_dead: bool,
    /// What a power cut leaves in any case.
    synced: Vec<u8>,
    /// What was done since then.
    unsynced: Vec<Change>,
    /// Names that the synced text says and that were wanted all the time since.
    steady: BTreeSet<Name>,
}

/// A write, or the end of the file before and what was appended there.
struct Change {
    offset: usize,
    bytes: Vec<u8>,
}

/// What the driver has of the file.
pub(super) struct ModelStore(Rc<RefCell<Disk>>);

/// A call of the store, as far as it matters to what goes wrong.
enum Call<'a> {
    Write(usize, &'a [u8]),
    Touch,
    Other,
}

/// What a name was wanted to be during a time.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    addresses: BTreeSet<Address>,
    from: Time,
    until: Option<Time>,
    /// Since when the file says so; none while that is under way, or after a crash.
    pub(super) kept: Option<Time>,
}

/// Somebody who has read the file piece by piece, in less than the grace period.
#[derive(Debug)]
struct Reader {
    begun: Time,
    seen: Vec<u8>,
}

impl Model {
    pub(super) fn new(foreign: &str) -> Self {
        let text = foreign.as_bytes().to_vec();
        let disk = Rc::new(RefCell::new(Disk {
            foreign: text.clone(),
            synced: text.clone(),
            text,
            modified: 0,
            now: GRACE,
            past: Vec::new(),
            changed: (0, 0),
            seed: 1,
            is_disturbed: false,
            history: BTreeMap::new(),
            written: 0,
            syncs: 0,
            touched: None,
            read: 0,
            is_watched: true,
            fault: None,
            is_dead: false,
            unsynced: Vec::new(),
            steady: BTreeSet::new(),
        }));
        Self {
            driver: Driver::new(ModelStore(Rc::clone(&disk)), owner()),
            disk,
            last: Hosts::new(),
            counts: SlotCounts::default(),
            shadowed: Arc::default(),
        }
    }

    pub(super) fn disk(&self) -> Ref<'_, Disk> {
        self.disk.borrow()
    }

    pub(super) fn disk_mut(&mut self) -> RefMut<'_, Disk> {
        self.disk.borrow_mut()
    }

    pub(super) fn pass_time(&mut self, time: Duration) {
        self.disk_mut().now += time;
    }

    /// Starts the process again, which remembers nothing but what it last made the file say.
    pub(super) fn restart(&mut self) {
        let limit = self.driver.limit;
        self.driver = Driver::new(ModelStore(Rc::clone(&self.disk)), owner());
        self.driver.limit = limit;
        self.disk_mut().is_dead = false;
    }

    /// Makes the file say what is wanted; says when there is more to do. None is also said after a
    /// failure, which happens after so many calls of the store.
    pub(super) fn reconcile(
        &mut self,
        wanted: &Hosts,
        fault: Option<(usize, Fault)>,
    ) -> Option<Time> {
        // No two things happen at one time.
        self.pass_time(Duration::from_micros(1));
        self.disk_mut().promise(wanted);
        self.disk_mut().fault = fault;
        let outcome = self.driver.pass(wanted, &self.last);
        self.disk_mut().fault = None;
        if std::mem::take(&mut self.disk_mut().is_disturbed) {
            self.disk_mut().forget_kept();
        }
        if self.disk().is_dead {
            self.restart();
            return None;
        }
        let progress = match outcome {
            Ok(progress) => progress,
            Err(error) => {
                assert!(fault.is_some(), "{error} without a cause");
                return None;
            }
        };
        self.last.clone_from(wanted);
        self.disk_mut().fulfilled(wanted, &progress.shadowed);
        self.check_settled(wanted);
        self.counts = progress.counts;
        self.shadowed = progress.shadowed;
        progress.wake.map(|wait| self.disk().now + wait)
    }

    /// The sum of the changes has led where a comparison of all names leads.
    fn check_settled(&self, wanted: &Hosts) {
        if !self.disk().is_watched {
            return;
        }
        let table = self.driver.table.as_ref().unwrap();
        let now = self.disk().now;
        let [mut as_it_is, mut doubtful] = [table.clone(), table.doubtful()];
        let step = |table: &mut Table| table.step(wanted, now, &owner(), usize::MAX);
        let batch = step(&mut doubtful);
        assert_eq!(batch.operations, [], "something was left undone");
        assert_eq!(batch, step(&mut as_it_is));
        assert_eq!(doubtful.counts(), table.counts());
        assert_eq!(doubtful.shadowed(), table.shadowed());
    }

    /// What is known of the file is what is in it, provided that nobody else has changed it unseen.
    pub(super) fn check_known(&self) {
        let text = &self.disk().text;
        let table = self.driver.table.as_ref().unwrap();
        let memory = Memory::default();
        let known = Known::of(&self.last, &memory);
        let layout = layout::read(0, text, &owner(), &known);
        let mut sums = Sums::default();
        sums.extend(text);
        assert!(self.driver.sums == sums, "not the checksums of the file");
        let read = Table::new(layout, memory, None, self.disk().now);
        assert_eq!(table.inside(), read.inside());
        let cells = |counts: SlotCounts| counts.dead + counts.waiting;
        assert_eq!(cells(table.counts()), cells(read.counts()));
        assert_eq!(table.size(), read.size());
    }

    /// Looks at so many names at a time.
    pub(super) fn with_limit(mut self, limit: usize) -> Self {
        self.driver.limit = limit;
        self
    }
}

impl ModelStore {
    /// A call of the store, at which something may go wrong.
    fn call(&mut self, call: Call<'_>) -> Result<RefMut<'_, Disk>, Error> {
        let mut disk = self.0.borrow_mut();
        let due = match &mut disk.fault {
            Some((0, _)) => disk.fault.take().map(|(_, fault)| fault),
            Some((calls, _)) => {
                *calls -= 1;
                None
            }
            None => None,
        };
        match due {
            None => {}
            Some(Fault::Append(number)) => {
                let line = format!("192.168.1.{number} other{number}\n");
                let end = disk.text.len();
                disk.change(end, line.as_bytes());
                disk.written -= line.len();
            }
            Some(Fault::Kill) => disk.is_dead = true,
            Some(Fault::PowerCut(bits)) => {
                disk.is_dead = true;
                disk.lose_power(bits);
            }
            Some(Fault::Revert) if matches!(call, Call::Touch) => disk.revert(),
            Some(Fault::Revert) => disk.fault = Some((0, Fault::Revert)),
            Some(Fault::Shift) if matches!(call, Call::Write(..)) => disk.shift(),
            Some(Fault::Shift) => disk.fault = Some((0, Fault::Shift)),
            Some(Fault::Refuse) => return Err(error(Errno::EIO)),
            Some(Fault::Short(part)) => {
                if let Call::Write(offset, bytes) = call {
                    let part = bytes.len() * usize::from(part) / 256;
                    disk.change(offset, &bytes[..part]);
                }
                return Err(error(Errno::ENOSPC));
            }
        }
        if disk.is_dead {
            Err(error(Errno::ESRCH))
        } else {
            Ok(disk)
        }
    }
}

fn error(errno: Errno) -> Error {
    Error::io("use", Path::new("the model"))(errno.into())
}

impl Store for ModelStore {
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut disk = self.call(Call::Other)?;
        let rest = disk.text.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(bytes.len());
        bytes[..read].copy_from_slice(&rest[..read]);
        disk.read += read;
        Ok(read)
    }

    fn byte_at(&mut self, offset: u64) -> Result<Option<u8>, Error> {
        Ok(self.call(Call::Other)?.text.get(offset as usize).copied())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let offset = offset as usize;
        let mut disk = self.call(Call::Write(offset, bytes))?;
        assert!(
            offset + bytes.len() <= disk.text.len(),
            "only appending grows"
        );
        // A reader can come by in the middle of a write.
        let (first, second) = bytes.split_at(bytes.len() / 2);
        disk.change(offset, first);
        disk.change(offset + first.len(), second);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64, Error> {
        let end = self.0.borrow().text.len();
        let mut disk = self.call(Call::Write(end, bytes))?;
        // Somebody may just have appended as well.
        let end = disk.text.len();
        disk.change(end, bytes);
        Ok(end as u64)
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.call(Call::Other)?.sync();
        Ok(())
    }

    fn stamp(&self) -> Result<Stamp, Error> {
        let disk = self.0.borrow();
        Ok(Stamp {
            size: disk.text.len() as u64,
            modified: (disk.modified, 0),
        })
    }

    fn touch(&mut self) -> Result<(), Error> {
        let mut disk = self.call(Call::Touch)?;
        disk.modified += 1;
        disk.touched = Some(disk.now);
        Ok(())
    }

    fn now(&self) -> Time {
        self.0.borrow().now
    }

    fn contended(&self) -> Error {
        error(Errno::EBUSY)
    }

    fn too_large(&self, _: u64) -> Error {
        error(Errno::EFBIG)
    }
}

impl Disk {
    fn change(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let change = Change {
            offset,
            bytes: bytes.to_vec(),
        };
        change.apply(&mut self.text, 0..usize::MAX);
        self.unsynced.push(change);
        self.written += bytes.len();
        self.changed = (offset, bytes.len());
        self.modified += 1;
        self.look();
    }

    pub(super) fn sync(&mut self) {
        self.syncs += 1;
        self.unsynced.clear();
        if !self.is_watched {
            return;
        }
        self.synced.clone_from(&self.text);
        let is_wanted = |name: &Name| {
            let promise = self.history.get(name).and_then(|promises| promises.last());
            promise.is_some_and(|promise| promise.until.is_none())
        };
        self.steady = said(&self.text).into_keys().filter(is_wanted).collect();
    }

    /// A sector reaches the disk with all that was done to it up to some time; what is appended counts
    /// from the moment in which the file is known to be longer, and so all of it does or nothing.
    fn lose_power(&mut self, bits: u64) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut text = std::mem::take(&mut self.synced);
        let mut reached: BTreeMap<usize, bool> = BTreeMap::new();
        for (number, change) in unsynced.iter().enumerate() {
            let mut coin = |sector: usize| {
                let still = reached.entry(sector).or_insert(true);
                let bit = (number * 7 + sector * 13) % 64;
                *still = *still && bits >> bit & 1 == 1;
                *still
            };
            let end = change.offset + change.bytes.len();
            if end > text.len() {
                if change.offset == text.len() && coin(change.offset / SECTOR) {
                    change.apply(&mut text, 0..usize::MAX);
                }
                continue;
            }
            for sector in change.offset / SECTOR..=(end - 1) / SECTOR {
                if coin(sector) {
                    let begin = sector * SECTOR;
                    change.apply(&mut text, begin..begin + SECTOR);
                }
            }
        }
        check_lines(&text);
        let said = said(&text);
        for name in &self.steady {
            assert!(said.contains_key(name), "{name} is lost with the power");
        }
        self.synced.clone_from(&text);
        self.text = text;
        self.forget_kept();
    }

    /// What a foreign rewrite or a power cut does to readers is not ours to prevent.
    fn forget_kept(&mut self) {
        self.past.clear();
        self.past.push((self.now, self.text.clone()));
        let promises = self.history.values_mut().flatten();
        promises.for_each(|promise| promise.kept = None);
    }

    /// Somebody else writes back what the file was before the last changes that left its length.
    fn revert(&mut self) {
        let length = self.text.len();
        let before = self.past.iter().find(|(_, text)| text.len() == length);
        if let Some(before) = before.map(|(_, text)| text.clone()) {
            self.rewrite(before);
            self.is_disturbed = true;
        }
    }

    /// Somebody else writes it with a line of theirs first, and no longer than it is.
    fn shift(&mut self) {
        let kept = self.text.len() - SHIFT.len();
        self.foreign = [SHIFT, &self.foreign].concat();
        self.rewrite([SHIFT, &self.text[..kept]].concat());
        self.is_disturbed = true;
    }

    /// Somebody else makes the file this.
    pub(super) fn rewrite(&mut self, text: Vec<u8>) {
        self.text = text;
        self.modified += 1;
        self.forget_kept();
        self.sync();
    }

    fn promise(&mut self, wanted: &Hosts) {
        let now = self.now;
        self.steady.retain(|name| wanted.contains_key(name));
        for (name, promises) in &mut self.history {
            let addresses = wanted
                .get(name)
                .map(|addresses| addresses.iter().copied().collect());
            if let Some(last) = promises.last_mut()
                && last.until.is_none()
                && addresses.as_ref() != Some(&last.addresses)
            {
                last.until = Some(now);
            }
        }
        for (name, addresses) in wanted {
            let promises = self.history.entry(name.clone()).or_default();
            let addresses: BTreeSet<_> = addresses.iter().copied().collect();
            if promises.last().is_none_or(|last| last.until.is_some()) {
                promises.push(Promise {
                    addresses,
                    from: now,
                    until: None,
                    kept: None,
                });
            }
        }
    }

    /// At rest, the file says at least what is wanted, and nothing that was never wanted.
    fn fulfilled(&mut self, wanted: &Hosts, shadowed: &[Name]) {
        for name in wanted.keys().filter(|name| !shadowed.contains(name)) {
            let promise = self
                .history
                .get_mut(name)
                .and_then(|promises| promises.last_mut());
            promise.unwrap().kept.get_or_insert(self.now);
        }
        assert!(
            self.text.starts_with(&self.foreign),
            "a foreign byte was changed"
        );
        if !self.is_watched {
            return;
        }
        let said = said(&self.text);
        for (name, addresses) in wanted.iter().filter(|(name, _)| !shadowed.contains(name)) {
            for address in addresses {
                assert!(
                    said.get(name).is_some_and(|said| said.contains(address)),
                    "{name} lacks {address}"
                );
            }
        }
        assert!(
            self.text.starts_with(&self.foreign),
            "a foreign byte was changed"
        );
    }

    /// Readers that began at some time within the grace period, and read on at some later times,
    /// arrive at the end now.
    pub(super) fn look(&mut self) {
        if !self.is_watched || self.is_disturbed {
            return;
        }
        check_lines(&self.text);
        self.past.push((self.now, self.text.clone()));
        // The text before those was there when the slowest reader began.
        let slowest = self.now.saturating_sub(GRACE - Duration::from_millis(1));
        let gone = self.past.iter().rposition(|(since, _)| *since <= slowest);
        self.past.drain(..gone.unwrap_or(0));
        for _ in 0..READERS {
            let reader = self.reader();
            self.check(&reader);
        }
    }

    /// One of the readers that arrive now.
    fn reader(&mut self) -> Reader {
        let last = self.past.len() - 1;
        let first = self.random(last + 1);
        let begun = self
            .past
            .get(first + 1)
            .map_or(self.now, |(since, _)| *since);
        // Some ask for the size first and go by that, as c-ares does.
        let size = match self.random(3) {
            0 => self.past[first].1.len(),
            _ => usize::MAX,
        };
        let mut seen = Vec::new();
        let mut piece = first;
        loop {
            let end = if piece == last {
                usize::MAX
            } else {
                self.cut()
            };
            let text = &self.past[piece].1;
            let end = end.min(size).min(text.len());
            if end > seen.len() {
                seen.extend_from_slice(&text[seen.len()..end]);
            }
            if piece == last {
                return Reader { begun, seen };
            }
            piece += 1 + self.random(last - piece);
        }
    }

    /// Where a reader stops for a while: often in the middle of what has just been changed.
    fn cut(&mut self) -> usize {
        match self.random(2) {
            0 => self.random(self.text.len() + 1),
            _ => {
                let (from, length) = self.changed;
                (from + self.random(length + 2)).saturating_sub(1)
            }
        }
    }

    /// A number below a limit; the same ones in each run.
    fn random(&mut self, limit: usize) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.seed >> 33) as usize % limit
    }

    fn check(&self, reader: &Reader) {
        check_lines(&reader.seen);
        let said = said(&reader.seen);
        for (name, promises) in &self.history {
            // Wanted from before the reader began until now, be it with several addresses in turn.
            let (mut right, mut is_sure, mut next) = (BTreeSet::new(), false, None);
            for promise in promises.iter().rev() {
                if promise.until != next || is_sure {
                    break;
                }
                right.extend(&promise.addresses);
                next = Some(promise.from);
                is_sure = promise.kept.is_some_and(|kept| kept < reader.begun);
            }
            let found = said.get(name).cloned().unwrap_or_default();
            if is_sure {
                assert!(
                    found.intersection(&right).next().is_some(),
                    "a reader found {found:?} for {name}, not one of {right:?}"
                );
            }
        }
        let is_foreign = |name: &Name| name.as_str().starts_with("other");
        for name in said.keys().filter(|name| !is_foreign(name)) {
            assert!(self.history.contains_key(name), "{name} was never wanted");
        }
    }
}

impl Change {
    /// Does the part of it that falls into this range.
    fn apply(&self, text: &mut Vec<u8>, range: std::ops::Range<usize>) {
        if self.offset + self.bytes.len() > text.len() {
            text.resize(self.offset + self.bytes.len(), 0);
        }
        for (at, &byte) in (self.offset..).zip(&self.bytes) {
            if range.contains(&at) {
                text[at] = byte;
            }
        }
    }
}

/// No line is anything but foreign, ours or a comment.
fn check_lines(text: &[u8]) {
    for line in line::lines(text) {
        let is_foreign = line.starts_with(b"127.0.0.1 ") || line.starts_with(b"192.168.");
        // As in the middle of laying slots over blank lines.
        let is_blank = line.trim_ascii().is_empty();
        let is_whole = !line.ends_with(b"\n") || !entries(line).is_empty();
        assert!(
            line.starts_with(b"#") || is_blank || is_foreign || is_whole,
            "torn: {:?}",
            String::from_utf8_lossy(line)
        );
    }
}

/// What the complete lines of a text say, but for foreign ones.
pub(super) fn said(text: &[u8]) -> BTreeMap<Name, BTreeSet<Address>> {
    let mut said: BTreeMap<Name, BTreeSet<Address>> = BTreeMap::new();
    for (name, address) in line::lines(text)
        .filter(|line| line.ends_with(b"\n"))
        .flat_map(entries)
    {
        said.entry(name).or_default().insert(address);
    }
    said
}

/// What a line says that is not foreign, also one that somebody else has made of ours: each of its words
/// is a name, or one that nobody can ask for.
fn entries(line: &[u8]) -> Vec<(Name, Address)> {
    if line.starts_with(b"192.168.") {
        return line::entry(line).into_iter().collect();
    }
    let Some((address, words)) = line::mapping(line) else {
        return Vec::new();
    };
    let Ok(address) = Address::try_from(address) else {
        return Vec::new();
    };
    let words = words.filter_map(|word| str::from_utf8(word).ok());
    let names = words.filter_map(|word| word.parse().ok());
    names.map(|name| (name, address)).collect()
}
