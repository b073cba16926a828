//! Little that is written into the tree, and what it may cost.

use std::time::{Duration, Instant};

use lab::{Tree, nameserver, tree, wait_until};
use nix::sys::signal::Signal;

use crate::lies::resident;

/// The tree is large, and this is no release.
const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1024;

fn create(tree: &Tree, znodes: &[(String, String)]) {
    let texts = znodes.iter();
    tree.create_many(texts.map(|(path, data)| (path.as_str(), data.as_str())));
}

#[test]
fn many_that_name_one_large_service_cost_little_and_the_end_is_heeded() {
    const COUNT: usize = 4_000;
    let tree = tree("aliases");
    tree.create("/s", "");
    let znode = |path: String, data: String| (path, data);
    let instances = |n: usize| {
        znode(
            format!("/s/{n}"),
            format!("10.0.{}.{}", n / 250, n % 250 + 1),
        )
    };
    create(&tree, &(0..COUNT).map(instances).collect::<Vec<_>>());
    let aliases = |n: usize| znode(format!("/a{n}"), "s".to_owned());
    create(&tree, &(0..COUNT).map(aliases).collect::<Vec<_>>());
    let mut server = nameserver(&tree).flag("dns", "127.0.0.1:0").run();
    let begun = Instant::now();
    wait_until("a snapshot", PATIENCE, || {
        tree.snapshot()
            .is_some_and(|snapshot| snapshot.generation() > 0)
    });
    let (took, kib) = (begun.elapsed(), resident(server.pid()));
    let told = server.soon_says("leads to 4000 addresses");
    assert!(told.contains("/a"), "{told}");
    println!(
        "measured: {COUNT} names of one service of {COUNT}: {took:?}, {} MiB",
        kib / MIB
    );
    assert!(kib < 200 * MIB, "{kib} KiB");
    tree.set("/s/0", "10.9.9.9");
    let begun = Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait_end(PATIENCE);
    let took = begun.elapsed();
    println!("measured: SIGTERM while {COUNT} names change: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
