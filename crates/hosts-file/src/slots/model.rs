//! A model of a file that is written in slots, of those who read it meanwhile, and of what can go
//! wrong. The real driver works on it.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;

use super::driver::Driver;
use super::store::{Stamp, Store};
use super::table::SlotCounts;
use super::{GRACE, PAGE, Time};
use crate::{Address, Error, Hosts, Name, Owner, line};

pub(super) fn owner() -> Owner {
    Owner::new("hostsync").unwrap()
}

/// The driver at work on a file.
pub(super) struct Model {
    disk: Rc<RefCell<Disk>>,
    driver: Driver<ModelStore>,
    /// What the file was made to say last, as the daemon keeps it on disk.
    last: Hosts,
    pub(super) counts: SlotCounts,
    pub(super) shadowed: Vec<Name>,
}

/// What goes wrong at one call of the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The process is killed.
    Kill,
    /// The machine loses its power: of what was not synced, each page has been written with the
    /// first of its changes, more or fewer of them by these bits.
    PowerCut(u64),
    /// The system does nothing and returns an error.
    Refuse,
    /// The disk is full after this part of the bytes.
    Short(u8),
    /// Somebody else appends a line.
    Append(u8),
}

/// A file, the readers in it, and what they must find.
pub(super) struct Disk {
    pub(super) text: Vec<u8>,
    /// Another one after each change.
    modified: i64,
    pub(super) now: Time,
    pub(super) readers: Vec<Reader>,
    /// For each name what it may be answered with, since when it has been promised, and until when
    /// an earlier promise held.
    pub(super) history: BTreeMap<Name, Vec<Promise>>,
    pub(super) foreign: Vec<u8>,
    pub(super) written: usize,
    operations: usize,
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

/// What a name was wanted to be during a time.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    addresses: BTreeSet<Address>,
    from: Time,
    until: Option<Time>,
    /// Since when the file says so; none while that is under way, or after a crash.
    pub(super) kept: Option<Time>,
}

/// Somebody who reads the file piece by piece, in less than the grace period.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    begun: Time,
    piece: usize,
    seen: Vec<u8>,
    /// The size that it asked for first and goes by, as c-ares does.
    size: Option<usize>,
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
            readers: Vec::new(),
            history: BTreeMap::new(),
            written: 0,
            operations: 0,
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
            shadowed: Vec::new(),
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
        self.driver = Driver::new(ModelStore(Rc::clone(&self.disk)), owner());
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
        self.counts = progress.counts;
        self.shadowed = progress.shadowed;
        progress.wake.map(|wait| self.disk().now + wait)
    }
}

impl ModelStore {
    /// A call of the store, at which something may go wrong; `bytes` is what it is to write where.
    fn call(&mut self, write: Option<(usize, &[u8])>) -> Result<RefMut<'_, Disk>, Error> {
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
            Some(Fault::Refuse) => return Err(error(Errno::EIO)),
            Some(Fault::Short(part)) => {
                if let Some((offset, bytes)) = write {
                    let part = bytes.len() * usize::from(part) / 256;
                    disk.change(offset, &bytes[..part]);
                }
                return Err(error(Errno::ENOSPC));
            }
        }
        match disk.is_dead {
            true => Err(error(Errno::ESRCH)),
            false => Ok(disk),
        }
    }
}

fn error(errno: Errno) -> Error {
    Error::io("use", Path::new("the model"))(errno.into())
}

impl Store for ModelStore {
    fn read(&mut self) -> Result<(Vec<u8>, Stamp), Error> {
        let text = self.call(None)?.text.clone();
        Ok((text, self.stamp()?))
    }

    fn byte_at(&mut self, offset: u64) -> Result<Option<u8>, Error> {
        Ok(self.call(None)?.text.get(offset as usize).copied())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let offset = offset as usize;
        let mut disk = self.call(Some((offset, bytes)))?;
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
        let mut disk = self.call(Some((end, bytes)))?;
        // Somebody may just have appended as well.
        let end = disk.text.len();
        disk.change(end, bytes);
        Ok(end as u64)
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.call(None)?.sync();
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
        self.call(None)?.modified += 1;
        Ok(())
    }

