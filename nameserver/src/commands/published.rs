//! By what names are made, as those who publish them tell.

use anyhow::Context;
use contract::{Head, Settings, State};
use zookeeper::Connection;

use crate::commands::cli::ScopeArgs;
use crate::namespace::scope::Scope;

/// The scope that is asked for, or, where nothing is said of it, the one by which is published.
pub(super) async fn scope(connection: &Connection, args: &ScopeArgs) -> anyhow::Result<Scope> {
    if !args.is_open() {
        return Ok(args.scope()?);
    }
    let Some(settings) = settings(connection, &State::new(args.state.clone())).await? else {
        return Ok(args.scope()?);
    };
    let exclude = settings.exclude.unwrap_or_default();
    let scope = Scope::new(settings.root, args.state.clone(), settings.domain, &exclude);
    let scope = scope.context("what is published goes by settings that cannot be used")?;
    Ok(scope.allowing_public(settings.allow_public))
}

/// The settings by which is published; none where nothing is.
async fn settings(connection: &Connection, state: &State) -> anyhow::Result<Option<Settings>> {
    let (settings, hosts) = (state.settings(), state.hosts());
    let read = tokio::try_join!(connection.read(&settings), connection.read(&hosts));
    let (settings, hosts) = read.with_context(|| format!("cannot read {}", state.path()))?;
    let told = settings.and_then(|znode| Settings::decode(&znode.data).ok());
    let of_head = || {
        let head = hosts.and_then(|znode| Head::decode(&znode.data).ok())?;
        Some(Settings {
            root: head.root().clone(),
            domain: head.domain().cloned(),
            exclude: None,
            allow_public: true,
        })
    };
    Ok(told.or_else(of_head))
}
