//! The loop of everybody who keeps something in step with ZooKeeper while connections come and go.

use std::future::Future;
use std::time::Duration;

use crate::{Backoff, Connection, Error, Session};

/// Whoever starts over after each failure: watches again, reads again.
pub trait Follower {
    /// What the work ends with; `Infallible` for work that has no end.
    type End;

    /// Works over one connection until that breaks, or something else fails. Tells `retry` once
    /// things are as they should be.
    fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> impl Future<Output = Result<Self::End, Error>> + Send;

    /// Says why an attempt failed. Of a failure that repeats it is asked once. Of a lost connection it
    /// is not asked, since the session says so itself.
    fn complain(&mut self, error: &Error);
}

/// What follows a failed attempt: how long to wait, and whether there is news to be said.
#[derive(Debug)]
pub struct Retry {
    backoff: Backoff,
    said: Option<Error>,
}

impl Retry {
    /// Waits that begin at `first` and never exceed `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            backoff: Backoff::new(first, most),
            said: None,
        }
    }

    /// Things are as they should be: the next wait is a short one, and the next failure news.
    pub fn succeeded(&mut self) {
        self.backoff.reset();
        self.said = None;
    }

    /// The wait after a failure, and whether the failure is to be said.
    fn failed(&mut self, error: &Error) -> (Duration, bool) {
        let is_news = !error.is_connection() && self.said.as_ref() != Some(error);
        if is_news {
            self.said = Some(error.clone());
        }
        (self.backoff.delay(), is_news)
    }
}

impl Session {
    /// Lets `follower` work over one connection after another, with waits as `retry` has them, until
    /// its work has an end.
    pub async fn follow<F: Follower>(&self, follower: &mut F, mut retry: Retry) -> F::End {
        loop {
            let connection = self.connected().await;
            let attempt = follower.attempt(&connection, &mut retry).await;
            // A session ends cleanly only when nobody holds a connection.
            drop(connection);
            let error = match attempt {
                Ok(end) => return end,
                Err(error) => error,
            };
            let (wait, is_news) = retry.failed(&error);
            if is_news {
                follower.complain(&error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_millis(400);

    #[test]
    fn each_failure_is_said_once_and_a_lost_connection_never() {
        let mut retry = Retry::new(FIRST, MOST);
        let mut says = |error: Error| retry.failed(&error).1;
        assert!(!says(Error::Lost));
        assert!(says(Error::NotAuthorized));
        assert!(!says(Error::NotAuthorized));
        assert!(!says(Error::Timeout(FIRST)));
        assert!(
            !says(Error::NotAuthorized),
            "as before the connection was lost"
        );
        assert!(says(Error::NoNode));
        assert!(says(Error::NotAuthorized), "another one came between");
    }

    #[test]
    fn after_a_success_the_wait_is_short_and_the_same_failure_is_news() {
        let mut retry = Retry::new(FIRST, MOST);
        for most in [FIRST, FIRST * 2, MOST, MOST] {
            let (wait, _) = retry.failed(&Error::NotAuthorized);
            assert!(wait >= most / 2 && wait <= most, "{wait:?} of {most:?}");
        }
        retry.succeeded();
        let (wait, is_news) = retry.failed(&Error::NotAuthorized);
        assert!(wait <= FIRST, "{wait:?}");
        assert!(is_news);
    }
}
