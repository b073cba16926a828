//! Neither a cache nor a place for a socket is needed: read-only containers, users without rights or a home.

use std::os::unix::fs::chown;
use std::time::{Duration, Instant};

use lab::{
    Container, HostsFile, Image, Need, Network, Outcome, PATIENCE, Program, Tree, docker, needs,
    tree, wait_for, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

fn published(name: &str) -> Tree {
    let tree = tree(name);
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    tree
}

#[test]
fn a_read_only_container_is_in_step_and_says_so() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = published("read-only");
    let (image, network) = (Image::with_hostsync(), Network::new());
    let servers = network.reach(&tree);
    // Docker's own file is read-only then, other engines' is not.
    let files = [HostsFile::with(LOCALHOST), HostsFile::with(LOCALHOST)];
    let volumes = files
        .each_ref()
        .map(|file| format!("--volume={}:/etc/hosts", file.path().display()));
    let exec = |id: &'static str| {
        let around = [
            "hostsync", "exec", "-z", &servers, "--id", id, "--wait", "db",
        ];
        let own = ["--register", "web:80", "--", "sleep", "1000"];
        let words = [&around[..], &own].concat();
        Container::run_with(&["--read-only", &volumes[0]], &image, &network, &words)
    };
    let alone = exec("c1");
    let say = |container: &Container, args: &[&str]| {
        container.call(&[&["hostsync", "status"], args].concat())
    };
    let well = |container: &Container| -> Outcome {
        let look = || say(container, &[]);
        wait_for("status to be well", PATIENCE, look, |status| {
            status.code() == 0
        })
    };
    let status = well(&alone);
    status.expect_words(&[
        "in step",
        "generation 1 applied",
        "/web/c1",
        "Read-only file system",
    ]);
    let _ = say(&alone, &["--health"]).expect_code(0);
    let log = alone.log();
    let complaints = log
        .lines()
        .filter(|line| line.contains("Read-only file system"));
    assert_eq!(complaints.count(), 1, "said once: {log}");

    // Two containers of one network, as in a pod, are not taken for each other.
    let pod = Network::joined(&format!("container:{}", alone.name()));
    let words = [
        "hostsync",
        "exec",
        "-z",
        &servers,
        "--id",
        "c2",
        "--wait",
        "db",
        "--register",
        "two:80",
    ];
    let words = [&words[..], &["--", "sleep", "1000"]].concat();
    let beside = Container::run_with(&["--read-only", &volumes[1]], &image, &pod, &words);
    well(&beside).expect_words(&["/two/c2"]);
    well(&alone).expect_words(&["/web/c1"]);
    let _ = docker(&["stop", "--time", "5", alone.name()]);
    let gone = || tree.stat("/web/c1").is_none();
    wait_until("the registration to be gone", PATIENCE, gone);
}

#[test]
fn a_user_who_may_not_write_the_file_is_told_so_at_once() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = published("user");
    let (image, network) = (Image::with_hostsync(), Network::new());
    let servers = network.reach(&tree);
    for (option, servers, reason) in [
        (
            "--user=1000",
            servers.as_str(),
            "permission denied; run hostsync as root (in a container: --user 0)",
        ),
        ("--user=1000", "127.0.0.1:1", "permission denied"),
        ("--read-only", &servers, "it is on a read-only file system"),
    ] {
        let wait = [
            "--wait",
            "db",
            "--wait-timeout",
            "60s",
            "--",
            "sleep",
            "1000",
        ];
        let words = [&["hostsync", "exec", "-z", servers][..], &wait].concat();
        let begun = Instant::now();
        let container = Container::run_with(&[option], &image, &network, &words);
        let ended = || container.inspect("{{.State.Status}}") == "exited";
        wait_until("the end", Duration::from_secs(15), ended);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(container.inspect("{{.State.ExitCode}}"), "1");
        let log = container.log();
        let why = format!("db cannot come: cannot write /etc/hosts: {reason}");
        assert!(log.contains(&why), "{log}");
        assert!(!log.contains("directory of the"), "{log}");
    }
    // Without anything to wait for, the command runs, and status says what there is to say.
    let words = ["hostsync", "exec", "-z", &servers, "--", "sleep", "1000"];
    let container = Container::run_with(&["--user=1000"], &image, &network, &words);
    let look = || container.call(&["hostsync", "status"]);
    let status = wait_for("status", PATIENCE, look, |status| {
        status.stdout.contains("permission denied")
    });
    let _ = status.expect_code(1);
    wait_until("the command", PATIENCE, || {
        container.log().contains("starting without them")
    });
}

#[test]
fn a_user_without_a_home_keeps_a_file_of_its_own() {
    if !needs(Need::OtherUser) {
        return;
    }
    let (tree, hosts) = (published("homeless"), HostsFile::with(LOCALHOST));
    for path in [hosts.path(), hosts.directory().path()] {
        chown(path, Some(54_351), Some(54_351)).expect("chown");
    }
    let around = [
        "env",
        "-u",
        "HOME",
        "-u",
        "XDG_RUNTIME_DIR",
        "-u",
        "XDG_CACHE_HOME",
        "setpriv",
        "--reuid=54351",
        "--regid=54351",
        "--clear-groups",
    ];
    let program = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("hosts-file", hosts.path())
        .inside(&around);
    let agent = program.run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    program
        .soon_well()
        .expect_words(&["in step", "/var/cache/hostsync-54351/"]);
    agent.soon_says("without it, a start needs ZooKeeper");
    let log = agent.log();
    assert_eq!(
        log.lines().filter(|line| line.contains("[WARN]")).count(),
        1,
        "{log}"
    );
    let again = program.call(&["run"]).expect_code(1);
    again.expect_words(&["is kept by the hostsync with pid"]);
}
