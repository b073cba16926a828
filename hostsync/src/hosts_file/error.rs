//! Why the hosts file could not be read or written, with the remedy.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Why the hosts file could not be read or written. The file is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path names a directory.
    #[error("{} is a directory; name a file with --hosts-file", .0.display())]
    Directory(PathBuf),
    /// The path names a device, a pipe or a socket.
    #[error("{} is not a regular file; name a file with --hosts-file", .0.display())]
    NotRegular(PathBuf),
    /// The file is larger than hostsync reads.
    #[error(
        "{} is {size} bytes long, more than the {} that hostsync reads; make it shorter",
        .path.display(), super::MAX_BYTES
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        size: u64,
    },
    /// The directory of the file does not exist.
    #[error("directory {} does not exist; create it, or name another file with --hosts-file", .0.display())]
    NoDirectory(PathBuf),
    /// Another hostsync writes the same file in slots.
    #[error(
        "{} is kept by another hostsync, perhaps in another container that shares the file; \
         stop one of them", .0.display()
    )]
    Locked(PathBuf),
    /// Symbolic links that lead in a circle.
    #[error("{} leads in a circle of symbolic links; point it at a file", .0.display())]
    Circle(PathBuf),
    /// Others changed the file each time between our reading and our writing it.
    #[error("{} is changed by others all the time; find out by whom and stop them", .0.display())]
    Contended(PathBuf),
    /// The system refused something.
    #[error("cannot {action} {}{}", .path.display(), remedy(.source))]
    Io {
        /// What was to be done, as a verb.
        action: &'static str,
        /// The file or directory to which it was to be done.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: what was to be done to which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// True when the path itself is wrong, so that trying again is of no use.
    pub fn is_about_the_path(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Contended(_))
    }

    /// The error number of the system, if it refused something.
    pub(super) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EROFS) => {
            ": it is on a read-only file system; remount that read-write, or name another file \
             with --hosts-file"
        }
        Some(Errno::EPERM) => {
            ": it is immutable or append-only (see lsattr; chattr -ia makes it writable), or \
             belongs to another user"
        }
        Some(Errno::EACCES) => {
            ": permission denied; run hostsync as root, or let its user write the directory of the \
             hosts file"
        }
        Some(Errno::ENOSPC) => ": the file system is full; free some space",
        Some(Errno::EDQUOT) => ": the disk quota is used up; free some space or raise the quota",
        Some(Errno::ENOENT) => ": it does not exist; create it",
        Some(Errno::EIO) => ": the disk fails; see the kernel's log",
        _ => "",
    }
}
