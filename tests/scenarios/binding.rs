//! A name of one's own for one instance of a service.

use std::collections::BTreeMap;
use std::time::Instant;

use lab::{HostsFile, PATIENCE, Program, Running, Tree, hostsync, nameserver, tree, wait_until};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// An agent that binds `mqtt`.
fn binding(tree: &Tree, hosts: &HostsFile, id: usize, bind: &str) -> Program {
    hostsync(tree, hosts)
        .flag("id", format!("agent-{id}"))
        .flag("bind", bind)
        .flag("session-timeout", "2s")
}

fn brokers(name: &str, count: usize) -> (Tree, Running) {
    let tree = tree(name);
    tree.create("/broker", "");
    for number in 1..=count {
        tree.create(&format!("/broker/b{number}"), format!("10.0.0.{number}"));
    }
    let server = nameserver(&tree).run();
    tree.soon_publishes("all brokers", |snapshot| {
        snapshot.addresses("broker").len() == count
    });
    (tree, server)
}

/// How many agents are bound to each address, as everybody sees it.
fn loads(tree: &Tree) -> BTreeMap<String, usize> {
    let base = "/nameserver/bindings/broker";
    let addresses = tree.children(base).into_iter();
    addresses
        .map(|address| {
            let agents = tree.children(&format!("{base}/{address}")).len();
            (address, agents)
        })
        .collect()
}

fn bound(hosts: &HostsFile) -> String {
    hosts.addresses("mqtt").join(" ")
}

#[test]
fn agents_that_start_at_once_share_the_instances_evenly_and_move_when_one_goes() {
    let (tree, _server) = brokers("bind-least", 3);
    let files: Vec<HostsFile> = (0..8).map(|_| HostsFile::with(LOCALHOST)).collect();
    let agents = files.iter().enumerate();
    let _agents: Vec<Running> = agents
        .map(|(id, hosts)| binding(&tree, hosts, id, "mqtt=broker").run())
        .collect();
    let live = || -> Vec<usize> { loads(&tree).into_values().collect() };
    wait_until("all agents to be bound", PATIENCE, || {
        live().iter().sum::<usize>() == 8 && files.iter().all(|hosts| !bound(hosts).is_empty())
    });
    let mut even = live();
    even.sort_unstable();
    assert_eq!(even, [2, 3, 3]);
    for hosts in &files {
        assert_eq!(hosts.addresses("broker").len(), 3, "{}", hosts.text());
    }

    let before: Vec<String> = files.iter().map(bound).collect();
    let gone = Instant::now();
    tree.delete("/broker/b2");
    wait_until("nobody to be bound to it", PATIENCE, || {
        files
            .iter()
            .all(|hosts| !["", "10.0.0.2"].contains(&&*bound(hosts)))
    });
    println!(
        "measured: the instance that agents are bound to is gone: {:?}",
        gone.elapsed()
    );
    for (hosts, before) in files.iter().zip(before) {
        if before != "10.0.0.2" {
            assert_eq!(bound(hosts), before, "it stays while its instance lives");
        }
    }
    wait_until("the load to be shared", PATIENCE, || {
        let loads = loads(&tree);
        loads["10.0.0.1"] == 4 && loads["10.0.0.3"] == 4
    });
}

#[test]
fn a_restart_stays_with_its_instance() {
    let (tree, _server) = brokers("bind-restart", 3);
    let hosts = HostsFile::with(LOCALHOST);
    let program = binding(&tree, &hosts, 1, "mqtt=broker:random");
    let mut agent = program.run();
    hosts.soon("a binding", || !bound(&hosts).is_empty());
    let chosen = bound(&hosts);
    let status = program.soon_well();
    status.expect_words(&[&format!("bound       mqtt to {chosen}")]);
    for _ in 0..3 {
        agent.crash_and_run();
        let bound_again = format!("bound to {chosen}");
        agent.soon_says("connected");
        wait_until(&bound_again, PATIENCE, || {
            assert_eq!(bound(&hosts), chosen);
            loads(&tree).get(&chosen) == Some(&1)
        });
    }
    agent.stop();
    wait_until("its end to show", PATIENCE, || loads(&tree)[&chosen] == 0);
    assert_eq!(bound(&hosts), chosen, "and the name stays");
}

#[test]
fn the_leader_can_be_chosen_and_a_service_without_instances_is_waited_for() {
    let tree = tree("bind-leader");
    let _server = nameserver(&tree).run();
    tree.soon_publishes("a snapshot", |_| true);
    let hosts = HostsFile::with(LOCALHOST);
    let agent = binding(&tree, &hosts, 1, "mqtt=broker:leader").run();
    agent.soon_says("no instance of broker is published");
    tree.create("/broker", "");
    tree.create_sequential("/broker/b-", "10.0.0.1");
    tree.create_sequential("/broker/b-", "10.0.0.2");
    hosts.soon_maps("mqtt", &["10.0.0.1"]);
    tree.delete("/broker/b-0000000000");
    hosts.soon_maps("mqtt", &["10.0.0.2"]);
    tree.delete("/broker/b-0000000001");
    hosts.soon_lacks("mqtt");
    let wrong = hostsync(&tree, &hosts).call(&["run", "--bind=mqtt"]);
    wrong.expect_code(2).expect_words(&["LOCAL=SERVICE"]);
}
