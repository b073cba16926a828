//! The subcommands, each from its arguments to an exit code.

use std::collections::HashSet;
use std::future::Future;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use daemon::{Signals, ZooKeeperArgs, service};
use indicatif::ProgressBar;
use log::LevelFilter;
use session::{Connection, Session, State};
use snapshot::{Name, ZnodePath};

use crate::check::Report;
use crate::check::explain::Explanation;
use crate::cli::{CheckArgs, Cli, Command, LookupArgs, PROGRAM, RunArgs};
use crate::dns::freshness;
use crate::hold::Hold;
use crate::operate;
use crate::resolver::Resolver;
use crate::run::Nameserver;
use crate::scope::Scope;
use crate::status::{Facts, Status};
use crate::walk::{progress_bar, walk};
use crate::zone::Zone;

/// How long a command waits for the system's resolver.
const RESOLVING: Duration = Duration::from_secs(10);

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run(&args),
        Command::Check(args) => check(&args),
        Command::Lookup(args) => lookup(&args),
        Command::Status(args) => operate::status(&args),
        Command::Release(args) => operate::release(&args),
        Command::Generate(args) => args.run::<Cli>(PROGRAM).map(|()| ExitCode::SUCCESS),
    }
}

fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let (scope, id) = (args.scope.scope(), args.id()?);
    // Before the start, so that a mistake is seen at the terminal; once more after it, so that
    // warnings are seen in the log.
    args.zookeeper.options()?;
    let http = args.http.listen()?;
    let dns = args.dns.listen(args.scope.domain.clone())?;
    let _guard = args.daemon.start(PROGRAM)?;
    let options = args.zookeeper.options()?;
    let is_terminal = !args.daemon.daemon && std::io::stderr().is_terminal();
    let progress = if is_terminal {
        progress_bar
    } else {
        ProgressBar::hidden
    };
    let resolves = args.scope.resolve_hostnames;
    block_on(async {
        let signals = Signals::new().context("cannot listen to signals")?;
        let (named, facts) = (options.auth.is_some(), facts(args, &id));
        let session = Session::start(options);
        let mut nameserver = Nameserver::new(scope, id, Hold::new(args.drop_hold), progress)
            .resolving(resolves)
            .taking_over(args.take_over);
        let (states, told) = (session.states(), nameserver.told());
        let mut status = Status {
            facts,
            session: states.clone(),
            progress: told.clone(),
            twin: nameserver.twin(),
            dns: None,
        };
        if let Some(dns) = dns {
            let (catalog, dns) = dns.start()?;
            tokio::spawn(freshness::follow(catalog.clone(), states, told));
            nameserver = nameserver.answering(catalog);
            status.dns = Some(dns);
        }
        if let Some(http) = http {
            tokio::spawn(http.serve(status.clone()));
        }
        let informing = tokio::spawn(status.tell());
        let ended = service::watched(nameserver.run(session, signals, named)).await;
        informing.abort();
        ended?;
        Ok(ExitCode::SUCCESS)
    })
}

