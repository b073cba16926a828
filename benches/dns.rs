//! DNS queries of the same 10,000 names, put by dnsperf to nameserver and to dnsmasq.
//!
//! Both servers run on the first core, and dnsperf on the second. They are asked the same questions
//! in turns, so that what else the machine does falls on both. Queries are counted per second of the
//! run, and per second of processor time that the server used in it: this holds on a busy machine
//! too. Latencies are those at a rate that neither server minds; dnsperf gives no percentiles, but
//! with `-v` the latency of each query.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use benches::{Times, millis, print, ratio};
use lab::{Dnsmasq, Running, Scratch, Tree, ZooKeeper, nameserver, wait_for};

const NAMES: usize = 10_000;
const DOMAIN: &str = "bench.test";
const ROUNDS: usize = 7;
/// How long one run of dnsperf takes, in seconds.
const SECONDS: &str = "2";
/// Queries a second while latencies are taken.
const CALM: &str = "2000";
const SERVERS_CORE: &str = "0";
const CLIENTS_CORE: &str = "1";

fn main() {
    let zookeeper = ZooKeeper::start();
    let scratch = Scratch::new("bench-dns");
    let questions = scratch.write("questions", questions());
    let tree = zookeeper.tree("dns");
    let ours = our_server(&tree);
    let theirs = Dnsmasq::start(&[
        &format!("--addn-hosts={}", scratch.write("hosts", hosts()).display()),
        &format!("--cache-size={NAMES}"),
        "--local-ttl=30",
    ]);
    let servers = [
        Server::new(address_of(&ours), ours.pid(), &questions),
        Server::new(theirs.address(), theirs.pid(), &questions),
    ];
    for server in &servers {
        server.soon_knows_all();
    }
    let mut runs = [Runs::default(), Runs::default()];
    for _ in 0..ROUNDS {
        for (server, runs) in servers.iter().zip(&mut runs) {
            runs.add(&server.load(), server.latencies());
        }
    }
    report(runs.map(Runs::figures));
}

fn report([ours, theirs]: [Figures; 2]) {
    let row = |name: &str, figures: &Figures| {
        vec![
            name.to_owned(),
            format!("{:.0}", figures.rate),
            format!("{:.0}", figures.rate_of_core),
            millis(figures.latencies.p50()),
            millis(figures.latencies.p99()),
        ]
    };
    let ratios = vec![
        "nameserver / dnsmasq".to_owned(),
        format!("{:.2} ×", ours.rate / theirs.rate),
        format!("{:.2} ×", ours.rate_of_core / theirs.rate_of_core),
        ratio(ours.latencies.p50(), theirs.latencies.p50()),
        ratio(ours.latencies.p99(), theirs.latencies.p99()),
    ];
    println!(
        "\nDNS, {NAMES} names, medians of {ROUNDS} rounds of {SECONDS} s each; latencies at {CALM} queries/s\n"
    );
    print(
        &["", "queries/s", "queries/s of core", "p50", "p99"],
        &[row("nameserver", &ours), row("dnsmasq", &theirs), ratios],
    );
}

/// A server that answers for all names.
#[derive(Debug)]
struct Server<'a> {
    address: SocketAddr,
    pid: u32,
    questions: &'a Path,
}

/// What one run at full speed gave.
#[derive(Debug)]
struct Load {
    /// Queries a second.
    rate: f64,
    /// Queries a second of processor time.
    rate_of_core: f64,
}

impl<'a> Server<'a> {
    /// Pins the server to its core.
    fn new(address: SocketAddr, pid: u32, questions: &'a Path) -> Self {
        let pid_word = pid.to_string();
        call(
            "taskset",
            &[
                "--all-tasks",
                "--pid",
                "--cpu-list",
                SERVERS_CORE,
                &pid_word,
            ],
        );
        Self {
            address,
            pid,
            questions,
        }
    }

    /// Waits until every name has an address.
    fn soon_knows_all(&self) {
        let look = || self.dnsperf(&["-n", "1"]);
        wait_for(
            &format!("{} to know all names", self.address),
            Duration::from_secs(60),
            look,
            |said| said.contains(&format!("NOERROR {NAMES} (100.00%)")),
        );
    }

