//! Replicas that would name the tree in another way, and a tree that is missing.

use std::time::{Duration, Instant};

use lab::{PATIENCE, Program, Running, Tree, nameserver, tree, wait_until};

fn services(name: &str) -> Tree {
    let tree = tree(name);
    tree.create("/services", "");
    for number in 0..5 {
        tree.create(&format!("/services/s{number}"), "10.0.0.1");
    }
    tree
}

fn replica(tree: &Tree, id: &str) -> Program {
    nameserver(tree).flag("id", id).flag("root", "/services")
}

fn soon_stand(tree: &Tree, count: usize) {
    wait_until(&format!("{count} to stand"), PATIENCE, || {
        tree.children("/nameserver/election").len() == count
    });
}

fn soon_leads(tree: &Tree, id: &str) {
    tree.soon_publishes(&format!("{id} to publish"), |snapshot| {
        snapshot.0["leader"] == id
    });
}

/// For as long as a replica takes to look again, nothing is renamed.
fn nothing_is_renamed(tree: &Tree, names: &[&str]) {
    let begun = Instant::now();
    wait_until("a while", PATIENCE, || {
        let snapshot = tree.snapshot().expect("a snapshot");
        assert_eq!(snapshot.names(), names);
        begun.elapsed() > Duration::from_secs(6)
    });
}

fn health_of(server: &Running) -> serde_json::Value {
    crate::http::status(server)
}

#[test]
fn a_replica_of_other_settings_does_not_stand_and_says_why() {
    let tree = services("settings");
    let names = ["s0", "s1", "s2", "s3", "s4"];
    let mut one = replica(&tree, "one").run();
    soon_leads(&tree, "one");
    let others = [
        (
            ("domain", "zk.internal"),
            "--domain zk.internal (published: none)",
        ),
        (("root", "/svc"), "--root /svc (published: /services)"),
        (("exclude", "s3"), "--exclude s3 (published: none)"),
    ];
    let others_say = others.map(|(_, says)| says);
    let others = others.map(|((flag, value), says)| {
        let program = replica(&tree, flag).flag(flag, value);
        let server = program.flag("http", "127.0.0.1:0").run();
        let line = server.soon_says("not standing for election");
        assert!(
            line.contains(says) && line.contains("--take-over"),
            "{line}"
        );
        server
    });
    assert_eq!(tree.children("/nameserver/election").len(), 1);
    for server in &others {
        let status = health_of(server);
        assert_eq!(status["health"], "not healthy");
        let reasons = status["reasons"].to_string();
        assert!(reasons.contains("not standing for election"), "{reasons}");
    }
    let status = || replica(&tree, "one").call(&["status"]);
    let remarks: Vec<_> = others_say
        .iter()
        .map(|says| format!("not standing for election: {says}"))
        .collect();
    wait_until("the status to tell of all", PATIENCE, || {
        let said = status().expect_code(0).stdout;
        said.starts_with("healthy, but ") && remarks.iter().all(|remark| said.contains(remark))
    });
    // Also when there is no leader any more.
    one.stop();
    wait_until("the status to tell that nobody leads", PATIENCE, || {
        status()
            .stdout
            .starts_with("not healthy: no nameserver leads")
    });
    nothing_is_renamed(&tree, &names);
    for server in &others {
        assert_eq!(server.log().matches("not standing for election").count(), 1);
    }
    let _two = replica(&tree, "two").run();
    soon_leads(&tree, "two");
    drop(others);
    wait_until("nobody to stand aside", PATIENCE * 2, || {
        tree.children("/nameserver/aside").is_empty()
    });
    tree.create("/services/new", "10.0.0.9");
    tree.soon_maps("new", &["10.0.0.9"]);
}

#[test]
fn settings_are_changed_on_purpose_by_restarting_one_after_another() {
    let tree = services("settings-roll");
    let old = |id: &str| replica(&tree, id);
    let new = |id: &str| replica(&tree, id).flag("domain", "zk.internal");
    let mut one = old("one").run();
    soon_leads(&tree, "one");
    let mut two = old("two").run();
    soon_stand(&tree, 2);
    two.stop();
    let two = new("two").run_with(&["--take-over"]);
    soon_stand(&tree, 2);
    nothing_is_renamed(&tree, &["s0", "s1", "s2", "s3", "s4"]);
    one.stop();
    two.soon_says("taking over: --domain zk.internal (published: none)");
    tree.soon_maps("s0.zk.internal", &["10.0.0.1"]);
    let snapshot = tree.soon_lacks("s0");
    assert_eq!(snapshot.names().len(), 5);
    // From now on the new ones are the settings, and need no flag.
    let _one = new("one").run();
    soon_stand(&tree, 2);
    let late = old("three").run();
    late.soon_says("not standing for election: --domain none (published: zk.internal)");
}

/// It stood while its settings were the published ones; another replica changed them meanwhile.
#[test]
fn a_standby_whose_settings_are_no_longer_published_steps_aside_when_elected() {
    let tree = services("settings-standby");
    let mut one = replica(&tree, "one").flag("domain", "old").run();
    soon_leads(&tree, "one");
    let new = replica(&tree, "new").flag("domain", "new");
    let mut new = new.run_with(&["--take-over"]);
    soon_stand(&tree, 2);
    let old = replica(&tree, "old").flag("domain", "old").run();
    soon_stand(&tree, 3);
    one.stop();
    tree.soon_maps("s0.new", &["10.0.0.1"]);
    new.stop();
    old.soon_says("not standing for election: --domain old (published: new)");
    nothing_is_renamed(&tree, &["s0.new", "s1.new", "s2.new", "s3.new", "s4.new"]);
    let _new = replica(&tree, "new").flag("domain", "new").run();
    soon_leads(&tree, "new");
}

#[test]
fn a_missing_root_takes_no_name_away_however_few_there_are() {
    let tree = services("settings-missing");
    let mut server = replica(&tree, "one").run();
    tree.soon_maps("s4", &["10.0.0.1"]);
    server.stop();
    // Even on purpose: nobody means a root that is not there.
    let program = replica(&tree, "one").flag("root", "/svc22");
    let mut server = program.run_with(&["--take-over"]);
    server.soon_says("/svc22 does not exist yet");
    server.soon_says("5 names would be gone at once");
    tree.soon_publishes("what it holds", |snapshot| {
        snapshot.0["root"] == "/svc22" && snapshot.names().len() == 5
    });
    server.stop();

    // One that goes while it is followed, and one in which a walk finds nothing.
    let server = replica(&tree, "one").run_with(&["--take-over"]);
    tree.soon_publishes("the root of before", |snapshot| {
        snapshot.0["root"] == "/services" && snapshot.names().len() == 5
    });
    for number in 0..5 {
        tree.set(&format!("/services/s{number}"), "10.0.0.2");
    }
    tree.soon_maps("s4", &["10.0.0.2"]);
    tree.delete_all("/services");
    server.soon_says("/services does not exist any more");
    server.soon_says("would be gone at once");
    tree.soon_publishes("all names", |snapshot| snapshot.names().len() == 5);
    let held = replica(&tree, "one").call(&["status"]).expect_code(0);
    held.expect_words(&["healthy, but 5 names that the tree lost are held"]);
    tree.create("/services", "");
    tree.create("/services/s0", "10.0.0.3");
    tree.soon_maps("s0", &["10.0.0.3"]);
    assert_eq!(tree.snapshot().expect("a snapshot").names().len(), 5);
}
