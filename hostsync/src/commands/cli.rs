//! The command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use contract::{Name, State, ZnodePath};
use daemon::{DaemonArgs, GenerateArgs, HttpArgs, ValidateArgs, WrongUsage, duration};
use zookeeper::lenient_path;
use zookeeper_args::ZooKeeperArgs;

use crate::address::{AddressArg, OwnAddress};
use crate::apply::fleet::Files;
use crate::apply::selection::{Selection, Selections};
use crate::bind::Binding;
use crate::children::SignalNumber;
use crate::commands::files::{CacheArg, ContainersArg, HostsFileArg, WriteArg, WriteMethod};
use crate::health::{Check, CheckSchedule};
use crate::observe::presence::Presence;
use crate::register::{Instance, Registration};
use crate::store::cache::{Cache, Source};
use crate::store::paths::{self, User};
use crate::store::{Bindings, Sessions};

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
  hostsync exec -z zk1:2181 --register web:8080 --wait db -- /srv/web --port 8080
                                                the entrypoint of a container
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
    /// Run a command with the names in place, as the first process of a container
    ///
    /// First the names, then what is waited for, then the command, then the registration. Signals are
    /// passed on, orphans are reaped, and the exit code is the command's (128 and the number of the
    /// signal that ended it; 127 when there is no such command). The registration is withdrawn before
    /// the command gets SIGTERM, SIGINT or SIGQUIT, and when it ends.
    Exec(ExecArgs),
    /// Write the names once, then exit
    ///
    /// Beside an agent that keeps the file in step there is nothing to do. --dry-run shows what would change.
    Once(OnceArgs),
    /// Print the addresses that the hosts file gives to a name now, one a line
    ///
    /// Reads the whole file as the C library does, also the lines that are not ours.
    Lookup(LookupArgs),
    /// Follow what moves in the hosts file: a line for each name, from which addresses to which
    ///
    /// Whoever writes it. Needs no ZooKeeper; where an agent keeps the file, the line says which generation it has read.
    /// Ends with 0 on SIGINT, SIGTERM, and once nobody reads any more.
    Monitor(MonitorArgs),
    /// Say whether the running agent is in step, and if not, why
    ///
    /// Exits with 0 when the hosts file agrees with the newest snapshot and all that was asked for is
    /// registered and bound, else with 1.
    Status(StatusArgs),
    /// Take our lines out of the hosts file; leave the rest byte for byte
    Clean(CleanArgs),
    /// Say what is wrong with settings files, without using them
    ///
    /// Each mistake is a line with the file, the line, the key and what to write instead. Exits with 0 when there is
    /// none, with 1 when there are some, and with 2 when a file cannot be read.
    Validate(ValidateArgs),
    /// Write man pages or shell completions
    Generate(GenerateArgs),
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
        value_parser = lenient_path,
        help_heading = "Names"
    )]
    pub state: ZnodePath,

    /// Only names that match this glob, such as '*.db' (repeatable)
    ///
    /// Where several files are kept, 'docker=*.web' (an engine of --containers) or '/srv/*/hosts=*.db' (a
    /// --hosts-file) is for those files, which then have no other names; in a settings file a table.
    #[arg(long, value_name = "[WHERE=]GLOB", help_heading = "Names")]
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

    /// Whose containers' files.
    #[command(flatten)]
    pub containers: ContainersArg,

    /// The name of this agent: below STATE/agents, where it tells what it has applied, and of what it
    /// registers [default: the host name]
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    pub id: Option<String>,

    /// What this container is registered as.
    #[command(flatten)]
    pub registering: RegisterArgs,

    /// Which local names it makes.
    #[command(flatten)]
    pub binding: BindArgs,

    /// Whether it tells about itself over HTTP.
    #[command(flatten)]
    pub http: HttpArgs,

    /// Foreground or background, and where the log goes.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// Which local names it makes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Binding")]
