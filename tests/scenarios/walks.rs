//! The whole tree is read while it changes. A slow link and a deep tree stand for a large one.

use std::time::Duration;

use lab::{Cut, Proxy, Running, Stopwatch, Tree, ZooKeeper, nameserver, tree};
use nix::sys::signal::Signal;

/// As promised, for a change that the watch tells of.
const SOON: Duration = Duration::from_secs(1);
/// How long each answer is on its way: a walk asks twice a level, one level after the other.
const DELAY: Duration = Duration::from_millis(40);
const DEPTH: usize = 110;

/// A chain of znodes without addresses, and the nameserver of its tree behind a proxy.
fn deep(name: &str) -> (Tree, Proxy) {
    let tree = tree(name);
    let chain: Vec<String> = (1..=DEPTH).map(|depth| "/c".repeat(depth)).collect();
    tree.create_many(chain.iter().map(|path| (path.as_str(), "")));
    tree.create("/db", "10.0.0.1");
    (tree, Proxy::before(&ZooKeeper::shared().address()))
}

fn run(tree: &Tree, proxy: &Proxy) -> Running {
    nameserver(tree)
        .flag("zookeeper", tree.address_at(&proxy.address()))
        .flag("session-timeout", "20s")
        .run()
}

fn walks(server: &Running) -> usize {
    server.log().matches("znodes below / in").count()
}

/// Changes all kinds of things while a walk is under way, the `before`th, which is not over by then.
fn changes_go_on(tree: &Tree, server: &Running, before: usize) {
    let check = |what: &str, change: &dyn Fn()| {
        let started = Stopwatch::start();
        change();
        let took = started.elapsed();
        println!("measured: {what} during a walk: published after {took:?}");
        assert!(took < SOON, "{what}: {took:?}");
        assert_eq!(walks(server), before, "{what}: the walk was over already");
    };
    check("a set", &|| {
        tree.set("/db", "10.0.0.2");
        tree.soon_maps("db", &["10.0.0.2"]);
    });
    check("a creation", &|| {
        tree.create("/new", "10.0.0.3");
        tree.soon_maps("new", &["10.0.0.3"]);
    });
    check("a deletion", &|| {
        tree.delete("/new");
        tree.soon_lacks("new");
    });
}

#[test]
fn a_change_while_the_tree_is_read_again_is_published_within_a_second() {
    let (tree, proxy) = deep("walk-again");
    let mut server = run(&tree, &proxy);
    tree.soon_maps("db", &["10.0.0.1"]);
    proxy.delay(DELAY);
    server.signal(Signal::SIGHUP);
    server.soon_says("SIGHUP: reading the whole tree again");
    changes_go_on(&tree, &server, 1);
    proxy.delay(Duration::ZERO);
    lab::wait_until("the walk to end", lab::PATIENCE, || walks(&server) == 2);
    tree.soon_maps("db", &["10.0.0.2"]);
    let log = server.log();
    assert!(!log.contains("puts that right"), "{log}");
    server.stop();
}

#[test]
fn a_change_after_a_lost_connection_is_published_within_a_second() {
    let (tree, proxy) = deep("walk-reconnect");
    let mut server = run(&tree, &proxy);
    tree.create("/old", "10.0.0.9");
    tree.soon_maps("old", &["10.0.0.9"]);
    proxy.refuse();
    proxy.cut(Cut::Reset);
    tree.delete("/old");
    tree.create("/missed", "10.0.0.8");
    let asked = proxy.requests().total();
    proxy.resume();
    proxy.delay(DELAY);
    lab::wait_until("a walk to begin", lab::PATIENCE, || {
        proxy.requests().total() > asked + 20
    });
    changes_go_on(&tree, &server, 1);
    assert_eq!(
        tree.snapshot().expect("one was published").addresses("old"),
        ["10.0.0.9"],
        "what only the walk finds waits until that is complete"
    );
    proxy.delay(Duration::ZERO);
    tree.soon_maps("missed", &["10.0.0.8"]);
    tree.soon_lacks("old");
    let log = server.log();
    assert!(!log.contains("puts that right"), "{log}");
    server.stop();
}

#[test]
fn a_first_walk_publishes_nothing_before_it_is_complete() {
    let (tree, proxy) = deep("walk-first");
    proxy.delay(DELAY);
    let mut server = run(&tree, &proxy);
    lab::wait_until("the walk to begin", lab::PATIENCE, || {
        proxy.requests().total() > DEPTH / 2
    });
    tree.set("/db", "10.0.0.2");
    tree.create("/new", "10.0.0.3");
    assert_eq!(walks(&server), 0, "the walk was over already");
    assert_eq!(tree.snapshot(), None);
    proxy.delay(Duration::ZERO);
    let first = tree.soon_publishes("a snapshot", |_| true);
    assert!(!first.names().is_empty());
    tree.soon_maps("db", &["10.0.0.2"]);
    tree.soon_maps("new", &["10.0.0.3"]);
    server.stop();
}

#[test]
fn what_no_event_told_is_found_told_and_put_right() {
    let tree = tree("walk-repairs");
    tree.create("/db", "10.0.0.1");
    tree.create("/web", "10.0.0.2");
    let mut server = nameserver(&tree).run();
    tree.soon_maps("db", &["10.0.0.1"]);
    // Nobody is told that an ACL changed.
    tree.forbid("/db");
    server.signal(Signal::SIGHUP);
    let line = server.soon_says("puts that right");
    assert!(line.contains("1 znode") && line.contains("/db"), "{line}");
    tree.soon_lacks("db");
    tree.soon_maps("web", &["10.0.0.2"]);
    server.stop();
}
