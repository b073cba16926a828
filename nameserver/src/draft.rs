//! The next snapshot, and whether it is due.
//!
//! Pure: names and the state of `STATE/hosts` in, a snapshot to publish out.

use std::collections::BTreeMap;
use std::time::SystemTime;

use snapshot::{Address, DecodeError, Diff, Hosts, MAX_ENCODED_BYTES, Name, Snapshot};

use crate::scope::Scope;

/// The next snapshot: what the tree says, beside what `STATE/hosts` holds.
#[derive(Debug)]
pub struct Draft {
    /// As it would be published; its generation is the last known one.
    snapshot: Snapshot,
    /// The published addresses of every name that may differ from the draft.
    published: BTreeMap<Name, Option<Vec<Address>>>,
    /// Whether `STATE/hosts` must be written even if no name differs.
    overdue: bool,
}

/// A snapshot to publish.
#[derive(Debug)]
pub struct Edition {
    /// The JSON.
    pub bytes: Vec<u8>,
    /// Its generation.
    pub generation: u64,
    /// What it changes.
    pub diff: Diff,
    /// How many names it holds.
    pub names: usize,
}

/// The snapshot does not fit a znode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the snapshot of {names} names is {bytes} bytes long, more than the {MAX_ENCODED_BYTES} that fit \
     a znode; the last published one stays. Publish less: a narrower --root, or --exclude"
)]
pub struct TooLarge {
    /// The names that it holds.
    pub names: usize,
    /// The length of its JSON.
    pub bytes: usize,
}

impl Draft {
    /// An empty draft of the nameserver `id`. Nothing is due before [`Draft::compare`].
    pub fn new(scope: &Scope, id: String) -> Self {
        let snapshot = Snapshot {
            domain: scope.domain().cloned(),
            generation: 0,
            hosts: Hosts::new(),
            leader: id,
            published: SystemTime::UNIX_EPOCH,
            root: scope.root().clone(),
            zxid: 0,
        };
        Self {
            snapshot,
            published: BTreeMap::new(),
            overdue: false,
        }
    }

    /// Takes over what the tree says of all names.
    pub fn set_all(&mut self, hosts: Hosts) {
        let old = std::mem::replace(&mut self.snapshot.hosts, hosts);
        self.remember(Diff::between(&old, &self.snapshot.hosts), &old);
    }

    /// Takes over what the tree says of one name.
    pub fn set(&mut self, name: Name, addresses: Option<&[Address]>) {
        let old = self.snapshot.hosts.get(&name);
        if old.map(Vec::as_slice) == addresses {
            return;
        }
        self.published
            .entry(name.clone())
            .or_insert_with(|| old.cloned());
        match addresses {
            Some(addresses) => self.snapshot.hosts.insert(name, addresses.to_vec()),
            None => self.snapshot.hosts.remove(&name),
        };
    }

    /// Takes over the newest transaction that the tree reflects.
    pub fn reflect(&mut self, zxid: i64) {
        self.snapshot.zxid = self.snapshot.zxid.max(zxid);
    }

    /// Takes over what `STATE/hosts` holds: none where there is no such znode, else its version and
    /// what was decoded of it.
    ///
    /// Of junk only the version is known, but that is enough: the generation never exceeds the
    /// number of times that the znode was written, so counting goes on from there.
    pub fn compare(&mut self, head: Option<(i32, &Result<Snapshot, DecodeError>)>) {
        self.published.clear();
        let (generation, hosts) = match head {
            None => (0, None),
            Some((_, Ok(head))) => (head.generation, Some(&head.hosts)),
            Some((version, Err(_))) => (u64::from(version.unsigned_abs()) + 1, None),
        };
        self.snapshot.generation = self.snapshot.generation.max(generation);
        let none = Hosts::new();
        let hosts = hosts.unwrap_or(&none);
        self.remember(Diff::between(hosts, &self.snapshot.hosts), hosts);
        self.overdue = match head {
            Some((_, Ok(head))) => {
                head.leader != self.snapshot.leader
                    || head.root != self.snapshot.root
                    || head.domain != self.snapshot.domain
                    || head.generation < self.snapshot.generation
            }
            _ => true,
        };
    }

    /// The snapshot to publish, if one is due.
    ///
    /// # Errors
    /// It does not fit a znode.
    pub fn edition(&mut self, now: SystemTime) -> Result<Option<Edition>, TooLarge> {
        let diff = self.diff();
        if diff.is_empty() && !self.overdue {
            self.published.clear();
            return Ok(None);
        }
        let known = self.snapshot.generation;
        let generation = known + 1;
        self.snapshot.generation = generation;
        self.snapshot.published = now;
        let bytes = self.snapshot.encode();
        self.snapshot.generation = known;
        let names = self.snapshot.hosts.len();
        if bytes.len() > MAX_ENCODED_BYTES {
            return Err(TooLarge {
                names,
                bytes: bytes.len(),
            });
        }
        Ok(Some(Edition {
            bytes,
            generation,
            diff,
            names,
        }))
    }

