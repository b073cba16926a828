//! Commands that go on: over one connection after another, until a signal or until nobody reads them any more.

use std::process::ExitCode;

use anyhow::Context;
use daemon::{Signal, Signals, stdout_closed};
use log::LevelFilter;
use std::time::Duration;
use zookeeper::{Connection, Follower, Retry, Session};
use zookeeper_args::ZooKeeperArgs;

use crate::commands::block_on;
use crate::commands::cli::PROGRAM;

/// How long a failure is left alone at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Lets what `begin` makes over the first connection follow, until its work has an end, SIGINT or SIGTERM comes, or
/// stdout is closed; none of these is a failure.
pub(super) fn follow<F>(
    args: &ZooKeeperArgs,
    begin: impl AsyncFnOnce(Connection) -> anyhow::Result<F>,
) -> anyhow::Result<ExitCode>
where
    F: Follower<End = anyhow::Result<()>>,
{
    daemon::logging::to_stderr(LevelFilter::Error);
    let options = args.options()?;
    for warning in args.warnings() {
        daemon::warning(PROGRAM, &warning);
    }
    block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        let session = Session::start(options);
        let working = async {
            let connection = args.connected(PROGRAM, &session).await?;
            let mut follower = begin(connection).await?;
            let retry = Retry::new(RETRY.0, RETRY.1);
            session.follow(&mut follower, retry).await
        };
        let ended = tokio::select! {
            biased;
            () = stopped(&mut signals) => Ok(()),
            () = stdout_closed() => Ok(()),
            ended = working => ended,
        };
        session.close().await;
        ended.map(|()| ExitCode::SUCCESS)
    })
}

async fn stopped(signals: &mut Signals) {
    while signals.next().await == Signal::Hangup {}
}
