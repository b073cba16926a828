//! What to do about a hosts file that cannot be read or written, in the words of our command line.

use std::fmt;
use std::io;

use hosts_file::Error;
use nix::errno::Errno;

/// A failure with its remedy.
#[derive(Debug)]
pub struct Remedied(Error);

impl From<Error> for Remedied {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl std::error::Error for Remedied {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for Remedied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &self.0;
        write!(f, "{error}")?;
        f.write_str(match error {
            Error::Directory(_) | Error::NotRegular(_) => "; name a file with --hosts-file",
            Error::TooLarge { .. } => "; make it shorter",
            Error::NoDirectory(_) => "; create it, or name another file with --hosts-file",
            Error::Locked(_) => {
                "; give both the same --zookeeper, --state and --select, or stop one of them"
            }
            Error::Held(_) => "; stop that program, or leave --write replace out",
            Error::Circle(_) => "; point it at a file",
            Error::Indirect(_) | Error::Linked(_) | Error::Owner { .. } => {
                "; find out who put it there"
            }
            Error::Mounted(_) | Error::Names(_) => "; leave --write replace out",
            Error::Contended(_) => "; find out by whom and stop them",
            Error::Io { source, .. } => of_the_system(source),
            _ => "",
        })
    }
}

fn of_the_system(error: &io::Error) -> &'static str {
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
            ": permission denied; run hostsync as root (in a container: --user 0), or let its user write it"
        }
        Some(Errno::ENOSPC) => ": the file system is full; free some space",
        Some(Errno::EDQUOT) => ": the disk quota is used up; free some space or raise the quota",
        Some(Errno::ENOENT) => ": it does not exist; create it",
        Some(Errno::EIO) => ": the disk fails; see the kernel's log",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do_and_the_chain_says_why() {
        let path = || "/etc/hosts".into();
        let io = |errno: Errno| Error::Io {
            action: "replace",
            path: path(),
            source: errno.into(),
        };
        for (error, words) in [
            (
                Error::Directory(path()),
                "is a directory; name a file with --hosts-file",
            ),
            (Error::NotRegular(path()), "; name a file with --hosts-file"),
            (
                Error::NoDirectory(path()),
                "does not exist; create it, or name another file with --hosts-file",
            ),
            (
                Error::TooLarge {
                    path: path(),
                    size: 1 << 40,
                },
                "; make it shorter",
            ),
            (Error::Locked(path()), "; give both the same"),
            (Error::Held(path()), "; stop that program, or leave"),
            (Error::Circle(path()), "; point it at a file"),
            (Error::Contended(path()), "; find out by whom"),
            (Error::Indirect(path()), "; find out who put it there"),
            (Error::Linked(path()), "; find out who put it there"),
            (Error::Mounted(path()), "; leave --write replace out"),
            (
                io(Errno::EROFS),
                "read-only file system; remount that read-write",
            ),
            (io(Errno::EPERM), "chattr -ia"),
            (io(Errno::EACCES), "run hostsync as root"),
            (
                io(Errno::ENOSPC),
                "the file system is full; free some space: No space left",
            ),
            (io(Errno::EDQUOT), "raise the quota"),
            (io(Errno::ENOENT), "it does not exist; create it"),
            (io(Errno::EIO), "see the kernel's log"),
        ] {
            let text = format!("{:#}", anyhow::Error::new(Remedied(error)));
            assert!(
                text.contains("/etc/hosts") && text.contains(words),
                "{text}"
            );
        }
    }
}
