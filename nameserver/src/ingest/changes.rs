//! What to read again after a burst of events.

use std::collections::HashSet;

use contract::ZnodePath;
use zookeeper::{Change, Event};

use crate::namespace::scope::Scope;

/// What to read again after a burst of events, each znode once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Znodes to read.
    pub read: HashSet<ZnodePath>,
    /// Znodes that are gone.
    pub gone: HashSet<ZnodePath>,
}

impl Changes {
    /// Takes one more event in, the latest so far.
    ///
    /// The parent of a deleted znode is read for the transaction of the deletion, which only its
    /// stat still tells.
    pub fn note(&mut self, event: Event, scope: &Scope) {
        let Event { path, change } = event;
        if !scope.covers(&path) {
            return;
        }
        if change != Change::Deleted {
            self.gone.remove(&path);
            self.read.insert(path);
            return;
        }
        let parent = path.parent().filter(|parent| scope.covers(parent));
        self.read
            .extend(parent.filter(|parent| !self.gone.contains(parent)));
        self.read.remove(&path);
        self.gone.insert(path);
    }

    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(events: &[(Change, &str)]) -> (Vec<String>, Vec<String>) {
        let scope = Scope::new("/s".parse().unwrap(), "/s/ns".parse().unwrap(), None, &[]).unwrap();
        let mut changes = Changes::default();
        for &(change, path) in events {
            changes.note(
                Event {
                    path: path.parse().unwrap(),
                    change,
                },
                &scope,
            );
        }
        let sorted = |paths: HashSet<ZnodePath>| {
            let mut paths: Vec<_> = paths.into_iter().map(String::from).collect();
            paths.sort();
            paths
        };
        (sorted(changes.read), sorted(changes.gone))
    }

    #[test]
    fn the_last_event_of_a_znode_counts() {
        use Change::{Created, Deleted, Set};
        let (read, gone) = changes(&[
            (Created, "/s/a"),
            (Set, "/s/a"),
            (Set, "/s/b"),
            (Deleted, "/s/a/c"),
        ]);
        assert_eq!(
            (read, gone),
            (
                vec!["/s/a".into(), "/s/b".into()],
                vec!["/s/a/c".to_owned()]
            )
        );
        let (read, gone) = changes(&[(Set, "/s/a"), (Deleted, "/s/a")]);
        assert_eq!(
            (read, gone),
            (vec!["/s".to_owned()], vec!["/s/a".to_owned()])
        );
        let (read, gone) = changes(&[(Deleted, "/s/a"), (Created, "/s/a")]);
        assert_eq!((read, gone), (vec!["/s".to_owned(), "/s/a".into()], vec![]));
        let (read, gone) = changes(&[(Deleted, "/s/a/b"), (Deleted, "/s/a")]);
        assert_eq!(
            (read, gone),
            (
                vec!["/s".to_owned()],
                vec!["/s/a".to_owned(), "/s/a/b".into()]
            )
        );
    }

    #[test]
    fn events_elsewhere_are_ignored() {
        use Change::{Created, Deleted};
        let (read, gone) = changes(&[(Created, "/x"), (Created, "/s/ns/hosts"), (Deleted, "/s")]);
        assert_eq!((read, gone), (vec![], vec!["/s".to_owned()]));
    }
}
