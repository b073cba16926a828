//! What is answered follows the tree, at every replica; without ZooKeeper it stays, and says so.

use std::time::Duration;

use lab::{
    Client, Dns, HostsFile, PATIENCE, Program, Stopwatch, ZooKeeper, hostsync, tree, wait_until,
};

use super::{ANY_PORT, answering, run};
use crate::http::{get, status};

/// Far above what it takes, on a machine that runs other tests too.
const AT_ONCE: Duration = Duration::from_secs(2);

#[test]
fn a_change_is_answered_at_once_by_the_leader_and_by_those_who_wait() {
    let tree = tree("dns-change");
    tree.create("/db", "10.0.0.1");
    let (_leader, leader) = run(&answering(&tree).flag("id", "ns1"), "db");
    tree.soon_maps("db", &["10.0.0.1"]);
    let (_standby, standby) = run(&answering(&tree).flag("id", "ns2"), "db");
    let both = [leader, standby];

    let begun = Stopwatch::start();
    let soon = |dns: &Dns, words: &str, data: &[&str]| {
        dns.soon_has(words, data);
        let took = begun.elapsed();
        println!("measured: {words} answered {took:?} after the change");
        took
    };
    tree.set("/db", "10.0.0.2");
    for dns in &both {
        assert!(soon(dns, "db", &["10.0.0.2"]) < AT_ONCE);
        assert_eq!(dns.dig("-x 10.0.0.2").data(), ["db."]);
        assert_eq!(dns.dig("-x 10.0.0.1").status(), "REFUSED");
    }
    tree.create("/web", "");
    tree.create("/web/one", "10.0.1.1:80");
    for dns in &both {
        dns.soon_has("web", &["10.0.1.1"]);
        assert_eq!(dns.dig("_http._tcp.web SRV").data(), ["0 0 80 one.web."]);
    }
    tree.delete_all("/web");
    for dns in &both {
        dns.soon("web", |response| response.status() == "REFUSED");
    }
    // A whole walk finds the same.
    tree.delete("/db");
    tree.create("/db", "10.0.0.3");
    for dns in &both {
        dns.soon_has("db", &["10.0.0.3"]);
    }
    assert_eq!(
        tree.snapshot().map(|snapshot| snapshot.0["leader"].clone()),
        Some("ns1".into())
    );
}

#[test]
fn an_instance_goes_with_its_session_and_its_service_is_kept_for_a_few_seconds_only() {
    let tree = tree("dns-ephemeral");
    let server = answering(&tree).flag("domain", "zk.internal");
    let server = server.run();
    let dns = Dns::of(&server);
    let hosts = HostsFile::with("127.0.0.1 localhost\n");
    let mut agent = hostsync(&tree, &hosts)
        .flag("register", "web:80")
        .flag("address", "10.9.8.7")
        .flag("session-timeout", "2s")
        .run();
    let found = dns.soon_has("web.zk.internal", &["10.9.8.7"]);
    assert_eq!(found.ttls(), [5], "{found:?}");
    agent.kill9();
    let gone = dns.soon("web.zk.internal", |response| response.data().is_empty());
    assert!(["NOERROR", "NXDOMAIN"].contains(&gone.status()), "{gone:?}");
    assert_eq!(dns.dig("-x 10.9.8.7").status(), "REFUSED");

    let instance = Client::connect(tree.address());
    instance.create_ephemeral("/web/again", "10.9.8.8");
    dns.soon_has("again.web.zk.internal", &["10.9.8.8"]);
    drop(instance);
    dns.soon("again.web.zk.internal", |response| {
        response.status() == "NXDOMAIN"
    });
}

/// The strings of `_status`, such as `state=live`.
fn told(dns: Dns, zone: &str) -> Vec<String> {
    let response = dns.dig(&format!("_status.{zone} TXT"));
    let data = response.data();
    let strings = data.first().copied().unwrap_or_default().split('"');
    strings
        .filter(|text| text.contains('='))
        .map(str::to_owned)
        .collect()
}

#[test]
fn without_zookeeper_answers_go_on_and_say_that_they_are_old() {
    let mut zookeeper = ZooKeeper::start();
    let tree = zookeeper.tree("dns-stale");
    tree.create("/db", "10.0.0.1");
    let server = answering(&tree).flag("http", ANY_PORT);
    let (server, dns) = run(&server, "db");
    tree.soon_maps("db", &["10.0.0.1"]);
    let soon_tells = |state: &str| {
        let state = format!("state={state}");
        wait_until(&state, PATIENCE, || told(dns, "db").contains(&state))
    };
    soon_tells("live");
    wait_until("the generation", PATIENCE, || {
        told(dns, "db").contains(&"generation=1".to_owned())
    });
    for key in ["since=2", "zxid="] {
        assert!(
            told(dns, "db").iter().any(|text| text.starts_with(key)),
            "{key}: {:?}",
            told(dns, "db")
        );
    }
    assert_eq!(dns.dig("_status.db TXT").ttls(), [0]);

    zookeeper.kill();
    let took = soon_tells("stale");
    println!("measured: _status says stale {took:?} after the end of ZooKeeper");
    wait_until("the status and the metrics to say so", PATIENCE, || {
        let metrics = get(&server, "/metrics").1;
        metrics.contains("\nnameserver_dns_live 0.0\n")
            && status(&server)["dns"]["state"] == "stale"
    });
    let answer = dns.dig("db");
    assert_eq!(answer.data(), ["10.0.0.1"], "{answer:?}");
    assert_eq!(dns.dig("-x 10.0.0.1").data(), ["db."]);
    assert_eq!(dns.dig("nobody.db").status(), "NXDOMAIN");

    zookeeper.restart();
    soon_tells("live");
    assert_eq!(status(&server)["dns"]["state"], "live");
    tree.set("/db", "10.0.0.2");
    dns.soon_has("db", &["10.0.0.2"]);
}

#[test]
fn before_the_tree_was_ever_read_nothing_is_said_to_be_absent() {
    let nowhere = Program::new("nameserver").flag("zookeeper", "127.0.0.1:9");
    let server = nowhere
        .clone()
        .flag("dns", ANY_PORT)
        .flag("domain", "zk.internal")
        .run();
    let dns = Dns::of(&server);
    for (words, code) in [
        ("db.zk.internal", "SERVFAIL"),
        ("zk.internal SOA", "SERVFAIL"),
        ("-x 10.0.0.5", "SERVFAIL"),
        ("example.com", "REFUSED"),
    ] {
        assert_eq!(dns.dig(words).status(), code, "{words}");
    }
    assert_eq!(told(dns, "zk.internal")[0], "state=starting");
    // Without a domain, any name may come to be in a zone.
    let server = nowhere.flag("dns", ANY_PORT).run();
    assert_eq!(Dns::of(&server).dig("db").status(), "SERVFAIL");
}
