//! The floor plan: no arrow goes up, and what the documents point at is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each program from top to bottom: one knows only those behind it.
const PROGRAMS: [(&str, &[&str]); 2] = [
    (
        "nameserver",
        &[
            "commands",
            "observe",
            "dns",
            "publish",
            "ingest",
            "namespace",
            "records",
        ],
    ),
    (
        "hostsync",
        &[
            "commands", "observe", "apply", "register", "bind", "health", "store", "follow",
            "children", "address", "model",
        ],
    ),
];

/// What each crate of ours may know of the others; the programs and the lab may know all.
const CRATES: [(&str, &[&str]); 6] = [
    ("crates/plain", &[]),
    ("crates/hosts-file", &[]),
    ("crates/contract", &["hosts-file", "plain"]),
    ("crates/zookeeper", &["contract"]),
    ("crates/daemon", &["plain"]),
    ("crates/zookeeper-args", &["daemon", "zookeeper"]),
];

fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    here.expect("tests/ lies in the project").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder` that end in `.rs`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The first word of each path that begins with `crate::`, comments aside. A group ends with its line.
fn rooms_that(source: &str) -> BTreeSet<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    let word = |path: &str| {
        let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        path[..end.unwrap_or(path.len())].to_owned()
    };
    let words = |path: &'_ str| match path.strip_prefix('{') {
        Some(group) => group
            .split([',', '}'])
            .map(|path| word(path.trim_start()))
            .collect(),
        None => vec![word(path)],
    };
    paths
        .flat_map(words)
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn no_room_knows_one_above_it() {
    for (program, rooms) in PROGRAMS {
        let src = project().join(program).join("src");
        let mut files = Vec::new();
        sources(&src, &mut files);
        let place = |name: &str| rooms.iter().position(|room| *room == name);
        for file in files {
            let relative = file.strip_prefix(&src).expect("below src");
            let own = relative.iter().next().and_then(|first| first.to_str());
            let own = own.expect("a name").trim_end_matches(".rs").to_owned();
            if own == "lib" || own == "main" {
                continue;
            }
            let own_place = place(&own);
            assert!(
                own_place.is_some(),
                "{program} has a room {own}, which the plan does not"
            );
            for other in rooms_that(&read(&file)) {
                let is_above = place(&other).is_some_and(|other| Some(other) < own_place);
                assert!(
                    !is_above,
                    "{} knows {other}, which is above it",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn no_crate_knows_its_users() {
    let names: Vec<_> = CRATES
        .map(|(path, _)| path.trim_start_matches("crates/"))
        .into();
    for (path, allowed) in CRATES {
        let manifest = read(&project().join(path).join("Cargo.toml"));
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let known = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next());
        for known in known
            .filter(|known| names.contains(known) || ["nameserver", "hostsync"].contains(known))
        {
            assert!(allowed.contains(&known), "{path} knows {known}");
        }
    }
}

/// `docs/architecture.md` answers thirty questions with one file each.
#[test]
fn what_the_table_of_questions_points_at_is_there() {
    let document = read(&project().join("docs/architecture.md"));
    let (_, table) = document.split_once("## Where is what?").expect("the table");
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut count = 0;
    for row in rows {
        let path = row.rsplit('`').nth(1).expect("a file in the last column");
        assert!(project().join(path).is_file(), "{path} is gone: {row}");
        count += 1;
    }
    assert!(count >= 30, "{count} questions");
}
