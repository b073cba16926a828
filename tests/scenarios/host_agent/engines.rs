//! With the engines themselves.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use lab::{
    Container, Image, Need, Network, Outcome, PATIENCE, Podman, Program, Scratch, Stopwatch,
    docker, needs, tree, wait_until,
};
use serde_json::{Value, json};

use super::{Engine, FOREIGN, soon_says, soon_status, text};
use crate::container::addresses;

/// Alone it takes a moment; the engine and other tests add to it.
const AT_ONCE: Duration = Duration::from_secs(5);
const WAIT: [&str; 3] = ["sh", "-c", "while :; do sleep 1000; done"];

/// As `*` would be below the engine's folder, but for the containers of other tests.
fn glob(of: &Container) -> PathBuf {
    let path = of.hosts_path();
    let id = path.parent().and_then(Path::file_name).expect("an id");
    let id = id.to_string_lossy();
    let containers = path.ancestors().nth(2).expect("a folder");
    containers.join(format!("{}*", &id[..40])).join("hosts")
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
    let glibc = Container::create(&image, &network, &WAIT);
    let path = glibc.hosts_path();
    let second = Container::create(&image, &network, &WAIT);
    let scratch = Scratch::new("host-agent");
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("cache", scratch.join("cache"));
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
        let took = begun.elapsed();
        println!("measured: names in a container, kept from outside, after its start: {took:?}");
        assert!(took < AT_ONCE);
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
    let container = Container::run_with(&[&mount], &image, &network, &WAIT);
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

/// As docs/containers.md has it: a container itself, with no right but to write files of others.
#[test]
fn it_can_be_a_container_itself() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("host-agent-image");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    // Of another C library than its own, and nothing of ours is used in there.
    let other = Image::with_static_busybox();
    let entrypoint = ["--entrypoint=/bin/busybox"];
    let kept = Container::run_with(&entrypoint, &other, &network, &["sleep", "1000"]);
    let (servers, glob) = (network.reach(&tree), glob(&kept));
    let folder = glob.ancestors().nth(2).expect("a folder").display();
    let options = [
        "--read-only",
        "--tmpfs=/run/hostsync",
        "--cap-drop=ALL",
        "--cap-add=DAC_OVERRIDE",
        "--security-opt=no-new-privileges",
        "--tmpfs=/var/cache/hostsync",
        &format!("--volume={folder}:{folder}"),
    ];
    let glob = glob.display().to_string();
    let run = ["hostsync", "run", "-z", &servers, "--hosts-file", &glob];
    let agent = Container::run_with(&options, &image, &network, &run);
    let has = |address: &str| {
        wait_until(&format!("{address} in a container"), PATIENCE, || {
            addresses(&kept.hosts(), "db") == [address]
        });
    };
    has("10.0.0.5");
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    has("10.0.0.6");
    let _ = docker(&["restart", "--time", "0", kept.name()]);
    has("10.0.0.6");
    let status = ["hostsync", "status", "--hosts-file", &glob];
    let status = agent.call(&status).expect_code(0);
    status.expect_words(&["in step", "1 name"]);
}

/// The manifest's own arguments, rights and volumes, beside what writes as kubelet does.
#[test]
fn the_daemon_set_keeps_the_files_of_pods() {
    if !needs(Need::Docker) {
        return;
    }
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/hostsync-daemonset.yaml");
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(path);
    let manifest = Outcome::of(python).expect_code(0).json();
    let pod = &manifest["spec"]["template"]["spec"];
    let spec = &pod["containers"][0];
    let texts = |list: &Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(|text| Some(text.as_str()?.to_owned()))
            .collect()
    };
    let tree = tree("host-agent-pods");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let (image, network, node) = (Image::with_hostsync(), Network::new(), Scratch::new("node"));
    let mut options = vec![format!("--env=HOSTSYNC_ZOOKEEPER={}", network.reach(&tree))];
    let rights = &spec["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    options.extend(["--read-only", "--security-opt=no-new-privileges"].map(str::to_owned));
    for (flag, list) in [("drop", "drop"), ("add", "add")] {
        let all = texts(&rights["capabilities"][list]);
        options.extend(all.iter().map(|right| format!("--cap-{flag}={right}")));
    }
    for mount in spec["volumeMounts"].as_array().expect("a list") {
        let (name, on) = (&mount["name"], mount["mountPath"].as_str().expect("a path"));
        let volumes = pod["volumes"].as_array().expect("a list");
        let volume = volumes.iter().find(|volume| &volume["name"] == name);
        let volume = volume.expect("the volume of a mount");
        options.push(match volume["hostPath"]["path"].as_str() {
            Some(path) => {
                assert_eq!(path, on, "hostsync looks where kubelet has it");
                format!("--volume={}:{on}", node.path().display())
            }
            None => format!("--tmpfs={on}"),
        });
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let arguments = texts(&spec["args"]);
    let run: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = [&["hostsync"][..], &run].concat();
    let agent = Container::run_with(&options, &image, &network, &run);
    let hosts = node.join("0b1c9a52-5d3e-4c8a-9f3b-0123456789ab/etc-hosts");
    fs::create_dir(hosts.parent().expect("a folder")).expect("made");
    let written = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.1.0.9\tpod-0\n";
    for (generation, address) in [(2, "10.0.0.6"), (3, "10.0.0.7")] {
        fs::write(&hosts, written).expect("written");
        tree.publish(generation, &json!({"db": [address]}));
        soon_says(&hosts, "db", &[address]);
        assert!(text(&hosts).starts_with(written), "{}", text(&hosts));
    }
    let health = ["hostsync", "status", "--containers", "kubelet", "--health"];
    let _ = agent.call(&health).expect_code(0);
}

/// All that a machine runs, at once.
#[test]
fn fifty_containers_start_and_go_at_once() {
    if !needs(Need::Docker) {
        return;
    }
    const COUNT: usize = 50;
    let tree = tree("host-agent-crowd");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    let containers: Vec<_> = (0..COUNT)
        .map(|_| Container::create(&image, &network, &WAIT))
        .collect();
    let (scratch, paths) = (
        Scratch::new("crowd"),
        containers.iter().map(Container::hosts_path),
    );
    let paths: Vec<PathBuf> = paths.collect();
    let globs = containers
        .iter()
        .map(|of| format!("'{}'", glob(of).display()));
    let globs: Vec<String> = globs.collect();
    let settings = format!("hosts-file = [{}]", globs.join(", "));
    let agent = Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("config", scratch.write("settings.toml", settings))
        .flag("cache", scratch.join("cache"));
    let mut running = agent.run();
    let names: Vec<&str> = containers.iter().map(Container::name).collect();
    let all = |words: &[&str]| docker(&[words, &names].concat());
    // In the middle of it the agent is killed.
    thread::scope(|scope| {
        let starting = scope.spawn(|| all(&["start"]));
        soon_says(&paths[COUNT / 2], "db", &["10.0.0.5"]);
        tree.publish(2, &json!({"db": ["10.0.0.6"]}));
        running.crash_and_run();
        let _ = starting.join().expect("started");
    });
    for path in &paths {
        soon_says(path, "db", &["10.0.0.6"]);
    }
    let _ = all(&["kill"]);
    let _ = all(&["rm"]);
    let status = || agent.call(&["status"]);
    wait_until("all to be forgotten", PATIENCE, || {
        !status().stdout.contains("\nfile  ")
    });
    let _ = status().expect_code(0);
}
