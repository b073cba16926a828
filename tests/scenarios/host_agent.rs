//! One agent outside that keeps the hosts files of many containers, which know nothing of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{
    Container, Image, Need, Network, Outcome, PATIENCE, Podman, Program, Running, Scratch,
    Stopwatch, Tree, docker, needs, tree, wait_for, wait_until,
};
use serde_json::json;

use crate::container::addresses;

/// Alone it takes a moment; the engine and other tests add to it.
const AT_ONCE: Duration = Duration::from_secs(5);
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

#[test]
fn containers_that_know_nothing_of_it_follow_the_names() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("host-agent");
    tree.publish(1, &json!({"db": ["10.0.0.5"], "web": ["10.0.0.7"]}));
    let (network, other) = (Network::new(), Network::new());
    let image = Image::with_hostsync();
    let wait = ["sh", "-c", "while :; do sleep 1000; done"];
    let glibc = Container::create(&image, &network, &wait);
    let path = glibc.hosts_path();
    let second = Container::create(&image, &network, &wait);
    let scratch = Scratch::new("host-agent");
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("cache", scratch.join("cache"));
    let glob = |of: &Container| {
        // As '*' would, but for those of other tests.
        let path = of.hosts_path();
        let id = path.parent().and_then(Path::file_name).expect("an id");
        let id = id.to_string_lossy();
        let containers = path.ancestors().nth(2).expect("a folder");
        containers.join(format!("{}*", &id[..40])).join("hosts")
    };
    let (one, two) = (glob(&glibc), glob(&second));
    let agent = agent.flag("hosts-file", &one);
    let two = two.to_string_lossy();
    let running = agent.run_with(&["--hosts-file", &two]);
    running.soon_says("connected to ZooKeeper");

    for container in [&glibc, &second] {
        let _ = docker(&["start", container.name()]);
        let begun = Stopwatch::start();
        wait_until("the names to be there", AT_ONCE, || {
            container.call(&["getent", "ahostsv4", "db"]).code() == 0
        });
        assert!(begun.elapsed() < AT_ONCE);
    }
    let inode = fs::metadata(&path).expect("a file").ino();
    tree.publish(2, &json!({"db": ["10.0.0.6"], "new": ["10.0.0.9"]}));
    for container in [&glibc, &second] {
        wait_until("the change to be there", PATIENCE, || {
            let hosts = container.hosts();
            addresses(&hosts, "db") == ["10.0.0.6"] && addresses(&hosts, "web").is_empty()
        });
        let said = container.call(&["getent", "hosts", "new"]).expect_code(0);
        said.expect_words(&["10.0.0.9"]);
    }
    assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    // What the engine rewrites is put right from outside.
    for event in [
        &["network", "connect", other.name()][..],
        &["network", "disconnect", other.name()],
        &["restart", "--time", "1"],
    ] {
        let _ = docker(&[event, &[glibc.name()]].concat());
        wait_until(&format!("names after {event:?}"), PATIENCE, || {
            let hosts = glibc.hosts();
            addresses(&hosts, "db") == ["10.0.0.6"] && addresses(&hosts, "new") == ["10.0.0.9"]
        });
    }
    let status = soon_status(&agent, "to be in step", |status| status.code() == 0);
    let path = path.to_string_lossy();
    status.expect_words(&["in step", &format!("{path}: in step, 2 names")]);
    // What is gone is forgotten, and the other one goes on.
    let _ = docker(&["rm", "-f", glibc.name()]);
    running.soon_says("is gone, and kept no longer");
    tree.publish(3, &json!({"db": ["10.0.0.7"]}));
    wait_until("the other one to follow", PATIENCE, || {
        addresses(&second.hosts(), "db") == ["10.0.0.7"]
    });
    let status = soon_status(&agent, "to be in step", |status| status.code() == 0);
    assert!(!status.stdout.contains(&*path), "{}", status.stdout);
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

/// What somebody mounts into a container himself is known by the tables of mounts.
#[test]
fn a_file_that_a_container_mounts_is_not_replaced() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("host-agent-mounted");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let scratch = Scratch::new("mounted");
    let path = scratch.write("hosts", FOREIGN);
    let (image, network) = (Image::with_hostsync(), Network::new());
    let mount = format!("--volume={}:/etc/hosts", path.display());
    let wait = ["sh", "-c", "while :; do sleep 1000; done"];
    let container = Container::run_with(&[&mount], &image, &network, &wait);
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("hosts-file", &path)
        .flag("cache", scratch.join("cache"));
    let mut refused = agent.clone().flag("write", "replace").run();
    assert!(!refused.wait_end(PATIENCE).success());
    refused.soon_says("mounted into a container");
    let running = agent.run();
    for (generation, address) in [(2, "10.0.0.6"), (3, "10.0.0.7")] {
        tree.publish(generation, &json!({"db": [address]}));
        wait_until("the container to have the change", PATIENCE, || {
            addresses(&container.hosts(), "db") == [address]
        });
    }
    running.soon_says("because the file is mounted into a container");
    drop(container);
}

