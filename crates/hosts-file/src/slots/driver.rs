//! Doing what the table says to a file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::file::FileStore;
use super::known::{Known, Memory};
use super::operations::Operation;
use super::reading;
use super::settling::{Settling, Writing};
use super::store::{Stamp, Store};
use super::sums::Sums;
use super::table::{SlotCounts, Table};
use super::{GRACE, Time};
use crate::{Error, Hosts, MAX_BYTES, Name, Owner};

/// How often a pass starts over when others change the file meanwhile.
const ATTEMPTS: usize = 20;
/// How many rounds a pass may take that nobody disturbs: one or two do, and without end it must not be.
const ROUNDS: usize = 1000;
/// About as many names are written at a time, to hold few bytes.
const LIMIT: usize = 2048;

/// A file that is written in slots.
#[derive(Debug)]
pub(crate) struct Driver<S = FileStore> {
    store: S,
    owner: Owner,
    /// None when it is to be made from the file, at first and after a failure.
    pub(super) table: Option<Table>,
    /// What the file should hold.
    pub(super) sums: Sums,
    /// The most names of a step.
    pub(super) limit: usize,
    /// What the file looked like after our last write.
    seen: Option<Stamp>,
    settling: Settling,
    /// When to set the time of change once more, and to look at the whole file.
    touch_at: Option<Time>,
    /// When there is more to do though nothing changes.
    wake_at: Option<Time>,
    rewrites: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Performed {
    All,
    /// All, and the file has grown from here on.
    Grown(u64),
    /// Somebody else changed the file before all was done.
    Interrupted,
}

/// What a pass did.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) wrote: bool,
    /// Whether it put right what somebody else had changed.
    pub(crate) repaired: bool,
    pub(crate) shadowed: Arc<[Name]>,
    /// When to make another pass though nothing changes.
    pub(crate) wake: Option<Duration>,
    pub(crate) counts: SlotCounts,
}

impl Driver {
    /// Opens and locks the file at `path`, which exists.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Self, Error> {
        FileStore::open(path).map(|store| Self::new(store, owner))
    }

    /// Locks a file that is open, from `path`.
    pub(crate) fn of(file: File, path: &Path, owner: Owner) -> Result<Self, Error> {
        FileStore::of(file, path).map(|store| Self::new(store, owner))
    }

    /// True when this is still the file at `path`.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        self.store.is_of(path)
    }
}

impl<S: Store> Driver<S> {
    /// Drives a file of which nothing is known yet.
    pub(super) fn new(store: S, owner: Owner) -> Self {
        Self {
            store,
            owner,
            table: None,
            sums: Sums::default(),
            limit: LIMIT,
            seen: None,
            settling: Settling::default(),
            touch_at: None,
            wake_at: None,
            rewrites: 0,
        }
    }

    /// True when nobody else has changed the file, and nothing is due.
    pub(crate) fn is_at_rest(&self) -> bool {
        let is_due = self.wake_at.is_some_and(|at| at <= self.store.now());
        !is_due
            && self.table.is_some()
            && self
                .store
                .stamp()
                .is_ok_and(|stamp| Some(stamp) == self.seen)
    }

    /// How long to wait, where somebody seems to be writing the file just now.
    pub(crate) fn unsettled(&mut self) -> Result<Option<Duration>, Error> {
        let stamp = self.store.stamp()?;
        let is_short = self.seen.is_some_and(|seen| stamp.size < seen.size);
        let writing = match stamp.size {
            0 => Writing::Empty,
            _ if is_short && self.lacks_names_of_others()? => Writing::Incomplete,
            _ => Writing::Complete,
        };
        Ok(self.settling.wait(writing, stamp, self.store.now()))
    }

    /// True where names that lines of others said are said no longer.
    fn lacks_names_of_others(&mut self) -> Result<bool, Error> {
        let Some(table) = &self.table else {
            return Ok(false);
        };
        let (hosts, memory) = (Hosts::new(), Memory::default());
        let found = reading::read(&mut self.store, &self.owner, &Known::of(&hosts, &memory))?;
        let now = found.layout.foreign_names;
        Ok(!table.foreign_names().is_subset(&now))
    }

