//! Ends what a test process leaves behind, also when it is killed.
//!
//! One shell per test process reads from a pipe whose other end only the test process holds. It is
//! told of every process and every directory that the lab makes; at the end of the pipe, however it
//! came, it kills the processes that are left and removes the directories. What others made for the
//! test, such as a Docker engine, is removed by the commands that it was told.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Directories must have this in their name for the reaper to remove them.
pub(crate) const PREFIX: &str = "hostsync-lab-";

const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=
owed=
while IFS=' ' read -r word what; do
    case $word in
    born) pids="$pids $what" ;;
    dead) left=; for pid in $pids; do [ "$pid" = "$what" ] || left="$left $pid"; done; pids=$left ;;
    owes) owed="$what; $owed" ;;
    made) set -- "$@" "$what" ;;
    esac
done
for pid in $pids; do kill -9 "-$pid"; done
eval "$owed"
for again in 1 2 3; do
    left=
    for directory; do
        case $directory in */hostsync-lab-*) rm -rf -- "$directory" || left=yes ;; esac
    done
    [ -n "$left" ] || exit
    sleep 1
done
"#;

/// A process was started.
pub(crate) fn born(pid: u32) {
    tell(&format!("born {pid}\n"));
}

/// A process is about to be waited for; its number may soon belong to another.
pub(crate) fn dead(pid: u32) {
    tell(&format!("dead {pid}\n"));
}

/// A directory was made.
pub(crate) fn made(directory: &Path) {
    tell(&format!("made {}\n", directory.display()));
}

/// To be run at the end, the last one first; it does no harm to run it twice.
pub(crate) fn owes(command: &str) {
    tell(&format!("owes {command}\n"));
}

fn tell(line: &str) {
    static REAPER: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let mut pipe = REAPER
        .get_or_init(|| Mutex::new(start()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    pipe.write_all(line.as_bytes())
        .expect("the reaper listens for as long as this process lives");
}

fn start() -> ChildStdin {
    Command::new("sh")
        // Not in ours, which may be killed whole.
        .process_group(0)
        .args(["-c", SCRIPT, "hostsync-lab-reaper"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell to clean up after the tests")
        .stdin
        .take()
        .expect("its standard input is a pipe")
}
