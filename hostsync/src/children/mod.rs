//! The processes that hostsync starts, and those that it inherits as the first one of a container.

mod number;

use std::collections::HashMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use daemon::Tasks;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp};
use shared_child::SharedChild;
use shared_child::unix::SharedChildExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub use number::{SignalError, SignalNumber};

/// Who waits for which child. There is one for the process, as there is one list of children.
static WAITING: LazyLock<Mutex<Waiting>> = LazyLock::new(Mutex::default);

type Waiting = HashMap<Pid, oneshot::Sender<i32>>;

/// What is for hostsync itself. A service manager's: a child that spoke up there would be ready, or
/// alive, in our place. And the secret: whoever reads a child's environment need not have it.
const OURS: [&str; 4] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "HOSTSYNC_AUTH",
];

/// The signals that were blocked before this process blocked others to listen to them: those that are to be
/// blocked in what it starts.
static BLOCKED: OnceLock<SigSet> = OnceLock::new();

/// Has what is started from now on begin with this mask of signals, since it would inherit that of this process.
/// Only the first call counts.
pub fn start_with_mask(mask: SigSet) {
    let _ = BLOCKED.set(mask);
}

/// Waits for all children, so that none stays a zombie.
///
/// Nothing else in the process may wait for a child: whoever comes first gets its status.
#[derive(Debug, Clone, Copy)]
pub struct Children(());

/// The process group of a process that is started, and who gets its signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// It is in our own, so that a terminal's signals reach it as they reach us. Only it gets what is sent.
    Shared,
    /// It is in our own, all of which gets what is sent.
    SharedWhole,
    /// It has one of its own, all of which gets what is sent.
    Own,
}

/// A process that was started.
#[derive(Debug)]
pub struct Child {
    process: SharedChild,
    pid: Pid,
    group: Group,
    ended: oneshot::Receiver<i32>,
}

impl Children {
    /// Starts to wait, as one of the `tasks`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The runtime cannot install its handler.
    pub fn new(tasks: &Tasks) -> io::Result<Self> {
        let mut first = Some(signal(SignalKind::child())?);
        let make = move || {
            let ended = first.take().map_or_else(|| signal(SignalKind::child()), Ok);
            async {
                let mut ended = ended.expect("the handler is installed");
                // Of those that ended while nobody waited.
                reap();
                while ended.recv().await.is_some() {
                    reap();
                }
            }
        };
        tokio::spawn(tasks.clone().keep("children", make));
        Ok(Self(()))
    }

    /// Starts a process in this process group.
    ///
    /// # Errors
    /// The system cannot start it.
    pub fn spawn(&self, command: &mut Command, group: Group) -> io::Result<Child> {
        if group == Group::Own {
            command.process_group(0);
        }
        for variable in OURS {
            command.env_remove(variable);
        }
        // Held until it is known who waits, in case that it ends at once.
        let mut waiting = waiting();
        let process = unheld(|| SharedChild::spawn(command))?;
        let pid = Pid::from_raw(process.id().cast_signed());
        let (sender, ended) = oneshot::channel();
        waiting.insert(pid, sender);
        Ok(Child {
            process,
            pid,
            group,
            ended,
        })
    }
}

/// Does this with the mask of signals that a child is to inherit. What comes meanwhile meets the handlers of
/// whoever listens.
fn unheld<T>(spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(mask) = BLOCKED.get() else {
        return spawn();
    };
    let held = mask.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let result = spawn();
    held.thread_set_mask()?;
    result
}

fn reap() {
    let mut waiting = waiting();
    loop {
        let (pid, code) = match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, code),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
            Ok(WaitStatus::StillAlive) => return,
            Err(Errno::EINTR) | Ok(_) => continue,
            Err(_) => return,
        };
        if let Some(sender) = waiting.remove(&pid) {
            // Whoever gave up waiting need not know.
            let _ = sender.send(code);
        }
    }
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Child {
    /// Waits for its end. Returns its exit code, or 128 and the number of the signal that ended it.
    pub async fn ended(&mut self) -> i32 {
        match (&mut self.ended).await {
            Ok(code) => code,
            Err(_) => std::future::pending().await,
        }
    }

    /// Sends a signal to it, or to all of its process group. A real-time signal reaches it alone.
    pub fn signal(&self, signal: SignalNumber) {
        // It may just have ended.
        let _ = match (signal.named(), self.group) {
            (Some(signal), Group::Own) => killpg(self.pid, signal).is_ok(),
            (Some(signal), Group::SharedWhole) => killpg(getpgrp(), signal).is_ok(),
            // Whoever is waited for is still there, or its number at least.
            _ if waiting().contains_key(&self.pid) => {
                self.process.send_signal(signal.get()).is_ok()
            }
            _ => false,
        };
    }
}