    /// How many lines of ours there are. `last` is as in [`Self::pass`].
    pub(crate) fn lines(&mut self, last: &Hosts) -> Result<usize, Error> {
        self.adopt(last, last, None)?;
        Ok(self.table.as_ref().map_or(0, |table| table.counts().live))
    }

    /// Goes on making the file say what is wanted. `last` is what it was made to say before.
    pub(crate) fn pass(&mut self, wanted: &Hosts, last: &Hosts) -> Result<Progress, Error> {
        let outcome = self.try_pass(wanted, last);
        if outcome.is_err() {
            // What was done of the batch is unknown.
            self.table = None;
        }
        outcome
    }

    fn try_pass(&mut self, wanted: &Hosts, last: &Hosts) -> Result<Progress, Error> {
        let mut wrote = false;
        let rewrites = self.rewrites;
        self.look(wanted, last)?;
        let (mut attempts, mut rounds) = (0, 0);
        // How many batches stand in the file of which only the last one's bytes were looked at since.
        let mut unseen = 0;
        while attempts < ATTEMPTS && rounds < ROUNDS {
            let now = self.store.now();
            let Some(table) = &mut self.table else {
                self.adopt(wanted, last, None)?;
                continue;
            };
            let batch = table.step(wanted, now, &self.owner, self.limit);
            if batch.operations.is_empty() && batch.is_last {
                if unseen > 1 && !self.is_as_it_should_be()? {
                    // Somebody put back what was there before the earlier ones.
                    attempts += 1;
                    unseen = 0;
                    self.rewrites += 1;
                    self.adopt(wanted, last, None)?;
                    continue;
                }
                self.wake_at = [batch.wake, self.touch_at].into_iter().flatten().min();
                let repaired = wrote && self.rewrites > rewrites;
                return Ok(self.progress(wrote, repaired, now));
            }
            rounds += usize::from(batch.is_last);
            if batch.operations.is_empty() {
                continue;
            }
            wrote = true;
            unseen += 1;
            if !self.write(&batch.operations, wanted, last)? {
                // They landed while somebody else truncated the file and wrote it again.
                attempts += 1;
                unseen = 0;
                self.rewrites += 1;
                self.adopt(wanted, last, None)?;
            }
        }
        Err(self.store.contended())
    }

    fn progress(&self, wrote: bool, repaired: bool, now: Time) -> Progress {
        let (shadowed, counts) = self.table.as_ref().map_or_else(Default::default, |table| {
            (Arc::clone(table.shadowed()), table.counts())
        });
        Progress {
            wrote,
            repaired,
            shadowed,
            wake: self.wake_at.map(|at| at.saturating_sub(now)),
            counts: SlotCounts {
                rewrites: self.rewrites,
                ..counts
            },
        }
    }

    /// Does what the table says. False when somebody else has changed the file meanwhile.
    fn write(
        &mut self,
        operations: &[Operation],
        wanted: &Hosts,
        last: &Hosts,
    ) -> Result<bool, Error> {
        let size = self.table.as_ref().map_or(0, Table::size);
        let grown =
            size + appended(operations).map_or(0, |(bytes, rest)| bytes.len() as u64 + rest);
        if grown > MAX_BYTES {
            return Err(self.store.too_large(grown));
        }
        if !self.sums.expect(&mut self.store, size, operations)? {
            return Ok(false);
        }
        let performed = self.perform(operations)?;
        if let Performed::Grown(at) = performed {
            self.grow(operations, at, wanted, last)?;
        }
        self.touch()?;
        Ok(performed != Performed::Interrupted && self.holds(operations)?)
    }

    /// Takes in what was appended at some place.
    fn grow(
        &mut self,
        operations: &[Operation],
        at: u64,
        wanted: &Hosts,
        last: &Hosts,
    ) -> Result<(), Error> {
        let now = self.store.now();
        match (&mut self.table, appended(operations)) {
            (Some(table), Some((bytes, _))) if table.size() == at => {
                table.grow(bytes, &self.owner, now);
                Ok(())
            }
            _ => self.adopt(wanted, last, Some(at)),
        }
    }

