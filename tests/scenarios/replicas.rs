//! Several nameservers on one STATE: one leads, the others wait with a warm tree, and whoever was
//! away for too long has no say any more.

use std::time::{Duration, Instant};

use lab::{
    HostsFile, Need, Options, PATIENCE, Program, Proxy, Running, Snapshot, Stopwatch, Tree,
    ZooKeeper, hostsync, nameserver, needs, tree, wait_until,
};

/// A replica whose session ends after two seconds.
fn replica(tree: &Tree, id: &str) -> Program {
    nameserver(tree)
        .flag("id", id)
        .flag("session-timeout", "2s")
}

/// Waits until this replica has published.
fn soon_leads(tree: &Tree, id: &str) -> Snapshot {
    tree.soon_publishes(&format!("{id} to publish"), |snapshot| {
        snapshot.0["leader"] == id
    })
}

/// Waits until so many replicas stand for election.
fn soon_stand(tree: &Tree, count: usize) {
    wait_until(&format!("{count} to stand"), PATIENCE, || {
        tree.children("/nameserver/election").len() == count
    });
}

/// Starts replicas one after another, so that they lead in this order.
fn in_order<const N: usize>(tree: &Tree, ids: [&str; N]) -> [Running; N] {
    let mut standing = 0;
    ids.map(|id| {
        let running = replica(tree, id).run();
        standing += 1;
        soon_stand(tree, standing);
        running
    })
}

