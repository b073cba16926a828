//! Keeping a thousand clients that lost the same server from coming back in the same moment.
//!
//! The client reconnects by itself, and tries to as soon as it notices the loss. But it has its
//! task spawned by whom we choose, and a task does nothing unless it is polled: here it is held up
//! for a random while when its connection breaks, before it so much as looks a server up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::poll_fn;
use spawns_core::{Spawn, Task};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use zookeeper_client as zk;

use crate::client_task::{Gone, Guarded};

/// The longest time for which a reconnect is held up; the Java client has the same.
const SPREAD: Duration = Duration::from_secs(1);

/// How long a client whose session lives for `session_timeout` is held up: never so long that the
/// session were in danger.
fn hold(session_timeout: Duration) -> Duration {
    SPREAD.min(session_timeout / 5).mul_f64(fastrand::f64())
}

/// Waits for `connecting`, and holds up each reconnect of the client that comes of it. One whose tries
/// must be `limited` is gone before its own deadline.
pub(crate) async fn paced<E>(
    connecting: impl Future<Output = Result<zk::Client, E>>,
    limited: bool,
) -> Result<(zk::Client, Gone), E> {
    let (gone, is_gone) = watch::channel(false);
    let pacer = Pacer {
        link: Arc::default(),
        limited,
        gone,
    };
    let mut connecting = pin!(connecting);
    let client = poll_fn(|context| {
        let _scope = spawns_core::enter(&pacer);
        connecting.as_mut().poll(context)
    })
    .await?;
    // Nobody else sets it.
    let _ = pacer
        .link
        .0
        .set((client.state_watcher(), client.session_timeout()));
    Ok((client, is_gone))
}

/// What is known of a client once it is connected: its states, and its session timeout.
#[derive(Debug, Default)]
pub(crate) struct Link(OnceLock<(zk::StateWatcher, Duration)>);

impl Link {
    /// False while the connection is broken.
    pub(crate) fn is_up(&self) -> bool {
        let up = |states: &zk::StateWatcher| states.peek_state() != zk::SessionState::Disconnected;
        self.0.get().is_none_or(|(states, _)| up(states))
    }

    /// The session timeout that the servers have agreed to.
    pub(crate) fn session_timeout(&self) -> Option<Duration> {
        self.0.get().map(|(_, timeout)| *timeout)
    }
}

#[derive(Debug)]
struct Pacer {
    link: Arc<Link>,
    limited: bool,
    gone: watch::Sender<bool>,
}

impl Spawn for Pacer {
    fn spawn(&self, task: Task) {
        let link = Arc::clone(&self.link);
        let is_up = move || link.is_up();
        let link = Arc::clone(&self.link);
        let hold = move || hold(link.session_timeout().unwrap_or_default());
        let task = Guarded::new(
            Box::into_pin(task.future),
            Arc::clone(&self.link),
            self.limited,
            self.gone.clone(),
        );
        tokio::spawn(Paced {
            task: Box::pin(task),
            is_up,
            hold,
            was_up: true,
            held: None,
        });
    }
}

/// A task that is not polled for a while whenever a poll of it ends with its link down.
struct Paced<T: ?Sized, U, H> {
    is_up: U,
    hold: H,
    was_up: bool,
    held: Option<Pin<Box<Sleep>>>,
    task: Pin<Box<T>>,
}

impl<T, U, H> Future for Paced<T, U, H>
where
    T: Future<Output = ()> + ?Sized,
    U: Fn() -> bool + Unpin,
    H: Fn() -> Duration + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(held) = &mut self.held {
                ready!(held.as_mut().poll(context));
                self.held = None;
            }
            if self.task.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let is_up = (self.is_up)();
            if !std::mem::replace(&mut self.was_up, is_up) || is_up {
                return Poll::Pending;
            }
            // Round again, so that the timer knows whom to wake.
            self.held = Some(Box::pin(sleep((self.hold)())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::noop_waker_ref;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
    use tokio::time::advance;

    #[test]
    fn clients_are_spread_and_sessions_are_not_in_danger() {
        for (timeout, most) in [(30, 1_000), (6, 1_000), (1, 200)] {
            let timeout = Duration::from_secs(timeout);
            let mut holds: Vec<_> = (0..1_000).map(|_| hold(timeout)).collect();
            holds.sort_unstable();
            let most = Duration::from_millis(most);
            assert!(holds[999] <= most, "{:?}", holds[999]);
            // A tenth of the time has about a tenth of the clients.
            let first = holds.iter().filter(|hold| **hold < most / 10).count();
            assert!((50..200).contains(&first), "{first}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_held_up_once_each_time_that_its_link_goes_down() {
        let (is_up, polls) = (AtomicBool::new(true), AtomicUsize::new(0));
        let second = Duration::from_secs(1);
        let mut paced = Paced {
            task: Box::pin(poll_fn(|_| {
                polls.fetch_add(1, Relaxed);
                Poll::Pending
            })),
            is_up: || is_up.load(Relaxed),
            hold: || second,
            was_up: true,
            held: None,
        };
        let mut polled = || {
            let mut context = Context::from_waker(noop_waker_ref());
            assert!(Pin::new(&mut paced).poll(&mut context).is_pending());
            polls.load(Relaxed)
        };
        assert_eq!([polled(), polled()], [1, 2], "not while it is up");
        is_up.store(false, Relaxed);
        assert_eq!([polled(), polled()], [3, 3], "the poll in which it goes");
        advance(second * 9 / 10).await;
        assert_eq!(polled(), 3);
        advance(second / 5).await;
        assert_eq!([polled(), polled()], [4, 5], "once");
        is_up.store(true, Relaxed);
        assert_eq!(polled(), 6);
        is_up.store(false, Relaxed);
        assert_eq!([polled(), polled()], [7, 7], "and again");
    }
}
