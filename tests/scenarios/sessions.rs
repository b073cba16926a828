//! Whatever happens between the daemons and ZooKeeper: no name disappears, no change is lost, nothing
//! goes back, and both are in step again within five seconds of the end of it.

use std::time::{Duration, Instant};

use lab::{
    Client, Cut, Ensemble, HostsFile, PATIENCE, Program, Proxy, Running, Stopwatch, Tree,
    ZooKeeper, hostsync, nameserver, wait_until, while_reading,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// The promise.
const IN_STEP: Duration = Duration::from_secs(5);

/// Both daemons on a tree with `/db`, which stays, and `/counter`, which the test counts up.
struct Both<'a> {
    tree: Tree,
    hosts: &'a HostsFile,
    count: u8,
    _daemons: (Running, Running),
}

impl<'a> Both<'a> {
    /// Starts both, each at its own `servers` (as `HOST:PORT,…`).
    fn start(
        tree: Tree,
        hosts: &'a HostsFile,
        servers: [&str; 2],
        flag: impl Fn(Program) -> Program,
    ) -> Self {
        tree.create("/db", "10.0.0.1");
        tree.create("/counter", "10.9.0.0");
        let at = |servers| tree.address_at(servers);
        let server = flag(nameserver(&tree).flag("id", "ns")).flag("zookeeper", at(servers[0]));
        let agent =
            flag(hostsync(&tree, hosts).flag("id", "one")).flag("zookeeper", at(servers[1]));
        let daemons = (server.run(), agent.run());
        hosts.soon_maps("counter", &["10.9.0.0"]);
        hosts.soon_maps("db", &["10.0.0.1"]);
        let both = Self {
            tree,
            hosts,
            count: 0,
            _daemons: daemons,
        };
        let is_there = || both.owner("/nameserver/agents/one").is_some();
        wait_until("the agent to tell", PATIENCE, is_there);
        both
    }

    /// Counts up, and does not wait until it is in the file. The client is a new one, which no
    /// outage has made slow, and does not wait for long at a server that does not answer yet.
    fn change(&mut self) {
        self.count += 1;
        let client = Client::connect_for(self.tree.address(), Duration::from_secs(1));
        client.set("/counter", self.address());
    }

    fn address(&self) -> String {
        format!("10.9.0.{}", self.count)
    }

    /// Waits until the last change is in the file: so long after `since`.
    fn in_step(&self, what: &str, since: Stopwatch) {
        self.hosts.soon_maps("counter", &[&self.address()]);
        println!("measured: {what}: in step after {:?}", since.elapsed());
        assert!(since.elapsed() < IN_STEP, "{:?}", since.elapsed());
    }

    /// The session that owns a znode.
    fn owner(&self, path: &str) -> Option<i64> {
        Some(self.tree.stat(path)?.ephemeral_owner)
    }

    /// The sessions of nameserver and of hostsync, by what they own.
    fn owners(&self) -> [Option<i64>; 2] {
        let election = self.tree.children("/nameserver/election");
        let lock = election
            .first()
            .map(|lock| format!("/nameserver/election/{lock}"));
        [
            lock.and_then(|lock| self.owner(&lock)),
            self.owner("/nameserver/agents/one"),
        ]
    }
}

fn with_session(timeout: &'static str) -> impl Fn(Program) -> Program {
    move |program| program.flag("session-timeout", timeout)
}

fn as_usual(program: Program) -> Program {
    program
}

fn pass(time: Duration) {
    let begun = Instant::now();
    wait_until("time to pass", time * 2, || begun.elapsed() > time);
}

#[test]
fn servers_restart_in_turn_and_the_sessions_outlive_it() {
    let mut ensemble = Ensemble::start(3);
    let servers = ensemble.addresses();
    let hosts = HostsFile::with(LOCALHOST);
    let mut both = Both::start(
        Tree::new(&servers, "in-turn"),
        &hosts,
        [&servers; 2],
        as_usual,
    );
    let owners = both.owners();
    while_reading(&hosts, &["db"], "counter", || {
        ensemble.restart_in_turn(|| {
            let back = Stopwatch::start();
            both.change();
            both.in_step("a server of three restarted", back);
        });
    });
    assert_eq!(
        both.owners(),
        owners,
        "the same sessions, with what is theirs"
    );
}

/// The whole ensemble away for so long, with sessions of two seconds.
fn ensemble_down(away: Duration) {
    let mut ensemble = Ensemble::start(3);
    let servers = ensemble.addresses();
    let hosts = HostsFile::with(LOCALHOST);
    let mut both = Both::start(
        Tree::new(&servers, "down"),
        &hosts,
        [&servers; 2],
        with_session("2s"),
    );
    while_reading(&hosts, &["db"], "counter", || {
        both.change();
        ensemble.stop();
        pass(away);
        ensemble.restart();
        let back = Stopwatch::start();
        both.change();
        both.in_step(&format!("the ensemble was down for {away:?}"), back);
    });
}