#[test]
fn what_is_planted_leads_nowhere_and_costs_no_other() {
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
        status.stdout.matches(": failing,").count() == 4
    });
    assert_eq!(status.code(), 1);
    status.expect_words(&[
        "4 of 5 files cannot be kept",
        "symbolic link",
        "hard link",
        "not a regular file",
        "is a directory",
        ": in step, 1 name",
    ]);
    // That is no fault of the agent, which nothing is gained by starting again.
    let health = agent.call(&["status", "--health"]).expect_code(0);
    health.expect_words(&["healthy, but 4 of 5 files"]);
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
        status.stdout.contains("4 of 5 files") && status.stdout.matches("symbolic link").count() > 0
    });
    assert_eq!(text(&outside), "root\n");
    assert_eq!(identity(), before);
    drop(running);
}

/// As the unit and the DaemonSet give it: the right to write files of others, and nothing else.
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

/// Podman writes a container's file line by line, at each start; root's agent keeps those of all users, a
/// user's own agent those of that user.
#[test]
fn podmans_containers_follow_the_names_roots_and_those_of_users() {
    if !needs(Need::Podman) || !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("host-agent-podman");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let (root, user) = (Podman::of_root(), Podman::of_a_user());
    let home = user.home().expect("a home");
    let scratch = Scratch::new("podman-agent");
    let agent = |cache: &str| {
        Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("containers", "podman")
            .flag("cache", scratch.join(cache))
    };
    let has = |engine: &Podman, container: &str, expected: &str| {
        wait_until(&format!("{expected} in {container}"), PATIENCE, || {
            let said = engine.call(&["exec", container, "getent", "hosts", "db"]);
            said.stdout.starts_with(expected)
        });
    };
    let follows = |engine: &Podman, container: &str, generation: u64| {
        has(engine, container, "10.0.0.5 ");
        tree.publish(generation, &json!({"db": ["10.0.0.6"]}));
        has(engine, container, "10.0.0.6 ");
        let _ = engine
            .call(&["restart", "-t", "0", container])
            .expect_code(0);
        has(engine, container, "10.0.0.6 ");
        tree.publish(generation + 1, &json!({"db": ["10.0.0.5"]}));
        has(engine, container, "10.0.0.5 ");
    };
    // As root, for whom the user's places are in the usual one.
    let users = format!(
        "mkdir -p /run/user; mount -t tmpfs none /run/user; mkdir /run/user/65534
        mount --bind {}/run /run/user/65534",
        home.display()
    );
    let (one, other) = (root.start(), user.start());
    let running = agent("root").after_mounting(&users).run();
    follows(&root, &one, 2);
    follows(&user, &other, 4);
    drop(running);
    // As that user, of whom is all that it finds.
    let own = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("containers", "podman")
        .inside(user.user());
    let running = own.run();
    follows(&user, &other, 6);
    let _ = user.call(&["rm", "-f", "-t", "0", &other]).expect_code(0);
    running.soon_says("is gone, and kept no longer");
    let next = user.start();
    has(&user, &next, "10.0.0.5 ");
}

/// As many as a machine has, at once.
#[test]
fn fifty_come_go_and_survive_a_killed_agent() {
    const COUNT: usize = 50;
    let tree = tree("host-agent-fifty");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let first = engine.container(0);
    let agent = engine.agent(&tree);
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
        for path in all.iter().chain([&first]) {
            soon_says(path, "db", &[&address]);
            let text = text(path);
            assert!(text.starts_with(FOREIGN), "{text}");
            assert_eq!(addresses(&text, "more"), ["10.0.0.9"]);
        }
    }
    for path in &all {
        fs::remove_dir_all(path.parent().expect("a folder")).expect("removed");
    }
    let status = soon_status(&agent, "one file to be left", |status| {
        status.stdout.matches("\nfile  ").count() == 1
    });
    status.expect_words(&["in step"]);
    drop(running);
    // What is taken out is taken out of all.
    let cleaned = agent.call(&["clean"]).expect_code(0);
    cleaned.expect_words(&["took our block"]);
    assert_eq!(addresses(&text(&first), "db"), [""; 0]);
}

/// Where an engine keeps its files nobody has to know, also where its data is elsewhere, or comes later.
#[test]
fn engines_are_known_by_their_names() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("host-agent-engines");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let engine = Engine::new();
    let (scratch, root) = (&engine.scratch, engine.scratch.path().display());
    scratch.write("daemon.json", format!("{{\"data-root\": \"{root}\"}}"));
    fs::create_dir(scratch.join("lib")).expect("made");
    let mounts = format!(
        "mkdir -p /etc/docker; mount --bind {root} /mnt
        mount -t tmpfs none /etc/docker; cp {root}/daemon.json /etc/docker/
        mount --bind {root}/lib /var/lib"
    );
    let docker = engine.container(1);
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("cache", scratch.join("cache"))
        .after_mounting(&mounts);
    let running = agent.run_with(&["--containers", "docker,kubelet"]);
    soon_says(&docker, "db", &["10.0.0.5"]);
    // As kubelet writes it: the whole file, at each start of a container.
    let pod = scratch.join("lib/kubelet/pods/0b1c9a52-5d3e-4c8a-9f3b-0123456789ab");
    fs::create_dir_all(&pod).expect("made");
    let hosts = pod.join("etc-hosts");
    let written = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.1.0.9\tpod-0\n";
    for _ in 0..3 {
        fs::write(&hosts, written).expect("written");
        soon_says(&hosts, "db", &["10.0.0.5"]);
        assert!(text(&hosts).starts_with(written), "{}", text(&hosts));
    }
    let refused = agent.run_with(&["--containers", "docker", "--write", "replace"]);
    refused.soon_says("--write replace is not for containers");
    drop(running);
}
