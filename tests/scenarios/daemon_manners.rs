//! How both daemons behave towards the people who run them.

use std::net::TcpListener;
use std::time::Duration;

use lab::{
    Client, HostsFile, Program, Scratch, Tree, alive, hostsync, kill_pid, nameserver, tree,
    wait_until,
};
use nix::sys::signal::Signal;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Promised is a second; the rest is for a machine that runs other tests too.
const SECOND: Duration = Duration::from_millis(1_500);

/// Both programs on a tree of their own.
fn both(name: &str) -> (lab::Tree, HostsFile, [Program; 2]) {
    let (tree, hosts) = (tree(name), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let programs = [nameserver(&tree), hostsync(&tree, &hosts)];
    (tree, hosts, programs)
}

#[test]
fn sigterm_and_sigint_end_cleanly_within_a_second() {
    let (_tree, hosts, [server, agent]) = both("signals");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut server, mut agent) = (server.run(), agent.run());
        hosts.soon_maps("db", &["10.0.0.1"]);
        for daemon in [&mut server, &mut agent] {
            daemon.soon_says("connected");
            daemon.signal(signal);
            let started = std::time::Instant::now();
            let status = daemon.wait_end(Duration::from_secs(10));
            assert!(
                status.success() && started.elapsed() < SECOND,
                "{status} after {:?}",
                started.elapsed()
            );
        }
    }
    assert_eq!(hosts.addresses("db"), ["10.0.0.1"], "the names stay");
}

/// Also where nobody answers: neither a connection under way nor a backoff delays the end.
#[test]
fn sigterm_ends_daemons_that_cannot_connect() {
    let (_tree, _hosts, programs) = both("no-answer");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("its address").to_string();
    for servers in ["127.0.0.1:9", "no-such-host.invalid:2181", &silent] {
        for program in &programs {
            let mut daemon = program.clone().flag("zookeeper", servers).run();
            wait_until("a first word", lab::PATIENCE, || daemon.lines() > 0);
            let took = daemon.stop();
            assert!(took < SECOND, "{servers}: {took:?}");
        }
    }
}

/// As `--daemon` promises: a pid file, locked; a log file, reopened on SIGHUP; a clean end.
fn goes_to_the_background(program: &Program, name: &str) {
    let scratch = Scratch::new("daemon");
    let (pid_file, log_file) = (scratch.join("pid"), scratch.join("log"));
    let program = program
        .clone()
        .flag("pid-file", &pid_file)
        .flag("log-file", &log_file);
    let _ = program.call(&["run", "--daemon"]).expect_code(0);
    let pid: u32 = scratch.read("pid").trim().parse().expect("a process id");
    let _guard = Background(pid);
    assert!(alive(pid));
    wait_until("the log", lab::PATIENCE, || !scratch.read("log").is_empty());

    let second = program.call(&["run", "--daemon"]).expect_code(1);
    second.expect_words(&[&pid.to_string()]);
    assert!(alive(pid), "{name}: the first goes on");
    assert_eq!(scratch.read("pid").trim(), pid.to_string());

    std::fs::rename(&log_file, scratch.join("log.1")).expect("as logrotate does");
    kill_pid(pid, Signal::SIGHUP);
    wait_until("the new log file", lab::PATIENCE, || log_file.exists());
    assert!(alive(pid));

    kill_pid(pid, Signal::SIGTERM);
    let took = wait_until("the end", lab::PATIENCE, || !alive(pid));
    assert!(took < SECOND, "{name}: {took:?}");
    assert!(
        !pid_file.exists(),
        "{name}: the pid file goes with the daemon"
    );
}

/// A daemon that has left this process; it goes with the test.
struct Background(u32);

impl Drop for Background {
    fn drop(&mut self) {
        if alive(self.0) {
            kill_pid(self.0, Signal::SIGKILL);
        }
    }
}

#[test]
fn nameserver_goes_to_the_background() {
    let (_tree, _hosts, [server, _]) = both("background-nameserver");
    goes_to_the_background(&server, "nameserver");
}

#[test]
fn hostsync_goes_to_the_background() {
    let (_tree, _hosts, [_, agent]) = both("background-hostsync");
    goes_to_the_background(&agent, "hostsync");
}

#[test]
fn a_stale_pid_file_is_no_obstacle() {
    let (_tree, hosts, [server, agent]) = both("stale");
    let scratch = Scratch::new("pid");
    let server = server.flag("pid-file", scratch.write("server", "4194304\n"));
    let agent = agent.flag("pid-file", scratch.write("agent", "junk"));
    for _ in 0..2 {
        let (mut server, mut agent) = (server.run(), agent.run());
        hosts.soon_maps("db", &["10.0.0.1"]);
        server.kill9();
        agent.kill9();
        hosts.put(LOCALHOST);
    }
}

