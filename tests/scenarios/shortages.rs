//! No more threads, no more descriptors: at the start, and later. And tasks that fail, whatever for.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::process::Command;

use lab::{
    HostsFile, Need, Outcome, PATIENCE, Running, ZooKeeper, hostsync, nameserver, needs, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A user of nobody else, so that nobody else's processes count.
struct User(u32, [String; 4]);

impl User {
    fn new(id: u32) -> Self {
        let words = [
            "setpriv".to_owned(),
            format!("--reuid={id}"),
            format!("--regid={id}"),
            "--clear-groups".to_owned(),
        ];
        Self(id, words)
    }

    fn owns(&self, hosts: &HostsFile) {
        for path in [hosts.path(), hosts.directory().path()] {
            chown(path, Some(self.0), Some(self.0)).expect("chown");
        }
    }
}

/// Sets the soft limit of a running process, as its own user.
fn limit(process: &Running, user: &User, what: &str, most: &str) {
    let mut command = Command::new(&user.1[0]);
    command.args(&user.1[1..]).args(["prlimit", "--pid"]);
    command.args([process.pid().to_string(), format!("--{what}={most}:")]);
    let status = command.status();
    assert!(status.expect("setpriv").success(), "{what}={most}");
}

/// Both daemons, with all their parts, live through a `shortage` that begins after their start:
/// what they need then was there from the beginning, or is tried again.
fn lives_through(
    user: u32,
    name: &str,
    shortage: impl Fn(&Running, &User, bool),
    during: impl Fn(&Running, &HostsFile, &TcpListener),
) {
    if !needs(Need::OtherUser) {
        return;
    }
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree(name), HostsFile::with(LOCALHOST));
    let (agents, servers) = (User::new(user), User::new(user + 1));
    agents.owns(&hosts);
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("a port").port();
    tree.create("/db", "10.0.0.1");
    let mut server = nameserver(&tree)
        .flag("http", "127.0.0.1:0")
        .flag("session-timeout", "4s")
        .inside(&servers.1)
        .run();
    let runtime = format!("XDG_RUNTIME_DIR={}", hosts.directory().path().display());
    let around = [&agents.1[..], &["env".to_owned(), runtime]].concat();
    let program = hostsync(&tree, &hosts)
        .flag("register", format!("web:{port}"))
        .flag("id", "c1")
        .flag("check", "tcp")
        // Longer than a runtime keeps an idle thread, unless it is told to.
        .flag("check-interval", "1500ms")
        .flag("session-timeout", "4s")
        .flag("http", "127.0.0.1:0")
        .inside(&around);
    let mut agent = program.run();
    hosts.soon("web to be there", || !hosts.addresses("web").is_empty());
    hosts.soon_maps("db", &["10.0.0.1"]);

    shortage(&server, &servers, true);
    shortage(&agent, &agents, true);
    // It lasts while ZooKeeper goes away and comes again.
    during(&agent, &hosts, &listener);
    zookeeper.kill();
    agent.soon_says("lost the connection");
    server.soon_says("lost the connection");
    zookeeper.restart();
    zookeeper.wait_ready();
    for daemon in [&mut server, &mut agent] {
        let ended = daemon.ended();
        assert!(ended.is_none(), "{ended:?}\n{}", daemon.log());
    }
    shortage(&server, &servers, false);
    shortage(&agent, &agents, false);

    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    wait_until("the registration to be there", PATIENCE, || {
        tree.stat("/web/c1")
            .is_some_and(|stat| stat.ephemeral_owner != 0)
    });
    tree.delete("/web/c1");
    wait_until("the registration to be there again", PATIENCE, || {
        tree.stat("/web/c1")
            .is_some_and(|stat| stat.ephemeral_owner != 0)
    });
    // A foreign edit is seen.
    let text = hosts.text().replace("10.0.0.2", "10.0.0.3");
    hosts.put(text);
    hosts.soon_maps("db", &["10.0.0.2"]);
    wait_until("status to be well", PATIENCE, || {
        let status = crate::http::status(&agent);
        status["in_step"] == true && status["registrations"][0]["znode"] == "/web/c1"
    });
    for daemon in [&server, &agent] {
        assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
        wait_until("health", PATIENCE, || {
            crate::http::get(daemon, "/healthz").0 == 200
        });
    }
    agent.stop();
    wait_until("the registration to be gone", PATIENCE, || {
        tree.stat("/web/c1").is_none()
    });
}

