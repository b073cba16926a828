//! `nameserver run`: puts the parts of the daemon together.

pub mod follow;
mod tree;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use daemon::{HeldSignals, Http, Signals, Tasks, systemd};
use indicatif::ProgressBar;
use zookeeper::{Options, Session};

use crate::commands::block_on;
use crate::commands::cli::{PROGRAM, RunArgs};
use crate::dns::zones::freshness::{self, Followed};
use crate::ingest::walk::progress_bar;
use crate::observe::ask::Asking;
use crate::observe::live::Live;
use crate::observe::status::{Facts, Progress, Reconnects, Status};
use crate::publish::hold::Hold;

pub use follow::Nameserver;

pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let held = HeldSignals::new().context("cannot listen to signals")?;
    let (scope, id) = (args.scope.scope()?, args.id()?);
    // Before the start, so that a mistake is seen at the terminal; once more after it, so that
    // warnings are seen in the log.
    args.zookeeper.options()?;
    let http = args.http.listen()?;
    let dns = args.dns.listen(args.scope.domain.clone())?;
    let _guard = args.daemon.start(PROGRAM)?;
    args.zookeeper.warn();
    let options = args.zookeeper.options()?;
    let is_terminal = !args.daemon.daemon && std::io::stderr().is_terminal();
    let progress = if is_terminal {
        progress_bar
    } else {
        ProgressBar::hidden
    };
    let resolves = args.scope.resolve_hostnames;
    block_on(async {
        let signals = Signals::new().context("cannot listen to signals")?;
        held.release().context("cannot listen to signals")?;
        let (named, facts) = (options.is_named(), facts(args, &id, &options));
        let session = Session::start(options);
        let mut nameserver = Nameserver::new(scope, id, Hold::new(args.drop_hold), progress)
            .resolving(resolves)
            .taking_over(args.take_over)
            .reached_at(http.as_ref().and_then(Http::address));
        let (states, told) = (session.states(), nameserver.told());
        let mut status = Status {
            facts,
            session: states.clone(),
            progress: told.clone(),
            twin: nameserver.twin(),
            dns: None,
            live: None,
            asking: None,
            propagation: nameserver.propagation(),
            reconnects: Reconnects::new(session.reconnects()),
            tasks: Tasks::default(),
            limits: nameserver.limits(),
        };
        let (tasks, limits) = (status.tasks.clone(), status.limits.clone());
        if let Some(dns) = dns {
            let (zones, dns) = dns.start(&tasks)?;
            let shared = zones.clone();
            let fresh =
                move || freshness::follow(shared.clone(), states.clone(), told.clone(), followed);
            tokio::spawn(tasks.clone().keep("freshness of DNS", fresh));
            nameserver = nameserver.answering(zones);
            status.dns = Some(dns);
        }
        if let Some(http) = http {
            let state = contract::State::new(args.scope.state.clone());
            let live = Live::new(state, nameserver.found(), &limits);
            let (following, of) = (live.clone(), session.clone());
            let make = move || following.clone().follow(of.clone());
            tokio::spawn(tasks.clone().keep("what is told over HTTP", make));
            status.live = Some(live);
            let asking = Asking::new(
                args.scope.scope()?,
                session.clone(),
                nameserver.questions(),
                nameserver.names(),
            );
            status.asking = Some(Arc::new(asking));
            http.serve(status.clone(), &tasks)?;
        }
        let told = status.clone();
        let informing = tasks
            .clone()
            .keep("service manager", move || told.clone().tell());
        let informing = tokio::spawn(informing);
        let work = systemd::watched(nameserver.run(session, signals, named, tasks));
        let ended = daemon::main_task(work).await;
        informing.abort();
        ended??;
        Ok(ExitCode::SUCCESS)
    })
}

fn facts(args: &RunArgs, id: &str, options: &Options) -> Facts {
    Facts {
        id: id.to_owned(),
        pid: std::process::id(),
        started: daemon::time(SystemTime::now()),
        version: env!("CARGO_PKG_VERSION"),
        servers: args.zookeeper.zookeeper.to_string(),
        root: args.scope.root(),
        state: args.scope.state.clone(),
        tls: options.tls.clone(),
    }
}

/// What DNS says of its freshness.
fn followed(progress: &Progress) -> Followed {
    Followed {
        follows: progress.follows,
        zxid: progress.zxid,
        generation: progress.generation,
    }
}
