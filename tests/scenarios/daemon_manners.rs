//! How both daemons behave towards the people who run them.

use std::net::TcpListener;
use std::time::Duration;

use lab::{HostsFile, Program, Scratch, alive, hostsync, kill_pid, nameserver, tree, wait_until};
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
            let started = lab::Stopwatch::start();
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
