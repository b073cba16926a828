//! Whether what is published agrees with the tree, as each replica sees both, whoever leads: health by what
//! comes out, for faults that nobody has thought of.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use contract::{Head, Hosts, State, Sum, ZnodePath};
use tokio::sync::watch;
use zookeeper::{Connection, Error, Follower, Retry, Session};

/// The time between two looks; also the shortest, however much changes.
const PAUSE: Duration = Duration::from_secs(1);
/// The time between two looks on a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How long what is published may differ before that is amiss. Agents that follow, and pages of many names, take
/// a second or two.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this replica finds in the tree; none while it does not follow it.
pub type Found = Option<Hosts>;

/// Since when what is published differs from the tree; none while it agrees, or nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differs {
    /// When that was first seen.
    pub since: SystemTime,
    /// Whether it has lasted too long.
    pub is_late: bool,
}

impl Differs {
    /// What is to be said of it once it has lasted too long.
    pub fn complaint(&self) -> Option<String> {
        let since = daemon::time(self.since);
        let text = format!("what is published differs from the tree since {since}");
        self.is_late.then_some(text)
    }
}

/// Compares, beside everything else.
#[derive(Debug, Clone)]
pub struct Agreement {
    hosts: ZnodePath,
    hold: ZnodePath,
    found: watch::Receiver<Found>,
    own: Own,
    differs: watch::Sender<Option<Differs>>,
    since: Option<(Instant, SystemTime)>,
}

/// The checksum of the names in the tree, which follows them at the cost of their changes.
#[derive(Debug, Clone, Default)]
struct Own {
    hosts: Hosts,
    sum: Sum,
}

impl Own {
    fn follow(&mut self, hosts: &Hosts) -> Sum {
        self.sum = self.sum.follow(&self.hosts, hosts);
        self.hosts = hosts.clone();
        self.sum
    }
}

/// The checksum of the names that a head publishes; none where it tells none.
fn published(head: &Head) -> Option<Sum> {
    match head {
        Head::Whole(snapshot) => Some(Sum::of(&snapshot.hosts)),
        Head::Paged(index) => index.sum,
    }
}

impl Agreement {
    /// Compares what is `found` in the tree with what stands below `state`.
    pub fn new(state: &State, found: watch::Receiver<Found>) -> Self {
        Self {
            hosts: state.hosts(),
            hold: state.hold(),
            found,
            own: Own::default(),
            differs: watch::Sender::default(),
            since: None,
        }
    }

    /// What comes of it, now and from now on.
    pub fn differs(&self) -> watch::Receiver<Option<Differs>> {
        self.differs.subscribe()
    }

    /// Compares for ever.
    pub async fn follow(mut self, session: Session) {
        let retry = Retry::new(RETRY, RETRY);
        match session.follow(&mut self, retry).await {}
    }

    /// Takes one comparison in: none where nobody can tell.
    fn compared(&mut self, agrees: Option<bool>) {
        let now = (Instant::now(), SystemTime::now());
        self.since = match agrees {
            Some(false) => self.since.or(Some(now)),
            _ => None,
        };
        let differs = self.since.map(|(began, since)| Differs {
            since,
            is_late: now.0 - began >= PATIENCE,
        });
        self.differs.send_if_modified(|told| {
            let is_news = *told != differs;
            *told = differs;
            is_news
        });
    }

    /// Whether what `data` publish is what was found. What is held in doubt differs, and is told by itself.
    async fn agrees(
        &mut self,
        connection: &Connection,
        data: Option<&[u8]>,
    ) -> Result<Option<bool>, Error> {
        let Some(found) = self.found.borrow_and_update().clone() else {
            return Ok(None);
        };
        let sum = self.own.follow(&found);
        let head = data.map(Head::decode);
        let agrees = match head {
            // Nothing is published before there is something to be.
            None => Some(found.is_empty()),
            Some(Err(_)) => Some(false),
            Some(Ok(head)) => published(&head).map(|published| published == sum),
        };
        let is_held = agrees == Some(false) && connection.stat(&self.hold).await?.is_some();
        Ok(agrees.filter(|_| !is_held))
    }
}

impl Follower for Agreement {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let mut watch = connection.watch_data(self.hosts.clone());
        loop {
            let znode = watch.read().await;
            let Ok(znode) = znode else {
                self.compared(None);
                return Err(znode.err().unwrap_or(Error::Lost));
            };
            let data = znode.as_ref().map(|znode| &znode.data[..]);
            let agrees = self.agrees(connection, data).await?;
            self.compared(agrees);
            retry.succeeded();
            let differs = agrees == Some(false);
            tokio::select! {
                changed = watch.changed() => changed?,
                _ = self.found.changed() => {}
                // It is late some time, though nothing changes.
                () = tokio::time::sleep(PAUSE), if differs => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whatever keeps this from being read is told by those who work with it.
    fn complain(&mut self, error: &Error) {
        log::debug!("cannot compare {} with the tree: {error}", self.hosts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement() -> (Agreement, watch::Receiver<Option<Differs>>) {
        let state = State::new("/nameserver".parse().unwrap());
        let agreement = Agreement::new(&state, watch::channel(None).1);
        let differs = agreement.differs();
        (agreement, differs)
    }

    #[test]
    fn what_differs_is_told_since_it_does_and_no_longer_once_it_agrees_or_nobody_can_tell() {
        let (mut agreement, differs) = agreement();
        agreement.compared(Some(false));
        let first = differs.borrow().expect("it differs");
        assert!(!first.is_late);
        agreement.compared(Some(false));
        assert_eq!(*differs.borrow(), Some(first), "since it did first");
        agreement.since = agreement
            .since
            .map(|(began, since)| (began - PATIENCE, since));
        agreement.compared(Some(false));
        assert!(differs.borrow().is_some_and(|differs| differs.is_late));
        for well in [Some(true), None] {
            agreement.compared(Some(false));
            agreement.compared(well);
            assert_eq!(*differs.borrow(), None, "{well:?}");
        }
    }

    #[test]
    fn the_checksum_follows_the_names() {
        let mut own = Own::default();
        let mut hosts = Hosts::new();
        for number in 0..20_u8 {
            let addresses = vec![format!("10.0.0.{}", number + 1).parse().unwrap()];
            hosts.insert(
                format!("n{}", number % 7).parse().unwrap(),
                addresses.into(),
            );
            assert_eq!(own.follow(&hosts), Sum::of(&hosts));
        }
        assert_eq!(own.follow(&Hosts::new()), Sum::default());
    }
}
