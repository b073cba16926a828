//! Writing in place, for a file that cannot be replaced because it is a mount point.
//!
//! A reader can see half of a change here. Nothing else is possible with one write; it is one
//! write, and never shortens the file, because both make that rarer.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use super::Error;
use super::read::{self, Found};

/// Writes `text` over what was `found` at `target`; `text` is not shorter. Says false, and writes
/// nothing, when the file was changed since it was read.
pub(super) fn overwrite(target: &Path, found: &Found, text: &[u8]) -> Result<bool, Error> {
    write(target, found, text, |_| Ok(()))
}

/// Like [`overwrite`], with a shorter text, to which the file is then cut.
pub(super) fn shorten(target: &Path, found: &Found, text: &[u8]) -> Result<bool, Error> {
    write(target, found, text, |file| file.set_len(text.len() as u64))
}

fn write(
    target: &Path,
    found: &Found,
    text: &[u8],
    finish: impl Fn(&File) -> io::Result<()>,
) -> Result<bool, Error> {
    let failed = || Error::io("write", target);
    let file = OpenOptions::new()
        .write(true)
        .open(target)
        .map_err(failed())?;
    if !read::is_unchanged(target, Some(found))? {
        return Ok(false);
    }
    reserve(&file, found.text.len(), text.len()).map_err(failed())?;
    let written = file.write_all_at(text, 0).and_then(|()| finish(&file));
    if let Err(error) = written.and_then(|()| file.sync_data()) {
        // What was there fits, since it was there; if even that fails, the first error tells why.
        let _ = file.write_all_at(&found.text, 0);
        let _ = file.set_len(found.text.len() as u64);
        return Err(failed()(error));
    }
    Ok(true)
}

/// Reserves the space by which the file grows, so that a full disk shows before a byte is written.
fn reserve(file: &File, old: usize, new: usize) -> io::Result<()> {
    let grows = new.saturating_sub(old);
    if grows == 0 {
        return Ok(());
    }
    match fallocate(
        file,
        FallocateFlags::FALLOC_FL_KEEP_SIZE,
        old as i64,
        grows as i64,
    ) {
        Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => Err(errno.into()),
        // Not every file system can; then the write itself tells.
        _ => Ok(()),
    }
}
