//! What the daemons did, as seen from outside.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::time::TimeSpec;

/// How long nothing may happen before the file is read: a change in slots is two writes one right after the
/// other, and reading a large file between them would be counted.
const PAUSE: TimeSpec = TimeSpec::new(0, 100_000);
const DEADLINE: Duration = Duration::from_secs(10);

/// Somebody who is told of each change of a hosts file, and takes next to nothing from the two cores that
/// everything shares meanwhile.
pub struct Reader {
    path: PathBuf,
    inotify: Inotify,
    bytes: Vec<u8>,
}

impl Reader {
    /// Waits for changes of the file at `path` from now on.
    ///
    /// # Panics
    /// Where the file cannot be watched.
    pub fn of(path: &Path) -> Self {
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).expect("inotify");
        let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO;
        // A file that is replaced takes its watch along.
        let directory = path.parent().expect("a file");
        inotify.add_watch(directory, events).expect("watched");
        Self {
            path: path.to_owned(),
            inotify,
            bytes: Vec::new(),
        }
    }

    /// When the file came to have the line: when the last change before that was told.
    ///
    /// # Panics
    /// After ten seconds without it.
    pub fn finds(&mut self, line: &[u8], begun: Instant) -> Duration {
        let mut told = None;
        loop {
            let patience = told.map_or(TimeSpec::from(DEADLINE), |_| PAUSE);
            let mut fds = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            let ready = ppoll(&mut fds, Some(patience), None).expect("polled");
            let now = begun.elapsed();
            if ready > 0 && self.is_changed() {
                told = Some(now);
            } else if let Some(told) = told.take_if(|_| ready == 0)
                && self.has(line)
            {
                return told;
            }
            assert!(
                now < DEADLINE,
                "{:?} never showed {:?}",
                self.path,
                String::from_utf8_lossy(line)
            );
        }
    }

    /// Whether one of the events that have come is of the file.
    fn is_changed(&self) -> bool {
        let events = self.inotify.read_events().unwrap_or_default();
        let name = self.path.file_name();
        events.iter().any(|event| event.name.as_deref() == name)
    }

    fn has(&mut self, line: &[u8]) -> bool {
        self.bytes.clear();
        let read = File::open(&self.path).and_then(|mut file| file.read_to_end(&mut self.bytes));
        read.is_ok() && memchr::memmem::find(&self.bytes, line).is_some()
    }
}

/// Bytes over the TCP connections of a process since they were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    /// What it got.
    pub received: u64,
    /// What it sent.
    pub sent: u64,
}

/// The bytes that the connections of a process have carried, as the kernel counts them.
///
/// # Panics
/// Where `ss` cannot be run.
pub fn wire(pid: u32) -> Wire {
    let output = Command::new("ss").arg("-tinpH").output().expect("ss runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut wire = Wire::default();
    let mut lines = text.lines();
    while let (Some(socket), Some(facts)) = (lines.next(), lines.next()) {
        if !socket.contains(&format!("pid={pid},")) {
            continue;
        }
        let fact = |name: &str| {
            let mut words = facts.split_whitespace();
            let value = words.find_map(|word| word.strip_prefix(name));
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        wire.received += fact("bytes_received:");
        wire.sent += fact("bytes_acked:");
    }
    wire
}
