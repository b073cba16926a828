//! The client's task, so that its end is noticed.
//!
//! The client says what becomes of its session by the states that its task goes through. A task that ends
//! without the last of them, by a panic about what a server sent, would be waited for without end; and one
//! that tries a literal address beyond its deadline spins a core (see [`crate::Servers`]), so that it must
//! not get there.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use log::error;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::reconnect_jitter::Link;

/// Whether a client's task has ended without saying so in its states.
pub(crate) type Gone = watch::Receiver<bool>;

/// Waits until it has. Pends for ever when its states say how it ended.
pub(crate) async fn gone(gone: &mut Gone) {
    if gone.wait_for(|is_gone| *is_gone).await.is_err() {
        std::future::pending().await
    }
}

/// Runs a client's task until it ends, panics, or may run no longer.
pub(crate) struct Guarded<T: ?Sized> {
    /// None once it is over.
    task: Option<Pin<Box<T>>>,
    link: Arc<Link>,
    /// Whether it must not try until its own deadline.
    is_limited: bool,
    last_poll: Instant,
    /// Ends the task, while its link is down.
    limit: Option<Pin<Box<Sleep>>>,
    gone: watch::Sender<bool>,
}

impl<T: ?Sized> Guarded<T> {
    pub(crate) fn new(
        task: Pin<Box<T>>,
        link: Arc<Link>,
        is_limited: bool,
        gone: watch::Sender<bool>,
    ) -> Self {
        Self {
            task: Some(task),
            link,
            is_limited,
            last_poll: Instant::now(),
            limit: None,
            gone,
        }
    }

    /// Whoever waits for the task is told first, since it is asked no more then.
    fn give_up(&mut self) -> Poll<()> {
        self.gone.send_replace(true);
        self.task = None;
        Poll::Ready(())
    }

    /// When the link, that is down, has been so for too long: well before the client's deadline, which is
    /// 7/5 of the session timeout after it heard from a server; it notices a loss within 2/5.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_limited || self.link.is_up() {
            self.limit = None;
            return false;
        }
        let Some(timeout) = self.link.session_timeout() else {
            return false;
        };
        let limit = self
            .limit
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout * 9 / 10)));
        limit.as_mut().poll(context).is_ready()
    }

    /// True after a halt of the process in which the session has ended, so that the deadline is past.
    fn was_halted(&mut self) -> bool {
        let now = Instant::now();
        let halt = now - std::mem::replace(&mut self.last_poll, now);
        let timeout = self.link.session_timeout().unwrap_or(Duration::MAX);
        self.is_limited && halt > timeout
    }
}

impl<T: Future<Output = ()> + ?Sized> Future for Guarded<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.was_halted() {
            return self.give_up();
        }
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        match AssertUnwindSafe(task).catch_unwind().poll_unpin(context) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(_)) => {
                error!("what a ZooKeeper server sent makes no sense; the connection is given up");
                self.give_up()
            }
            Poll::Pending if self.is_over(context) => self.give_up(),
            Poll::Pending => Poll::Pending,
        }
    }
}
