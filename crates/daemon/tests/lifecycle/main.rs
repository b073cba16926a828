//! The life of a daemon: start, second start, log rotation, end, crash.
//!
//! The test runs itself as the daemon; a variable says which of the two it is.

#![expect(clippy::unwrap_used, reason = "a panic names the line that failed")]

mod manager;
mod process;
mod program;

use std::fs;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::Signal;

use process::{Probe, contains, wait_until};

fn main() -> ExitCode {
    if std::env::var_os(program::VARIABLE).is_some() {
        return program::main();
    }
    let trials = [
        (
            "the_pid_file_names_the_daemon",
            the_pid_file_names_the_daemon as fn(),
        ),
        (
            "a_daemon_lets_go_of_the_terminal",
            a_daemon_lets_go_of_the_terminal,
        ),
        ("a_second_start_fails_at_once", a_second_start_fails_at_once),
        ("sighup_reopens_the_log", sighup_reopens_the_log),
        ("sigterm_ends_within_a_second", sigterm_ends_within_a_second),
        ("kill_9_is_in_nobodys_way", kill_9_is_in_nobodys_way),
        (
            "the_foreground_has_a_pid_file_too",
            the_foreground_has_a_pid_file_too,
        ),
        (
            "errors_before_the_fork_are_seen",
            errors_before_the_fork_are_seen,
        ),
        (
            "errors_after_the_fork_are_in_the_log",
            errors_after_the_fork_are_in_the_log,
        ),
        (
            "a_service_manager_is_told_how_it_goes",
            manager::a_service_manager_is_told_how_it_goes,
        ),
        (
            "the_watchdog_notices_a_blocked_loop",
            manager::the_watchdog_notices_a_blocked_loop,
        ),
    ];
    let trials = trials.map(|(name, trial)| {
        Trial::test(name, move || {
            trial();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn the_pid_file_names_the_daemon() {
    let probe = Probe::new();
    let foreground = probe.start(&["--daemon"]);
    assert_eq!((foreground.code, foreground.stderr.as_str()), (0, ""));
    let pid = probe.pid();
    assert_ne!(pid, foreground.pid);
    assert!(process::is_alive(pid));
}

fn a_daemon_lets_go_of_the_terminal() {
    let probe = Probe::new();
    probe.start(&["--daemon"]);
    let of_daemon = |name: &str| fs::read_link(format!("/proc/{}/{name}", probe.pid())).unwrap();
    assert_eq!(of_daemon("cwd").to_str(), Some("/"));
    assert_eq!(of_daemon("fd/0").to_str(), Some("/dev/null"));
    assert_eq!(of_daemon("fd/1").to_str(), Some("/dev/null"));
    assert_eq!(of_daemon("fd/2"), fs::canonicalize(probe.log()).unwrap());
    let status = fs::read_to_string(format!("/proc/{}/status", probe.pid())).unwrap();
    assert!(status.contains("Umask:\t0022"), "{status}");
}

fn a_second_start_fails_at_once() {
    let probe = Probe::new();
    probe.start(&["--daemon"]);
    let pid = probe.pid();
    for flags in [&["--daemon"][..], &[]] {
        let second = probe.start(flags);
        let path = fs::canonicalize(probe.pid_file()).unwrap();
        let expected = format!(
            "probe: already running as process {pid} ({} is locked)\n",
            path.display()
        );
        assert_eq!((second.code, second.stderr), (1, expected));
    }
    assert_eq!(probe.pid(), pid);
    assert!(process::is_alive(pid));
}

fn sighup_reopens_the_log() {
    let probe = Probe::new();
    probe.start(&["--daemon"]);
    wait_until("ready", || contains(&probe.log(), "[INFO] ready\n"));
    let old = probe.log().with_extension("1");
    fs::rename(probe.log(), &old).unwrap();
    process::send(probe.pid(), Signal::SIGHUP);
    wait_until("a new log", || contains(&probe.log(), "[INFO] a pass\n"));
    assert!(!contains(&old, "a pass"));
    let stderr = fs::read_link(format!("/proc/{}/fd/2", probe.pid())).unwrap();
    assert_eq!(stderr, fs::canonicalize(probe.log()).unwrap());
}

fn sigterm_ends_within_a_second() {
    let probe = Probe::new();
    probe.start(&["--daemon"]);
    let pid = probe.pid();
    wait_until("ready", || contains(&probe.log(), "ready"));
    let took = process::stop(pid);
    assert!(took.as_millis() < 1000, "{took:?}");
    assert!(contains(&probe.log(), "[INFO] ended by SIGTERM\n"));
    assert!(!probe.pid_file().exists());
}

fn kill_9_is_in_nobodys_way() {
    let probe = Probe::new();
    probe.start(&["--daemon"]);
    let first = probe.pid();
    process::send(first, Signal::SIGKILL);
    wait_until("its end", || !process::is_alive(first));
    assert_eq!(probe.pid(), first, "the pid file is left behind");
    // Its lock goes when the last of its threads has, which can be a moment later.
    wait_until("another one to start", || {
        probe.start(&["--daemon"]).code == 0
    });
    assert_ne!(probe.pid(), first);
}

fn the_foreground_has_a_pid_file_too() {
    let probe = Probe::new();
    let mut running = probe.spawn(&[]);
    wait_until("ready", || contains(&probe.log(), "ready"));
    assert_eq!(probe.pid(), running.id());
    process::send(running.id(), Signal::SIGINT);
    assert_eq!(process::wait(&mut running), 0);
    assert!(!probe.pid_file().exists());
}

fn errors_before_the_fork_are_seen() {
    let probe = Probe::new();
    fs::create_dir(probe.log()).unwrap();
    let failed = probe.start(&["--daemon"]);
    assert_eq!(failed.code, 1);
    let log = fs::canonicalize(probe.log()).unwrap();
    let expected = format!("probe: error: cannot open the log file {} ", log.display());
    assert!(failed.stderr.starts_with(&expected), "{}", failed.stderr);
    assert_eq!(failed.stderr.lines().count(), 1);
    assert!(!probe.pid_file().exists());
}

fn errors_after_the_fork_are_in_the_log() {
    let probe = Probe::new();
    probe.start(&["--daemon", "--fail"]);
    wait_until("an error", || {
        contains(&probe.log(), "[ERROR] cannot go on: told\\nso\n")
    });
    wait_until("its end", || !probe.pid_file().exists());
    assert!(
        !contains(&probe.log(), "probe: error"),
        "the error is said once"
    );
}
