//! `nameserver purge`: removes what a system that is no more has left below `STATE`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use contract::{Agent, Candidate, Counted, State, ZnodePath, plain};
use daemon::{No, WrongUsage};
use futures::{StreamExt, stream};
use zookeeper::{Connection, Error};

use crate::commands::cli::PurgeArgs;
use crate::commands::with_connection;

/// How many requests are on their way at once.
const IN_FLIGHT: usize = 64;
/// How many of those that run are named.
const SHOWN: usize = 5;

/// What stands below `STATE`.
struct Found {
    /// Each znode, a parent before its children.
    paths: Vec<ZnodePath>,
    /// What runs, as it calls itself.
    alive: Vec<String>,
}

pub(super) fn purge(args: &PurgeArgs) -> anyhow::Result<ExitCode> {
    let state = &State::new(args.state.state.clone());
    let servers = &args.zookeeper.zookeeper;
    let said = with_connection(&args.zookeeper, async |connection| {
        connection.sync().await?;
        let found = find(&connection, state).await?;
        let Some(count) = found.paths.len().checked_sub(1) else {
            return Ok(format!("there is no znode {}", state.path()));
        };
        if !args.force {
            refuse_alive(&found, state)?;
        }
        let (path, below) = (state.path(), Counted(count, "znode"));
        let question = format!("Delete {path} and {below} below it at {servers}?");
        if !args.yes && !agreed(&question)? {
            bail!(No("nothing is deleted".to_owned()));
        }
        delete(&connection, &found.paths).await?;
        Ok(format!("deleted {path} and {below} below it"))
    })?;
    let mut stdout = daemon::stdout();
    writeln!(stdout, "{said}")?;
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Reads all that there is. What nobody of ours makes is no `STATE`.
async fn find(connection: &Connection, state: &State) -> anyhow::Result<Found> {
    let path = state.path();
    let (mut paths, mut alive) = (Vec::new(), Vec::new());
    let ours = state.all();
    let mut waiting = match connection.stat(path).await? {
        None => return Ok(Found { paths, alive }),
        Some(_) => vec![path.clone()],
    };
    if path.is_root() {
        bail!(WrongUsage::new(anyhow!(
            "--state / is the whole tree; name the STATE to be removed"
        )));
    }
    while !waiting.is_empty() {
        let reads = std::mem::take(&mut waiting)
            .into_iter()
            .map(|path| async move {
                let children = connection.children(&path).await?.unwrap_or_default();
                let znode = connection.read(&path).await?;
                Ok::<_, Error>((path, children, znode))
            });
        let mut reads = stream::iter(reads).buffered(IN_FLIGHT);
        while let Some(read) = reads.next().await {
            let (at, children, znode) = read.with_context(|| format!("cannot read {path}"))?;
            let below = children.iter().filter_map(|child| at.child(child).ok());
            let below: Vec<_> = below.collect();
            if at == *path
                && let Some(foreign) = below.iter().find(|below| !ours.contains(below))
            {
                let foreign = plain(foreign.as_str()).into_owned();
                bail!(
                    "{foreign} is none of a nameserver's, so {path} may be no STATE; see --state"
                );
            }
            if let Some(znode) = znode.filter(|znode| znode.stat.ephemeral_owner != 0) {
                alive.extend(name(state, &at, &znode.data));
            }
            waiting.extend(below);
            paths.push(at);
        }
    }
    Ok(Found { paths, alive })
}

/// What an ephemeral znode stands for; a binding is that of an agent.
fn name(state: &State, path: &ZnodePath, data: &[u8]) -> Option<String> {
    let parent = path.parent()?;
    let own = plain(path.component()).into_owned();
    if parent == state.election() || parent == state.aside() {
        let id = Candidate::decode(data).map_or(own, |candidate| candidate.id);
        Some(format!("nameserver {id}"))
    } else if parent == state.agents() {
        let id = Agent::decode(data).ok().and_then(|agent| agent.id);
        Some(format!("agent {}", id.unwrap_or(own)))
    } else {
        None
    }
}

fn refuse_alive(found: &Found, state: &State) -> anyhow::Result<()> {
    if found.alive.is_empty() {
        return Ok(());
    }
    let shown = found.alive.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    let more = if found.alive.len() > SHOWN {
        ", …"
    } else {
        ""
    };
    bail!(
        "{} is in use, by {}{more}; stop them first, wait for their sessions to end, or use --force",
        state.path(),
        shown.join(", ")
    )
}

/// Asks at the terminal.
fn agreed(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!(WrongUsage::new(anyhow!(
            "there is no terminal to ask at; use --yes"
        )));
    }
    write!(io::stderr(), "{} [y/N] ", plain(question))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Deletes children before their parents.
async fn delete(connection: &Connection, paths: &[ZnodePath]) -> anyhow::Result<()> {
    // Level by level: those of one depth know nothing of each other.
    let depth = |path: &ZnodePath| path.as_str().matches('/').count();
    for level in paths
        .chunk_by(|one, other| depth(one) == depth(other))
        .rev()
    {
        let deletes = level.iter().map(|path| async move {
            match connection.delete(path, None).await {
                Ok(()) | Err(Error::NoNode) => Ok(()),
                Err(Error::NotEmpty) => Err(anyhow!("{path} has come into use meanwhile")),
                Err(error) => Err(anyhow!("cannot delete {path}: {error}")),
            }
        });
        let mut deletes = stream::iter(deletes).buffer_unordered(IN_FLIGHT);
        while let Some(deleted) = deletes.next().await {
            deleted?;
        }
    }
    Ok(())
}