#[test]
fn no_more_threads() {
    lives_through(
        54_321,
        "no-threads",
        |daemon, user, is_on| {
            limit(daemon, user, "nproc", if is_on { "1" } else { "1000" });
        },
        |_, hosts, listener| {
            // The ports are looked at all the same, again and again.
            while listener.accept().is_ok() {}
            for _ in 0..3 {
                wait_until("a check", PATIENCE, || listener.accept().is_ok());
            }
            // What is to be watched changes: the file moves, and a link to it stands there.
            let (path, directory) = (hosts.path(), hosts.directory().join("elsewhere"));
            let metadata = fs::metadata(path).expect("the file");
            fs::create_dir(&directory).expect("a directory");
            chown(&directory, Some(metadata.uid()), Some(metadata.gid())).expect("chown");
            fs::rename(path, directory.join("real")).expect("a rename");
            symlink(directory.join("real"), path).expect("a link");
            let wrong = hosts.text().replace("10.0.0.1", "10.0.0.3");
            fs::write(directory.join("real"), wrong).expect("a write");
            hosts.soon_maps("db", &["10.0.0.1"]);
        },
    );
}

#[test]
fn no_more_descriptors() {
    lives_through(
        54_331,
        "no-descriptors",
        |daemon, user, is_on| {
            // Those that are open stay so.
            let most = if is_on { "3" } else { "1024" };
            limit(daemon, user, "nofile", most);
        },
        |agent, _, _| {
            agent.soon_says(": Too many open files");
        },
    );
}

#[test]
fn no_threads_at_the_start_end_with_one_line() {
    if !needs(Need::OtherUser) {
        return;
    }
    let zookeeper = ZooKeeper::shared();
    let (tree, hosts) = (zookeeper.tree("start-threads"), HostsFile::with(LOCALHOST));
    let user = User::new(54_341);
    user.owns(&hosts);
    // Neither processes nor address space for all threads.
    for limit in [
        "nproc=1",
        "nproc=2",
        "nproc=4",
        "nproc=6",
        "nproc=7",
        "nproc=8",
        "nproc=9",
        "as=45000000",
    ] {
        let limited = ["prlimit".to_owned(), format!("--{limit}")];
        let around = [&user.1[..], &limited[..]].concat();
        for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
            let ended = program.inside(&around).call(&["run"]).expect_code(1);
            ended.expect_words(&["cannot start the threads", "ulimit -u"]);
            assert_eq!(errors(&ended), 1, "{ended:?}");
        }
    }
}

/// How many lines there are beside the one with which the log begins.
fn errors(ended: &Outcome) -> usize {
    let lines = ended.stderr.lines();
    lines.filter(|line| !line.contains("[INFO]")).count()
}

#[test]
fn no_descriptors_at_the_start_end_with_one_line() {
    let zookeeper = ZooKeeper::shared();
    let (tree, hosts) = (zookeeper.tree("start-files"), HostsFile::with(LOCALHOST));
    for most in [6, 8, 10, 12, 16, 20] {
        let limited = ["prlimit".to_owned(), format!("--nofile={most}")];
        for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
            let ended = program.inside(&limited).call(&["run"]).expect_code(1);
            ended.expect_words(&["cannot open the files and sockets", "ulimit -n"]);
            assert_eq!(errors(&ended), 1, "{ended:?}");
        }
    }
    // What is said to be enough is enough.
    let enough = ["prlimit".to_owned(), "--nofile=32".to_owned()];
    tree.create("/db", "10.0.0.1");
    let _server = nameserver(&tree)
        .flag("http", "127.0.0.1:0")
        .flag("dns", "127.0.0.1:0")
        .inside(&enough)
        .run();
    let agent = hostsync(&tree, &hosts)
        .flag("register", "web:80")
        .flag("http", "127.0.0.1:0")
        .inside(&enough)
        .run();
    hosts.soon("web to be there", || !hosts.addresses("web").is_empty());
    hosts.soon_maps("db", &["10.0.0.1"]);
    assert!(!agent.log().contains("Too many"), "{}", agent.log());
}

