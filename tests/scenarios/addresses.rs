//! By which address a container is registered that has several. Each test has a network namespace of its own.

use std::time::{Duration, Instant};

use lab::{HostsFile, PATIENCE, Program, Running, ZooKeeper, hostsync, wait_until};

use crate::network::{enter, ip};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// Longer than hostsync takes to look at its address again.
const LOOK: Duration = Duration::from_secs(6);

/// The data of the registration is this.
fn address(zookeeper: &lab::Tree, id: &str) -> String {
    let data = zookeeper.get(&format!("/web/{id}")).unwrap_or_default();
    String::from_utf8_lossy(&data).into_owned()
}

fn interface(name: &str, addresses: &[&str]) {
    let peer = format!("{name}-peer");
    ip(&format!("link add {name} type veth peer name {peer}"));
    for end in [name, &peer] {
        ip(&format!("link set {end} up"));
    }
    for address in addresses {
        ip(&format!("address add {address} dev {name}"));
    }
}

#[test]
fn another_network_does_not_move_what_is_registered() {
    if !enter("addresses::another_network_does_not_move_what_is_registered") {
        return;
    }
    let zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("moves"), HostsFile::with(LOCALHOST));
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    interface("one", &["172.30.1.5/24"]);
    ip("route add default via 172.30.1.1 dev one");
    let agent = hostsync(&tree, &hosts)
        .flag("register", "web")
        .flag("id", "c1")
        .run();
    let is_at = |expected: &str| address(&tree, "c1").contains(expected);
    wait_until("a registration", PATIENCE, || is_at("172.30.1.5"));
    // As `docker network connect` does.
    interface("two", &["172.30.0.5/24"]);
    ip("route replace default via 172.30.0.1 dev two");
    let begun = Instant::now();
    while begun.elapsed() < LOOK {
        assert!(
            is_at("172.30.1.5"),
            "{}\n{}",
            address(&tree, "c1"),
            agent.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // As `docker network disconnect` does.
    ip("link delete one");
    wait_until("the other address", LOOK + PATIENCE, || is_at("172.30.0.5"));
}

#[test]
fn an_address_is_chosen_by_subnet_or_name_and_only_one_that_lasts() {
    if !enter("addresses::an_address_is_chosen_by_subnet_or_name_and_only_one_that_lasts") {
        return;
    }
    let zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("subnet"), HostsFile::with(LOCALHOST));
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    interface("one", &["172.30.1.5/24"]);
    let passing = "preferred_lft 0 valid_lft forever";
    let deprecated = format!("address add fd00:2::d/64 dev two {passing}");
    interface("two", &["172.30.0.5/24"]);
    interface("six", &["fd00:6::5/64"]);
    ip(&deprecated);
    ip(&format!("address add fd00:6::d/64 dev six {passing}"));
    ip("route add default via 172.30.1.1 dev one");
    let on = |id: &str, choice: &str| -> (Program, Running) {
        let program = hostsync(&tree, &hosts)
            .flag("register", "web")
            .flag("id", id)
            .flag("address", choice);
        let running = program.run();
        (program, running)
    };
    for (id, choice, expected) in [
        ("c1", "172.30.0.0/24", "172.30.0.5"),
        ("c2", "two", "172.30.0.5"),
        ("c3", "172.30.0.0/16", "172.30.1.5"),
        ("c4", "six", "fd00:6::5"),
        ("c5", "fd00:6::/64", "fd00:6::5"),
        ("c6", "fd00:6::d", "fd00:6::d"),
    ] {
        let _agent = on(id, choice);
        let expected = format!("\"{expected}\"");
        wait_until(&format!("{choice}: {expected}"), PATIENCE, || {
            address(&tree, id).contains(&expected)
        });
    }
    // The only one in the subnet does not last.
    let (program, agent) = on("c7", "fd00:2::/64");
    agent.soon_says("no interface has an address in fd00:2::/64 that lasts");
    let status = program.call(&["status"]).expect_code(1);
    status.expect_words(&["not in step", "fd00:2::/64"]);
    assert_eq!(address(&tree, "c7"), "");
    // It does from now on.
    ip("address add fd00:2::5/64 dev two");
    wait_until("an address", PATIENCE, || {
        address(&tree, "c7").contains("\"fd00:2::5\"")
    });
}
