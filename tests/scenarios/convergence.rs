//! How soon the agents have what is published, as a replica tells it, beside what their files show.

use std::time::{Duration, SystemTime};

use lab::{HostsFile, Running, Tree, hostsync, nameserver, tree, wait_for};
use serde_json::Value;

use crate::http::{ANY_PORT, status};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// How much later than it was an agent may seem to have a generation: its word has to come to the servers. Not
/// on average, where the machine has much else to do.
const MARGIN: Duration = Duration::from_millis(60);
/// The servers count in milliseconds.
const TICK: Duration = Duration::from_millis(2);

fn agents(tree: &Tree, count: usize) -> Vec<(Running, HostsFile)> {
    let agent = |number: usize| {
        let hosts = HostsFile::with(LOCALHOST);
        let agent = hostsync(tree, &hosts).flag("id", format!("a{number}"));
        (agent.run(), hosts)
    };
    (0..count).map(agent).collect()
}

/// What is told of a generation, once that is as `done` wants it.
fn soon_told(server: &Running, generation: u64, done: impl Fn(&Value) -> bool) -> Value {
    let of = || {
        let generations = status(server)["generations"].take();
        let all = generations.as_array().cloned().unwrap_or_default();
        let one = all.into_iter().find(|of| of["generation"] == generation);
        one.unwrap_or_default()
    };
    let what = format!("generation {generation} to be told of");
    wait_for(&what, lab::PATIENCE, of, |told| done(&told["converged"]))
}

/// Waits until all of them have the first names, and the nameserver knows of each.
fn all_are_known(server: &Running, agents: &[(Running, HostsFile)]) {
    for (_, hosts) in agents {
        hosts.soon_maps("db", &["10.0.0.1"]);
    }
    wait_for(
        "all agents to be known",
        lab::PATIENCE,
        || status(server)["overview"]["agents"].clone(),
        |count| *count == agents.len(),
    );
}

#[test]
fn what_is_told_is_what_the_files_of_the_agents_show() {
    const AGENTS: usize = 5;
    let tree = tree("convergence");
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let agents = agents(&tree, AGENTS);
    all_are_known(&server, &agents);
    let (mut told_late, mut rounds) = (Vec::new(), 0);
    for last in 2..8 {
        let address = format!("10.0.0.{last}");
        tree.set("/db", &address);
        let snapshot = tree.soon_maps("db", &[&address]);
        let stat = tree.stat("/nameserver/hosts").expect("it is there");
        let published = SystemTime::UNIX_EPOCH
            + Duration::from_millis(stat.mtime.try_into().expect("after 1970"));
        let mut took: Vec<Duration> = agents
            .iter()
            .map(|(_, hosts)| {
                hosts.soon_maps("db", &[&address]);
                let written = hosts.path().metadata().and_then(|file| file.modified());
                let written = written.expect("it is there");
                written.duration_since(published).unwrap_or_default()
            })
            .collect();
        took.sort();
        let told = soon_told(&server, snapshot.generation(), |of| {
            !of["last_ms"].is_null()
        });
        let of = &told["converged"];
        println!("measured: {of} beside {took:?} by the files");
        assert_eq!(
            (&of["agents"], &of["applied"]),
            (&AGENTS.into(), &AGENTS.into())
        );
        for (key, truth) in [
            ("first_ms", took[0]),
            ("half_ms", took[2]),
            ("last_ms", took[4]),
        ] {
            let millis = of[key].as_u64().unwrap_or_else(|| panic!("{key} in {of}"));
            let found = Duration::from_millis(millis);
            assert!(
                found + TICK >= truth,
                "{key} in {of}: the file shows {truth:?}"
            );
            told_late.push(found.saturating_sub(truth));
        }
        let change = &told["changes"][0];
        let moved = [format!("10.0.0.{}", last - 1), address];
        assert_eq!(
            (&change["name"], &change["before"][0], &change["after"][0]),
            (
                &"db".into(),
                &moved[0].clone().into(),
                &moved[1].clone().into()
            )
        );
        rounds += 1;
    }
    told_late.sort();
    let half = told_late[told_late.len() / 2];
    println!("measured: told {half:?} later than it was, in {rounds} generations");
    assert!(half < MARGIN, "{told_late:?}");
}

#[test]
fn an_agent_that_cannot_write_is_waited_for_until_it_is_gone() {
    let tree = tree("convergence-stuck");
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let mut agents = agents(&tree, 3);
    all_are_known(&server, &agents);
    let stuck = agents[1].1.path().to_owned();
    std::fs::remove_file(&stuck).expect("it is there");
    std::fs::create_dir(&stuck).expect("a directory in its place");
    tree.set("/db", "10.0.0.2");
    let generation = tree.soon_maps("db", &["10.0.0.2"]).generation();
    let told = soon_told(&server, generation, |of| of["applied"] == 2);
    let of = &told["converged"];
    assert_eq!((&of["agents"], &of["last_ms"]), (&3.into(), &Value::Null));
    assert!(of["half_ms"].is_u64(), "{of}");
    let behind = wait_for(
        "why it is behind",
        lab::PATIENCE,
        || status(&server)["overview"]["behind"][0].clone(),
        |behind| behind["complaint"].is_string(),
    );
    assert_eq!(behind["id"], "a1");
    agents[1].0.stop();
    let told = soon_told(&server, generation, |of| of["agents"] == 2);
    assert!(told["converged"]["last_ms"].is_u64(), "{told}");
}
