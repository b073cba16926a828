//! Znodes of every bad kind: each is named with its reason, and its neighbours keep their names.

use std::sync::atomic::{AtomicBool, Ordering};

use lab::{HostsFile, Tree, hostsync, nameserver, tree};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Data that give no address, below paths that would be fine as names.
fn bad_data() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("/newline", b"10.0.0.1\n10.6.6.6".to_vec()),
        ("/newline-evil", b"10.0.0.1\n10.6.6.6 evil".to_vec()),
        ("/carriage-return", b"10.0.0.1\r10.6.6.6 evil".to_vec()),
        ("/loopback", b"127.0.0.1".to_vec()),
        ("/loopback6", b"::1".to_vec()),
        ("/mapped-loopback", b"::ffff:127.0.0.1".to_vec()),
        ("/unspecified", b"0.0.0.0".to_vec()),
        ("/unspecified6", b"::".to_vec()),
        ("/multicast", b"224.0.0.251".to_vec()),
        ("/broadcast", b"255.255.255.255".to_vec()),
        ("/json-loopback", br#"{"ip":"127.0.0.1"}"#.to_vec()),
        (
            "/json-newline",
            br#"{"ip":"10.0.0.1\n10.6.6.6 evil"}"#.to_vec(),
        ),
        ("/json-number", br#"{"ip":10}"#.to_vec()),
        ("/json-torn", br#"{"ip":"10.0.0.1""#.to_vec()),
        (
            "/json-deep",
            format!("{}{}", r#"{"ip":"#.repeat(20_000), "}".repeat(20_000)).into_bytes(),
        ),
        ("/zeros", vec![0; 1_000_000]),
        ("/not-utf8", vec![0xff, 0xfe, b'1', b'0']),
        ("/words", b"hello world".to_vec()),
        ("/bad-port", b"10.0.0.1:99999".to_vec()),
        ("/leading-zero", b"010.0.0.1".to_vec()),
    ]
}

/// Paths that give no name, whatever their data. ZooKeeper itself refuses some; those count as done.
fn bad_paths() -> Vec<String> {
    let long = format!("/{}", "x".repeat(300));
    let mut paths: Vec<String> = [
        "/localhost",
        "/LOCALHOST",
        "/a.localhost",
        "/ip6-loopback",
        "/broadcasthost",
        "/a b",
        "/a\tb",
        "/a\nb",
        "/a\0b",
        "/a\u{7f}b",
        "/a\u{202e}b",
        "/-x",
        "/x-",
        "/...",
        "/a..b",
        "/.hidden",
        "/trailing.",
        "/#comment",
        "/ünïcode",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(long);
    paths
}

/// The bad znodes, and good ones between them.
fn plant(tree: &Tree) -> Vec<String> {
    let mut planted = Vec::new();
    for (path, data) in bad_data() {
        tree.create(path, data);
        planted.push(path.to_owned());
    }
    for path in bad_paths() {
        if tree.try_create(&path, "10.0.0.1") {
            planted.push(path);
        }
    }
    // Two paths with one name: the one that was there first wins.
    tree.create("/a.b", "10.0.0.2");
    tree.create("/b", "");
    tree.create("/b/a", "10.0.0.3");
    planted.push("/b/a".to_owned());
    // An instance without a name of its own still counts.
    tree.create("/service", "");
    tree.create("/service/good", "10.0.0.4");
    tree.create("/service/no name", "10.0.0.5");
    planted.push("/service/no name".to_owned());
    tree.create("/good", "10.0.0.6");
    planted
}

fn is_as_planted(hosts: &HostsFile) {
    hosts.soon_maps("good", &["10.0.0.6"]);
    hosts.soon_maps("service", &["10.0.0.4", "10.0.0.5"]);
    hosts.soon_maps("good.service", &["10.0.0.4"]);
    hosts.soon_maps("a.b", &["10.0.0.2"]);
    let names: Vec<String> = hosts.names().into_keys().collect();
    assert_eq!(
        names,
        ["a.b", "b", "good", "good.service", "service"],
        "and no other"
    );
    assert!(!hosts.text().contains("10.6.6.6") && !hosts.text().contains("evil"));
    assert_eq!(hosts.addresses("localhost"), ["127.0.0.1"]);
    assert_eq!(hosts.foreign(), LOCALHOST);
}

#[test]
fn bad_znodes_that_are_there_already_harm_nothing() {
    let (tree, hosts) = (tree("bad-before"), HostsFile::with(LOCALHOST));
    plant(&tree);
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    is_as_planted(&hosts);
}

#[test]
fn bad_znodes_that_come_later_harm_nothing() {
    let (tree, hosts) = (tree("bad-later"), HostsFile::with(LOCALHOST));
    tree.create("/good", "10.0.0.1");
    let mut server = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon_maps("good", &["10.0.0.1"]);
    tree.delete("/good");
    plant(&tree);
    is_as_planted(&hosts);
    assert!(server.ended().is_none());
    // One that is mended gets its name, one that is spoilt loses it.
    tree.set("/loopback", "10.0.0.7");
    hosts.soon_maps("loopback", &["10.0.0.7"]);
    tree.set("/loopback", "127.0.0.1");
    hosts.soon_lacks("loopback");
    // The log names a problem by its path.
    tree.create("/really-bad", "what is this");
    server.soon_says("/really-bad");
}

#[test]
fn check_names_each_bad_znode_and_the_reason() {
    let tree = tree("check");
    let planted = plant(&tree);
    let program = nameserver(&tree);
    let text = program.call(&["check"]).expect_code(1);
    let json = program.call(&["check", "--json"]).expect_code(1);
    let problems = json.json();
    let problems = problems["problems"]
        .as_array()
        .expect("a list of problems")
        .clone();
    for path in &planted {
        // Binary data were never meant as an address; and an instance that counts needs no name.
        if ["/not-utf8", "/service/no name"].contains(&path.as_str()) {
            continue;
        }
        let shown = contract::plain(path);
        assert!(
            text.stdout.contains(&*shown),
            "{path:?} is not in {}",
            text.stdout
        );
        let problem = problems.iter().find(|problem| problem["path"] == *shown);
        let problem = problem.unwrap_or_else(|| panic!("{path:?} is not in {problems:#?}"));
        assert!(
            problem["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 10),
            "{problem}"
        );
    }
    for good in ["/good", "/service", "/service/good", "/a.b"] {
        assert!(
            problems.iter().all(|problem| problem["path"] != good),
            "{good} in {problems:#?}"
        );
    }
    assert!(
        text.stdout
            .lines()
            .all(|line| line.chars().all(|each| !each.is_control()))
    );
    assert!(
        text.stdout.len() < 20_000,
        "a megabyte of zeros is not quoted: {}",
        text.stdout.len()
    );
}

#[test]
fn check_is_content_with_a_good_tree() {
    let tree = tree("check-good");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.1");
    let program = nameserver(&tree);
    let _ = program.call(&["check"]).expect_code(0);
    let json = program.call(&["check", "--json"]).expect_code(0).json();
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(0), "{json}");
}

#[test]
fn ten_thousand_children_of_one_znode_are_ten_thousand_instances() {
    let (tree, hosts) = (tree("children"), HostsFile::with(LOCALHOST));
    tree.create("/big", "");
    let znodes: Vec<(String, String)> = (0..10_000)
        .map(|number| {
            (
                format!("/big/n{number:05}"),
                format!("10.4.{}.{}", number / 250, number % 250 + 1),
            )
        })
        .collect();
    tree.create_many(
        znodes
            .iter()
            .map(|(path, data)| (path.as_str(), data.as_str())),
    );
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon("all instances", || hosts.names().len() == 10_001);
    assert_eq!(hosts.addresses("big").len(), 10_000);
    tree.delete("/big/n00000");
    hosts.soon("one instance less", || {
        hosts.addresses("big").len() == 9_999
    });
}

#[test]
fn a_tree_two_hundred_levels_deep_gives_the_names_that_fit() {
    let (tree, hosts) = (tree("deep"), HostsFile::with(LOCALHOST));
    let mut path = String::new();
    for level in 1..=200 {
        path.push_str("/a");
        tree.create(&path, format!("10.5.0.{level}"));
    }
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    // 127 labels and 126 dots are 253 characters.
    let longest = vec!["a"; 127].join(".");
    hosts.soon_maps(&longest, &["10.5.0.127"]);
    assert_eq!(hosts.names().len(), 127);
    let outcome = nameserver(&tree)
        .call(&["check", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(
        outcome["problems"].as_array().map(Vec::len),
        Some(73),
        "{outcome}"
    );
}

#[test]
fn znodes_that_go_during_the_walk_are_no_problem() {
    let (tree, hosts) = (tree("walk"), HostsFile::with(LOCALHOST));
    let znodes: Vec<String> = (0..5_000).map(|number| format!("/n{number:04}")).collect();
    tree.create_many(znodes.iter().map(|path| (path.as_str(), "10.6.0.1")));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The odd ones go for good, the even ones go and come back.
            for (number, path) in znodes.iter().enumerate() {
                tree.delete(path);
                if number % 2 == 0 {
                    tree.create(path, "10.6.0.2");
                }
                if number > 2_000 && stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        // Walk after walk while that goes on.
        while !stop.load(Ordering::Relaxed) {
            let mut server = nameserver(&tree).run();
            server.soon_says("leading");
            server.stop();
        }
    });
    let left = tree
        .children("/")
        .into_iter()
        .filter(|name| name.starts_with('n') && name != "nameserver");
    let left: Vec<String> = left.collect();
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).run();
    hosts.soon("exactly what is left", || {
        hosts.names().into_keys().eq(left.iter().cloned())
    });
}
