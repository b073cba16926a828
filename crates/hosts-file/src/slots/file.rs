//! A real file, locked.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use super::store::{Stamp, Store};
use super::{GRACE, Time};
use crate::lock::{self, Held};
use crate::{Error, proof};

/// A file on disk.
#[derive(Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    /// Locked: two that write the same slots would tear them.
    file: Held,
    clock: Instant,
}

impl FileStore {
    /// Opens and locks the file at `path`, which exists.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path);
        Self::of(file.map_err(Error::io("write", path))?, path)
    }

    /// Locks a file that is open. Only those who write slots mind the lock.
    pub(super) fn of(file: File, path: &Path) -> Result<Self, Error> {
        let file = lock::against_writers(file).map_err(|errno| match errno {
            Errno::EAGAIN => Error::Locked(path.to_owned()),
            errno => Error::io("lock", path)(errno.into()),
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            clock: Instant::now() - GRACE,
        })
    }

    /// True when this is still the file at `path`.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.metadata().ok().map(identity);
        self.path == path && ours.is_some() && ours == std::fs::metadata(path).ok().map(identity)
    }

    fn try_append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut file: &File = &self.file;
        reserve(file, file.metadata()?.len(), bytes.len())?;
        // By this very descriptor: at the path there may be another file by now.
        let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
        fcntl(file, FcntlArg::F_SETFL(flags | OFlag::O_APPEND))?;
        let written = file.write(bytes);
        let end = file.stream_position();
        // What is written at a place would be appended too.
        fcntl(file, FcntlArg::F_SETFL(flags))?;
        match written? {
            written if written < bytes.len() => Err(Errno::ENOSPC.into()),
            written => Ok(end? - written as u64),
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        Error::io(action, &self.path)
    }
}

impl Store for FileStore {
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut read = 0;
        while read < bytes.len() {
            match self.file.read_at(&mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read")(error)),
            }
        }
        Ok(read)
    }

    fn byte_at(&mut self, offset: u64) -> Result<Option<u8>, Error> {
        let mut byte = [0];
        match self.file.read_exact_at(&mut byte, offset) {
            Ok(()) => Ok(Some(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(self.failed("read")(error)),
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        proof::point();
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(self.failed("write"))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<u64, Error> {
        proof::point();
        self.try_append(bytes).map_err(self.failed("write"))
    }

    fn sync(&mut self) -> Result<(), Error> {
        proof::point();
        self.file.sync_data().map_err(self.failed("write"))
    }

    fn stamp(&self) -> Result<Stamp, Error> {
        let metadata = self.file.metadata().map_err(self.failed("read"))?;
        Ok(stamp(&metadata))
    }

    fn touch(&mut self) -> Result<(), Error> {
        proof::point();
        let (seconds, nanoseconds) = self.stamp()?.modified;
        let last = Duration::from_secs(seconds.max(0).unsigned_abs())
            + Duration::from_nanos(nanoseconds.unsigned_abs());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let time = new_time(last, now.unwrap_or_default());
        let time = TimeSpec::from_duration(time);
        match futimens(&*self.file, &TimeSpec::UTIME_OMIT, &time) {
            // A file of another user that may be written all the same: the present is what may be set.
            Err(Errno::EPERM) => futimens(&*self.file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW),
            other => other,
        }
        .map_err(|errno| self.failed("set the time of")(errno.into()))
    }

    fn now(&self) -> Time {
        self.clock.elapsed()
    }

    fn contended(&self) -> Error {
        Error::Contended(self.path.clone())
    }

    fn too_large(&self, size: u64) -> Error {
        Error::TooLarge {
            path: self.path.clone(),
            size,
        }
    }
}

/// A time of change other than the last one in any case, but never one of the future.
fn new_time(last: Duration, now: Duration) -> Duration {
    if last <= now {
        now.max(last + Duration::from_nanos(1))
    } else {
        now
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    Stamp {
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
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

    #[test]
    fn a_time_of_change_is_new_and_not_of_the_future() {
        let nanos = Duration::from_nanos;
        assert_eq!(new_time(nanos(5), nanos(9)), nanos(9));
        assert_eq!(new_time(nanos(9), nanos(9)), nanos(10));
        // It was in the future already; then any other one will do.
        assert_eq!(new_time(nanos(12), nanos(9)), nanos(9));
    }
}
