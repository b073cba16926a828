//! Somebody else writes to STATE: the leader puts it right within a second, and the names stay.
//! What hostsync makes of bad snapshots while there is no leader, `bad_snapshots` shows.

mod closed;
mod local_users;
mod small_input;

use std::time::Duration;

use lab::{
    Client, HostsFile, PATIENCE, Program, Snapshot, Stopwatch, hostsync, nameserver, tree,
    wait_until, while_reading,
};
use serde_json::json;

use crate::http::get;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

#[test]
fn the_leader_puts_its_snapshot_right_within_a_second() {
    let (tree, hosts) = (tree("tampering"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    tree.create("/counter", "10.9.0.0");
    let _nameserver = nameserver(&tree).flag("id", "ns").run();
    let _agent = hostsync(&tree, &hosts).flag("id", "agent").run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    hosts.soon_maps("counter", &["10.9.0.0"]);
    let told = || -> Option<serde_json::Value> {
        serde_json::from_slice(&tree.get("/nameserver/agents/agent")?).ok()
    };
    let other_format = |generation| {
        let text = Snapshot::text(generation, &json!({"db": ["10.6.6.6"]}));
        text.replace(r#""format":1"#, r#""format":2"#)
    };
    while_reading(&hosts, &["db"], "counter", || {
        for kind in [
            "junk",
            "an older generation",
            "another format",
            "a deletion",
        ] {
            let before = tree.soon_maps("db", &["10.0.0.1"]).generation();
            // Only who has seen a generation can tell that another one is older.
            wait_until("the agent to be in step", PATIENCE, || {
                told().is_some_and(|told| told["applied"] == before)
            });
            let begun = Stopwatch::start();
            match kind {
                "junk" => tree.set("/nameserver/hosts", "junk"),
                "another format" => tree.set("/nameserver/hosts", other_format(before + 1)),
                "a deletion" => tree.delete("/nameserver/hosts"),
                _ => tree.publish(before - 1, &json!({"db": ["10.6.6.6"]})),
            }
            tree.soon_publishes("the leader's own", |snapshot| {
                snapshot.0["leader"] == "ns" && snapshot.generation() > before
            });
            let took = begun.elapsed();
            println!("measured: {kind} at STATE/hosts: put right after {took:?}");
            assert!(took < Duration::from_secs(1), "{took:?}");
            assert_eq!(hosts.addresses("db"), ["10.0.0.1"], "{kind}");
        }
    });
    // Nobody can tell a forged snapshot from a good one, without --auth. But it does not last.
    let before = tree.soon_maps("db", &["10.0.0.1"]).generation();
    let begun = Stopwatch::start();
    tree.publish(before + 1, &json!({"db": ["10.6.6.6"]}));
    tree.soon_maps("db", &["10.0.0.1"]);
    hosts.soon_maps("db", &["10.0.0.1"]);
    let took = begun.elapsed();
    println!("measured: a forged generation at STATE/hosts: put right after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// All that drives a terminal, forges a line or hides.
const HOSTILE: &str =
    "a\u{1b}[2J\r\nhealthy\u{9b}1m\u{202e}x\u{200b}\u{2028}\u{2066}\u{fe0f}\u{e0041}";
const SHOWN: &str = r"a\u001b[2J\r\nhealthy\u009b1m\u202ex\u200b\u2028\u2066\ufe0f\udb40\udc41";

/// Nothing but the ends of lines drives a terminal, and none of those is from `HOSTILE`.
fn assert_plain(what: &str, told: &str) {
    let is_hidden = |character: char| {
        character.is_control()
            || HOSTILE.contains(character) && !character.is_ascii_graphic() && character != ' '
    };
    let hidden = told.chars().find(|&c| c != '\n' && is_hidden(c));
    assert_eq!(hidden, None, "{what}: {told:?}");
    let forged = told.lines().find(|line| line.starts_with("healthy\u{9b}"));
    assert_eq!(forged, None, "{what}: {told:?}");
    let forged = told.lines().find(|line| line.starts_with(r"healthy\u009b"));
    assert_eq!(forged, None, "{what}: {told:?}");
}

fn assert_all_plain(program: &Program, calls: &[&[&str]]) {
    for arguments in calls {
        let outcome = program.call(arguments);
        for told in [outcome.stdout, outcome.stderr] {
            assert_plain(&arguments.join(" "), &told);
        }
    }
}

/// What anybody writes for others to read: it neither moves the cursor nor forges a line, in any
/// command, any log, or over HTTP.
#[test]
fn what_others_tell_is_shown_as_what_it_is() {
    // One's own words: their lines are one's own.
    let word = &*HOSTILE.replace('\n', "");
    let tree = tree("hostile-words");
    for parent in ["", "/election", "/agents", "/aside", "/bindings"] {
        tree.create(&format!("/nameserver{parent}"), "");
    }
    let candidate = json!({"id": HOSTILE, "machine": "", "pid": 1, "started": 1,
        "complaint": HOSTILE});
    let agent = json!({"applied": 1, "complaint": HOSTILE, "id": HOSTILE});
    let znode = "_c_x-latch-0000000001";
    tree.create_ephemeral(
        &format!("/nameserver/election/{znode}"),
        candidate.to_string(),
    );
    // ZooKeeper takes no control characters in a path.
    let hidden = "\u{202e}bd\u{200b}\u{2066}\u{feff}";
    tree.create(&format!("/nameserver/agents/{hidden}"), agent.to_string());
    tree.create(
        &format!("/nameserver/aside/{hidden}"),
        candidate.to_string(),
    );
    let head = Snapshot::text(1, &json!({"db": ["10.0.0.1"]}));
    let leader = json!({"leader": HOSTILE}).to_string();
    let head = head.replace(
        r#""leader":"lab""#,
        leader.trim_start_matches('{').trim_end_matches('}'),
    );
    assert!(head.contains("healthy"), "{head}");
    tree.create("/nameserver/hosts", &head);
    let odd = format!("/{hidden}");
    tree.create(&odd, "10.0.0.1");
    tree.create("/data", HOSTILE);
    tree.create(
        "/record",
        json!({"host": HOSTILE, "port": HOSTILE}).to_string(),
    );
    tree.create(
        "/taken",
        json!({"ip": HOSTILE, "type": HOSTILE}).to_string(),
    );
    let paths = [&*odd, "/data", "/record", "/taken"];
    let told = nameserver(&tree).call(&["status"]).stdout;
    assert!(told.contains(SHOWN), "{told}");
    let mut calls = vec![
        vec!["status"],
        vec!["status", "--json"],
        vec!["check", "--all"],
        vec!["check", "--all", "--json"],
        vec!["check", "--suggest"],
        vec!["lookup", word],
        vec!["release"],
        vec!["status", "--state", &odd],
        vec!["status", word],
        vec!["check", "--root", word],
    ];
    for path in paths {
        calls.push(vec!["check", "--explain", path]);
        calls.push(vec!["check", "--explain", path, "--json"]);
    }
    let calls: Vec<&[&str]> = calls.iter().map(Vec::as_slice).collect();
    assert_all_plain(&nameserver(&tree), &calls);

    let hosts = HostsFile::with(format!("{LOCALHOST}10.0.0.9 {word}\n"));
    let agent = hostsync(&tree, &hosts)
        .flag("http", "127.0.0.1:0")
        .flag("register", "db")
        .flag("address", "10.0.0.1")
        .run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let told = hostsync(&tree, &hosts).call(&["status"]).stdout;
    assert!(told.contains(SHOWN), "{told}");
    assert_all_plain(
        &hostsync(&tree, &hosts),
        &[
            &["status"],
            &["status", "--json"],
            &["status", "--health"],
            &["status", "--health", "--json"],
            &["lookup", word],
            &["lookup", "db"],
            &["clean"],
            &["once", "--state", &odd],
            &["once", "--select", word],
            &["status", "--hosts-file", word],
            &["clean", "--hosts-file", word],
        ],
    );
    for page in ["status", "metrics", "healthz", HOSTILE] {
        let path = page.escape_default().to_string().replace(' ', "");
        assert_plain(page, &get(&agent, &format!("/{path}")).1);
    }
    tree.set("/nameserver/hosts", HOSTILE);
    agent.soon_says("is not used");
    assert_plain("hostsync's log", &agent.log());
    assert_all_plain(&hostsync(&tree, &hosts), &[&["status"], &["once"]]);
    let server = nameserver(&tree).flag("http", "127.0.0.1:0").run();
    server.soon_says("makes no name");
    assert_plain("nameserver's log", &server.log());
    for page in ["status", "metrics", "healthz"] {
        assert_plain(page, &get(&server, &format!("/{page}")).1);
    }
}

/// Whoever may create a znode takes no name of another one by a path that sorts before it.
#[test]
fn a_name_stays_with_the_znode_that_had_it_first() {
    let tree = tree("first-come");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.1");
    let server = nameserver(&tree).run();
    tree.soon_maps("primary.db", &["10.0.0.1"]);
    tree.create("/DB", "");
    tree.create("/DB/primary", "10.6.6.6");
    server.soon_says("taken by /db/primary, which was there first");
    // And so it is for a replica that sees all at once.
    drop(server);
    tree.delete("/nameserver/hosts");
    let _server = nameserver(&tree).run();
    tree.soon_maps("primary.db", &["10.0.0.1"]);
    let told = nameserver(&tree).call(&["check", "--explain", "/DB/primary"]);
    assert!(
        told.stdout.contains("which was there first"),
        "{}",
        told.stdout
    );
    tree.delete_all("/db");
    tree.soon_maps("primary.db", &["10.6.6.6"]);
}

/// Numbers that no nameserver counts up to: the leader, or the next one, is followed all the same, by
/// agents that took the forgery and by such as come later.
#[test]
fn a_forged_generation_poisons_nothing() {
    for (number, forged) in [1_u64 << 40, (1 << 53) - 1, 1 << 53, u64::MAX - 1, u64::MAX]
        .into_iter()
        .enumerate()
    {
        let (tree, hosts) = (tree(&format!("poison{number}")), HostsFile::with(LOCALHOST));
        tree.create("/db", "10.0.0.1");
        let agent = hostsync(&tree, &hosts).run();
        let first = nameserver(&tree).flag("id", "first").run();
        hosts.soon_maps("db", &["10.0.0.1"]);
        let replaced = |leader: &str| {
            tree.soon_publishes("the leader's own", |snapshot| {
                snapshot.0["leader"] == leader && snapshot.generation() < 1_000
            });
            tree.set("/db", "10.0.0.2");
            hosts.soon_maps("db", &["10.0.0.2"]);
            tree.set("/db", "10.0.0.1");
            hosts.soon_maps("db", &["10.0.0.1"]);
        };
        tree.publish(forged, &json!({"db": ["10.6.6.6"]}));
        replaced("first");
        // Nor does who has seen nothing else count on from it.
        drop(first);
        tree.publish(forged, &json!({"db": ["10.6.6.6"]}));
        let _second = nameserver(&tree).flag("id", "second").run();
        replaced("second");
        drop(agent);
        let later = HostsFile::with(LOCALHOST);
        let _later = hostsync(&tree, &later).run();
        later.soon_maps("db", &["10.0.0.1"]);
    }
}

/// With an identity, STATE is its own; everybody may read, and agents may tell what they applied.
#[test]
fn with_an_identity_nobody_else_can_write_and_nothing_shows_the_password() {
    let (tree, hosts) = (tree("guarded"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let variable = |program: &str| ["env".to_owned(), format!("{program}_AUTH=ops:s3cret")];
    let server = nameserver(&tree).inside(&variable("NAMESERVER")).run();
    let stranger = hostsync(&tree, &hosts).flag("id", "stranger").run();
    let friend_file = HostsFile::with(LOCALHOST);
    let friend = hostsync(&tree, &friend_file)
        .inside(&variable("HOSTSYNC"))
        .run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    friend_file.soon_maps("db", &["10.0.0.1"]);
    wait_until("the stranger's own znode", PATIENCE, || {
        tree.stat("/nameserver/agents/stranger").is_some()
    });

    for path in ["/nameserver", "/nameserver/hosts", "/nameserver/election"] {
        assert!(!tree.try_set(path, "junk"), "{path}");
        assert!(!tree.try_create(&format!("{path}/new"), "junk"), "{path}");
    }
    let owner = Client::connect_as(tree.address(), "ops:s3cret");
    let before = tree.soon_maps("db", &["10.0.0.1"]).generation();
    owner.set("/nameserver/hosts", "junk");
    tree.soon_publishes("the next generation", |snapshot| {
        snapshot.generation() > before
    });

    for daemon in [&server, &stranger, &friend] {
        let words = std::fs::read(format!("/proc/{}/cmdline", daemon.pid()));
        let words = String::from_utf8_lossy(&words.expect("it runs")).into_owned();
        assert!(words.contains("run"), "{words}");
        let shown = words + &daemon.log();
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let status = hostsync(&tree, &friend_file).call(&["status", "--json"]);
    let shown = format!("{}{}", status.stdout, status.stderr);
    assert!(
        shown.contains("applied") && !shown.contains("s3cret"),
        "{shown}"
    );
}
