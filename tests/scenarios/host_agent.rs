//! One agent outside that keeps the hosts files of many containers, which know nothing of it.

mod engines;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use lab::{
    Need, Outcome, PATIENCE, Program, Running, Scratch, Stopwatch, Tree, needs, tree, wait_for,
};
use serde_json::{Value, json};

use crate::container::addresses;

const FOREIGN: &str = "127.0.0.1\tlocalhost\n172.17.0.9\tmine\n";

/// What looks like the folder of an engine.
struct Engine {
    scratch: Scratch,
    containers: PathBuf,
}

impl Engine {
    fn new() -> Self {
        let scratch = Scratch::new("engine");
        let containers = scratch.join("containers");
        fs::create_dir(&containers).expect("made");
        Self {
            scratch,
            containers,
        }
    }

    fn glob(&self) -> PathBuf {
        self.containers.join("*/hosts")
    }

    /// The folder of a container, and its hosts file, which is not there yet.
    fn folder(&self, number: usize) -> PathBuf {
        let path = self.containers.join(format!("{number:064x}"));
        fs::create_dir_all(&path).expect("made");
        path.join("hosts")
    }

    /// A container's hosts file.
    fn container(&self, number: usize) -> PathBuf {
        let path = self.folder(number);
        fs::write(&path, FOREIGN).expect("written");
        path
    }

