//! Doing what the table says to a file.

use std::path::Path;
use std::time::Duration;

use super::file::FileStore;
use super::operations::Operation;
use super::store::{Stamp, Store};
use super::table::{SlotCounts, Table};
use super::{GRACE, Time, layout};
use crate::{Address, Error, Hosts, Name, Owner};

/// How often a pass starts over when others change the file meanwhile.
const ATTEMPTS: usize = 20;

/// A file that is written in slots.
#[derive(Debug)]
pub(crate) struct Driver<S = FileStore> {
    store: S,
    owner: Owner,
    /// None when it is to be made from the file, at first and after a failure.
    table: Option<Table>,
    /// What the file looked like after our last write.
    seen: Option<Stamp>,
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
    pub(crate) shadowed: Vec<Name>,
    /// When to make another pass though nothing changes.
    pub(crate) wake: Option<Duration>,
    pub(crate) counts: SlotCounts,
}

impl Driver {
    /// Opens and locks the file at `path`, which exists.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Self, Error> {
        FileStore::open(path).map(|store| Self::new(store, owner))
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
            seen: None,
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

    /// How many lines of ours there are. `last` is as in [`Self::pass`].
    pub(crate) fn lines(&mut self, last: &Hosts) -> Result<usize, Error> {
        self.adopt(last, None)?;
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
        self.look(last)?;
        for _ in 0..ATTEMPTS {
            let now = self.store.now();
            let Some(table) = &mut self.table else {
                self.adopt(last, None)?;
                continue;
            };
            let batch = table.step(wanted, now, &self.owner);
            if batch.operations.is_empty() {
                let wake = [batch.wake, self.touch_at].into_iter().flatten().min();
                self.wake_at = wake;
                return Ok(Progress {
                    wrote,
                    repaired: wrote && self.rewrites > rewrites,
                    shadowed: batch.shadowed,
                    wake: wake.map(|at| at.saturating_sub(now)),
                    counts: SlotCounts {
                        rewrites: self.rewrites,
                        ..table.counts()
                    },
                });
            }
            wrote = true;
            let performed = self.perform(&batch.operations)?;
            if let Performed::Grown(at) = performed {
                self.adopt(last, Some(at))?;
            }
            self.touch()?;
            if performed == Performed::Interrupted || !self.holds(&batch.operations)? {
                // They landed while somebody else truncated the file and wrote it again.
                self.rewrites += 1;
                self.adopt(last, None)?;
            }
        }
        Err(self.store.contended())
    }

    /// Reads the file again if somebody else has changed it. Some time after a burst it is read in
    /// any case: a change between our last write and our setting the time would not have shown.
    fn look(&mut self, last: &Hosts) -> Result<(), Error> {
        let is_due = self.touch_at.is_some_and(|at| at <= self.store.now());
        let is_disturbed = self.seen.is_some() && Some(self.store.stamp()?) != self.seen;
        if is_disturbed {
            self.rewrites += 1;
        }
        if is_due {
            self.touch_at = None;
            self.set_time()?;
        }
        if is_due || is_disturbed || self.table.is_none() {
            self.adopt(last, None)?;
        }
        Ok(())
    }

    /// Makes the table from the bytes of the file.
    fn adopt(&mut self, last: &Hosts, grown: Option<u64>) -> Result<(), Error> {
        let (text, stamp) = self.store.read()?;
        let before = self.table.take();
        let is_known = |name: &Name, address: &Address| {
            let was = last
                .get(name)
                .is_some_and(|addresses| addresses.contains(address));
            was || before
                .as_ref()
                .is_some_and(|before| before.says(name, address))
        };
        let layout = layout::read(&text, &self.owner, &is_known);
        let now = self.store.now();
        self.table = Some(Table::new(layout, before.as_ref(), grown, now));
        self.seen = Some(stamp);
        Ok(())
    }

    /// Stops where somebody else has changed the file: a byte at a place of before would damage
    /// their lines or ours. A sync can take long enough for it.
    fn perform(&mut self, operations: &[Operation]) -> Result<Performed, Error> {
        let mut performed = Performed::All;
        for operation in operations {
            if self.seen.is_some() && Some(self.store.stamp()?) != self.seen {
                return Ok(Performed::Interrupted);
            }
            match operation {
                Operation::Body { offset, bytes } => self.store.write_at(*offset, bytes)?,
                Operation::Flip { offset, byte } => self.store.write_at(*offset, &[*byte])?,
                Operation::Sync => self.store.sync()?,
                Operation::Append { bytes } => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A sync can take long, and somebody may truncate the file and write it meanwhile.
    #[test]
    fn what_somebody_else_has_shifted_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let mut driver = Driver::open(&path, Owner::new("hostsync").unwrap()).unwrap();
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
}
