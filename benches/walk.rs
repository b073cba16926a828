//! How long the walk of a tree takes, beside reading the same znodes whose paths are known.
//!
//! The floor reads each znode once, with the best of several numbers of requests in flight; the
//! walk must also find them. `BENCH_ZNODES` sets the size of the tree (default 20,000).

use std::time::{Duration, Instant};

use benches::{Times, millis, print, ratio};
use contract::ZnodePath;
use futures::StreamExt;
use futures::stream;
use indicatif::ProgressBar;
use lab::ZooKeeper;
use nameserver::ingest::walk::{Step, Walk};
use zookeeper::{Options, Session};
use zookeeper_client::Client;

const ROUNDS: usize = 5;
const CHILDREN: usize = 100;

fn main() {
    let size = std::env::var("BENCH_ZNODES").map_or(20_000, |text| text.parse().expect("a number"));
    let server = ZooKeeper::start();
    let tree = server.tree("walk");
    let paths = create(&tree, size);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let client = Client::connect(tree.address())
            .await
            .expect("the server answers");
        let mut rows = Vec::new();
        let mut best: Option<(usize, Times)> = None;
        for in_flight in [64, 128, 256, 512, 1024] {
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                times.push(read_all(&client, &paths, in_flight).await);
            }
            let times = Times::new(times);
            rows.push(vec![
                format!("raw reads, {in_flight} in flight"),
                millis(times.p50()),
                String::new(),
            ]);
            if best
                .as_ref()
                .is_none_or(|(_, best)| times.p50() < best.p50())
            {
                best = Some((in_flight, times));
            }
        }
        let (in_flight, floor) = best.expect("several were tried");
        let session = Session::start(Options {
            servers: tree.address().parse().expect("a connect string"),
            auth: None,
            sasl: None,
            acl: Vec::new(),
            agents: None,
            is_agent: false,
            tls: None,
            session_timeout: Duration::from_secs(6),
        });
        let connection = session.connected().await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let root = ZnodePath::root();
            let everything = |path: &ZnodePath| !path.as_str().starts_with("/zookeeper");
            let bar = ProgressBar::hidden();
            let mut walk = Walk::start(connection.clone(), root, everything, bar);
            let mut found = Vec::new();
            while let Step::Visits(visits) = walk.next().await.expect("no fault") {
                found.extend(visits.into_iter().map(|visit| (visit.path, visit.reading)));
            }
            times.push(begun.elapsed());
            assert_eq!(found.len(), paths.len() + 1);
        }
        let times = Times::new(times);
        rows.push(vec![
            "nameserver's walk".into(),
            millis(times.p50()),
            ratio(times.p50(), floor.p50()),
        ]);
        println!(
            "\nWalk of {} znodes, medians of {ROUNDS}; the floor is {in_flight} in flight\n",
            paths.len()
        );
        print(&["", "median", "ratio"], &rows);
    });
}

/// Services of a hundred instances each.
fn create(client: &lab::Client, size: usize) -> Vec<String> {
    let services = size.div_ceil(CHILDREN + 1);
    let mut paths = Vec::new();
    for service in 0..services {
        paths.push(format!("/service{service}"));
        paths.extend((0..CHILDREN).map(|i| format!("/service{service}/instance{i}")));
    }
    client.create_many(paths.iter().map(|path| (path.as_str(), "10.0.0.5:8080")));
    paths
}

async fn read_all(client: &Client, paths: &[String], in_flight: usize) -> Duration {
    let begun = Instant::now();
    let mut reads =
        stream::iter(paths.iter().map(|path| client.get_data(path))).buffer_unordered(in_flight);
    while let Some(read) = reads.next().await {
        read.expect("no fault");
    }
    begun.elapsed()
}
