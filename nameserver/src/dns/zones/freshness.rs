//! Tells the catalog how fresh it is.

use std::time::SystemTime;

use tokio::sync::watch;
use zookeeper::State;

use crate::dns::{Freshness, SharedZones};
use crate::observe::status::Progress;

/// Keeps the catalog's note in step, until there is nothing to follow any more. Fresh means that the
/// tree is followed over a living connection: the session knows first that one is lost, while what
/// follows the tree may still be waiting for answers.
pub(crate) async fn follow(
    catalog: SharedZones,
    mut session: watch::Receiver<State>,
    mut progress: watch::Receiver<Progress>,
) {
    let mut freshness = Freshness {
        follows: false,
        since: SystemTime::now(),
        zxid: 0,
        generation: 0,
    };
    loop {
        let connected = session.borrow_and_update().is_connected();
        freshness = next(&freshness, connected, &progress.borrow_and_update());
        catalog.note(freshness.clone());
        let changed = tokio::select! {
            changed = session.changed() => changed,
            changed = progress.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

fn next(last: &Freshness, connected: bool, progress: &Progress) -> Freshness {
    let follows = connected && progress.follows;
    Freshness {
        follows,
        since: match follows == last.follows {
            true => last.since,
            false => SystemTime::now(),
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
        let followed = Progress {
            follows: true,
            zxid: 7,
            generation: 3,
            ..Progress::default()
        };
        assert_eq!(next(&stale, true, &Progress::default()), stale);
        assert_eq!(next(&stale, false, &followed).since, since);
        let fresh = next(&stale, true, &followed);
        assert!(fresh.follows && fresh.since > since, "{fresh:?}");
        assert_eq!((fresh.zxid, fresh.generation), (7, 3));
        assert_eq!(next(&fresh, true, &followed), fresh);
        let lost = next(&fresh, false, &followed);
        assert!(!lost.follows && lost.since >= fresh.since, "{lost:?}");
    }
}
