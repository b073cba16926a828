//! `hostsync once`: one read, one pass.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use contract::{Counted, Diff, Hosts, Name, ZnodePath};
use hosts_file::{HostsFile, Outcome, Pass};
use zookeeper::{Connection, Options, Servers, Session, State};

use crate::apply::remedy::Remedied;
use crate::apply::report::list;
use crate::apply::selection::Selection;
use crate::commands::cli::{OnceArgs, PROGRAM};
use crate::commands::dry_run;
use crate::follow::published::Published;
use crate::observe::control_socket;
use crate::store::cache::Keeper;
use crate::store::paths::{self, User};
use crate::store::{Unwritten, UnwrittenFile};

/// How often a file is looked at that somebody is rewriting.
const LOOK: Duration = Duration::from_millis(100);
/// A wait for ZooKeeper that takes longer is told of.
const NOTICE: Duration = Duration::from_secs(1);

pub(super) fn once(args: &OnceArgs) -> anyhow::Result<ExitCode> {
    let (names, user) = (&args.names, User::current());
    let path = names.hosts_file.one()?;
    let (selection, znode, cache) = (
        names.selection()?,
        names.state().hosts(),
        names.cache(&user, &path)?,
    );
    if !args.dry_run
        && let Some(agent) = control_socket::ask(&user, &path)
    {
        let (pid, file) = (agent.pid, path.display());
        if agent.in_step {
            say(&format!(
                "nothing to do: the agent with pid {pid} keeps {file} in step"
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        warn(&format!(
            "the agent with pid {pid} keeps {file} as well; see `hostsync status`"
        ));
    }
    let options = names.zookeeper.options()?;
    let warnings = names.zookeeper.warnings();
    warnings.iter().for_each(|warning| warn(warning));
    let mut hosts_file = names.write.open(&path);
    let (kept, keeper) = cache.open();
    let published = daemon::runtime()?.block_on(read(options, &znode, args.timeout))?;
    let follows = published.follows(kept.as_ref());
    let news = follows.with_context(|| format!("{znode} is not used"))?;
    let last = kept.map(|kept| kept.snapshot.hosts).unwrap_or_default();
    let unwritten = UnwrittenFile::new(paths::unwritten_file(cache.path()));
    let written = Selection::written(&last, &unwritten.load());
    if args.dry_run {
        let entries = selection.entries(&published.snapshot.hosts);
        let (before, after) = hosts_file
            .preview(&entries, &written)
            .map_err(Remedied::from)?;
        let Some(diff) = dry_run::changes(&path, &before, &after) else {
            return Ok(ExitCode::SUCCESS);
        };
        let mut stdout = daemon::stdout();
        write!(stdout, "{diff}")?;
        stdout.flush()?;
        return Ok(ExitCode::FAILURE);
    }
    hosts_file.remove_leftovers();
    let pass = reconcile(&mut hosts_file, &selection, &published, &written)?;
    unwritten.keep(&Unwritten {
        select: names.globs(),
        shadowed: pass.shadowed.iter().cloned().collect(),
    });
    if news {
        keep(keeper, &published);
    }
    report(&selection, &published, &last, &pass)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the snapshot over a session of its own.
async fn read(options: Options, znode: &ZnodePath, limit: Duration) -> anyhow::Result<Published> {
    let servers = options.servers.clone();
    let session = Session::start(options);
    let reading = async {
        let connection = match tokio::time::timeout(NOTICE, session.connected()).await {
            Ok(connection) => connection,
            Err(_) => {
                let limit = humantime::format_duration(limit);
                let text = format!("waiting for ZooKeeper {servers}, {limit} at most");
                daemon::notice(PROGRAM, &text);
                session.connected().await
            }
        };
        read_over(&connection, &servers, znode).await
    };
    let result = match tokio::time::timeout(limit, reading).await {
        Ok(result) => result,
        Err(_) => {
            let limit = humantime::format_duration(limit);
            let detail = match &*session.states().borrow() {
                State::Connecting {
                    failure: Some(failure),
                    ..
                } => format!(": {failure}"),
                _ => String::new(),
            };
            bail!(
                "ZooKeeper at {servers} did not answer within {limit}{detail}; start it, or name \
                 its servers with --zookeeper"
            );
        }
    };
    session.close().await;
    result
}

async fn read_over(
    connection: &Connection,
    servers: &Servers,
    znode: &ZnodePath,
) -> anyhow::Result<Published> {
    connection.sync().await.context("cannot read ZooKeeper")?;
    let found = connection.read_snapshot(znode).await;
    let found = found.with_context(|| format!("cannot read {znode}"))?;
    let Some((stat, snapshot)) = found else {
        let znode = servers.in_chroot(znode);
        bail!("{znode} does not exist: start a nameserver, or see --state");
    };
    Ok(Published {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        snapshot: snapshot.with_context(|| format!("{znode} is not used"))?,
    })
}

fn reconcile(
    hosts_file: &mut HostsFile,
    selection: &Selection,
    published: &Published,
    last: &Hosts,
) -> anyhow::Result<Pass> {
    let entries = selection.entries(&published.snapshot.hosts);
    loop {
        let outcome = hosts_file.reconcile(&entries, last);
        match outcome.map_err(Remedied::from)? {
            Outcome::Done(pass) if is_complete(&pass) => return Ok(pass),
            Outcome::Done(pass) => std::thread::sleep(pass.wake.unwrap_or_default()),
            // It may be closed sooner.
            Outcome::Unsettled(wait) => std::thread::sleep(wait.min(LOOK)),
        }
    }
}

/// False while lines still say what is no longer wanted, since a reader may have passed by the new
/// ones before they were there.
fn is_complete(pass: &Pass) -> bool {
    pass.wake.is_none() || pass.slots.is_none_or(|slots| slots.retiring == 0)
}

fn keep(mut keeper: Keeper, published: &Published) {
    if let Err(error) = keeper.keep(published) {
        let path = keeper.path().display();
        warn(&format!(
            "cannot keep the snapshot in {path}: {error}; see --cache"
        ));
    }
}

fn report(
    selection: &Selection,
    published: &Published,
    last: &Hosts,
    pass: &Pass,
) -> anyhow::Result<()> {
    let file = pass.target.display();
    for note in &pass.notes {
        warn(&format!("{file}, {note}"));
    }
    if !pass.shadowed.is_empty() {
        let names: Vec<&Name> = pass.shadowed.iter().collect();
        let names = list(&names);
        warn(&format!(
            "left to other lines of {file}, which map them already: {names}"
        ));
    }
    let entries = selection.entries(&published.snapshot.hosts);
    let diff = Diff::between(&selection.entries(last), &entries);
    let count = entries.len() - pass.shadowed.len();
    let generation = published.snapshot.generation;
    say(&format!(
        "generation {generation}: {diff}; {} in {file}",
        Counted(count, "name")
    ))
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut stdout = daemon::stdout();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

fn warn(text: &str) {
    daemon::warning(PROGRAM, text);
}
