//! What a running agent tells about itself.

use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use contract::{Counted, Name};
use daemon::{Health, time};
use hosts_file::SlotCounts;
use serde::{Deserialize, Serialize};
use zookeeper::{Ends, State, Tls};

use crate::apply::agent::Applied;
use crate::apply::fleet::FileState;
use crate::apply::report::{list, why};
use crate::bind::Bound;
use crate::follow::subscription::View;
use crate::observe::findings::{Weight, of_the_file};

/// The answer to `hostsync status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The hosts file agrees with the newest snapshot, as far as can be known.
    pub in_step: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Those of the reasons for which the agent is not healthy.
    #[serde(default)]
    pub failing: Vec<String>,
    /// What somebody should look at all the same.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// Whether the agent does its work, in one of the words of [`daemon::Health`].
    #[serde(default)]
    pub health: String,
    /// The agent's process id.
    pub pid: u32,
    /// When the agent started.
    pub started: String,
    /// The session.
    pub zookeeper: ZooKeeper,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The hosts file.
    pub hosts_file: HostsFile,
    /// The snapshot on disk.
    pub cache: Cache,
    /// How often a task of the agent ended by a fault of its own, or for want of a thread.
    #[serde(default)]
    pub task_panics: u64,
    /// What this container is registered as.
    #[serde(default)]
    pub registrations: Vec<Registered>,
    /// The local names of this container, each for one instance of a service.
    #[serde(default)]
    pub bindings: Bound,
}

/// One registration of this container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// What was asked for.
    pub register: String,
    /// The znode, while it is there.
    pub znode: Option<String>,
    /// Why it is not there, if something is wrong.
    pub failure: Option<String>,
}

/// The session with ZooKeeper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZooKeeper {
    /// The servers and the chroot.
    pub servers: String,
    /// True when a server answers.
    pub connected: bool,
    /// The state, in words.
    pub state: String,
    /// Since when.
    pub since: String,
    /// Until when the certificates are valid, where TLS is spoken.
    #[serde(default)]
    pub certificates: Option<Certificates>,
}

/// Until when the certificates are valid that TLS to ZooKeeper needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificates {
    /// The last of the authorities'.
    pub ca_ends: Option<String>,
    /// Our own.
    pub own_ends: Option<String>,
}

impl Certificates {
    /// Each end that is known, and whose it is.
    pub(crate) fn by_name(&self) -> Vec<(&'static str, SystemTime)> {
        let read = |end: &Option<String>| humantime::parse_rfc3339(end.as_deref()?).ok();
        let ends = Ends {
            ca: read(&self.ca_ends),
            own: read(&self.own_ends),
        };
        ends.by_name()
    }
}

impl From<&Ends> for Certificates {
    fn from(ends: &Ends) -> Self {
        Self {
            ca_ends: ends.ca.map(time),
            own_ends: ends.own.map(time),
        }
    }
}

/// The snapshot, read and applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its znode.
    pub znode: String,
    /// The newest generation that was read.
    pub seen: Option<u64>,
    /// The generation in the hosts file.
    pub applied: Option<u64>,
    /// When that one was published.
    pub published: Option<String>,
    /// Since when it is in the hosts file.
    #[serde(default)]
    pub since: Option<String>,
    /// By which nameserver.
    pub leader: Option<String>,
    /// Why what the znode holds now is not used.
    pub problem: Option<String>,
    /// How often changes did not lead to what was published, so that all of it was looked at anew.
    #[serde(default)]
    pub repairs: u64,
}

/// The hosts file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostsFile {
    /// The path as it was given.
    pub path: PathBuf,
    /// The file, symbolic links followed.
    pub target: Option<PathBuf>,
    /// Device and inode, to tell files of one path in several mount namespaces apart.
    pub identity: Option<String>,
    /// How many names of ours are in it.
    pub names: usize,
    /// Names that are left to lines that are not ours.
    pub shadowed: Vec<Name>,
    /// Those of them that stand there with an address that was published before, as a sentence each.
    #[serde(default)]
    pub stale: Vec<String>,
    /// The method of writing.
    pub write: Option<String>,
    /// Why that method.
    pub why: Option<String>,
    /// What our part of the file consists of, where it is written in slots.
    pub slots: Option<SlotCounts>,
    /// How often it was written.
    #[serde(default)]
    pub writes: u64,
    /// How often of that because somebody else had changed what is ours in it.
    #[serde(default)]
    pub mended: u64,
    /// Why it cannot be written.
    pub failure: Option<String>,
    /// Each of many files, where it is not just one.
    #[serde(default)]
    pub files: Vec<File>,
}