    fn agent(&self, tree: &Tree) -> Program {
        Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("hosts-file", self.glob())
            .flag("cache", self.scratch.join("cache"))
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn soon_says(path: &Path, name: &str, expected: &[&str]) {
    let what = format!("{name} in {}", path.display());
    wait_for(
        &what,
        PATIENCE,
        || text(path),
        |text| addresses(text, name) == expected,
    );
}

fn soon_status(program: &Program, what: &str, done: impl Fn(&Outcome) -> bool) -> Outcome {
    wait_for(what, PATIENCE, || program.call(&["status"]), done)
}

/// consul-template#1410: the file is replaced by rename, and the container never sees another change.
#[test]
fn one_containers_file_is_never_replaced_from_outside() {
    let tree = tree("host-agent-trap");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let path = engine.container(1);
    let inode = || fs::metadata(&path).expect("a file").ino();
    let before = inode();
    let agent = engine.agent(&tree).flag("hosts-file", &path);
    let replacing = agent.clone().flag("write", "replace");
    let mut refused = replacing.run();
    assert!(!refused.wait_end(PATIENCE).success());
    refused.soon_says("mounted into a container");
    let running = agent.run();
    soon_says(&path, "db", &["10.0.0.5"]);
    running.soon_says("because the file is mounted into a container");
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    soon_says(&path, "db", &["10.0.0.6"]);
    assert_eq!(inode(), before);
    assert!(text(&path).starts_with(FOREIGN));
}

#[test]
fn what_is_planted_leads_nowhere_and_costs_no_other() {
    if !needs(Need::Root) {
        return;
    }
    let tree = tree("host-agent-planted");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let outside = engine.scratch.write("passwd", "root\n");
    let good = engine.container(1);
    symlink(&outside, engine.folder(2)).expect("made");
    fs::hard_link(&outside, engine.folder(3)).expect("made");
    nix::unistd::mkfifo(&engine.folder(4), nix::sys::stat::Mode::S_IRWXU).expect("made");
    fs::create_dir(engine.folder(5)).expect("made");
    symlink(engine.scratch.path(), engine.containers.join("6")).expect("made");
    // The null device, and a file of somebody who owns neither its folder nor that of all.
    let device = nix::sys::stat::makedev(1, 3);
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::sys::stat::mknod(
        &engine.folder(7),
        nix::sys::stat::SFlag::S_IFCHR,
        mode,
        device,
    )
    .expect("made");
    let strange = engine.container(8);
    std::os::unix::fs::chown(&strange, Some(4321), None).expect("ours");
    let identity = || {
        let metadata = fs::metadata(&outside).expect("a file");
        (
            metadata.ino(),
            metadata.nlink(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        )
    };
    let before = identity();
    let agent = engine.agent(&tree);
    let running = agent.run();
    soon_says(&good, "db", &["10.0.0.5"]);
    let status = soon_status(&agent, "all to be told", |status| {
        status.stdout.matches(": failing,").count() == 6
    });
    assert_eq!(status.code(), 1);
    status.expect_words(&[
        "6 of 7 files cannot be kept",
        "symbolic link",
        "hard link",
        "not a regular file",
        "is a directory",
        "belongs to user 4321",
        ": in step, 1 name",
    ]);
    // That is no fault of the agent, which nothing is gained by starting again.
    let health = agent.call(&["status", "--health"]).expect_code(0);
    health.expect_words(&["healthy, but 6 of 7 files"]);
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    soon_says(&good, "db", &["10.0.0.6"]);
    // A good one in place of a planted one is kept, and one that is planted later is not.
    fs::remove_file(engine.folder(2)).expect("removed");
    let mended = engine.container(2);
    soon_says(&mended, "db", &["10.0.0.6"]);
    fs::remove_file(&good).expect("removed");
    symlink(&outside, &good).expect("made");
    tree.publish(3, &json!({"db": ["10.0.0.7"]}));
    soon_says(&mended, "db", &["10.0.0.7"]);
    soon_status(&agent, "the later one to be told", |status| {
        status.stdout.contains("6 of 7 files") && status.stdout.matches("symbolic link").count() > 0
    });
    assert_eq!(text(&outside), "root\n");
    assert_eq!(identity(), before);
    assert_eq!(text(&strange), FOREIGN);
    drop(running);
}

/// As the unit and the DaemonSet give it: the right to write files of others, and nothing else.
/// A full disk and a read-only mount of some containers cost the others nothing, and those only as long as that lasts.
#[test]
fn a_full_and_a_read_only_one_cost_no_other() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("host-agent-full");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let good = engine.container(1);
    let [full, fixed] = [2, 3].map(|number| {
        let folder = engine.folder(number);
        folder.parent().expect("a folder").display().to_string()
    });
    let mounts = format!(
        "mount -t tmpfs -o size=8k none {full}
        (head -c 4094 /dev/zero | tr '\\0' '#'; echo) >{full}/hosts
        head -c 8k /dev/zero >{full}/filler 2>/dev/null || true
        mount -t tmpfs none {fixed}; echo '127.0.0.1 localhost' >{fixed}/hosts
        mount -o remount,ro {fixed}"
    );
    let agent = engine.agent(&tree);
    let running = agent.clone().after_mounting(&mounts).run();
    soon_says(&good, "db", &["10.0.0.5"]);
    let status = soon_status(&agent, "both to be told", |status| {
        status.stdout.matches(": failing,").count() == 2
    });
    status.expect_words(&["No space left", "ead-only file system", ": in step, 1 name"]);
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    soon_says(&good, "db", &["10.0.0.6"]);
    // As the agent sees them.
    let seen = |folder: &str| PathBuf::from(format!("/proc/{}/root{folder}", running.pid()));
    fs::remove_file(seen(&full).join("filler")).expect("removed");
    soon_says(&seen(&full).join("hosts"), "db", &["10.0.0.6"]);
    let _ = agent.call(&["status", "--health"]).expect_code(0);
}

#[test]
fn the_right_to_write_is_all_that_it_needs() {
    if !needs(Need::OtherUser) {
        return;
    }
    let tree = tree("host-agent-rights");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let path = engine.container(1);
    // As with an engine whose containers have users of their own.
    for path in [&*path, path.parent().expect("a folder")] {
        std::os::unix::fs::chown(path, Some(12345), None).expect("given away");
    }
    let agent = engine.agent(&tree);
    let agent = agent.inside(&["setpriv", "--bounding-set=-all,+dac_override", "--"]);
    let _running = agent.run();
    for (generation, address) in [(2, "10.0.0.6"), (3, "10.0.0.7")] {
        tree.publish(generation, &json!({"db": [address]}));
        soon_says(&path, "db", &[address]);
    }
    let status = soon_status(&agent, "to be in step", |status| status.code() == 0);
    status.expect_words(&[": in step, 1 name"]);
}

#[test]
fn a_container_with_an_agent_of_its_own_keeps_its_file() {
    let tree = tree("host-agent-two");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let (own, other) = (engine.container(1), engine.container(2));
    let inside = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("hosts-file", &own)
        .flag("write", "slots")
        .flag("cache", engine.scratch.join("inside"));
    let inner = inside.run();
    soon_says(&own, "db", &["10.0.0.5"]);
    let agent = engine.agent(&tree);
    let outer = agent.run();
    soon_says(&other, "db", &["10.0.0.5"]);
    let status = soon_status(&agent, "both to be told", |status| {
        status.code() == 0 && status.stdout.contains(": kept by another, 1 name")
    });
    status.expect_words(&[": in step, 1 name"]);
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    for path in [&own, &other] {
        soon_says(path, "db", &["10.0.0.6"]);
    }
    // When it ends, that is taken over.
    drop(inner);
    tree.publish(3, &json!({"db": ["10.0.0.7"]}));
    soon_says(&own, "db", &["10.0.0.7"]);
    drop(outer);
}

/// One that panics is followed by another one, and costs no other; so it does where its file goes meanwhile.
#[test]
fn what_keeps_one_file_is_started_again_when_it_fails() {
    let tree = tree("host-agent-failing");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let (one, other) = (engine.container(1), engine.container(2));
    let failing = format!("TASK_PANICS=hosts file {}", one.display());
    let agent = engine.agent(&tree).inside(&["env", &failing]);
    let running = agent.run();
    running.soon_says("is down: a test wants it; it is started again");
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    for path in [&one, &other] {
        soon_says(path, "db", &["10.0.0.6"]);
    }
    running.soon_says("works again");
    soon_status(&agent, "to be in step", |status| status.code() == 0);
    let more = engine
        .agent(&tree)
        .flag("cache", engine.scratch.join("more"));
    drop(running);
    let running = more.inside(&["env", &failing]).run();
    running.soon_says("is down: a test wants it");
    fs::remove_dir_all(one.parent().expect("a folder")).expect("removed");
    running.soon_says("is gone, and kept no longer");
    soon_status(&agent, "to be in step", |status| status.code() == 0);
}

/// Containers of one kind need not have the names of another.
#[test]
fn files_of_different_patterns_have_different_names() {
    let tree = tree("host-agent-select");
    let names = |last: u8| json!({"db": [format!("10.0.0.{last}")], "a.web": [format!("10.0.1.{last}")], "x": ["10.0.2.1"]});
    tree.publish(1, &names(1));
    let (docker, other) = (Engine::new(), Engine::new());
    let (one, two) = (docker.container(1), other.container(1));
    let own = docker.scratch.write("own", FOREIGN);
    let (one_glob, two_glob) = (docker.glob(), other.glob());
    let [one_glob, two_glob] = [one_glob.display(), two_glob.display()];
    let settings = format!(
        "hosts-file = ['{}', '{one_glob}', '{two_glob}']\nselect = {{ '{one_glob}' = '*.web', '{two_glob}' = ['x', 'd?'] }}",
        own.display()
    );
    let settings = docker.scratch.write("settings.toml", settings);
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("config", &settings)
        .flag("cache", docker.scratch.join("cache"));
    let mut running = agent.run();
    let all = |last: u8| {
        let (db, web) = (format!("10.0.0.{last}"), format!("10.0.1.{last}"));
        for (path, expected) in [
            (&one, [None, Some(&web), None]),
            (&two, [Some(&db), None, Some(&"10.0.2.1".to_owned())]),
            (&own, [Some(&db), Some(&web), Some(&"10.0.2.1".to_owned())]),
        ] {
            for (name, expected) in ["db", "a.web", "x"].iter().zip(expected) {
                let expected: Vec<&str> = expected.into_iter().map(String::as_str).collect();
                soon_says(path, name, &expected);
            }
        }
    };
    all(1);
    tree.publish(2, &names(2));
    all(2);
    let status = soon_status(&agent, "to be in step", |status| status.code() == 0);
    status.expect_words(&["1 name", "2 names", "3 names"]);
    // Killed and started again, it goes on with what it wrote in which.
    running.kill9();
    tree.publish(3, &names(3));
    let running = agent.run();
    all(3);
    drop(running);
    let _ = agent.call(&["clean"]).expect_code(0);
    for path in [&one, &two, &own] {
        let text = text(path);
        assert!(
            text.starts_with(FOREIGN) && !text.contains("10.0.2.1"),
            "{text}"
        );
    }
    let unknown = agent.call(&["run", "--select", "podman=db"]).expect_code(2);
    unknown.expect_words(&["cannot use --select", "'podman' is none of"]);
}

/// As many as a machine has, at once.
#[test]
fn fifty_come_go_and_survive_a_killed_agent() {
    const COUNT: usize = 50;
    let tree = tree("host-agent-fifty");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let first = engine.container(0);
    let agent = engine.agent(&tree).flag("id", "fifty");
    let mut running = agent.run();
    soon_says(&first, "db", &["10.0.0.5"]);
    let threads = |running: &Running| {
        let tasks = fs::read_dir(format!("/proc/{}/task", running.pid()));
        tasks.map(Iterator::count).unwrap_or(0)
    };
    let alone = threads(&running);
    let all: Vec<PathBuf> = (1..COUNT).map(|number| engine.container(number)).collect();
    for path in &all {
        soon_says(path, "db", &["10.0.0.5"]);
    }
    // One line for all of them.
    running.soon_says("generation 1: 1 added (db), 0 changed, 0 removed; 1 name in");
    // Threads that the runtime has for blocking work may come and go.
    assert!(
        threads(&running) <= alone + 4,
        "{alone}: {}",
        threads(&running)
    );
    let mut generation = 1;
    for round in 0..5u32 {
        generation += 1;
        let address = format!("10.0.1.{round}");
        tree.publish(generation, &json!({"db": [address], "more": ["10.0.0.9"]}));
        // In the middle of it, at another moment each time.
        soon_says(&all[round as usize * 9], "db", &[&address]);
        running.crash_and_run();
        let begun = Stopwatch::start();
        for path in all.iter().chain([&first]) {
            wait_for(
                "the new address",
                PATIENCE,
                || text(path),
                |text| addresses(text, "db").contains(&address),
            );
        }
        let took = begun.elapsed();
        println!(
            "measured: fifty hosts files have it after a killed agent started again: {took:?}"
        );
        // Who came by before may read on for two seconds.
        for path in all.iter().chain([&first]) {
            soon_says(path, "db", &[&address]);
        }
        for path in all.iter().chain([&first]) {
            let text = text(path);
            assert!(text.starts_with(FOREIGN), "{text}");
            assert_eq!(addresses(&text, "more"), ["10.0.0.9"]);
        }
    }
    let told = |count: usize| {
        wait_for(
            "what it tells everybody",
            PATIENCE,
            || tree.get("/nameserver/agents/fifty").unwrap_or_default(),
            |told| {
                let told: Value = serde_json::from_slice(told).unwrap_or_default();
                told["files"] == json!({"count": count, "failing": 0})
            },
        )
    };
    let _ = told(COUNT);
    for path in &all {
        fs::remove_dir_all(path.parent().expect("a folder")).expect("removed");
    }
    let status = soon_status(&agent, "one file to be left", |status| {
        status.stdout.matches("\nfile  ").count() == 1
    });
    status.expect_words(&["in step"]);
    let _ = told(1);
    drop(running);
    // What is taken out is taken out of all.
    let cleaned = agent.call(&["clean"]).expect_code(0);
    cleaned.expect_words(&["took our block"]);
    assert_eq!(addresses(&text(&first), "db"), [""; 0]);
}
