//! Those who change the tree, each over a session of its own, straight to the ensemble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use lab::{Attempt, Client, CreateMode, Failure};
use serde_json::Value;

use crate::check::snapshots::{FORGER, JUNK};
use crate::history::{Change, Kind, Tampering};
use crate::journal::Journal;
use crate::readers::Older;

/// As that of the daemons.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Changes that an outage has cost.
pub(crate) const LOST: &str = "changes given up";

/// What a session is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    Change(Change),
    Tamper(Tampering),
}

/// Does what it is told, in order, until nobody is there any more who could tell it something.
/// `pending` counts what is still to be done.
pub(crate) fn work(
    servers: &str,
    hosts: &str,
    orders: &Receiver<Order>,
    pending: &AtomicUsize,
    older: &Older,
    journal: &Journal,
) {
    let connect = || Client::connect_for(servers, TIMEOUT);
    let mut client = connect();
    for order in orders {
        let done = match &order {
            _ if journal.is_over() => Ok(()),
            Order::Change(change) if change.kind == Kind::End => {
                client = connect();
                Ok(())
            }
            Order::Change(change) => apply(&client, &change.kind),
            Order::Tamper(tampering) => tamper(&client, hosts, *tampering, older),
        };
        if let Err(error) = done {
            journal.note(&format!("gave up {order:?}: {error}"));
            journal.count(LOST, 1);
        }
        pending.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Makes one change. What the tree does not allow by now is left.
pub(crate) fn apply(client: &Client, change: &Kind) -> Result<(), Failure> {
    let mode = |ephemeral: &bool| {
        if *ephemeral {
            CreateMode::Ephemeral
        } else {
            CreateMode::Persistent
        }
    };
    let done = match change {
        Kind::Put {
            path,
            data,
            ephemeral,
        } => {
            let data = data.text.as_bytes();
            match client.attempt(Attempt::Create(mode(ephemeral), path, data)) {
                Err(Failure::NodeExists) => client.attempt(Attempt::Set(path, data)),
                done => done,
            }
        }
        Kind::Delete { path } => client.attempt(Attempt::Delete(path)),
        Kind::Append {
            prefix,
            data,
            ephemeral,
        } => {
            let mode = if *ephemeral {
                CreateMode::EphemeralSequential
            } else {
                CreateMode::PersistentSequential
            };
            client.attempt(Attempt::Create(mode, prefix, data.text.as_bytes()))
        }
        Kind::DeleteNth { parent, nth } => {
            let mut children = client.children(parent);
            children.retain(|child| child.starts_with("q-"));
            let nth = nth.checked_rem(children.len());
            let delete = |nth: usize| {
                client.attempt(Attempt::Delete(&format!("{parent}/{}", children[nth])))
            };
            nth.map_or(Ok(()), delete)
        }
        Kind::End => Ok(()),
    };
    expected(done)
}

/// Writes to the znode of the snapshot what is not for others to write.
fn tamper(client: &Client, hosts: &str, what: Tampering, older: &Older) -> Result<(), Failure> {
    expected(match what {
        Tampering::Junk => client.attempt(Attempt::Set(hosts, JUNK.as_bytes())),
        Tampering::Delete => client.attempt(Attempt::Delete(hosts)),
        Tampering::Older => match older.oldest() {
            Some(bytes) => client.attempt(Attempt::Set(hosts, &forged(&bytes))),
            None => Ok(()),
        },
    })
}

/// The same snapshot, but one can tell that it was put back.
fn forged(bytes: &[u8]) -> Vec<u8> {
    let mut snapshot: Value = serde_json::from_slice(bytes).unwrap_or_default();
    snapshot["leader"] = FORGER.into();
    snapshot.to_string().into_bytes()
}

fn expected(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(Failure::NoNode | Failure::NodeExists | Failure::NotEmpty) => Ok(()),
        done => done,
    }
}
