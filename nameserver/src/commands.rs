//! The subcommands, each from its arguments to an exit code.

use std::future::Future;
use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon::{Signals, ZooKeeperArgs};
use indicatif::ProgressBar;
use log::LevelFilter;
use session::{Connection, Session, State};
use snapshot::{Name, ZnodePath};

use crate::check::Report;
use crate::cli::{CheckArgs, Cli, Command, LookupArgs, PROGRAM, RunArgs};
use crate::run::Nameserver;
use crate::scope::Scope;
use crate::walk::{progress_bar, walk};
use crate::zone::Zone;

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run(&args),
        Command::Check(args) => check(&args),
        Command::Lookup(args) => lookup(&args),
        Command::Generate(args) => args.run::<Cli>(PROGRAM).map(|()| ExitCode::SUCCESS),
    }
}

fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let (scope, id) = (args.scope.scope(), args.id()?);
    // Before the start, so that a mistake is seen at the terminal; once more after it, so that
    // warnings are seen in the log.
    args.zookeeper.options()?;
    let _guard = args.daemon.start(PROGRAM)?;
    let options = args.zookeeper.options()?;
    let is_terminal = !args.daemon.daemon && std::io::stderr().is_terminal();
    let progress = if is_terminal {
        progress_bar
    } else {
        ProgressBar::hidden
    };
    daemon::runtime()?.block_on(async {
        let signals = Signals::new().context("cannot listen to signals")?;
        let session = Session::start(options);
        Nameserver::new(scope, id, progress)
            .run(session, signals)
            .await;
        Ok(ExitCode::SUCCESS)
    })
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope();
    let zone = with_connection(&args.zookeeper, async |connection| {
        read(&connection, &scope, |path| scope.covers(path)).await
    })?;
    let report = Report::new(&zone);
    let mut stdout = BufWriter::new(daemon::stdout());
    match args.json {
        true => report.write_json(&mut stdout)?,
        false => report.write_text(&mut stdout)?,
    }
    stdout.flush()?;
    Ok(report.exit_code())
}

fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope();
    let text = args.name.trim_end_matches('.').to_ascii_lowercase();
    let name: Name = text
        .parse()
        .with_context(|| format!("{:?} is no name", args.name))?;
    let zone = with_connection(&args.zookeeper, async |connection| {
        let needed = |path: &ZnodePath| scope.covers(path) && scope.concerns(path, &name);
        read(&connection, &scope, needed).await
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

/// Runs `work` once over a connection, which must come up within the session timeout.
fn with_connection<T, F>(
    args: &ZooKeeperArgs,
    work: impl FnOnce(Connection) -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    daemon::logging::to_stderr(LevelFilter::Error);
    let options = args.options()?;
    let patience = options.session_timeout.max(Duration::from_secs(1));
    daemon::runtime()?.block_on(async {
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
