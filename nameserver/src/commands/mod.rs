//! The subcommands, each from its arguments to an exit code.

pub mod check;
pub mod cli;
mod lookup;
mod release;
pub mod run;
mod status;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use cli::{Cli, Command, PROGRAM};
use contract::ZnodePath;
use log::LevelFilter;
use zookeeper::{Connection, Session, State};
use zookeeper_args::ZooKeeperArgs;

use crate::ingest::walk::{Step, Walk, Walked, progress_bar};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;

/// How long a command waits for the system's resolver.
const RESOLVING: Duration = Duration::from_secs(10);

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Lookup(args) => lookup::lookup(&args),
        Command::Status(args) => status::status(&args),
        Command::Release(args) => release::release(&args),
        Command::Generate(args) => args.run::<Cli>(PROGRAM).map(|()| ExitCode::SUCCESS),
    }
}

async fn read(
    connection: &Connection,
    scope: &Scope,
    needed: impl Fn(&ZnodePath) -> bool + Send + 'static,
) -> anyhow::Result<Namespace> {
    connection
        .sync()
        .await
        .context("cannot reach the leader of the ensemble")?;
    let root = scope.root().clone();
    let mut walk = Walk::start(connection.clone(), root, needed, progress_bar());
    let mut namespace = Namespace::new(scope.clone(), []);
    let walked = load(&mut walk, &mut namespace).await;
    drop(walk);
    let walked =
        walked.with_context(|| format!("cannot read {} and all below it", scope.root()))?;
    if !walked.has_root {
        bail!(
            "there is no znode {}; see --root, and the chroot after the servers",
            scope.root()
        );
    }
    namespace.name_all();
    Ok(namespace)
}

async fn load(walk: &mut Walk, namespace: &mut Namespace) -> Result<Walked, zookeeper::Error> {
    loop {
        match walk.next().await? {
            Step::Visits(visits) => visits
                .into_iter()
                .for_each(|visit| namespace.put(&visit.path.clone(), visit.dated())),
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
    let options = args.options()?;
    for warning in args.warnings() {
        daemon::warning(PROGRAM, &warning);
    }
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
