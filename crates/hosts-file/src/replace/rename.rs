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

use super::attributes;
use super::temporary;
use crate::lock::Held;
use crate::read::{self, Found, Stamp};
use crate::{Error, Owner};

/// What became of a replacement.
#[derive(Debug)]
pub(crate) enum Replaced {
    /// The file holds the text. The extended attributes listed could not be kept.
    Done(Vec<OsString>),
    /// The file was changed since it was read; nothing was written.
    Stale,
    /// Somebody has the file open for writing, and would go on writing to one that has lost its name;
    /// nothing was written.
    Held,
    /// The file holds the text, but somebody wrote this to the old file in that moment.
    Overtaken(Vec<u8>),
}

/// Puts `text` in the place of what was `found` at `target`; `minds_writers` is false where the only one that
/// has it open for writing may be ourselves.
pub(crate) fn replace(
    target: &Path,
    found: Option<&Found>,
    text: &[u8],
    owner: &Owner,
    minds_writers: bool,
) -> Result<Replaced, Error> {
    let directory = temporary::directory(target);
    let (temporary, refused) = prepare(target, directory, found, text, owner)?;
    if !read::is_unchanged(target, found)? {
        return Ok(Replaced::Stale);
    }
    if minds_writers && found.is_some_and(Found::is_open_for_writing) {
        return Ok(Replaced::Held);
    }
    if !take_name(temporary, target, found.is_some())? {
        return Ok(Replaced::Stale);
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
    owner: &Owner,
) -> Result<(NamedTempFile<Held>, Vec<OsString>), Error> {
    let temporary =
        temporary::create(target, owner).map_err(Error::io("create a file in", directory))?;
    let mut file: &File = temporary.as_file();
    file.write_all(text).map_err(Error::io("write", target))?;
    let refused =
        attributes::carry_over(found, file).map_err(Error::io("keep owner and mode of", target))?;
    file.sync_data().map_err(Error::io("write", target))?;
    Ok((temporary, refused))
}

/// Gives the temporary file the name of the target, where that `exists`, else takes a name that is
/// still free. False when somebody was faster.
fn take_name(temporary: NamedTempFile<Held>, target: &Path, exists: bool) -> Result<bool, Error> {
    let renamed = if exists {
        temporary.persist(target)
    } else {
        temporary.persist_noclobber(target)
    };
    match renamed.map_err(|error| error.error) {
        Ok(_) => Ok(true),
        // Somebody created the file, or took the temporary one for a leftover.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(Error::io("replace", target)(error)),
    }
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
pub(crate) fn overtaken(target: &Path, found: &Found) -> Result<Option<Vec<u8>>, Error> {
    let metadata = found.file.metadata().map_err(Error::io("read", target))?;
    if found.stamp().same_content(&Stamp::of(&metadata)) {
        return Ok(None);
    }
    let file = found.file.try_clone().map_err(Error::io("read", target))?;
    read::read_whole(file, target).map(|old| Some(old.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Between the last look and the rename, which nothing but the kernel can tell.
    #[test]
    fn a_file_that_somebody_else_has_just_created_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("hosts");
        let owner = Owner::new("hostsync").unwrap();
        let ours = || {
            let temporary = temporary::create(&target, &owner).unwrap();
            (&**temporary.as_file()).write_all(b"ours").unwrap();
            temporary
        };
        let waiting = ours();
        fs::write(&target, "theirs").unwrap();
        assert!(!take_name(waiting, &target, false).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert!(take_name(ours(), &target, true).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"ours");
        let taken = ours();
        fs::remove_file(taken.path()).unwrap();
        assert!(!take_name(taken, &target, true).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
