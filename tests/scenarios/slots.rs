//! A hosts file that is written in place: whatever ends hostsync or keeps it from writing, the file
//! stays valid, and nobody has to help it afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use lab::{
    HostsFile, Names, Need, Outcome, PATIENCE, Program, Running, Scratch, Stopwatch, Tree,
    hostsync, needs, tree, wait_for,
};
use serde_json::{Value, json};

const FOREIGN: &str = "127.0.0.1\tlocalhost\n\n# mine\n10.9.9.9  mine \n";
/// So many runs are under way at once; most of the time they wait for the grace period.
const AT_ONCE: usize = 24;

/// A file, and what hostsync keeps beside it, before it is run and killed.
struct Start {
    tree: Tree,
    text: Vec<u8>,
    cache: Option<Vec<u8>>,
}

impl Start {
    /// A file that hostsync has made say `names`; nothing of ours where there are none.
    fn with(name: &str, names: &Value) -> Self {
        let (tree, hosts) = (tree(name), HostsFile::with(FOREIGN));
        if names.as_object().is_some_and(|names| !names.is_empty()) {
            tree.publish(1, names);
            let _ = slots(&tree, &hosts).call(&["once"]).expect_code(0);
        }
        Self {
            tree,
            text: hosts.bytes(),
            cache: fs::read(cache(&hosts)).ok(),
        }
    }

    /// Runs hostsync on a copy; it is killed where it comes to this point for the first time.
    fn killed_at(&self, point: usize) -> (HostsFile, Outcome) {
        let hosts = HostsFile::with(&self.text);
        if let Some(bytes) = &self.cache {
            fs::write(cache(&hosts), bytes).expect("a copy of the cache");
        }
        let outcome = slots(&self.tree, &hosts)
            .inside(&["env", &format!("HOSTSYNC_KILL_AT={point}")])
            .call(&["once"]);
        (hosts, outcome)
    }
}

fn slots(tree: &Tree, hosts: &HostsFile) -> Program {
    hostsync(tree, hosts).flag("write", "slots")
}

fn cache(hosts: &HostsFile) -> PathBuf {
    hosts.path().with_extension("cache")
}

fn names(hosts: &Value) -> Names {
    serde_json::from_value(hosts.clone()).expect("names and their addresses")
}

/// What holds at any moment between one set of names and the next.
fn is_valid(text: &str, before: &Names, after: &Names, moment: &str) {
    let told = || format!("{moment}:\n{text}");
    let ours = text.strip_prefix(FOREIGN);
    let ours = ours.unwrap_or_else(|| panic!("foreign bytes {}", told()));
    let mut seen = BTreeMap::<&str, Vec<String>>::new();
    for line in ours.split_inclusive('\n') {
        assert!(line.ends_with('\n'), "half a line {}", told());
        if line.starts_with('#') {
            continue;
        }
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [address, name] = words[..] else {
            panic!("{line:?} {}", told());
        };
        let is_in = |names: &Names| {
            let addresses = names.get(name);
            addresses.is_some_and(|all| all.iter().any(|one| one == address))
        };
        assert!(is_in(before) || is_in(after), "{line:?} {}", told());
        seen.entry(name).or_default().push(address.to_owned());
    }
    for name in before.keys().filter(|name| after.contains_key(*name)) {
        assert!(seen.contains_key(name.as_str()), "no {name} {}", told());
    }
}

/// Kills hostsync at each point on its way from one set of names to another, looks at the file, and
/// lets it go on; returns how many points there were.
fn killed_everywhere(name: &str, before: &Value, after: &Value) -> usize {
    let start = &Start::with(name, before);
    start.tree.publish(2, after);
    let (before, after) = (&names(before), &names(after));
    let one = |point: usize| {
        let (hosts, outcome) = start.killed_at(point);
        let moment = format!("when killed at point {point}");
        is_valid(&hosts.text(), before, after, &moment);
        let survived = outcome.status.success();
        if !survived {
            assert_eq!(outcome.code(), -1, "{outcome:#?}");
            let _ = slots(&start.tree, &hosts).call(&["once"]).expect_code(0);
        }
        assert_eq!(&hosts.names(), after, "started again, {moment}");
        assert_eq!(hosts.foreign(), FOREIGN, "started again, {moment}");
        survived
    };
    let mut points = 0;
    loop {
        let survived = thread::scope(|scope| {
            let runs: Vec<_> = (points + 1..=points + AT_ONCE)
                .map(|point| scope.spawn(move || one(point)))
                .collect();
            let runs = runs.into_iter().map(thread::ScopedJoinHandle::join);
            runs.map(|survived| survived.expect("see above"))
                .collect::<Vec<_>>()
        });
        let killed = survived.iter().filter(|survived| !**survived).count();
        points += killed;
        if killed < AT_ONCE {
            assert!(survived[killed..].iter().all(|survived| *survived));
            return points;
        }
    }
}

#[test]
fn killed_at_every_step_of_the_first_run() {
    if !cfg!(debug_assertions) {
        return; // A release build has no such points.
    }
    let after = json!({"cache": ["10.0.0.3", "10.0.0.4"], "db": ["10.0.0.5"], "web": ["fd00::7"]});
    let points = killed_everywhere("killed-first", &json!({}), &after);
    // Growing, and at least one step for each line.
    assert!(points > 5, "{points}");
}

