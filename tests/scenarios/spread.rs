//! Many agents on one STATE: nobody asks twice, and nobody comes when everybody does.

use std::time::{Duration, Instant};

use lab::{Cut, HostsFile, Proxy, Running, Stopwatch, Tree, ZooKeeper, hostsync, tree, wait_until};
use serde_json::json;

const AGENTS: usize = 60;
/// Sixty processes on two cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// Agents that reach the tree through one proxy.
struct Crowd {
    tree: Tree,
    proxy: Proxy,
    // Each agent goes before its file.
    agents: Vec<(Running, HostsFile)>,
}

impl Crowd {
    /// All of them, with generation 1 applied.
    fn start(name: &str) -> Self {
        let (tree, proxy) = (tree(name), Proxy::before(&ZooKeeper::shared().address()));
        tree.publish(1, &json!({"db": ["10.0.0.1"]}));
        let agent = |number: usize| {
            let hosts = HostsFile::with("127.0.0.1 localhost\n");
            let agent = hostsync(&tree, &hosts)
                .flag("zookeeper", tree.address_at(&proxy.address()))
                .flag("id", format!("agent{number}"));
            let running = agent.run();
            (running, hosts)
        };
        let agents = (0..AGENTS).map(agent).collect();
        let crowd = Self {
            tree,
            proxy,
            agents,
        };
        crowd.soon_apply(1);
        crowd
    }

    fn publish(&self, generation: u8) {
        let address = format!("10.0.0.{generation}");
        self.tree
            .publish(generation.into(), &json!({"db": [address]}));
    }

    fn soon_apply(&self, generation: u8) {
        let address = [format!("10.0.0.{generation}")];
        let all = || {
            let mut agents = self.agents.iter();
            agents.all(|(_, hosts)| hosts.addresses("db") == address)
        };
        wait_until(
            &format!("generation {generation} everywhere"),
            PATIENCE,
            all,
        );
    }

    /// So many generations were read once by each. Only an answer that was lost with its
    /// connection, as may happen on a busy machine, was asked for again.
    fn has_read_once_each(&self, generations: u8) {
        let (reads, once_each) = (self.reads(), AGENTS * usize::from(generations));
        let lost = self.proxy.attempts().len() - AGENTS;
        assert!(
            (once_each..=once_each + lost).contains(&reads),
            "{reads}, {lost} lost"
        );
    }

    /// How often the snapshot was read so far.
    fn reads(&self) -> usize {
        let path = format!("{}/nameserver/hosts", self.tree.chroot());
        self.proxy.requests().of("getData", &path)
    }
}

#[test]
fn a_generation_is_read_once_and_those_that_passed_meanwhile_are_not() {
    let crowd = Crowd::start("once-each");
    crowd.has_read_once_each(1);
    for generation in 2..=4 {
        crowd.publish(generation);
        crowd.soon_apply(generation);
        crowd.has_read_once_each(generation);
    }
    // A burst passes while nobody hears of it: of its generations only the last one is read.
    crowd.proxy.stall();
    for generation in 5..=24 {
        crowd.publish(generation);
    }
    crowd.proxy.resume();
    crowd.soon_apply(24);
    crowd.has_read_once_each(5);
}

/// The most of these moments that lie within a tenth of a second.
fn densest(moments: &[Instant]) -> usize {
    let within = |begin: &Instant| {
        let end = *begin + Duration::from_millis(100);
        moments
            .iter()
            .filter(|at| (*begin..end).contains(at))
            .count()
    };
    moments.iter().map(within).max().unwrap_or_default()
}

#[test]
fn reconnects_are_spread() {
    let crowd = Crowd::start("spread");
    let before = crowd.proxy.attempts().len();
    crowd.proxy.cut(Cut::Reset);
    wait_until("all to be back", PATIENCE, || {
        crowd.proxy.attempts().len() >= before + AGENTS && crowd.proxy.connections() == AGENTS
    });
    let attempts = &crowd.proxy.attempts()[before..];
    let took = attempts[attempts.len() - 1] - attempts[0];
    let most = densest(attempts);
    println!("measured: {AGENTS} agents reconnect within {took:?}, at most {most} within 100 ms");
    assert!(
        crowd.reads() < AGENTS * 3 / 2,
        "nobody reads what is known: {}",
        crowd.reads()
    );
    assert!(took > Duration::from_millis(300), "{took:?}");
    // On a busy machine many of them are late, and come together.
    assert!(most < AGENTS * 9 / 10, "{most}");

    // Away for longer than the sessions live, so that other code of ours reconnects.
    crowd.proxy.refuse();
    crowd.proxy.cut(Cut::Reset);
    let gone = Instant::now();
    wait_until("the sessions to end", PATIENCE, || {
        gone.elapsed() > Duration::from_secs(8)
    });
    crowd.publish(2);
    let (back, before) = (Stopwatch::start(), crowd.proxy.attempts().len());
    crowd.proxy.resume();
    crowd.soon_apply(2);
    let took = back.elapsed();
    let most = densest(&crowd.proxy.attempts()[before..]);
    println!(
        "measured: {AGENTS} agents after an outage of 8 s: in step after {took:?}, at most {most} within 100 ms"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(most < AGENTS * 9 / 10, "{most}");
}