#[test]
fn one_log_line_per_generation_says_what_changed() {
    let (tree, hosts, [server, agent]) = both("log-lines");
    let (server, agent) = (server.run(), agent.run());
    hosts.soon_maps("db", &["10.0.0.1"]);
    agent.soon_says("generation 1:");
    let changes: [(&str, &dyn Fn()); 3] = [
        ("web", &|| tree.create("/web", "10.0.0.2")),
        ("db", &|| tree.set("/db", "10.0.0.3")),
        ("web", &|| tree.delete("/web")),
    ];
    for (name, change) in changes {
        let before = tree.snapshot().expect("a snapshot").generation();
        let lines = (server.lines(), agent.lines());
        change();
        tree.soon_publishes("the change", |snapshot| snapshot.generation() == before + 1);
        for (daemon, lines) in [(&server, lines.0), (&agent, lines.1)] {
            let said = lab::wait_for(
                "a line",
                lab::PATIENCE,
                || daemon.log(),
                |log| log.lines().count() > lines,
            );
            let said: Vec<&str> = said.lines().skip(lines).collect();
            println!("{}", said[0]);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(
                said[0].contains(name) && said[0].contains(&(before + 1).to_string()),
                "{said:?}"
            );
        }
    }
}

#[test]
fn sighup_makes_a_full_pass() {
    let (_tree, hosts, [server, agent]) = both("sighup");
    let (mut server, mut agent) = (server.run(), agent.run());
    hosts.soon_maps("db", &["10.0.0.1"]);
    for daemon in [&server, &agent] {
        daemon.signal(Signal::SIGHUP);
    }
    hosts.put(LOCALHOST);
    agent.signal(Signal::SIGHUP);
    hosts.soon_maps("db", &["10.0.0.1"]);
    assert!(server.ended().is_none() && agent.ended().is_none());
}

