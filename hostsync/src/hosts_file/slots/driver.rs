//! Doing what the table says to a real file.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use contract::{Hosts, Name};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, fallocate};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::operations::Operation;
use super::table::{Census, Table};
use super::{GRACE, Time, layout};
use crate::hosts_file::{Error, faults, read};

/// How often a pass starts over when others change the file meanwhile.
const ATTEMPTS: usize = 20;

/// A file that is written in slots.
#[derive(Debug)]
pub(in super::super) struct Driver {
    path: PathBuf,
    /// Locked: two that write the same slots would tear them.
    file: Flock<File>,
    clock: Instant,
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

/// Size and time of change.
type Stamp = (u64, i64, i64);

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
pub(in super::super) struct Progress {
    pub(in super::super) wrote: bool,
    /// Whether it put right what somebody else had changed.
    pub(in super::super) repaired: bool,
    pub(in super::super) shadowed: Vec<Name>,
    /// When to make another pass though nothing changes.
    pub(in super::super) wake: Option<Duration>,
    pub(in super::super) census: Census,
    /// How often somebody else changed the file so far.
    pub(in super::super) rewrites: u64,
}

impl Driver {
    /// Opens and locks the file at `path`, which exists. Only other hostsyncs mind the lock.
    pub(in super::super) fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path);
        let file = file.map_err(Error::io("write", path))?;
        let file =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
                |(_, errno)| match errno {
                    Errno::EAGAIN => Error::Locked(path.to_owned()),
                    errno => Error::io("lock", path)(errno.into()),
                },
            )?;
        Ok(Self {
            path: path.to_owned(),
            file,
            // A time at which nothing that is there can have died yet.
            clock: Instant::now() - GRACE,
            table: None,
            seen: None,
            touch_at: None,
            wake_at: None,
            rewrites: 0,
        })
    }

    /// True when this is still the file at `path`.
    pub(in super::super) fn is_of(&self, path: &Path) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.metadata().ok().map(identity);
        self.path == path && ours.is_some() && ours == std::fs::metadata(path).ok().map(identity)
    }

    /// True when nobody else has changed the file, and nothing is due.
    pub(in super::super) fn is_at_rest(&self) -> bool {
        let is_due = self.wake_at.is_some_and(|at| at <= self.now());
        !is_due && self.table.is_some() && self.stamp().is_ok_and(|stamp| Some(stamp) == self.seen)
    }

    /// How many lines of ours there are. `last` is as in [`Self::pass`].
    pub(in super::super) fn lines(&mut self, last: &Hosts) -> Result<usize, Error> {
        self.adopt(last, None)?;
        Ok(self.table.as_ref().map_or(0, |table| table.census().live))
    }

    /// Goes on making the file say what is wanted. `last` is what it was made to say before.
    pub(in super::super) fn pass(
        &mut self,
        wanted: &Hosts,
        last: &Hosts,
    ) -> Result<Progress, Error> {
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
            let now = self.now();
            let Some(table) = &mut self.table else {
                self.adopt(last, None)?;
                continue;
            };
            let batch = table.step(wanted, now);
            if batch.operations.is_empty() {
                let wake = [batch.wake, self.touch_at].into_iter().flatten().min();
                self.wake_at = wake;
                return Ok(Progress {
                    wrote,
                    repaired: wrote && self.rewrites > rewrites,
                    shadowed: batch.shadowed,
                    wake: wake.map(|at| at.saturating_sub(now)),
                    census: table.census(),
                    rewrites: self.rewrites,
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
        Err(Error::Contended(self.path.clone()))
    }

    /// Reads the file again if somebody else has changed it. Some time after a burst it is read in
    /// any case: a change between our last write and our setting the time would not have shown.
    fn look(&mut self, last: &Hosts) -> Result<(), Error> {
        let is_due = self.touch_at.is_some_and(|at| at <= self.now());
        let is_disturbed = self.seen.is_some() && Some(self.stamp()?) != self.seen;
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
        let file = self.file.try_clone().map_err(self.failed("read"))?;
        let found = read::read_whole(file, &self.path)?;
        let before = self.table.take();
        let is_known = |name: &Name, address: &contract::Address| {
            let was = last
                .get(name)
                .is_some_and(|addresses| addresses.contains(address));
            was || before
                .as_ref()
                .is_some_and(|before| before.says(name, address))
        };
        let layout = layout::read(&found.text, &is_known);
        self.table = Some(Table::new(layout, before.as_ref(), grown, self.now()));
        self.seen = Some(stamp(&found.metadata));
        Ok(())
    }

    /// Stops where somebody else has changed the file: a byte at a place of before would damage his
    /// lines or ours. A sync can take long enough for it.
    fn perform(&mut self, operations: &[Operation]) -> Result<Performed, Error> {
        let mut performed = Performed::All;
        for operation in operations {
            faults::point();
            if self.seen.is_some() && Some(self.stamp()?) != self.seen {
                return Ok(Performed::Interrupted);
            }
            let done = match operation {
                Operation::Body { offset, bytes } => self.file.write_all_at(bytes, *offset),
                Operation::Flip { offset, byte } => self.file.write_all_at(&[*byte], *offset),
                Operation::Sync => self.file.sync_data(),
                Operation::Append { bytes } => self
                    .append(bytes)
                    .map(|at| performed = Performed::Grown(at)),
            };
            done.map_err(self.failed("write"))?;
            // A sync changes nothing; a write only the time, unless somebody else was faster.
            let now = self.stamp()?;
            match operation {
                Operation::Body { .. } | Operation::Flip { .. } => {
                    if self.seen.is_some_and(|seen| seen.0 != now.0) {
                        return Ok(Performed::Interrupted);
                    }
                    self.seen = Some(now);
                }
                Operation::Append { .. } => self.seen = Some(now),
                Operation::Sync => {}
            }
        }
        faults::point();
        Ok(performed)
    }

    /// Appends in one write, wherever the end is by then; says where it was.
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        reserve(&file, file.metadata()?.len(), bytes.len())?;
        let written = file.write(bytes)?;
        if written < bytes.len() {
            return Err(Errno::ENOSPC.into());
        }
        Ok(file.stream_position()? - written as u64)
    }

    /// True when the bytes that make slots live or dead are still what we wrote.
    fn holds(&self, operations: &[Operation]) -> Result<bool, Error> {
        if self
            .table
            .as_ref()
            .is_some_and(|table| Some(table.size()) != self.seen.map(|seen| seen.0))
        {
            return Ok(false);
        }
        for operation in operations {
            let Operation::Flip { offset, byte } = operation else {
                continue;
            };
            let mut there = [0];
            match self.file.read_exact_at(&mut there, *offset) {
                Ok(()) if there[0] == *byte => {}
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(self.failed("read")(error));
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Sets the time of change, now and once more when nobody can be reading any more what was
    /// there before: some programs read a file again only when its time is another one, and on many
    /// kernels two writes within 4 ms leave the same.
    fn touch(&mut self) -> Result<(), Error> {
        self.set_time()?;
        let again = self.now() + GRACE;
        self.touch_at.get_or_insert(again);
        Ok(())
    }

    fn set_time(&mut self) -> Result<(), Error> {
        let before = self.stamp()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let last = Duration::new(before.1.max(0).unsigned_abs(), 0)
            + Duration::from_nanos(before.2.unsigned_abs());
        // Another one in any case, but never one of the future.
        let time = if last <= now {
            now.max(last + Duration::from_nanos(1))
        } else {
            now
        };
        futimens(
            &*self.file,
            &TimeSpec::UTIME_OMIT,
            &TimeSpec::from_duration(time),
        )
        .map_err(|errno| self.failed("set the time of")(errno.into()))?;
        self.seen = Some(self.stamp()?);
        Ok(())
    }

    fn stamp(&self) -> Result<Stamp, Error> {
        let metadata = self.file.metadata().map_err(self.failed("read"))?;
        Ok(stamp(&metadata))
    }

    fn now(&self) -> Time {
        self.clock.elapsed()
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        Error::io(action, &self.path)
    }
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    (metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// Reserves the space by which the file grows, so that a full disk shows before a byte is written.
fn reserve(file: &File, old: u64, grows: usize) -> io::Result<()> {
    let range = (i64::try_from(old), i64::try_from(grows));
    let (Ok(old), Ok(grows)) = range else {
        return Ok(());
    };
    match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, old, grows) {
        Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => Err(errno.into()),
        // Not every file system can; then the write itself tells.
        _ => Ok(()),
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
        let mut driver = Driver::open(&path).unwrap();
        let wanted = Hosts::from([("db".parse().unwrap(), vec!["10.0.0.5".parse().unwrap()])]);
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
