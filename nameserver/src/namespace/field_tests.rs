//! Trees as real systems write them (`tests/data/trees.json`), without ZooKeeper: what each must give,
//! what it must never give, and what there is to mend in it.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Name, ZnodePath};
use serde::Deserialize;

use super::Namespace;
use super::scope::Scope;
use crate::records::{Reading, Znode};

#[derive(Debug, Deserialize)]
struct Tree {
    tree: String,
    names: BTreeMap<String, Vec<String>>,
    never: Vec<String>,
    problems: Vec<String>,
    znodes: Vec<Planted>,
}

#[derive(Debug, Deserialize)]
struct Planted {
    path: String,
    data: Option<String>,
    hex: Option<String>,
    #[serde(default)]
    ephemeral: bool,
}

fn trees() -> Vec<Tree> {
    serde_json::from_str(include_str!("../../../tests/data/trees.json")).unwrap()
}

fn of_hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn reading(path: &ZnodePath, data: &[u8], is_ephemeral: bool) -> Reading {
    let znode = Znode {
        parent: path.parent_str().unwrap_or_default(),
        component: path.component(),
        data,
        is_ephemeral,
    };
    znode.read()
}

/// The znodes with those above them, in the order of their paths.
fn readings(tree: &Tree) -> BTreeMap<ZnodePath, Reading> {
    let mut all = BTreeMap::new();
    for planted in &tree.znodes {
        let path: ZnodePath = planted.path.parse().unwrap();
        let mut above = path.parent();
        while let Some(folder) = above {
            above = folder.parent();
            let empty = reading(&folder, b"", false);
            all.entry(folder).or_insert(empty);
        }
        let data = match (&planted.data, &planted.hex) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => of_hex(text),
            (None, None) => Vec::new(),
        };
        all.insert(path.clone(), reading(&path, &data, planted.ephemeral));
    }
    all
}

fn scope() -> Scope {
    Scope::new(
        "/".parse().unwrap(),
        "/nameserver".parse().unwrap(),
        None,
        &[],
    )
    .unwrap()
}

fn is_as_it_should(tree: &Tree, namespace: &Namespace) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, addresses) in &tree.names {
        let parsed: Name = name.parse().unwrap();
        let found = namespace.addresses(&parsed).map(|found| found.to_vec());
        let found: Vec<_> = found
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect();
        let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (
            found.into_iter().collect(),
            addresses.iter().cloned().collect(),
        );
        if found != expected {
            wrong.push(format!(
                "{}: {name} is {found:?}, not {expected:?}",
                tree.tree
            ));
        }
    }
    for (name, addresses) in namespace.hosts() {
        for address in addresses.iter().map(ToString::to_string) {
            if tree.never.contains(&address) {
                wrong.push(format!("{}: {name} is {address}", tree.tree));
            }
        }
    }
    let problems = namespace.problems();
    for (path, findings) in &problems {
        if !tree.problems.contains(&path.to_string()) {
            let said: Vec<_> = findings.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{}: problem {path}: {}",
                tree.tree,
                said.join("; ")
            ));
        }
    }
    for path in &tree.problems {
        if !problems.iter().any(|(at, _)| at.as_str() == path) {
            wrong.push(format!("{}: no problem {path}", tree.tree));
        }
    }
    wrong
}

#[test]
fn trees_of_real_systems_give_what_they_should() {
    let wrong: Vec<_> = trees()
        .iter()
        .flat_map(|tree| is_as_it_should(tree, &Namespace::new(scope(), readings(tree))))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever comes first: the order in which a walk or the watch tells of znodes decides nothing.
#[test]
fn trees_of_real_systems_come_in_any_order() {
    let mut random = fastrand::Rng::with_seed(14);
    for tree in trees() {
        let mut znodes: Vec<_> = readings(&tree).into_iter().collect();
        let expected = Namespace::new(scope(), znodes.clone());
        for _ in 0..20 {
            random.shuffle(&mut znodes);
            let mut live = Namespace::new(scope(), []);
            for (path, reading) in &znodes {
                live.update([(path.clone(), Some(reading.clone()))]);
            }
            assert_eq!(live.hosts(), expected.hosts(), "{}", tree.tree);
            assert_eq!(live.findings(), expected.findings(), "{}", tree.tree);
            let gone = znodes.iter().map(|(path, _)| (path.clone(), None));
            live.update(gone);
            assert!(live.hosts().is_empty(), "{}", tree.tree);
        }
    }
}
