//! What a service manager such as systemd is told, where one listens: its socket is named by
//! `NOTIFY_SOCKET`. Without that variable nothing happens.

use std::future::Future;
use std::time::Duration;

use plain::plain;
use sd_notify::NotifyState;

/// The least time between two lines of status: a busy tree must not keep the manager busy too.
pub const PAUSE: Duration = Duration::from_secs(1);

/// True where somebody listens.
pub fn is_listened_to() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// The daemon serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The line of status that was told last, so that it is told once.
#[derive(Debug, Default)]
pub struct StatusLine {
    told: Option<String>,
}

impl StatusLine {
    /// Tells what the daemon does, where that is news.
    pub fn tell(&mut self, line: String) {
        if self.told.as_ref() != Some(&line) {
            tell(&[NotifyState::Status(&plain(&line.replace('\n', " ")))]);
            self.told = Some(line);
        }
    }
}

/// Does the work of a main loop, and tells the watchdog of it twice as often as the manager wants
/// to hear. It is told from within the task of that loop and after its turn, so a loop that blocks
/// or spins is not vouched for.
pub async fn watched<F: Future>(work: F) -> F::Output {
    let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
    let Some(patience) = patience else {
        return work.await;
    };
    let mut beat = tokio::time::interval(patience / 2);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            output = &mut work => return output,
            _ = beat.tick() => tell(&[NotifyState::Watchdog]),
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("cannot tell the service manager: {error}");
    }
}
