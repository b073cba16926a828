//! The command line.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use daemon::{DaemonArgs, GenerateArgs, ZooKeeperArgs};
use snapshot::{Name, ZnodePath};

use crate::scope::Scope;

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
  nameserver run -z zk1:2181,zk2:2181         publish them, and keep them up to date
  nameserver run -z zk1:2181 --root /services --domain zk.internal --exclude '/services/*/locks'
  nameserver lookup primary.db                what does the tree say of one name?";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow the tree and publish its names; several replicas elect one that publishes
    Run(RunArgs),
    /// Walk the tree once and explain each znode that gives no name
    ///
    /// Prints one line for each znode that gives no name or has a problem, with its path and the
    /// reason, then the counts. Exits with 1 when there are problems.
    Check(CheckArgs),
    /// Print the addresses that the tree gives to a name now, one a line
    Lookup(LookupArgs),
    /// Write man pages or shell completions
    Generate(GenerateArgs),
}

/// Which znodes are named, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub struct ScopeArgs {
    /// The znode below which names are looked for; its own name is not part of theirs
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub root: ZnodePath,

    /// The znode below which nameserver keeps its own; never named
    #[arg(long, value_name = "PATH", default_value = "/nameserver")]
    pub state: ZnodePath,

    /// Append this to every name
    #[arg(long, value_name = "NAME")]
    pub domain: Option<Name>,

    /// Leave out znodes that match, and all below them (repeatable)
    ///
    /// With a leading slash the glob matches a whole path (/kafka/config), otherwise the end of one
    /// (locks). `*` stays within a component, `**` does not.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
}

impl ScopeArgs {
    /// The scope that is asked for. Ends the program where the flags do not go together.
    pub fn scope(&self) -> Scope {
        let (root, state) = (self.root.clone(), self.state.clone());
        Scope::new(root, state, self.domain.clone(), &self.exclude)
            .unwrap_or_else(|error| daemon::wrong_usage(PROGRAM, &error.into()))
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
            None => {
                let name = hostname::get()
                    .context("this machine has no host name; name the replica with --id")?;
                Ok(name.to_string_lossy().into_owned())
            }
        }
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

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
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