pub struct BindArgs {
    /// Give this container a name of its own for one instance of a service (repeatable): with
    /// 'mqtt=broker', mqtt is the instance of broker with the fewest agents bound to it;
    /// 'mqtt=broker:leader' takes the leader, 'mqtt=broker:random' any
    ///
    /// It stays with that instance as long as it is published, and takes another one at once when it
    /// no longer is. Each binding is an ephemeral znode STATE/bindings/SERVICE/ADDRESS/ID, where
    /// everybody sees the load.
    #[arg(long, value_name = "LOCAL=SERVICE[:HOW]")]
    pub bind: Vec<Binding>,
}

/// What this container is registered as.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registration")]
pub struct RegisterArgs {
    /// Register this container in the tree while hostsync runs (repeatable): 'web:8080' as one of
    /// the instances of the service web, 'primary.db=' (or 'primary.db=:5432') as that very name
    ///
    /// An instance is an ephemeral znode ROOT/web/ID with the address and the port, where ROOT is the
    /// nameserver's; its name is the --id. Where no --id is given and another agent of the same host name has that znode
    /// for another port, and where one agent registers a service at several ports, the name is ID-PORT. It goes first thing on SIGTERM. After SIGUSR1 hostsync ends
    /// too, but what is registered stays until the session times out, so that a new hostsync on this
    /// host takes it over and nobody sees a gap.
    #[arg(long, value_name = "NAME[:PORT]|NAME=[:PORT]")]
    pub register: Vec<Registration>,

    /// The address to register, or the subnet that it is in (172.30.1.0/24), or a name: of the interface, of a
    /// network of /etc/networks, or of a host [default: the one that this host uses towards ZooKeeper]
    ///
    /// A subnet is best where a container has several networks, whose interfaces may change their names
    /// with a restart. Once chosen, an address is kept while an interface has it, whatever becomes of routes.
    /// An IPv6 address that is deprecated, temporary or tentative is never chosen unless it is given itself.
    #[arg(long, value_name = "IP|SUBNET|NAME")]
    pub address: Option<AddressArg>,

    /// Add a number to the id of each instance, so that the service has a leader: leader.SERVICE is
    /// the one that came first. That name is no lock: an instance that was cut off goes on seeing
    /// itself there
    #[arg(long)]
    pub sequential: bool,

    /// Register only while this passes: a command for sh, 'tcp' (the registered ports take
    /// connections), or 'http:/PATH' (they answer with a status below 400)
    ///
    /// Prefer http:/PATH: the kernel takes connections for a program that hangs, too, so that 'tcp'
    /// goes on passing. Of an answer only the status counts, not how long it goes on or how the
    /// connection ends.
    #[arg(long, value_name = "COMMAND|tcp|http:/PATH", requires = "register")]
    pub check: Option<Check>,

    /// From the start of one check to the start of the next; sooner until it passes first, after
    /// pauses of 0.1 s, 0.2 s, 0.4 s and so on
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = some_time)]
    pub check_interval: Duration,

    /// A check that takes longer has failed, and is killed with its children
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = some_time)]
    pub check_timeout: Duration,

    /// Passed checks in a row until it is registered
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub check_rise: u32,

    /// Failed checks in a row until it is withdrawn
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub check_fall: u32,
}

/// `hostsync exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// What `run` takes.
    #[command(flatten)]
    pub run: RunArgs,

    /// Start the command only when the hosts file maps this name (repeatable)
    ///
    /// A name that --register gives by itself and nobody has yet (leader.master with --sequential, or
    /// the service's own) is registered before the command starts; else both would wait for ever.
    #[arg(long, value_name = "NAME", value_parser = awaited, help_heading = "Command")]
    pub wait: Vec<String>,

    /// Give up when a name is still missing after this time
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration,
        help_heading = "Command"
    )]
    pub wait_timeout: Duration,

    /// From the withdrawal to passing on the signal that asks for the end, so that work under way
    /// can be finished
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "0s",
        value_parser = duration,
        help_heading = "Command"
    )]
    pub drain: Duration,

    /// This signal asks for the end too, as TERM, INT and QUIT always do (repeatable) [default: for httpd and
    /// apache2 WINCH, for haproxy USR1, for systemd RTMIN+3]
    ///
    /// What is registered is withdrawn and drained before it is passed on. It is the STOPSIGNAL of
    /// the image, which no program in the container can see; an image is best built with HOSTSYNC_STOP_SIGNAL beside
    /// it. The default goes by the name of the command, or of its first argument after an entrypoint script.
    #[arg(long, value_name = "SIGNAL", help_heading = "Command")]
    pub stop_signal: Vec<SignalNumber>,

    /// Pass signals on to the whole process group of the command, not to the command alone: for a shell script that
    /// does not pass them on itself. Real-time signals reach the command alone
    #[arg(long, short = 'g', help_heading = "Command")]
    pub signal_group: bool,

    /// The command and its arguments
    #[arg(
        required = true,
        last = true,
        value_name = "COMMAND",
        help_heading = "Command"
    )]
    pub command: Vec<String>,
}

