//! Whatever ends and starts again, the state is right soon after, and the names stay meanwhile.

use std::time::{Duration, Instant};

use lab::{
    Ensemble, HostsFile, Stopwatch, Tree, ZooKeeper, hostsync, nameserver, tree, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A second from the start, as promised; the rest is for a machine that runs other tests too, which
/// wait for their disk as well.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn a_killed_nameserver_catches_up_within_a_second_of_its_start() {
    let (tree, hosts) = (tree("kill-nameserver"), HostsFile::with(LOCALHOST));
    tree.create("/old", "10.0.0.1");
    tree.create("/db", "10.0.0.2");
    let mut server = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.2"]);
    let before = tree.soon_maps("db", &["10.0.0.2"]).generation();

    server.kill9();
    tree.set("/db", "10.0.0.3");
    tree.delete("/old");
    tree.create("/new", "10.0.0.4");
    let started = Stopwatch::start();
    server = nameserver(&tree).run();
    hosts.soon_maps("db", &["10.0.0.3"]);
    hosts.soon_maps("new", &["10.0.0.4"]);
    hosts.soon_lacks("old");
    let took = started.elapsed();
    println!("measured: nameserver killed: in step {took:?} after its start");
    assert!(took < SOON, "{took:?}");
    let after = tree.soon_maps("db", &["10.0.0.3"]).generation();
    assert!(after > before, "generation {after} after {before}");
    server.stop();
}

