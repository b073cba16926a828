//! The next snapshot, and whether it is due.
//!
//! Pure: names and the state of `STATE/hosts` in, a snapshot to publish out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use contract::{
    Address, Addresses, DecodeError, Diff, Hosts, MAX_ENCODED_BYTES, Name, PRESENCE, Snapshot,
};

use crate::namespace::scope::Scope;
use crate::publish::hold::{Held, Hold, Timestamp};

/// The next snapshot: what the tree says, beside what `STATE/hosts` holds.
#[derive(Debug)]
pub struct Draft {
    /// As it would be published, held names included; its generation is the last known one.
    snapshot: Snapshot,
    /// The names of the snapshot that the tree no longer has.
    held: BTreeSet<Name>,
    hold: Hold,
    /// The root is gone, or a walk gave nothing at all.
    is_missing: bool,
    /// The published addresses of every name that may differ from the draft.
    published: BTreeMap<Name, Option<Addresses>>,
    /// Whether `STATE/hosts` must be written even if no name differs.
    overdue: bool,
}

/// A snapshot to publish.
#[derive(Debug)]
pub struct Publication {
    /// The JSON.
    pub bytes: Vec<u8>,
    /// Its generation.
    pub generation: u64,
    /// What it changes.
    pub diff: Diff,
    /// How many names it holds.
    pub names: usize,
}

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// It lasted as long as `--drop-hold` says.
    Time,
    /// An operator released it.
    Released,
    /// All names are back.
    Back,
    /// This replica no longer decides.
    Deposed,
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
    pub fn new(scope: &Scope, id: String, hold: Hold) -> Self {
        let snapshot = Snapshot {
            domain: scope.domain().cloned(),
            generation: 0,
            hosts: Hosts::new(),
            leader: id,
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: scope.root().clone(),
            sum: None,
            zxid: 0,
        };
        Self {
            snapshot,
            held: BTreeSet::new(),
            hold,
            is_missing: false,
            published: BTreeMap::new(),
            overdue: false,
        }
    }

    /// Takes note that the root of the tree is gone: no name goes without doubt then.
    pub fn root_is_gone(&mut self) {
        self.is_missing = true;
    }

    /// Takes over what the tree says of all names.
    pub fn set_all(&mut self, hosts: Hosts, now: Instant) {
        self.is_missing = hosts.is_empty();
        let known = self.snapshot.hosts.keys();
        let gone = known.filter(|&name| !hosts.contains_key(name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.set(name, None, now);
        }
        for (name, addresses) in hosts {
            self.set(name, Some(&addresses), now);
        }
    }

    /// Takes over what the tree says of one name.
    pub fn set(&mut self, name: Name, addresses: Option<&[Address]>, now: Instant) {
        if addresses.is_some() {
            self.is_missing = false;
            self.held.remove(&name);
            self.hold.regain(&name);
        } else if self.held.contains(&name) {
            return;
        }
        let old = self.snapshot.hosts.get(&name);
        if old.map(|old| &**old) == addresses {
            return;
        }
        if let (Some(old), None) = (old, addresses) {
            self.hold.lose(name.clone(), old.clone(), now);
        }
        self.put(name, addresses.map(Addresses::from));
    }

    fn put(&mut self, name: Name, addresses: Option<Addresses>) {
        let old = match addresses {
            Some(addresses) => self.snapshot.hosts.insert(name.clone(), addresses),
            None => self.snapshot.hosts.remove(&name),
        };
        self.published.entry(name).or_insert(old);
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
    ///
    /// A predecessor's snapshot is `trusted`: what the tree lacks of it counts as lost now, unless it
    /// had another root or domain. What somebody else wrote over our own is not, and is put right.
    pub fn compare(
        &mut self,
        head: Option<(i32, &Result<Snapshot, DecodeError>)>,
        trusted: bool,
        now: Instant,
    ) {
        self.published.clear();
        let (generation, hosts) = match head {
            None => (0, None),
            Some((version, Ok(head))) => (head.generation.max(writes(version)), Some(&head.hosts)),
            Some((version, Err(_))) => (writes(version), None),
        };
        self.snapshot.generation = self.snapshot.generation.max(generation);
        let none = Hosts::new();
        let hosts = hosts.unwrap_or(&none);
        let diff = Diff::between(hosts, &self.snapshot.hosts);
        // Another root or domain was asked for, and takes all names away.
        let is_asked_for = matches!(head, Some((_, Ok(head)))
            if head.root != self.snapshot.root || head.domain != self.snapshot.domain);
        if trusted && (!is_asked_for || self.is_missing) {
            for name in &diff.removed {
                self.hold.lose(name.clone(), hosts[name].clone(), now);
            }
        }
        self.remember(diff, hosts);
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

    /// Holds what is in doubt, and ends a hold whose time is over. Returns why, if one ended.
    pub fn doubt(&mut self, now: Timestamp) -> Option<HoldEnd> {
        let was_on = self.hold.is_on();
        let until = self.hold.until();
        if until.is_some_and(|until| until.monotonic <= now.monotonic) {
            return Some(self.end_hold(HoldEnd::Time));
        }
        let remaining = self.snapshot.hosts.len() - self.held.len();
        for (name, addresses) in self.hold.decide(remaining, self.is_missing, now) {
            self.held.insert(name.clone());
            self.put(name, Some(addresses));
        }
        (was_on && self.held.is_empty()).then(|| self.end_hold(HoldEnd::Back))
    }

    /// Lets the held names go, or takes note that none is left.
    pub fn end_hold(&mut self, why: HoldEnd) -> HoldEnd {
        self.hold.end();
        for name in std::mem::take(&mut self.held) {
            self.put(name, None);
        }
        why
    }

    /// Goes on with a predecessor's hold, should what that one held be missing still.
    pub fn inherit_hold(&mut self, held: &Held, now: Timestamp) {
        self.hold.inherit(held.until, now);
    }

    /// When the hold ends, if there is one.
    pub fn hold_ends(&self) -> Option<Instant> {
        self.hold.until().map(|until| until.monotonic)
    }

    /// What is held, if anything.
    pub fn held(&self) -> Option<Held> {
        let until = self.hold.until()?;
        Some(Held::new(self.held.iter(), until.wall))
    }

    /// The snapshot to publish, if one is due.
    ///
    /// # Errors
    /// It does not fit a znode.
    pub fn publication(&mut self, now: SystemTime) -> Result<Option<Publication>, TooLarge> {
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
        Ok(Some(Publication {
            bytes,
            generation,
            diff,
            names,
        }))
    }

    /// The publication was written: it is now what `STATE/hosts` holds.
    pub fn published(&mut self, publication: &Publication) {
        self.snapshot.generation = publication.generation;
        self.published.clear();
        self.overdue = false;
    }

    /// The newest generation that is known; 0 for none.
    pub fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// The newest transaction that the tree reflects.
    pub fn zxid(&self) -> i64 {
        self.snapshot.zxid
    }

    /// How many names the tree gives.
    pub fn names(&self) -> usize {
        self.snapshot.hosts.len() - self.held.len()
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

/// How often a znode of this version was written, its creation included.
///
/// Also a valid snapshot counts no less than that: it may be an older one that somebody put back
/// before a leader came who does not remember the newest, and agents would refuse what follows it.
fn writes(version: i32) -> u64 {
    u64::from(version.unsigned_abs()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn draft() -> Draft {
        let scope = Scope::new(
            "/".parse().unwrap(),
            "/nameserver".parse().unwrap(),
            None,
            &[],
        )
        .unwrap();
        Draft::new(&scope, "ns1".into(), Hold::new(Duration::from_secs(60)))
    }

    fn addresses(last: u8) -> Addresses {
        Addresses::from_iter([format!("10.0.0.{last}").parse().unwrap()])
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn publish(draft: &mut Draft) -> Snapshot {
        let publication = draft
            .publication(SystemTime::UNIX_EPOCH)
            .unwrap()
            .expect("due");
        draft.published(&publication);
        Snapshot::decode(&publication.bytes).unwrap()
    }

    #[test]
    fn a_new_znode_is_written_even_without_names() {
        let mut draft = draft();
        draft.compare(None, true, Instant::now());
        let snapshot = publish(&mut draft);
        assert_eq!((snapshot.generation, snapshot.hosts.len()), (1, 0));
        assert!(draft.publication(SystemTime::UNIX_EPOCH).unwrap().is_none());
    }

    #[test]
    fn only_differences_are_due_and_the_generation_counts_on() {
        let mut draft = draft();
        draft.compare(None, true, Instant::now());
        draft.set(name("a"), Some(&addresses(1)), Instant::now());
        let first = publish(&mut draft);
        draft.set(name("a"), Some(&addresses(2)), Instant::now());
        draft.set(name("a"), Some(&addresses(1)), Instant::now());
        assert!(draft.publication(SystemTime::UNIX_EPOCH).unwrap().is_none());
        draft.set(name("b"), Some(&addresses(2)), Instant::now());
        draft.set(name("a"), None, Instant::now());
        let publication = draft.publication(SystemTime::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(
            publication.diff.to_string(),
            "1 added (b), 0 changed, 1 removed (a)"
        );
        assert_eq!((first.generation, publication.generation), (1, 2));
        let again = draft.publication(SystemTime::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(
            again.generation, 2,
            "an publication that was not written uses no number up"
        );
    }

    #[test]
    fn a_successor_publishes_under_its_own_id_and_counts_on() {
        let mut old = draft();
        old.compare(None, true, Instant::now());
        old.set(name("a"), Some(&addresses(1)), Instant::now());
        let mut head = publish(&mut old);
        head.leader = "ns2".into();
        head.generation = 41;
        let mut draft = draft();
        draft.set_all(
            Hosts::from_iter([(name("a"), addresses(1))]),
            Instant::now(),
        );
        draft.compare(Some((40, &Ok(head.clone()))), true, Instant::now());
        let next = publish(&mut draft);
        assert_eq!((next.generation, next.leader.as_str()), (42, "ns1"));
        draft.compare(Some((41, &Ok(next))), true, Instant::now());
        assert!(draft.publication(SystemTime::UNIX_EPOCH).unwrap().is_none());
        draft.compare(Some((42, &Ok(head))), true, Instant::now());
        assert_eq!(
            publish(&mut draft).generation,
            44,
            "an older snapshot put back is replaced, and has used a number up"
        );
    }

    #[test]
    fn a_successor_counts_on_from_the_newest_where_an_older_snapshot_was_put_back() {
        let mut old = draft();
        old.compare(None, true, Instant::now());
        let first = publish(&mut old);
        // It was put back over generation 40, in the 41st write.
        let mut draft = draft();
        draft.compare(Some((40, &Ok(first))), true, Instant::now());
        assert_eq!(publish(&mut draft).generation, 42);
    }

    #[test]
    fn junk_is_replaced_and_the_generation_never_falls_back() {
        let mut draft = draft();
        draft.set_all(
            Hosts::from_iter([(name("a"), addresses(1))]),
            Instant::now(),
        );
        draft.compare(Some((9, &Snapshot::decode(b"junk"))), true, Instant::now());
        assert_eq!(publish(&mut draft).generation, 11);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_how_much() {
        let mut draft = draft();
        draft.compare(None, true, Instant::now());
        let long = [""; 4].map(|_| "x".repeat(60)).join(".");
        let hosts = (0..4_000).map(|i| (name(&format!("{long}.n{i}")), addresses(1)));
        draft.set_all(hosts.collect(), Instant::now());
        let error = draft.publication(SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.names, 4_000);
        assert!(error.bytes > MAX_ENCODED_BYTES);
    }

    /// A draft of which `count` names are published.
    fn published(count: usize) -> Draft {
        let mut draft = draft();
        let hosts = (0..count).map(|i| (name(&format!("n{i}")), addresses(1)));
        draft.set_all(hosts.collect(), Instant::now());
        draft.compare(None, true, Instant::now());
        assert_eq!(publish(&mut draft).hosts.len(), count);
        draft
    }

    #[test]
    fn a_tree_that_is_missing_loses_no_name_without_doubt() {
        let now = Timestamp::now();
        for count in [1, 5, 9] {
            let mut walked = published(count);
            walked.set_all(Hosts::new(), now.monotonic);
            let mut followed = published(count);
            followed.root_is_gone();
            lose(&mut followed, 0..count, now);
            for mut draft in [walked, followed] {
                assert_eq!(draft.doubt(now), None);
                assert_eq!(draft.held().map(|held| held.names), Some(count));
                assert!(draft.publication(SystemTime::UNIX_EPOCH).unwrap().is_none());
                assert_eq!(
                    draft.doubt(now.after(Duration::from_secs(61))),
                    Some(HoldEnd::Time)
                );
                assert_eq!(publish(&mut draft).hosts.len(), 0);
            }
        }
    }

    #[test]
    fn where_the_tree_is_there_a_small_drop_of_all_names_goes_at_once() {
        let (mut draft, now) = (published(3), Timestamp::now());
        lose(&mut draft, 0..3, now);
        assert_eq!(draft.doubt(now), None);
        assert_eq!(publish(&mut draft).hosts.len(), 0);
    }

    #[test]
    fn another_root_takes_names_away_at_once_unless_it_is_missing() {
        let now = Timestamp::now();
        let mut old = published(20);
        old.overdue = true;
        let mut head = publish(&mut old);
        head.root = "/elsewhere".parse().unwrap();
        for (hosts, held) in [
            (Hosts::from_iter([(name("a"), addresses(1))]), None),
            (Hosts::new(), Some(20)),
        ] {
            let mut draft = draft();
            draft.set_all(hosts, now.monotonic);
            draft.compare(Some((0, &Ok(head.clone()))), true, now.monotonic);
            draft.doubt(now);
            assert_eq!(draft.held().map(|held| held.names), held);
        }
    }

    fn lose(draft: &mut Draft, names: std::ops::Range<usize>, now: Timestamp) {
        for i in names {
            draft.set(name(&format!("n{i}")), None, now.monotonic);
        }
    }

    #[test]
    fn a_large_drop_is_held_while_the_rest_goes_on() {
        let (mut draft, now) = (published(20), Timestamp::now());
        lose(&mut draft, 0..12, now);
        assert_eq!(draft.doubt(now), None);
        assert!(draft.publication(now.wall).unwrap().is_none());
        assert_eq!((draft.names(), draft.held().unwrap().names), (8, 12));
        // A name changes, one comes back elsewhere, one more goes.
        draft.set(name("n15"), Some(&addresses(2)), now.monotonic);
        draft.set(name("n3"), Some(&addresses(3)), now.monotonic);
        lose(&mut draft, 12..13, now);
        draft.doubt(now);
        let snapshot = publish(&mut draft);
        assert_eq!(snapshot.hosts.len(), 20);
        assert_eq!(snapshot.hosts[&name("n15")], addresses(2));
        assert_eq!(snapshot.hosts[&name("n3")], addresses(3));
        let late = now.after(Duration::from_secs(60));
        assert_eq!(draft.doubt(late), Some(HoldEnd::Time));
        assert_eq!(publish(&mut draft).hosts.len(), 8);
        assert_eq!(draft.held(), None);
    }

    #[test]
    fn a_drop_that_comes_one_by_one_is_held_as_a_whole() {
        let (mut draft, now) = (published(20), Timestamp::now());
        for i in 0..20 {
            lose(&mut draft, i..i + 1, now);
            draft.doubt(now);
            if let Some(publication) = draft.publication(now.wall).unwrap() {
                draft.published(&publication);
            }
        }
        assert_eq!(draft.held().unwrap().names, 20);
        assert_eq!(draft.snapshot.hosts.len(), 20);
    }

    #[test]
    fn a_hold_is_over_when_all_is_back() {
        let (mut draft, now) = (published(12), Timestamp::now());
        draft.set_all(Hosts::new(), now.monotonic);
        draft.doubt(now);
        let hosts = (0..12).map(|i| (name(&format!("n{i}")), addresses(1)));
        draft.set_all(hosts.collect(), now.monotonic);
        assert_eq!(draft.doubt(now), Some(HoldEnd::Back));
        assert!(draft.publication(now.wall).unwrap().is_none());
    }

    #[test]
    fn a_successor_holds_what_it_does_not_find() {
        let (mut old, now) = (published(12), Timestamp::now());
        old.overdue = true;
        let head = publish(&mut old);
        let mut draft = draft();
        draft.compare(Some((1, &Ok(head.clone()))), true, now.monotonic);
        draft.doubt(now);
        assert_eq!(draft.held().unwrap().names, 12);
        // Somebody else's snapshot over our own is no reason for doubt.
        let mut draft = published(1);
        draft.compare(Some((1, &Ok(head))), false, now.monotonic);
        assert_eq!((draft.doubt(now), draft.held()), (None, None));
        assert_eq!(publish(&mut draft).hosts.len(), 1);
    }
}
