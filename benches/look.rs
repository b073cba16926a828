//! What the daemons did, as seen from outside.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// When the file has the line. It is read only when its inode or time of change is another one, so
/// that looking takes little from the two cores that everything shares.
///
/// # Panics
/// After ten seconds without it.
pub fn seen(path: &Path, line: &[u8], begun: Instant) -> Duration {
    use std::os::unix::fs::MetadataExt;
    let mut looked_at = None;
    loop {
        let at = begun.elapsed();
        if let Ok(stat) = fs::metadata(path) {
            let version = Some((stat.ino(), stat.ctime(), stat.ctime_nsec()));
            if version != looked_at {
                looked_at = version;
                let bytes = fs::read(path).unwrap_or_default();
                if memchr::memmem::find(&bytes, line).is_some() {
                    return at;
                }
            }
        }
        assert!(
            at < Duration::from_secs(10),
            "{path:?} never showed {:?}",
            String::from_utf8_lossy(line)
        );
        std::thread::sleep(Duration::from_micros(20));
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
