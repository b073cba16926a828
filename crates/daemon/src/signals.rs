//! Signals as values.

use std::io;

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{self, SignalKind};

use crate::{logging, systemd};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End cleanly; the name is the signal's.
    Stop(&'static str),
    /// Make a full pass now. The log file is already reopened.
    Hangup,
}

/// Keeps back the signals that a daemon heeds until it listens to them: before, they would end the process, or do
/// nothing at all to the first one of a container.
#[derive(Debug)]
pub struct HeldSignals(SigSet);

impl HeldSignals {
    /// Keeps them back, in this thread and in those that it starts.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> io::Result<Self> {
        let held: SigSet = [
            Number::SIGTERM,
            Number::SIGINT,
            Number::SIGQUIT,
            Number::SIGHUP,
            Number::SIGUSR1,
        ]
        .into_iter()
        .collect();
        held.thread_block()?;
        Ok(Self(held))
    }

    /// Lets them come, those that have waited first. To be called in the same thread, once all are listened to.
    ///
    /// # Errors
    /// The system refuses.
    pub fn release(self) -> io::Result<()> {
        Ok(self.0.thread_unblock()?)
    }
}

/// The signals that this process gets from now on. To be created inside of the runtime, early:
/// until then they end the process.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    hangup: unix::Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// The runtime cannot install its handlers.
    pub fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            hangup: unix::signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Nothing is lost where the future is dropped before it is ready.
    /// The service manager learns of an end.
    pub async fn next(&mut self) -> Signal {
        let signal = self.receive().await;
        if matches!(signal, Signal::Stop(_)) {
            systemd::stopping();
        }
        signal
    }

    async fn receive(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.quit.recv() => Signal::Stop("SIGQUIT"),
            _ = self.hangup.recv() => {
                if let Err(error) = logging::reopen() {
                    log::error!("{error:#}; the log goes on in the old file");
                }
                Signal::Hangup
            }
        }
    }
}
