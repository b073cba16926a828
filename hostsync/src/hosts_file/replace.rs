//! Writing by replacement: a temporary file in the same directory takes the name of the old one.
//!
//! A reader sees the old file or the new one, whole. The data is on disk before the name changes,
//! so that a power cut leaves one of the two as well.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use nix::errno::Errno;
use tempfile::NamedTempFile;

use super::read::{self, Found, Stamp};
use super::{Error, attributes};
use crate::temporary;

/// What became of a replacement.
#[derive(Debug)]
pub(super) enum Replaced {
    /// The file holds the text. The extended attributes listed could not be kept.
    Done(Vec<OsString>),
    /// The file was changed since it was read; nothing was written.
    Stale,
    /// The file holds the text, but somebody wrote this to the old file in that moment.
    Overtaken(Vec<u8>),
}

/// Puts `text` in the place of what was `found` at `target`.
pub(super) fn replace(
    target: &Path,
    found: Option<&Found>,
    text: &[u8],
) -> Result<Replaced, Error> {
    let directory = temporary::directory(target);
    let (temporary, refused) = prepare(target, directory, found, text)?;
    if !read::is_unchanged(target, found)? {
        return Ok(Replaced::Stale);
    }
    let renamed = match found {
        Some(_) => temporary.persist(target),
        None => temporary.persist_noclobber(target),
    };
    match renamed.map_err(|error| error.error) {
        Ok(_) => {}
        // Somebody created the file, or took the temporary one for a leftover.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
            ) =>
        {
            return Ok(Replaced::Stale);
        }
        Err(error) => return Err(Error::io("replace", target)(error)),
    }
    sync(directory)?;
    match found {
        Some(found) => overtaken(target, found)
            .map(|old| old.map_or(Replaced::Done(refused), Replaced::Overtaken)),
        None => Ok(Replaced::Done(refused)),
    }
}

/// The temporary file, complete and on disk. It is removed again when dropped.
fn prepare(
    target: &Path,
    directory: &Path,
    found: Option<&Found>,
    text: &[u8],
) -> Result<(NamedTempFile<File>, Vec<OsString>), Error> {
    let temporary = temporary::create(target).map_err(Error::io("create a file in", directory))?;
    let mut file = temporary.as_file();
    file.write_all(text).map_err(Error::io("write", target))?;
    let refused =
        attributes::carry_over(found, file).map_err(Error::io("keep owner and mode of", target))?;
    file.sync_data().map_err(Error::io("write", target))?;
    Ok((temporary, refused))
}

fn sync(directory: &Path) -> Result<(), Error> {
    match File::open(directory).and_then(|opened| opened.sync_all()) {
        // Some file systems cannot do this to a directory, and need not.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
        // A directory that may be written and searched need not be readable.
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => Ok(()),
        other => other.map_err(Error::io("sync", directory)),
    }
}

/// The old file, if somebody who had it open wrote to it after it was last checked.
pub(super) fn overtaken(target: &Path, found: &Found) -> Result<Option<Vec<u8>>, Error> {
    let metadata = found.file.metadata().map_err(Error::io("read", target))?;
    if found.stamp().same_content(&Stamp::of(&metadata)) {
        return Ok(None);
    }
    let file = found.file.try_clone().map_err(Error::io("read", target))?;
    read::read_whole(file, target).map(|old| Some(old.text))
}
