//! Reading the hosts file, and telling later whether it is still what was read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{Error, lease};

/// The largest hosts file that is read.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The most symbolic links that are followed, as in the kernel.
const MAX_LINKS: usize = 40;
/// How often a file is read that changes while it is read.
const ATTEMPTS: usize = 10;

/// What the hosts file at `path` holds now; nothing when it does not exist.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let (target, _) = resolve(path)?;
    Ok(find(&target)?.map(|found| found.text).unwrap_or_default())
}

/// Where a path leads, symbolic links followed as far as they can be.
pub fn target(path: &Path) -> PathBuf {
    resolve(path).map_or_else(|_| path.to_owned(), |(target, _)| target)
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// True when the content was the same, as far as a file can tell that has lost its name since,
    /// which changes its `ctime`.
    pub(crate) fn same_content(&self, later: &Self) -> bool {
        (self.inode, self.size, self.modified) == (later.inode, later.size, later.modified)
    }
}

/// A file that was read: still open, with what it held.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
    pub(crate) text: Vec<u8>,
}

impl Found {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.metadata)
    }

    /// True when somebody is known to have it open for writing.
    pub(crate) fn is_open_for_writing(&self) -> bool {
        lease::is_open_for_writing(&self.file) == Some(true)
    }
}

/// Whether there is a file at `path`; an error where there is something else.
pub(crate) fn exists(path: &Path) -> Result<bool, Error> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(Error::io("read", path))?,
    };
    // Asked before the file is opened: opening a pipe would wait for a writer.
    if metadata.is_dir() {
        return Err(Error::Directory(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(Error::NotRegular(path.to_owned()));
    }
    Ok(true)
}

/// Reads the file at `path`; none when there is none.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    if !exists(path)? {
        return Ok(None);
    }
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => read_whole(other.map_err(Error::io("read", path))?, path).map(Some),
    }
}

/// Reads an open file from its beginning, again while others change it.
pub(crate) fn read_whole(file: File, path: &Path) -> Result<Found, Error> {
    let metadata = || file.metadata().map_err(Error::io("read", path));
    let mut before = metadata()?;
    for _ in 0..ATTEMPTS {
        let text = read_bounded(&file, &before, path)?;
        let after = metadata()?;
        if Stamp::of(&before) == Stamp::of(&after) && text.len() as u64 == after.size() {
            return Ok(Found {
                file,
                metadata: after,
                text,
            });
        }
        before = after;
    }
    Err(Error::Contended(path.to_owned()))
}

fn read_bounded(mut file: &File, metadata: &Metadata, path: &Path) -> Result<Vec<u8>, Error> {
    let too_large = |size| Error::TooLarge {
        path: path.to_owned(),
        size,
    };
    if metadata.size() > MAX_BYTES {
        return Err(too_large(metadata.size()));
    }
    let mut text = Vec::with_capacity(metadata.size() as usize + 1);
    io::Seek::rewind(&mut file)
        .and_then(|()| file.take(MAX_BYTES + 1).read_to_end(&mut text))
        .map_err(Error::io("read", path))?;
    match text.len() as u64 {
        size if size > MAX_BYTES => Err(too_large(size)),
        _ => Ok(text),
    }
}

/// True when the file at `path` is still the one that was found and holds the same bytes. The bytes
/// are compared too, since on many kernels two changes within 4 ms have the same time.
pub(crate) fn is_unchanged(path: &Path, found: Option<&Found>) -> Result<bool, Error> {
    let now = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found.is_none()),
        other => other.map_err(Error::io("read", path))?,
    };
    match found {
        Some(found) if found.stamp() == Stamp::of(&now) => {
            holds(&found.file, &found.text).map_err(Error::io("read", path))
        }
        _ => Ok(false),
    }
}

fn holds(mut file: &File, text: &[u8]) -> io::Result<bool> {
    let mut piece = [0; 16 * 1024];
    let mut rest = text;
    io::Seek::rewind(&mut file)?;
    loop {
        let read = file.read(&mut piece)?;
        match rest.strip_prefix(&piece[..read]) {
            Some([]) if read == 0 => return Ok(true),
            Some(left) if read > 0 => rest = left,
            _ => return Ok(false),
        }
    }
}

/// Where a path leads: symbolic links followed, also to a file that does not exist yet, together
/// with every path on the way, whose change could change the answer.
pub(crate) fn resolve(path: &Path) -> Result<(PathBuf, Vec<PathBuf>), Error> {
    let mut links = Vec::new();
    let mut here = path.to_owned();
    for _ in 0..MAX_LINKS {
        let directory = match here.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let directory = fs::canonicalize(&directory).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoDirectory(directory.clone()),
            _ => Error::io("enter", &directory)(error),
        })?;
        let Some(name) = here.file_name() else {
            return Err(Error::Directory(here));
        };
        let exact = directory.join(name);
        links.push(exact.clone());
        match fs::read_link(&exact) {
            Ok(target) => here = directory.join(target),
            Err(_) => return Ok((exact, links)),
        }
    }
    Err(Error::Circle(path.to_owned()))
}