#[test]
fn killed_at_every_step_of_a_change() {
    if !cfg!(debug_assertions) {
        return;
    }
    let before = json!({
        "cache": ["10.0.0.3", "10.0.0.4"], "db": ["10.0.0.5"], "gone": ["10.0.0.6"],
        "last": ["10.0.0.8"], "same": ["10.0.0.9"], "web": ["fd00::7"],
    });
    // For a name of this length the file has no slot yet, and must grow.
    let long = format!("{}.{}", "a".repeat(60), "b".repeat(60));
    let after = json!({
        "cache": ["10.0.0.4", "10.0.1.3"], "db": ["10.0.1.5"], "last": ["fd00::8"],
        "new": ["10.0.1.1"], "same": ["10.0.0.9"], "web": ["10.0.1.7"], long: ["10.0.1.2"],
    });
    let points = killed_everywhere("killed-change", &before, &after);
    // At least: a body, six lines that come, six that go.
    assert!(points > 12, "{points}");
}

/// A daemon whose hosts file is a mount point in a file system of its own.
struct Mounted {
    agent: Running,
    directory: Scratch,
    _cache: Scratch,
}

impl Mounted {
    /// The file system has 64 KiB; `last` is done before hostsync starts.
    fn run(tree: &Tree, last: &str) -> Self {
        let (directory, cache) = (Scratch::new("small"), Scratch::new("cache"));
        let path = directory.path().display();
        let commands = format!(
            "mount -t tmpfs -o size=64k none {path}; cd {path}; touch hosts; \
             printf '127.0.0.1 localhost\\n' >source; mount --bind source hosts; {last}"
        );
        let agent = Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("hosts-file", directory.join("hosts"))
            .flag("cache", cache.join("cache"))
            .after_mounting(&commands)
            .run();
        Self {
            agent,
            directory,
            _cache: cache,
        }
    }

    /// Does something where hostsync runs.
    fn inside(&self, script: &str) {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.agent.pid());
        let script = format!("set -e; cd {}; {script}", self.directory.path().display());
        let status = Command::new("nsenter")
            .args([&namespace, "sh", "-c", &script])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{script}");
    }

    /// The file as hostsync sees it.
    fn text(&self) -> String {
        let path = self.directory.join("hosts").display().to_string();
        let inside = format!("/proc/{}/root{path}", self.agent.pid());
        fs::read_to_string(inside).unwrap_or_default()
    }

    fn addresses(&self, name: &str) -> Vec<String> {
        let entries = self.text();
        let entries = entries.lines().filter(|line| !line.starts_with('#'));
        let words = entries.map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        let of_name = words.filter(|words| words.get(1) == Some(&name));
        of_name.map(|words| words[0].to_owned()).collect()
    }

    fn soon_maps(&self, name: &str, addresses: &[&str]) {
        let what = format!("{name} to be {addresses:?}");
        wait_for(
            &what,
            PATIENCE,
            || self.addresses(name),
            |seen| seen == addresses,
        );
    }
}

#[test]
fn a_full_disk_keeps_the_old_names_until_there_is_room() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("slots-full");
    tree.publish(1, &json!({"db": ["10.0.0.5"], "web": ["10.0.0.7"]}));
    let mut mounted = Mounted::run(&tree, "true");
    mounted.soon_maps("web", &["10.0.0.7"]);
    mounted.inside("head -c 128k /dev/zero >filler 2>/dev/null || true");

    // More than the dead slots that the file has.
    let mut hosts: serde_json::Map<_, _> = (0..200)
        .map(|number| (format!("n{number}"), json!(["10.0.1.1"])))
        .collect();
    hosts.insert("db".to_owned(), json!(["10.0.0.6"]));
    hosts.insert("web".to_owned(), json!(["10.0.0.7"]));
    tree.publish(2, &Value::Object(hosts));
    mounted.agent.soon_says("the file system is full");
    assert_eq!(mounted.addresses("web"), ["10.0.0.7"]);
    assert!(!mounted.addresses("db").is_empty(), "{}", mounted.text());
    assert_eq!(mounted.addresses("localhost"), ["127.0.0.1"]);

    let room = Stopwatch::start();
    mounted.inside("rm filler");
    for number in [0, 100, 199] {
        mounted.soon_maps(&format!("n{number}"), &["10.0.1.1"]);
    }
    println!(
        "measured: disk full: in step {:?} after there was room",
        room.elapsed()
    );
    mounted.soon_maps("db", &["10.0.0.6"]);
    mounted.soon_maps("web", &["10.0.0.7"]);
    assert!(mounted.agent.ended().is_none());
}

#[test]
fn a_read_only_mount_point_is_written_once_it_may_be() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("slots-read-only");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let mut mounted = Mounted::run(&tree, "mount -o remount,bind,ro hosts");
    let line = mounted.agent.soon_says("read-only file system");
    assert!(line.contains("hosts"), "{line}");
    assert_eq!(mounted.text(), "127.0.0.1 localhost\n");
    let writable = Stopwatch::start();
    mounted.inside("mount -o remount,bind,rw hosts");
    mounted.soon_maps("db", &["10.0.0.5"]);
    println!(
        "measured: file read-only: in step {:?} after it was writable",
        writable.elapsed()
    );
    assert!(mounted.agent.ended().is_none());
}
