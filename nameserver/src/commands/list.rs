//! `nameserver list`: the names that the tree gives, and what gives each of them.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use contract::{Name, ZnodePath};
use daemon::{Table, warning};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use zookeeper::{Connection, Error, Follower, Retry, Watch};

use crate::commands::cli::{ListArgs, PROGRAM};
use crate::commands::name_glob::NameGlob;
use crate::commands::{RESOLVING, following, load, published, read_dated, with_connection};
use crate::ingest::changes::Changes;
use crate::ingest::resolver::Resolver;
use crate::ingest::walk::{Walk, visit};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::observe::listing::{self, Row, Times};

/// How many znodes are read at once.
const IN_FLIGHT: usize = 256;

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let wanted = args.names.as_ref();
    if args.watch {
        return following::follow(&args.zookeeper, async |connection| {
            Ok(Watching {
                scope: published::scope(&connection, &args.scope).await?,
                wanted: args.names.clone(),
                json: args.json,
                shown: BTreeMap::new(),
                table: None,
            })
        });
    }
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let mut times = Times::new();
    let namespace = with_connection(&args.zookeeper, async |connection| {
        let scope = published::scope(&connection, &args.scope).await?;
        let covered = scope.clone();
        let covers = move |path: &ZnodePath| covered.covers(path);
        let mut namespace = read_dated(&connection, &scope, covers, &mut times).await?;
        resolver.want_all(&namespace);
        resolver.settle(&mut namespace, RESOLVING).await;
        Ok(namespace)
    })?;
    let rows = listing::rows(&namespace, &times, |name| NameGlob::wants(wanted, name));
    let mut stdout = BufWriter::new(daemon::stdout());
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else if rows.is_empty() {
        warning(
            PROGRAM,
            "no name matches; `nameserver check` says what gives none",
        );
    } else {
        write!(stdout, "{}", listing::table(&rows, SystemTime::now()))?;
    }
    stdout.flush()?;
    Ok(ExitCode::from(u8::from(rows.is_empty())))
}

/// The names as they are shown, while the tree is followed.
struct Watching {
    scope: Scope,
    wanted: Option<NameGlob>,
    json: bool,
    shown: BTreeMap<Name, Row>,
    /// What was shown last, for the width of its columns.
    table: Option<Table<7>>,
}

/// The tree over one connection.
struct Live<'a> {
    connection: &'a Connection,
    watch: Watch,
    namespace: Namespace,
    times: Times,
}

impl<'a> Live<'a> {
    /// Watches the tree, and reads it whole.
    async fn begin(connection: &'a Connection, scope: &Scope) -> Result<Self, Error> {
        let watch = connection.watch(scope.root()).await?;
        connection.sync().await?;
        let covered = scope.clone();
        let covers = move |path: &ZnodePath| covered.covers(path);
        let (root, bar) = (scope.root().clone(), ProgressBar::hidden());
        let mut walk = Walk::start(connection.clone(), root, covers, bar);
        let (mut namespace, mut times) = (Namespace::new(scope.clone(), []), Times::new());
        load(&mut walk, &mut namespace, &mut times).await?;
        namespace.name_all();
        Ok(Self {
            connection,
            watch,
            namespace,
            times,
        })
    }

    /// Waits for the tree to change, and takes that in; returns the names that may differ now.
    async fn next(&mut self, scope: &Scope) -> Result<HashSet<Name>, Error> {
        let mut changes = Changes::default();
        changes.note(self.watch.next().await?, scope);
        while let Some(event) = self.watch.try_next()? {
            changes.note(event, scope);
        }
        let mut updates: Vec<_> = changes.gone.into_iter().map(|path| (path, None)).collect();
        updates.iter().for_each(|(path, _)| {
            self.times.remove(path);
        });
        let visits = changes
            .read
            .into_iter()
            .map(|path| visit(self.connection, path));
        let mut visits = stream::iter(visits).buffer_unordered(IN_FLIGHT);
        while let Some(visit) = visits.next().await {
            let visit = visit?;
            let path = visit.path.clone();
            self.times
                .extend(visit.mtime.map(|mtime| (path.clone(), mtime)));
            updates.push((path, visit.dated()));
        }
        drop(visits);
        let touched = self.namespace.update_dated(updates);
        Ok(touched
            .iter()
            .flat_map(|path| self.namespace.names_of(path))
            .collect())
    }
}

impl Watching {
    /// Shows those of these names that differ from what was shown.
    fn show(&mut self, live: &Live<'_>, names: HashSet<Name>) -> anyhow::Result<()> {
        let wanted = self.wanted.as_ref();
        let mut names: Vec<_> = names
            .into_iter()
            .filter(|name| NameGlob::wants(wanted, name))
            .collect();
        names.sort_unstable();
        let (mut rows, now) = (Vec::new(), SystemTime::now());
        for name in names {
            match listing::row(&live.namespace, &live.times, &name) {
                Some(row) if self.shown.get(&name) != Some(&row) => {
                    self.shown.insert(name, row.clone());
                    rows.push((row, false));
                }
                None => rows.extend(self.shown.remove(&name).map(|row| (row, true))),
                Some(_) => {}
            }
        }
        let mut stdout = BufWriter::new(daemon::stdout());
        if self.json {
            for (row, is_gone) in &rows {
                let mut json = serde_json::to_value(row)?;
                if *is_gone {
                    json["addresses"] = serde_json::json!([]);
                }
                writeln!(stdout, "{json}")?;
            }
        } else {
            let table = self.table.as_ref().map(Table::below);
            let mut table = table.unwrap_or_else(|| listing::table([], now));
            rows.iter()
                .for_each(|(row, is_gone)| table.row(row.cells(now, *is_gone)));
            write!(stdout, "{table}")?;
            self.table = Some(table);
        }
        Ok(stdout.flush()?)
    }
}

impl Follower for Watching {
    type End = anyhow::Result<()>;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<anyhow::Result<()>, Error> {
        let mut live = Live::begin(connection, &self.scope).await?;
        retry.succeeded();
        let mut names: HashSet<Name> = self.shown.keys().cloned().collect();
        names.extend(live.namespace.hosts().keys().cloned());
        loop {
            if let Err(error) = self.show(&live, names) {
                return Ok(Err(error));
            }
            names = live.next(&self.scope).await?;
        }
    }

    fn complain(&mut self, error: &Error) {
        let root = self.scope.root();
        warning(
            PROGRAM,
            &format!("cannot follow {root}: {error}; trying again"),
        );
    }
}
