//! Telling a replica that was killed from one that runs.
//!
//! The znode of a killed replica stays until its session times out, and until then nobody else can
//! lead. Where the same machine starts another one, that one can see that the process is gone, and
//! need not wait.

use std::fs;

use serde::{Deserialize, Serialize};

/// One run of one nameserver, as its znode in the election tells it to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The name of the replica.
    pub id: String,
    /// The machine since it was started, and the namespace in which `pid` means something.
    machine: String,
    pid: u32,
    /// When the process began, in the kernel's ticks, since numbers of processes are used again.
    started: u64,
    /// What it cannot do, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// Another replica has its id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_id: bool,
}

impl Incarnation {
    /// This process.
    pub fn current(id: String) -> Self {
        let pid = std::process::id();
        Self {
            id,
            machine: machine(),
            pid,
            started: started(pid).unwrap_or_default(),
            complaint: None,
            shares_id: false,
        }
    }

    /// As the data of a znode.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always become JSON")
    }

    /// True when the data of a znode was written by a process of this machine that is gone.
    pub fn wrote_and_is_gone(data: &[u8]) -> bool {
        Self::of_this_machine(data).is_some_and(|other| !other.runs())
    }

    /// True when it was written by a process of this machine that runs.
    pub fn wrote_and_runs(data: &[u8]) -> bool {
        Self::of_this_machine(data).is_some_and(|other| other.runs())
    }

    /// True when it was written by another process that calls itself the same and may run.
    pub fn is_twin_of(&self, data: &[u8]) -> bool {
        let Ok(other) = serde_json::from_slice::<Self>(data) else {
            return false;
        };
        let process = |of: &Self| (of.machine.clone(), of.pid, of.started);
        other.id == self.id && process(&other) != process(self) && !Self::wrote_and_is_gone(data)
    }

    fn of_this_machine(data: &[u8]) -> Option<Self> {
        let other = serde_json::from_slice::<Self>(data).ok()?;
        let machine = machine();
        (!machine.is_empty() && other.machine == machine).then_some(other)
    }

    fn runs(&self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

/// Empty where the system does not tell.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = fs::read_link("/proc/self/ns/pid");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
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

    fn of(pid: u32) -> Incarnation {
        let started = started(pid).expect("it runs");
        Incarnation {
            pid,
            started,
            ..Incarnation::current("ns".into())
        }
    }

    #[test]
    fn a_process_is_gone_when_it_has_ended() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let data = of(child.id()).encode();
        assert!(!Incarnation::wrote_and_is_gone(&data));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Incarnation::wrote_and_is_gone(&data));
    }

    #[test]
    fn only_what_is_certain_counts() {
        let current = Incarnation::current("ns".into());
        assert!(!Incarnation::wrote_and_is_gone(&current.encode()));
        let reused = Incarnation {
            started: current.started + 1,
            ..current.clone()
        };
        assert!(Incarnation::wrote_and_is_gone(&reused.encode()));
        let elsewhere = Incarnation {
            machine: "another".into(),
            ..reused
        };
        assert!(!Incarnation::wrote_and_is_gone(&elsewhere.encode()));
        assert!(current.is_twin_of(&elsewhere.encode()) && !current.is_twin_of(&current.encode()));
        assert!(Incarnation::wrote_and_runs(&current.encode()));
        assert!(!Incarnation::wrote_and_runs(&elsewhere.encode()));
        let named = Incarnation {
            id: "ns2".into(),
            ..elsewhere
        };
        assert!(!current.is_twin_of(&named.encode()));
        assert!(!Incarnation::wrote_and_is_gone(b"ns1"));
        assert!(!Incarnation::wrote_and_is_gone(b""));
    }
}