/// A name to wait for: none that can never be there.
fn awaited(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("one name has no blanks; several stand with commas between them".to_owned());
    }
    Ok(text.to_owned())
}

impl RegisterArgs {
    /// What is looked at, and how often.
    ///
    /// # Errors
    /// A check needs ports and no registration has one.
    pub fn check(&self) -> Result<Option<(Check, CheckSchedule)>, WrongUsage> {
        let Some(check) = self.check.clone() else {
            return Ok(None);
        };
        if check.needs_ports() && self.register.iter().all(|register| register.port.is_none()) {
            let error = anyhow::anyhow!(
                "--check {check} needs a port to look at; register one, as in --register web:8080"
            );
            return Err(WrongUsage::new(error));
        }
        let schedule = CheckSchedule {
            interval: self.check_interval,
            timeout: self.check_timeout,
            rise: self.check_rise,
            fall: self.check_fall,
        };
        Ok(Some((check, schedule)))
    }
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

    /// Write nothing, and show what would change in the hosts file as a unified diff
    ///
    /// Exits as diff does: with 0 when nothing would change, with 1 when something would, and with 2 when that could
    /// not be told.
    #[arg(long, short = 'n')]
    pub dry_run: bool,
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

/// `hostsync monitor`.
#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// Which file.
    #[command(flatten)]
    pub hosts_file: HostsFileArg,

