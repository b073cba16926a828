//! Tells the zones how fresh they are.

use std::time::SystemTime;

use tokio::sync::watch;
use zookeeper::State;

use crate::dns::{Freshness, SharedZones};

/// How far the tree is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// It was read whole over the present connection, and is followed since.
    pub(crate) follows: bool,
    /// The newest transaction that is reflected.
    pub(crate) zxid: i64,
    /// The newest generation that this replica knows of.
    pub(crate) generation: u64,
}

/// Keeps the zones' note in step, until there is nothing to follow any more. Fresh means that the
/// tree is followed over a living connection: the session knows first that one is lost, while what
/// follows the tree may still be waiting for answers.
pub(crate) async fn follow<T>(
    zones: SharedZones,
    mut session: watch::Receiver<State>,
    mut progress: watch::Receiver<T>,
    read: impl Fn(&T) -> Followed,
) {
    let mut freshness = Freshness {
        follows: false,
        since: SystemTime::now(),
        zxid: 0,
        generation: 0,
    };
    loop {
        let connected = session.borrow_and_update().is_connected();
        freshness = next(&freshness, connected, &read(&progress.borrow_and_update()));
        zones.note(freshness.clone());
        let changed = tokio::select! {
            changed = session.changed() => changed,
            changed = progress.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

fn next(last: &Freshness, connected: bool, progress: &Followed) -> Freshness {
    let follows = connected && progress.follows;
    Freshness {
        follows,
        since: if follows == last.follows {
            last.since
        } else {
            SystemTime::now()
        },
        zxid: progress.zxid,
        generation: progress.generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_means_followed_over_a_living_connection() {
        let since = SystemTime::UNIX_EPOCH;
        let stale = Freshness {
            follows: false,
            since,
            zxid: 0,
            generation: 0,
        };
        let followed = Followed {
            follows: true,
            zxid: 7,
            generation: 3,
        };
        assert_eq!(next(&stale, true, &Followed::default()), stale);
        assert_eq!(next(&stale, false, &followed).since, since);
        let fresh = next(&stale, true, &followed);
        assert!(fresh.follows && fresh.since > since, "{fresh:?}");
        assert_eq!((fresh.zxid, fresh.generation), (7, 3));
        assert_eq!(next(&fresh, true, &followed), fresh);
        let lost = next(&fresh, false, &followed);
        assert!(!lost.follows && lost.since >= fresh.since, "{lost:?}");
    }
}
