//! What both daemons say of themselves and of each other: healthy, healthy but, or not healthy.

use std::time::Duration;

use lab::{
    HostsFile, Outcome, PATIENCE, Program, Running, Tree, ZooKeeper, hostsync, nameserver, tree,
    wait_for, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// Until two of one id are sure of each other: a session timeout and a few seconds.
const SURE: Duration = Duration::from_secs(20);

/// Waits until a command ends with this code and has said all these words.
fn soon(program: &Program, args: &[&str], code: i32, words: &[&str]) -> Outcome {
    let what = format!("{args:?} to end with {code} and say {words:?}");
    let says = |outcome: &Outcome, word: &&str| {
        outcome.stdout.contains(*word) || outcome.stderr.contains(*word)
    };
    let look = || program.call(args);
    wait_for(&what, SURE, look, |outcome| {
        outcome.code() == code && words.iter().all(|word| says(outcome, word))
    })
}

fn agent(tree: &Tree, hosts: &HostsFile, id: &str) -> Program {
    hostsync(tree, hosts)
        .flag("id", id)
        .flag("session-timeout", "2s")
}

/// A nameserver with one name in a tree, and an agent that has it.
fn both(tree: &Tree, hosts: &HostsFile) -> (Running, Running) {
    tree.create("/db", "10.0.0.1");
    let server = nameserver(tree)
        .flag("id", "ns1")
        .flag("http", "127.0.0.1:0")
        .flag("drop-hold", "0")
        .run();
    let agent = agent(tree, hosts, "one").run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    (server, agent)
}

/// A limit is told before it is met, and once more only after it was far again.
#[test]
fn a_limit_that_is_nearly_met_is_told() {
    let tree = tree("health-near");
    tree.create("/web", "");
    let znodes: Vec<String> = (0..13_200)
        .map(|number| format!("/web/i{number:05}"))
        .collect();
    let addresses = |number: usize| format!("10.{}.{}.7", number >> 8, number & 255);
    let data: Vec<String> = (0..znodes.len()).map(addresses).collect();
    let all = znodes.iter().zip(&data);
    tree.create_many(all.map(|(path, data)| (path.as_str(), data.as_str())));
    let server = nameserver(&tree)
        .flag("http", "127.0.0.1:0")
        .flag("drop-hold", "0")
        .run();
    let near = "near a limit: 13200 of 16384 addresses of one name";
    server.soon_says(near);
    let (code, body) = crate::http::get(&server, "/healthz");
    assert!(code == 200 && body.contains(near), "{code} {body}");
    let (_, metrics) = crate::http::get(&server, "/metrics");
    let used = "nameserver_limit_used_ratio{limit=\"addresses of one name\"} 0.80";
    assert!(metrics.contains(used), "{metrics}");
    for path in &znodes[..1_800] {
        tree.delete(path);
    }
    server.soon_says("no longer near a limit");
    assert!(!crate::http::get(&server, "/healthz").1.contains("limit"));
    assert_eq!(server.log().matches("WARN] near a limit").count(), 1);
}

#[test]
fn a_leader_whose_names_do_not_fit_is_not_healthy() {
    let tree = tree("health-large");
    tree.create("/db", "10.0.0.1");
    // Beside so long an id an index has no room for pages; else it takes millions of names.
    let server = nameserver(&tree)
        .flag("id", "i".repeat(16_200))
        .flag("http", "127.0.0.1:0")
        .flag("drop-hold", "0")
        .run();
    let program = nameserver(&tree);
    soon(&program, &["status"], 0, &["healthy\n"]);
    let znodes: Vec<String> = (0..1_000)
        .map(|number| format!("/n{number:04}.{}", "x".repeat(60)))
        .collect();
    tree.create_many(znodes.iter().map(|path| (path.as_str(), "10.7.0.1")));
    let line = server.soon_says("cannot publish");
    assert!(line.contains("bytes"), "{line}");
    let words = ["not healthy: ", "leads, but cannot publish", "bytes"];
    soon(&program, &["status"], 1, &words);
    let json = program.call(&["status", "--json"]).expect_code(1).json();
    assert_eq!(
        (&json["ok"], &json["health"]),
        (&false.into(), &"not healthy".into())
    );
    let (code, body) = crate::http::get(&server, "/healthz");
    assert!(code == 503 && body.contains("cannot publish"), "{body}");
    assert_eq!(crate::http::status(&server)["health"], "not healthy");
    let (_, metrics) = crate::http::get(&server, "/metrics");
    let line = "nameserver_health{state=\"not healthy\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    // What fits goes on, and then nothing is complained of any more.
    tree.set("/db", "10.0.0.2");
    let before = tree.snapshot().expect("what was published last stays");
    assert_eq!(before.addresses("db"), ["10.0.0.1"]);
    tree.delete_all_of(&znodes[50..]);
    tree.soon_maps("db", &["10.0.0.2"]);
    let published = soon(&program, &["status"], 0, &["healthy"]);
    assert!(!published.stdout.contains("bytes"), "{published:?}");
    let complaints = server.log().matches("cannot publish").count();
    assert_eq!(complaints, 1, "complaints about one tree");
}

#[test]
fn a_leader_that_may_not_write_is_not_healthy() {
    let (tree, hosts) = (tree("health-acl"), HostsFile::with(LOCALHOST));
    let (_server, _agent) = both(&tree, &hosts);
    let program = nameserver(&tree);
    tree.make_read_only("/nameserver/hosts");
    tree.set("/db", "10.0.0.2");
    let words = [
        "not healthy: ns1 leads, but",
        "cannot write /nameserver/hosts: not authorised",
    ];
    soon(&program, &["status"], 1, &words);
    tree.delete("/nameserver/hosts");
    tree.soon_maps("db", &["10.0.0.2"]);
    soon(&program, &["status"], 0, &["healthy"]);
}

/// The session is good and so is the lock, but what is published no longer follows the tree.
#[test]
fn a_leader_that_may_no_longer_read_the_tree_is_not_healthy() {
    let tree = tree("health-unreadable");
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    let server = nameserver(&tree)
        .flag("id", "ns1")
        .flag("root", "/services");
    let server = server.run();
    tree.soon_maps("db", &["10.0.0.1"]);
    tree.forbid("/services");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.soon_says("cannot follow /services");
    let words = ["not healthy: ns1 leads, but", "cannot follow /services"];
    soon(&nameserver(&tree), &["status"], 1, &words);
}

#[test]
fn an_agent_behind_is_a_remark_and_no_more() {
    let (tree, hosts) = (tree("health-behind"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let _server = nameserver(&tree).flag("id", "ns1").run();
    // Its session has to outlast the time that it is given to tell.
    let agent = hostsync(&tree, &hosts).flag("id", "one").run();
    let program = nameserver(&tree);
    soon(&program, &["status"], 0, &["healthy\n", "1 of 1 in step"]);
    agent.pause();
    tree.set("/db", "10.0.0.2");
    let words = ["healthy, but 1 of 1 agent", "behind: one at"];
    soon(&program, &["status"], 0, &words);
    let json = program.call(&["status", "--json"]).expect_code(0).json();
    assert_eq!(json["health"], "healthy, but");
    assert_eq!(json["remarks"].as_array().map(Vec::len), Some(1), "{json}");
    agent.resume();
}

#[test]
fn without_zookeeper_the_status_is_not_healthy() {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("health-away"), HostsFile::with(LOCALHOST));
    let (_server, _agent) = both(&tree, &hosts);
    let program = hostsync(&tree, &hosts);
    soon(&program, &["status"], 0, &["in step"]);
    zookeeper.kill();
    let words = ["not in step: ZooKeeper is not connected"];
    soon(&program, &["status"], 1, &words);
    // It is not dead, though: a container is not to be killed for that.
    let words = ["healthy, but ZooKeeper is not connected"];
    soon(&program, &["status", "--health"], 0, &words);
    let server = nameserver(&tree).flag("session-timeout", "1s");
    soon(&server, &["status"], 1, &["not healthy: "]);
    let json = server.call(&["status", "--json"]).expect_code(1).json();
    assert_eq!(json["health"], "not healthy");
}

#[test]
fn an_agent_whose_registration_fails_is_not_in_step() {
    let (tree, hosts) = (tree("health-register"), HostsFile::with(LOCALHOST));
    tree.create("/web", "");
    tree.create("/web/one", "10.0.0.9");
    tree.create("/db", "10.0.0.1");
    let _server = nameserver(&tree).run();
    let program = hostsync(&tree, &hosts);
    let agent = agent(&tree, &hosts, "one").flag("http", "127.0.0.1:0");
    let agent = agent.run_with(&["--register", "web:80", "--address", "10.0.0.1"]);
    hosts.soon_maps("db", &["10.0.0.1"]);
    let words = ["not in step: cannot register web:80 at /web/one"];
    soon(&program, &["status"], 1, &words);
    let words = ["not healthy: cannot register web:80"];
    soon(&program, &["status", "--health"], 1, &words);
    assert_eq!(crate::http::get(&agent, "/healthz").0, 503);
    tree.delete("/web/one");
    soon(&program, &["status"], 0, &["in step\n"]);
    soon(&program, &["status", "--health"], 0, &["healthy\n"]);
}

#[test]
fn an_agent_whose_check_fails_is_not_in_step() {
    let (tree, hosts) = (tree("health-check"), HostsFile::with(LOCALHOST));
    let _server = nameserver(&tree).run();
    tree.soon_publishes("a snapshot", |_| true);
    let program = hostsync(&tree, &hosts);
    let check = ["--register", "web:80", "--check", "false"];
    let _agent = agent(&tree, &hosts, "one").run_with(&check);
    let words = ["not in step: web:80 is not registered", "--check"];
    soon(&program, &["status"], 1, &words);
    soon(&program, &["status", "--health"], 1, &["not healthy"]);
}

#[test]
fn an_agent_that_is_bound_to_nothing_is_not_in_step() {
    let (tree, hosts) = (tree("health-bind"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let _server = nameserver(&tree).run();
    let program = hostsync(&tree, &hosts);
    let agent = agent(&tree, &hosts, "one").flag("bind", "mqtt=broker");
    let _agent = agent.run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let words = ["not in step: cannot bind mqtt=broker: no instance of broker is published"];
    soon(&program, &["status"], 1, &words);
    soon(&program, &["status", "--health"], 1, &["not healthy"]);
    tree.create("/broker", "10.0.0.2");
    soon(&program, &["status"], 0, &["in step\n"]);
    soon(&program, &["status", "--health"], 0, &["healthy\n"]);
}

#[test]
fn a_file_that_cannot_be_written_is_not_healthy_and_no_agent_neither() {
    let (tree, hosts) = (tree("health-file"), HostsFile::with(LOCALHOST));
    let program = hostsync(&tree, &hosts);
    let words = ["not healthy: no agent"];
    soon(&program, &["status", "--health"], 1, &words);
    let (_server, _agent) = both(&tree, &hosts);
    soon(&program, &["status", "--health"], 0, &["healthy"]);
    let json = program.call(&["status", "--health", "--json"]);
    assert_eq!(json.expect_code(0).json()["health"], "healthy");
    std::fs::remove_file(hosts.path()).expect("it is there");
    std::fs::create_dir(hosts.path()).expect("a directory in its place");
    tree.set("/db", "10.0.0.2");
    soon(&program, &["status", "--health"], 1, &["not healthy: "]);
}

#[test]
fn two_agents_with_one_id_say_so_and_are_counted() {
    let tree = tree("health-twins");
    let files = [HostsFile::with(LOCALHOST), HostsFile::with(LOCALHOST)];
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).flag("id", "ns1").run();
    let mut first = agent(&tree, &files[0], "twin").run();
    wait_until("the first to tell", PATIENCE, || {
        tree.stat("/nameserver/agents/twin").is_some()
    });
    let second = agent(&tree, &files[1], "twin").run();
    for (agent, hosts) in [(&first, &files[0]), (&second, &files[1])] {
        agent.soon_says("another agent with the id \"twin\"");
        let words = ["in step, but", "another agent with the id \"twin\"", "--id"];
        soon(&hostsync(&tree, hosts), &["status"], 0, &words);
    }
    let words = ["healthy, but 2 agents", "\"twin\"", "2 of 2 in step"];
    soon(&nameserver(&tree), &["status"], 0, &words);
    for agent in [&first, &second] {
        let said = agent.log().matches("another agent with the id").count();
        assert_eq!(said, 1, "{}", agent.log());
    }

    // The other takes the place over, and nobody complains any more.
    first.stop();
    soon(&hostsync(&tree, &files[1]), &["status"], 0, &["in step\n"]);
    wait_until("one of them", PATIENCE, || {
        tree.children("/nameserver/agents") == ["twin"]
    });
    soon(&nameserver(&tree), &["status"], 0, &["healthy\n", "1 of 1"]);
    drop(server);
}

#[test]
fn an_agent_that_was_killed_is_no_twin_of_the_next() {
    let (tree, hosts) = (tree("health-killed"), HostsFile::with(LOCALHOST));
    let (_server, mut agent) = both(&tree, &hosts);
    let owner = || {
        tree.stat("/nameserver/agents/one")
            .map(|stat| stat.ephemeral_owner)
    };
    let of = wait_for("it to tell", PATIENCE, owner, Option::is_some);
    agent.crash_and_run();
    let another = |owner: &Option<i64>| owner.is_some() && *owner != of;
    wait_for("the next to tell", PATIENCE, owner, another);
    assert!(!agent.log().contains("another agent"), "{}", agent.log());
    assert_eq!(tree.children("/nameserver/agents"), ["one"]);
}

#[test]
fn two_replicas_with_one_id_say_so() {
    let tree = tree("health-replicas");
    tree.create("/db", "10.0.0.1");
    let replica = nameserver(&tree)
        .flag("id", "ns")
        .flag("session-timeout", "2s")
        // Elsewhere, as far as each can tell.
        .inside(&["unshare", "--pid", "--fork", "--kill-child"]);
    let mut first = replica.run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let second = replica.run();
    for replica in [&first, &second] {
        replica.soon_says("another replica with the id \"ns\"");
    }
    let words = ["healthy, but", "2 replicas", "\"ns\"", "--id"];
    soon(&nameserver(&tree), &["status"], 0, &words);
    first.kill9();
    soon(&nameserver(&tree), &["status"], 0, &["healthy\n"]);
    let said = second.log().matches("another replica").count();
    assert_eq!(said, 1, "{}", second.log());
}

/// Whoever leads, and whatever keeps it from publishing: each replica sees the tree and what is published.
#[test]
fn a_standby_tells_that_what_is_published_is_not_what_the_tree_says() {
    let tree = tree("differs");
    tree.create("/db", "10.0.0.1");
    let leader = nameserver(&tree).flag("id", "first").run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let standby = nameserver(&tree)
        .flag("id", "second")
        .flag("http", "127.0.0.1:0")
        .run();
    let told = || crate::http::status(&standby);
    let metric = |name: &str| {
        let (_, text) = crate::http::get(&standby, "/metrics");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.and_then(|value| value.parse::<f64>().ok())
            .expect("a metric")
    };
    wait_until("the standby to be healthy", PATIENCE, || {
        told()["health"] == "healthy"
    });
    tree.make_read_only("/nameserver/hosts");
    tree.set("/db", "10.0.0.2");
    leader.soon_says("cannot write /nameserver/hosts");
    wait_until("the standby to see it", SURE, || {
        told()["reasons"]
            .to_string()
            .contains("what is published differs from the tree since")
    });
    assert!(metric("nameserver_differs_seconds") >= 10.0);
    tree.delete("/nameserver/hosts");
    tree.soon_maps("db", &["10.0.0.2"]);
    wait_until("the standby to be healthy again", PATIENCE, || {
        told()["health"] == "healthy"
    });
    assert!(metric("nameserver_differs_seconds") < 0.001);
    assert_eq!(
        standby.log().matches("[ERROR]").count(),
        0,
        "{}",
        standby.log()
    );
}
