//! What may stand at `STATE/hosts`, since anyone may write there: only a valid snapshot is applied.

use lab::{HostsFile, Snapshot, hostsync, tree};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// All of them would be newer than `generation`, but for the one that is to be older.
fn bad_snapshots(generation: u64) -> Vec<(&'static str, Vec<u8>)> {
    let next = generation + 1;
    let good = || Snapshot::text(next, &json!({"db": ["10.6.6.6"]}));
    let with = |hosts: serde_json::Value| Snapshot::text(next, &hosts).into_bytes();
    let many: Vec<String> = (0..40_000)
        .map(|number| format!("10.{}.{}.1", number / 250, number % 250))
        .collect();
    vec![
        ("junk", b"junk".to_vec()),
        ("nothing at all", Vec::new()),
        ("an empty object", b"{}".to_vec()),
        ("not UTF-8", vec![0xff; 100]),
        ("half a snapshot", good().into_bytes()[..60].to_vec()),
        ("a snapshot and more", (good() + "{}").into_bytes()),
        (
            "another format",
            good()
                .replace(r#""format":1"#, r#""format":3"#)
                .into_bytes(),
        ),
        (
            "an index without pages",
            good()
                .replace(r#""format":1"#, r#""format":2"#)
                .into_bytes(),
        ),
        (
            "another count",
            good().replace(r#""names":1"#, r#""names":2"#).into_bytes(),
        ),
        (
            "no generation",
            good()
                .replace(&format!(r#""generation":{next},"#), "")
                .into_bytes(),
        ),
        (
            "generation 0",
            good()
                .replace(&format!(r#""generation":{next}"#), r#""generation":0"#)
                .into_bytes(),
        ),
        (
            "deeply nested",
            format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)).into_bytes(),
        ),
        ("a megabyte of zeros", vec![0; 1_000_000]),
        ("an evil address", with(json!({"db": ["1.2.3.4\nevil"]}))),
        (
            "a second line",
            with(json!({"db": ["10.6.6.6\n10.6.6.7 bank.example"]})),
        ),
        ("no address", with(json!({"db": []}))),
        ("a word as address", with(json!({"db": ["evil"]}))),
        ("a loopback address", with(json!({"db": ["127.0.0.1"]}))),
        (
            "an evil name",
            with(json!({"db\n10.6.6.6 evil": ["10.6.6.6"]})),
        ),
        ("two names in one", with(json!({"db evil": ["10.6.6.6"]}))),
        ("localhost", with(json!({"localhost": ["10.6.6.6"]}))),
        ("a comment", with(json!({"db#": ["10.6.6.6"]}))),
        ("a huge list", with(json!({"db": many}))),
        (
            "an older generation",
            Snapshot::text(generation - 1, &json!({"db": ["10.6.6.6"]})).into_bytes(),
        ),
    ]
}

#[test]
fn a_bad_snapshot_changes_nothing_and_is_explained() {
    let (tree, hosts) = (tree("bad-snapshot"), HostsFile::with(LOCALHOST));
    tree.publish(5, &json!({"db": ["10.0.0.5"]}));
    let mut agent = hostsync(&tree, &hosts).run();
    agent.soon_says("generation 5:");
    for (number, kind) in bad_snapshots(5)
        .into_iter()
        .map(|(kind, _)| kind)
        .enumerate()
    {
        let generation = 5 + number as u64;
        let (before, lines) = (hosts.bytes(), agent.lines());
        let (_, bytes) = bad_snapshots(generation).swap_remove(number);
        tree.set("/nameserver/hosts", bytes);
        let what = format!("a word about {kind}");
        lab::wait_for(
            &what,
            lab::PATIENCE,
            || agent.log(),
            |log| log.lines().count() > lines,
        );
        let said = agent
            .log()
            .lines()
            .skip(lines)
            .collect::<Vec<_>>()
            .join(" ");
        println!("{kind}: {said}");
        assert!(said.contains("/nameserver/hosts"), "{kind}: {said}");
        assert!(
            said.len() < 1_000,
            "{kind}: the log quotes too much: {said}"
        );
        assert_eq!(hosts.bytes(), before, "{kind}");
        // The next good one is applied, and nothing of the bad one was.
        let good = format!("10.0.0.{}", generation + 1);
        tree.publish(generation + 1, &json!({"db": [good]}));
        hosts.soon_maps("db", &[&good]);
        agent.soon_says(&format!("generation {}:", generation + 1));
        assert!(!hosts.text().contains("10.6.6."), "{kind}");
    }
    assert!(agent.ended().is_none());
}

#[test]
fn a_deleted_snapshot_leaves_the_names() {
    let (tree, hosts) = (tree("deleted-snapshot"), HostsFile::with(LOCALHOST));
    tree.publish(5, &json!({"db": ["10.0.0.1"]}));
    let agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let lines = agent.lines();
    tree.delete("/nameserver/hosts");
    lab::wait_until("a word about it", lab::PATIENCE, || agent.lines() > lines);
    assert_eq!(hosts.addresses("db"), ["10.0.0.1"]);
    // Created anew, the counting may begin anew too.
    tree.publish(1, &json!({"db": ["10.0.0.2"]}));
    hosts.soon_maps("db", &["10.0.0.2"]);
}

#[test]
fn an_older_generation_is_refused_after_a_restart_too() {
    let (tree, hosts) = (tree("older"), HostsFile::with(LOCALHOST));
    tree.publish(5, &json!({"db": ["10.0.0.1"]}));
    let mut agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    agent.stop();
    tree.publish(4, &json!({"db": ["10.6.6.6"]}));
    let agent = hostsync(&tree, &hosts).run();
    agent.soon_says("generation 4");
    assert_eq!(hosts.addresses("db"), ["10.0.0.1"]);
}

#[test]
fn a_spoilt_cache_is_no_obstacle() {
    let (tree, hosts) = (tree("spoilt-cache"), HostsFile::with(LOCALHOST));
    tree.publish(5, &json!({"db": ["10.0.0.1"]}));
    for bytes in [b"junk".to_vec(), Vec::new(), vec![0; 100_000]] {
        hosts.directory().write("hosts.cache", bytes);
        hosts.put(LOCALHOST);
        let mut agent = hostsync(&tree, &hosts).run();
        hosts.soon_maps("db", &["10.0.0.1"]);
        agent.stop();
    }
}

#[test]
fn no_snapshot_yet_leaves_the_file_alone() {
    let (tree, hosts) = (tree("no-snapshot"), HostsFile::with(LOCALHOST));
    let agent = hostsync(&tree, &hosts).run();
    lab::wait_until("a word about it", lab::PATIENCE, || agent.lines() > 0);
    assert_eq!(hosts.text(), LOCALHOST);
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn an_empty_snapshot_is_valid_and_takes_the_names_out() {
    let (tree, hosts) = (tree("empty-snapshot"), HostsFile::with(LOCALHOST));
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    tree.publish(2, &json!({}));
    hosts.soon_lacks("db");
    assert_eq!(hosts.foreign(), LOCALHOST);
}
