//! What agents tell at `STATE/agents/ID`, and how often: in step, each in its turn, so that many do not keep
//! the servers busy; out of step, or well again, within two seconds.

use std::time::{Duration, Instant};

use lab::{
    HostsFile, Outcome, PATIENCE, Proxy, Running, Snapshot, Stopwatch, Tree, ZooKeeper, free_port,
    hostsync, nameserver, tree, wait_for, wait_until,
};
use serde_json::{Value, json};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// Within what time an agent tells that it is not in step, or is again.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Agents on a snapshot that gives them some time between two words.
struct Agents {
    tree: Tree,
    interval: u64,
    // Each agent goes before its file.
    agents: Vec<(Running, HostsFile)>,
}

impl Agents {
    /// So many agents, each of which has told of generation 1.
    fn start(name: &str, count: usize, interval: u64) -> Self {
        let tree = tree(name);
        tree.put("/nameserver", "");
        tree.put("/nameserver/hosts", text(1, interval));
        let agent = |number: usize| {
            let hosts = HostsFile::with(LOCALHOST);
            let agent = hostsync(&tree, &hosts).flag("id", format!("a{number}"));
            (agent.run(), hosts)
        };
        let agents = (0..count).map(agent).collect();
        let agents = Self {
            tree,
            interval,
            agents,
        };
        for number in 0..count {
            agents.soon_tells(number, |told| told["applied"] == 1);
        }
        agents
    }

    /// Publishes, and waits until these agents have it.
    fn publish(&self, generation: u64, takers: &[usize]) {
        let head = text(generation, self.interval);
        self.tree.set("/nameserver/hosts", head);
        for taker in takers {
            self.agents[*taker]
                .1
                .soon_maps("db", &[&address(generation)]);
        }
    }

    /// What an agent told last.
    fn told(&self, number: usize) -> Option<Value> {
        let data = self.tree.get(&znode(number))?;
        serde_json::from_slice(&data).ok()
    }

    /// Waits until an agent has told this, and returns how long that took.
    fn soon_tells(&self, number: usize, what: impl Fn(&Value) -> bool) -> Duration {
        let begun = Stopwatch::start();
        wait_for(
            &format!("the word of agent {number}"),
            PATIENCE,
            || self.told(number),
            |told| told.as_ref().is_some_and(&what),
        );
        begun.elapsed()
    }

    /// How often each has told something since its first word.
    fn words(&self) -> Vec<i32> {
        let words = (0..self.agents.len()).map(|number| {
            let stat = self.tree.stat(&znode(number));
            stat.expect("an agent that runs").version
        });
        words.collect()
    }
}

fn znode(number: usize) -> String {
    format!("/nameserver/agents/a{number}")
}

fn address(generation: u64) -> String {
    format!("10.0.{}.{}", generation / 250, 1 + generation % 250)
}

