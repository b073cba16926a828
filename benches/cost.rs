//! What one changed name costs either daemon, by the number of all names: processor time, bytes over the
//! wire, and memory.
//!
//! `BENCH_NAMES` (numbers with commas between) sets the numbers of names. The first is what the others
//! are compared with.

use std::time::{Duration, Instant};

use benches::{Reader, Times, millis, print, ratio, wire};
use lab::{HostsFile, Running, ZooKeeper, hostsync, nameserver};

/// Changes one right after the other,
const FAST: usize = 300;
/// and alone: enough time for all that comes later of one.
const ALONE: usize = 9;
const BETWEEN: Duration = Duration::from_secs(5);
/// So often somebody else reads the file.
const READS: u32 = 2_000;

/// What one change cost one daemon.
#[derive(Debug, Clone, Copy)]
struct Cost {
    fast: Duration,
    alone: Duration,
    received: u64,
    sent: u64,
    resident: u64,
    /// What the daemon does when somebody opens the hosts file and reads it.
    read: Duration,
}

fn main() {
    let names = std::env::var("BENCH_NAMES").unwrap_or("1000,10000,100000".to_owned());
    let names = names.split(',').map(|text| text.parse().expect("a number"));
    let server = ZooKeeper::start();
    let mut rows = Vec::new();
    let mut first = None;
    for count in names {
        let costs = measure(&server, count);
        let base = *first.get_or_insert(costs);
        for (at, daemon) in ["nameserver", "hostsync"].into_iter().enumerate() {
            let (cost, base) = (costs[at], base[at]);
            rows.push(vec![
                format!("{daemon}, {count} names"),
                millis(cost.fast),
                ratio(cost.fast, base.fast),
                millis(cost.alone),
                ratio(cost.alone, base.alone),
                cost.received.to_string(),
                cost.sent.to_string(),
                format!("{} MiB", cost.resident / 1024),
                format!("{:.1} µs", cost.read.as_secs_f64() * 1e6),
            ]);
        }
    }
    println!("\nCost of one change: {FAST} in a row, and {ALONE} each alone for {BETWEEN:?}\n");
    let heading = [
        "",
        "in a row",
        "ratio",
        "alone",
        "ratio",
        "bytes in",
        "bytes out",
        "resident",
        "a reader",
    ];
    print(&heading, &rows);
}

fn measure(server: &ZooKeeper, count: usize) -> [Cost; 2] {
    let tree = server.tree("cost");
    let paths: Vec<_> = (0..count).map(|i| format!("/n{i:06}")).collect();
    tree.create_many(paths.iter().map(|path| (path.as_str(), "10.255.255.255")));
    let hosts = HostsFile::with("127.0.0.1\tlocalhost\n");
    let daemons = [
        nameserver(&tree).run(),
        hostsync(&tree, &hosts).flag("write", "slots").run(),
    ];
    let begun = Instant::now();
    let last = format!(" {}", &paths[count - 1][1..]);
    while memchr::memmem::find(&hosts.bytes(), last.as_bytes()).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no names");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut reader = Reader::of(hosts.path());
    let mut number = 0;
    let mut change = || {
        let path = &paths[(number * 7_919) % count];
        let address = format!("10.1.{}.{}", number / 256, number % 256);
        tree.set(path, &address);
        let line = format!("\n{address} {}", &path[1..]);
        reader.finds(line.as_bytes(), Instant::now());
        number += 1;
    };
    (0..30).for_each(|_| change());
    std::thread::sleep(BETWEEN);
    let wires = daemons.each_ref().map(|daemon| wire(daemon.pid()));
    let fast = over(&daemons, || (0..FAST).for_each(|_| change()));
    let now = daemons.each_ref().map(|daemon| wire(daemon.pid()));
    std::thread::sleep(BETWEEN);
    // With and without a change in turns, since idling costs much the same: pings, and looking at the time.
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..ALONE {
        idle.push(over(&daemons, || std::thread::sleep(BETWEEN)));
        busy.push(over(&daemons, || {
            change();
            std::thread::sleep(BETWEEN);
        }));
    }
    let read = over(&daemons, || {
        for _ in 0..READS {
            drop(std::fs::File::open(hosts.path()).expect("it is there"));
            // As long as events of two readers are not one.
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let median = |all: &[[Duration; 2]], at: usize| {
        Times::new(all.iter().map(|both| both[at]).collect()).p50()
    };
    [0, 1].map(|at| Cost {
        fast: fast[at] / FAST as u32,
        alone: median(&busy, at).saturating_sub(median(&idle, at)),
        received: (now[at].received - wires[at].received) / FAST as u64,
        sent: (now[at].sent - wires[at].sent) / FAST as u64,
        resident: resident(&daemons[at]),
        read: read[at] / READS,
    })
}

/// The processor time of either daemon while something happens.
fn over(daemons: &[Running; 2], what: impl FnOnce()) -> [Duration; 2] {
    let before = daemons.each_ref().map(|daemon| daemon.cpu_time());
    what();
    let after = daemons.each_ref().map(|daemon| daemon.cpu_time());
    [0, 1].map(|at| after[at].saturating_sub(before[at]))
}

fn resident(daemon: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.expect("a number of kB")
}
