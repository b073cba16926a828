//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use daemon::command_line::absolute_path;
use daemon::{DaemonArgs, GenerateArgs, ZooKeeperArgs};
use snapshot::{PathError, ZnodePath};

use crate::cache::{Cache, Source};
use crate::entries::Selection;
use crate::hosts_file::Choice;
use crate::places::User;
use crate::presence::Presence;

/// The program's name, as in messages and variables.
pub const PROGRAM: &str = "hostsync";

/// Keep /etc/hosts in step with the names that a nameserver publishes.
///
/// nameserver turns a live ZooKeeper tree into names and publishes them in one znode. hostsync, on
/// each host or in each container, watches that znode and keeps the names between the lines
/// '# BEGIN hostsync' and '# END hostsync' of the hosts file, where every program finds them. The
/// rest of the file is kept byte for byte.
#[derive(Debug, Parser)]
#[command(version, name = PROGRAM, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hostsync run -z zk1:2181,zk2:2181             keep /etc/hosts up to date
  hostsync run -z zk1:2181 --daemon             the same, in the background
  hostsync run -z zk1:2181 --select '*.db' --select web
                                                only some of the names
  hostsync once -z zk1:2181                     write them once, as in a script
  hostsync lookup primary.db                    what does the hosts file say of a name?
  hostsync status                               is the running agent in step?
  hostsync clean                                take our lines out again";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow the published names and keep the hosts file up to date
    ///
    /// Names stay in the file when ZooKeeper is away and when hostsync ends. SIGHUP makes a full
    /// pass at once and reopens the log; SIGTERM and SIGINT end cleanly.
    Run(RunArgs),
    /// Write the names once, then exit
    Once(OnceArgs),
    /// Print the addresses that the hosts file gives to a name now, one a line
    ///
    /// Reads the whole file as the C library does, also the lines that are not ours.
    Lookup(LookupArgs),
    /// Say whether the running agent is in step, and if not, why
    ///
    /// Exits with 0 when the hosts file agrees with the newest snapshot, else with 1.
    Status(StatusArgs),
    /// Take our lines out of the hosts file; leave the rest byte for byte
    Clean(CleanArgs),
    /// Write man pages or shell completions
    Generate(GenerateArgs),
}

/// Which file.
#[derive(Debug, Args)]
pub struct HostsFileArg {
    /// The hosts file; it need not exist
    #[arg(long, value_name = "FILE", default_value = "/etc/hosts", value_parser = absolute_path())]
    pub hosts_file: PathBuf,
}

/// How the file is written.
#[derive(Debug, Args)]
pub struct WriteArg {
    /// How the hosts file is written; readers never see half of a change either way
    ///
    /// A file that is a mount point, as in every container, or whose directory cannot be written,
    /// is written in slots: each of our lines has a place of its own, padded with blanks.
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    pub write: Choice,
}

/// Where the snapshot is kept.
#[derive(Debug, Args)]
pub struct CacheArg {
    /// Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts,
    /// /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]
    #[arg(long, value_name = "FILE", value_parser = absolute_path())]
    pub cache: Option<PathBuf>,
}

/// Which names, from where to where.
#[derive(Debug, Args)]
pub struct NamesArgs {
    /// How to reach ZooKeeper.
    #[command(flatten)]
    pub zookeeper: ZooKeeperArgs,

    /// The znode below which nameserver keeps its own; the names are in its child 'hosts'
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/nameserver",
        help_heading = "Names"
    )]
    pub state: ZnodePath,

    /// Only names that match this glob, such as '*.db' (repeatable)
    #[arg(long, value_name = "GLOB", help_heading = "Names")]
    pub select: Vec<String>,

    /// Which file.
    #[command(flatten, next_help_heading = "Files")]
    pub hosts_file: HostsFileArg,

    /// How the file is written.
    #[command(flatten, next_help_heading = "Files")]
    pub write: WriteArg,

    /// Where the snapshot is kept.
    #[command(flatten, next_help_heading = "Files")]
    pub cache: CacheArg,
}

/// `hostsync run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which names, from where to where.
    #[command(flatten)]
    pub names: NamesArgs,

    /// The name of this agent below STATE/agents, where it tells what it has applied [default: the
    /// host name]
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    pub id: Option<String>,

    /// Foreground or background, and where the log goes.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// `hostsync once`.
#[derive(Debug, Args)]
pub struct OnceArgs {
    /// Which names, from where to where.
    #[command(flatten)]
    pub names: NamesArgs,

    /// Give up when ZooKeeper has not answered after this time
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
}

/// `hostsync lookup`.
#[derive(Debug, Args)]
pub struct LookupArgs {
    /// Which file.
    #[command(flatten)]
    pub hosts_file: HostsFileArg,

    /// The name, such as primary.db
    pub name: String,
}

/// `hostsync status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which file.
    #[command(flatten)]
    pub hosts_file: HostsFileArg,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `hostsync clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Which file.
    #[command(flatten)]
    pub hosts_file: HostsFileArg,

    /// How the file is written.
    #[command(flatten, next_help_heading = "Files")]
    pub write: WriteArg,

    /// Where the snapshot is kept.
    #[command(flatten)]
    pub cache: CacheArg,
}

impl RunArgs {
    /// What tells everybody what this agent has applied. Ends the program where the id is no
    /// component of a znode path.
    ///
    /// # Errors
    /// No id was given, and the machine has no name.
    pub fn presence(&self) -> anyhow::Result<Presence> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let name = hostname::get()
                    .context("this machine has no host name; name the agent with --id")?;
                name.to_string_lossy().into_owned()
            }
        };
        let hosts_file = self.names.hosts_file.hosts_file.clone();
        let presence = Presence::new(&self.names.state, &id, hosts_file).context("cannot use --id");
        Ok(presence.unwrap_or_else(|error| daemon::wrong_usage(PROGRAM, &error)))
    }
}

impl NamesArgs {
    /// The names that are asked for. Ends the program where a glob is malformed.
    pub fn selection(&self) -> Selection {
        let selection = Selection::new(&self.select).context("cannot use --select");
        selection.unwrap_or_else(|error| daemon::wrong_usage(PROGRAM, &error))
    }

    /// The znode of the snapshot.
    ///
    /// # Errors
    /// There is no such path.
    pub fn znode(&self) -> Result<ZnodePath, PathError> {
        self.state.child("hosts")
    }

    /// The snapshot on disk.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub fn cache(&self, user: &User) -> anyhow::Result<Cache> {
        let path = self.cache.path(user, &self.hosts_file);
        let source = Source {
            zookeeper: self.zookeeper.zookeeper.to_string(),
            state: self.state.clone(),
        };
        let path = path.context("nothing says where to keep the snapshot; see --cache")?;
        Ok(Cache::new(path, source))
    }
}

impl CacheArg {
    /// The file; none for a user without a home who names none.
    pub fn path(&self, user: &User, hosts_file: &HostsFileArg) -> Option<PathBuf> {
        let default = || user.cache_file(&hosts_file.hosts_file);
        self.cache.clone().or_else(default)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn paths_are_absolute_before_a_daemon_goes_to_the_root_directory() {
        let line = [
            "hostsync",
            "run",
            "--hosts-file",
            "hosts",
            "--cache",
            "cache",
        ];
        let Command::Run(args) = Cli::parse_from(line).command else {
            panic!("'run' was asked for");
        };
        let here = std::env::current_dir().unwrap();
        assert_eq!(args.names.hosts_file.hosts_file, here.join("hosts"));
        assert_eq!(args.names.cache.cache, Some(here.join("cache")));
    }
}
