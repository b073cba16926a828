//! `nameserver lookup`: what the tree says of one name.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use contract::{Name, Snapshot, State, ZnodePath};
use daemon::{No, WrongUsage, command_line};
use zookeeper::Connection;

use crate::commands::cli::LookupArgs;
use crate::commands::{RESOLVING, published, read, with_connection};
use crate::ingest::resolver::Resolver;

/// The published name that is most like this one, if any is.
async fn alike(connection: &Connection, state: &ZnodePath, name: &Name) -> Option<Name> {
    let hosts = State::new(state.clone()).hosts();
    // It is a courtesy.
    let published = connection.read_snapshot(&hosts).await.ok()??;
    nearest(name, &published.1.ok()?)
}

/// The name with the domain appended, where that is one; else the one that is spelt most like it.
fn nearest(name: &Name, published: &Snapshot) -> Option<Name> {
    let absolute = published.domain.as_ref();
    let absolute = absolute.and_then(|domain| format!("{name}.{domain}").parse::<Name>().ok());
    if let Some(absolute) = absolute.filter(|name| published.hosts.contains_key(name)) {
        return Some(absolute);
    }
    let names = published.hosts.keys().map(Name::as_str);
    command_line::alike(name.as_str(), names)
        .first()?
        .parse()
        .ok()
}

pub(super) fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let text = args.name.trim_end_matches('.').to_ascii_lowercase();
    let name: Name = text
        .parse()
        .with_context(|| format!("{:?} is no name", args.name))
        .map_err(WrongUsage::new)?;
    let mut resolver = Resolver::new(args.scope.resolve_hostnames);
    let (scope, namespace, alike) = with_connection(&args.zookeeper, async |connection| {
        let scope = published::scope(&connection, &args.scope).await?;
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
        let alike = match namespace.addresses(&name) {
            Some(_) => None,
            None => alike(&connection, &args.scope.state, &name).await,
        };
        Ok((scope, namespace, alike))
    })?;
    let Some(addresses) = namespace.addresses(&name) else {
        let root = args.zookeeper.zookeeper.in_chroot(scope.root());
        let text = match alike {
            Some(alike) => {
                format!("no znode below {root} gives the name {name}; did you mean {alike}?")
            }
            None => format!(
                "no znode below {root} gives the name {name}; `nameserver check` explains those that give none"
            ),
        };
        bail!(No(text));
    };
    let mut stdout = daemon::stdout();
    for address in addresses {
        writeln!(stdout, "{address}")?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use contract::{Addresses, PRESENCE};

    use super::*;

    #[test]
    fn what_may_have_been_meant() {
        let published = |names: &[&str], domain: &str| {
            let address = || Addresses::from_iter(["10.0.0.1".parse().unwrap()]);
            Snapshot {
                domain: domain.parse().ok(),
                generation: 1,
                hosts: names
                    .iter()
                    .map(|name| (name.parse().unwrap(), address()))
                    .collect(),
                leader: "ns1".into(),
                presence: PRESENCE,
                published: std::time::UNIX_EPOCH,
                root: ZnodePath::root(),
                sum: None,
                zxid: 1,
            }
        };
        let plain = published(&["primary.db", "replica.db", "web"], "");
        let meant = |name: &str, published: &Snapshot| {
            nearest(&name.parse().unwrap(), published).map(|name| name.to_string())
        };
        assert_eq!(meant("primry.db", &plain).unwrap(), "primary.db");
        assert_eq!(meant("xyzzy", &plain), None);
        let with_domain = published(&["db.zk.internal", "dbx"], "zk.internal");
        assert_eq!(meant("db", &with_domain).unwrap(), "db.zk.internal");
    }
}
