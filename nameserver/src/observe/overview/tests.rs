use super::*;
use crate::publish::incarnation;
use contract::Snapshot;

fn state() -> State {
    State::new("/nameserver".parse().unwrap())
}

/// So many seconds after the beginning.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What was read, long after it was written.
fn overview(found: Findings) -> Overview {
    Overview::new(&state(), found, at(3_600))
}

fn written(data: impl Into<Vec<u8>>) -> Written {
    Written {
        data: data.into(),
        at: at(0),
        since: at(0),
    }
}

fn hosts(generation: u64) -> Option<Written> {
    published(generation, contract::PRESENCE, 0)
}

fn published(generation: u64, presence: Duration, seconds: u64) -> Option<Written> {
    let snapshot = Snapshot {
        domain: None,
        generation,
        hosts: contract::Hosts::new(),
        leader: "ns1".into(),
        presence,
        published: SystemTime::UNIX_EPOCH,
        root: ZnodePath::root(),
        sum: None,
        zxid: 16,
    };
    Some(Written {
        data: snapshot.encode(),
        at: at(seconds),
        since: at(seconds),
    })
}

fn candidate(sequence: u32, id: &str) -> (String, Vec<u8>) {
    let znode = format!("_c_0c2f-latch-{sequence:010}");
    (znode, incarnation::current(id.into()).encode())
}

fn agent(id: &str, applied: &str) -> (String, Written) {
    (id.into(), written(format!("{{\"applied\":{applied}}}")))
}

