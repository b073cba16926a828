//! The lab itself: what the other scenarios stand on.

use std::process::Command;
use std::time::Duration;

use lab::{
    Client, Cut, Dns, Dnsmasq, Ensemble, HostsFile, Process, Proxy, Scratch, ZooKeeper, alive,
    tree, wait_until,
};

#[test]
fn trees_do_not_meet() {
    let (one, two) = (tree("meet"), tree("meet"));
    one.create("/db", "10.0.0.5");
    assert_eq!(one.get("/db").as_deref(), Some(b"10.0.0.5".as_slice()));
    assert_eq!(two.get("/db"), None);
}

#[test]
fn a_server_keeps_its_data_over_its_end() {
    let mut zookeeper = ZooKeeper::start();
    let tree = zookeeper.tree("data");
    tree.create("/db", "1");
    zookeeper.kill();
    zookeeper.restart();
    tree.set("/db", "2");
    zookeeper.stop();
    zookeeper.restart();
    assert_eq!(tree.get("/db").as_deref(), Some(b"2".as_slice()));
    zookeeper.pause();
    zookeeper.resume();
    assert!(zookeeper.ask("ruok").contains("imok"));
}

#[test]
fn a_dropped_client_takes_its_ephemeral_znodes_along() {
    let tree = tree("ephemeral");
    let client = Client::connect_for(tree.address(), Duration::from_secs(1));
    client.create_ephemeral("/there", "");
    assert!(tree.stat("/there").is_some());
    drop(client);
    wait_until("the znode to go", lab::PATIENCE, || {
        tree.stat("/there").is_none()
    });
}

#[test]
fn many_znodes_are_created_in_a_moment() {
    let tree = tree("many");
    let paths: Vec<String> = (0..2_000).map(|number| format!("/n{number}")).collect();
    tree.create_many(paths.iter().map(|path| (path.as_str(), "10.0.0.5")));
    assert_eq!(tree.children("/").len(), 2_000);
}

#[test]
fn an_ensemble_outlives_its_leader() {
    let mut ensemble = Ensemble::start(3);
    let tree = lab::Tree::new(&ensemble.addresses(), "ensemble");
    let leader = ensemble.leader();
    ensemble.members[leader].kill();
    tree.create("/db", "");
    assert!(tree.stat("/db").is_some());
}

#[test]
fn an_ensemble_serves_while_its_members_restart_in_turn_and_after_all_were_down() {
    let mut ensemble = Ensemble::start(3);
    let tree = lab::Tree::new(&ensemble.addresses(), "in-turn");
    tree.create("/restarts", "0");
    let mut restarts = 0;
    ensemble.restart_in_turn(|| {
        restarts += 1;
        tree.set("/restarts", restarts.to_string());
    });
    assert_eq!(tree.get("/restarts").as_deref(), Some(b"3".as_slice()));
    ensemble.stop();
    ensemble.restart();
    assert_eq!(tree.get("/restarts").as_deref(), Some(b"3".as_slice()));
}

#[test]
fn a_proxy_passes_cuts_stalls_refuses_and_counts() {
    let (tree, proxy) = (tree("proxy"), Proxy::before(&ZooKeeper::shared().address()));
    tree.create("/db", "10.0.0.1");
    let path = format!("{}/db", tree.chroot());
    let client = Client::connect(&tree.address_at(&proxy.address()));
    let read = || client.get("/db").expect("it is there");
    assert_eq!(read(), b"10.0.0.1");
    assert_eq!(proxy.requests().of("getData", &path), 1);
    for (number, how) in [(2, Cut::Reset), (3, Cut::Close)] {
        proxy.cut(how);
        assert_eq!(read(), b"10.0.0.1", "after {how:?}");
        assert_eq!(proxy.attempts().len(), number);
        assert_eq!(proxy.connections(), 1);
    }

    proxy.stall();
    let before = proxy.requests();
    std::thread::scope(|scope| {
        let stalled = scope.spawn(read);
        let still = std::time::Instant::now();
        wait_until("nothing to happen", lab::PATIENCE, || {
            still.elapsed() > Duration::from_millis(300)
        });
        assert!(!stalled.is_finished());
        assert_eq!(proxy.requests(), before);
        proxy.resume();
        assert_eq!(stalled.join().expect("a reader"), b"10.0.0.1");
    });
    assert_eq!(proxy.requests().since(&before).of("getData", &path), 1);

    proxy.refuse();
    assert_eq!(read(), b"10.0.0.1", "what is connected stays so");
    let refused = proxy.attempts().len();
    proxy.cut(Cut::Reset);
    wait_until("two refusals", lab::PATIENCE, || {
        proxy.attempts().len() > refused + 1
    });
    assert_eq!(proxy.connections(), 0);
    proxy.resume();
    assert_eq!(read(), b"10.0.0.1");
}

