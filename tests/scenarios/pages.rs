//! Many names: `STATE/hosts` is an index, and the names stand in pages below it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use lab::{Outcome, PATIENCE, Running, Tree, nameserver, tree, wait_until};

const HOSTS: &str = "/nameserver/hosts";
/// What an index may take up.
const MOST: usize = 16 * 1024;
/// How long pages stay that nobody names, and some time for it.
const SWEPT: Duration = Duration::from_secs(30);

/// Enough for some pages.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("/n{i:05}.example")).collect()
}

/// A nameserver that has published so many names.
fn publishing(name: &'static str, count: usize) -> (Tree, Running) {
    let tree = tree(name);
    tree.create_many(many(count).iter().map(|path| (path.as_str(), "10.7.0.1")));
    // What is deleted here is meant.
    let server = nameserver(&tree)
        .flag("id", "ns1")
        .flag("drop-hold", "0")
        .run();
    let seen = tree.soon_publishes("all names", |snapshot| snapshot.0["names"] == count);
    assert_eq!(seen.names().len(), count);
    assert_eq!(seen.0["format"], 2);
    (tree, server)
}

/// The pages that the index names.
fn named(tree: &Tree) -> BTreeSet<String> {
    let snapshot = tree.snapshot().expect("something is published");
    let pages = snapshot.0["pages"].as_array().cloned().unwrap_or_default();
    let component =
        |page: &serde_json::Value| format!("{}-{}", page[1], page[2].as_str().expect("a digest"));
    pages.iter().map(component).collect()
}

/// Waits until just those stand there that the index names.
fn soon_swept(tree: &Tree) {
    wait_until(
        "the pages to be those of the index",
        PATIENCE + SWEPT,
        || tree.children(HOSTS).into_iter().collect::<BTreeSet<_>>() == named(tree),
    );
}

#[test]
fn changes_stand_in_a_small_index_and_pages_come_and_go() {
    let (tree, server) = publishing("pages", 3_000);
    let paths = many(3_000);
    let first = named(&tree);
    assert!(first.len() > 2, "{first:?}");
    for round in 0..400 {
        let path = &paths[(round * 7_919) % paths.len()];
        let address = format!("10.8.{}.{}", round / 200, 1 + round % 200);
        tree.set(path, &address);
        tree.soon_maps(&path[1..], &[&address]);
        let index = tree.get(HOSTS).expect("it was just read");
        assert!(index.len() <= MOST, "{} bytes", index.len());
    }
    let now = tree.snapshot().expect("it is published");
    assert_eq!(now.names().len(), 3_000);
    // What was folded stands in other pages, and the old ones go.
    assert_ne!(named(&tree), first);
    soon_swept(&tree);
    assert_eq!(server.log().matches("ERROR").count(), 0, "{}", server.log());
}

#[test]
fn what_was_deleted_by_hand_is_there_again() {
    let (tree, server) = publishing("pages-deleted", 2_000);
    let before = tree.soon_maps("n00007.example", &["10.7.0.1"]).generation();
    let page = named(&tree).first().cloned().expect("some page");
    tree.delete(&format!("{HOSTS}/{page}"));
    tree.soon_publishes("the names of the lost page", |snapshot| {
        snapshot.generation() > before && snapshot.names().len() == 2_000
    });
    // All of it, while nobody puts it right.
    drop(server);
    tree.delete_all(HOSTS);
    tree.set("/n00007.example", "10.7.0.2");
    let _server = nameserver(&tree).flag("id", "ns1").run();
    let after = tree.soon_maps("n00007.example", &["10.7.0.2"]);
    assert_eq!(after.names().len(), 2_000);
    // Somebody puts junk in place of the index, and beside the pages.
    tree.create(&format!("{HOSTS}/junk"), "junk");
    tree.set(HOSTS, "junk");
    let again = tree.soon_publishes("an index", |snapshot| snapshot.names().len() == 2_000);
    assert!(again.generation() > after.generation());
    soon_swept(&tree);
}

#[test]
fn a_successor_goes_on_with_the_pages_and_sweeps_what_nobody_names() {
    let (tree, first) = publishing("pages-successor", 2_000);
    let _second = nameserver(&tree).flag("id", "ns2").run();
    let before = tree.soon_maps("n00003.example", &["10.7.0.1"]);
    // As of a leader that was killed before it could name it.
    let orphan = format!("{HOSTS}/{}-0123456789abcdef", before.generation() + 1);
    tree.create(&orphan, "{}");
    drop(first);
    tree.set("/n00003.example", "10.7.0.3");
    let after = tree.soon_maps("n00003.example", &["10.7.0.3"]);
    assert_eq!(after.0["leader"], "ns2");
    assert_eq!(after.names(), before.names());
    // It did not write all pages anew.
    let kept = |page: &serde_json::Value| {
        let pages = before.0["pages"].as_array();
        pages.is_some_and(|pages| pages.contains(page))
    };
    let pages = after.0["pages"].as_array().expect("pages");
    assert!(pages.iter().any(kept), "{pages:?}");
    soon_swept(&tree);
    assert!(tree.stat(&orphan).is_none());
}

/// What docs/contract.md gives to those who read the names with another program.
#[test]
fn the_python_of_the_contract_reads_both_formats() {
    let document = include_str!("../../docs/contract.md");
    let (_, program) = document.split_once("```python\n").expect("a program");
    let (program, _) = program.split_once("```").expect("its end");
    let (tree, _server) = publishing("pages-python", 1_000);
    let reads = |what: &str| {
        let published = tree.snapshot().expect("it is published");
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", program, tree.address(), "/nameserver"]);
        let outcome = Outcome::of(python).expect_code(0);
        assert_eq!(outcome.json(), published.0["hosts"], "{what}");
    };
    reads("pages");
    let paths = many(1_000);
    tree.set(&paths[7], "10.8.0.1");
    tree.delete(&paths[8]);
    tree.soon_lacks("n00008.example");
    tree.soon_maps("n00007.example", &["10.8.0.1"]);
    reads("changes");
    tree.delete_all_of(&paths[9..600]);
    tree.delete_all_of(&paths[600..]);
    // The last of them: the names fit into one znode before all that go have gone.
    tree.soon_publishes("few names", |snapshot| {
        snapshot.0["format"] == 1 && snapshot.names().len() == 8
    });
    reads("all in one");
}

#[test]
fn a_burst_is_few_generations() {
    let (tree, _server) = publishing("pages-burst", 1_000);
    let before = tree.snapshot().expect("it is published").generation();
    let more: Vec<String> = (0..10_000).map(|i| format!("/b{i:05}")).collect();
    tree.create_many(more.iter().map(|path| (path.as_str(), "10.7.0.9")));
    let after = tree.soon_publishes("the burst", |snapshot| snapshot.0["names"] == 11_000);
    let generations = after.generation() - before;
    println!("measured: 10,000 znodes at once in {generations} generations");
    assert!(generations <= 20, "{generations}");
}