#[test]
fn settings_come_from_a_file_and_flags_win() {
    let (tree, hosts) = (tree("config"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    let scratch = Scratch::new("config");
    let address = tree.address();
    let server = scratch.write(
        "nameserver.toml",
        format!("zookeeper = \"{address}\"\nroot = \"/nowhere\"\ndomain = \"zk.internal\"\n"),
    );
    let agent = scratch.write(
        "hostsync.toml",
        format!(
            "zookeeper = \"{address}\"\nhosts-file = \"{}\"\n",
            hosts.path().display()
        ),
    );
    let cache = scratch.join("cache");
    let _server = Program::new("nameserver")
        .flag("config", server)
        .flag("root", "/services")
        .run();
    let _agent = Program::new("hostsync")
        .flag("config", agent)
        .flag("cache", cache)
        .run();
    hosts.soon_maps("db.zk.internal", &["10.0.0.1"]);
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    let (_tree, _hosts, programs) = both("usage");
    let scratch = Scratch::new("usage");
    let unknown = scratch.write("unknown.toml", "zokeeper = \"127.0.0.1:2181\"\n");
    let broken = scratch.write("broken.toml", "zookeeper = [\n");
    for program in &programs {
        program
            .call(&["run", "--zokeeper", "x"])
            .expect_code(2)
            .expect_words(&["--zokeeper"]);
        program
            .call(&["run", "--zookeeper", "a b"])
            .expect_code(2)
            .expect_words(&["a b"]);
        program
            .call(&["run", "--state", "no/slash"])
            .expect_code(2)
            .expect_words(&["no/slash"]);
        program
            .call(&["run", "--log-level", "loud"])
            .expect_code(2)
            .expect_words(&["loud"]);
        program
            .call(&["no-such-command"])
            .expect_code(2)
            .expect_words(&["no-such-command"]);
        let unknown = unknown.to_str().expect("a path");
        program
            .call(&["run", "--config", unknown])
            .expect_code(2)
            .expect_words(&["zokeeper", unknown]);
        let broken = broken.to_str().expect("a path");
        program
            .call(&["run", "--config", broken])
            .expect_code(2)
            .expect_words(&[broken]);
        program
            .call(&["--help"])
            .expect_code(0)
            .expect_words(&["run", "lookup"]);
        let _ = program.call(&["--version"]).expect_code(0);
    }
    let all = programs[0]
        .clone()
        .flag("root", "bad")
        .flag("domain", "-bad-");
    all.call(&["check"])
        .expect_code(2)
        .expect_words(&["NAMESERVER_ROOT", "NAMESERVER_DOMAIN"]);
}

#[test]
fn commands_without_zookeeper_fail_with_one_line() {
    let (_tree, hosts, [server, agent]) = both("no-zookeeper");
    let away = "127.0.0.1:9";
    let server = server.flag("zookeeper", away).flag("session-timeout", "2s");
    let agent = agent.flag("zookeeper", away).flag("session-timeout", "2s");
    for outcome in [
        server.call(&["check"]),
        server.call(&["lookup", "db"]),
        agent.call(&["once"]),
    ] {
        let outcome = outcome.expect_code(1);
        outcome.expect_words(&[away]);
        let errors = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("error"))
            .count();
        assert!(errors <= 1, "{}", outcome.stderr);
    }
    assert_eq!(hosts.text(), LOCALHOST);
}

/// A tree at `/private` that only `ops:s3cret` may read, and a file with that identity.
fn private(name: &str) -> (Tree, Scratch, Client) {
    let tree = tree(name);
    let owner = Client::connect_as(tree.address(), "ops:s3cret");
    owner.create_private("/private", "");
    owner.create_private("/private/db", "10.0.0.1");
    let scratch = Scratch::new("auth");
    scratch.write("auth", "ops:s3cret\n");
    scratch.allow("auth", 0o600);
    (tree, scratch, owner)
}

#[test]
fn a_tree_behind_a_password_needs_the_password() {
    let (tree, scratch, _owner) = private("private");
    let hosts = HostsFile::with(LOCALHOST);
    let stranger = nameserver(&tree).flag("root", "/private");
    let friend = stranger.clone().flag("auth-file", scratch.join("auth"));
    let server = friend.run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    // A variable does as well, and nothing shows the password.
    let known = stranger
        .flag("auth", "ops:s3cret")
        .call(&["lookup", "db"])
        .expect_code(0);
    let shown = format!("{}{}{}", server.log(), known.stdout, known.stderr);
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// Whoever may not read the root knows nothing of the tree: least of all that it is empty.
#[test]
fn a_root_that_may_not_be_read_is_no_empty_tree() {
    let (tree, _scratch, _owner) = private("unreadable-root");
    tree.publish(3, &serde_json::json!({"db": ["10.0.0.1"]}));
    let stranger = nameserver(&tree).flag("root", "/private");
    let server = stranger.run();
    server.soon_says("auth");
    let snapshot = tree.snapshot().expect("a snapshot");
    assert_eq!(snapshot.addresses("db"), ["10.0.0.1"]);
    let outcome = stranger.call(&["check"]).expect_code(1);
    outcome.expect_words(&["/private", "--auth"]);
}

/// The same below the root: what may no longer be read keeps the name that it had, or at least is
/// reported; what may be read is not affected.
#[test]
fn a_znode_that_may_not_be_read_is_reported() {
    let tree = tree("unreadable");
    let owner = Client::connect_as(tree.address(), "ops:s3cret");
    owner.create_private("/secret", "10.0.0.1");
    tree.create("/db", "10.0.0.2");
    let program = nameserver(&tree);
    program
        .call(&["check"])
        .expect_code(1)
        .expect_words(&["/secret", "--auth"]);
    let _server = program.run();
    tree.soon_maps("db", &["10.0.0.2"]);
}

#[test]
fn a_root_that_is_not_there_is_named() {
    let (tree, hosts) = (tree("wrong-root"), HostsFile::with(LOCALHOST));
    let program = nameserver(&tree).flag("root", "/services");
    program
        .call(&["check"])
        .expect_code(1)
        .expect_words(&["/services"]);
    let server = program.run();
    server.soon_says("/services");
    // It may come later.
    let _agent = hostsync(&tree, &hosts).run();
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    hosts.soon_maps("db", &["10.0.0.1"]);
}

/// As `hostsync lookup db | head -1` leaves it.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (tree, _hosts, [server, _]) = both("head");
    let znodes: Vec<String> = (0..3_000).map(|number| format!("/bad {number}")).collect();
    tree.create_many(znodes.iter().map(|path| (path.as_str(), "10.0.0.1")));
    let script = "set -o pipefail; \"$@\" | head -n 1 >/dev/null";
    let outcome = server
        .inside(&["bash", "-c", script, "bash"])
        .call(&["check"]);
    assert!(matches!(outcome.code(), 0 | 1), "{outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
}

/// A server that is another one, or none at all: its bytes must not stop the daemon.
#[test]
fn a_server_that_talks_nonsense_is_no_obstacle() {
    let (tree, hosts, [server, agent]) = both("nonsense");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        use std::io::Write as _;
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            // Whether anybody listens is the daemon's business.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let servers = format!("{address},{}", tree.address());
    let _server = server.flag("zookeeper", &servers).run();
    let _agent = agent.flag("zookeeper", &servers).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
}
