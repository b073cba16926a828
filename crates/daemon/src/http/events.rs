//! The status as often as it changes, as server-sent events.
//!
//! A status is made when somebody is ready to read it, so one who reads slowly is told less and costs no more.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use plain::plain_lines;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Observed, greediest};

/// How often it is looked whether there is news.
const LOOK: Duration = Duration::from_millis(400);
/// After what time without news something is said all the same, so that a connection that broke is noticed.
const SILENCE: Duration = Duration::from_secs(15);
/// How many may follow at once. For one more, one of the client that has most is ended.
const STREAMS: usize = 16;

/// A status, as text on one line.
type Text = Arc<str>;

/// The status for all who follow it: made once for all of them.
pub(super) struct Latest<O> {
    observed: Arc<O>,
    made: Mutex<Option<(Instant, Text)>>,
}

impl<O: Observed> Latest<O> {
    pub(super) fn new(observed: Arc<O>) -> Self {
        let made = Mutex::default();
        Self { observed, made }
    }

    fn text(&self) -> Text {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, text)) = &*made
            && at.elapsed() < LOOK / 2
        {
            return Arc::clone(text);
        }
        let status = self.observed.status().to_string();
        let text: Text = plain_lines(&status).into();
        *made = Some((Instant::now(), Arc::clone(&text)));
        text
    }
}

/// What is left of the stream after an event.
type Next = Pin<Box<dyn Future<Output = (Told, Bytes)> + Send>>;

/// A body without an end.
pub(super) struct Events {
    next: Next,
    look: Arc<dyn Fn() -> Text + Send + Sync>,
}

/// What one client was told last, and when.
struct Told {
    text: Text,
    at: Instant,
}

impl Events {
    pub(super) fn new<O: Observed>(latest: Arc<Latest<O>>) -> Self {
        let look: Arc<dyn Fn() -> Text + Send + Sync> = Arc::new(move || latest.text());
        let first = Arc::clone(&look);
        let next = Box::pin(async move {
            let told = Told {
                text: first(),
                at: Instant::now(),
            };
            let bytes = format!("retry: 2000\n\ndata: {}\n\n", told.text);
            (told, bytes.into())
        });
        Self { next, look }
    }
}

/// Waits for news, or for it to be time to say that there is none.
async fn next(mut told: Told, look: Arc<dyn Fn() -> Text + Send + Sync>) -> (Told, Bytes) {
    loop {
        tokio::time::sleep(LOOK).await;
        let text = look();
        let bytes = if text != told.text {
            told.text = text;
            format!("data: {}\n\n", told.text)
        } else if told.at.elapsed() >= SILENCE {
            ":\n\n".to_owned()
        } else {
            continue;
        };
        told.at = Instant::now();
        return (told, bytes.into());
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Poll::Ready((told, bytes)) = self.next.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.next = Box::pin(next(told, Arc::clone(&self.look)));
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

/// One connection, as far as it follows.
#[derive(Debug, Default)]
pub(super) struct Stream {
    has_begun: AtomicBool,
    end: Notify,
}

impl Stream {
    /// Whether it follows.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Relaxed)
    }

    /// Waits until another one takes its place.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

/// Who follows, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Vec<(IpAddr, Weak<Stream>)>>);

impl Streams {
    /// A client follows from now on; where there are too many, another one does no more.
    pub(super) fn begin(&self, client: IpAddr, stream: &Arc<Stream>) {
        stream.has_begun.store(true, Relaxed);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, stream)| stream.strong_count() > 0);
        if all.len() >= STREAMS {
            let clients: Vec<_> = all.iter().map(|(client, _)| *client).collect();
            if let Some(at) = greediest(&clients)
                && let Some(stream) = all.remove(at).1.upgrade()
            {
                stream.end.notify_one();
            }
        }
        all.push((client, Arc::downgrade(stream)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn so_many_may_follow_and_the_oldest_of_whoever_has_most_makes_room() {
        let streams = Streams::default();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let begin = |client| {
            let stream = Arc::new(Stream::default());
            streams.begin(client, &stream);
            stream
        };
        let first = begin(other);
        let many: Vec<_> = (1..STREAMS).map(|_| begin(one)).collect();
        let is_over = |stream: &Arc<Stream>| stream.ended().now_or_never().is_some();
        assert!(!many.iter().any(is_over) && !is_over(&first));
        let last = begin(other);
        let over: Vec<_> = many.iter().map(is_over).collect();
        assert!(over[0] && !over[1..].contains(&true), "{over:?}");
        assert!(!is_over(&first) && !is_over(&last));
        drop(many);
        let _new: Vec<_> = (2..STREAMS).map(|_| begin(one)).collect();
        assert!(!is_over(&first), "those that ended count no more");
    }
}
