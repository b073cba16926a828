//! No two leaders write: each snapshot in the servers' logs was written by the session whose lock
//! was the first in the election at that very transaction, and continues the one before it.

use std::collections::BTreeMap;

use super::snapshots::{generation, genuine};
use super::transactions::{Transaction, Write};

/// What a replay of the logs found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// How many snapshots were published.
    pub(crate) publishes: u64,
    /// How often another one published than the one before.
    pub(crate) successions: u64,
    pub(crate) violations: Vec<String>,
}

/// The candidates by the number of their znode: its path and its session.
type Candidates = BTreeMap<u64, (String, i64)>;

/// Replays transactions in the order of their zxids; `state` is the nameservers' znode.
pub(crate) fn replay<'a>(
    transactions: impl IntoIterator<Item = &'a Transaction>,
    state: &str,
) -> Replay {
    let (hosts, election) = (format!("{state}/hosts"), format!("{state}/election/"));
    let (mut replay, mut candidates) = (Replay::default(), Candidates::new());
    let (mut last, mut leader) = (0, None);
    for transaction in transactions {
        for write in &transaction.writes {
            let data = match write {
                Write::CloseSession => {
                    candidates.retain(|_, (_, session)| *session != transaction.session);
                    continue;
                }
                Write::Delete { path } => {
                    candidates.retain(|_, (candidate, _)| candidate != path);
                    continue;
                }
                Write::Create {
                    path, is_ephemeral, ..
                } if path.starts_with(&election) && *is_ephemeral => {
                    let number = path
                        .get(path.len() - 10..)
                        .and_then(|text| text.parse().ok());
                    let candidate = (path.clone(), transaction.session);
                    candidates.extend(number.map(|number| (number, candidate)));
                    continue;
                }
                Write::Create { path, data, .. } | Write::Set { path, data } if *path == hosts => {
                    data
                }
                Write::Create { .. } | Write::Set { .. } => continue,
            };
            if matches!(write, Write::Create { .. }) {
                // To delete the znode is the way to make a generation go back on purpose.
                last = 0;
            }
            let Some(snapshot) = genuine(data) else {
                continue;
            };
            let Some(told) = replay.take(snapshot, transaction) else {
                continue;
            };
            let (generation, id) = told;
            if generation <= last {
                replay.complain(
                    transaction,
                    &format!("generation {generation} follows {last}"),
                );
            }
            last = last.max(generation);
            let first = candidates
                .first_key_value()
                .map(|(_, (_, session))| *session);
            if first != Some(transaction.session) {
                let who = format!(
                    "{id} published generation {generation} over session {:#x}, while the election \
                     is led by {first:x?}",
                    transaction.session
                );
                replay.complain(transaction, &who);
            }
            if leader
                .replace(id.clone())
                .is_some_and(|before| before != id)
            {
                replay.successions += 1;
            }
        }
    }
    replay
}

impl Replay {
    fn take(
        &mut self,
        snapshot: Result<serde_json::Value, String>,
        transaction: &Transaction,
    ) -> Option<(u64, String)> {
        self.publishes += 1;
        match snapshot {
            Ok(snapshot) => Some((generation(&snapshot), snapshot["leader"].to_string())),
            Err(error) => {
                self.complain(transaction, &error);
                None
            }
        }
    }

    fn complain(&mut self, transaction: &Transaction, what: &str) {
        let Transaction { zxid, time, .. } = transaction;
        self.violations
            .push(format!("transaction {zxid:#x} at {time}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "/ns/hosts";

    /// Each is a transaction of one write, by a session.
    fn replayed(writes: &[(i64, Write)]) -> Replay {
        let transactions: Vec<_> = (1..)
            .zip(writes)
            .map(|(zxid, (session, write))| Transaction {
                zxid,
                time: 0,
                session: *session,
                writes: vec![write.clone()],
            })
            .collect();
        replay(&transactions, "/ns")
    }

    fn stands(number: u64) -> Write {
        Write::Create {
            path: format!("/ns/election/_c_x-latch-{number:010}"),
            data: Vec::new(),
            is_ephemeral: true,
        }
    }

    fn publishes(generation: u64, leader: &str) -> Write {
        Write::Set {
            path: HOSTS.into(),
            data: format!(r#"{{"generation":{generation},"leader":"{leader}"}}"#).into_bytes(),
        }
    }

    #[test]
    fn one_leads_after_the_other() {
        let replay = replayed(&[
            (1, stands(0)),
            (2, stands(1)),
            (1, publishes(1, "a")),
            (1, publishes(2, "a")),
            (1, Write::CloseSession),
            (2, publishes(3, "b")),
            (3, stands(2)),
            (
                2,
                Write::Delete {
                    path: "/ns/election/_c_x-latch-0000000001".into(),
                },
            ),
            (3, publishes(4, "a")),
        ]);
        let expected = Replay {
            publishes: 4,
            successions: 2,
            violations: Vec::new(),
        };
        assert_eq!(replay, expected);
    }

    #[test]
    fn a_write_without_the_lock_is_noticed() {
        let both = [(1, stands(0)), (2, stands(1))];
        for wrong in [
            vec![(2, publishes(1, "b"))],
            vec![(3, publishes(1, "c"))],
            // The old leader wakes up.
            vec![
                (1, publishes(1, "a")),
                (1, Write::CloseSession),
                (2, publishes(2, "b")),
                (1, publishes(3, "a")),
            ],
        ] {
            let replay = replayed(&[&both[..], &wrong].concat());
            assert_eq!(replay.violations.len(), 1, "{replay:?}");
        }
    }

    #[test]
    fn a_generation_that_goes_back_is_noticed_unless_the_znode_is_created_anew() {
        let created = Write::Create {
            path: HOSTS.into(),
            data: br#"{"generation":1,"leader":"a"}"#.to_vec(),
            is_ephemeral: false,
        };
        let replay = replayed(&[(1, stands(0)), (1, publishes(5, "a")), (1, created)]);
        assert_eq!(replay.violations, [""; 0]);
        let junk = Write::Set {
            path: HOSTS.into(),
            data: b"junk by chaos".to_vec(),
        };
        for (second, violations) in [(1, 1), (2, 1), (3, 0)] {
            let replay = replayed(&[
                (1, stands(0)),
                (1, publishes(2, "a")),
                (9, junk.clone()),
                (1, publishes(second, "a")),
            ]);
            assert_eq!(replay.violations.len(), violations, "{replay:?}");
        }
    }
}
