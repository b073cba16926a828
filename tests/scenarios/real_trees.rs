//! Trees as real systems write them (`tests/data/trees.json`), in a real ZooKeeper: each gives exactly
//! the addresses that it should, in the snapshot and by DNS, never one that it must not, and there is
//! nothing to mend in it but what is named there.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Client, Dns, Snapshot, Tree, nameserver, tree};
use serde_json::Value;

fn real_trees() -> Vec<Value> {
    let trees = serde_json::from_str(include_str!("../data/trees.json"));
    trees.expect("an array of trees")
}

fn texts(value: &Value) -> BTreeSet<&str> {
    let all = value.as_array().expect("an array").iter();
    all.map(|text| text.as_str().expect("text")).collect()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = value.as_object().expect("an object").iter();
    all.map(|(name, value)| (name.as_str(), value))
}

/// What a znode holds.
fn bytes(znode: &Value) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let digits = str::from_utf8(pair).expect("digits");
        u8::from_str_radix(digits, 16).expect("two digits")
    };
    match (&znode["data"], &znode["hex"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(hex)) => hex.as_bytes().chunks(2).map(byte).collect(),
        _ => Vec::new(),
    }
}

/// The znodes with those above them; the ephemeral ones belong to the client.
fn plant(tree: &Tree, session: &Client, real: &Value) {
    let mut there = BTreeSet::new();
    let znodes = real["znodes"].as_array().expect("znodes").iter();
    let znodes: BTreeMap<&str, &Value> = znodes
        .map(|znode| (znode["path"].as_str().expect("a path"), znode))
        .collect();
    for (path, znode) in znodes {
        for (at, _) in path.match_indices('/').skip(1) {
            if there.insert(path[..at].to_owned()) {
                tree.create(&path[..at], "");
            }
        }
        there.insert(path.to_owned());
        match znode["ephemeral"] == true {
            true => session.create_ephemeral(path, bytes(znode)),
            false => tree.create(path, bytes(znode)),
        }
    }
}

/// What the snapshot and DNS have otherwise than they should.
fn wrong_names(real: &Value, snapshot: &Snapshot, dns: Dns) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, expected) in fields(&real["names"]) {
        let expected = texts(expected);
        let published: BTreeSet<&str> = snapshot.addresses(name).into_iter().collect();
        if published != expected {
            wrong.push(format!("{name} is {published:?}, not {expected:?}"));
        }
        let answer = dns.dig(&format!("{name} A"));
        let answered: BTreeSet<&str> = answer.data().into_iter().collect();
        if answered != expected {
            wrong.push(format!("DNS has {answered:?} for {name}, not {expected:?}"));
        }
    }
    for (name, expected) in fields(&real["ports"]) {
        let answer = dns.dig(&format!("_any._tcp.{name} SRV"));
        let data = answer.data();
        let ports = data.iter().filter_map(|data| data.split(' ').nth(2));
        let ports: BTreeSet<u64> = ports.filter_map(|port| port.parse().ok()).collect();
        let expected = expected.as_array().expect("ports").iter();
        let expected: BTreeSet<u64> = expected.filter_map(Value::as_u64).collect();
        if ports != expected {
            wrong.push(format!(
                "DNS has the ports {ports:?} for {name}, not {expected:?}"
            ));
        }
    }
    let never = texts(&real["never"]);
    for name in snapshot.names() {
        let addresses = snapshot.addresses(name).into_iter();
        let forbidden = addresses.filter(|address| never.contains(address));
        wrong.extend(forbidden.map(|address| format!("{name} is {address}")));
    }
    wrong
}

/// What `check` says otherwise than it should.
fn wrong_problems(real: &Value, tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let expected = texts(&real["problems"]);
    let code = i32::from(!expected.is_empty());
    let program = nameserver(tree).flag("hosts-file", "/dev/null");
    let checked = program.call(&["check", "--json"]).expect_code(code).json();
    let problems = checked["problems"].as_array().expect("a list").iter();
    let problems: BTreeMap<_, _> = problems
        .filter_map(|line| Some((line["path"].as_str()?, line["reason"].as_str()?)))
        .collect();
    if !problems.keys().eq(&expected) {
        wrong.push(format!("the problems {problems:#?}, not {expected:?}"));
    }
    let text = program.call(&["check", "--all"]).expect_code(code).stdout;
    if text.contains("rep-pass") {
        wrong.push(format!("a password in {text}"));
    }
    wrong
}

#[test]
fn each_gives_what_it_should_and_is_quiet() {
    let mut wrong = Vec::new();
    for real in real_trees() {
        let called = real["tree"].as_str().expect("a name");
        let tree = tree(&format!("real-{called}"));
        let session = Client::connect(tree.address());
        plant(&tree, &session, &real);
        let running = nameserver(&tree).flag("dns", "127.0.0.1:0").run();
        let snapshot = tree.soon_publishes("the first snapshot", |_| true);
        let names = wrong_names(&real, &snapshot, Dns::of(&running));
        let problems = wrong_problems(&real, &tree);
        let all = names.into_iter().chain(problems);
        wrong.extend(all.map(|what| format!("{called}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let tree = tree("real-secrets");
    tree.create("/old", "");
    tree.create("/old/foo", "postgres://repuser:rep-pass@10.10.10.20:5434/x");
    tree.create(
        "/old/bad",
        "use postgres://repuser:rep-pass@10.10.10.30 or so",
    );
    let named = "/named/x%3A%2F%2Frepuser%3Arep-pass%4010.10.10.40";
    tree.create("/named", "");
    tree.create(named, "10.10.10.40");
    let running = nameserver(&tree).flag("http", "127.0.0.1:0").run();
    let said = running.soon_says("/old/bad: ");
    assert!(said.contains("***@"), "{said}");
    let program = nameserver(&tree);
    let said: Vec<String> = [
        &["check", "--all"][..],
        &["check", "--json"],
        &["check", "--explain", "/old/foo"],
        &["check", "--explain", "/old/bad", "--json"],
        &["check", "--explain", named],
        &["check", "--explain", named, "--json"],
        &["lookup", "foo.old"],
        &["status", "--json"],
    ]
    .iter()
    .map(|words| program.call(words).stdout)
    .collect();
    assert!(
        said[2].contains("postgres://***@10.10.10.20:5434"),
        "{}",
        said[2]
    );
    for text in said.iter().chain([&running.soon_says("leading")]) {
        assert!(!text.contains("rep-pass"), "{text}");
    }
}
