//! What the system knows of this process, under the names that Prometheus' own clients give it.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::{SysconfVar, sysconf};

/// What is known now; what cannot be told is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Process {
    pub(crate) cpu: Option<Duration>,
    pub(crate) open_files: Option<u64>,
    pub(crate) most_files: Option<u64>,
    pub(crate) resident: Option<u64>,
    pub(crate) virtual_memory: Option<u64>,
    pub(crate) threads: Option<u64>,
    /// Since 1970.
    pub(crate) started: Option<Duration>,
}

impl Process {
    /// Looks.
    pub(crate) fn now() -> Self {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let (status, machine) = (read("/proc/self/status"), read("/proc/stat"));
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let files = fs::read_dir("/proc/self/fd").ok();
        let limit = getrlimit(Resource::RLIMIT_NOFILE).ok();
        Self {
            cpu: usage.map(|usage| duration(usage.user_time()) + duration(usage.system_time())),
            open_files: files.map(|files| files.count() as u64),
            most_files: limit.map(|(now, _)| now),
            resident: field(&status, "VmRSS:").map(|kib| kib * 1024),
            virtual_memory: field(&status, "VmSize:").map(|kib| kib * 1024),
            threads: field(&status, "Threads:"),
            started: started(&read("/proc/self/stat"), &machine, ticks),
        }
    }
}

fn duration(time: TimeVal) -> Duration {
    let part = |part: i64| u64::try_from(part).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

/// The number that follows a label at the beginning of a line.
fn field(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

/// When the process of `/proc/PID/stat` started, on a machine of `/proc/stat` whose clock ticks so often a second.
fn started(stat: &str, machine: &str, ticks: Option<i64>) -> Option<Duration> {
    // The name of the program, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let since_boot: u64 = rest.split_whitespace().nth(19)?.parse().ok()?;
    let ticks = u64::try_from(ticks?).ok().filter(|ticks| *ticks > 0)?;
    let boot = Duration::from_secs(field(machine, "btime")?);
    Some(boot + Duration::from_millis(since_boot.saturating_mul(1000) / ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read() {
        let status = "Name:\tx\nVmSize:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(1024));
        assert_eq!(field(status, "Threads:"), Some(7));
        assert_eq!(field(status, "VmSwap:"), None);
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 250 20";
        let machine = "cpu 1 2\nbtime 1000\n";
        let at = started(stat, machine, Some(100));
        assert_eq!(at, Some(Duration::from_millis(1_002_500)));
        for (stat, machine, ticks) in [("", machine, 100), (stat, "", 100), (stat, machine, 0)] {
            assert_eq!(started(stat, machine, Some(ticks)), None);
        }
    }

    #[test]
    fn this_process_is_known() {
        let now = Process::now();
        let since = std::time::SystemTime::UNIX_EPOCH + now.started.expect("it has started");
        assert!(
            since
                .elapsed()
                .is_ok_and(|age| age < Duration::from_secs(3600)),
            "{now:?}"
        );
        for some in [
            now.open_files,
            now.most_files,
            now.resident,
            now.virtual_memory,
            now.threads,
        ] {
            assert!(some.is_some_and(|some| some > 0), "{now:?}");
        }
        assert!(now.cpu.is_some());
    }
}
