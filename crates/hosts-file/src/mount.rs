//! Is a file a mount point of its own, as `/etc/hosts` is in every container?

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What is mounted, as this process sees it. The kernel writes the whole table anew for each who reads it,
/// and says when it has changed; so it is read only then.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// The table, once it was read.
    table: Option<File>,
    /// What it said last, and of which path.
    known: Option<(PathBuf, bool)>,
}

impl Mounts {
    /// True when something is mounted on exactly this path. Without `/proc` the answer is no, and a rename
    /// that fails with EBUSY tells the truth.
    pub(crate) fn has(&mut self, path: &Path) -> bool {
        let has_changed = self.table.as_ref().is_none_or(has_changed);
        match &self.known {
            Some((of, is_mount)) if !has_changed && of == path => *is_mount,
            _ => match self.read() {
                Ok(table) => {
                    let is_mount = lists(&table, path);
                    self.known = Some((path.to_owned(), is_mount));
                    is_mount
                }
                Err(_) => {
                    *self = Self::default();
                    false
                }
            },
        }
    }

    /// The whole table. Its length is not known before, and to feel one's way is a dozen of calls.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut file = match self.table.take() {
            Some(file) => file,
            None => File::open("/proc/self/mountinfo")?,
        };
        file.rewind()?;
        let mut table = Vec::with_capacity(16 * 1024);
        file.read_to_end(&mut table)?;
        self.table = Some(file);
        Ok(table)
    }
}

/// Whether something was mounted or unmounted since this was last asked, or the table was opened.
fn has_changed(table: &File) -> bool {
    let mut asked = [PollFd::new(table.as_fd(), PollFlags::POLLPRI)];
    // In doubt it has.
    !matches!(poll(&mut asked, PollTimeout::ZERO), Ok(0))
}

/// True when the table, in the format of `/proc/self/mountinfo`, has a mount on exactly this path.
fn lists(table: &[u8], path: &Path) -> bool {
    let escaped = escape(path.as_os_str().as_bytes());
    table
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(4))
        .any(|mounted_on| mounted_on == escaped)
}

/// A path as the kernel writes it in that table.
fn escape(path: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path.len());
    for &byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => escaped.extend(format!("\\{byte:03o}").bytes()),
            _ => escaped.push(byte),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_paths() {
        let table = b"36 35 98:0 / / rw - ext4 /dev/vda rw\n\
            37 36 98:0 /h /etc/hosts rw,noatime master:1 - ext4 /dev/vda rw\n\
            38 36 0:20 / /a\\040b\\134c rw - tmpfs none rw\n";
        for (path, expected) in [
            ("/etc/hosts", true),
            ("/", true),
            ("/a b\\c", true),
            ("/h", false),
            ("/etc", false),
            ("/etc/hosts2", false),
        ] {
            assert_eq!(lists(table, Path::new(path)), expected, "{path}");
        }
    }
}
