//! A snapshot with its place in ZooKeeper's history, and which one may follow which.

use std::cmp::Ordering;

use contract::{Snapshot, is_plausible};

/// A snapshot as it was read from its znode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The transaction that created the znode.
    pub czxid: i64,
    /// The transaction that wrote the snapshot.
    pub mzxid: i64,
    /// What it holds.
    pub snapshot: Snapshot,
}

/// Why a valid snapshot is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was published before the one in use, and written after it.
    #[error(
        "it has generation {offered}, older than {used}, which stays in use; to go back on purpose, \
         delete the znode, which nameserver then creates anew"
    )]
    Older {
        /// The generation that is refused.
        offered: u64,
        /// The generation in use.
        used: u64,
    },
    /// Two publishes of one generation with different content: neither is known to be right.
    #[error(
        "it has generation {0}, as the one in use has, and other content; the first one stays in \
         use until a newer generation is published"
    )]
    Rewritten(u64),
}

/// What a head that may be used is to the snapshot in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Of another history, or the first one: it says nothing about the one in use.
    Apart,
    /// A later generation of the same history.
    Later,
    /// The same generation of the same history, which is to say the same.
    Same,
}

impl Relation {
    /// How what was published as `generation`, in a znode of these transactions, is related to
    /// `used`; decided before any page is read.
    ///
    /// A newer generation may follow, and so may any generation of a znode that was created anew. A
    /// znode whose last write is older than the one already seen belongs to another history:
    /// ZooKeeper was emptied, or restored from a backup. Its transaction numbers start over, so that
    /// even `czxid` may be the same by chance, and its generations cannot be compared.
    ///
    /// One that nobody can have counted up to binds nobody: it is somebody's own making, and what is
    /// plausible follows it.
    ///
    /// # Errors
    /// It is older than `used`.
    pub fn between(
        (czxid, mzxid): (i64, i64),
        generation: u64,
        used: Option<&Published>,
    ) -> Result<Self, Refusal> {
        let Some(used) = used else {
            return Ok(Self::Apart);
        };
        let is_same_history = czxid == used.czxid && mzxid >= used.mzxid;
        let current = used.snapshot.generation;
        if is_plausible(generation, mzxid) && !is_plausible(current, used.mzxid) {
            return Ok(Self::Apart);
        }
        match generation.cmp(&current) {
            _ if !is_same_history => Ok(Self::Apart),
            Ordering::Greater => Ok(Self::Later),
            Ordering::Equal => Ok(Self::Same),
            Ordering::Less => Err(Refusal::Older {
                offered: generation,
                used: current,
            }),
        }
    }
}

impl Published {
    /// Whether this may follow `used`; false when it says the same.
    ///
    /// # Errors
    /// It is not newer than `used`, and says something else.
    pub fn follows(&self, used: Option<&Self>) -> Result<bool, Refusal> {
        let generation = self.snapshot.generation;
        let place = (self.czxid, self.mzxid);
        if Relation::between(place, generation, used)? != Relation::Same {
            return Ok(true);
        }
        let is_same = used.is_some_and(|used| used.snapshot.hosts == self.snapshot.hosts);
        if is_same {
            Ok(false)
        } else {
            Err(Refusal::Rewritten(generation))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use contract::{Hosts, ZnodePath};
    use std::time::SystemTime;

    /// A snapshot of these names, each with the address `10.0.0.LAST`.
    pub(crate) fn published(
        czxid: i64,
        mzxid: i64,
        generation: u64,
        names: &[(&str, u8)],
    ) -> Published {
        let hosts: Hosts = names
            .iter()
            .map(|(name, last)| {
                let address = format!("10.0.0.{last}").parse().unwrap();
                (name.parse().unwrap(), vec![address])
            })
            .collect();
        let snapshot = Snapshot {
            domain: None,
            generation,
            hosts,
            leader: "ns1".into(),
            presence: contract::PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            sum: None,
            zxid: mzxid,
        };
        Published {
            czxid,
            mzxid,
            snapshot,
        }
    }

    #[test]
    fn which_may_follow() {
        let used = published(5, 50, 7, &[("db", 1)]);
        let (same, other) = (&[("db", 1)], &[("db", 2)]);
        let older = Err(Refusal::Older {
            offered: 6,
            used: 7,
        });
        for (czxid, mzxid, generation, names, expected) in [
            (5, 51, 8, other, Ok(true)),
            (5, 51, 8, same, Ok(true)),
            (5, 51, 7, same, Ok(false)),
            (5, 50, 7, same, Ok(false)),
            (5, 51, 7, other, Err(Refusal::Rewritten(7))),
            (5, 51, 6, other, older),
            (5, 51, 6, same, older),
            // Created anew.
            (60, 60, 1, other, Ok(true)),
            (60, 60, 7, same, Ok(true)),
            // Another history that happens to have created it in a transaction of the same number.
            (5, 9, 1, other, Ok(true)),
        ] {
            let offered = published(czxid, mzxid, generation, names);
            let case = (czxid, mzxid, generation);
            assert_eq!(offered.follows(Some(&used)), expected, "{case:?}");
            assert_eq!(offered.follows(None), Ok(true));
        }
    }

    #[test]
    fn a_generation_that_nobody_counted_up_to_binds_nobody() {
        for forged in [51, 1 << 40, u64::MAX] {
            let used = published(5, 50, forged, &[("db", 6)]);
            for generation in [1, 8, 51] {
                let offered = published(5, 51, generation, &[("db", 1)]);
                assert_eq!(offered.follows(Some(&used)), Ok(true), "{forged}");
            }
            // Of two of that kind, as somebody publishes by hand, the newer one counts.
            let older = published(5, 51, forged - 1, &[("db", 1)]);
            let plausible = forged - 1 <= 51;
            assert_eq!(older.follows(Some(&used)).is_ok(), plausible, "{forged}");
        }
    }
}
