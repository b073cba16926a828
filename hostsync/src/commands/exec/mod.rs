//! `hostsync exec`: the first process of a container, around the command that it is about.

mod signals;
mod wait;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use daemon::WrongUsage;
use log::info;

use super::run::{Controls, End, Setup};
use crate::children::{Child, Children, Group};
use crate::commands::cli::{ExecArgs, PROGRAM};
use signals::{Held, Signals};

/// The exit codes of a shell for a command that is not there, or cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// How the command ended.
#[derive(Debug, Clone, Copy)]
struct Exit(i32);

impl From<Exit> for End {
    fn from(_: Exit) -> Self {
        Self::Close
    }
}

pub(super) fn exec(args: &ExecArgs) -> anyhow::Result<ExitCode> {
    if args.run.daemon.daemon {
        let error =
            anyhow::anyhow!("exec stays in the foreground, for its command; leave --daemon out");
        return Err(WrongUsage::new(error).into());
    }
    // Before anything takes time: until then a signal would end this process, or be lost on the first process
    // of a container.
    let held = Held::new().context("cannot listen to signals")?;
    // It keeps the file of its own container, which it waits for too.
    let hosts_file = args.run.names.hosts_file.one()?;
    if args.run.many()?.is_some() {
        let error = anyhow::anyhow!(
            "exec keeps the hosts file of its own container; keep those of others with hostsync run"
        );
        return Err(WrongUsage::new(error).into());
    }
    let setup = Setup::new(&args.run)?;
    let _guard = args.run.daemon.start(PROGRAM)?;
    args.run.names.zookeeper.warn();
    let Exit(code) = daemon::runtime()?.block_on(async {
        let ends = match args.stop_signal.as_slice() {
            [] => signals::of_the_image(&args.command).into_iter().collect(),
            given => given.to_vec(),
        };
        let signals = held.listen(ends).context("cannot listen to signals")?;
        setup
            .run(async |controls| supervise(args, &hosts_file, signals, controls).await)
            .await
    })?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

async fn supervise(
    args: &ExecArgs,
    hosts_file: &Path,
    mut signals: Signals,
    mut controls: Controls,
) -> anyhow::Result<Exit> {
    let waited = tokio::select! {
        waited = wait::for_names(args, hosts_file, &mut controls) => waited,
        signal = signals.end() => {
            info!("{signal} before the command was started: ending");
            return Ok(Exit(128 + signal.get()));
        }
    };
    waited?;
    let children = controls.children;
    let mut child = match start(args, children) {
        Ok(child) => child,
        Err(error) => {
            let code = match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_RUN,
            };
            let program = &args.command[0];
            log::error!("cannot run {program:?}: {error}");
            return Ok(Exit(code));
        }
    };
    controls.work(true);
    let code = accompany(&mut child, args.drain, &mut signals, &mut controls).await;
    controls.registrars.withdraw().await;
    info!("{:?} ended with {code}", args.command[0]);
    Ok(Exit(code))
}

/// Waits for the command's end, and passes on what signals come.
async fn accompany(
    child: &mut Child,
    drain: Duration,
    signals: &mut Signals,
    controls: &mut Controls,
) -> i32 {
    loop {
        let received = tokio::select! {
            code = child.ended() => return code,
            received = signals.next() => received,
        };
        let signal = received.signal;
        if received.asks_to_stop() {
            controls.work(false);
            controls.registrars.soon_absent().await;
            signals::stop();
            controls.work(true);
        }
        if signals.is_end(received) && controls.registrars.is_active() {
            // First of all, so that nobody is sent here any more.
            controls.registrars.withdraw().await;
            if !drain.is_zero() {
                info!("{signal}: withdrawn; passing it on in {drain:?}");
                tokio::select! {
                    code = child.ended() => return code,
                    () = tokio::time::sleep(drain) => {}
                    // Somebody is in a hurry.
                    _ = signals.end() => {}
                }
            }
        }
        if !received.is_of_the_system {
            child.signal(signal);
        }
    }
}

fn start(args: &ExecArgs, children: Children) -> io::Result<Child> {
    let mut process = Command::new(PathBuf::from(&args.command[0]));
    process.args(&args.command[1..]);
    // Where there is a terminal, its signals reach the command as they reach us.
    let has_terminal = fs::File::open("/dev/tty").is_ok();
    let group = match (args.signal_group, has_terminal) {
        (false, _) => Group::Shared,
        (true, true) => Group::SharedWhole,
        (true, false) => Group::Own,
    };
    children.spawn(&mut process, group)
}
