//! What comes from those who mean no good costs no memory, and others are answered meanwhile.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use lab::{Dns, PATIENCE, Process, Scratch, tree, wait_until};

use super::{answering, run};
use crate::http::status;

/// What the daemon may grow by, in KiB.
const GROWTH: u64 = 16 * 1024;

/// The memory that a process has, in KiB.
fn memory(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    size.expect("a size in kB")
}

/// That the name is answered now.
fn answers(dns: Dns) {
    let response = dns.dig("db +tries=8 +timeout=1");
    assert_eq!(response.data(), ["10.0.0.5"], "{response:?}");
}

#[test]
fn malformed_packets_cost_nothing() {
    const PACKETS: usize = 200_000;
    let tree = tree("dns-packets");
    tree.create("/db", "10.0.0.5");
    let server = answering(&tree).flag("http", super::ANY_PORT);
    let (server, dns) = run(&server, "db");
    let before = memory(&server);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(dns.address()).expect("an address");
    let mut random = fastrand::Rng::with_seed(7);
    let mut packet = [0; 512];
    for number in 0..PACKETS {
        random.fill(&mut packet);
        // A query with a few questions, so that most of it is read.
        packet[2..6].copy_from_slice(&[0, 0, 0, random.u8(0..4)]);
        let length = random.usize(0..packet.len());
        // The socket of somebody who does not keep up drops packets, which is as good.
        let _ = socket.send(&packet[..length]);
        if number % (PACKETS / 4) == PACKETS / 8 {
            answers(dns);
        }
    }
    answers(dns);
    let grown = memory(&server).saturating_sub(before);
    let errors = status(&server)["dns"]["queries"]["other"]["FORMERR"].as_u64();
    let errors = errors.expect("a count");
    println!("measured: {PACKETS} malformed packets, {errors} answered: {grown} KiB more");
    // The rest came while the socket was full, or was no query at all.
    assert!(errors > 1_000, "{errors} errors");
    assert!(grown < GROWTH, "{grown} KiB");
    assert!(server.lines() < 100, "{} lines of log", server.lines());
}

/// Connects again and again, and keeps what stays open.
const CONNECT: &str = "
import resource, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
held = []
while len(held) < 2000:
    held.append(socket.create_connection((where, port), timeout=60))
    if len(held) % 2:
        held[-1].sendall(b'\\0')
print('all connected', flush=True)
time.sleep(600)
";

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let tree = tree("dns-connections");
    tree.create("/db", "10.0.0.5");
    let (server, dns) = run(&answering(&tree), "db");
    let before = memory(&server);
    let files = || fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count);
    let scratch = Scratch::new("connections");
    let mut crowd = dns.start_python(CONNECT, &scratch.join("log"));
    wait_until("2,000 connections", PATIENCE * 3, || {
        assert_eq!(crowd.ended(), None, "{}", crowd.log());
        answers(dns);
        crowd.log().contains("all connected")
    });
    for _ in 0..3 {
        let over_tcp = dns.dig("db +tcp");
        assert_eq!(over_tcp.data(), ["10.0.0.5"], "{over_tcp:?}");
    }
    let grown = memory(&server).saturating_sub(before);
    println!(
        "measured: 2000 idle connections: {grown} KiB more, {} files",
        files()
    );
    assert!(grown < GROWTH, "{grown} KiB");
    assert!(files() < 300, "{} files", files());
    // Whoever says nothing is soon let go.
    let limit = Duration::from_secs(20);
    wait_until("the connections to be closed", limit, || files() < 50);
}
