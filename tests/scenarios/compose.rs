//! Our compose file in real containers, with the engine's usual capabilities: names of services that
//! come, grow, die, are stopped, lose their network and start again.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use lab::{
    Compose, Container, Image, Need, Network, PATIENCE, Stopwatch, docker, needs, wait_for,
    wait_until,
};

use crate::container::addresses;

/// The session timeout that the compose file asks for.
const SESSION: Duration = Duration::from_secs(4);
/// How long a started machine may take to find a quorum and to be healthy.
const START: Duration = Duration::from_secs(90);
/// What other tests on the same machine may add; how long it takes without them is printed.
const SLACK: Duration = Duration::from_secs(10);

/// The addresses of `name` in a container's hosts file. Lines may be there twice for a while.
fn found(container: &Container, name: &str) -> BTreeSet<String> {
    addresses(&container.hosts(), name).into_iter().collect()
}

fn address(container: &Container, network: &str) -> String {
    container.inspect(&format!(
        "{{{{with index .NetworkSettings.Networks \"{network}\"}}}}{{{{.IPAddress}}}}{{{{end}}}}"
    ))
}

fn all_addresses(compose: &Compose, service: &str) -> BTreeSet<String> {
    let containers = compose.containers(service);
    let addresses = containers
        .iter()
        .map(|one| address(one, &compose.network()));
    addresses.filter(|address| !address.is_empty()).collect()
}

/// Waits until a container maps a name to these; returns how long that took.
fn soon_maps(
    container: &Container,
    name: &str,
    wanted: &BTreeSet<String>,
    limit: Duration,
) -> Duration {
    let started = Stopwatch::start();
    let look = || found(container, name);
    wait_for(&format!("{name} at {wanted:?}"), limit, look, |found| {
        found == wanted
    });
    started.elapsed()
}

/// The C library and a program find a name.
fn resolves(container: &Container, name: &str, wanted: &BTreeSet<String>) {
    let answer = container.call(&["getent", "ahostsv4", name]).expect_code(0);
    let words = answer
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next());
    assert_eq!(&words.map(str::to_owned).collect::<BTreeSet<_>>(), wanted);
    let ping = ["ping", "-c", "1", "-W", "5", name];
    let _ = container.call(&ping).expect_code(0);
}

fn soon_healthy(compose: &Compose) {
    for service in ["zk1", "zk2", "zk3", "ns1", "ns2", "db", "web", "client"] {
        for container in compose.containers(service) {
            let look = || container.inspect("{{.State.Status}} {{.State.Health.Status}}");
            let what = format!("a healthy {service}: {}", container.log());
            wait_for(&what, START, look, |state| state == "running healthy");
        }
    }
}

fn measured(what: &str, time: Duration) {
    println!("measured: {what}: {time:?}");
}

#[test]
fn services_find_each_other_whatever_happens_to_them() {
    if !needs(Need::Compose) {
        return;
    }
    let started = Stopwatch::start();
    let compose = Compose::up(5);
    measured("all containers started", started.elapsed());
    soon_healthy(&compose);
    measured("all healthy", started.elapsed());

    let (client, db) = (
        &compose.containers("client")[0],
        &compose.containers("db")[0],
    );
    let webs = compose.containers("web");
    let databases = all_addresses(&compose, "db");
    let mut all = all_addresses(&compose, "web");
    assert_eq!(all.len(), 5);
    soon_maps(client, "web", &all, PATIENCE);
    resolves(client, "web", &all);
    resolves(client, "primary.db", &databases);
    resolves(db, "web", &all);
    resolves(&webs[0], "primary.db", &databases);
    soon_resolves_without_glibc(&compose, &databases);

    // It dies without a word: its session has to time out.
    all.remove(&address(&webs[4], &compose.network()));
    let killed = Stopwatch::start();
    let _ = docker(&["kill", webs[4].name()]);
    soon_maps(client, "web", &all, SESSION + SLACK);
    measured("killed, gone after", killed.elapsed());

    is_gone_before_its_end(&compose, client, &webs[3], &mut all);
    follows_its_network(&compose, client, &webs[2]);
    is_back_after_a_restart(&compose, client, &webs[1]);
}

