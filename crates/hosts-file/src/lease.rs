//! Whether somebody has a file open for writing.

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;

/// Which signal tells that a lease is wanted back, as Linux numbers it.
const F_SETSIG: libc::c_int = 10;

/// Whether anybody has this file, which is open for reading, open for writing; none where the system does
/// not tell, as of a file of another user, or over a network.
///
/// A lease that ends at once: there is none while somebody has the file open for writing. Who opens it
/// in this very moment waits for the end of the lease, a few microseconds, or is refused if it asked not
/// to wait.
pub(crate) fn is_open_for_writing(file: &File) -> Option<bool> {
    // The signal of a lease that is wanted back ends a process, unless it is one that is ignored.
    control(file, F_SETSIG, libc::SIGURG).ok()?;
    let lease = control(file, libc::F_SETLEASE, libc::F_RDLCK);
    // It ends with the descriptor too.
    let _ = control(file, libc::F_SETLEASE, libc::F_UNLCK);
    match lease {
        Ok(()) => Some(false),
        Err(Errno::EAGAIN) => Some(true),
        Err(_) => None,
    }
}

#[expect(
    unsafe_code,
    reason = "the only one of this project: no library makes these calls"
)]
fn control(file: &File, command: libc::c_int, number: libc::c_int) -> nix::Result<()> {
    // SAFETY: the descriptor is open as long as `file` is, and these commands take a number and no pointer.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, number) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn writers_are_told_from_readers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        std::fs::write(&path, "a\n").unwrap();
        let file = File::open(&path).unwrap();
        let _reader = File::open(&path).unwrap();
        for _ in 0..2 {
            assert_eq!(is_open_for_writing(&file), Some(false));
        }
        for options in [
            OpenOptions::new().append(true),
            OpenOptions::new().write(true),
            OpenOptions::new().read(true).write(true),
        ] {
            let writer = options.open(&path).unwrap();
            assert_eq!(is_open_for_writing(&file), Some(true));
            drop(writer);
            assert_eq!(is_open_for_writing(&file), Some(false));
        }
    }

    /// Whoever opens the file for writing in that moment does not end this process.
    #[test]
    fn who_opens_it_meanwhile_waits_for_a_moment_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        std::fs::write(&path, "a\n").unwrap();
        let file = File::open(&path).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..20_000 {
                    drop(OpenOptions::new().append(true).open(&path).unwrap());
                }
            });
            while !writer.is_finished() {
                assert!(is_open_for_writing(&file).is_some());
            }
        });
    }
}
