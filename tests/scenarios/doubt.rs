//! A sudden large drop of names is held, told of, and published in the end.

use std::time::{Duration, Instant};

use lab::{Client, HostsFile, PATIENCE, Program, Tree, hostsync, nameserver, tree, wait_until};
use serde_json::Value;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// Enough names for a drop of all of them to be a large one.
const NAMES: usize = 12;

fn service(number: usize) -> String {
    format!("/services/s{number:02}")
}

fn create_services(client: &Client) {
    client.put("/services", "");
    for number in 0..NAMES {
        client.create(&service(number), format!("10.0.0.{number}"));
    }
}

/// A nameserver on `/services` that holds a drop for `hold`.
fn doubting(tree: &Tree, hold: &str) -> Program {
    nameserver(tree)
        .flag("root", "/services")
        .flag("drop-hold", hold)
}

fn soon_publishes(tree: &Tree, names: usize) {
    let what = format!("a snapshot of {names} names");
    tree.soon_publishes(&what, |snapshot| snapshot.names().len() == names);
}

/// Watches the hosts file until `done`; returns the fewest names that it ever had.
fn fewest_names(hosts: &HostsFile, what: &str, done: impl Fn() -> bool) -> usize {
    let fewest = std::cell::Cell::new(usize::MAX);
    hosts.soon(what, || {
        fewest.set(fewest.get().min(hosts.names().len()));
        done()
    });
    fewest.get()
}

#[test]
fn a_root_that_vanishes_is_held_until_an_operator_releases_it() {
    let (tree, hosts) = (tree("doubt-root"), HostsFile::with(LOCALHOST));
    create_services(&tree);
    let program = doubting(&tree, "10m");
    let server = program.run();
    let _agent = hostsync(&tree, &hosts).flag("id", "web-1").run();
    hosts.soon("all names", || hosts.names().len() == NAMES);
    program
        .call(&["release"])
        .expect_code(0)
        .expect_words(&["nothing is held"]);

    tree.delete_all("/services");
    let line = server.soon_says("would be gone at once");
    for word in ["names", "s00, s01", "until 20", "nameserver release"] {
        assert!(line.contains(word), "{line}");
    }
    soon_publishes(&tree, NAMES);
    hosts.soon("all names", || hosts.names().len() == NAMES);
    // The rest goes on: a new name, and one that comes back elsewhere.
    tree.put("/services", "");
    tree.create("/services/new", "10.0.1.1");
    tree.create(&service(3), "10.0.1.3");
    hosts.soon_maps("new", &["10.0.1.1"]);
    hosts.soon_maps("s03", &["10.0.1.3"]);
    assert_eq!(hosts.names().len(), NAMES + 1);

    let held = Value::from(NAMES - 1);
    let told = || -> Value {
        let hold = tree.get("/nameserver/hold").unwrap_or_default();
        serde_json::from_slice(&hold).unwrap_or_default()
    };
    hosts.soon("the hold to be told of", || told()["names"] == held);
    let status = program.call(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["hold"], told());
    assert_eq!(status["agents"], 1);
    let text = program.call(&["status"]).expect_code(0);
    text.expect_words(&["11 names that the tree lost", "leads", "of 1 in step"]);

    let released = program.call(&["release"]).expect_code(0);
    released.expect_words(&["released 11 held names", "has 2 names"]);
    hosts.soon("only what the tree has", || hosts.names().len() == 2);
    server.soon_says("an operator released them");
    assert_eq!(tree.get("/nameserver/hold"), None);
}

#[test]
fn a_drop_is_published_when_the_tree_still_says_so_in_the_end() {
    let (tree, hosts) = (tree("doubt-time"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    let owner = Client::connect(tree.address());
    for number in 0..NAMES {
        owner.create_ephemeral(&service(number), format!("10.0.0.{number}"));
    }
    let server = doubting(&tree, "3s").run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon("all names", || hosts.names().len() == NAMES);
    // The end of one session takes all of them at once.
    drop(owner);
    server.soon_says("would be gone at once");
    let begun = Instant::now();
    let told = || tree.get("/nameserver/hold").is_some();
    hosts.soon("the hold to be told of", told);
    let fewest = fewest_names(&hosts, "the hold to end", || !told());
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(2_500), "held for {took:?}");
    assert!(fewest == NAMES || fewest == 0, "{fewest} names meanwhile");
    hosts.soon("no names", || hosts.names().is_empty());
    println!("measured: a large drop is held for 3s: {took:?}");
    assert_eq!(server.log().matches("so they go").count(), 1);
}

#[test]
fn names_that_come_back_were_never_away() {
    let (tree, hosts) = (tree("doubt-back"), HostsFile::with(LOCALHOST));
    create_services(&tree);
    let mut server = doubting(&tree, "10m").run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon("all names", || hosts.names().len() == NAMES);
    let generation = tree.snapshot().expect("a snapshot").generation();
    // While nobody looks, so that all are lost in one moment.
    server.kill9();
    tree.delete_all("/services");
    server = doubting(&tree, "10m").run();
    server.soon_says("would be gone at once");
    create_services(&tree);
    let fewest = fewest_names(&hosts, "the end of the hold", || {
        server.log().contains("all names that were held are back")
    });
    assert_eq!(fewest, NAMES);
    hosts.soon("nothing to be told", || {
        tree.get("/nameserver/hold").is_none()
    });
    let after = tree.snapshot().expect("a snapshot").generation();
    assert_eq!(after, generation, "nothing was to be published");
}

#[test]
fn a_successor_goes_on_with_the_hold() {
    let tree = tree("doubt-successor");
    create_services(&tree);
    let replica = |id: &str| doubting(&tree, "10m").flag("id", id);
    let mut first = replica("ns1").run();
    soon_publishes(&tree, NAMES);
    let second = replica("ns2").run();
    second.soon_says("read 12 znodes");
    tree.delete_all("/services");
    first.soon_says("would be gone at once");
    soon_publishes(&tree, NAMES);
    let until = || {
        let hold = tree.get("/nameserver/hold")?;
        serde_json::from_slice::<Value>(&hold).ok()?["until"]
            .as_str()
            .map(str::to_owned)
    };
    wait_until("the hold to be told of", PATIENCE, || until().is_some());
    let told = until().expect("a hold");
    // A hold of the successor's own would end in another second.
    let begun = Instant::now();
    wait_until("another second", Duration::from_secs(5), || {
        begun.elapsed() > Duration::from_millis(1_100)
    });
    first.stop();
    let line = second.soon_says("would be gone at once");
    assert!(line.contains(&told), "{told} is not in {line}");
    let snapshot = tree.soon_publishes("the successor's snapshot", |snapshot| {
        snapshot.0["leader"] == "ns2"
    });
    assert_eq!(snapshot.names().len(), NAMES);
}

#[test]
fn small_drops_and_those_that_nobody_doubts_go_at_once() {
    let trees = (tree("doubt-small"), tree("doubt-never"));
    for tree in [&trees.0, &trees.1] {
        create_services(tree);
    }
    let _doubting = doubting(&trees.0, "10m").run();
    let _believing = doubting(&trees.1, "0").run();
    soon_publishes(&trees.0, NAMES);
    soon_publishes(&trees.1, NAMES);
    for number in 0..9 {
        trees.0.delete(&service(number));
    }
    soon_publishes(&trees.0, NAMES - 9);
    trees.1.delete_all("/services");
    soon_publishes(&trees.1, 0);
}
