//! A container registers itself: from the first start to the last signal, through crashes.

use std::time::Duration;

use lab::{
    HostsFile, PATIENCE, Program, Proxy, Running, Tree, hostsync, nameserver, tree, wait_until,
};
use nix::sys::signal::Signal;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A tree whose services are below `/services`, with a nameserver.
fn services(name: &str) -> (Tree, Running) {
    let tree = tree(name);
    let server = nameserver(&tree).flag("root", "/services").run();
    (tree, server)
}

/// An agent that registers `what` as the instance `id`.
fn registering(tree: &Tree, hosts: &HostsFile, id: &str, what: &str) -> Program {
    hostsync(tree, hosts)
        .flag("id", id)
        .flag("register", what)
        .flag("address", "10.9.8.7")
        .flag("session-timeout", "2s")
}

fn owner(tree: &Tree, path: &str) -> i64 {
    tree.stat(path).map_or(0, |stat| stat.ephemeral_owner)
}

fn soon_is_there(tree: &Tree, path: &str) -> i64 {
    wait_until(&format!("{path} to be there"), PATIENCE, || {
        owner(tree, path) != 0
    });
    owner(tree, path)
}

#[test]
fn an_instance_and_an_exact_name_come_and_go_with_the_agent() {
    let (tree, _server) = services("register");
    let hosts = HostsFile::with(LOCALHOST);
    let mut agent =
        registering(&tree, &hosts, "c1", "Web:8080").run_with(&["--register", "primary.db="]);
    hosts.soon_maps("web", &["10.9.8.7"]);
    hosts.soon_maps("primary.db", &["10.9.8.7"]);
    let data = |path| {
        tree.get(path)
            .map(|data| String::from_utf8(data).expect("text"))
    };
    assert_eq!(
        data("/services/web/c1").as_deref(),
        Some(r#"{"address":"10.9.8.7","port":8080}"#)
    );
    assert_eq!(
        data("/services/db/primary").as_deref(),
        Some(r#"{"address":"10.9.8.7"}"#)
    );
    let status = hostsync(&tree, &hosts).soon_well();
    status.expect_words(&[
        "registered  web:8080: /services/web/c1",
        "primary.db=: /services",
    ]);

    // Whoever deletes it does not keep it deleted.
    tree.delete("/services/web/c1");
    soon_is_there(&tree, "/services/web/c1");

    agent.signal(Signal::SIGTERM);
    assert!(agent.wait_end(PATIENCE).success());
    for path in ["/services/web/c1", "/services/db/primary"] {
        assert_eq!(tree.stat(path), None, "{path}\n{}", agent.log());
    }
    tree.soon_lacks("web");
}

/// Ends an agent in some way, starts the next one, and looks that the name was there all along.
fn survives(name: &str, end: impl FnOnce(&mut Running)) {
    let (tree, _server) = services(name);
    let hosts = HostsFile::with(LOCALHOST);
    let program = registering(&tree, &hosts, "c1", "web");
    let mut agent = program.run();
    tree.soon_maps("web", &["10.9.8.7"]);
    let before = owner(&tree, "/services/web/c1");
    let generation = tree.snapshot().expect("a snapshot").generation();
    end(&mut agent);
    let _next = program.run();
    wait_until("the successor to take over", PATIENCE, || {
        ![0, before].contains(&owner(&tree, "/services/web/c1"))
    });
    // Until the servers have forgotten the old session, and with it what it owned.
    let after = owner(&tree, "/services/web/c1");
    let begun = std::time::Instant::now();
    wait_until("the old session to time out", PATIENCE, || {
        assert_eq!(owner(&tree, "/services/web/c1"), after);
        begun.elapsed() > Duration::from_secs(3)
    });
    let snapshot = tree.snapshot().expect("a snapshot");
    assert_eq!(snapshot.generation(), generation, "nobody saw a gap");
}

#[test]
fn a_killed_agent_is_followed_by_one_that_takes_over_without_a_gap() {
    survives("register-kill", |agent| agent.kill9());
}

#[test]
fn an_upgrade_with_sigusr1_leaves_no_gap() {
    survives("register-leave", |agent| {
        agent.signal(Signal::SIGUSR1);
        assert!(agent.wait_end(PATIENCE).success());
    });
}

#[test]
fn a_znode_that_one_transaction_makes_anew_is_not_missed_in_between() {
    let tree = tree("register-anew");
    let (server, _) = tree.address().split_once('/').expect("a chroot");
    let proxy = Proxy::before(server);
    let _server = nameserver(&tree)
        .flag("zookeeper", tree.address_at(&proxy.address()))
        .run();
    tree.create("/web", "");
    tree.create("/web/c1", "10.0.0.1");
    tree.create("/count", "10.1.0.0");
    tree.soon_maps("web", &["10.0.0.1"]);
    let mut before = tree.soon_maps("count", &["10.1.0.0"]).generation();
    for round in 1..=10 {
        // Fast publishes, but slow answers to whoever is told of the deletion alone.
        let reads = proxy.requests().total();
        proxy.delay(Duration::from_millis(100));
        tree.make_anew("/web/c1", "10.0.0.1");
        wait_until("the change to be read", PATIENCE, || {
            proxy.requests().total() > reads
        });
        proxy.resume();
        let count = format!("10.1.0.{round}");
        tree.set("/count", &count);
        let after = tree.soon_maps("count", &[&count]).generation();
        assert_eq!(after, before + 1, "nobody saw a gap");
        before = after;
    }
}

#[test]
fn it_is_registered_again_after_its_session_expired() {
    let (tree, _server) = services("register-expiry");
    let hosts = HostsFile::with(LOCALHOST);
    let agent = registering(&tree, &hosts, "c1", "web").run();
    let before = soon_is_there(&tree, "/services/web/c1");
    tree.soon_maps("web", &["10.9.8.7"]);
    agent.pause();
    tree.soon_lacks("web");
    agent.resume();
    tree.soon_maps("web", &["10.9.8.7"]);
    assert_ne!(owner(&tree, "/services/web/c1"), before);
}

#[test]
fn a_live_instance_of_somebody_else_is_not_stolen() {
    let (tree, _server) = services("register-taken");
    let (first_hosts, second_hosts) = (HostsFile::with(LOCALHOST), HostsFile::with(LOCALHOST));
    let mut first = registering(&tree, &first_hosts, "c1", "web").run();
    let owned = soon_is_there(&tree, "/services/web/c1");
    let second = registering(&tree, &second_hosts, "c1", "web").flag("address", "10.9.8.8");
    let second = second.run();
    let line = second.soon_says("cannot register web");
    for word in ["/services/web/c1", "somebody else", "--id"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(owner(&tree, "/services/web/c1"), owned);
    first.stop();
    tree.soon_maps("web", &["10.9.8.8"]);

    // Nor is what somebody put there by hand.
    tree.create("/services/web/c3", "10.0.0.3");
    let hosts = HostsFile::with(LOCALHOST);
    let third = registering(&tree, &hosts, "c3", "web").run();
    third.soon_says("no session owns");
    assert_eq!(
        tree.get("/services/web/c3").as_deref(),
        Some(&b"10.0.0.3"[..])
    );
}

/// As with two containers of one host's network, or one `hostname:` for two replicas.
#[test]
fn agents_of_one_host_name_do_not_collide_when_their_ports_differ() {
    let (tree, _server) = services("register-host");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let host = host.trim();
    let says = [
        "registered web:80",
        "registered web:81",
        "cannot register web:80",
    ];
    let agents = says.map(|says| {
        let (hosts, register) = (HostsFile::with(LOCALHOST), says.rsplit(' ').next());
        let program = hostsync(&tree, &hosts)
            .flag("register", register.unwrap_or_default())
            .flag("address", "10.9.8.7");
        let agent = program.run();
        agent.soon_says(says);
        (hosts, program, agent)
    });
    let mut children = tree.children("/services/web");
    children.sort();
    assert_eq!(children, [host.to_owned(), format!("{host}-81")]);
    let say = |at: usize| agents[at].1.call(&["status", "--registered"]);
    say(0)
        .expect_code(0)
        .expect_words(&["registered", &format!("web:80 at /services/web/{host}")]);
    say(1)
        .expect_code(0)
        .expect_words(&[&format!("web:81 at /services/web/{host}-81")]);
    // The same port: nobody can tell them apart but by an id, or a number.
    let third = say(2).expect_code(1);
    third.expect_words(&[
        "not registered: cannot register web:80",
        "--id",
        "--sequential",
    ]);
    let json = agents[2]
        .1
        .call(&["status", "--registered", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(json["registered"], false);

    // One agent at several ports.
    let hosts = HostsFile::with(LOCALHOST);
    let program = registering(&tree, &hosts, "c1", "two:80");
    let _agent = program.run_with(&["--register", "two:81"]);
    wait_until("both", PATIENCE, || {
        let mut children = tree.children("/services/two");
        children.sort();
        children == ["c1-80", "c1-81"]
    });
    program
        .soon_well()
        .expect_words(&["/services/two/c1-80", "/services/two/c1-81"]);
}

#[test]
fn sequential_instances_have_a_leader() {
    let (tree, _server) = services("register-sequential");
    let (first_hosts, second_hosts) = (HostsFile::with(LOCALHOST), HostsFile::with(LOCALHOST));
    let program = registering(&tree, &first_hosts, "c1", "web");
    let mut first = program.run_with(&["--sequential"]);
    tree.soon_maps("leader.web", &["10.9.8.7"]);
    let second = registering(&tree, &second_hosts, "c2", "web").flag("address", "10.9.8.8");
    let _second = second.run_with(&["--sequential"]);
    tree.soon_maps("web", &["10.9.8.7", "10.9.8.8"]);
    tree.soon_maps("leader.web", &["10.9.8.7"]);
    let children = tree.children("/services/web");
    assert_eq!(children, ["c1-0000000000", "c2-0000000001"]);
    // After a crash, the old one goes as the new one comes: never two of one container.
    first.kill9();
    let _again = program.run_with(&["--sequential"]);
    wait_until("the successor to take over", PATIENCE, || {
        tree.children("/services/web") == ["c1-0000000002", "c2-0000000001"]
    });
    tree.soon_maps("leader.web", &["10.9.8.8"]);
}

#[test]
fn without_an_address_of_its_own_choice_it_takes_one_that_others_reach() {
    let (tree, _server) = services("register-address");
    let hosts = HostsFile::with(LOCALHOST);
    let agent = hostsync(&tree, &hosts)
        .flag("id", "c1")
        .flag("register", "web")
        .run();
    soon_is_there(&tree, "/services/web/c1");
    let snapshot = tree.soon_publishes("the service", |snapshot| {
        snapshot.addresses("web").len() == 1
    });
    let address = snapshot.addresses("web")[0];
    assert!(!address.starts_with("127."), "{address}\n{}", agent.log());
    drop(agent);
    let six = registering(&tree, &hosts, "c6", "six:80").flag("address", "FD00:0::5");
    let _six = six.run();
    tree.soon_maps("six", &["fd00::5"]);
    let wrong = hostsync(&tree, &hosts)
        .flag("register", "web:http")
        .call(&["run"])
        .expect_code(2);
    wrong.expect_words(&["web:http", "1 to 65535"]);
}
