//! A process that ends with the test.

use std::fs::{File, read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::{Stopwatch, reaper, wait_until};

/// A running child. What it prints goes to a file, which is shown when the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with both its outputs appended to `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log);
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let errors = output.try_clone().expect("a second handle to the log");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        // What it starts belongs to its group, and goes with it.
        command.process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        reaper::born(child.id());
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            status: None,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
            if self.status.is_some() {
                // A command of `hostsync exec` would outlive a killed one for ever.
                kill_group(self.pid());
                reaper::dead(self.pid());
            }
        }
        self.status
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it still runs after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait_until(&what, limit, || self.ended().is_some());
        self.status.expect("it has just ended")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        assert!(self.status.is_none(), "{} has ended", self.name);
        kill_pid(self.pid(), signal);
    }

    /// How long it has kept a processor busy so far, threads that have ended among it.
    ///
    /// # Panics
    /// If it has ended.
    pub fn cpu_time(&self) -> Duration {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(self.pid() as i32));
        let time = clock.and_then(ClockId::now);
        time.unwrap_or_else(|error| panic!("{}: {error}", self.name))
            .into()
    }

    /// Stops it from running until [`resume`](Self::resume), as a machine that hangs does.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Ends it as a power cut does.
    pub fn kill9(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGKILL);
            self.wait_end(Duration::from_secs(10));
        }
    }

    /// Asks it to end (SIGTERM), and returns how long that took.
    ///
    /// # Panics
    /// If it does not end with exit code 0 within three seconds.
    pub fn stop(&mut self) -> Duration {
        let started = Stopwatch::start();
        self.signal(Signal::SIGTERM);
        let status = self.wait_end(Duration::from_secs(3));
        assert!(
            status.success(),
            "{} ended with {status} when asked to end",
            self.name
        );
        started.elapsed()
    }

    /// Asks it to end and does not mind how it does.
    pub(crate) fn terminate(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGTERM);
            let status = self.wait_end(Duration::from_secs(10));
            assert!(
                status.success() || status.signal().is_some() || status.code() == Some(143),
                "{} ended with {status}",
                self.name
            );
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let how = match self.ended() {
                Some(status) => format!("had ended with {status}"),
                None => "was running".to_owned(),
            };
            eprintln!(
                "--- {} {how}; it said:\n{}---",
                self.name,
                tail(&self.log())
            );
        }
        if self.ended().is_none() {
            // It may end by itself just now, which is as good.
            kill_group(self.pid());
            reaper::dead(self.pid());
            let _ = self.child.wait();
        }
    }
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let first = lines.len().saturating_sub(80);
    lines[first..]
        .iter()
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Sends a signal to a process that is not a child of this one, such as a daemon that has detached.
/// One that is gone already gets none.
///
/// # Panics
/// If the number is none of a process.
pub fn kill_pid(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).expect("a process id");
    assert!(pid > 1, "{pid} is no process of a test");
    // The only other refusal, a process of another user, cannot be a child of ours.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Kills what is left of the process group of a child.
fn kill_group(pid: u32) {
    let pid = i32::try_from(pid).expect("a process id");
    // Usually there is nobody left.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Whether a process that need not be a child of this one still runs; a zombie does not.
pub fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `pid (name) state …`, where the name may hold anything.
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}