    /// Reads the file again if somebody else has changed it. Some time after a burst it is compared in
    /// any case: a change between our last write and our setting the time would not have shown.
    fn look(&mut self, wanted: &Hosts, last: &Hosts) -> Result<(), Error> {
        let is_due = self.touch_at.is_some_and(|at| at <= self.store.now());
        let is_disturbed = self.seen.is_some() && Some(self.store.stamp()?) != self.seen;
        if is_disturbed {
            self.rewrites += 1;
        }
        if is_due {
            self.touch_at = None;
            self.set_time()?;
        }
        if (is_due || is_disturbed) && !self.is_as_it_should_be()? {
            self.adopt(wanted, last, None)?;
        }
        Ok(())
    }

    /// Compares the bytes of the file with what it should be.
    fn is_as_it_should_be(&mut self) -> Result<bool, Error> {
        let stamp = self.store.stamp()?;
        let size = self.table.as_ref().map(Table::size);
        let is_right = Some(stamp.size) == size
            && self.sums.hold(&mut self.store, stamp.size)?
            && self.store.stamp()? == stamp;
        if is_right {
            self.seen = Some(stamp);
        }
        Ok(is_right)
    }

    /// Makes the table from the bytes of the file.
    fn adopt(&mut self, wanted: &Hosts, last: &Hosts, grown: Option<u64>) -> Result<(), Error> {
        let memory = match self.table.take() {
            Some(table) => table.into_memory(),
            None => Memory::default(),
        };
        let known = Known {
            wanted,
            last,
            memory: &memory,
        };
        let found = reading::read(&mut self.store, &self.owner, &known)?;
        let now = self.store.now();
        self.table = Some(Table::new(found.layout, memory, grown, now));
        self.sums = found.sums;
        self.seen = Some(found.stamp);
        Ok(())
    }

    /// Stops where somebody else has changed the file: a byte at a place of before would damage
    /// their lines or ours. A sync can take long enough for it; and their write may leave the same length as
    /// there was, and its time be hidden behind that of ours, so that nothing but the bytes tells.
    fn perform(&mut self, operations: &[Operation]) -> Result<Performed, Error> {
        let mut performed = Performed::All;
        for operation in operations {
            if self.seen.is_some() && Some(self.store.stamp()?) != self.seen {
                return Ok(Performed::Interrupted);
            }
            if !self.is_at_its_place(operation)? {
                return Ok(Performed::Interrupted);
            }
            match operation {
                Operation::Body { offset, bytes } => self.store.write_at(*offset, bytes)?,
                Operation::Flip { offset, byte } => self.store.write_at(*offset, &[*byte])?,
                Operation::Sync => self.store.sync()?,
                Operation::Append { bytes, .. } => {
                    performed = Performed::Grown(self.store.append(bytes)?);
                }
            }
            // A sync changes nothing; a write only the time, unless somebody else was faster.
            let now = self.store.stamp()?;
            match operation {
                Operation::Body { .. } | Operation::Flip { .. } => {
                    if self.seen.is_some_and(|seen| seen.size != now.size) {
                        return Ok(Performed::Interrupted);
                    }
                    self.seen = Some(now);
                }
                Operation::Append { .. } => self.seen = Some(now),
                Operation::Sync => {}
            }
        }
        Ok(performed)
    }

    /// True when what is there is what the operation is for.
    fn is_at_its_place(&mut self, operation: &Operation) -> Result<bool, Error> {
        let (Operation::Body { offset, .. } | Operation::Flip { offset, .. }) = operation else {
            return Ok(true);
        };
        let mut bytes = [0; 2];
        let (bytes, at) = match offset.checked_sub(1) {
            Some(before) => (&mut bytes[..], before),
            None => (&mut bytes[1..], 0),
        };
        let expected = bytes.len();
        let is_there = self.store.read_at(at, bytes)? == expected;
        Ok(is_there
            && match *bytes {
                [before, now] => operation.is_for(Some(before), now),
                [now] => operation.is_for(None, now),
                _ => false,
            })
    }