fn facts(args: &RunArgs, id: &str) -> Facts {
    Facts {
        id: id.to_owned(),
        pid: std::process::id(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        version: env!("CARGO_PKG_VERSION"),
        servers: args.zookeeper.zookeeper.to_string(),
        root: args.scope.root.clone(),
        state: args.scope.state.clone(),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope();
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let (zone, explained) = with_connection(&args.zookeeper, async |connection| {
        let mut zone = read(&connection, &scope, |path| scope.covers(path)).await?;
        resolver.want_all(&zone);
        resolver.settle(&mut zone, RESOLVING).await;
        let explained = match &args.explain {
            None => None,
            Some(path) => Some((path, data_of(&connection, path).await?)),
        };
        Ok((zone, explained))
    })?;
    let mut stdout = BufWriter::new(daemon::stdout());
    let code = match explained {
        Some((path, data)) => {
            let explanation = Explanation::new(&scope, &zone, path, &data);
            match args.json {
                true => explanation.write_json(&mut stdout)?,
                false => explanation.write_text(&mut stdout)?,
            }
            explanation.exit_code()
        }
        None => {
            // A machine without such a file has no lines of others in it.
            let hosts = std::fs::read(&args.hosts_file).unwrap_or_default();
            let report = Report::new(&zone).beside(&zone, &args.hosts_file, &hosts);
            match args.json {
                true => report.write_json(&mut stdout)?,
                false => report.write_text(&mut stdout)?,
            }
            report.exit_code()
        }
    };
    stdout.flush()?;
    Ok(code)
}

async fn data_of(connection: &Connection, path: &ZnodePath) -> anyhow::Result<Vec<u8>> {
    let znode = connection.read(path).await;
    let znode = znode.with_context(|| format!("cannot read {path}"))?;
    let znode = znode.with_context(|| format!("there is no znode {path}"))?;
    Ok(znode.data.to_vec())
}

fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope();
    let text = args.name.trim_end_matches('.').to_ascii_lowercase();
    let name: Name = text
        .parse()
        .with_context(|| format!("{:?} is no name", args.name))?;
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let zone = with_connection(&args.zookeeper, async |connection| {
        // What the name leads to by way of host names is read as well, until nothing new comes up.
        let mut names = HashSet::from([name.clone()]);
        let mut zone = loop {
            let concerned = |path: &ZnodePath| names.iter().any(|name| scope.concerns(path, name));
            let needed = |path: &ZnodePath| scope.covers(path) && concerned(path);
            let zone = read(&connection, &scope, needed).await?;
            let known = names.len();
            names.extend(zone.mentioned().cloned());
            if names.len() == known {
                break zone;
            }
        };
        resolver.want_all(&zone);
        resolver.settle(&mut zone, RESOLVING).await;
        Ok(zone)
    })?;
    let Some(addresses) = zone.addresses(&name) else {
        let root = scope.root();
        bail!(
            "no znode below {root} gives the name {name}; `nameserver check` explains those that give none"
        );
    };
    let mut stdout = daemon::stdout();
    for address in addresses {
        writeln!(stdout, "{address}")?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn read(
    connection: &Connection,
    scope: &Scope,
    needed: impl Fn(&ZnodePath) -> bool,
) -> anyhow::Result<Zone> {
    let progress = progress_bar();
    connection
        .sync()
        .await
        .context("cannot reach the leader of the ensemble")?;
    let tree = walk(connection, scope.root(), needed, &progress).await;
    progress.finish_and_clear();
    let tree = tree.with_context(|| format!("cannot read {} and all below it", scope.root()))?;
    if !tree.has_root {
        bail!(
            "there is no znode {}; see --root, and the chroot after the servers",
            scope.root()
        );
    }
    Ok(Zone::new(scope.clone(), tree.znodes))
}

/// Runs `work` in a runtime that ends with it, even while the system's resolver still keeps threads
/// waiting.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = daemon::runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// Runs `work` once over a connection, which must come up within the session timeout.
pub(crate) fn with_connection<T, F>(
    args: &ZooKeeperArgs,
    work: impl FnOnce(Connection) -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    daemon::logging::to_stderr(LevelFilter::Error);
    let options = args.options()?;
    let patience = options.session_timeout.max(Duration::from_secs(1));
    block_on(async {
        let session = Session::start(options);
        let connection = match tokio::time::timeout(patience, session.connected()).await {
            Ok(connection) => connection,
            Err(_) => match &*session.states().borrow() {
                State::Connecting {
                    failure: Some(failure),
                    ..
                } => {
                    bail!("{failure}; start ZooKeeper, or name its servers with --zookeeper")
                }
                _ => bail!(
                    "ZooKeeper {} did not answer within {patience:?}; see --zookeeper",
                    args.zookeeper
                ),
            },
        };
        let outcome = work(connection).await;
        session.close().await;
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