/// A snapshot in which agents are given some seconds between two words.
fn text(generation: u64, interval: u64) -> String {
    let text = Snapshot::text(generation, &json!({"db": [address(generation)]}));
    text.replace(
        r#""published""#,
        &format!(r#""presence":{interval},"published""#),
    )
}

#[test]
fn one_out_of_step_tells_at_once_and_those_in_step_wait_for_their_turn() {
    let agents = Agents::start("presence", 3, 3_600);
    let first = agents.words();
    for generation in 2..30 {
        agents.publish(generation, &[0, 1, 2]);
    }
    let hosts = &agents.agents[0].1;
    std::fs::remove_file(hosts.path()).expect("it is there");
    std::fs::create_dir(hosts.path()).expect("a directory in its place");
    let took = agents.soon_tells(0, |told| told["complaint"].is_string());
    println!("measured: an agent that cannot write its file tells so after {took:?}");
    assert!(took < AT_ONCE, "{took:?}");
    agents.publish(30, &[1, 2]);
    let now = agents.words();
    assert_eq!(&now[1..], &first[1..], "those in step have told nothing");

    let status = nameserver(&agents.tree).call(&["status", "--json"]).json();
    let told = agents.told(0).expect("told");
    let expected = json!([{"id": "a0", "applied": 29, "complaint": told["complaint"]}]);
    assert_eq!(status["behind"], expected, "{status}");
    let status = nameserver(&agents.tree).call(&["status"]);
    status.expect_words(&["2 of 3 in step; behind: a0 at 29 (", "directory"]);

    std::fs::remove_dir(hosts.path()).expect("it is there");
    hosts.put(LOCALHOST);
    let took = agents.soon_tells(0, |told| told["complaint"].is_null());
    println!("measured: an agent that can write its file again tells so after {took:?}");
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(agents.told(0).expect("told")["applied"], 30);
    assert_eq!(agents.words(), [first[0] + 2, first[1], first[2]]);
    let status = nameserver(&agents.tree).call(&["status"]);
    status.expect_words(&["3 of 3 in step"]);
}

#[test]
fn an_agent_that_never_could_write_its_file_is_known() {
    let (tree, hosts) = (tree("presence-start"), HostsFile::with(LOCALHOST));
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let directory = hosts.directory().path().display().to_string();
    let read_only =
        format!("mount --bind {directory} {directory}; mount -o remount,ro,bind {directory}");
    let program = hostsync(&tree, &hosts)
        .flag("id", "a0")
        .after_mounting(&read_only);
    let agents = Agents {
        tree,
        interval: 1,
        agents: vec![(program.run(), hosts)],
    };
    agents.soon_tells(0, |told| told["complaint"].is_string());
    let told = agents.told(0).expect("told");
    assert_eq!((&told["applied"], &told["names"]), (&json!(0), &json!(0)));
}

#[test]
fn in_turns_all_have_told_the_newest_in_the_end() {
    const INTERVAL: u64 = 3;
    let agents = Agents::start("presence-turns", 6, INTERVAL);
    let all: Vec<usize> = (0..6).collect();
    let (begun, before) = (Instant::now(), agents.words());
    let mut newest = 1;
    while begun.elapsed() < Duration::from_secs(3 * INTERVAL) {
        newest += 1;
        agents.publish(newest, &all);
    }
    let turns = begun.elapsed().as_secs() / INTERVAL + 1;
    for (now, before) in agents.words().iter().zip(&before) {
        let words = u64::try_from(now - before).expect("more words");
        assert!(
            (1..=turns).contains(&words),
            "{words} words in {turns} turns"
        );
    }
    for number in all {
        agents.soon_tells(number, |told| told["applied"] == newest);
    }
    let told = agents.words();
    // A turn later than the last one nobody has anything to tell.
    let begun = Instant::now();
    wait_until("another turn", PATIENCE, || {
        begun.elapsed() > Duration::from_secs(INTERVAL)
    });
    assert_eq!(agents.words(), told);
}

#[test]
fn the_leader_gives_many_agents_more_time_and_so_does_its_successor() {
    let (tree, proxy) = (
        tree("presence-many"),
        Proxy::before(&ZooKeeper::shared().address()),
    );
    tree.create("/db", "10.0.0.1");
    let server = |id: &str| {
        nameserver(&tree)
            .flag("id", id)
            .flag("zookeeper", tree.address_at(&proxy.address()))
            .run()
    };
    let mut leader = server("ns1");
    let few = tree.soon_maps("db", &["10.0.0.1"]);
    assert_eq!(few.0["presence"], Value::Null, "{few:?}");
    let znodes: Vec<String> = (0..120)
        .map(|number| format!("/nameserver/agents/a{number}"))
        .collect();
    wait_until("a place for agents", PATIENCE, || {
        tree.stat("/nameserver/agents").is_some()
    });
    tree.create_many(znodes.iter().map(|znode| (znode.as_str(), "{}")));
    let counts = || {
        let path = format!("{}/nameserver/agents", tree.chroot());
        proxy.requests().of("exists", &path)
    };
    let before = counts();
    wait_until("them to be counted", PATIENCE, || counts() > before);
    tree.set("/db", "10.0.0.2");
    let many = tree.soon_maps("db", &["10.0.0.2"]);
    assert_eq!(
        many.0["presence"], 3,
        "the first change after they have come"
    );

    let _successor = server("ns2");
    leader.stop();
    let next = tree.soon_publishes("the successor's", |snapshot| snapshot.0["leader"] == "ns2");
    assert_eq!(
        next.0["presence"], 3,
        "and the first publish of a successor"
    );
}

/// Who went is told by a replica that followed it; without one, it is said that nobody knows, and once back, it is lost no more.
#[test]
fn agents_that_went_lately_are_listed_where_a_replica_can_be_asked() {
    let (tree, hosts) = (tree("agents-lost"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.5");
    let program = nameserver(&tree).flag("id", "ns1");
    let look = || program.call(&["agents"]);
    let server = program.run();
    let agent = hostsync(&tree, &hosts).flag("id", "web-1");
    let mut running = agent.run();
    let all = wait_for("the agent", PATIENCE, look, |all| all.code() == 0);
    all.expect_words(&["went lately is not known", "--http"]);
    assert!(!all.stdout.contains("LOST"), "{all:#?}");
    let json = program.call(&["agents", "--json"]).json();
    assert!(json["lost"].is_null(), "{json}");
    assert!(json["lost_unknown"].is_string(), "{json}");

    drop(server);
    let port = free_port();
    let _server = program
        .clone()
        .flag("http", format!("127.0.0.1:{port}"))
        .run();
    let knows = |all: &Outcome| all.code() == 0 && !all.stderr.contains("not known");
    let all = wait_for("a replica to ask", PATIENCE, look, knows);
    assert!(!all.stdout.contains("LOST"), "{all:#?}");
    running.stop();
    let all = wait_for("the loss", PATIENCE, look, |all| {
        all.stdout.contains("LOST")
    });
    let all = all.expect_code(1);
    all.expect_words(&["no agent runs"]);
    let row = all.stdout.lines().nth(1).unwrap_or_default().to_owned();
    assert!(row.starts_with("web-1 ") && row.ends_with('s'), "{all:#?}");
    let json = program.call(&["agents", "--json"]).json();
    assert_eq!(json["lost"]["agents"][0]["id"], "web-1", "{json}");

    let _running = agent.run();
    let all = wait_for("the agent again", PATIENCE, look, |all| all.code() == 0);
    assert!(!all.stdout.contains("LOST"), "{all:#?}");
}