    /// The edition was written: it is now what `STATE/hosts` holds.
    pub fn published(&mut self, edition: &Edition) {
        self.snapshot.generation = edition.generation;
        self.published.clear();
        self.overdue = false;
    }

    /// How many names there are.
    pub fn names(&self) -> usize {
        self.snapshot.hosts.len()
    }

    fn remember(&mut self, diff: Diff, old: &Hosts) {
        for name in diff
            .added
            .into_iter()
            .chain(diff.changed)
            .chain(diff.removed)
        {
            let addresses = old.get(&name).cloned();
            self.published.entry(name).or_insert(addresses);
        }
    }

    fn diff(&self) -> Diff {
        let mut diff = Diff::default();
        for (name, published) in &self.published {
            let names = match (published, self.snapshot.hosts.get(name)) {
                (None, Some(_)) => &mut diff.added,
                (Some(_), None) => &mut diff.removed,
                (Some(old), Some(new)) if old != new => &mut diff.changed,
                _ => continue,
            };
            names.push(name.clone());
        }
        diff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let scope = Scope::new(
            "/".parse().unwrap(),
            "/nameserver".parse().unwrap(),
            None,
            &[],
        )
        .unwrap();
        Draft::new(&scope, "ns1".into())
    }

    fn addresses(last: u8) -> Vec<Address> {
        vec![format!("10.0.0.{last}").parse().unwrap()]
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn publish(draft: &mut Draft) -> Snapshot {
        let edition = draft.edition(SystemTime::UNIX_EPOCH).unwrap().expect("due");
        draft.published(&edition);
        Snapshot::decode(&edition.bytes).unwrap()
    }

    #[test]
    fn a_new_znode_is_written_even_without_names() {
        let mut draft = draft();
        draft.compare(None);
        let snapshot = publish(&mut draft);
        assert_eq!((snapshot.generation, snapshot.hosts.len()), (1, 0));
        assert!(draft.edition(SystemTime::UNIX_EPOCH).unwrap().is_none());
    }

    #[test]
    fn only_differences_are_due_and_the_generation_counts_on() {
        let mut draft = draft();
        draft.compare(None);
        draft.set(name("a"), Some(&addresses(1)));
        let first = publish(&mut draft);
        draft.set(name("a"), Some(&addresses(2)));
        draft.set(name("a"), Some(&addresses(1)));
        assert!(draft.edition(SystemTime::UNIX_EPOCH).unwrap().is_none());
        draft.set(name("b"), Some(&addresses(2)));
        draft.set(name("a"), None);
        let edition = draft.edition(SystemTime::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(
            edition.diff.to_string(),
            "1 added (b), 0 changed, 1 removed (a)"
        );
        assert_eq!((first.generation, edition.generation), (1, 2));
        let again = draft.edition(SystemTime::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(
            again.generation, 2,
            "an edition that was not written uses no number up"
        );
    }

    #[test]
    fn a_successor_publishes_under_its_own_id_and_counts_on() {
        let mut old = draft();
        old.compare(None);
        old.set(name("a"), Some(&addresses(1)));
        let mut head = publish(&mut old);
        head.leader = "ns2".into();
        head.generation = 41;
        let mut draft = draft();
        draft.set_all(Hosts::from([(name("a"), addresses(1))]));
        draft.compare(Some((40, &Ok(head.clone()))));
        let next = publish(&mut draft);
        assert_eq!((next.generation, next.leader.as_str()), (42, "ns1"));
        draft.compare(Some((41, &Ok(next))));
        assert!(draft.edition(SystemTime::UNIX_EPOCH).unwrap().is_none());
        draft.compare(Some((42, &Ok(head))));
        assert_eq!(
            publish(&mut draft).generation,
            43,
            "an older snapshot put back is replaced"
        );
    }

    #[test]
    fn junk_is_replaced_and_the_generation_never_falls_back() {
        let mut draft = draft();
        draft.set_all(Hosts::from([(name("a"), addresses(1))]));
        draft.compare(Some((9, &Snapshot::decode(b"junk"))));
        assert_eq!(publish(&mut draft).generation, 11);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_how_much() {
        let mut draft = draft();
        draft.compare(None);
        let long = "x".repeat(60);
        let hosts = (0..20_000).map(|i| (name(&format!("{long}.n{i}")), addresses(1)));
        draft.set_all(hosts.collect());
        let error = draft.edition(SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.names, 20_000);
        assert!(error.bytes > MAX_ENCODED_BYTES);
    }
}
