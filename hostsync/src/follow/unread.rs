//! Which events of a znode tell of a write that was not read yet, so that each write is read once
//! at most.
//!
//! A read may return a write whose event is still on its way. Every write raises the znode's version
//! by one and yields one event, in the same order, so counting tells. Where it cannot, the answer is
//! that there is something to read: a read too many harms nobody, a read too few would.

use zookeeper::{Change, Stat};

/// What the events of one watch have told, beside what was read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// None where there is no such znode, or one of which only the creation is known.
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    /// Tells one life of the znode from the next, in which the versions start over.
    czxid: i64,
    /// Of the last read.
    read: i32,
    /// Of the last event.
    told: i32,
}

impl Unread {
    /// Takes in what was read; none where there is no such znode.
    pub(crate) fn read(&mut self, stat: Option<&Stat>) {
        self.known = stat.map(|stat| Known {
            czxid: stat.czxid,
            read: stat.version,
            told: match &self.known {
                Some(known) if known.czxid == stat.czxid => known.told.min(stat.version),
                _ => stat.version,
            },
        });
    }

    /// Takes an event in; true when it tells of something that was not read yet.
    pub(crate) fn event(&mut self, change: Change) -> bool {
        match (&mut self.known, change) {
            (Some(known), Change::Set) => {
                known.told = known.told.saturating_add(1);
                known.told > known.read
            }
            _ => {
                self.known = None;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(czxid: i64, version: i32) -> Stat {
        Stat {
            czxid,
            mzxid: 0,
            pzxid: 0,
            version,
            ephemeral_owner: 0,
            num_children: 0,
        }
    }

    #[test]
    fn a_write_that_was_read_is_no_news() {
        let mut unread = Unread::default();
        unread.read(Some(&stat(5, 7)));
        assert!(unread.event(Change::Set), "version 8");
        // Two more were written before it was read.
        unread.read(Some(&stat(5, 10)));
        assert!(!unread.event(Change::Set));
        assert!(!unread.event(Change::Set));
        assert!(unread.event(Change::Set), "version 11");
        assert!(unread.event(Change::Set), "version 12, also unread");
        unread.read(Some(&stat(5, 12)));
        assert!(unread.event(Change::Set), "version 13");
    }

    #[test]
    fn events_of_what_the_first_read_returned_do_not_hide_later_ones() {
        let mut unread = Unread::default();
        // The watch was there since version 5, and these two events are on their way.
        unread.read(Some(&stat(5, 7)));
        assert!(unread.event(Change::Set), "version 6, in truth");
        unread.read(Some(&stat(5, 7)));
        assert!(unread.event(Change::Set), "version 7, in truth");
        unread.read(Some(&stat(5, 7)));
        assert!(unread.event(Change::Set), "version 8");
    }

    #[test]
    fn another_life_of_the_znode_is_news() {
        let mut unread = Unread::default();
        assert!(unread.event(Change::Created));
        unread.read(Some(&stat(5, 0)));
        assert!(unread.event(Change::Deleted));
        unread.read(None);
        assert!(unread.event(Change::Created));
        assert!(unread.event(Change::Set));
        unread.read(Some(&stat(9, 1)));
        assert!(unread.event(Change::Set));
        // Deleted and created again between two reads, with these events on their way.
        unread.read(Some(&stat(12, 40)));
        assert!(unread.event(Change::Deleted));
        assert!(unread.event(Change::Created));
        assert!(unread.event(Change::Set));
    }
}
