//! `nameserver check`: what the tree gives, and what is wrong with it.

pub mod explain;
pub mod report;
mod suggestion;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context;
use contract::ZnodePath;
use daemon::No;
use zookeeper::Connection;

use crate::commands::cli::CheckArgs;
use crate::commands::{RESOLVING, read_dated, with_connection};
use crate::ingest::resolver::Resolver;
use crate::observe::listing::{self, Times};
use explain::Explanation;

pub use report::Report;
use suggestion::Suggestion;

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope()?;
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let mut times = Times::new();
    let (namespace, explained) = with_connection(&args.zookeeper, async |connection| {
        let covered = scope.clone();
        let covers = move |path: &ZnodePath| covered.covers(path);
        let mut namespace = read_dated(&connection, &scope, covers, &mut times).await?;
        resolver.want_all(&namespace);
        resolver.settle(&mut namespace, RESOLVING).await;
        let explained = match &args.explain {
            None => None,
            Some(path) => Some((path, data_of(&connection, path).await?)),
        };
        Ok((namespace, explained))
    })?;
    let mut stdout = BufWriter::new(daemon::stdout());
    let code = match explained {
        Some((path, data)) => {
            let explanation = Explanation::new(&scope, &namespace, path, &data);
            if args.json {
                explanation.write_json(&mut stdout)?
            } else {
                explanation.write_text(&mut stdout)?
            }
            explanation.exit_code()
        }
        None if args.suggest => {
            let suggestion = Suggestion::new(&scope, &namespace);
            writeln!(stdout, "{suggestion}")?;
            ExitCode::SUCCESS
        }
        None => {
            // A machine without such a file has no lines of others in it.
            let hosts = std::fs::read(&args.hosts_file).unwrap_or_default();
            let report = Report::new(&namespace).beside(&namespace, &args.hosts_file, &hosts);
            let report = match args.names {
                true => report.listing(listing::rows(&namespace, &times, |_| true)),
                false => report,
            };
            if args.json {
                report.write_json(&mut stdout)?
            } else {
                report.write_text(&mut stdout, args.all)?
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
    let znode = znode.ok_or_else(|| No(format!("there is no znode {path}")))?;
    Ok(znode.data.to_vec())
}
