//! `nameserver status`: what `STATE` tells of all replicas and agents.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use contract::{State, ZnodePath, plain};
use futures::{StreamExt, stream};
use zookeeper::{Connection, Error, Znode, is_candidate};

use crate::commands::cli::AskArgs;
use crate::commands::with_connection;
use crate::observe::overview::{Findings, Overview, Written};

/// How many requests are on their way at once.
const IN_FLIGHT: usize = 256;

/// How long a new leader may take for its first snapshot before it counts as one that cannot.
const TAKEOVER: Duration = Duration::from_secs(2);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints the overview of `STATE`.
pub(super) fn status(args: &AskArgs) -> anyhow::Result<ExitCode> {
    let state = &State::new(args.state.state.clone());
    let overview = with_connection(&args.zookeeper, async |connection| {
        let overview = look(&connection, state).await;
        overview.with_context(|| format!("cannot read {}", state.path()))
    });
    let overview = overview.unwrap_or_else(|error| Overview::unknown(format!("{error:#}")));
    let mut stdout = daemon::stdout();
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string(&overview)?)?;
    } else {
        write!(stdout, "{overview}")?;
    }
    stdout.flush()?;
    Ok(overview.exit_code())
}

/// Looks, and once more where a new leader may just be about to publish.
async fn look(connection: &Connection, state: &State) -> Result<Overview, Error> {
    let begun = Instant::now();
    loop {
        let found = find(connection, state).await?;
        let overview = Overview::new(state, found, SystemTime::now());
        if !overview.is_a_takeover() || begun.elapsed() > TAKEOVER {
            return Ok(overview);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub(super) async fn find(connection: &Connection, state: &State) -> Result<Findings, Error> {
    connection.sync().await?;
    let (hosts, hold) = (state.hosts(), state.hold());
    let (election, agents) = (state.election(), state.agents());
    let aside = state.aside();
    let (hosts, hold, mut candidates, aside, agents) = tokio::try_join!(
        connection.read(&hosts),
        connection.read(&hold),
        children(connection, &election),
        children(connection, &aside),
        children(connection, &agents),
    )?;
    candidates.retain(|(component, znode)| is_candidate(component, &znode.stat));
    candidates.sort_by_key(|(_, znode)| znode.stat.czxid);
    let written = |znode: Znode| Written {
        data: znode.data,
        at: znode.stat.mtime,
        since: znode.stat.ctime,
    };
    let data = |children: Vec<(String, Znode)>| {
        let children = children.into_iter();
        children
            .map(|(component, znode)| (plain(&component).into_owned(), znode.data))
            .collect()
    };
    let agents = agents.into_iter();
    Ok(Findings {
        hosts: hosts.map(written),
        hold: hold.map(|znode| znode.data),
        candidates: data(candidates),
        aside: data(aside),
        agents: agents
            .map(|(id, znode)| (plain(&id).into_owned(), written(znode)))
            .collect(),
    })
}

/// The children of a znode and their names; what is deleted meanwhile is left out.
async fn children(
    connection: &Connection,
    parent: &ZnodePath,
) -> Result<Vec<(String, Znode)>, Error> {
    let components = connection.children(parent).await?.unwrap_or_default();
    let paths = components.into_iter().filter_map(|component| {
        let path = parent.child(&component).ok()?;
        Some((component, path))
    });
    let reads = paths.map(|(component, path)| async move {
        let znode = connection.read(&path).await?;
        Ok::<_, Error>(znode.map(|znode| (component, znode)))
    });
    // In order, with many requests on their way.
    let mut reads = stream::iter(reads).buffered(IN_FLIGHT);
    let mut found = Vec::new();
    while let Some(child) = reads.next().await {
        found.extend(child?);
    }
    Ok(found)
}
