//! The signals that come while a command runs, and who sent them.
//!
//! All are blocked, and read where they are waited for. So none is lost, whenever it comes, also by the first process
//! of a container, to which a signal without a handler does nothing; and each tells where it comes from. The command
//! itself begins with what was blocked before: in the moment of its start a handler takes what comes.

use std::fs;
use std::io;
use std::thread;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getppid, getsid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::children::{self, SignalNumber};

/// Of our own children, of our own mistakes, or of a pipe that nobody reads.
const OURS: [Signal; 9] = [
    Signal::SIGCHLD,
    Signal::SIGPIPE,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGSYS,
];
/// Those that are listened to by a handler as well: for others that come in the moment in which a process is
/// started, what the system does by itself has to do.
const UNHELD: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];
/// How many signals may wait.
const QUEUE: usize = 64;
const STACK: usize = 128 << 10;
/// How many ancestors are looked at.
const ANCESTORS: usize = 64;

/// All signals that are not our own affair, kept back until they are listened to.
#[derive(Debug)]
pub(super) struct Held(SigSet);

/// One signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) signal: SignalNumber,
    /// It is the terminal's, or another one of the system, which reaches the command by itself.
    pub(super) is_of_the_system: bool,
}

/// Every signal that can be passed on.
pub(super) struct Signals {
    received: mpsc::Receiver<Received>,
    /// Those that ask for the end, beside the usual ones.
    ends: Vec<SignalNumber>,
}

impl Held {
    /// Keeps signals back, in this thread and in those that it starts. To be called before there are others.
    pub(super) fn new() -> io::Result<Self> {
        let mut all = SigSet::all();
        for signal in OURS {
            all.remove(signal);
        }
        let before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        children::start_with_mask(before);
        Ok(Self(all))
    }

    /// Listens, in a thread that is made now and stays. Within the runtime.
    pub(super) fn listen(&self, ends: Vec<SignalNumber>) -> io::Result<Signals> {
        let signals = SignalFd::with_flags(&self.0, SfdFlags::SFD_CLOEXEC)?;
        let (sender, received) = mpsc::channel(QUEUE);
        let direct = sender.clone();
        let listen = move || {
            loop {
                // Interrupted, it is asked for again.
                let Ok(Some(info)) = signals.read_signal() else {
                    continue;
                };
                if let Some(received) = Received::of(&info)
                    && sender.blocking_send(received).is_err()
                {
                    return;
                }
            }
        };
        // While a process is started, one thread holds nothing back, so that the process does not either.
        for number in UNHELD {
            let mut signals = signal(SignalKind::from_raw(number as i32))?;
            let (sender, number) = (direct.clone(), SignalNumber::from(number));
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let received = Received {
                        signal: number,
                        is_of_the_system: false,
                    };
                    let _ = sender.send(received).await;
                }
            });
        }
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.stack_size(STACK).spawn(listen)?;
        Ok(Signals { received, ends })
    }
}

impl Signals {
    /// The next one. Nothing is lost where the future is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Received {
        match self.received.recv().await {
            Some(received) => received,
            None => std::future::pending().await,
        }
    }

    /// Waits for a signal that asks for the end. Of others, only the terminal's that stops is for anybody yet.
    pub(super) async fn end(&mut self) -> SignalNumber {
        loop {
            let received = self.next().await;
            if self.is_end(received) {
                return received.signal;
            }
            if received.asks_to_stop() {
                stop();
            }
        }
    }

    pub(super) fn is_end(&self, received: Received) -> bool {
        let signal = received.signal;
        let usual = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];
        let is_usual = usual.iter().any(|usual| signal == *usual);
        // The system's WINCH tells of a window.
        is_usual || !received.is_of_the_system && self.ends.contains(&signal)
    }
}

impl Received {
    /// None for what was sent to our whole process group and comes back to us.
    fn of(info: &siginfo) -> Option<Self> {
        let sender = i32::try_from(info.ssi_pid).ok();
        if info.ssi_code == libc::SI_USER && sender == Some(getpid().as_raw()) {
            return None;
        }
        Some(Self {
            signal: SignalNumber::new(i32::try_from(info.ssi_signo).ok()?)?,
            is_of_the_system: info.ssi_code == libc::SI_KERNEL,
        })
    }

    /// Whether it is the terminal's, and stops the command, and us with it: a shell waits for both.
    pub(super) fn asks_to_stop(self) -> bool {
        self.is_of_the_system && self.signal == Signal::SIGTSTP && is_under_job_control()
    }
}

/// Stops this process as the terminal's signal does, until somebody has it go on.
pub(super) fn stop() {
    let set = SigSet::from(Signal::SIGTSTP);
    // It is handled by nobody.
    let _ = set.thread_unblock();
    let _ = raise(Signal::SIGTSTP);
    let _ = set.thread_block();
}

/// Whether somebody of our session waits for our process group, and would have it go on: else nothing is
/// stopped by the terminal, neither the command nor we.
fn is_under_job_control() -> bool {
    let (group, session) = (getpgrp(), getsid(None));
    let mut parent = Some(getppid());
    for _ in 0..ANCESTORS {
        let Some(process) = parent.filter(|process| process.as_raw() > 0) else {
            return false;
        };
        if getsid(Some(process)) != session {
            return false;
        }
        if getpgid(Some(process)) != Ok(group) {
            return true;
        }
        parent = parent_of(process);
    }
    false
}

fn parent_of(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let parent = fields.split_ascii_whitespace().nth(1)?;
    parent.parse().ok().map(Pid::from_raw)
}

/// The signal by which the image of a command is stopped, where its name tells: what the image itself says is
/// for the engine only.
pub(super) fn of_the_image(command: &[String]) -> Option<SignalNumber> {
    let name = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = command.iter().take(2).map(name).collect();
    let is_script = |name: &String| name.contains("entrypoint") || name.ends_with(".sh");
    let program = match names.as_slice() {
        [first, second] if is_script(first) => second,
        [first, ..] => first,
        [] => return None,
    };
    match program.as_str() {
        "httpd" | "httpd-foreground" | "apache2" | "apache2-foreground" | "apachectl"
        | "apache2ctl" => Some(Signal::SIGWINCH.into()),
        "haproxy" => Some(Signal::SIGUSR1.into()),
        "systemd" | "init" => SignalNumber::new(37),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_are_known_by_their_command() {
        let of = |words: &str| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            of_the_image(&words).map(|signal| signal.to_string())
        };
        assert_eq!(of("httpd-foreground").as_deref(), Some("SIGWINCH"));
        assert_eq!(of("/usr/sbin/apache2 -X").as_deref(), Some("SIGWINCH"));
        assert_eq!(
            of("docker-entrypoint.sh haproxy -f x").as_deref(),
            Some("SIGUSR1")
        );
        assert_eq!(of("/lib/systemd/systemd").as_deref(), Some("SIGRTMIN+3"));
        assert_eq!(of("/sbin/init").as_deref(), Some("SIGRTMIN+3"));
        for words in ["nginx", "echo haproxy", "docker-entrypoint.sh", "/srv/web"] {
            assert_eq!(of(words), None, "{words}");
        }
    }
}
