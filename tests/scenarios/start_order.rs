//! Either daemon before ZooKeeper, before the tree, before the other; and what hostsync makes of the
//! snapshot that it kept.

use lab::{
    HostsFile, PATIENCE, Program, Proxy, Scratch, Snapshot, ZooKeeper, hostsync, nameserver, tree,
    wait_until,
};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// Where nobody listens.
const NOWHERE: &str = "127.0.0.1:9";

#[test]
fn nameserver_starts_before_its_root_exists() {
    let tree = tree("before-root");
    let server = nameserver(&tree).flag("root", "/services/live").run();
    server.soon_says("/services/live does not exist yet");
    tree.soon_publishes("no names", |snapshot| snapshot.names().is_empty());
    tree.create("/services", "");
    tree.create("/services/live", "");
    tree.create("/services/live/db", "10.0.0.1");
    tree.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn hostsync_starts_before_nameserver_has_ever_run() {
    let (tree, hosts) = (tree("before-nameserver"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let agent = hostsync(&tree, &hosts).run();
    agent.soon_says("/nameserver/hosts does not exist: start a nameserver");
    assert_eq!(hosts.text(), LOCALHOST);
    let _nameserver = nameserver(&tree).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn everything_starts_in_the_wrong_order() {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("wrong-order"), HostsFile::with(LOCALHOST));
    zookeeper.stop();
    let agent = hostsync(&tree, &hosts).run();
    agent.soon_says("ZooKeeper does not answer");
    let server = nameserver(&tree).flag("root", "/services").run();
    server.soon_says("ZooKeeper does not answer");
    zookeeper.restart();
    server.soon_says("/services does not exist yet");
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    hosts.soon_maps("db", &["10.0.0.1"]);
}

/// A hostsync with a file of its own, and the cache that one before it left.
fn with_cache(cache: &Scratch, zookeeper: &str, hosts: &HostsFile) -> Program {
    Program::new("hostsync")
        .flag("zookeeper", zookeeper)
        .flag("hosts-file", hosts.path())
        .flag("cache", cache.join("cache"))
}

/// A cache with `/db`, and the address that it was kept of, where nobody listens any more.
fn kept() -> (Scratch, String) {
    let (cache, tree) = (Scratch::new("cache"), tree("kept"));
    let proxy = Proxy::before(&ZooKeeper::shared().address());
    let address = tree.address_at(&proxy.address());
    let hosts = HostsFile::with(LOCALHOST);
    tree.publish(7, &json!({"db": ["10.0.0.1"]}));
    let mut agent = with_cache(&cache, &address, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let is_kept = || cache.read("cache").contains("10.0.0.1");
    wait_until("the snapshot on disk", PATIENCE, is_kept);
    agent.stop();
    (cache, address)
}

/// What the first releases kept.
fn kept_by_an_earlier_release(format: u32) -> Scratch {
    let cache = Scratch::new("cache");
    let snapshot = Snapshot::text(7, &json!({"db": ["10.0.0.1"]}));
    let text = format!(
        r#"{{"format":{format},"zookeeper":"{NOWHERE}","state":"/nameserver","czxid":1,"mzxid":2,"snapshot":{snapshot}}}"#
    );
    cache.write("cache", text);
    cache
}

#[test]
fn without_zookeeper_the_kept_names_are_served() {
    let ((cache, address), hosts) = (kept(), HostsFile::with(LOCALHOST));
    let agent = with_cache(&cache, &address, &hosts).run();
    let took = hosts.soon_maps("db", &["10.0.0.1"]);
    println!("measured: start without ZooKeeper, with a cache: names after {took:?}");
    agent.soon_says("ZooKeeper does not answer");
}

#[test]
fn what_an_earlier_release_kept_is_served_too() {
    let (cache, hosts) = (kept_by_an_earlier_release(1), HostsFile::with(LOCALHOST));
    let _agent = with_cache(&cache, NOWHERE, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn a_cache_of_another_tree_or_format_is_ignored_with_a_word() {
    let (cache, address) = kept();
    let is_of = |address: &str| format!("it is of /nameserver at {address}");
    let (servers, _) = address.split_once('/').expect("a chroot");
    let chroot = format!("{servers}/chroot");
    let later = kept_by_an_earlier_release(3);
    let format = "it has format 3, and this version reads formats 1 and 2";
    for (cache, zookeeper, state, word) in [
        (&cache, NOWHERE, "/nameserver", is_of(&address)),
        (&cache, &chroot, "/nameserver", is_of(&address)),
        (&cache, &address, "/other", is_of(&address)),
        (&later, NOWHERE, "/nameserver", format.to_owned()),
    ] {
        let hosts = HostsFile::with(LOCALHOST);
        let agent = with_cache(cache, zookeeper, &hosts)
            .flag("state", state)
            .run();
        let said = agent.soon_says("ignoring the cache");
        assert!(said.contains(&word), "{said}");
        agent.soon_says("ZooKeeper does not answer");
        assert_eq!(hosts.text(), LOCALHOST, "{zookeeper} {state}");
    }
}