/// The agents that are behind, as text.
fn behind(hosts: Option<Written>, agents: Vec<(String, Written)>, now: u64) -> String {
    let found = Findings {
        hosts,
        agents,
        ..Findings::default()
    };
    let text = Overview::new(&state(), found, at(now)).to_string();
    let agents = text.lines().last().unwrap_or_default();
    agents
        .rsplit("behind: ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn told(id: &str, applied: u64, seconds: u64) -> (String, Written) {
    let (id, word) = agent(id, &applied.to_string());
    (
        id,
        Written {
            at: at(seconds),
            ..word
        },
    )
}

#[test]
fn an_agent_that_waits_for_its_turn_is_not_behind() {
    let turn = Duration::from_secs(20);
    let head = || published(9, turn, 100);
    let late = || vec![told("late", 7, 90)];
    assert_eq!(behind(head(), late(), 141), "agents      1 of 1 in step");
    assert_eq!(behind(head(), late(), 142), "late at 7");
    // While changes go on, what others have told shows how long a generation was there.
    let head = || published(99, turn, 139);
    let others = || vec![told("a", 99, 139), told("b", 8, 99), told("late", 7, 90)];
    let in_step = "agents      3 of 3 in step";
    assert_eq!(behind(head(), others(), 140), in_step);
    assert_eq!(behind(head(), others(), 141), "late at 7");
    // A clock that is behind the servers' says nothing.
    assert_eq!(behind(head(), others(), 0), in_step);
}

#[test]
fn an_agent_that_complains_is_behind_at_once() {
    let head = published(7, Duration::from_secs(20), 100);
    let complaint = "{\"applied\":7,\"complaint\":\"the disk is full\"}";
    let (_, word) = told("web", 7, 100);
    let data = complaint.into();
    let agents = vec![("web".into(), Written { data, ..word }), told("z", 6, 100)];
    assert_eq!(behind(head, agents, 100), "web at 7 (the disk is full)");
}

#[test]
fn what_is_there_is_told() {
    let found = Findings {
        hosts: hosts(7),
        hold: None,
        aside: Vec::new(),
        candidates: vec![candidate(9, "ns1"), candidate(10, "ns2")],
        agents: vec![agent("web-2", "7"), agent("web-1", "6"), agent("x", "junk")],
    };
    let overview = overview(found);
    assert!(overview.ok);
    assert_eq!(
        overview.to_string(),
        "healthy, but 2 of 3 agents are behind\n\
         replicas    ns1 leads, standing by: ns2\n\
         snapshot    /nameserver/hosts: generation 7, 0 names, published \
         1970-01-01T00:00:00.000Z by ns1, zxid 0x10\n\
         held        nothing\n\
         agents      1 of 3 in step; behind: web-1 at 6, x at 0\n"
    );
}

#[test]
fn what_is_missing_is_said() {
    let nothing = overview(Findings::default());
    let text = nothing.to_string();
    assert!(
        text.starts_with("not healthy: nothing is published at /nameserver/hosts; no nameserver"),
        "{text}"
    );
    let junk = Findings {
        hosts: Some(written("junk")),
        hold: Some(b"junk".to_vec()),
        ..Findings::default()
    };
    let junk = overview(junk);
    assert!(junk.reasons[0].starts_with("/nameserver/hosts holds no snapshot"));
    assert_eq!(junk.hold, None);
}

#[test]
fn nothing_is_claimed_of_what_could_not_be_read() {
    let overview = Overview::unknown("ZooKeeper is away".into());
    assert_eq!(overview.to_string(), "not healthy: ZooKeeper is away\n");
}

/// What the status says of these candidates, with one agent in step.
fn said_of(candidates: Vec<(String, Vec<u8>)>, agents: &[(&str, &str)]) -> String {
    let agents = agents.iter().map(|(znode, data)| {
        let data = format!("{{\"applied\":7,{data}\"names\":1}}");
        ((*znode).to_owned(), written(data))
    });
    let found = Findings {
        hosts: hosts(7),
        hold: None,
        aside: Vec::new(),
        candidates,
        agents: agents.collect(),
    };
    let overview = overview(found);
    assert_eq!(overview.ok, overview.reasons.is_empty());
    overview.health().to_string()
}

fn complaining(sequence: u32, id: &str, shares_id: bool) -> (String, Vec<u8>) {
    let mut incarnation = incarnation::current(id.into());
    incarnation.complaint = (!shares_id).then(|| "cannot write".into());
    incarnation.shares_id = shares_id;
    (candidate(sequence, id).0, incarnation.encode())
}

#[test]
fn a_leader_that_cannot_publish_is_not_healthy() {
    let one = [("one", "")];
    let leader = vec![complaining(1, "ns1", false), candidate(2, "ns2")];
    assert_eq!(
        said_of(leader, &one),
        "not healthy: ns1 leads, but cannot write"
    );
    let standby = vec![candidate(1, "ns1"), complaining(2, "ns2", false)];
    assert_eq!(
        said_of(standby, &one),
        "healthy, but ns2 stands by, but cannot write"
    );
    // One that cannot even say so.
    assert_eq!(
        said_of(vec![candidate(2, "ns2")], &one),
        "not healthy: ns2 leads, but what is published at /nameserver/hosts is ns1's; see the \
         log of ns2"
    );
}

#[test]
fn one_that_does_not_stand_is_told_of_and_does_not_lead() {
    let aside = |candidates| {
        let mut found = Findings {
            hosts: hosts(7),
            candidates,
            ..Findings::default()
        };
        let mut differs = incarnation::current("ns2".into());
        differs.complaint = Some("not standing for election: --root /a (published: /b)".into());
        found.aside.push(("ns2".into(), differs.encode()));
        overview(found).health().to_string()
    };
    assert_eq!(
        aside(vec![candidate(1, "ns1")]),
        "healthy, but ns2: not standing for election: --root /a (published: /b)"
    );
    let nobody = aside(Vec::new());
    assert!(
        nobody.starts_with("not healthy: no nameserver leads"),
        "{nobody}"
    );
}

#[test]
fn two_of_one_id_are_counted() {
    let replicas = vec![complaining(1, "ns1", true), complaining(2, "ns1", true)];
    let agents = [("one", ""), ("one+2", "\"id\":\"one\","), ("two", "")];
    assert_eq!(
        said_of(replicas, &agents),
        "healthy, but 2 agents with the id \"one\": give each its own --id; 2 replicas with \
         the id \"ns1\": give each its own --id"
    );
}