#[test]
fn a_killed_hostsync_catches_up_within_a_second_of_its_start() {
    let (tree, hosts) = (tree("kill-hostsync"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.2");
    let _nameserver = nameserver(&tree).run();
    let mut agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.2"]);

    agent.kill9();
    assert_eq!(hosts.addresses("db"), ["10.0.0.2"], "the names stay");
    tree.set("/db", "10.0.0.3");
    tree.create("/new", "10.0.0.4");
    tree.soon_maps("new", &["10.0.0.4"]);
    let started = Stopwatch::start();
    agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.3"]);
    hosts.soon_maps("new", &["10.0.0.4"]);
    let took = started.elapsed();
    println!("measured: hostsync killed: in step {took:?} after its start");
    assert!(took < SOON, "{took:?}");
    agent.stop();
    assert_eq!(
        hosts.addresses("db"),
        ["10.0.0.3"],
        "a clean end leaves the names too"
    );
}

#[test]
fn what_was_spoilt_while_hostsync_was_away_is_mended_within_a_second_of_its_start() {
    let (tree, hosts) = (tree("spoilt"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.2");
    let _nameserver = nameserver(&tree).run();
    let mut agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.2"]);
    let kept = || hosts.directory().read("hosts.cache").contains("10.0.0.2");
    wait_until("the snapshot on disk", lab::PATIENCE, kept);
    agent.kill9();
    hosts.put(hosts.text().replace("10.0.0.2", "10.6.6.6"));
    let started = Stopwatch::start();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.2"]);
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn killed_again_and_again_neither_daemon_leaves_rubbish() {
    let (tree, hosts) = (tree("kill-often"), HostsFile::with(LOCALHOST));
    let mut server = nameserver(&tree).run();
    let mut agent = hostsync(&tree, &hosts).run();
    let names: Vec<(String, String)> = (0..500)
        .map(|number| (format!("/n{number}"), format!("10.3.{}.1", number % 250)))
        .collect();
    tree.create_many(
        names
            .iter()
            .map(|(path, data)| (path.as_str(), data.as_str())),
    );
    for round in 1..=5 {
        tree.put("/round", format!("10.0.0.{round}"));
        if round % 2 == 0 {
            server.crash_and_run()
        } else {
            agent.crash_and_run()
        }
        hosts.soon_maps("round", &[&format!("10.0.0.{round}")]);
    }
    hosts.soon("all names", || hosts.names().len() == 501);
    assert_eq!(hosts.foreign(), LOCALHOST);
    agent.stop();
    let left = hosts.directory().listing();
    assert!(
        left.iter()
            .all(|name| name == "hosts" || name.starts_with("hosts.cache")),
        "{left:?}"
    );
}

/// ZooKeeper away for `away`, with sessions of `session`: names stay, later changes arrive.
fn zookeeper_goes_and_comes_back(
    session: &str,
    away: Duration,
    end: fn(&mut ZooKeeper),
    back: fn(&mut ZooKeeper),
) {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("away"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let mut server = nameserver(&tree).flag("session-timeout", session).run();
    let mut agent = hostsync(&tree, &hosts)
        .flag("session-timeout", session)
        .run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let before = tree.soon_maps("db", &["10.0.0.1"]).generation();
    let file = hosts.bytes();
    let lines = (server.lines(), agent.lines());

    end(&mut zookeeper);
    let gone = Instant::now();
    let unharmed = || {
        assert_eq!(hosts.bytes(), file, "the names stay");
        assert!(
            server.ended().is_none() && agent.ended().is_none(),
            "both go on"
        );
        gone.elapsed() >= away
    };
    wait_until(
        "the outage to pass",
        away + Duration::from_secs(5),
        unharmed,
    );
    let said = (server.lines() - lines.0, agent.lines() - lines.1);
    assert!(
        said.0 <= 6 && said.1 <= 6,
        "log lines while ZooKeeper is away: {said:?}\n{}",
        agent.log()
    );

    back(&mut zookeeper);
    let started = Stopwatch::start();
    tree.set("/db", "10.0.0.2");
    tree.create("/new", "10.0.0.3");
    hosts.soon_maps("db", &["10.0.0.2"]);
    hosts.soon_maps("new", &["10.0.0.3"]);
    println!(
        "measured: the only server was away for {away:?}: in step {:?} after it was back",
        started.elapsed()
    );
    let after = tree.soon_maps("new", &["10.0.0.3"]).generation();
    assert!(after > before, "generation {after} after {before}");
    tree.set("/db", "10.0.0.4");
    hosts.soon_maps("db", &["10.0.0.4"]);
}

#[test]
fn zookeeper_may_be_away_for_half_a_minute() {
    let away = Duration::from_secs(30);
    zookeeper_goes_and_comes_back("6s", away, ZooKeeper::stop, ZooKeeper::restart);
}

#[test]
fn zookeeper_may_be_killed_and_start_again() {
    zookeeper_goes_and_comes_back("6s", Duration::ZERO, ZooKeeper::kill, ZooKeeper::restart);
}

#[test]
fn zookeeper_may_hang_and_go_on() {
    zookeeper_goes_and_comes_back(
        "2s",
        Duration::from_secs(5),
        ZooKeeper::pause,
        ZooKeeper::resume,
    );
}

#[test]
fn hostsync_starts_without_zookeeper_from_what_it_kept() {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("cache"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).run();
    let mut agent = hostsync(&tree, &hosts).run();
    let kept = || hosts.directory().read("hosts.cache").contains("10.0.0.1");
    wait_until("the snapshot on disk", lab::PATIENCE, kept);
    agent.kill9();
    drop(server);
    zookeeper.stop();
    // A container that starts anew has a fresh hosts file.
    hosts.put(LOCALHOST);
    agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    zookeeper.restart();
    let _nameserver = nameserver(&tree).run();
    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    agent.stop();
}

#[test]
fn daemons_that_start_before_zookeeper_wait_for_it() {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("early"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    zookeeper.stop();
    let server = nameserver(&tree).run();
    let agent = hostsync(&tree, &hosts).run();
    wait_until("both to say that they wait", lab::PATIENCE, || {
        server.lines() > 0 && agent.lines() > 0
    });
    assert_eq!(hosts.text(), LOCALHOST);
    zookeeper.restart();
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn dead_servers_in_the_list_are_no_obstacle() {
    let (tree, hosts) = (tree("dead"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let servers = format!("127.0.0.1:9,no-such-host.invalid:2181,{}", tree.address());
    let _nameserver = nameserver(&tree).flag("zookeeper", &servers).run();
    let _hostsync = hostsync(&tree, &hosts).flag("zookeeper", &servers).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn an_ensemble_that_loses_its_leader_loses_no_name() {
    let mut ensemble = Ensemble::start(3);
    let tree = Tree::new(&ensemble.addresses(), "failover");
    let hosts = HostsFile::with(LOCALHOST);
    tree.create("/db", "10.0.0.1");
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let leader = ensemble.leader();
    ensemble.members[leader].kill();
    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    ensemble.members[leader].restart();
    tree.set("/db", "10.0.0.3");
    hosts.soon_maps("db", &["10.0.0.3"]);
}
