//! Who makes the file say what is wanted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lab::{
    Container, Image, Network, Program, Running, Scratch, Snapshot, Tree, ZooKeeper, docker,
    wait_for,
};
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

/// More names than this do not fit one znode: then a nameserver publishes them, from a tree that this writes.
const WHOLE: usize = 10_000;

/// The product: an agent that follows a snapshot in ZooKeeper, which this writes itself where it fits.
#[derive(Debug)]
pub(crate) struct Hostsync {
    // In the order in which they end.
    agent: Agent,
    /// What it writes, or one of several.
    file: PathBuf,
    nameserver: Option<Running>,
    tree: Tree,
    _server: ZooKeeper,
}

/// Where the product runs. With what it was made from and must outlive it.
#[derive(Debug)]
enum Agent {
    Process(Running, Program),
    Container(
        Container,
        #[expect(dead_code, reason = "only dropped")] (Image, Network),
    ),
    Outside(Box<Outside>),
}

/// One of three containers.
#[derive(Debug)]
struct Outside {
    process: Running,
    program: Program,
    _containers: [Container; 3],
    _others: (Image, Network, Scratch),
}

/// Waits for a file that [`Hostsync::in_container`] creates, so that the agent finds the hosts file as
/// the readers expect it.
const START: &str = "until [ -e /start ]; do :; done; exec \"$@\"";

impl Hostsync {
    pub(crate) fn start(place: &Place, load: &Load) -> anyhow::Result<Self> {
        let server = ZooKeeper::start();
        let tree = server.tree("soak");
        let nameserver = publish(&tree, load);
        let program = Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("hosts-file", PATH)
            .flag("cache", place.directory().join("cache"))
            .flag("log-level", "warn");
        let agent = Agent::Process(program.run(), program);
        let mut hostsync = Self {
            agent,
            file: PATH.into(),
            nameserver,
            tree,
            _server: server,
        };
        hostsync.wait_for(load);
        Ok(hostsync)
    }

    /// The same in a container with the engine's usual capabilities, and its `/etc/hosts`, which is
    /// put over that of this process for the readers.
    pub(crate) fn in_container(load: &Load) -> anyhow::Result<(Place, Self)> {
        let server = ZooKeeper::start();
        let tree = server.tree("soak");
        let nameserver = publish(&tree, load);
        let (image, network) = (Image::with_hostsync(), Network::new());
        let servers = network.reach(&tree);
        let run = ["hostsync", "run", "-z", &servers, "--log-level", "warn"];
        let command = [&["sh", "-c", START, "sh"][..], &run].concat();
        let container = Container::run(&image, &network, &command);
        let inspected = docker(&["inspect", "--format", "{{.HostsPath}}", container.name()]);
        let file = Path::new(inspected.stdout.trim());
        fs::write(file, load::FOREIGN).with_context(|| file.display().to_string())?;
        let place = Place::of(file)?;
        let _ = container.call(&["sh", "-c", ": >/start"]);
        let mut hostsync = Self {
            agent: Agent::Container(container, (image, network)),
            file: PATH.into(),
            nameserver,
            tree,
            _server: server,
        };
        hostsync.wait_for(load);
        Ok((place, hostsync))
    }

    /// One outside of three containers, which know nothing of it; it keeps their files. The mounts of each.
    pub(crate) fn outside(load: &Load) -> anyhow::Result<(Vec<File>, Self)> {
        let server = ZooKeeper::start();
        let tree = server.tree("soak");
        let nameserver = publish(&tree, load);
        let (image, network) = (Image::with_hostsync(), Network::new());
        let sleep = ["sleep", "1000000"];
        let containers = [(); 3].map(|()| Container::run(&image, &network, &sleep));
        let (scratch, mut mounts) = (Scratch::new("outside"), Vec::new());
        let mut program = Program::new("hostsync")
            .flag("zookeeper", tree.address())
            .flag("cache", scratch.join("cache"))
            .flag("log-level", "warn");
        let mut globs = Vec::new();
        for container in &containers {
            let file = container.hosts_path();
            fs::write(&file, load::FOREIGN).with_context(|| file.display().to_string())?;
            let mount = format!("/proc/{}/ns/mnt", container.inspect("{{.State.Pid}}"));
            mounts.push(File::open(&mount).with_context(|| mount.clone())?);
            // Of those on this machine it keeps no other.
            let glob = file.display().to_string().replace("/hosts", "*/hosts");
            globs.push(format!("'{glob}'"));
        }
        let settings = format!("hosts-file = [{}]", globs.join(", "));
        program = program.flag("config", scratch.write("settings.toml", settings));
        let file = containers[0].hosts_path();
        let agent = Agent::Outside(Box::new(Outside {
            process: program.run(),
            program,
            _containers: containers,
            _others: (image, network, scratch),
        }));
        let mut hostsync = Self {
            agent,
            file,
            nameserver,
            tree,
            _server: server,
        };
        hostsync.wait_for(load);
        Ok((mounts, hostsync))
    }

