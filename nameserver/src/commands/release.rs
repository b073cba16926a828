//! `nameserver release`: lets held names go.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use contract::{Counted, Head, Held, State};
use zookeeper::{Connection, Error};

use crate::commands::cli::PlaceArgs;
use crate::commands::with_connection;

/// Ends a hold, and waits for what comes of it.
pub(super) fn release(args: &PlaceArgs) -> anyhow::Result<ExitCode> {
    let state = &State::new(args.state.state.clone());
    let patience = args.zookeeper.session_timeout;
    let said = with_connection(&args.zookeeper, async |connection| {
        let working = release_over(&connection, state);
        match tokio::time::timeout(patience, working).await {
            Ok(said) => said,
            Err(_) => bail!(
                "the hold is released, but nobody has published within {patience:?}: `nameserver \
                 status` tells whether a replica leads"
            ),
        }
    })?;
    let mut stdout = daemon::stdout();
    writeln!(stdout, "{said}")?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn release_over(connection: &Connection, state: &State) -> anyhow::Result<String> {
    let hosts = state.hosts();
    let hold = state.hold();
    connection.sync().await?;
    let mut published = connection.watch_data(hosts);
    published.stat().await?;
    let held = connection.read(&hold).await;
    let Some(held) = held.with_context(|| format!("cannot read {hold}"))? else {
        return Ok("nothing is held".to_owned());
    };
    match connection.delete(&hold, None).await {
        Ok(()) | Err(Error::NoNode) => {}
        Err(error) => bail!("cannot delete {hold}: {error}"),
    }
    let names = Held::decode(&held.data).map_or(0, |held| held.names);
    loop {
        published.changed().await?;
        let Some(znode) = published.read().await? else {
            continue;
        };
        if let Ok(head) = Head::decode(&znode.data) {
            return Ok(format!(
                "released {}: generation {} has {}",
                Counted(names, "held name"),
                head.generation(),
                Counted(head.names(), "name")
            ));
        }
    }
}