#[test]
fn the_whole_ensemble_may_be_down_for_longer_than_the_sessions() {
    ensemble_down(Duration::from_secs(12));
}

#[test]
#[ignore = "takes more than a minute; the shorter one is like it"]
fn the_whole_ensemble_may_be_down_for_a_minute() {
    ensemble_down(Duration::from_secs(60));
}

/// Short losses, several in a row: the sessions go on, and nobody stands for election again.
#[test]
fn a_short_connection_loss_costs_no_session() {
    let (tree, server) = (lab::tree("blips"), ZooKeeper::shared().address());
    let proxies = [Proxy::before(&server), Proxy::before(&server)];
    let [one, two] = &proxies.each_ref().map(Proxy::address);
    let hosts = HostsFile::with(LOCALHOST);
    let mut both = Both::start(tree, &hosts, [one, two], as_usual);
    let (owners, lock) = (both.owners(), both.tree.children("/nameserver/election"));
    while_reading(&hosts, &["db"], "counter", || {
        for how in [Cut::Reset, Cut::Close, Cut::Reset] {
            proxies.iter().for_each(|proxy| proxy.cut(how));
            let back = Stopwatch::start();
            both.change();
            both.in_step(&format!("connections lost for a moment ({how:?})"), back);
        }
    });
    assert_eq!(both.owners(), owners);
    assert_eq!(both.tree.children("/nameserver/election"), lock);
}

/// The connection stands, but nothing comes through any more, and another server is at hand.
#[test]
fn a_half_open_connection_is_noticed_and_left() {
    let (tree, server) = (lab::tree("half-open"), ZooKeeper::shared().address());
    let proxies: [Proxy; 2] = std::array::from_fn(|_| Proxy::before(&server));
    let servers = format!("{},{}", proxies[0].address(), proxies[1].address());
    let hosts = HostsFile::with(LOCALHOST);
    let mut both = Both::start(tree, &hosts, [&servers; 2], as_usual);
    while_reading(&hosts, &["db"], "counter", || {
        let stalled = Stopwatch::start();
        let busy = proxies.iter().max_by_key(|proxy| proxy.connections());
        busy.expect("two proxies").stall();
        both.change();
        both.hosts.soon_maps("counter", &[&both.address()]);
        println!(
            "measured: a half-open connection: left after {:?}",
            stalled.elapsed()
        );
    });
}

/// One daemon, or both, cut off for longer than the servers keep its session: it is expired there.
fn partition(name: &str, cut_off: &[usize]) {
    let (tree, server) = (lab::tree(name), ZooKeeper::shared().address());
    let proxies = [Proxy::before(&server), Proxy::before(&server)];
    let [one, two] = &proxies.each_ref().map(Proxy::address);
    let hosts = HostsFile::with(LOCALHOST);
    let mut both = Both::start(tree, &hosts, [one, two], with_session("2s"));
    let owners = both.owners();
    while_reading(&hosts, &["db"], "counter", || {
        cut_off.iter().for_each(|&daemon| proxies[daemon].stall());
        both.change();
        wait_until("the sessions to end", PATIENCE, || {
            let now = both.owners();
            cut_off.iter().all(|&daemon| now[daemon] != owners[daemon])
        });
        pass(Duration::from_secs(2));
        both.change();
        let back = Stopwatch::start();
        cut_off.iter().for_each(|&daemon| proxies[daemon].resume());
        both.in_step(&format!("{name} for longer than its session"), back);
    });
    wait_until("what is theirs to be there again", PATIENCE, || {
        both.owners().iter().all(Option::is_some)
    });
}

#[test]
fn nameserver_may_be_cut_off_for_longer_than_its_session() {
    partition("nameserver-cut-off", &[0]);
}

#[test]
fn hostsync_may_be_cut_off_for_longer_than_its_session() {
    partition("hostsync-cut-off", &[1]);
}

#[test]
fn both_may_be_cut_off_for_longer_than_their_sessions() {
    partition("both-cut-off", &[0, 1]);
}

/// Requests that were under way come back with the system's word, such as a reset: nothing that the
/// user could mend, and no reason to wait.
#[test]
fn a_connection_that_is_reset_during_a_walk_is_just_lost() {
    let (tree, proxy) = (
        lab::tree("reset"),
        Proxy::before(&ZooKeeper::shared().address()),
    );
    tree.create("/db", "10.0.0.1");
    proxy.delay(Duration::from_millis(100));
    let server = nameserver(&tree)
        .flag("zookeeper", tree.address_at(&proxy.address()))
        .run();
    for _ in 0..3 {
        let (before, asked) = (proxy.requests(), ["addWatch", "getData"]);
        wait_until("requests under way", PATIENCE, || {
            let requests = proxy.requests().since(&before);
            asked.iter().any(|operation| requests.all(operation) > 0)
        });
        proxy.cut(Cut::Reset);
    }
    proxy.resume();
    tree.soon_maps("db", &["10.0.0.1"]);
    assert!(!server.log().contains("[ERROR]"), "{}", server.log());
}
