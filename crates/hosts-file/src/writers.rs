//! Who writes a file, as far as the kernel tells: it tells root, and nobody in most containers.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

/// Listens to who writes one file, or another that takes its name.
#[derive(Debug)]
pub struct Writers {
    events: Fanotify,
    path: PathBuf,
}

impl Writers {
    /// Listens from now on.
    ///
    /// # Errors
    /// The kernel does not tell this user (`CAP_SYS_ADMIN` is needed), or not of this file system.
    pub fn of(path: &Path) -> io::Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        let flags = InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK;
        let events = Fanotify::init(flags, EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC)?;
        let written = MaskFlags::FAN_CLOSE_WRITE | MaskFlags::FAN_EVENT_ON_CHILD;
        events.mark(
            MarkFlags::FAN_MARK_ADD,
            written,
            nix::fcntl::AT_FDCWD,
            Some(directory),
        )?;
        Ok(Self {
            events,
            path: path.to_owned(),
        })
    }

    /// Those that have written it since the last call, but not this process: each by name and process number.
    pub fn since(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        // No more than were waiting when this began, however fast they write.
        for _ in 0..16 {
            let Ok(events) = self.events.read_events() else {
                break;
            };
            for event in events {
                let Some(file) = event.fd() else { continue };
                let link = format!("/proc/self/fd/{}", file.as_raw_fd());
                let is_it = fs::read_link(link).is_ok_and(|is| is_of(&is, &self.path));
                let process = event.pid();
                if is_it && process > 0 && process.unsigned_abs() != std::process::id() {
                    found.insert(named(process));
                }
            }
        }
        found
    }
}

/// True for a file that has, or had until another one took it, this name.
fn is_of(path: &Path, name: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    path.strip_suffix(b" (deleted)").unwrap_or(path) == name.as_os_str().as_bytes()
}

fn named(process: i32) -> String {
    let name = fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
    match String::from_utf8_lossy(&name).trim() {
        "" => format!("pid {process}, which has ended"),
        name => format!("{name} (pid {process})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn who_writes_in_place_or_anew_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        fs::write(&path, "").unwrap();
        let Ok(writers) = Writers::of(&path) else {
            return;
        };
        fs::write(&path, "ours").unwrap();
        fs::write(directory.path().join("other"), "").unwrap();
        assert_eq!(writers.since(), BTreeSet::new());
        for script in [": >hosts", ": >new; mv new hosts"] {
            let mut shell = Command::new("sh");
            let shell = shell.args(["-c", script]).current_dir(&directory);
            let mut child = shell.spawn().unwrap();
            let process = child.id();
            assert!(child.wait().unwrap().success());
            let found = writers.since();
            let expected = format!("pid {process}");
            assert!(
                found.iter().any(|of| of.contains(&expected)),
                "{script}: {found:?}"
            );
        }
    }
}
