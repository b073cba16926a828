//! Starts, watches and ends processes, always with a deadline.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::Stopwatch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::program;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A folder for one daemon, which is ended with it.
pub(crate) struct Probe {
    folder: TempDir,
}

/// What the process at the terminal had to say.
pub(crate) struct Foreground {
    pub(crate) pid: u32,
    pub(crate) code: i32,
    pub(crate) stderr: String,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Probe {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn pid_file(&self) -> PathBuf {
        self.folder.path().join("probe.pid")
    }

    /// Where its service manager listens, if there is one.
    pub(crate) fn manager(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("probe.log")
    }

    /// The process that the pid file names.
    pub(crate) fn pid(&self) -> u32 {
        self.written_pid().unwrap()
    }

    fn written_pid(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file())
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Starts with relative paths, which a daemon must find again from `/`.
    pub(crate) fn spawn(&self, flags: &[&str]) -> Child {
        self.spawn_with(flags, &[])
    }

    /// The same, with more variables.
    pub(crate) fn spawn_with(&self, flags: &[&str], variables: &[(&str, &str)]) -> Child {
        let stderr = File::create(self.folder.path().join("stderr")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--pid-file", "probe.pid", "--log-file", "probe.log"])
            .args(flags);
        command
            .env(program::VARIABLE, "1")
            .envs(variables.iter().copied())
            .current_dir(self.folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap()
    }

    /// Starts, and waits until the process at the terminal has ended.
    pub(crate) fn start(&self, flags: &[&str]) -> Foreground {
        let mut child = self.spawn(flags);
        let code = wait(&mut child);
        let stderr = fs::read_to_string(self.folder.path().join("stderr")).unwrap();
        Foreground {
            pid: child.id(),
            code,
            stderr,
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(pid) = self.written_pid().filter(|pid| is_ours(*pid)) {
            let _ = kill(to_pid(pid), Signal::SIGKILL);
        }
    }
}

/// A stale pid file may name a process that has nothing to do with this test.
fn is_ours(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    program.is_ok_and(|program| Some(program) == std::env::current_exe().ok())
}

fn to_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap())
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill(to_pid(pid), signal).unwrap();
}

/// Ends a daemon and says how long it took.
pub(crate) fn stop(pid: u32) -> Duration {
    let since = Stopwatch::start();
    send(pid, Signal::SIGTERM);
    wait_until("its end", || !is_alive(pid));
    since.elapsed()
}

/// A process that nobody has reaped yet is not alive.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The exit code of a child, which is killed where it does not end in time.
pub(crate) fn wait(child: &mut Child) -> i32 {
    let begun = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if begun.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("still running after {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Stopwatch::start();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn contains(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|all| all.contains(text))
}