    fn now(&self) -> Time {
        self.0.borrow().now
    }

    fn contended(&self) -> Error {
        error(Errno::EBUSY)
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
        self.operations += 1;
        self.modified += 1;
        self.look();
    }

    pub(super) fn sync(&mut self) {
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

    /// A page reaches the disk with all that was done to it up to some time; what is appended counts
    /// from the moment in which the file is known to be longer, and so all of it does or nothing.
    fn lose_power(&mut self, bits: u64) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let mut text = std::mem::take(&mut self.synced);
        let mut reached: BTreeMap<usize, bool> = BTreeMap::new();
        for (number, change) in unsynced.iter().enumerate() {
            let mut coin = |page: usize| {
                let still = reached.entry(page).or_insert(true);
                let bit = (number * 7 + page * 13) % 64;
                *still = *still && bits >> bit & 1 == 1;
                *still
            };
            let end = change.offset + change.bytes.len();
            if end > text.len() {
                if change.offset == text.len() && coin(change.offset / PAGE as usize) {
                    change.apply(&mut text, 0..usize::MAX);
                }
                continue;
            }
            for page in change.offset / PAGE as usize..=(end - 1) / PAGE as usize {
                if coin(page) {
                    let begin = page * PAGE as usize;
                    change.apply(&mut text, begin..begin + PAGE as usize);
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
        self.readers.clear();
        self.forget_kept();
    }

    /// What a foreign rewrite or a power cut does to readers is not ours to prevent.
    pub(super) fn forget_kept(&mut self) {
        self.readers.clear();
        let promises = self.history.values_mut().flatten();
        promises.for_each(|promise| promise.kept = None);
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
        for name in wanted.keys() {
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

    /// Every reader goes on by a piece, in its own time; a new one begins.
    pub(super) fn look(&mut self) {
        if !self.is_watched {
            return;
        }
        check_lines(&self.text);
        // Those that take longer than the protocol allows for give up.
        let (now, slowest) = (self.now, GRACE - Duration::from_millis(1));
        self.readers.retain(|reader| now < reader.begun + slowest);
        let sizes = [16, 64, 1000, 1024, 4096, 1 << 30];
        let piece = sizes[self.operations % sizes.len()];
        let size = self.operations.is_multiple_of(3).then_some(self.text.len());
        self.readers.push(Reader {
            begun: self.now,
            piece,
            seen: Vec::new(),
            size,
        });
        let (text, operations) = (&self.text, self.operations);
        for (number, reader) in self.readers.iter_mut().enumerate() {
            // Some are fast, and some take many operations for each piece.
            if !(number + operations).is_multiple_of(1 + number % 7) {
                continue;
            }
            let end = reader.size.unwrap_or(text.len()).min(text.len());
            let next = (reader.seen.len() + reader.piece).min(end);
            if next > reader.seen.len() {
                let from = reader.seen.len();
                reader.seen.extend_from_slice(&text[from..next]);
            }
        }
        self.finish_readers();
    }

    fn finish_readers(&mut self) {
        let readers = std::mem::take(&mut self.readers);
        let (complete, rest) = readers.into_iter().partition::<Vec<_>, _>(|reader| {
            reader.seen.len() >= reader.size.unwrap_or(self.text.len()).min(self.text.len())
        });
        for reader in complete {
            self.check(&reader);
        }
        self.readers = rest;
        if self.readers.len() > 40 {
            self.readers.drain(..20);
        }
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
                    "a reader with pieces of {} found {found:?} for {name}, not one of {right:?}",
                    reader.piece
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
        let is_whole = !line.ends_with(b"\n") || line::entry(line).is_some();
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
        .filter_map(line::entry)
    {
        said.entry(name).or_default().insert(address);
    }
    said
}
