//! The commands that answer an operator's questions: what names are there, who has them, and why is mine not there.

use lab::{HostsFile, PATIENCE, Program, hostsync, nameserver, tree};
use nix::sys::signal::Signal;
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

#[test]
fn names_are_listed_with_what_gives_them_and_nothing_drives_the_terminal() {
    let tree = tree("list");
    tree.create("/db", "");
    tree.create("/db/primary", r#"{"host":"10.0.0.5","port":5432}"#);
    tree.create_ephemeral("/db/replica", r#"{"host":"10.0.0.6","port":5433}"#);
    tree.create("/x\u{202e} forged 10.9.9.9", "10.0.0.9");
    let program = nameserver(&tree);

    let all = program.call(&["list"]).expect_code(0);
    let lines: Vec<_> = all.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{all:#?}");
    assert!(lines[0].starts_with("NAME "), "{all:#?}");
    for (line, words) in lines[1..].iter().zip([
        ["db ", "10.0.0.5,10.0.0.6", "service of 2", "/db"],
        ["primary.db ", "5432", "persistent", "/db/primary"],
        ["replica.db ", "5433", "ephemeral", "/db/replica"],
    ]) {
        assert!(
            words.iter().all(|word| line.contains(word)),
            "{line} {words:?}"
        );
    }
    tree.create("/db/\u{202e}forged", r#"{"host":"10.0.0.7","port":1}"#);
    let rows = program.call(&["list", "db"]).expect_code(0);
    rows.expect_words(&["10.0.0.5,10.0.0.6,10.0.0.7"]);
    assert!(!rows.stdout.contains('\u{202e}'), "{rows:#?}");

    let some = program
        .call(&["list", "*.DB", "--json"])
        .expect_code(0)
        .json();
    let names: Vec<_> = some
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, ["primary.db", "replica.db"]);
    assert_eq!(some[1]["ephemeral"], true);
    assert_eq!(some[1]["ports"], json!([5433]));
    assert_eq!(some[0]["znode"], "/db/primary");

    let none = program.call(&["list", "nothing"]).expect_code(1);
    none.expect_words(&["no name matches"]);
    assert_eq!(none.stdout, "");
    program
        .call(&["list", "["])
        .expect_code(2)
        .expect_words(&["["]);
    let listed = program.call(&["check", "--names"]);
    listed.expect_words(&["primary.db  10.0.0.5", "5 znodes: 3 names"]);
}

#[test]
fn a_list_is_followed_until_the_interrupt() {
    let tree = tree("list-watch");
    tree.create("/db", "10.0.0.1");
    let mut list = nameserver(&tree).start("list", &["--watch", "--json"]);
    list.soon_says(r#""name":"db""#);
    let lines = list.lines();
    tree.set("/db", "10.0.0.2");
    list.soon_says(r#""addresses":["10.0.0.2"]"#);
    tree.create("/web", "10.0.0.3");
    list.soon_says(r#""name":"web""#);
    tree.delete("/db");
    list.soon_says(r#""addresses":[]"#);
    assert_eq!(list.lines(), lines + 3, "{}", list.log());
    list.signal(Signal::SIGINT);
    assert_eq!(list.wait_end(PATIENCE).code(), Some(0), "{}", list.log());
}

#[test]
fn a_lookup_goes_by_what_is_published_and_says_what_may_have_been_meant() {
    let (tree, hosts) = (tree("lookup-published"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "");
    tree.create("/services/db/primary", "10.0.0.5");
    let server = nameserver(&tree)
        .flag("root", "/services/")
        .flag("domain", "zk.internal");
    let _server = server.run();
    tree.soon_maps("primary.db.zk.internal", &["10.0.0.5"]);
    let asked = nameserver(&tree);
    let found = asked
        .call(&["lookup", "primary.db.zk.internal"])
        .expect_code(0);
    assert_eq!(found.stdout, "10.0.0.5\n");
    let listed = asked.call(&["list"]).expect_code(0);
    listed.expect_words(&["primary.db.zk.internal", "/services/db/primary"]);
    for (name, meant) in [
        ("primary.db", "did you mean primary.db.zk.internal?"),
        (
            "primry.db.zk.internal",
            "did you mean primary.db.zk.internal?",
        ),
    ] {
        let outcome = asked.call(&["lookup", name]).expect_code(1);
        outcome.expect_words(&[meant, "/services below the chroot", tree.chroot()]);
    }
    drop(hosts);
}

/// As grep: 0 for yes, 1 for no, 2 for a question that could not be answered.
#[test]
fn no_and_no_answer_are_told_apart() {
    let tree = tree("exit-codes");
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree);
    let _ = server.call(&["lookup", "db"]).expect_code(0);
    let _ = server.call(&["lookup", "web"]).expect_code(1);
    let _ = server.call(&["lookup", "no name"]).expect_code(2);
    let away = server
        .flag("zookeeper", "127.0.0.1:9")
        .flag("session-timeout", "2s");
    for asked in [&["lookup", "db"][..], &["check"], &["list"]] {
        let outcome = away.call(asked).expect_code(2);
        // Whoever waits is told for what, before it is given up.
        outcome.expect_words(&["note: waiting for ZooKeeper 127.0.0.1:9", "error: "]);
    }
}

#[test]
fn what_people_write_is_understood() {
    let tree = tree("words");
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    let servers = format!("zookeeper://{}", tree.address());
    let program = Program::new("nameserver");
    let outcome = program.call(&["-z", &servers, "--root", "/services/", "lookup", "db"]);
    assert_eq!(outcome.expect_code(0).stdout, "10.0.0.1\n");
    program
        .call(&["rnu"])
        .expect_code(2)
        .expect_words(&["'rnu'", "'run'"]);
    let hosts = HostsFile::with(LOCALHOST);
    let agent = hostsync(&tree, &hosts);
    agent
        .call(&["stauts"])
        .expect_code(2)
        .expect_words(&["'status'"]);
    let port = lab::free_port();
    let server = nameserver(&tree).flag("http", format!(":{port}")).run();
    server.soon_says(&format!("http://0.0.0.0:{port}"));
}
