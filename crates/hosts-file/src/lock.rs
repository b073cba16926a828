//! The lock of whoever writes slots, and who may hold it.
//!
//! Anybody who may read a file may lock it. Such a lock keeps nobody from writing who could not write
//! himself: it is no sign of another writer.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Where the kernel tells of processes.
const PROCESSES: &str = "/proc";
/// The bits of a descriptor's flags that say how it may be used; 0 is for reading alone.
const ACCESS: u32 = 0o3;

/// A file that is locked, as far as others let it be.
#[derive(Debug)]
pub(crate) enum Held {
    Locked(Flock<File>),
    Unlocked(File),
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            Self::Locked(file) => file,
            Self::Unlocked(file) => file,
        }
    }
}

/// Locks a file against others that write it. Where all who have a lock of it are known to have it open for reading
/// alone, it is as if there were none.
///
/// # Errors
/// `EAGAIN` where one may be a writer's.
pub(crate) fn against_writers(file: File) -> Result<Held, Errno> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(Held::Locked(file)),
        Err((file, Errno::EAGAIN)) if is_held_by_readers(&file).unwrap_or(false) => {
            Ok(Held::Unlocked(file))
        }
        Err((_, errno)) => Err(errno),
    }
}

/// Whether some descriptor has a lock of the file, and each that has can only read. Locks of processes that
/// are not to be seen, as in another container, are anybody's: then it is an error, or false.
fn is_held_by_readers(file: &File) -> io::Result<bool> {
    let inode = file.metadata()?.ino();
    let all = fs::read_to_string(Path::new(PROCESSES).join("locks"))?;
    let all: HashSet<_> = all
        .lines()
        .filter_map(|line| lock_of(line, inode))
        .collect();
    let mut readers = HashSet::new();
    for entry in fs::read_dir(PROCESSES)?.flatten() {
        let is_process = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        let descriptors = entry.path().join("fdinfo");
        // Another user's, or just gone.
        let descriptors = is_process.then(|| fs::read_dir(descriptors).ok()).flatten();
        for descriptor in descriptors.into_iter().flatten().flatten() {
            let Ok(text) = fs::read_to_string(descriptor.path()) else {
                continue;
            };
            let locks = text.lines().filter_map(|line| line.strip_prefix("lock:"));
            let mut locks = locks.filter_map(|line| lock_of(line, inode)).peekable();
            if locks.peek().is_some() && !is_for_reading_alone(&text) {
                return Ok(false);
            }
            readers.extend(locks.map(str::to_owned));
        }
    }
    Ok(!all.is_empty() && all.iter().all(|&lock| readers.contains(lock)))
}

/// What `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF` says behind its number, if it is of this file.
fn lock_of(line: &str, inode: u64) -> Option<&str> {
    let (_, lock) = line.split_once(": ")?;
    let mut words = lock.split_ascii_whitespace();
    let is_flock = words.next() == Some("FLOCK");
    let (_, of) = words.nth(3)?.rsplit_once(':')?;
    (is_flock && of.parse() == Ok(inode)).then_some(lock.trim())
}

/// What the flags of a descriptor say, in octal.
fn is_for_reading_alone(descriptor: &str) -> bool {
    let flags = descriptor
        .lines()
        .find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    fn open(path: &Path) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).open(path).unwrap()
    }

    #[test]
    fn only_a_writers_lock_keeps_a_writer_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::write(&path, "a\n").unwrap();
        let lock = |file, kind| Flock::lock(file, kind).unwrap();
        let writer = lock(open(&path), FlockArg::LockExclusive);
        assert_eq!(against_writers(open(&path)).err(), Some(Errno::EAGAIN));
        drop(writer);
        let reader = || File::open(&path).unwrap();
        for kind in [FlockArg::LockExclusive, FlockArg::LockShared] {
            let _reader = lock(reader(), kind);
            let held = against_writers(open(&path)).unwrap();
            assert!(matches!(held, Held::Unlocked(_)));
        }
        // One of them can write.
        let readers = [
            lock(reader(), FlockArg::LockShared),
            lock(reader(), FlockArg::LockShared),
        ];
        assert!(against_writers(open(&path)).is_ok());
        let writer = lock(open(&path), FlockArg::LockShared);
        assert_eq!(against_writers(open(&path)).err(), Some(Errno::EAGAIN));
        drop((readers, writer));
        assert!(matches!(against_writers(open(&path)), Ok(Held::Locked(_))));
    }
}
