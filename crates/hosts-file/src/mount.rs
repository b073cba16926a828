//! Is a file a mount point of its own, as `/etc/hosts` is in every container? Is it mounted elsewhere, as what an engine
//! makes into `/etc/hosts` of a container is?

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long it counts what the tables of others said.
const OTHERS: Duration = Duration::from_secs(10);

/// What is mounted, as this process sees it. The kernel writes the whole table anew for each who reads it,
/// and says when it has changed; so it is read only then.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// The table, once it was read.
    table: Option<File>,
    /// What it said last, and of which path.
    known: Option<(PathBuf, bool)>,
    /// What all tables said last, and of which path.
    elsewhere: Option<(PathBuf, bool, Instant)>,
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

    /// True when the file at this path, which is no mount point, is mounted on another one, here or in the mount
    /// namespace of any process that we may look at. Such a mount goes on showing a file that another one replaced.
    pub(crate) fn has_elsewhere(&mut self, path: &Path) -> bool {
        if let Some((of, has, since)) = &self.elsewhere
            && of == path
            && since.elapsed() < OTHERS
        {
            return *has;
        }
        let has = self.look_elsewhere(path).unwrap_or_default();
        self.elsewhere = Some((path.to_owned(), has, Instant::now()));
        has
    }

    fn look_elsewhere(&mut self, path: &Path) -> io::Result<bool> {
        let (own, mount) = (self.read()?, mount_id(path)?);
        let Some(place) = Place::of(&own, mount, path) else {
            return Ok(false);
        };
        if place.is_mounted(&own) {
            return Ok(true);
        }
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt"));
        let mut seen: HashSet<PathBuf> = namespace("self").into_iter().collect();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(process) = name.to_str().filter(|name| name.parse::<u32>().is_ok()) else {
                continue;
            };
            // What ends meanwhile, or is not ours to look at, shows nothing.
            let is_new = namespace(process).is_ok_and(|namespace| seen.insert(namespace));
            let table = || fs::read(format!("/proc/{process}/mountinfo"));
            if is_new && table().is_ok_and(|table| place.is_mounted(&table)) {
                return Ok(true);
            }
        }
        Ok(false)
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
    mounts(table).any(|shown| shown.on == escaped)
}

/// Where a file is, however it is reached: a file system, and the path in that, as the kernel writes them.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    device: Vec<u8>,
    path: Vec<u8>,
}

impl Place {
    /// Of the file that this mount shows at a path, by the table of those who see it there.
    fn of(table: &[u8], mount: u64, path: &Path) -> Option<Self> {
        let escaped = escape(path.as_os_str().as_bytes());
        let id = mount.to_string();
        let shown = mounts(table).find(|shown| shown.id == id.as_bytes())?;
        let rest = escaped.strip_prefix(shown.on.strip_suffix(b"/").unwrap_or(shown.on))?;
        let root = shown.root.strip_suffix(b"/").unwrap_or(shown.root);
        Some(Self {
            device: shown.device.to_owned(),
            path: [root, rest].concat(),
        })
    }

    /// True when a table has a mount of just this file.
    fn is_mounted(&self, table: &[u8]) -> bool {
        mounts(table).any(|shown| shown.device == self.device && shown.root == self.path)
    }
}

/// The number of the mount by which a path is reached: others may lie hidden below it.
fn mount_id(path: &Path) -> io::Result<u64> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_PATH | OFlag::O_NOFOLLOW).bits())
        .open(path)?;
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let mut lines = about.lines();
    let id = lines.find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::Error::other("no mnt_id"))
}

/// A line of a table.
struct Mount<'t> {
    id: &'t [u8],
    device: &'t [u8],
    /// What of that file system is shown.
    root: &'t [u8],
    /// Where it is shown.
    on: &'t [u8],
}

fn mounts(table: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    table.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ');
        Some(Mount {
            id: fields.next()?,
            device: fields.nth(1)?,
            root: fields.next()?,
            on: fields.next()?,
        })
    })
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
    fn a_file_that_is_mounted_elsewhere_is_known_by_its_place_in_its_file_system() {
        let own = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            30 22 8:2 / /var rw - ext4 /dev/sda2 rw\n\
            31 22 8:2 /lib/x /srv rw - ext4 /dev/sda2 rw\n";
        let place = |mount, path: &str| Place::of(own, mount, Path::new(path)).unwrap();
        for (mount, path, device, inner) in [
            (22, "/etc/hosts", "8:1", "/etc/hosts"),
            (30, "/var/lib/c/hosts", "8:2", "/lib/c/hosts"),
            (31, "/srv/a b", "8:2", "/lib/x/a\\040b"),
        ] {
            let expected = Place {
                device: device.into(),
                path: inner.into(),
            };
            assert_eq!(place(mount, path), expected, "{path}");
        }
        let container = b"40 39 0:50 / / rw - overlay overlay rw\n\
            41 40 8:2 /lib/c/hosts /etc/hosts rw - ext4 /dev/sda2 rw\n\
            42 40 8:1 /lib/d /data rw - ext4 /dev/sda1 rw\n";
        assert!(place(30, "/var/lib/c/hosts").is_mounted(container));
        // Not a folder that it is in, nor the same path of another file system.
        assert!(!place(22, "/lib/d/hosts").is_mounted(container));
        assert!(!place(22, "/lib/c/hosts").is_mounted(container));
        assert!(!place(22, "/etc/hosts").is_mounted(own));
    }

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
