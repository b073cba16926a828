//! What docs/contract.md shows is what is read and written.

use std::collections::BTreeMap;

use contract::{
    Agent, Candidate, Digest, Head, Held, Instance, Page, PageEntry, Settings, Snapshot, State,
};

const DOCUMENT: &str = include_str!("../../../docs/contract.md");

/// The example below each heading that has one.
fn examples() -> BTreeMap<&'static str, &'static str> {
    let sections = DOCUMENT.split("\n## ").skip(1);
    let sections = sections.flat_map(|section| section.split("\n### "));
    let example = |section: &'static str| {
        let (heading, rest) = section.split_once('\n')?;
        let (_, rest) = rest.split_once("```json\n")?;
        Some((heading, rest.split_once("\n```")?.0))
    };
    sections.filter_map(example).collect()
}

/// Reads an example and writes it again.
fn again(heading: &str, example: &str) -> Vec<u8> {
    let data = example.as_bytes();
    match heading {
        "STATE/hosts" => Snapshot::decode(data).expect(example).encode(),
        "Many names" => match Head::decode(data).expect(example) {
            Head::Paged(index) => index.encode(),
            Head::Whole(_) => panic!("{example}"),
        },
        "STATE/hosts/GENERATION-DIGEST" => {
            let entry = PageEntry {
                first: "m".into(),
                generation: 1003,
                digest: Digest::of(data),
            };
            let hosts = Page::decode(data, &entry, None).expect(example);
            Page::encode("m", 1003, hosts.iter()).bytes
        }
        "STATE/settings" => Settings::decode(data).expect(example).encode(),
        "STATE/hold" => Held::decode(data).expect(example).encode(),
        "STATE/election" | "STATE/aside" => Candidate::decode(data).expect(example).encode(),
        "STATE/agents" | "An agent of several files" | "An agent that is not in step" => {
            Agent::decode(data).expect(example).encode()
        }
        "A registered instance" => Instance::decode(data).expect(example).encode(),
        other => panic!("an example of {other}, which nobody reads"),
    }
}

#[test]
fn each_example_is_read_and_written_again_byte_for_byte() {
    let examples = examples();
    assert_eq!(examples.len(), 11, "{examples:?}");
    for (heading, example) in examples {
        assert_eq!(String::from_utf8_lossy(&again(heading, example)), example);
    }
}

#[test]
fn keys_that_a_newer_release_adds_are_ignored() {
    for (heading, example) in examples() {
        let newer = example.replacen('{', "{\"newer\":{\"x\":[1]},", 1);
        assert_eq!(String::from_utf8_lossy(&again(heading, &newer)), example);
    }
}

#[test]
fn each_znode_is_told_of() {
    let state = State::new("/S".parse().expect("a path"));
    let (hosts, settings, hold) = (state.hosts(), state.settings(), state.hold());
    let (election, agents, bindings) = (state.election(), state.agents(), state.bindings());
    for path in [
        hosts,
        settings,
        hold,
        election,
        state.aside(),
        agents,
        bindings,
    ] {
        let heading = format!("\n## {}\n", path.as_str().replacen("/S", "STATE", 1));
        assert!(DOCUMENT.contains(&heading), "{heading} is missing");
    }
    for open in state.open() {
        let open = open.as_str().replacen("/S", "STATE", 1);
        let row = DOCUMENT
            .lines()
            .find(|line| line.starts_with(&format!("| `{open}/")));
        assert!(
            row.is_some_and(|row| row.ends_with("| everybody |")),
            "{open}"
        );
    }
}
