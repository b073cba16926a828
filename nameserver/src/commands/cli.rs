//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use contract::{Name, ZnodePath};
use daemon::{DaemonArgs, GenerateArgs, HttpArgs, ValidateArgs, WrongUsage};
use zookeeper::lenient_path;
use zookeeper_args::ZooKeeperArgs;

use crate::commands::name_glob::NameGlob;
use crate::dns::DnsArgs;
use crate::namespace::scope::Scope;

/// The program's name, as in messages and variables.
pub const PROGRAM: &str = "nameserver";

/// Give every container the names of a live ZooKeeper tree.
///
/// nameserver follows a ZooKeeper tree, turns the paths of its znodes into names (/db/primary
/// holding 10.0.0.5 becomes primary.db with the address 10.0.0.5) and publishes them all as JSON in
/// one znode. On each host or in each container, hostsync writes them to /etc/hosts.
#[derive(Debug, Parser)]
#[command(version, name = PROGRAM, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  nameserver check -z zk1:2181                what names would this tree give, and what is wrong?
  nameserver check -z zk1:2181 --explain /kafka/brokers/ids/1
                                              what does this one znode give, and why not?
  nameserver run -z zk1:2181,zk2:2181         publish them, and keep them up to date
  nameserver run -z zk1:2181 --root /services --domain zk.internal --exclude '/services/*/locks'
  nameserver run -z zk1:2181 --domain zk.internal --dns 0.0.0.0:53
                                              answer DNS from the live tree as well
  nameserver lookup primary.db                what does the tree say of one name?
  nameserver list '*.db'                      what names are there, and who gives them?";

/// Names of what is gone for a day mislead more than they help.
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow the tree and publish its names; several replicas elect one that publishes
    Run(Box<RunArgs>),
    /// Walk the tree once and explain each znode that gives no name
    ///
    /// Counts the znodes that give no name, by the reason, and says what is left out of which service;
    /// then has a line for each problem, with path and reason, and for each name that this machine's
    /// hosts file has from somebody else; then how many records of each format were found, and the
    /// counts. Nothing is written anywhere. Exits with 1 when there are problems.
    Check(CheckArgs),
    /// Print the addresses that the tree gives to a name now, one a line
    Lookup(LookupArgs),
    /// List the names that the tree gives now, and what gives each of them
    ///
    /// A line each: the addresses, the port where the record has one, whether the record goes with a session
    /// (ephemeral) or stays, or how many instances the service has, the format of the record, how long ago the newest
    /// one was written, and the znode. Exits with 0 when there are some, with 1 when there are none, and with 2 when
    /// that could not be told.
    List(ListArgs),
    /// List the agents that run, and how far each of them is
    ///
    /// A line each, those that are not in step first: the id, the machine, the release, the generation that it has
    /// and how many that is behind, how long ago it told so, for how long it runs, the names and the file or how many
    /// files it keeps, and why it is not in step. Those that went within the last hour follow, where a replica with
    /// --http can be asked. Exits with 0 when there are some and all are in step, else with 1,
    /// and with 2 when that could not be told.
    Agents(AskArgs),
    /// Follow what moves: a line for each name, from which addresses to which
    ///
    /// The line comes once all agents have it, and says after what time, or after a second, and says how many have.
    /// Without a GLOB, agents that come, go or fall out of step, a new leader and what is held are told too. Ends
    /// with 0 on SIGINT, SIGTERM, and once nobody reads any more.
    Monitor(MonitorArgs),
    /// Show all that at the terminal, as it changes: who leads, what moved, who is not in step
    ///
    /// q, Escape and Ctrl-C end it; the arrows scroll.
    Top(PlaceArgs),
    /// Say who leads, what is published and held, and which agents are behind
    ///
    /// The first line is 'healthy', 'healthy, but …' or 'not healthy: …'. Exits with 1 for the last:
    /// nobody leads, the leader cannot publish, or nothing good is published. Else with 0.
    Status(AskArgs),
    /// Publish a large drop of names now that is held because it is in doubt; see run --drop-hold
    Release(PlaceArgs),
    /// Remove all that a system that runs no more has left below --state, after asking
    ///
    /// Refuses while a replica or an agent runs. Exits with 0 when it is gone, and with 1 when nothing was deleted.
    Purge(PurgeArgs),
    /// Say what is wrong with settings files, without using them
    ///
    /// Each mistake is a line with the file, the line, the key and what to write instead. Exits with 0 when there is
    /// none, with 1 when there are some, and with 2 when a file cannot be read.
    Validate(ValidateArgs),
    /// Write man pages or shell completions
    Generate(GenerateArgs),
}

