//! Temporary files that take the place of another file once they are complete.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::unistd::Uid;
use tempfile::NamedTempFile;

/// Characters chosen at random in a name.
const RANDOM: usize = 12;
/// The bit of a mode by which everybody may write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Creates a file beside `target` that nobody else can have created or may read. It is removed when
/// dropped without having been renamed.
pub(crate) fn create(target: &Path) -> io::Result<NamedTempFile<File>> {
    let open = |path: &Path| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    };
    tempfile::Builder::new()
        .prefix(&prefix(target))
        .rand_bytes(RANDOM)
        .make_in(directory(target), open)
}

/// The directory in which a file stands.
pub(crate) fn directory(target: &Path) -> &Path {
    target.parent().unwrap_or(Path::new("/"))
}

/// Makes a directory of ours where it is missing, with those above it. Only its owner may write there, though
/// the umask would let others, or an earlier release did.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    let is_ours = path.file_name().is_some_and(|name| name == "hostsync");
    let metadata = fs::symlink_metadata(path)?;
    let mode = metadata.mode() & 0o7777;
    if is_ours
        && metadata.is_dir()
        && metadata.uid() == Uid::effective().as_raw()
        && mode & WRITABLE_BY_ALL != 0
    {
        fs::set_permissions(path, Permissions::from_mode(mode & !0o022))?;
        log::warn!(
            "everybody could write to {} (mode {mode:o}); they cannot any more",
            path.display()
        );
    }
    Ok(())
}

/// Removes what a predecessor left beside `target` when it was killed.
pub(crate) fn remove_leftovers(target: &Path) {
    let prefix = prefix(target);
    let is_ours = |name: &OsStr| {
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| rest.len() == RANDOM && rest.iter().all(u8::is_ascii_alphanumeric))
    };
    let entries = fs::read_dir(directory(target)).ok();
    let leftovers = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| is_ours(&entry.file_name()))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    for entry in leftovers {
        let path = entry.path();
        match fs::remove_file(&path) {
            Ok(()) => log::debug!("removed {}, left by a killed hostsync", path.display()),
            Err(error) => log::debug!("cannot remove {}: {error}", path.display()),
        }
    }
}

fn prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".hostsync-");
    prefix
}
