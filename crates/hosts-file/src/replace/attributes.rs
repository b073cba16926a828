//! Owner, mode and extended attributes, carried over to the file that takes another's place.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use xattr::FileExt;

use crate::read::Found;

/// The mode of a hosts file that did not exist before.
const NEW_FILE: u32 = 0o644;
/// The access list that a new file may inherit from its directory.
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Gives `to` what `from` has, and returns the extended attributes that may not be set here.
///
/// # Errors
/// Owner or mode cannot be kept.
pub(super) fn carry_over(from: Option<&Found>, to: &File) -> io::Result<Vec<OsString>> {
    let Some(from) = from else {
        to.set_permissions(Permissions::from_mode(NEW_FILE))?;
        return Ok(Vec::new());
    };
    let (old, new) = (&from.metadata, to.metadata()?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        fchown(to, Some(old.uid()), Some(old.gid()))?;
    }
    // After the owner, whose change takes set-id bits away.
    to.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    Ok(extended(&from.file, to))
}

fn extended(from: &File, to: &File) -> Vec<OsString> {
    // A file system without extended attributes has none to carry over.
    let names: Vec<OsString> = from.list_xattr().map(Iterator::collect).unwrap_or_default();
    if !names.iter().any(|name| name == ACCESS_LIST) {
        // There is nothing to remove unless the directory gave the new file a list.
        let _ = to.remove_xattr(ACCESS_LIST);
    }
    names
        .into_iter()
        .filter(|name| copy(name, from, to).is_err())
        .collect()
}

fn copy(name: &OsString, from: &File, to: &File) -> io::Result<()> {
    match from.get_xattr(name)? {
        Some(value) if to.get_xattr(name)?.as_ref() != Some(&value) => to.set_xattr(name, &value),
        _ => Ok(()),
    }
}