/// Which znodes are named, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub struct ScopeArgs {
    /// The znode below which names are looked for; its own name is not part of theirs [default: /]
    ///
    /// 'lookup' and 'list' go by what is published where none of --root, --domain, --exclude and --allow-public is
    /// given.
    #[arg(long, value_name = "PATH", value_parser = lenient_path)]
    pub root: Option<ZnodePath>,

    /// The znode below which nameserver keeps its own; never named
    #[arg(long, value_name = "PATH", default_value = "/nameserver", value_parser = lenient_path)]
    pub state: ZnodePath,

    /// Append this to every name
    #[arg(long, value_name = "NAME")]
    pub domain: Option<Name>,

    /// Leave out znodes that match, and all below them (repeatable)
    ///
    /// With a leading slash the glob matches a whole path (/kafka/config), otherwise the end of one
    /// (locks). `*` stays within a component, `**` does not. After 'data:' it leaves out what the znode
    /// itself holds, but none below it: 'data:/dubbo/**'.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,

    /// Give names of the public DNS as well, such as deb.debian.org
    ///
    /// Without --domain, /org/debian/deb would take a name that every machine uses: whoever may create a
    /// znode could send them elsewhere. So a name below com, org, io and the like, or below a country with three
    /// labels or more, is not given unless this says so. Some names are never given: wpad and isatap, those of
    /// Docker's, Podman's and Kubernetes' own services, and of clouds' metadata.
    #[arg(long)]
    pub allow_public: bool,

    /// Ask the system's resolver for host names that no znode gives
    ///
    /// Where a record holds a host name in place of an address, that is first one of the names that
    /// the tree itself gives. Without this flag, any other leads nowhere; a word without a dot or a port
    /// is never asked for, and no search domain is added. Answers are asked for again
    /// every minute, and outlive a resolver that is down for an hour.
    #[arg(long)]
    pub resolve_hostnames: bool,
}

impl ScopeArgs {
    /// The scope that is asked for.
    ///
    /// # Errors
    /// The flags do not go together.
    pub fn scope(&self) -> Result<Scope, WrongUsage> {
        let scope = Scope::new(
            self.root(),
            self.state.clone(),
            self.domain.clone(),
            &self.exclude,
        );
        let scope = scope.map_err(WrongUsage::new)?;
        Ok(scope.allowing_public(self.allow_public))
    }

    /// The root that is asked for.
    pub fn root(&self) -> ZnodePath {
        self.root.clone().unwrap_or_else(ZnodePath::root)
    }

    /// Whether nothing is said of it, so that it is to be what is published.
    pub fn is_open(&self) -> bool {
        self.root.is_none()
            && self.domain.is_none()
            && self.exclude.is_empty()
            && !self.allow_public
    }
}

