//! What both daemons tell over HTTP.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lab::{HostsFile, Running, ZooKeeper, hostsync, http_get, nameserver, wait_until};
use serde_json::Value;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// Where a daemon tells about itself.
pub(crate) fn address(daemon: &Running) -> String {
    let line = daemon.soon_says("health at http://");
    let (_, address) = line.split_once("http://").expect("an address");
    address.to_owned()
}

/// The status code and the body of a page.
pub(crate) fn get(daemon: &Running, path: &str) -> (u16, String) {
    let answer = http_get(&address(daemon), path, &[]);
    (answer.code, answer.body)
}

pub(crate) fn status(daemon: &Running) -> Value {
    let (code, body) = get(daemon, "/status");
    assert_eq!(code, 200);
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[test]
fn both_daemons_tell_what_they_do_and_what_is_not_well() {
    let mut zookeeper = ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("http"), HostsFile::with(LOCALHOST));
    for number in 0..12 {
        tree.create(&format!("/s{number}"), "10.0.0.1");
    }
    let server = nameserver(&tree)
        .flag("http", ANY_PORT)
        .flag("id", "ns1")
        .run();
    let agent = hostsync(&tree, &hosts).flag("http", ANY_PORT).run();
    hosts.soon_maps("s11", &["10.0.0.1"]);
    for number in 0..12 {
        tree.delete(&format!("/s{number}"));
    }
    server.soon_says("would be gone at once");
    wait_until("the hold in the status", Duration::from_secs(10), || {
        status(&server)["progress"]["hold"]["names"] == 12
    });

    let told = status(&server);
    assert_eq!(told["ok"], true);
    assert_eq!(told["progress"]["role"], "leading");
    assert_eq!(told["replica"]["id"], "ns1");
    let (_, metrics) = get(&server, "/metrics");
    for line in [
        "nameserver_leader 1.0",
        "nameserver_names 0.0",
        "nameserver_held_names 12.0",
        "nameserver_connected 1.0",
        "nameserver_in_step 1.0",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{metrics}");
    }
    assert!(!metrics.contains("nameserver_hold_until_timestamp_seconds 0.0"));

    wait_until("the agent to be in step", Duration::from_secs(10), || {
        let (_, metrics) = get(&agent, "/metrics");
        let has = |line: &str| metrics.contains(&format!("\n{line}\n"));
        has("hostsync_names 12.0") && has("hostsync_in_step 1.0")
    });
    assert_eq!(get(&agent, "/healthz").0, 200);
    assert_eq!(status(&agent)["in_step"], true);

    zookeeper.kill();
    // The nameserver cannot do its work. The agent does what it can, and a restart would mend nothing.
    for (daemon, expected, word) in [
        (&server, 503, "not healthy\n"),
        (&agent, 200, "healthy, but\n"),
    ] {
        wait_until("the outage to be told", Duration::from_secs(10), || {
            let (code, body) = get(daemon, "/healthz");
            code == expected
                && body.starts_with(word)
                && body.contains("ZooKeeper is not connected since")
        });
    }
    assert_eq!(status(&agent)["in_step"], false);
}

#[test]
fn a_port_that_is_taken_is_an_error_at_the_start() {
    let taken = TcpListener::bind(ANY_PORT).expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (tree, hosts) = (lab::tree("http-taken"), HostsFile::with(LOCALHOST));
    for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
        let outcome = program.flag("http", &address).call(&["run"]);
        outcome
            .expect_code(1)
            .expect_words(&["cannot listen on", &address, "in use"]);
    }
}

/// Whoever opens connections and says nothing keeps nobody out: a probe would have the daemon killed.
#[test]
fn silent_connections_keep_no_probe_out() {
    let tree = lab::tree("http-silence");
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    let address = &address(&server);
    let silent: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("the daemon listens");
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\n")
                .expect("it reads");
            stream
        })
        .collect();
    let begun = lab::Stopwatch::start();
    let (code, _) = get(&server, "/status");
    let took = begun.elapsed();
    println!(
        "measured: /status beside {} silent connections after {took:?}",
        silent.len()
    );
    assert_eq!(code, 200);
    assert!(took < Duration::from_secs(1), "{took:?}");
}
