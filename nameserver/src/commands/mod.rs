//! The subcommands, each from its arguments to an exit code.

mod agents;
pub mod check;
pub mod cli;
mod following;
mod list;
mod lookup;
mod manual;
mod monitor;
pub mod name_glob;
mod published;
mod purge;
mod release;
pub mod run;
mod status;
mod top;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use cli::{Cli, Command, PROGRAM};
use contract::ZnodePath;
use daemon::{No, Unanswered, WrongUsage};
use log::LevelFilter;
use zookeeper::{Connection, Session};
use zookeeper_args::ZooKeeperArgs;

use crate::ingest::walk::{Step, Walk, Walked, progress_bar};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::observe::listing::Times;

/// How long a command waits for the system's resolver.
const RESOLVING: Duration = Duration::from_secs(10);

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args).map_err(Unanswered::because),
        Command::Lookup(args) => lookup::lookup(&args).map_err(Unanswered::because),
        Command::List(args) => list::list(&args).map_err(Unanswered::because),
        Command::Agents(args) => agents::agents(&args).map_err(Unanswered::because),
        Command::Monitor(args) => monitor::monitor(&args),
        Command::Top(args) => top::top(&args),
        Command::Status(args) => status::status(&args),
        Command::Release(args) => release::release(&args),
        Command::Purge(args) => purge::purge(&args),
        Command::Validate(args) => args.run::<Cli>(PROGRAM, |cli| match cli.command {
            Command::Run(args) => Ok(args.scope.scope().map(drop)?),
            _ => Ok(()),
        }),
        Command::Generate(args) => args
            .run::<Cli>(PROGRAM, manual::manual)
            .map(|()| ExitCode::SUCCESS),
    }
}

async fn read(
    connection: &Connection,
    scope: &Scope,
    needed: impl Fn(&ZnodePath) -> bool + Send + 'static,
) -> anyhow::Result<Namespace> {
    read_dated(connection, scope, needed, &mut Times::new()).await
}

/// The same, and when each znode was written.
async fn read_dated(
    connection: &Connection,
    scope: &Scope,
    needed: impl Fn(&ZnodePath) -> bool + Send + 'static,
    times: &mut Times,
) -> anyhow::Result<Namespace> {
    connection
        .sync()
        .await
        .context("cannot reach the leader of the ensemble")?;
    let root = scope.root().clone();
    let mut walk = Walk::start(connection.clone(), root, needed, progress_bar());
    let mut namespace = Namespace::new(scope.clone(), []);
    let walked = load(&mut walk, &mut namespace, times).await;
    drop(walk);
    let walked =
        walked.with_context(|| format!("cannot read {} and all below it", scope.root()))?;
    if !walked.has_root {
        let root = scope.root();
        bail!(No(format!(
            "there is no znode {root}; see --root, and the chroot after the servers"
        )));
    }
    namespace.name_all();
    Ok(namespace)
}

async fn load(
    walk: &mut Walk,
    namespace: &mut Namespace,
    times: &mut Times,
) -> Result<Walked, zookeeper::Error> {
    loop {
        match walk.next().await? {
            Step::Visits(visits) => visits.into_iter().for_each(|visit| {
                let path = visit.path.clone();
                times.extend(visit.mtime.map(|mtime| (path.clone(), mtime)));
                namespace.put(&path, visit.dated());
            }),
            Step::End(walked) => return Ok(walked),
        }
    }
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
    // Who is trusted with the password of agents may do what they do.
    let options = args.options()?.of_agent();
    for warning in args.warnings() {
        daemon::warning(PROGRAM, &warning);
    }
    block_on(async {
        let session = Session::start(options);
        let connection = args.connected(PROGRAM, &session).await?;
        let outcome = work(connection).await;
        session.close().await;
        outcome.map_err(|error| in_chroot(error, args))
    })
}

/// Says below which chroot all paths of an error are, if there is one.
fn in_chroot(error: anyhow::Error, args: &ZooKeeperArgs) -> anyhow::Error {
    let chroot = args.zookeeper.chroot();
    if chroot.is_root() || error.is::<WrongUsage>() {
        return error;
    }
    let text = format!("{error:#} (all paths are below the chroot {chroot})");
    match error.is::<No>() {
        true => No(text).into(),
        false => anyhow!(text),
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
}
