//! The daemon under test: it logs the signals that it gets.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use daemon::systemd::{self, StatusLine};
use daemon::{DaemonArgs, Signal, Signals};

/// Set where this program is to be the daemon.
pub(crate) const VARIABLE: &str = "LIFECYCLE_AS_DAEMON";

/// Messages of a crate of ours are shown; this test is none.
const OURS: &str = "daemon";

#[derive(Debug, Parser)]
struct Probe {
    #[command(flatten)]
    daemon: DaemonArgs,
    #[arg(long)]
    fail: bool,
    /// Block the main loop on SIGHUP.
    #[arg(long)]
    hang: bool,
}

pub(crate) fn main() -> ExitCode {
    let args: Probe = daemon::command_line::parse("probe");
    daemon::exit("probe", run(&args))
}

fn run(args: &Probe) -> anyhow::Result<()> {
    let _guard = args.daemon.start("probe")?;
    if args.fail {
        return Err(anyhow!("told\nso")).context("cannot go on");
    }
    daemon::runtime()?.block_on(systemd::watched(follow(args.hang)))
}

async fn follow(hang: bool) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    log::info!(target: OURS, "ready");
    systemd::ready();
    let mut status = StatusLine::default();
    loop {
        status.tell("well\nso far".to_owned());
        match signals.next().await {
            Signal::Hangup if hang => loop {
                std::thread::park();
            },
            Signal::Hangup => log::info!(target: OURS, "a pass"),
            Signal::Stop(name) => {
                log::info!(target: OURS, "ended by {name}");
                return Ok(());
            }
        }
    }
}
