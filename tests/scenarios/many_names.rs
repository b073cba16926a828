//! Many names: restarts under constant change, and agents that were stopped.
//!
//! `SCENARIO_NAMES` sets the number of names; 100,000 want a release build and some minutes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use lab::{
    Ensemble, HostsFile, PATIENCE, Snapshot, Stopwatch, Tree, hostsync, nameserver, tree,
    wait_until, while_reading,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const COUNTER: &str = "/counter.example";

fn count() -> usize {
    let names = std::env::var("SCENARIO_NAMES");
    names.map_or(3_000, |text| text.parse().expect("a number of names"))
}

fn paths(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("/n{i:06}.example")).collect()
}

/// Creates so many names, and a counter that stands at one.
fn fill(tree: &Tree, paths: &[String]) {
    tree.create(COUNTER, "10.0.0.1");
    tree.create_many(paths.iter().map(|path| (path.as_str(), "10.7.0.1")));
}

/// An address for each number, larger for larger ones.
fn address(number: usize) -> String {
    format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)
}

fn soon_all(hosts: &HostsFile, count: usize) {
    wait_until("all names in the file", PATIENCE * 4, || {
        hosts.names().len() == count + 1
    });
}

/// Waits until the file says what is published, of all names.
fn soon_says(hosts: &HostsFile, published: &Snapshot) {
    let names = published.names();
    let wanted = names.iter().map(|name| {
        let mut addresses = published.addresses(name);
        addresses.sort_unstable();
        (*name, addresses)
    });
    let wanted: BTreeMap<&str, Vec<&str>> = wanted.collect();
    wait_until("the file to say what is published", PATIENCE, || {
        let said = hosts.names();
        said.len() == wanted.len()
            && said.iter().all(|(name, addresses)| {
                let mut addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
                addresses.sort_unstable();
                wanted.get(&name[..]) == Some(&addresses)
            })
    });
}

#[test]
fn a_rolling_restart_under_change_loses_no_name_and_mixes_no_generations() {
    let count = count();
    let paths = paths(count);
    let mut ensemble = Ensemble::start(3);
    let tree = Tree::new(&ensemble.addresses(), "rolling");
    fill(&tree, &paths);
    let replica = |id| {
        let program = nameserver(&tree).flag("id", id);
        program.flag("session-timeout", "4s").run()
    };
    let mut replicas = [replica("one"), replica("two")];
    let hosts = HostsFile::with(LOCALHOST);
    let _agent = hostsync(&tree, &hosts)
        .flag("write", "slots")
        .flag("session-timeout", "4s")
        .run();
    soon_all(&hosts, count);
    // Pages are two seconds old before a name has no more than one address.
    let sample: Vec<&str> = paths.iter().step_by(count / 20).map(|p| &p[1..]).collect();
    let (number, newest) = (Cell::new(1), Cell::new(0));
    let change_for = |time: Duration| {
        let begun = Stopwatch::start();
        while begun.elapsed() < time {
            number.set(number.get() + 1);
            let data = address(number.get());
            // Others change too, so that pages are folded meanwhile.
            let other = &paths[number.get() * 7_919 % count];
            if tree.try_set(COUNTER, &data) && tree.try_set(other, &data) {
                let seen = tree.snapshot().map_or(0, |snapshot| snapshot.generation());
                // None while the page is swept that was just about to be read.
                if seen > 0 {
                    assert!(seen >= newest.get(), "generation {seen} after {newest:?}");
                    newest.set(seen);
                }
            }
        }
    };
    while_reading(&hosts, &sample, &COUNTER[1..], || {
        change_for(Duration::from_secs(2));
        ensemble.restart_in_turn(|| change_for(Duration::from_secs(1)));
        for at in [0, 1, 0] {
            replicas[at].stop();
            change_for(Duration::from_secs(1));
            replicas[at] = replica(["one", "two"][at]);
            wait_until("both to stand", PATIENCE, || {
                tree.children("/nameserver/election").len() == 2
            });
            change_for(Duration::from_secs(1));
        }
        replicas[1].kill9();
        change_for(Duration::from_secs(1));
        let last = address(number.get() + 1);
        tree.set(COUNTER, &last);
        hosts.soon_maps(&COUNTER[1..], &[&last]);
    });
    println!(
        "measured: {} changes of two of {count} names through seven restarts",
        number.get()
    );
    let published = tree.soon_maps(&COUNTER[1..], &[&address(number.get() + 1)]);
    assert_eq!(published.names().len(), count + 1);
    soon_says(&hosts, &published);
}

#[test]
fn an_agent_that_was_stopped_comes_back_right() {
    let count = count();
    let paths = paths(count);
    let (tree, hosts) = (tree("stopped"), HostsFile::with(LOCALHOST));
    fill(&tree, &paths);
    let _server = nameserver(&tree).flag("drop-hold", "0").run();
    let agent = hostsync(&tree, &hosts)
        .flag("session-timeout", "4s")
        .flag("id", "stopped")
        .run();
    soon_all(&hosts, count);

    // For a moment: what changed stands in the index.
    agent.pause();
    tree.set(&paths[1], "10.8.0.1");
    tree.delete(&paths[2]);
    tree.soon_lacks(&paths[2][1..]);
    agent.resume();
    hosts.soon_lacks(&paths[2][1..]);
    hosts.soon_maps(&paths[1][1..], &["10.8.0.1"]);

    // For long: its session has ended, every page that it knew is gone, and so are the changes since.
    let before = tree.children("/nameserver/hosts");
    agent.pause();
    for path in paths.iter().skip(3) {
        tree.set(path, "10.9.0.1");
    }
    tree.create("/new.example", "10.9.0.2");
    let published = tree.soon_publishes("all changes", |snapshot| {
        snapshot.addresses("new.example") == ["10.9.0.2"]
            && snapshot.addresses(&paths[count - 1][1..]) == ["10.9.0.1"]
    });
    wait_until("the end of its session", PATIENCE, || {
        tree.children("/nameserver/agents").is_empty()
    });
    wait_until("other pages", PATIENCE * 4, || {
        let now = tree.children("/nameserver/hosts");
        !before.iter().any(|page| now.contains(page))
    });
    agent.resume();
    hosts.soon_maps("new.example", &["10.9.0.2"]);
    soon_all(&hosts, count);
    soon_says(&hosts, &published);
    assert_eq!(agent.log().matches("ERROR").count(), 0, "{}", agent.log());
}
