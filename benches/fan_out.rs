//! How long one change takes to the last of many agents, beside as many raw watchers of the same client
//! that only watch the znode of the snapshot and read it.
//!
//! Each agent has a session and a hosts file (on tmpfs) of its own; all are in this process. Sessions and
//! files are real, the nameserver is another process. `BENCH_AGENTS` (numbers with commas between) and
//! `BENCH_NAMES` set how many. More than a hundred agents need `fs.inotify.max_user_instances`, which this
//! raises while it runs, where it may.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Times, millis, print, ratio};
use contract::{Name, State};
use hosts_file::{HostsFile, MethodChoice, Owner};
use hostsync::apply::agent::{Agent, Applied};
use hostsync::apply::selection::Selection;
use hostsync::bind::Bound;
use hostsync::follow::Subscription;
use hostsync::store::Unwritten;
use lab::{Tree, ZooKeeper, nameserver};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use zookeeper::{Options, Session};
use zookeeper_client::Client;

const INSTANCES: &str = "/proc/sys/fs/inotify/max_user_instances";
const HOSTS: &str = "/nameserver/hosts";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes in each change of one name, and tells when each agent or watcher has it.
struct Audience {
    tasks: JoinSet<()>,
    /// The number of a change, from each one who has seen it.
    seen: mpsc::UnboundedReceiver<usize>,
    count: usize,
}

