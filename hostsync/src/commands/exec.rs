//! `hostsync exec`: the first process of a container, around the command that it is about.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use daemon::WrongUsage;
use hosts_file::addresses_of;
use log::{info, warn};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::run::{Controls, End, Setup};
use crate::children::{Child, Children};
use crate::commands::cli::{ExecArgs, PROGRAM};

/// How often the hosts file is looked at for names that others write there.
const LOOK: Duration = Duration::from_millis(500);
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
    let setup = Setup::new(&args.run)?;
    let _guard = args.run.daemon.start(PROGRAM)?;
    args.run.names.zookeeper.warn();
    let hosts_file = args.run.names.hosts_file.hosts_file.clone();
    let Exit(code) = daemon::runtime()?.block_on(async {
        // Before anything takes time: until then a signal would end this process, or be lost on
        // the first process of a container.
        let signals = Signals::new(&args.stop_signal).context("cannot listen to signals")?;
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
        waited = wait_for_names(args, hosts_file, &mut controls) => waited,
        signal = signals.end() => {
            info!("{signal} before the command was started: ending");
            return Ok(Exit(128 + signal as i32));
        }
    };
    waited?;
    let children = controls.children;
    let mut child = match start(&args.command, children) {
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
        let signal = tokio::select! {
            code = child.ended() => return code,
            signal = signals.next() => signal,
        };
        if signals.is_end(signal) && controls.registrars.is_active() {
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
        if !signals.comes_from_the_terminal(signal) {
            child.signal(signal);
        }
    }
}

/// Waits until the names are there, and then until the awaited ones are.
async fn wait_for_names(
    args: &ExecArgs,
    hosts_file: &Path,
    controls: &mut Controls,
) -> anyhow::Result<()> {
    let limit = humantime::format_duration(args.wait_timeout);
    let deadline = Instant::now() + args.wait_timeout;
    let first = controls
        .applied
        .wait_for(|applied| applied.published.is_some());
    let has_names = matches!(timeout_at(deadline, first).await, Ok(Ok(_)));
    let mut missing = missing(&args.wait, hosts_file);
    if !has_names && missing.is_empty() {
        warn!(
            "no names within {limit}, see `hostsync status`: starting without them, they will come"
        );
    }
    register_for(args, &missing, controls);
    while !missing.is_empty() {
        if Instant::now() >= deadline {
            bail!(
                "still missing after {limit}: {}; `nameserver lookup` tells what the tree says, \
                 --wait-timeout gives more time",
                missing.join(", ")
            );
        }
        let news = async {
            tokio::select! {
                _ = controls.applied.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        };
        // Out of time, the next round says so.
        let _ = timeout_at(deadline, news).await;
        missing = self::missing(&args.wait, hosts_file);
    }
    Ok(())
}

/// Registers before the command where an awaited name comes from our own registration: else both
/// would wait for each other.
fn register_for(args: &ExecArgs, missing: &[String], controls: &Controls) {
    let applied = controls.applied.borrow();
    let published = applied.published.as_ref();
    let domain = published.and_then(|published| published.snapshot.domain.as_ref());
    let instance = (controls.registrars.id(), args.run.registering.sequential);
    let own = missing.iter().find_map(|awaited| {
        let mut registrations = args.run.registering.register.iter();
        let gives =
            registrations.find(|registration| registration.gives(awaited, domain, instance));
        gives.map(|registration| (awaited, registration))
    });
    let Some((awaited, registration)) = own else {
        return;
    };
    if args.run.registering.check.is_some() {
        warn!(
            "--wait {awaited} may wait for ever: --register {registration} gives that name, but \
             only once --check passes, and the command starts after that; leave one of the three out"
        );
        return;
    }
    info!("registering {registration} before the command, since --wait {awaited} needs it");
    controls.work(true);
}

/// The awaited names that the hosts file does not map yet.
fn missing(awaited: &[String], hosts_file: &Path) -> Vec<String> {
    let text = hosts_file::read(hosts_file).unwrap_or_default();
    let is_missing = |name: &&String| addresses_of(&text, name.trim_end_matches('.')).is_empty();
    awaited.iter().filter(is_missing).cloned().collect()
}

fn start(command: &[String], children: Children) -> io::Result<Child> {
    let mut process = Command::new(PathBuf::from(&command[0]));
    process.args(&command[1..]);
    // In our own process group: a terminal's signals reach it as they reach us.
    children.spawn(&mut process, false)
}

/// Every signal that can be passed on.
struct Signals {
    received: mpsc::Receiver<Signal>,
    /// Those that ask for the end, beside the usual ones.
    ends: Vec<Signal>,
    has_terminal: bool,
}

impl Signals {
    /// Starts to listen.
    fn new(ends: &[Signal]) -> io::Result<Self> {
        let has_terminal = io::stdin().is_terminal();
        let (sender, received) = mpsc::channel(64);
        let passed = Signal::iterator().filter(|signal| can_be_passed_on(*signal, has_terminal));
        for passed in passed {
            let mut received = signal(SignalKind::from_raw(passed as i32))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while received.recv().await.is_some() {
                    if sender.send(passed).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            received,
            ends: ends.to_vec(),
            has_terminal,
        })
    }

    async fn next(&mut self) -> Signal {
        match self.received.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// Waits for a signal that asks for the end; others are for nobody yet.
    async fn end(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if self.is_end(signal) {
                return signal;
            }
        }
    }

    fn is_end(&self, signal: Signal) -> bool {
        let is_usual = matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT);
        is_usual || self.ends.contains(&signal)
    }

    /// A terminal sends its own to the command by itself, which shares our process group.
    fn comes_from_the_terminal(&self, signal: Signal) -> bool {
        self.has_terminal && matches!(signal, Signal::SIGINT | Signal::SIGQUIT)
    }
}

fn can_be_passed_on(signal: Signal, has_terminal: bool) -> bool {
    // They stop the command and us alike, by themselves.
    let stops = matches!(signal, Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU);
    let ours = matches!(
        signal,
        // Of our own children, of our own mistakes, or beyond reach.
        Signal::SIGCHLD
            | Signal::SIGPIPE
            | Signal::SIGKILL
            | Signal::SIGSTOP
            | Signal::SIGILL
            | Signal::SIGFPE
            | Signal::SIGSEGV
            | Signal::SIGBUS
            | Signal::SIGABRT
            | Signal::SIGTRAP
            | Signal::SIGSYS
    );
    !(ours || stops && has_terminal)
}
