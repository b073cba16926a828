//! Who makes the file say what is wanted.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lab::{Program, Running, Snapshot, Tree, ZooKeeper, wait_for};
use serde_json::{Map, Value, json};

use crate::load::{self, Load};
use crate::place::{PATH, Place};

const ZNODE: &str = "/nameserver/hosts";
/// How long the agent may take for the first names, and for the last.
const PATIENCE: Duration = Duration::from_secs(30);

/// A writer.
pub(crate) trait Writer {
    /// Makes the file say what is wanted in this round, now or soon.
    fn write(&mut self, load: &Load, round: u64) -> anyhow::Result<()>;
    /// Prints what there is to tell at the end.
    fn report(&mut self, load: &Load, length: Duration) -> anyhow::Result<()>;
}

/// The product: an agent that follows a snapshot in ZooKeeper, which this writes itself.
#[derive(Debug)]
pub(crate) struct Hostsync {
    // In the order in which they end.
    agent: Running,
    program: Program,
    tree: Tree,
    _server: ZooKeeper,
}

impl Hostsync {
    pub(crate) fn start(place: &Place, load: &Load) -> anyhow::Result<Self> {
        let server = ZooKeeper::start();
        let tree = server.tree("soak");
        tree.publish(load.round(), &hosts(load, load.round()));
        let program = Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("hosts-file", PATH)
            .flag("cache", place.directory().join("cache"))
            .flag("log-level", "warn");
        let agent = program.run();
        let mut hostsync = Self {
            agent,
            program,
            tree,
            _server: server,
        };
        hostsync.wait_for(load.round());
        Ok(hostsync)
    }

    fn status(&self) -> Value {
        let outcome = self.program.call(&["status", "--json"]);
        serde_json::from_str(&outcome.stdout).unwrap_or_default()
    }

    /// The agent's status once it has applied this generation.
    fn wait_for(&mut self, generation: u64) -> Value {
        let what = format!("generation {generation} to be applied");
        wait_for(
            &what,
            PATIENCE,
            || self.status(),
            |status| applied(status) >= generation,
        )
    }
}

fn applied(status: &Value) -> u64 {
    status["snapshot"]["applied"].as_u64().unwrap_or(0)
}

fn hosts(load: &Load, round: u64) -> Value {
    let wanted = load.wanted(round).into_iter();
    let hosts: Map<_, _> = wanted
        .map(|(name, address)| (name, json!([address.to_string()])))
        .collect();
    Value::Object(hosts)
}

impl Writer for Hostsync {
    fn write(&mut self, load: &Load, round: u64) -> anyhow::Result<()> {
        self.tree
            .set(ZNODE, Snapshot::text(round, &hosts(load, round)));
        Ok(())
    }

    fn report(&mut self, load: &Load, length: Duration) -> anyhow::Result<()> {
        let (round, ended) = (load.round(), Instant::now());
        let status = self.wait_for(round);
        let late = ended.elapsed();
        let rate = (round - 1) as f64 / length.as_secs_f64();
        let file = &status["hosts_file"];
        println!(
            "  {:.0} snapshots/s with {} changed names each: {:.0} updates/s, all applied {} ms after the end",
            rate,
            load.updates_per_round(),
            rate * load.updates_per_round() as f64,
            late.as_millis(),
        );
        println!(
            "  written by {} ({}); slots {}; the file has {} bytes",
            file["write"].as_str().unwrap_or("?"),
            file["why"].as_str().unwrap_or("?"),
            file["slots"],
            fs::metadata(PATH).context(PATH)?.len(),
        );
        for line in self.agent.log().lines().take(10) {
            println!("  hostsync said: {line}");
        }
        self.agent.stop();
        Ok(())
    }
}

/// Truncate and write, as most scripts and Docker itself do. Not in the product.
#[derive(Debug)]
pub(crate) struct Naive;

impl Naive {
    pub(crate) fn start(_: &Place, load: &Load) -> anyhow::Result<Self> {
        let mut naive = Self;
        naive.write(load, load.round())?;
        Ok(naive)
    }
}

impl Writer for Naive {
    fn write(&mut self, load: &Load, round: u64) -> anyhow::Result<()> {
        let wanted = load.wanted(round).into_iter();
        let lines: Vec<_> = wanted
            .map(|(name, address)| format!("{address} {name}\n"))
            .collect();
        let text = format!("{}{}", load::FOREIGN, lines.concat());
        File::create(PATH)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .context(PATH)
    }

    fn report(&mut self, load: &Load, length: Duration) -> anyhow::Result<()> {
        let rate = (load.round() - 1) as f64 / length.as_secs_f64();
        println!(
            "  {rate:.0} times a second truncated and written, with {} changed names each",
            load.updates_per_round()
        );
        Ok(())
    }
}