fn main() {
    let numbers = |variable: &str, otherwise: &str| -> Vec<usize> {
        let text = std::env::var(variable).unwrap_or(otherwise.to_owned());
        let numbers = text.split(',').map(|text| text.parse());
        numbers.collect::<Result<_, _>>().expect("numbers")
    };
    let counts = numbers("BENCH_AGENTS", "1,10,100,1000");
    let names = numbers("BENCH_NAMES", "10000")[0];
    let most = counts.iter().max().copied().unwrap_or(1);
    let limit = fs::read_to_string(INSTANCES).unwrap_or_default();
    let _ = fs::write(INSTANCES, (2 * most + 200).to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let rows = runtime.block_on(measure(&counts, names));
    let _ = fs::write(INSTANCES, limit);
    println!("\nFan-out of one change, {names} names: from setting a znode to the last one\n");
    let heading = [
        "",
        "first",
        "p50",
        "p99",
        "ratio p50",
        "ratio p99",
        "processor",
    ];
    print(&heading, &rows);
}

async fn measure(counts: &[usize], names: usize) -> Vec<Vec<String>> {
    let server = tokio::task::block_in_place(ZooKeeper::start);
    let tree = tokio::task::block_in_place(|| server.tree("fan-out"));
    let paths: Vec<_> = (0..names).map(|i| format!("/n{i:06}")).collect();
    tokio::task::block_in_place(|| {
        tree.create_many(paths.iter().map(|path| (path.as_str(), "10.255.255.255")));
    });
    let nameserver = nameserver(&tree).run();
    tokio::task::block_in_place(|| {
        let all = |seen: &lab::Snapshot| seen.0["names"] == names;
        tree.soon_publishes("all names", all);
    });
    let mut number = 0;
    let mut rows = Vec::new();
    for &count in counts {
        let rounds = if count > 100 { 60 } else { 200 };
        let mut floor: Option<(Times, Times)> = None;
        for kind in ["raw watchers", "agents"] {
            let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
            let mut audience = match kind {
                "agents" => Audience::of_agents(&tree, count, directory.path()).await,
                _ => Audience::of_watchers(&tree, count).await,
            };
            let (mut first, mut last, mut busy) = (Vec::new(), Vec::new(), Duration::ZERO);
            for round in 0..rounds + 10 {
                number += 1;
                let path = &paths[0];
                let cpu = cpu_time();
                let begun = Instant::now();
                tokio::task::block_in_place(|| tree.set(path, address(number)));
                let (one, all) = audience.all_see(number, begun).await;
                if round >= 10 {
                    first.push(one);
                    last.push(all);
                    busy += cpu_time().saturating_sub(cpu);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let times = (Times::new(first), Times::new(last));
            let base = floor.get_or_insert_with(|| times.clone());
            rows.push(vec![
                format!("{count} {kind}"),
                millis(times.0.p50()),
                millis(times.1.p50()),
                millis(times.1.p99()),
                ratio(times.1.p50(), base.1.p50()),
                ratio(times.1.p99(), base.1.p99()),
                millis(busy / rounds as u32),
            ]);
            println!("{}", rows[rows.len() - 1].join("  "));
            audience.tasks.shutdown().await;
        }
    }
    // The tree has a runtime of its own, which is not to end in this one.
    tokio::task::block_in_place(|| drop((nameserver, tree, server)));
    rows
}

fn address(number: usize) -> String {
    format!("10.{}.{}.1", 1 + number / 256, number % 256)
}

fn number(address: &str) -> Option<usize> {
    let mut parts = address.split('.').skip(1).map(str::parse::<usize>);
    Some((parts.next()?.ok()?.checked_sub(1)?) * 256 + parts.next()?.ok()?)
}

impl Audience {
    async fn of_agents(tree: &Tree, count: usize, directory: &Path) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut ready = Vec::new();
        for at in 0..count {
            // A folder of its own: in one, each would be told of all others' writes, as no container is.
            let path = directory.join(at.to_string()).join("hosts");
            fs::create_dir(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "127.0.0.1\tlocalhost\n").expect("written");
            let owner = Owner::new("hostsync").expect("a word");
            let file = HostsFile::new(&path, owner).with_method(MethodChoice::Slots);
            let state = State::new("/nameserver".parse().expect("a path"));
            let subscription = Subscription::new(state.hosts(), None);
            let bound = watch::channel(Arc::new(Bound::default())).1;
            let mut agent = Agent::new(
                file,
                Selection::default(),
                subscription.view(),
                bound,
                &Unwritten::default(),
            );
            let mut applied = agent.applied();
            ready.push(agent.applied());
            let session = session(tree);
            tasks.spawn(async move {
                let _ = agent.run(&Notify::new()).await;
            });
            tasks.spawn(async move { subscription.follow(session).await });
            let sender = sender.clone();
            tasks.spawn(async move {
                let mut last = 0;
                while applied.changed().await.is_ok() {
                    let now = shows(&applied.borrow_and_update());
                    if let Some(now) = now.filter(|now| *now != last) {
                        last = now;
                        let _ = sender.send(now);
                    }
                }
            });
        }
        for mut applied in ready {
            let done = applied.wait_for(|applied| applied.published.is_some());
            let done = tokio::time::timeout(PATIENCE, done).await;
            done.expect("in time").expect("it lives");
        }
        // What comes two seconds after the first write is over.
        tokio::time::sleep(Duration::from_secs(5)).await;
        Self { tasks, seen, count }
    }

    async fn of_watchers(tree: &Tree, count: usize) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let ready = Arc::new(tokio::sync::Semaphore::new(0));
        for _ in 0..count {
            let (sender, ready) = (sender.clone(), Arc::clone(&ready));
            let client = Client::connect(tree.address()).await.expect("a session");
            tasks.spawn(async move {
                let mut is_first = true;
                while let Ok((data, _, watch)) = client.get_and_watch_data(HOSTS).await {
                    if std::mem::take(&mut is_first) {
                        ready.add_permits(1);
                    }
                    if let Some(now) = newest(&data) {
                        let _ = sender.send(now);
                    }
                    watch.changed().await;
                }
            });
        }
        let all = ready.acquire_many(count as u32);
        let all = tokio::time::timeout(PATIENCE, all).await;
        drop(all.expect("in time"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        Self { tasks, seen, count }
    }

    /// When the first one and the last one have seen a change.
    async fn all_see(&mut self, number: usize, begun: Instant) -> (Duration, Duration) {
        let mut times = Vec::new();
        while times.len() < self.count {
            let seen = tokio::time::timeout(PATIENCE, self.seen.recv()).await;
            if seen.expect("in time") == Some(number) {
                times.push(begun.elapsed());
            }
        }
        (times[0], times[self.count - 1])
    }
}

/// Which change an agent shows.
fn shows(applied: &Applied) -> Option<usize> {
    let name: Name = "n000000".parse().expect("a name");
    let snapshot = &applied.published.as_ref()?.snapshot;
    number(&snapshot.hosts.get(&name)?.first()?.to_string())
}

/// The last change of the watched name in a head.
fn newest(head: &[u8]) -> Option<usize> {
    let at = memchr::memmem::rfind(head, b"\"n000000\"")?;
    let rest = std::str::from_utf8(&head[at..]).ok()?;
    number(rest.split('"').nth(3)?)
}

fn session(tree: &Tree) -> Session {
    Session::start(Options {
        servers: tree.address().parse().expect("a connect string"),
        auth: None,
        sasl: None,
        acl: Vec::new(),
        agents: None,
        is_agent: false,
        tls: None,
        session_timeout: Duration::from_secs(30),
    })
}

/// The processor time of this process.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("procfs");
    let time = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.flatten().filter_map(time).sum())
}
