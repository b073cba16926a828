//! The main job: what stands in the tree stands in the hosts file, milliseconds later.

use std::time::Duration;

use lab::{HostsFile, PATIENCE, Running, Stopwatch, Tree, hostsync, nameserver, tree, wait_until};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Both daemons on a tree.
fn both(tree: &Tree, hosts: &HostsFile) -> (Running, Running) {
    (nameserver(tree).run(), hostsync(tree, hosts).run())
}

#[test]
fn create_set_and_delete_reach_the_snapshot_and_the_hosts_file() {
    let (tree, hosts) = (tree("main-job"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);

    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5");
    hosts.soon_maps("primary.db", &["10.0.0.5"]);
    hosts.soon_maps("db", &["10.0.0.5"]);
    let first = tree.soon_maps("primary.db", &["10.0.0.5"]);
    assert_eq!(first.names(), ["db", "primary.db"]);

    tree.set("/db/primary", "10.0.0.6");
    let took = hosts.soon_maps("primary.db", &["10.0.0.6"]);
    assert_eq!(hosts.addresses("db"), ["10.0.0.6"]);
    let second = tree.soon_maps("db", &["10.0.0.6"]);
    assert!(second.generation() > first.generation());
    println!("a set reached the hosts file after {took:?}");

    tree.delete("/db/primary");
    hosts.soon_lacks("primary.db");
    hosts.soon_lacks("db");
    tree.soon_lacks("db");
    assert_eq!(hosts.foreign(), LOCALHOST);
}

/// The first change goes out at once: no fixed delay collects others.
#[test]
fn a_change_takes_milliseconds() {
    let (tree, hosts) = (tree("milliseconds"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    tree.create("/db", "10.0.0.1");
    hosts.soon_maps("db", &["10.0.0.1"]);
    let mut times: Vec<Duration> = (2..22)
        .map(|number| {
            let address = format!("10.0.0.{number}");
            let started = Stopwatch::start();
            tree.set("/db", &address);
            hosts.soon_maps("db", &[&address]);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!(
        "set to hosts file: median {:?}, slowest {:?}",
        times[10], times[19]
    );
    assert!(times[10] < Duration::from_millis(100), "{times:?}");
}

#[test]
fn a_service_stands_for_its_instances_in_the_order_of_their_numbers() {
    let (tree, hosts) = (tree("service"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    tree.create("/web", "");
    let first = tree.create_sequential("/web/z-", "10.0.0.9");
    tree.create_sequential("/web/a-", "10.0.0.8");
    tree.create_sequential("/web/m-", "10.0.0.7");
    hosts.soon_maps("web", &["10.0.0.9", "10.0.0.8", "10.0.0.7"]);
    hosts.soon_maps("leader.web", &["10.0.0.9"]);
    hosts.soon_maps("a-0000000001.web", &["10.0.0.8"]);

    tree.delete(&first);
    hosts.soon_maps("web", &["10.0.0.8", "10.0.0.7"]);
    hosts.soon_maps("leader.web", &["10.0.0.8"]);
}

#[test]
fn a_service_without_numbers_goes_by_name_and_has_no_leader() {
    let (tree, hosts) = (tree("plain-service"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    tree.create("/db", "");
    tree.create("/db/replica", "10.0.0.2");
    tree.create("/db/primary", "10.0.0.3");
    hosts.soon_maps("db", &["10.0.0.3", "10.0.0.2"]);
    assert!(hosts.addresses("leader.db").is_empty());
}

#[test]
fn an_own_address_wins_over_the_instances() {
    let (tree, hosts) = (tree("own-address"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    tree.create("/db", "10.0.0.1");
    tree.create("/db/primary", "10.0.0.2");
    hosts.soon_maps("primary.db", &["10.0.0.2"]);
    hosts.soon_maps("db", &["10.0.0.1"]);
    tree.set("/db", "");
    hosts.soon_maps("db", &["10.0.0.2"]);
}

#[test]
fn an_instance_that_dies_leaves_its_service() {
    let (tree, hosts) = (tree("instance"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    tree.create("/web", "");
    tree.create("/web/one", "10.0.0.1");
    let instance = lab::Client::connect(tree.address());
    instance.create_ephemeral("/web/two", "10.0.0.2");
    hosts.soon_maps("web", &["10.0.0.1", "10.0.0.2"]);
    drop(instance);
    hosts.soon_maps("web", &["10.0.0.1"]);
}

#[test]
fn every_way_to_write_an_address_gives_the_same_name() {
    let (tree, hosts) = (tree("values"), HostsFile::with(LOCALHOST));
    let _daemons = both(&tree, &hosts);
    for (path, data, address) in [
        ("/plain", "10.0.0.1", "10.0.0.1"),
        ("/with-port", "10.0.0.2:8080", "10.0.0.2"),
        ("/v6", "2001:0DB8::0:3", "2001:db8::3"),
        ("/v6-with-port", "[2001:db8::4]:8080", "2001:db8::4"),
        (
            "/json",
            r#"{"address":"10.0.0.5","port":"8080"}"#,
            "10.0.0.5",
        ),
        (
            "/json-host",
            r#"{"host":"10.0.0.6","port":8080}"#,
            "10.0.0.6",
        ),
    ] {
        tree.create(path, data);
        hosts.soon_maps(&path[1..], &[address]);
    }
}

#[test]
fn root_domain_and_exclude_choose_what_is_named() {
    let (tree, hosts) = (tree("scope"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    tree.create("/services/secret", "10.0.0.2");
    tree.create("/other", "10.0.0.3");
    let _nameserver = nameserver(&tree)
        .flag("root", "/services")
        .flag("domain", "zk.internal")
        .flag("exclude", "/services/secret")
        .run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db.zk.internal", &["10.0.0.1"]);
    let snapshot = tree.soon_maps("db.zk.internal", &["10.0.0.1"]);
    assert_eq!(snapshot.names(), ["db.zk.internal"]);
    assert_eq!(snapshot.0["root"], "/services");
    assert_eq!(snapshot.0["domain"], "zk.internal");
}

#[test]
fn select_keeps_only_the_names_that_it_names() {
    let (tree, hosts) = (tree("select"), HostsFile::with(LOCALHOST));
    tree.publish(
        1,
        &serde_json::json!({"a.db": ["10.0.0.1"], "b.db": ["10.0.0.2"], "web": ["10.0.0.3"]}),
    );
    let _hostsync = hostsync(&tree, &hosts).flag("select", "*.db").run();
    hosts.soon_maps("a.db", &["10.0.0.1"]);
    assert_eq!(hosts.names().keys().collect::<Vec<_>>(), ["a.db", "b.db"]);
}

/// 10,000 znodes at once: all of them arrive, and not in 10,000 publishes.
#[test]
fn a_burst_arrives_complete_and_in_few_publishes() {
    let (tree, hosts) = (tree("burst"), HostsFile::with(LOCALHOST));
    let (mut nameserver, mut hostsync) = both(&tree, &hosts);
    tree.create("/first", "10.1.0.1");
    hosts.soon_maps("first", &["10.1.0.1"]);
    let before = tree.soon_maps("first", &["10.1.0.1"]).generation();

    let znodes: Vec<(String, String)> = (0..10_000)
        .map(|number| {
            (
                format!("/n{number}"),
                format!("10.2.{}.{}", number / 250, number % 250 + 1),
            )
        })
        .collect();
    let started = Stopwatch::start();
    tree.create_many(
        znodes
            .iter()
            .map(|(path, data)| (path.as_str(), data.as_str())),
    );
    let created = started.elapsed();
    let after = tree.soon_publishes("all names", |snapshot| snapshot.names().len() == 10_001);
    hosts.soon("all names", || hosts.names().len() == 10_001);
    let publishes = after.generation() - before;
    println!(
        "10,000 znodes created in {created:?}, in the file after {:?}, in {publishes} publishes",
        started.elapsed()
    );
    assert!(publishes < 200, "{publishes} publishes");
    let names = hosts.names();
    for (path, data) in &znodes {
        assert_eq!(names[&path[1..]], [data.as_str()]);
    }
    nameserver.stop();
    hostsync.stop();
}

#[test]
fn lookup_says_what_the_tree_and_the_file_say() {
    let (tree, hosts) = (tree("lookup"), HostsFile::with(LOCALHOST));
    tree.create("/db", "");
    tree.create("/db/a", "10.0.0.1");
    tree.create("/db/b", "2001:db8::1");
    let _daemons = both(&tree, &hosts);
    hosts.soon_maps("db", &["10.0.0.1", "2001:db8::1"]);
    for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
        program
            .call(&["lookup", "db"])
            .expect_code(0)
            .expect_words(&["10.0.0.1", "2001:db8::1"]);
        program
            .call(&["lookup", "DB"])
            .expect_code(0)
            .expect_words(&["10.0.0.1"]);
        program
            .call(&["lookup", "no.such"])
            .expect_code(1)
            .expect_words(&["no.such"]);
    }
}

#[test]
fn status_tells_whether_the_agent_is_in_step() {
    let (tree, hosts) = (tree("status"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let (_nameserver, mut agent) = both(&tree, &hosts);
    hosts.soon_maps("db", &["10.0.0.1"]);
    let program = hostsync(&tree, &hosts);
    let in_step = || program.call(&["status"]).code() == 0;
    lab::wait_until("the agent to be in step", lab::PATIENCE, in_step);
    let json = program.call(&["status", "--json"]).expect_code(0).json();
    assert!(json.is_object(), "{json}");
    agent.stop();
    let outcome = program.call(&["status"]).expect_code(1);
    assert!(
        !format!("{}{}", outcome.stdout, outcome.stderr)
            .trim()
            .is_empty(),
        "a reason"
    );
}

#[test]
fn once_makes_one_pass_and_clean_takes_it_back() {
    let before = "127.0.0.1\tlocalhost\r\n# mine\n10.9.9.9 mine";
    let (tree, hosts) = (tree("once"), HostsFile::with(before));
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.1"]}));
    let program = hostsync(&tree, &hosts);
    let _ = program.call(&["once"]).expect_code(0);
    assert_eq!(hosts.addresses("db"), ["10.0.0.1"]);
    assert_eq!(hosts.addresses("mine"), ["10.9.9.9"]);
    let written = hosts.bytes();
    let _ = program.call(&["once"]).expect_code(0);
    assert_eq!(hosts.bytes(), written, "a second pass changes nothing");
    let _ = program.call(&["clean"]).expect_code(0);
    assert_eq!(hosts.text(), before);
}

/// hostsync writes only when the bytes change.
#[test]
fn an_unchanged_tree_leaves_the_file_alone() {
    let (tree, hosts) = (tree("unchanged"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let _daemons = both(&tree, &hosts);
    hosts.soon_maps("db", &["10.0.0.1"]);
    let written = || {
        std::fs::metadata(hosts.path())
            .and_then(|meta| meta.modified())
            .expect("a time")
    };
    let (before, generation) = (written(), tree.soon_maps("db", &["10.0.0.1"]).generation());
    tree.set("/db", "10.0.0.1");
    tree.create("/db/nothing", "");
    tree.create("/last", "10.0.0.2");
    let snapshot = tree.soon_maps("last", &["10.0.0.2"]);
    assert_eq!(
        snapshot.generation(),
        generation + 1,
        "only the last change is one of names"
    );
    hosts.soon_maps("last", &["10.0.0.2"]);
    assert!(written() > before);
}

#[test]
fn an_agent_tells_what_it_has_applied_for_as_long_as_it_runs() {
    let (tree, hosts) = (tree("agents"), HostsFile::with("127.0.0.1 localhost\n"));
    tree.create("/db", "10.0.0.5");
    let _nameserver = nameserver(&tree).run();
    let mut agent = hostsync(&tree, &hosts).flag("id", "one").run();
    let told = || -> Option<serde_json::Value> {
        serde_json::from_slice(&tree.get("/nameserver/agents/one")?).ok()
    };
    let says = |generation: u64| told().is_some_and(|told| told["applied"] == generation);
    let generation = tree.soon_maps("db", &["10.0.0.5"]).generation();
    wait_until("the agent to tell", PATIENCE, || says(generation));
    tree.set("/db", "10.0.0.6");
    let generation = tree.soon_maps("db", &["10.0.0.6"]).generation();
    wait_until("the agent to tell again", PATIENCE, || says(generation));
    let told = told().expect("told");
    assert_eq!(told["names"], 1);
    assert_eq!(told["hosts_file"], hosts.path().to_str().expect("a path"));
    agent.stop();
    wait_until("the agent to be gone", PATIENCE, || {
        tree.children("/nameserver/agents").is_empty()
    });
}
