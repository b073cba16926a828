//! `--check http:/PATH` around servers as people run them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use lab::{
    HostsFile, PATIENCE, Scratch, Stopwatch, Tree, free_port, hostsync, nameserver, tree,
    wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// What `--check-interval` is without the flag, and some room for the rest.
const INTERVAL: Duration = Duration::from_secs(5);
const ROOM: Duration = Duration::from_secs(1);
/// For 300 looks, on a machine that has much else to do.
const LOOKS: Duration = Duration::from_secs(90);

/// The znode of the instance, as long as it is one and the same.
fn registered(tree: &Tree) -> Option<i64> {
    tree.stat("/web/c1").map(|stat| stat.czxid)
}

/// What has just been started is seldom ready at once, and soon after it is.
#[test]
fn a_service_that_is_ready_soon_is_registered_soon() {
    let (tree, hosts) = (tree("checks-soon"), HostsFile::with(LOCALHOST));
    let _server = nameserver(&tree).run();
    let (port, scratch) = (free_port(), Scratch::new("checks"));
    let script = format!(
        "touch {}; trap 'exit 0' TERM; while :; do sleep 0.05; done",
        scratch.join("started").display()
    );
    let agent = hostsync(&tree, &hosts).flag("id", "c1").start(
        "exec",
        &[
            "--register",
            &format!("web:{port}"),
            "--check",
            "http:/ok",
            "--",
            "sh",
            "-c",
            &script,
        ],
    );
    wait_until("the command to run", PATIENCE, || {
        scratch.join("started").exists()
    });
    // What a service takes that reads its settings first.
    std::thread::sleep(Duration::from_millis(300));
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is free");
    let ready = Stopwatch::start();
    // Ends with the process: nobody can be waiting for it.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
        }
    });
    wait_until("the registration", PATIENCE, || registered(&tree).is_some());
    let took = ready.elapsed();
    assert!(took < INTERVAL - ROOM, "{took:?}: {}", agent.log());
    assert!(
        !agent.log().contains("without an answer"),
        "{}",
        agent.log()
    );
}

/// It closes each connection once it has answered.
#[test]
fn a_server_of_python_is_never_withdrawn() {
    let (tree, hosts) = (tree("checks-python"), HostsFile::with(LOCALHOST));
    let _server = nameserver(&tree).run();
    let (port, scratch) = (free_port(), Scratch::new("checks"));
    scratch.write("index.html", "ok\n");
    let pages = scratch.path().display().to_string();
    let agent = hostsync(&tree, &hosts).flag("id", "c1").start(
        "exec",
        &[
            "--register",
            &format!("web:{port}"),
            "--check=http:/",
            "--check-interval=10ms",
            "--check-fall=1",
            "--",
            "/usr/bin/python3",
            "-um",
            "http.server",
            "--directory",
            &pages,
            &port.to_string(),
        ],
    );
    wait_until("the registration", PATIENCE, || registered(&tree).is_some());
    let first = registered(&tree);
    wait_until("300 looks", LOOKS, || {
        agent.log().matches("\"GET / HTTP/1.1\" 200").count() >= 300
    });
    let log = agent.log();
    assert_eq!(registered(&tree), first, "{log}");
    assert_eq!(log.matches("the check http:/ passes").count(), 1, "{log}");
    assert!(!log.contains("times in a row"), "{log}");
}

/// As in an image from scratch, with `--check true`.
#[test]
fn a_command_needs_a_shell_and_the_status_says_that_there_is_none() {
    let (tree, hosts) = (tree("checks-shell"), HostsFile::with(LOCALHOST));
    let _server = nameserver(&tree).run();
    let program = hostsync(&tree, &hosts)
        .flag("id", "c1")
        .flag("register", "web")
        .flag("check", "true")
        .inside(&["env", "PATH=/nonexistent"]);
    let agent = program.run();
    agent.soon_says("there is no `sh` in this image; use --check tcp or http:/PATH");
    wait_until("the status to say why", PATIENCE, || {
        let status = program.call(&["status", "--health"]);
        status.code() == 1
            && status
                .stdout
                .contains("--check does not pass: it cannot be run: there is no `sh`")
    });
    assert_eq!(registered(&tree), None);
}