    /// True when the bytes that make slots live or dead are still what we wrote.
    fn holds(&mut self, operations: &[Operation]) -> Result<bool, Error> {
        if self
            .table
            .as_ref()
            .is_some_and(|table| Some(table.size()) != self.seen.map(|seen| seen.size))
        {
            return Ok(false);
        }
        for operation in operations {
            let Operation::Flip { offset, byte } = operation else {
                continue;
            };
            if self.store.byte_at(*offset)? != Some(*byte) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sets the time of change, now and once more when nobody can be reading any more what was
    /// there before: some programs read a file again only when its time is another one, and on many
    /// kernels two writes within 4 ms leave the same.
    fn touch(&mut self) -> Result<(), Error> {
        self.set_time()?;
        let again = self.store.now() + GRACE;
        self.touch_at.get_or_insert(again);
        Ok(())
    }

    fn set_time(&mut self) -> Result<(), Error> {
        self.store.touch()?;
        self.seen = Some(self.store.stamp()?);
        Ok(())
    }
}

/// What is appended, and how much more will be.
fn appended(operations: &[Operation]) -> Option<(&[u8], u64)> {
    operations.iter().find_map(|operation| match operation {
        Operation::Append { bytes, rest } => Some((&bytes[..], *rest)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    fn opened() -> (TempDir, PathBuf, Driver) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let driver = Driver::open(&path, Owner::new("hostsync").unwrap()).unwrap();
        (directory, path, driver)
    }

    /// A sync can take long, and somebody may truncate the file and write it meanwhile.
    #[test]
    fn what_somebody_else_has_shifted_is_not_written_to() {
        let (_directory, path, mut driver) = opened();
        let wanted = Hosts::from_iter([("db".parse().unwrap(), vec!["10.0.0.5".parse().unwrap()])]);
        driver.pass(&wanted, &Hosts::new()).unwrap();
        let offset = |text: &str| text.find("10.0.0.5 db").expect("it was just written") as u64;
        let before = fs::read_to_string(&path).unwrap();
        let kill = [Operation::Flip {
            offset: offset(&before),
            byte: b'#',
        }];
        let shifted = format!("10.9.9.9 mine\n{before}");
        fs::write(&path, &shifted).unwrap();
        assert_eq!(driver.perform(&kill).unwrap(), Performed::Interrupted);
        assert_eq!(fs::read_to_string(&path).unwrap(), shifted);
        // The next pass looks again, and kills it where it is now.
        driver.pass(&Hosts::new(), &wanted).unwrap();
        let after = fs::read_to_string(&path).unwrap();
        assert!(after.starts_with("10.9.9.9 mine\n127.0.0.1 localhost\n"));
        assert!(
            !after.lines().any(|line| line.starts_with("10.0.0.5")),
            "{after}"
        );
    }

    #[test]
    fn it_rests_until_something_is_due_or_others_change_the_file() {
        let (_directory, path, mut driver) = opened();
        assert!(!driver.is_at_rest(), "nothing is known of the file yet");
        let wanted = Hosts::from_iter([("db".parse().unwrap(), vec!["10.0.0.5".parse().unwrap()])]);
        driver.pass(&wanted, &Hosts::new()).unwrap();
        assert!(driver.is_at_rest());
        driver.wake_at = Some(driver.store.now());
        assert!(!driver.is_at_rest(), "something is due");
        driver.wake_at = None;
        assert!(driver.is_at_rest());
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "10.9.9.9 mine\n").unwrap();
        assert!(!driver.is_at_rest(), "somebody else has changed it");
    }

    /// What we append while somebody writes the file piece by piece, they write over.
    #[test]
    fn who_writes_the_file_anew_is_waited_for_until_all_of_theirs_is_there() {
        let (_directory, path, mut driver) = opened();
        let wanted = Hosts::from_iter([("db".parse().unwrap(), vec!["10.0.0.5".parse().unwrap()])]);
        driver.pass(&wanted, &Hosts::new()).unwrap();
        assert_eq!(driver.unsettled().unwrap(), None);
        for lacking in ["", "# mine\n", "10.9.9.9 mine\n"] {
            fs::write(&path, lacking).unwrap();
            assert!(driver.unsettled().unwrap().is_some(), "{lacking:?}");
        }
        fs::write(&path, "10.9.9.9 mine\n127.0.0.1 localhost\n").unwrap();
        assert_eq!(driver.unsettled().unwrap(), None);
    }

    #[test]
    fn a_file_that_was_put_in_its_place_is_another_one() {
        let (directory, path, driver) = opened();
        assert!(driver.is_of(&path));
        let other = directory.path().join("other");
        fs::copy(&path, &other).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(!driver.is_of(&path));
    }
}