/// An image without a C library.
fn soon_resolves_without_glibc(compose: &Compose, databases: &BTreeSet<String>) {
    let image = Image::with_static_busybox();
    let network = Network::joined(&compose.network());
    let start = ["run", "-z", "zk1:2181,zk2:2181,zk3:2181"];
    let container = Container::run(&image, &network, &start);
    soon_maps(&container, "primary.db", databases, PATIENCE);
    let ping = ["busybox", "ping", "-c", "1", "primary.db"];
    let answer = container.call(&ping).expect_code(0);
    answer.expect_words(&[databases.first().expect("a database")]);
}

fn is_gone_before_its_end(
    compose: &Compose,
    client: &Container,
    web: &Container,
    all: &mut BTreeSet<String>,
) {
    all.remove(&address(web, &compose.network()));
    // Looks by itself: on a busy machine the engine is late with everything that it is asked.
    let script = "touch /tmp/watching; while grep -qwF \"$0\" /etc/hosts; do sleep 0.05; done; \
                  date -u +%FT%T.%N";
    let own = address(web, &compose.network());
    let gone = thread::scope(|scope| {
        let watching = scope.spawn(|| client.call(&["sh", "-c", script, &own]).expect_code(0));
        wait_until("somebody to look", PATIENCE, || {
            client.call(&["test", "-e", "/tmp/watching"]).code() == 0
        });
        let stopped = Stopwatch::start();
        let _ = docker(&["stop", web.name()]);
        measured("stopped, ended after", stopped.elapsed());
        watching.join().expect("it goes").stdout
    });
    let ended = web.inspect("{{.State.FinishedAt}}");
    // Both in UTC, with as many digits as there are.
    assert!(
        gone.trim() < ended.trim_end_matches('Z'),
        "gone from the file at {gone}, ended at {ended}"
    );
    soon_maps(client, "web", all, PATIENCE);
}

/// Another network changes nothing; without its own it is gone, and with it again it is back.
fn follows_its_network(compose: &Compose, client: &Container, web: &Container) {
    let (own, other) = (compose.network(), Network::new());
    let before = all_addresses(compose, "web");
    for event in ["connect", "disconnect"] {
        let _ = docker(&["network", event, other.name(), web.name()]);
        soon_maps(web, "web", &before, SLACK);
        soon_maps(client, "web", &before, SLACK);
        resolves(web, "primary.db", &all_addresses(compose, "db"));
    }
    let _ = docker(&["network", "disconnect", &own, web.name()]);
    let others = all_addresses(compose, "web");
    assert_eq!(others.len() + 1, before.len());
    let limit = SESSION + SLACK;
    measured(
        "cut off, gone after",
        soon_maps(client, "web", &others, limit),
    );
    let _ = docker(&["network", "connect", &own, web.name()]);
    let again = all_addresses(compose, "web");
    assert_eq!(again.len(), before.len());
    measured(
        "connected again, there after",
        soon_maps(client, "web", &again, PATIENCE),
    );
    soon_maps(web, "web", &again, PATIENCE);
}

fn is_back_after_a_restart(compose: &Compose, client: &Container, web: &Container) {
    let _ = docker(&["restart", "--time", "5", web.name()]);
    let restarted = Stopwatch::start();
    let all = all_addresses(compose, "web");
    soon_maps(web, "primary.db", &all_addresses(compose, "db"), SLACK);
    soon_maps(web, "web", &all, SLACK);
    measured("restarted, knows after", restarted.elapsed());
    soon_maps(client, "web", &all, PATIENCE);
    measured("restarted, is known after", restarted.elapsed());
    wait_until("its health", START, || {
        web.inspect("{{.State.Health.Status}}") == "healthy"
    });
}
