//! Is a file a mount point of its own, as `/etc/hosts` is in every container?

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// True when something is mounted on exactly this path, as this process sees it. Without `/proc`
/// the answer is no, and a rename that fails with EBUSY tells the truth.
pub(crate) fn is_mount_point(path: &Path) -> bool {
    mounts().is_ok_and(|table| lists(&table, path))
}

/// The whole table. Its length is not known before, and to feel one's way is a dozen of calls.
fn mounts() -> io::Result<Vec<u8>> {
    let mut table = Vec::with_capacity(16 * 1024);
    File::open("/proc/self/mountinfo")?.read_to_end(&mut table)?;
    Ok(table)
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
