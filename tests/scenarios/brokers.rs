//! Real MQTT brokers in containers, and clients that know nothing of us, each bound to one of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lab::{
    Container, Image, Need, Network, PATIENCE, Stopwatch, binary, nameserver, needs, tree, wait_for,
};

use crate::container::addresses;

/// The session timeout, what it takes to notice, and a client's own second before it tries again.
const MOVE: Duration = Duration::from_secs(20);

/// A slot in a new page supersedes no other before this time is over: until then a name that
/// changes has both addresses, and these clients would wait for minutes for the dead one.
const GRACE: Duration = Duration::from_secs(2);

struct Site {
    image: Image,
    network: Network,
    servers: String,
}

impl Site {
    fn start(&self, words: &[&str]) -> Container {
        let program = format!(
            "--volume={}:/usr/bin/hostsync:ro",
            binary("hostsync").display()
        );
        let exec = [
            "hostsync",
            "exec",
            "-z",
            &self.servers,
            "--session-timeout=4s",
        ];
        Container::run_with(
            &[&program],
            &self.image,
            &self.network,
            &[&exec, words].concat(),
        )
    }

    fn address(&self, container: &Container) -> String {
        let name = self.network.name();
        container.inspect(&format!(
            "{{{{(index .NetworkSettings.Networks \"{name}\").IPAddress}}}}"
        ))
    }
}

/// How many clients each of these brokers has, as the clients' own hosts files tell.
fn loads(brokers: &[String], clients: &[Container]) -> BTreeMap<String, usize> {
    let mut loads: BTreeMap<String, usize> = brokers.iter().map(|one| (one.clone(), 0)).collect();
    for client in clients {
        for address in addresses(&client.hosts(), "mqtt") {
            *loads.entry(address).or_default() += 1;
        }
    }
    loads
}

/// All clients are bound to these brokers, none has two more than another.
fn are_even(loads: &BTreeMap<String, usize>, brokers: &[String], clients: usize) -> bool {
    let (low, high) = (loads.values().min(), loads.values().max());
    let is_near = low.zip(high).is_some_and(|(low, high)| high - low <= 1);
    is_near && loads.len() == brokers.len() && loads.values().sum::<usize>() == clients
}

/// Every client has subscribed at the broker that it is bound to: it gets what is published there.
fn soon_get(text: &str, brokers: &[&Container], clients: &[Container]) {
    let without = || -> Vec<String> {
        publish(text, brokers);
        let logs = clients.iter().map(Container::log);
        logs.filter(|log| !log.contains(text)).collect()
    };
    wait_for(
        &format!("{text:?} at every client"),
        MOVE,
        without,
        |logs| logs.is_empty(),
    );
}

fn publish(text: &str, brokers: &[&Container]) {
    for broker in brokers {
        let words = [
            "mosquitto_pub",
            "-h",
            "127.0.0.1",
            "-t",
            "news",
            "-q",
            "1",
            "-m",
            text,
        ];
        let _ = broker.call(&words).expect_code(0);
    }
}

#[test]
fn clients_share_the_brokers_and_leave_a_dead_one() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("brokers");
    let _server = nameserver(&tree).run();
    let (image, network) = (Image::with_mosquitto(), Network::new());
    let servers = network.reach(&tree);
    let site = Site {
        image,
        network,
        servers,
    };

    let listen =
        "printf 'listener 1883\\nallow_anonymous true\\n' >/tmp/conf; exec mosquitto -c /tmp/conf";
    let broker = [
        "--register=broker:1883",
        "--check=tcp",
        "--",
        "sh",
        "-c",
        listen,
    ];
    let mut brokers: Vec<Container> = (0..3).map(|_| site.start(&broker)).collect();
    let mut places: Vec<String> = brokers.iter().map(|one| site.address(one)).collect();
    // A binding is for the life of its instance: who comes early does not move for a newcomer.
    tree.soon_publishes("all brokers", |snapshot| {
        snapshot.addresses("broker").len() == 3
    });
    let client = [
        "--bind=mqtt=broker",
        "--wait=mqtt",
        "--",
        "mosquitto_sub",
        "-k",
        "5",
        "-h",
        "mqtt",
        "-t",
        "news",
        "-q",
        "1",
    ];
    let clients: Vec<Container> = (0..5).map(|_| site.start(&client)).collect();
    let look = |places: &[String]| loads(places, &clients);
    wait_for(
        "even loads",
        PATIENCE,
        || look(&places),
        |loads| are_even(loads, &places, 5),
    );
    soon_get("first", &brokers.iter().collect::<Vec<_>>(), &clients);

    // Each has had its page since before it subscribed.
    let subscribed = Instant::now();
    wait_for(
        "pages that are old enough",
        PATIENCE,
        || subscribed.elapsed(),
        |age| *age > GRACE,
    );
    let killed = Stopwatch::start();
    let (dead, _) = (brokers.remove(0), places.remove(0));
    // The process itself, so that clients see it: nothing tells them that a machine is away.
    let kill = "kill -9 $(cat /proc/1/task/*/children)";
    let _ = dead.call(&["sh", "-c", kill]);
    wait_for(
        "even loads without it",
        MOVE,
        || look(&places),
        |loads| are_even(loads, &places, 5),
    );
    println!(
        "measured: a broker is killed, its clients are bound again: {:?}",
        killed.elapsed()
    );
    let left: Vec<&Container> = brokers.iter().collect();
    soon_get("again", &left, &clients);
    println!(
        "measured: a broker is killed, its clients are connected again: {:?}",
        killed.elapsed()
    );

    // From here on nothing may be lost, nor come twice.
    let count = 50;
    for number in 0..count {
        publish(&format!("message {number}."), &left);
    }
    for client in &clients {
        let wanted: Vec<String> = (0..count)
            .map(|number| format!("message {number}."))
            .collect();
        let got = || -> Vec<String> {
            let log = client.log();
            let lines = log.lines().filter(|line| line.starts_with("message "));
            lines.map(str::to_owned).collect()
        };
        wait_for("every message once, in order", PATIENCE, got, |got| {
            *got == wanted
        });
    }
}
