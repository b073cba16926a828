//! How long a changed znode takes to be seen in the hosts file, beside the floor of two watch hops.
//!
//! The floor is what any such design needs at least: somebody sets a znode, a watcher is told, reads
//! it and sets another, whose watcher is told and reads it. It runs with the same client against the
//! same server in the same run; once with a few bytes on the second hop, and once with as many as
//! the snapshot has. `BENCH_NAMES` (numbers with commas between) sets the numbers of names.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use benches::{Reader, Times, millis, print, ratio};
use lab::HostsFile;
use lab::ZooKeeper;
use lab::{hostsync, nameserver};
use zookeeper_client::{Acls, AddWatchMode, Client, CreateMode};

const ROUNDS: usize = 300;
/// So many changes are not counted: caches and the server's compiler warm up.
const WARM_UP: usize = 30;

fn main() {
    let names = std::env::var("BENCH_NAMES").unwrap_or("100,1000,10000,100000".to_owned());
    let names = names.split(',').map(|text| text.parse().expect("a number"));
    let server = ZooKeeper::start();
    let mut rows = Vec::new();
    for size in names {
        let (replaced, sizes) = product(&server, size, "replace");
        let (in_slots, _) = product(&server, size, "slots");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let floor = |bytes| {
            let tree = server.tree("floor");
            runtime.block_on(two_hops(tree.address(), bytes))
        };
        let (small, equal) = (floor(10), floor(sizes.snapshot));
        let file = replace_file(sizes.file);
        let (snapshot_bytes, file_bytes) = (sizes.snapshot, sizes.file);
        for (what, times) in [
            ("floor: two hops of 10 bytes".to_owned(), &small),
            (
                format!("floor: two hops, {snapshot_bytes} bytes on the second"),
                &equal,
            ),
            (
                format!("floor: write, fsync, rename {file_bytes} bytes"),
                &file,
            ),
            (
                "znode set → seen in the file, written in slots".to_owned(),
                &in_slots,
            ),
            (
                "znode set → seen in the file, replaced".to_owned(),
                &replaced,
            ),
        ] {
            rows.push(vec![
                size.to_string(),
                what,
                millis(times.p50()),
                millis(times.p99()),
                ratio(times.p50(), small.p50()),
                ratio(times.p99(), small.p99()),
                ratio(times.p50(), equal.p50()),
                ratio(times.p50(), equal.p50() + file.p50()),
            ]);
        }
    }
    println!("\nPropagation, {ROUNDS} changes each\n");
    let heading = [
        "names",
        "",
        "p50",
        "p99",
        "p50 / small",
        "p99 / small",
        "p50 / equal",
        "p50 / (equal + file)",
    ];
    print(&heading, &rows);
}

/// How many bytes a snapshot and a hosts file have.
struct Sizes {
    snapshot: usize,
    file: usize,
}

/// Times from sending a change to the file showing it.
fn product(server: &ZooKeeper, size: usize, way: &str) -> (Times, Sizes) {
    let tree = server.tree("propagation");
    let paths: Vec<_> = (0..size).map(|i| format!("/n{i:06}")).collect();
    tree.create_many(paths.iter().map(|path| (path.as_str(), "10.255.255.255")));
    let hosts = HostsFile::with("127.0.0.1\tlocalhost\n");
    let _nameserver = nameserver(&tree).run();
    let _hostsync = hostsync(&tree, &hosts).flag("write", way).run();
    hosts.soon_maps(&paths[size - 1][1..], &["10.255.255.255"]);
    let mut reader = Reader::of(hosts.path());
    let mut times = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        let at = (round * 7919) % size;
        let (name, address) = (
            &paths[at][1..],
            format!("10.1.{}.{}", round / 256, round % 256),
        );
        let line = format!("\n{address} {name}");
        let begun = Instant::now();
        tree.set(&paths[at], &address);
        let taken = reader.finds(line.as_bytes(), begun);
        if round >= WARM_UP {
            times.push(taken);
        }
    }
    let snapshot = tree.get("/nameserver/hosts").expect("published").len();
    let file = hosts.bytes().len();
    (Times::new(times), Sizes { snapshot, file })
}

/// Times from setting one znode to reading another that a watcher of the first set.
async fn two_hops(servers: &str, bytes: usize) -> Times {
    let connect = || async { Client::connect(servers).await.expect("the server answers") };
    let (setter, relay, reader) = (connect().await, connect().await, connect().await);
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    for path in ["/first", "/second"] {
        setter.create(path, b"", &options).await.expect("created");
    }
    let mut first = relay
        .watch("/first", AddWatchMode::Persistent)
        .await
        .expect("watched");
    let mut second = reader
        .watch("/second", AddWatchMode::Persistent)
        .await
        .expect("watched");
    let payload = vec![b'x'; bytes];
    tokio::spawn(async move {
        loop {
            first.changed().await;
            if relay.get_data("/first").await.is_err()
                || relay.set_data("/second", &payload, None).await.is_err()
            {
                return;
            }
        }
    });
    let mut times = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        let begun = Instant::now();
        setter
            .set_data("/first", b"10.0.0.5", None)
            .await
            .expect("set");
        second.changed().await;
        reader.get_data("/second").await.expect("read");
        if round >= WARM_UP {
            times.push(begun.elapsed());
        }
    }
    Times::new(times)
}

/// Times of replacing a file of so many bytes the safe way, which no design can do without.
fn replace_file(bytes: usize) -> Times {
    let directory = HostsFile::missing();
    let (path, new) = (directory.path(), directory.path().with_extension("new"));
    let payload = vec![b'x'; bytes];
    let replace = || {
        let begun = Instant::now();
        let mut file = File::create(&new).expect("created");
        file.write_all(&payload).expect("written");
        file.sync_all().expect("synced");
        fs::rename(&new, path).expect("renamed");
        let parent = path.parent().expect("a directory");
        File::open(parent)
            .and_then(|parent| parent.sync_all())
            .expect("synced");
        begun.elapsed()
    };
    Times::new((0..ROUNDS).map(|_| replace()).collect())
}