#[test]
fn a_change_whose_answer_was_lost_is_made_once_and_is_no_error() {
    let (tree, proxy) = (tree("lost"), Proxy::before(&ZooKeeper::shared().address()));
    tree.create("/old", "");
    let client = Client::connect(&tree.address_at(&proxy.address()));
    assert!(client.get("/old").is_some());
    let lose_the_answer = |change: &(dyn Fn() + Sync), is_made: &dyn Fn() -> bool| {
        // The request passes; the answer never does.
        proxy.delay(lab::PATIENCE);
        std::thread::scope(|scope| {
            let changing = scope.spawn(change);
            wait_until("the change", lab::PATIENCE, is_made);
            proxy.cut(Cut::Reset);
            proxy.resume();
            changing.join().expect("a change that is no error");
        });
    };
    let there = |path: &str| tree.stat(path).is_some();
    lose_the_answer(&|| client.delete("/old"), &|| !there("/old"));
    lose_the_answer(&|| client.create("/new", "1"), &|| there("/new"));
    let paths = ["/new".to_owned()];
    lose_the_answer(&|| client.delete_all_of(&paths), &|| !there("/new"));
    let znodes = [("/parent", "1"), ("/parent/child", "2")];
    lose_the_answer(&|| client.create_many(znodes), &|| there("/parent/child"));
    assert_eq!(tree.get("/parent/child").as_deref(), Some(&b"2"[..]));
    let old = format!("{}/old", tree.chroot());
    assert_eq!(proxy.requests().of("delete", &old), 2, "it was made again");
    // One that was never made is one.
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.delete("/old")));
    assert!(again.is_err());
}

#[test]
fn a_hosts_file_is_read_as_a_resolver_does() {
    let hosts = HostsFile::with(
        "127.0.0.1 localhost # not.this\n# BEGIN hostsync\n10.0.0.5 db\n10.0.0.6\tdb\n# END hostsync\n",
    );
    assert_eq!(hosts.addresses("db"), ["10.0.0.5", "10.0.0.6"]);
    assert_eq!(hosts.addresses("localhost"), ["127.0.0.1"]);
    assert_eq!(hosts.names().keys().collect::<Vec<_>>(), ["db"]);
    assert_eq!(hosts.foreign(), "127.0.0.1 localhost # not.this\n");
}

/// A test process that is killed cannot tidy up; the reaper does it.
#[test]
fn nothing_outlives_a_killed_test() {
    if let Some(report) = std::env::var_os("HOSTSYNC_LAB_VICTIM") {
        let zookeeper = ZooKeeper::start();
        let scratch = Scratch::new("victim");
        let what = format!("{} {}", zookeeper.pid(), scratch.path().display());
        std::fs::write(report, what).expect("the report is written");
        loop {
            std::thread::park();
        }
    }
    let scratch = Scratch::new("killer");
    let mut victim = Command::new(std::env::current_exe().expect("this test"));
    victim.args(["--exact", "the_lab::nothing_outlives_a_killed_test"]);
    victim.env("HOSTSYNC_LAB_VICTIM", scratch.join("report"));
    let mut victim = Process::spawn("victim", victim, &scratch.join("log"));
    wait_until("the victim's report", Duration::from_secs(30), || {
        scratch.read("report").contains(' ')
    });
    let report = scratch.read("report");
    let (pid, directory) = report.split_once(' ').expect("two words");
    let pid = pid.parse().expect("a process id");
    assert!(alive(pid));
    victim.kill9();
    wait_until("the server's end", lab::PATIENCE, || !alive(pid));
    let gone = || !std::path::Path::new(directory).exists();
    wait_until("the directory to go", lab::PATIENCE, gone);
}

#[test]
fn dns_servers_are_asked_and_what_they_say_is_read() {
    let server = Dnsmasq::start(&["--host-record=a.lab,192.0.2.7", "--local=/lab/"]);
    let dns = Dns::at(server.address());
    let found = dns.soon_has("A.lab A", &["192.0.2.7"]);
    assert_eq!(found.status(), "NOERROR");
    assert!(found.has_flag("aa") && !found.has_flag("tc"), "{found:?}");
    assert!((23..100).contains(&found.size()), "{found:?}");
    let record = found.section("ANSWER")[0];
    assert_eq!((record.name, record.ttl, record.kind), ("A.lab.", 0, "A"));
    let absent = dns.dig("b.lab A");
    assert_eq!(absent.status(), "NXDOMAIN");
    assert!(absent.data().is_empty(), "{absent:?}");
    dns.host("a.lab")
        .expect_code(0)
        .expect_words(&["a.lab has address 192.0.2.7"]);
    dns.nslookup("a.lab")
        .expect_code(0)
        .expect_words(&["192.0.2.7"]);
    dns.python("print(data(ask('a.lab', 'A').answer))")
        .expect_code(0)
        .expect_words(&["['192.0.2.7']"]);
    drop(server);
    assert_eq!(dns.dig("a.lab +tries=1").status(), "", "nobody answers");
}