    fn status(&self) -> Value {
        let outcome = match &self.agent {
            Agent::Process(_, program) => program.call(&["status", "--json"]),
            Agent::Outside(outside) => outside.program.call(&["status", "--json"]),
            Agent::Container(container, ..) => container.call(&["hostsync", "status", "--json"]),
        };
        serde_json::from_str(&outcome.stdout).unwrap_or_default()
    }

    /// The agent's status once it has applied all of the round that is under way.
    fn wait_for(&mut self, load: &Load) -> Value {
        let round = load.round();
        let (status, _) = wait_for(
            &format!("round {round} to be applied"),
            PATIENCE,
            || {
                (
                    self.status(),
                    fs::read_to_string(&self.file).unwrap_or_default(),
                )
            },
            |(status, text)| match self.nameserver {
                None => status["snapshot"]["applied"].as_u64() >= Some(round),
                Some(_) => {
                    let has_beacon = text.lines().any(|line| load.is_beacon(line, round));
                    has_beacon && status["in_step"] == true
                }
            },
        );
        status
    }
}

/// Puts the first round in place; what publishes it from then on, if it is not this.
fn publish(tree: &Tree, load: &Load) -> Option<Running> {
    let hosts = hosts(load, load.round());
    if load.len() <= WHOLE {
        tree.publish(load.round(), &hosts);
        return None;
    }
    let mut znodes = BTreeMap::new();
    for (name, address) in load.wanted(load.round()) {
        let path = znode(&name);
        let folders = path.match_indices('/').skip(1);
        for (end, _) in folders {
            znodes.entry(path[..end].to_owned()).or_default();
        }
        znodes.insert(path, address.to_string());
    }
    tree.create_many(znodes.iter().map(|(path, data)| (&path[..], &data[..])));
    let nameserver = Program::new("nameserver")
        .flag("zookeeper", tree.address())
        .flag("log-level", "warn");
    Some(nameserver.run())
}

/// Where the address of a name stands in the tree.
fn znode(name: &str) -> String {
    name.rsplit('.').map(|label| format!("/{label}")).collect()
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
        if self.nameserver.is_none() {
            let snapshot = Snapshot::text(round, &hosts(load, round));
            self.tree.set(ZNODE, snapshot);
            return Ok(());
        }
        for (name, address) in load.changes(round) {
            let (path, data) = (znode(&name), address.map(|address| address.to_string()));
            match data {
                Some(data) if name.ends_with(".guest") => self.tree.create(&path, data),
                Some(data) => self.tree.set(&path, data),
                None => self.tree.delete(&path),
            }
        }
        Ok(())
    }

    fn report(&mut self, load: &Load, length: Duration) -> anyhow::Result<()> {
        let (round, ended) = (load.round(), Instant::now());
        let status = self.wait_for(load);
        let late = ended.elapsed();
        let rate = (round - 1) as f64 / length.as_secs_f64();
        let (file, path) = (&status["hosts_file"], &self.file);
        println!(
            "  {:.0} snapshots/s with {} changed names each: {:.0} updates/s, all applied {} ms after the end",
            rate,
            load.updates_per_round(),
            rate * load.updates_per_round() as f64,
            late.as_millis(),
        );
        let length = fs::metadata(path)
            .with_context(|| path.display().to_string())?
            .len();
        match file["write"].as_str() {
            Some(way) => println!(
                "  written by {way} ({}); slots {}; the file has {length} bytes",
                file["why"].as_str().unwrap_or("?"),
                file["slots"],
            ),
            None => println!("  the first of the files has {length} bytes"),
        }
        let log = match &mut self.agent {
            Agent::Process(process, _) => {
                process.stop();
                process.log()
            }
            Agent::Outside(outside) => {
                outside.process.stop();
                outside.process.log()
            }
            Agent::Container(container, ..) => container.log(),
        };
        for line in log.lines().take(10) {
            println!("  hostsync said: {line}");
        }
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