/// Each task fails once, a second after its start.
fn with_failing(program: lab::Program, tasks: &[&str]) -> (Running, usize) {
    let fault = format!("TASK_PANICS={}", tasks.join(","));
    let daemon = program.inside(&["env", &fault]).run();
    for task in tasks {
        daemon.soon_says(&format!("the task '{task}"));
        daemon.soon_says(" is down: a test wants it; it is started again in 200ms");
    }
    wait_until("all tasks to work again", PATIENCE, || {
        let log = daemon.log();
        tasks.iter().all(|task| {
            log.lines().any(|line| {
                line.contains(&format!("the task '{task}")) && line.ends_with("works again")
            })
        })
    });
    (daemon, tasks.len())
}

#[test]
fn a_task_that_fails_is_started_again_whichever_it_is() {
    let zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("failing"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    tree.create("/broker", "");
    tree.create("/broker/b1", "10.0.0.7");
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let program = nameserver(&tree)
        .flag("http", "127.0.0.1:0")
        .flag("dns", "127.0.0.1:0");
    let tasks = [
        "status over HTTP",
        "freshness of DNS",
        "DNS over TCP",
        "election's notices",
        "agreement with what is published",
    ];
    let (server, server_panics) = with_failing(program, &tasks);
    let program = hostsync(&tree, &hosts)
        .flag("register", format!("web:{port}"))
        .flag("id", "c1")
        .flag("check", "true")
        .flag("check-interval", "200ms")
        .flag("bind", "mqtt=broker")
        .flag("http", "127.0.0.1:0");
    let tasks = [
        "names",
        "cache",
        "presence",
        "status over HTTP",
        "`hostsync status`",
        "what is to be registered",
        "registration of web",
        "binding of mqtt",
        "--check",
        "children",
    ];
    let (mut agent, agent_panics) = with_failing(program.clone(), &tasks);

    for (daemon, name, panics) in [
        (&server, "nameserver", server_panics),
        (&agent, "hostsync", agent_panics),
    ] {
        wait_until("health", PATIENCE, || {
            crate::http::get(daemon, "/healthz").0 == 200
        });
        let (_, metrics) = crate::http::get(daemon, "/metrics");
        let count = format!("{name}_task_panics_total {panics}");
        assert!(metrics.contains(&count), "{count}: {metrics}");
    }
    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    hosts.soon_maps("mqtt", &["10.0.0.7"]);
    let generation = tree.snapshot().map_or(0, |snapshot| snapshot.generation());
    wait_until("presence to tell", PATIENCE, || {
        let told = tree.get("/nameserver/agents/c1");
        let told = told.map(|told| String::from_utf8_lossy(&told).into_owned());
        told.is_some_and(|told| told.contains(&format!("\"applied\":{generation}")))
    });
    tree.delete("/web/c1");
    wait_until("the registration to be there again", PATIENCE, || {
        tree.stat("/web/c1").is_some()
    });
    // A foreign edit is seen.
    hosts.put(hosts.text().replace("10.0.0.2", "10.0.0.3"));
    hosts.soon_maps("db", &["10.0.0.2"]);
    let status = program.soon_well();
    status.expect_words(&["in step", "/web/c1"]);
    agent.stop();
    wait_until("the registration to be gone", PATIENCE, || {
        tree.stat("/web/c1").is_none()
    });
}