#[test]
fn sigterm_hands_over_at_once_and_the_generation_counts_on() {
    let (tree, hosts) = (tree("handover"), HostsFile::with("127.0.0.1 localhost\n"));
    tree.create("/db", "10.0.0.1");
    let [mut one, mut two, mut three] = in_order(&tree, ["one", "two", "three"]);
    let mut before = soon_leads(&tree, "one");
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    for (leader, successor) in [(&mut one, "two"), (&mut two, "three")] {
        let begun = Stopwatch::start();
        leader.stop();
        let after = soon_leads(&tree, successor);
        let took = begun.elapsed();
        println!("measured: leader gets SIGTERM, until its successor has published: {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(after.generation(), before.generation() + 1);
        assert_eq!(after.0["hosts"], before.0["hosts"]);
        before = after;
    }
    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    three.stop();
}

/// The default session timeout, and a server that looks for ended sessions every two seconds only,
/// as servers do by default. Replicas are killed until so many takeovers were measured.
fn takeovers(count: usize) -> Vec<Duration> {
    let server = Options::default()
        .line("tickTime=2000")
        .line("minSessionTimeout=4000")
        .start();
    let tree = server.tree("takeover");
    tree.create("/db", "10.0.0.1");
    let start = |number: usize| {
        // Elsewhere, as far as it can tell: on the same machine it would see that the dead are dead.
        let replica = nameserver(&tree).flag("id", format!("ns{number}"));
        replica
            .inside(&["unshare", "--pid", "--fork", "--kill-child"])
            .run()
    };
    let mut leader = start(0);
    soon_leads(&tree, "ns0");
    let takeover = |number| {
        let mut successor = start(number);
        soon_stand(&tree, 2);
        std::mem::swap(&mut leader, &mut successor);
        // Without it, each kill would come at the same moment of the server's tick.
        let phase = Duration::from_millis(fastrand::u64(0..2_000));
        let standing = Instant::now();
        wait_until("a moment", PATIENCE, || standing.elapsed() > phase);
        let begun = Stopwatch::start();
        successor.kill9();
        soon_leads(&tree, &format!("ns{number}"));
        begun.elapsed()
    };
    let measured = |took: &Duration| {
        println!("measured: leader gets SIGKILL, until its successor has published: {took:?}");
    };
    (1..=count).map(takeover).inspect(measured).collect()
}

#[test]
fn a_killed_leader_is_followed_within_its_session_timeout_and_a_second() {
    let worst = takeovers(2).into_iter().max();
    assert!(worst < Some(Duration::from_secs(7)), "{worst:?}");
}

/// The successor has the tree already: what it asks for does not grow with the tree.
#[test]
fn a_takeover_is_a_publish_and_not_a_walk() {
    let tree = tree("warm");
    let znodes: Vec<String> = (0..500).map(|number| format!("/n{number}")).collect();
    tree.create_many(znodes.iter().map(|path| (path.as_str(), "10.0.0.1")));
    let mut one = replica(&tree, "one").run();
    soon_leads(&tree, "one");
    let proxy = Proxy::before(&ZooKeeper::shared().address());
    let two = replica(&tree, "two").flag("zookeeper", tree.address_at(&proxy.address()));
    let _two = two.run();
    soon_stand(&tree, 2);
    // It goes on to watch the one before it, and to look at both, which is no part of a takeover.
    let mut candidates = tree.children("/nameserver/election");
    candidates.sort_by_key(|znode| znode.rsplit('-').next().map(str::to_owned));
    let looks = |request: &str, candidate: &str| {
        let path = format!("{}/nameserver/election/{candidate}", tree.chroot());
        proxy.requests().of(request, &path)
    };
    wait_until("the second to have looked at both", PATIENCE, || {
        let [first, second] = [&candidates[0], &candidates[1]];
        let read = looks("getData", first) >= 3 && looks("getData", second) >= 1;
        // Who came first, and then the watch.
        read && looks("exists", first) >= 2 && looks("exists", second) >= 1
    });
    let before = proxy.requests();
    assert!(before.all("getData") >= 500, "its walk: {before:?}");
    one.stop();
    let snapshot = soon_leads(&tree, "two");
    let requests = proxy.requests().since(&before);
    println!(
        "measured: requests of a takeover with 500 znodes: {}",
        requests.total()
    );
    assert_eq!(snapshot.names().len(), 500);
    assert!(requests.total() <= 8, "{requests:?}");
    assert_eq!(requests.all("multi"), 1, "{requests:?}");
}

/// Changes the tree again and again while `leader` leads: every write of the snapshot is one of
/// these changes, by the leader, and raises the generation by one.
fn leads_undisturbed(tree: &Tree, leader: &str) {
    let first = tree.snapshot().expect("a snapshot").generation();
    for number in 1..=10 {
        let address = format!("10.0.1.{number}");
        tree.set("/db", &address);
        let snapshot = tree.soon_maps("db", &[&address]);
        assert_eq!(snapshot.0["leader"], leader);
        assert_eq!(snapshot.generation(), first + number);
    }
    // The znode was created with generation 1 as its version 0.
    let version = tree.stat("/nameserver/hosts").expect("it is there").version;
    let generation = tree.snapshot().expect("a snapshot").generation();
    assert_eq!(u64::try_from(version), Ok(generation - 1), "one write each");
}

#[test]
fn a_leader_that_hung_for_longer_than_its_session_has_no_say() {
    let tree = tree("hung");
    tree.create("/db", "10.0.0.1");
    let [one, _two] = in_order(&tree, ["one", "two"]);
    soon_leads(&tree, "one");
    one.pause();
    let begun = Stopwatch::start();
    tree.set("/db", "10.0.0.2");
    let taken_over = tree.soon_maps("db", &["10.0.0.2"]);
    println!(
        "measured: leader hangs, with a session timeout of 2 s: {:?}",
        begun.elapsed()
    );
    assert_eq!(taken_over.0["leader"], "two");
    one.resume();
    leads_undisturbed(&tree, "two");
    let why = one.soon_says("no longer leading");
    assert!(why.contains("session ended, as after a pause"), "{why}");
    soon_stand(&tree, 2);
    leads_undisturbed(&tree, "two");
}

/// A leader that is deposed while its session lives is the case for which a write checks the lock:
/// its session is good, and it may well know the version of the snapshot. Without the check in
/// `zookeeper::Leadership` this fails: the old leader puts its own snapshot over the successor's.
#[test]
fn a_leader_whose_znode_was_deleted_has_no_say_even_in_a_live_session() {
    let tree = tree("deposed");
    tree.create("/db", "10.0.0.1");
    let patient = |id| replica(&tree, id).flag("session-timeout", "20s").run();
    let one = patient("one");
    soon_leads(&tree, "one");
    let lock = tree.children("/nameserver/election").remove(0);
    let _two = patient("two");
    soon_stand(&tree, 2);
    one.pause();
    tree.delete(&format!("/nameserver/election/{lock}"));
    soon_leads(&tree, "two");
    tree.set("/db", "10.0.0.2");
    tree.soon_maps("db", &["10.0.0.2"]);
    one.resume();
    leads_undisturbed(&tree, "two");
    let why = one.soon_says("no longer leading");
    assert!(why.contains("somebody deleted it"), "{why}");
    soon_stand(&tree, 2);
}

/// What anybody may put where the candidates stand: it neither stops the election nor wins it, and
/// status does not take it for a replica.
#[test]
fn what_is_no_candidate_neither_leads_nor_ends_anybody() {
    let (tree, hosts) = (tree("squatters"), HostsFile::with("127.0.0.1 localhost\n"));
    tree.create("/db", "10.0.0.1");
    tree.create("/nameserver", "");
    tree.create("/nameserver/election", "");
    let junk = [
        "latch-é123456789",
        "latch-0000000000",
        "_c_c94f1eb8-e5ac-443c-9643-2668b6f685b2-latch-0000000000",
        "-latch--000000001",
        "latch-",
        "latch",
        "\u{202e}latch-0000000000",
        "ü",
    ];
    for component in junk {
        tree.create(&format!("/nameserver/election/{component}"), "");
    }
    let one = replica(&tree, "one").run();
    soon_leads(&tree, "one");
    one.soon_says("latch-0000000000 is no candidate, since no session owns it");
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    // A candidate's name is no proof either: who came first leads.
    tree.create_ephemeral("/nameserver/election/latch-0000000001", "");
    tree.create_ephemeral("/nameserver/election/latch-é000000002", "");
    let two = replica(&tree, "two").run();
    soon_stand(&tree, junk.len() + 4);
    tree.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
    tree.delete("/nameserver/election/latch-0000000001");
    drop(one);
    soon_leads(&tree, "two");
    assert!(!two.log().contains("panicked"), "{}", two.log());
}

/// As in our own unit, whose `/proc` shows processes and nothing else.
#[test]
fn a_killed_leader_is_followed_at_once_where_proc_shows_little() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let tree = tree("subset");
    tree.create("/db", "10.0.0.1");
    let mounts = "BOOT_ID=$(cat /proc/sys/kernel/random/boot_id); export BOOT_ID
        mount -t proc -o subset=pid proc /proc";
    let program = nameserver(&tree)
        .flag("id", "ns")
        .flag("session-timeout", "40s")
        .after_mounting(mounts);
    let mut running = program.run();
    tree.soon_maps("db", &["10.0.0.1"]);
    running.crash_and_run();
    tree.set("/db", "10.0.0.2");
    tree.soon_maps("db", &["10.0.0.2"]);
}

/// What a user may not see is not gone: with hidden processes, replicas of two users leave each other alone.
#[test]
fn replicas_of_users_who_do_not_see_each_other_live_side_by_side() {
    if !needs(Need::MountNamespace) || !needs(Need::OtherUser) {
        return;
    }
    let tree = tree("hidepid");
    tree.create("/db", "10.0.0.1");
    let replica = |user: &str| {
        let script = format!(
            "mount -t proc -o hidepid=2 proc /proc
            exec setpriv --reuid={user} --regid={user} --clear-groups \"$@\""
        );
        nameserver(&tree)
            .flag("id", format!("ns-{user}"))
            .after_mounting(&script)
    };
    let first = replica("65534").run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let second = replica("65533").run();
    let election = || tree.children("/nameserver/election");
    wait_until("both to stand", PATIENCE, || election().len() == 2);
    let (stood, begun) = (election(), Stopwatch::start());
    wait_until("two seconds", PATIENCE, || {
        assert_eq!(election(), stood);
        begun.elapsed() > Duration::from_secs(2)
    });
    drop(first);
    tree.set("/db", "10.0.0.2");
    tree.soon_maps("db", &["10.0.0.2"]);
    drop(second);
}
