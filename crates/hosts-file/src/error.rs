//! Why the hosts file could not be read or written.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Why the hosts file could not be read or written. The lines of others are as they were before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path names a directory.
    #[error("{} is a directory", .0.display())]
    Directory(PathBuf),
    /// The path names a device, a pipe or a socket.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// The file is larger than [`MAX_BYTES`](crate::MAX_BYTES).
    #[error(
        "{} is {size} bytes long, more than the {} that are read", .path.display(), crate::MAX_BYTES
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        size: u64,
    },
    /// The directory of the file does not exist.
    #[error("directory {} does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// Another process writes the same file in slots.
    #[error("{} is kept by another process, perhaps in a container that shares it", .0.display())]
    Locked(PathBuf),
    /// Somebody has the file open for writing, and would go on writing to one that was replaced.
    #[error("{} is open for writing in another program, which would go on writing to the old file", .0.display())]
    Held(PathBuf),
    /// Symbolic links that lead in a circle.
    #[error("{} leads in a circle of symbolic links", .0.display())]
    Circle(PathBuf),
    /// Below a directory that is not trusted, where no file is created, there is none.
    #[error("{} does not exist", .0.display())]
    Gone(PathBuf),
    /// Below a directory that is not trusted, a symbolic link or the like stands on the way.
    #[error("{} is reached by a symbolic link or '..', which is not followed there", .0.display())]
    Indirect(PathBuf),
    /// Below a directory that is not trusted, the file has another name (a hard link), perhaps outside.
    #[error("{} has another name (a hard link), perhaps outside of its folder", .0.display())]
    Linked(PathBuf),
    /// Below a directory that is not trusted, the file belongs neither to the owner of its folder nor to that
    /// of the directory.
    #[error("{} belongs to user {user}, as neither its folder nor the directory of all does", .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner's number.
        user: u32,
    },
    /// The file is mounted into a container, which would go on reading the old one if it were replaced.
    #[error("{} is mounted into a container, which would go on reading the old file if it were replaced", .0.display())]
    Mounted(PathBuf),
    /// The file has other names, which would go on saying what it says if it were replaced.
    #[error("{} has other names (hard links), which would be left behind if it were replaced", .0.display())]
    Names(PathBuf),
    /// Others changed the file each time between our reading and our writing it.
    #[error("{} is changed by others all the time", .0.display())]
    Contended(PathBuf),
    /// The system refused something.
    #[error("cannot {action} {}", .path.display())]
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
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// True when the path itself is wrong, so that trying again is of no use.
    pub fn is_about_the_path(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Contended(_) | Self::Held(_))
    }

    /// The error number of the system, if it refused something.
    pub(crate) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }
}
