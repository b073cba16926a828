//! With nothing changing nothing is written, and next to nothing is computed: in every mode.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lab::{
    HostsFile, Program, Running, Tree, ZooKeeper, hostsync, nameserver, wait_for, wait_until,
};

/// How long nothing may happen.
const STILL: Duration = Duration::from_secs(6);
/// How long all may take to come to rest, on a machine that is loaded with other tests.
const SETTLING: Duration = Duration::from_secs(90);
/// The part of a processor that a daemon at rest may use: 0.2 % as it is released. A build for
/// tests takes some three times as long for the same.
const BUSY: f64 = if cfg!(debug_assertions) { 0.006 } else { 0.002 };

/// The number of the server's last transaction.
fn zxid(server: &ZooKeeper) -> String {
    let answer = server.ask("srvr");
    let line = answer.lines().find(|line| line.starts_with("Zxid"));
    line.unwrap_or_default().to_owned()
}

/// How often each znode was written.
fn versions(tree: &Tree, path: &str, into: &mut BTreeMap<String, i32>) {
    let Some(stat) = tree.stat(path) else {
        return;
    };
    into.insert(path.to_owned(), stat.version);
    for child in tree.children(path) {
        versions(
            tree,
            &format!("{}/{child}", path.trim_end_matches('/')),
            into,
        );
    }
}

fn all_versions(trees: &[&Tree]) -> Vec<BTreeMap<String, i32>> {
    let versions = |tree: &&Tree| {
        let mut all = BTreeMap::new();
        versions(tree, "/", &mut all);
        all
    };
    trees.iter().map(versions).collect()
}

/// Waits until nothing has been written for a while, and then sees to it that it stays so; returns
/// the part of a processor that each daemon used meanwhile.
fn rests(server: &ZooKeeper, trees: &[&Tree], daemons: &[&Running]) -> Vec<f64> {
    let (mut last, mut since) = (zxid(server), Instant::now());
    wait_for(
        "the last transaction to be some seconds ago",
        SETTLING,
        || zxid(server),
        |now| {
            if *now != last {
                (last, since) = (now.clone(), Instant::now());
            }
            since.elapsed() > STILL
        },
    );
    let (before, lines) = (all_versions(trees), lines(daemons));
    let cpu: Vec<_> = daemons.iter().map(|daemon| daemon.cpu_time()).collect();
    let begun = Instant::now();
    wait_until("some seconds", STILL * 2, || begun.elapsed() > STILL);
    let took = begun.elapsed();
    let used = daemons.iter().zip(cpu);
    let used = used.map(|(daemon, before)| (daemon.cpu_time() - before).as_secs_f64());
    let used = used.map(|used| used / took.as_secs_f64()).collect();
    assert_eq!(all_versions(trees), before);
    assert_eq!(zxid(server), last, "a transaction, though nothing changes");
    assert_eq!(self::lines(daemons), lines, "a line in a log");
    used
}

fn lines(daemons: &[&Running]) -> Vec<usize> {
    daemons.iter().map(|daemon| daemon.lines()).collect()
}

fn are_idle(names: &[&str], used: &[f64]) {
    for (name, used) in names.iter().zip(used) {
        println!(
            "measured: {name} at rest: {:.3} % of a processor",
            used * 100.0
        );
    }
    // All have rested at the same time: whoever works on its own stands out.
    for (name, used) in names.iter().zip(used) {
        assert!(*used < BUSY, "{name} uses {:.2} % at rest", used * 100.0);
    }
}

fn agent(tree: &Tree, hosts: &HostsFile, id: &str) -> Program {
    hostsync(tree, hosts)
        .flag("id", id)
        .flag("address", "10.9.8.7")
}

/// All modes of both daemons, side by side on one server.
#[test]
fn every_mode_of_both_daemons_rests() {
    let server = ZooKeeper::start();
    let (tree, held) = (server.tree("rest"), server.tree("rest-held"));
    tree.create("/db", "10.0.0.1");
    tree.create("/broker", "");
    for number in 1..=3 {
        tree.create(
            &format!("/broker/b{number}"),
            format!("10.0.0.{number}:9092"),
        );
    }
    held.create("/services", "");
    for number in 0..12 {
        held.create(&format!("/services/s{number}"), "10.0.0.1");
    }
    let holds = nameserver(&held)
        .flag("root", "/services")
        .flag("drop-hold", "1h")
        .run();
    let held_hosts = HostsFile::with("");
    let holding = agent(&held, &held_hosts, "a1").run();
    held_hosts.soon_maps("s3", &["10.0.0.1"]);
    held.delete_all("/services");
    holds.soon_says("would be gone at once");
    // One of other settings stands aside, for as long as it takes.
    let differs = nameserver(&held).flag("id", "ns2").run();
    differs.soon_says("not standing for election");

    let leader = nameserver(&tree)
        .flag("id", "ns1")
        .flag("dns", "127.0.0.1:0")
        .flag("domain", "zk.internal")
        .flag("http", "127.0.0.1:0")
        .run();
    tree.soon_maps("db.zk.internal", &["10.0.0.1"]);
    let standby = nameserver(&tree)
        .flag("id", "ns2")
        .flag("domain", "zk.internal")
        .run();
    let files: Vec<HostsFile> = (0..6)
        .map(|_| HostsFile::with("127.0.0.1 localhost\n"))
        .collect();
    let plain = agent(&tree, &files[0], "plain")
        .flag("write", "slots")
        .run();
    let registers = |id: &str, file: usize| agent(&tree, &files[file], id);
    let instance = registers("instance", 1)
        .flag("register", "broker:1883")
        .run();
    let numbered = registers("numbered", 2).flag("register", "mqtt:1883");
    let numbered = numbered.run_with(&["--sequential"]);
    let exact = registers("exact", 3)
        .flag("register", "primary.mqtt=:1883")
        .run();
    let binds = agent(&tree, &files[4], "binds")
        .flag("bind", "mine=broker.zk.internal")
        .run();
    let checked = registers("checked", 5)
        .flag("register", "web:80")
        .flag("check", "true")
        .run();
    files[4].soon("its binding", || !files[4].addresses("mine").is_empty());
    for (name, addresses) in [("web", 1), ("mqtt", 2), ("broker", 4)] {
        tree.soon_publishes(&format!("all of {name}"), |snapshot| {
            snapshot.addresses(&format!("{name}.zk.internal")).len() >= addresses.min(1)
        });
    }
    let names = [
        "a nameserver that holds",
        "an agent beside it",
        "a nameserver of other settings",
        "a leader with DNS and HTTP",
        "a standby",
        "a plain agent with slots",
        "an agent that registers an instance",
        "an agent that registers with a number",
        "an agent that registers an exact name",
        "an agent that binds",
        "an agent that checks",
    ];
    let daemons = [
        &holds, &holding, &differs, &leader, &standby, &plain, &instance, &numbered, &exact,
        &binds, &checked,
    ];
    let used = rests(&server, &[&tree, &held], &daemons);
    are_idle(&names, &used);
}
