//! Telling a replica that was killed from one that runs.
//!
//! The znode of a killed replica stays until its session times out, and until then nobody else can
//! lead. Where the same machine starts another one, that one can see that the process is gone, and
//! need not wait. Only what is certain counts: a process that this user may not see is not gone.

use std::fs;

use contract::Candidate;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The variable by which a unit hands over the number of the boot, where `/proc` does not show it.
const BOOT_ID: &str = "BOOT_ID";

/// This process, as the replica `id`.
pub fn current(id: String) -> Candidate {
    let pid = std::process::id();
    Candidate {
        id,
        machine: machine(),
        pid,
        started: started(pid).unwrap_or_default(),
        complaint: None,
        http: None,
        shares_id: false,
    }
}

/// True when the data of a znode was written by a process of this machine that is gone.
pub fn wrote_and_is_gone(data: &[u8]) -> bool {
    of_this_machine(data).is_some_and(|other| runs(&other) == Some(false))
}

/// True when it was written by a process of this machine that runs.
pub fn wrote_and_runs(data: &[u8]) -> bool {
    of_this_machine(data).is_some_and(|other| runs(&other) == Some(true))
}

/// True when it was written by another process that calls itself the same as `own` and may run.
pub fn is_twin(own: &Candidate, data: &[u8]) -> bool {
    let Ok(other) = Candidate::decode(data) else {
        return false;
    };
    let process = |of: &Candidate| (of.machine.clone(), of.pid, of.started);
    other.id == own.id && process(&other) != process(own) && !wrote_and_is_gone(data)
}

fn of_this_machine(data: &[u8]) -> Option<Candidate> {
    let other = Candidate::decode(data).ok()?;
    let machine = machine();
    (!machine.is_empty() && other.machine == machine).then_some(other)
}

/// Whether that process still runs; none where that cannot be known.
fn runs(candidate: &Candidate) -> Option<bool> {
    let process = Pid::from_raw(candidate.pid.try_into().ok()?);
    match kill(process, None) {
        Err(Errno::ESRCH) => Some(false),
        // It may be another one with that number, of a user whose processes are hidden from us.
        _ if !fs::exists(format!("/proc/{process}/stat")).ok()? => None,
        _ => Some(started(candidate.pid) == Some(candidate.started)),
    }
}

/// Empty where the system does not tell.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let boot = boot.or_else(|| std::env::var(BOOT_ID).ok());
    // systemd writes it without dashes.
    let boot = boot.map(|boot| boot.trim().replace('-', ""));
    let namespace = fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Some(boot), Ok(namespace)) if !boot.is_empty() => {
            format!("{boot} {}", namespace.display())
        }
        _ => String::new(),
    }
}

/// When a process began; none when there is no such process. It is the 22nd field of its `stat`,
/// and the second one, in parentheses, may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // A zombie holds its number but does nothing any more.
    let is_gone = matches!(fields.next(), Some("Z" | "X"));
    fields.nth(18).filter(|_| !is_gone)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn of(pid: u32) -> Candidate {
        let started = started(pid).expect("it runs");
        Candidate {
            pid,
            started,
            ..current("ns".into())
        }
    }

    #[test]
    fn a_process_is_gone_when_it_has_ended() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let data = of(child.id()).encode();
        assert!(!wrote_and_is_gone(&data));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(wrote_and_is_gone(&data));
    }

    #[test]
    fn only_what_is_certain_counts() {
        let current = current("ns".into());
        assert!(!wrote_and_is_gone(&current.encode()));
        let reused = Candidate {
            started: current.started + 1,
            ..current.clone()
        };
        assert!(wrote_and_is_gone(&reused.encode()));
        let elsewhere = Candidate {
            machine: "another".into(),
            ..reused
        };
        assert!(!wrote_and_is_gone(&elsewhere.encode()));
        assert!(is_twin(&current, &elsewhere.encode()) && !is_twin(&current, &current.encode()));
        assert!(wrote_and_runs(&current.encode()));
        assert!(!wrote_and_runs(&elsewhere.encode()));
        let named = Candidate {
            id: "ns2".into(),
            ..elsewhere
        };
        assert!(!is_twin(&current, &named.encode()));
        assert!(!wrote_and_is_gone(b"ns1"));
        assert!(!wrote_and_is_gone(b""));
    }
}
