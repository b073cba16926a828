//! No network at all: neither a busy core nor a lost change. Each test runs itself again in a network
//! namespace of its own, so that it can take the network away.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::{HostsFile, Need, ZooKeeper, hostsync, nameserver, needs, wait_until};

/// Set in the namespace.
const INSIDE: &str = "LAB_INSIDE_NETWORK_NAMESPACE";
/// What a waiting daemon may use of a core; one that spins uses all of it.
const IDLE: f64 = 0.2;

/// Runs the test with this name once more, in a namespace with nothing but loopback.
pub(crate) fn enter(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !needs(Need::NetworkNamespace) {
        return false;
    }
    let status = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && exec \"$0\" \"$@\"",
        ])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "see above");
    false
}

pub(crate) fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {words}");
}

/// The processor time that a process has used, in seconds: user and system, in hundredths.
fn used(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split_ascii_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

#[test]
fn without_a_network_nobody_spins_and_nothing_is_lost() {
    if !enter("network::without_a_network_nobody_spins_and_nothing_is_lost") {
        return;
    }
    let server = ZooKeeper::start();
    let (tree, hosts) = (
        server.tree("network"),
        HostsFile::with("127.0.0.1 localhost\n"),
    );
    tree.create("/db", "10.0.0.5");
    let leader = nameserver(&tree).flag("session-timeout", "1s").run();
    let agent = hostsync(&tree, &hosts).flag("session-timeout", "1s").run();
    hosts.soon_maps("db", &["10.0.0.5"]);

    // Loopback without an address and a route: connecting fails at once, as in a container whose
    // network was taken away.
    ip("link set lo down");
    ip("address flush dev lo");
    leader.soon_says("lost the connection");
    let (begun, before) = (Instant::now(), [used(leader.pid()), used(agent.pid())]);
    // Longer than the session lives: it is when its end is noticed that the client would spin.
    let away = Duration::from_secs(5);
    wait_until("the session to be long over", away * 2, || {
        begun.elapsed() > away
    });
    for (daemon, before) in [&leader, &agent].into_iter().zip(before) {
        let share = (used(daemon.pid()) - before) / begun.elapsed().as_secs_f64();
        assert!(
            share < IDLE,
            "{share:.2} of a core without a network\n{}",
            daemon.log()
        );
    }
    assert_eq!(hosts.addresses("db"), ["10.0.0.5"], "the names stay");

    ip("address add 127.0.0.1/8 dev lo");
    ip("link set lo up");
    tree.set("/db", "10.0.0.6");
    hosts.soon_maps("db", &["10.0.0.6"]);
}