/// One hosts file of many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// The file.
    pub path: PathBuf,
    /// One of [`File::STATES`].
    pub state: String,
    /// The generation in it.
    pub applied: Option<u64>,
    /// How many names of ours are in it.
    pub names: usize,
    /// Why it cannot be written, or not by this agent.
    pub why: Option<String>,
}

impl File {
    /// All states.
    pub const STATES: [&str; 4] = ["in step", "behind", "kept by another", "failing"];

    /// What is said of one, where this generation was read.
    fn new(file: &FileState, seen: Option<u64>) -> Self {
        let state = match (&file.failure, &file.followed) {
            (Some(_), _) => "failing",
            (None, _) if file.generation != seen => "behind",
            (None, Some(_)) => "kept by another",
            (None, None) => "in step",
        };
        Self {
            path: file.path.clone(),
            state: state.to_owned(),
            applied: file.generation,
            names: file.names,
            why: file.failure.clone().or_else(|| file.followed.clone()),
        }
    }
}

/// The snapshot on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be written.
    pub failure: Option<String>,
}

/// What does not change while an agent runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When it started.
    pub started: SystemTime,
    /// The servers and the chroot.
    pub servers: String,
    /// The znode of the snapshot.
    pub znode: String,
    /// The hosts file as it was given.
    pub hosts_file: PathBuf,
    /// The file of the cache.
    pub cache: PathBuf,
    /// TLS to ZooKeeper, if it is spoken.
    pub tls: Option<Tls>,
}

impl Status {
    /// Puts together what the parts of an agent know.
    pub fn new(
        facts: &Facts,
        state: &State,
        view: &View,
        applied: &Applied,
        cache_failure: Option<String>,
    ) -> Self {
        let used = applied.published.as_ref().map(|used| &used.snapshot);
        let snapshot = Snapshot {
            znode: facts.znode.clone(),
            seen: view.snapshot.as_ref().map(|seen| seen.snapshot.generation),
            applied: used.map(|used| used.generation),
            published: used.map(|used| time(used.published)),
            since: used.and(applied.since).map(|(_, at)| time(at)),
            leader: used.map(|used| used.leader.clone()),
            problem: view.problem.clone(),
            repairs: view.repairs + applied.repairs,
        };
        let hosts_file = HostsFile {
            path: facts.hosts_file.clone(),
            target: applied.target.clone(),
            identity: identity(&facts.hosts_file),
            names: applied.names,
            shadowed: applied.shadowed.clone(),
            stale: applied.stale.iter().map(stale).collect(),
            write: match &applied.followed {
                Some(_) => Some("others".to_owned()),
                None => applied.method.map(|method| method.name().to_owned()),
            },
            why: applied.followed.clone().or(applied.method.map(why)),
            slots: applied.slots,
            writes: applied.writes,
            mended: applied.mended,
            failure: applied.failure.clone(),
            files: {
                let files = applied.files.iter();
                files.map(|file| File::new(file, snapshot.seen)).collect()
            },
        };
        let mut found = of_the_file(state, &snapshot, &hosts_file);
        let ends = facts.tls.as_ref().map(Tls::ends);
        let trouble = applied.trouble.clone();
        found.extend(trouble.map(|trouble| (Weight::OutOfStep, trouble)));
        let remarks = ends.iter().flat_map(|ends| ends.remarks(SystemTime::now()));
        found.extend(remarks.map(|remark| (Weight::Remark, remark)));
        found.extend(
            cache_failure
                .clone()
                .map(|failure| (Weight::Remark, failure)),
        );
        let mut status = Self {
            in_step: true,
            reasons: Vec::new(),
            failing: Vec::new(),
            remarks: Vec::new(),
            health: Health::default().word().to_owned(),
            pid: std::process::id(),
            started: time(facts.started),
            zookeeper: ZooKeeper {
                servers: facts.servers.clone(),
                connected: state.is_connected(),
                state: state.to_string(),
                since: time(state.since()),
                certificates: ends.as_ref().map(Certificates::from),
            },
            snapshot,
            hosts_file,
            cache: Cache {
                path: facts.cache.clone(),
                failure: cache_failure,
            },
            task_panics: 0,
            registrations: Vec::new(),
            bindings: Bound::new(),
        };
        for (weight, text) in found {
            status.find(weight, text);
        }
        status
    }
}