    fn load(&self) -> Load {
        let before = processor_time(self.pid);
        let said = self.dnsperf(&["-l", SECONDS]);
        let used = processor_time(self.pid) - before;
        assert!(
            figure(&said, "Response codes:").starts_with("NOERROR")
                && figure(&said, "Response codes:").ends_with("(100.00%)"),
            "{said}"
        );
        let completed: f64 = number(&said, "Queries completed:");
        Load {
            rate: number(&said, "Queries per second:"),
            rate_of_core: completed / used.as_secs_f64(),
        }
    }

    fn latencies(&self) -> Vec<Duration> {
        let said = self.dnsperf(&["-l", SECONDS, "-Q", CALM, "-v"]);
        let answers = said.lines().filter(|line| line.starts_with("> NOERROR "));
        let latency = |line: &str| {
            let seconds = line.rsplit(' ').next().and_then(|word| word.parse().ok());
            Duration::from_secs_f64(seconds.expect("a latency"))
        };
        answers.map(latency).collect()
    }

    /// What dnsperf says after a run.
    fn dnsperf(&self, arguments: &[&str]) -> String {
        let (ip, port) = (
            self.address.ip().to_string(),
            self.address.port().to_string(),
        );
        let questions = self.questions.display().to_string();
        let mut words = vec!["--cpu-list", CLIENTS_CORE, "dnsperf"];
        words.extend(["-s", &ip, "-p", &port, "-d", &questions]);
        words.extend(arguments);
        call("taskset", &words)
    }
}

/// The runs of one server.
#[derive(Debug, Default)]
struct Runs {
    rates: Vec<f64>,
    rates_of_core: Vec<f64>,
    latencies: Vec<Duration>,
}

#[derive(Debug)]
struct Figures {
    rate: f64,
    rate_of_core: f64,
    latencies: Times,
}

impl Runs {
    fn add(&mut self, load: &Load, latencies: Vec<Duration>) {
        self.rates.push(load.rate);
        self.rates_of_core.push(load.rate_of_core);
        self.latencies.extend(latencies);
    }

    fn figures(self) -> Figures {
        Figures {
            rate: median(self.rates),
            rate_of_core: median(self.rates_of_core),
            latencies: Times::new(self.latencies),
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The nameserver with a znode for each name.
fn our_server(tree: &Tree) -> Running {
    let znodes: Vec<_> = (0..NAMES)
        .map(|i| (format!("/{}", label(i)), address(i)))
        .collect();
    tree.create_many(
        znodes
            .iter()
            .map(|(path, data)| (path.as_str(), data.as_str())),
    );
    nameserver(tree)
        .flag("domain", DOMAIN)
        .flag("dns", "127.0.0.1:0")
        .flag("ttl", "30")
        .run()
}

/// Where our server says that it answers.
fn address_of(server: &Running) -> SocketAddr {
    let line = server.soon_says("answering DNS at ");
    let said = line.split("answering DNS at ").nth(1).unwrap_or_default();
    let address = said.split(' ').next().and_then(|word| word.parse().ok());
    address.unwrap_or_else(|| panic!("no address in {line:?}"))
}

fn label(i: usize) -> String {
    format!("host{i:05}")
}

fn address(i: usize) -> String {
    format!("10.1.{}.{}", i / 256, i % 256)
}

/// The names as a hosts file.
fn hosts() -> String {
    let line = |i| format!("{} {}.{DOMAIN}\n", address(i), label(i));
    (0..NAMES).map(line).collect()
}

/// One question for each name, in an order that is no order.
fn questions() -> String {
    // 7919 is a prime that does not divide the number of names, so that each comes once.
    let line = |i| format!("{}.{DOMAIN} A\n", label(i * 7919 % NAMES));
    (0..NAMES).map(line).collect()
}

/// How long the threads of a process have had a core.
fn processor_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs");
    let nanos = threads.flatten().map(|thread| {
        let path: PathBuf = thread.path().join("schedstat");
        let text = fs::read_to_string(path).unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
        nanos.unwrap_or(0)
    });
    Duration::from_nanos(nanos.sum())
}

/// What dnsperf says behind a heading.
fn figure<'a>(said: &'a str, heading: &str) -> &'a str {
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix(heading));
    line.unwrap_or_else(|| panic!("no {heading:?} in {said}"))
        .trim()
}

fn number(said: &str, heading: &str) -> f64 {
    let word = figure(said, heading).split(' ').next();
    let number = word.and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number behind {heading:?} in {said}"))
}

/// Runs a command to its end; returns its standard output.
fn call(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program}: {error}; `scripts/setup bench` installs what is missing")
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    said
}