/// `nameserver run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Which znodes are named, and how.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// The name of this replica in the snapshot and in the election [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,

    /// When more than half of the names, and at least 10, would be gone at once, keep them for this
    /// long; 0s believes every drop
    ///
    /// What is lost within 5 seconds is lost at once. Where the root itself is missing, or a walk
    /// finds no name at all, all names are kept however few they are. Everything else goes on
    /// meanwhile: new names, changed addresses, names that come back. `nameserver status` tells what
    /// is held and until when, and `nameserver release` publishes the drop now.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = drop_hold)]
    pub drop_hold: Duration,

    /// Publish also where another replica has published by another --root, --domain or --exclude
    ///
    /// Without it, a replica whose three differ from what is published does not stand for election:
    /// at the next failover it would rename everything. To change them on purpose, restart all
    /// replicas with the new ones and this flag, one after another; the names change once the last
    /// old one has ended. Leave the flag out again afterwards.
    #[arg(long)]
    pub take_over: bool,

    /// Whether and how it answers DNS.
    #[command(flatten)]
    pub dns: DnsArgs,

    /// Whether it tells about itself over HTTP.
    #[command(flatten)]
    pub http: HttpArgs,

    /// Foreground or background, and where the log goes.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

impl RunArgs {
    /// The name of this replica.
    ///
    /// # Errors
    /// None was given and the machine has none.
    pub fn id(&self) -> anyhow::Result<String> {
        match &self.id {
            Some(id) => Ok(id.clone()),
            None => daemon::host_name()
                .context("this machine has no host name; name the replica with --id"),
        }
    }
}

/// Reads a duration; a plain 0 needs no unit.
fn drop_hold(text: &str) -> Result<Duration, String> {
    let hold = match text {
        "0" => Ok(Duration::ZERO),
        text => daemon::duration(text),
    };
    match hold? {
        hold if hold <= LONGEST_HOLD => Ok(hold),
        _ => Err("choose a time up to 24h".to_owned()),
    }
}

/// `nameserver check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Which znodes are named, and how.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Explain one znode: what was read, in which format, which names and addresses it gives, and
    /// why not if none
    ///
    /// Exits with 1 when it has a problem or is not there.
    #[arg(long, value_name = "PATH", value_parser = lenient_path)]
    pub explain: Option<ZnodePath>,

    /// One line for each znode that gives no name, with the reason, rather than counts
    #[arg(long, conflicts_with = "explain")]
    pub all: bool,

    /// List the names as well, before what is wrong
    #[arg(long, conflicts_with_all = ["explain", "suggest"])]
    pub names: bool,

    /// Print the --root and --exclude that leave out what gives no name
    #[arg(long, conflicts_with_all = ["explain", "all", "json"])]
    pub suggest: bool,

    /// Tell of names that lines of others in this hosts file map: hostsync leaves them to those
    #[arg(long, value_name = "FILE", default_value = "/etc/hosts")]
    pub hosts_file: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where nameserver keeps its own.
#[derive(Debug, Args)]
pub struct StateArg {
    /// The znode below which nameserver keeps its own
    #[arg(long, value_name = "PATH", default_value = "/nameserver", value_parser = lenient_path)]
    pub state: ZnodePath,
}

/// `nameserver status` and `agents`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Where nameserver keeps its own.
    #[command(flatten)]
    pub state: StateArg,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `nameserver release` and `top`.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Where nameserver keeps its own.
    #[command(flatten)]
    pub state: StateArg,
}

/// `nameserver list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Which znodes are named, and how.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Only names that match, such as '*.db'; * stands for dots as well
    #[arg(value_name = "GLOB")]
    pub names: Option<NameGlob>,

    /// Go on with a line for each name that changes, until SIGINT
    #[arg(long, short)]
    pub watch: bool,

    /// Print one JSON array; with --watch, one object a line
    #[arg(long)]
    pub json: bool,
}

/// `nameserver monitor`.
#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Where nameserver keeps its own.
    #[command(flatten)]
    pub state: StateArg,

    /// Only names that match, such as '*.db'; * stands for dots as well
    #[arg(value_name = "GLOB")]
    pub names: Option<NameGlob>,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `nameserver purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Where nameserver keeps its own.
    #[command(flatten)]
    pub state: StateArg,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,

    /// Also while replicas or agents run
    #[arg(long)]
    pub force: bool,
}

/// `nameserver lookup`.
#[derive(Debug, Args)]
pub struct LookupArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// Which znodes are named, and how.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// The name, such as primary.db
    pub name: String,
}