impl Status {
    /// Whether it is in step, in one line.
    pub fn line(&self) -> String {
        if !self.in_step {
            return format!("not in step: {}", self.reasons.join("; "));
        }
        let names = Counted(self.hosts_file.names, "name");
        let generation = self.snapshot.applied.unwrap_or(0);
        let but = self.remarks.iter().map(|remark| format!("; {remark}"));
        let but: String = but.collect();
        format!("in step: {names}, generation {generation}{but}")
    }
}

/// What is to be said of a name that a line of others maps to an address that was published before.
fn stale((name, address): &(Name, IpAddr)) -> String {
    format!(
        "{name} stands at {address}, which it was published with before, in a line that is not ours; take \
         that line out, if another program made it of ours"
    )
}

/// Device and inode of a file; none when it does not exist.
pub fn identity(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (zookeeper, snapshot, file) = (&self.zookeeper, &self.snapshot, &self.hosts_file);
        if !self.in_step {
            writeln!(f, "not in step: {}", self.reasons.join("; "))?;
        } else if self.remarks.is_empty() {
            writeln!(f, "in step")?;
        } else {
            writeln!(f, "in step, but {}", self.remarks.join("; "))?;
        }
        writeln!(f, "agent       pid {}, since {}", self.pid, self.started)?;
        let (servers, state, since) = (&zookeeper.servers, &zookeeper.state, &zookeeper.since);
        writeln!(f, "zookeeper   {servers}: {state}, since {since}")?;
        if let Some(certificates) = &zookeeper.certificates {
            let end = |end: &Option<String>| end.clone().unwrap_or_else(|| "none".to_owned());
            let (own, ca) = (end(&certificates.own_ends), end(&certificates.ca_ends));
            writeln!(
                f,
                "tls         our certificate ends: {own}, the authority's: {ca}"
            )?;
        }
        let number =
            |number: Option<u64>| number.map_or("none".into(), |number| number.to_string());
        let (applied, seen) = (number(snapshot.applied), number(snapshot.seen));
        write!(
            f,
            "snapshot    {}: generation {applied} applied, {seen} seen",
            snapshot.znode
        )?;
        if let (Some(published), Some(leader)) = (&snapshot.published, &snapshot.leader) {
            write!(f, ", published {published} by {leader}")?;
        }
        write!(
            f,
            "\nhosts file  {}: {}",
            file.path.display(),
            Counted(file.names, "name")
        )?;
        if let (Some(write), Some(why)) = (&file.write, &file.why) {
            write!(f, ", written by: {write} ({why})")?;
        }
        for one in &file.files {
            let (path, state) = (one.path.display(), &one.state);
            write!(
                f,
                "\nfile        {path}: {state}, {}",
                Counted(one.names, "name")
            )?;
            if let Some(why) = &one.why {
                write!(f, " ({why})")?;
            }
        }
        if let Some(counts) = &file.slots {
            write!(
                f,
                "\nslots       {} live, {} retiring; cells: {} dead, {} waiting; {} foreign rewrites repaired",
                counts.live, counts.retiring, counts.dead, counts.waiting, counts.rewrites
            )?;
        }
        if !file.shadowed.is_empty() {
            let names: Vec<&Name> = file.shadowed.iter().collect();
            write!(
                f,
                "\nshadowed    left to lines that are not ours: {}",
                list(&names)
            )?;
        }
        write!(f, "\ncache       {}", self.cache.path.display())?;
        match &self.cache.failure {
            Some(failure) => writeln!(f, ": {failure}"),
            None => writeln!(f),
        }?;
        for registered in &self.registrations {
            let state = registered.znode.as_ref().or(registered.failure.as_ref());
            let state = state.map_or("not now", String::as_str);
            writeln!(f, "registered  {}: {state}", registered.register)?;
        }
        for (local, address) in &self.bindings {
            writeln!(f, "bound       {local} to {address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;
    use hosts_file::Method;
    use std::sync::Arc;

    fn facts() -> Facts {
        Facts {
            started: SystemTime::UNIX_EPOCH,
            servers: "zk1:2181".into(),
            znode: "/nameserver/hosts".into(),
            hosts_file: "/nonexistent/hosts".into(),
            cache: "/var/cache/hostsync/etc-hosts.json".into(),
            tls: None,
        }
    }

    fn connected() -> State {
        State::Connected {
            since: SystemTime::UNIX_EPOCH,
            session_id: 0x123,
        }
    }

    fn used(generation: u64) -> Option<Arc<crate::follow::published::Published>> {
        Some(Arc::new(published(1, 2, generation, &[("db", 1)])))
    }

    fn applied(generation: u64) -> Applied {
        Applied {
            published: used(generation),
            since: None,
            names: 1,
            shadowed: vec!["web".parse().unwrap()],
            stale: Vec::new(),
            target: Some("/nonexistent/hosts".into()),
            method: Some(Method::Replace),
            followed: None,
            slots: None,
            failure: None,
            trouble: None,
            files: Vec::new(),
            repairs: 0,
            writes: 0,
            mended: 0,
        }
    }

    #[test]
    fn in_step_or_the_reasons() {
        let view = |generation| View {
            snapshot: used(generation),
            is_confirmed: true,
            ..View::default()
        };
        let of = |state: &State, view: &View, applied: &Applied| {
            let status = Status::new(&facts(), state, view, applied, None);
            assert_eq!(status.in_step, status.reasons.is_empty());
            status.reasons.join("; ")
        };
        assert_eq!(of(&connected(), &view(7), &applied(7)), "");
        assert_eq!(
            of(&connected(), &view(8), &applied(7)),
            "generation 8 was read, 7 is in the file"
        );
        assert_eq!(
            of(&connected(), &view(8), &Applied::default()),
            "generation 8 is not in the file yet"
        );
        assert_eq!(
            of(&connected(), &View::default(), &Applied::default()),
            "no snapshot was read yet"
        );
        let lost = State::Disconnected {
            since: SystemTime::UNIX_EPOCH,
        };
        assert_eq!(
            of(&lost, &view(7), &applied(7)),
            "ZooKeeper is not connected since 1970-01-01T00:00:00Z: connection lost"
        );
        let mut junk = view(7);
        junk.problem = Some("/nameserver/hosts is not used: junk".into());
        let mut full = applied(6);
        full.failure = Some("the disk is full".into());
        assert_eq!(
            of(&connected(), &junk, &full),
            "/nameserver/hosts is not used: junk; the disk is full"
        );
    }

    #[test]
    fn text_and_json() {
        let view = View {
            snapshot: used(7),
            is_confirmed: true,
            ..View::default()
        };
        let mut status = Status::new(&facts(), &connected(), &view, &applied(7), None);
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
        assert_eq!(status.line(), "in step: 1 name, generation 7");
        status.pid = 42;
        assert_eq!(
            status.to_string(),
            "in step\n\
             agent       pid 42, since 1970-01-01T00:00:00Z\n\
             zookeeper   zk1:2181: connected, session 0x123, since 1970-01-01T00:00:00Z\n\
             snapshot    /nameserver/hosts: generation 7 applied, 7 seen, \
             published 1970-01-01T00:00:00Z by ns1\n\
             hosts file  /nonexistent/hosts: 1 name, written by: replace \
             (the file is not a mount point)\n\
             shadowed    left to lines that are not ours: web\n\
             cache       /var/cache/hostsync/etc-hosts.json\n"
        );
    }
}
