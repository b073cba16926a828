//! Temporary files that take the place of a hosts file once they are complete.
//!
//! Whoever writes one holds a lock on it until it has its final name. So one that nobody has locked
//! was left by a process that was killed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use tempfile::NamedTempFile;

use crate::Owner;
use crate::lock::Held;

/// Characters chosen at random in a name.
const RANDOM: usize = 12;

/// Locks a file that is being written, where the file system can do that.
fn held(file: File) -> Held {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Held::Locked(file),
        Err((file, _)) => Held::Unlocked(file),
    }
}

/// Creates a file beside `target` that nobody else can have created or may read. It is removed when
/// dropped without having been renamed.
pub(crate) fn create(target: &Path, owner: &Owner) -> io::Result<NamedTempFile<Held>> {
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).map(held)
    };
    tempfile::Builder::new()
        .prefix(&prefix(target, owner))
        .rand_bytes(RANDOM)
        .make_in(directory(target), open)
}

/// The directory in which a file stands.
pub(crate) fn directory(target: &Path) -> &Path {
    target.parent().unwrap_or(Path::new("/"))
}

/// Removes what this owner's killed processes have left beside `target`, and says which files those
/// were. What a living one writes stays, and so does what cannot be removed.
pub(crate) fn remove_leftovers(target: &Path, owner: &Owner) -> Vec<PathBuf> {
    let prefix = prefix(target, owner);
    let is_ours = |name: &OsStr| {
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| rest.len() == RANDOM && rest.iter().all(u8::is_ascii_alphanumeric))
    };
    let entries = fs::read_dir(directory(target)).into_iter().flatten();
    entries
        .flatten()
        .filter(|entry| is_ours(&entry.file_name()))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| remove_abandoned(path))
        .collect()
}

/// Removes a file that nobody has locked; false when it stays.
fn remove_abandoned(path: &Path) -> bool {
    // What was a file when it was listed may be a pipe by now.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits()).open(path);
    let file = file.ok();
    let ours = file.and_then(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).ok());
    ours.is_some() && fs::remove_file(path).is_ok()
}

fn prefix(target: &Path, owner: &Owner) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    prefix.push(owner.name());
    prefix.push("-");
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_removed_and_what_is_being_written_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let (target, owner) = (at("hosts"), Owner::new("hostsync").unwrap());
        let leftover = at(".hosts.hostsync-abcDEF012345");
        let others = [
            at(".hosts.hostsync-notes"),
            at(".other.hostsync-abcDEF012345"),
            at(".hosts.another-abcDEF012345"),
        ];
        for path in others.iter().chain([&leftover]) {
            fs::write(path, "").unwrap();
        }
        let living = create(&target, &owner).unwrap();
        assert_eq!(remove_leftovers(&target, &owner), [leftover]);
        assert!(living.path().exists());
        assert!(others.iter().all(|path| path.exists()));
        let (_, abandoned) = living.keep().unwrap();
        assert_eq!(remove_leftovers(&target, &owner), [abandoned]);
    }
}
