//! `nameserver lookup`: what the tree says of one name.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use contract::{Name, ZnodePath};

use crate::commands::cli::LookupArgs;
use crate::commands::{RESOLVING, read, with_connection};
use crate::ingest::resolver::Resolver;

pub(super) fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let scope = args.scope.scope()?;
    let text = args.name.trim_end_matches('.').to_ascii_lowercase();
    let name: Name = text
        .parse()
        .with_context(|| format!("{:?} is no name", args.name))?;
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let namespace = with_connection(&args.zookeeper, async |connection| {
        // What the name leads to by way of host names is read as well, until nothing new comes up.
        let mut names = HashSet::from([name.clone()]);
        let mut namespace = loop {
            let (wanted, covered) = (names.clone(), scope.clone());
            let needed = move |path: &ZnodePath| {
                let is_concerned = |name| covered.concerns(path, name);
                covered.covers(path) && wanted.iter().any(is_concerned)
            };
            let namespace = read(&connection, &scope, needed).await?;
            let known = names.len();
            names.extend(namespace.mentioned().cloned());
            if names.len() == known {
                break namespace;
            }
        };
        if namespace.depends_on_neighbours() {
            let covered = scope.clone();
            namespace = read(&connection, &scope, move |path| covered.covers(path)).await?;
        }
        resolver.want_all(&namespace);
        resolver.settle(&mut namespace, RESOLVING).await;
        Ok(namespace)
    })?;
    let Some(addresses) = namespace.addresses(&name) else {
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