    /// Only names that match, such as '*.db'; * stands for dots as well
    #[arg(value_name = "GLOB")]
    pub names: Option<String>,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `hostsync status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which file.
    #[command(flatten)]
    pub hosts_file: HostsFileArg,

    /// Whose containers' files.
    #[command(flatten)]
    pub containers: ContainersArg,

    /// Say whether the agent does its work, for the health check of a container: it runs, can write
    /// the file, and what it was asked to register and to bind is. That ZooKeeper is away is a remark
    ///
    /// The first line is 'healthy', 'healthy, but …' or 'not healthy: …'; only the last exits with 1.
    #[arg(long)]
    pub health: bool,

    /// Say whether all that the agent was asked to register is registered, for a health check that looks at nothing
    /// else; exits with 1 if not, with the reason
    #[arg(long, conflicts_with = "health")]
    pub registered: bool,

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

    /// Whose containers' files.
    #[command(flatten)]
    pub containers: ContainersArg,

    /// How the file is written.
    #[command(flatten, next_help_heading = "Files")]
    pub write: WriteArg,

    /// Where the snapshot is kept.
    #[command(flatten)]
    pub cache: CacheArg,
}

impl RunArgs {
    /// What tells everybody what this agent has applied.
    ///
    /// # Errors
    /// No id was given, and the machine has no name; or it is no component of a znode path.
    pub fn presence(&self, sessions: &Arc<Sessions>) -> anyhow::Result<Presence> {
        let (id, hosts_file) = (self.id()?, self.key());
        let presence = Presence::new(&self.names.state(), &id, hosts_file, Arc::clone(sessions));
        let presence = presence.context("cannot use --id");
        Ok(presence.map_err(WrongUsage::new)?)
    }

    /// What the registrations have in common. `cache` is the file of the snapshot, beside which our
    /// sessions are remembered.
    ///
    /// # Errors
    /// No id was given, and the machine has no name.
    pub fn instance(&self, cache: &Path) -> anyhow::Result<Instance> {
        let RegisterArgs {
            address,
            sequential,
            ..
        } = &self.registering;
        Ok(Instance {
            id: self.id()?,
            is_chosen: self.id.is_some(),
            sequential: *sequential,
            address: OwnAddress::new(address.as_ref(), self.names.zookeeper.zookeeper.clone()),
            sessions: Arc::new(Sessions::load(paths::sessions_file(cache))),
        })
    }

    /// Where the bindings are kept, beside the file of the snapshot.
    pub fn kept_bindings(&self, cache: &Path) -> Bindings {
        Bindings::new(paths::bindings_file(cache))
    }

    /// What tells this agent from others of the machine: its hosts file, or what stands for all of them.
    pub fn key(&self) -> PathBuf {
        self.names.hosts_file.key(&self.containers)
    }

    /// The files that it keeps, where it is not just one.
    ///
    /// # Errors
    /// A glob is malformed, or something is asked for that is for one file only.
    pub fn many(&self) -> Result<Option<Files>, WrongUsage> {
        let NamesArgs {
            hosts_file, write, ..
        } = &self.names;
        let wrong = |text: &str| Err(WrongUsage::new(anyhow::anyhow!("{text}")));
        let Some(patterns) = hosts_file.patterns(&self.containers)? else {
            return Ok(None);
        };
        if !self.binding.bind.is_empty() {
            return wrong(
                "--bind gives one container a name of its own; leave it out where many are kept",
            );
        }
        if write.write == WriteMethod::Replace {
            return wrong(
                "--write replace is not for containers: they would go on reading the old file; leave it out",
            );
        }
        let files = Files::new(patterns, write.choice());
        let files = files.with_names(Selections::new(&self.names.select));
        let files = files.map_err(|error| anyhow::anyhow!("cannot use --select: {error}"));
        files.map(Some).map_err(WrongUsage::new)
    }

    fn id(&self) -> anyhow::Result<String> {
        match &self.id {
            Some(id) => Ok(id.clone()),
            None => daemon::host_name()
                .context("this machine has no host name; name the agent with --id"),
        }
    }
}

impl NamesArgs {
    /// The names that are asked for.
    ///
    /// # Errors
    /// A glob is malformed.
    pub fn selection(&self) -> Result<Selection, WrongUsage> {
        let path = self.hosts_file.one()?.to_string_lossy().into_owned();
        let selections = Selections::new(&self.select);
        if let Some(other) = selections.patterns().find(|word| *word != path) {
            let error = anyhow::anyhow!(
                "cannot use --select {other}=…: '{other}' is neither an engine of --containers nor a --hosts-file"
            );
            return Err(WrongUsage::new(error));
        }
        let selection = Selection::new(&self.globs()).context("cannot use --select");
        let selection = selection.map_err(WrongUsage::new)?;
        Ok(selection.of_others(own_name()))
    }

    /// The globs for the one file that is kept.
    pub fn globs(&self) -> Vec<String> {
        let path = self.hosts_file.key(&ContainersArg::default());
        Selections::new(&self.select).of(&[path.to_string_lossy().into_owned()])
    }

    /// Where the nameservers keep their own, and agents tell of themselves.
    pub fn state(&self) -> State {
        State::new(self.state.clone())
    }

    /// The snapshot on disk.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub fn cache(&self, user: &User, key: &Path) -> anyhow::Result<Cache> {
        let path = self.cache.path(user, key);
        let source = Source {
            zookeeper: self.zookeeper.zookeeper.to_string(),
            state: self.state.clone(),
        };
        let path = path.context("nothing says where to keep the snapshot; see --cache")?;
        Ok(Cache::new(path, source))
    }
}

/// What this machine is called, if that is a name.
fn own_name() -> Option<Name> {
    daemon::host_name().ok()?.to_lowercase().parse().ok()
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("choose more than nothing".to_owned()),
        some => Ok(some),
    }
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
        assert_eq!(args.names.hosts_file.hosts_file, [here.join("hosts")]);
        assert_eq!(args.names.cache.cache, Some(here.join("cache")));
    }
}
