//! A server that says what no ZooKeeper says, or a network that alters it: nobody ends, and nobody's names go.

use std::time::{Duration, Instant};

use lab::{HostsFile, Lie, PATIENCE, Proxy, ZooKeeper, hostsync, nameserver, wait_until};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// How long each lie lasts, while the tree changes.
const LASTING: Duration = Duration::from_secs(5);

pub(crate) fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.unwrap_or(0)
}

#[test]
fn no_reply_ends_a_daemon_and_names_are_right_once_the_server_is() {
    let tree = ZooKeeper::shared().tree("lies");
    let proxy = Proxy::before(&ZooKeeper::shared().address());
    let hosts = HostsFile::with(LOCALHOST);
    for child in 0..20 {
        tree.create(&format!("/n{child}"), format!("10.0.1.{child}"));
    }
    tree.create("/db", "10.0.0.0");
    tree.create("/fixed", "10.9.9.9");
    let address = tree.address_at(&proxy.address());
    let mut daemons = [
        nameserver(&tree)
            .flag("zookeeper", &address)
            .flag("session-timeout", "2s")
            .run(),
        hostsync(&tree, &hosts)
            .flag("zookeeper", &address)
            .flag("session-timeout", "2s")
            .run(),
    ];
    hosts.soon_maps("fixed", &["10.9.9.9"]);
    for (round, lie) in (1..).zip([Lie::Counts, Lie::Bodies, Lie::Short, Lie::Bits]) {
        proxy.lie(lie);
        let begun = Instant::now();
        let mut changes = 0;
        wait_until("a lie to have lasted", PATIENCE, || {
            changes += 1;
            tree.set("/db", format!("10.{round}.0.{}", changes % 250));
            begun.elapsed() > LASTING
        });
        for daemon in &mut daemons {
            assert_eq!(daemon.ended(), None, "{lie:?}: {}", daemon.log());
            let kib = resident(daemon.pid());
            assert!(kib < 200 * 1024, "{lie:?}: {kib} KiB");
        }
        assert!(hosts.text().starts_with(LOCALHOST), "{lie:?}");
        proxy.resume();
        let last = format!("10.{round}.1.1");
        tree.set("/db", &last);
        let took = hosts.soon_maps("db", &[last.as_str()]);
        println!("measured: {lie:?} for 5 s: names right {took:?} after it");
    }
}
