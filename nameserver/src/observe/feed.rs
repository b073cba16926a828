//! What was published lately: of each generation which names moved, from which addresses to which.
//!
//! Pure: what `STATE/hosts` holds in, moves out. What it costs is what changed.

use std::collections::VecDeque;
use std::time::SystemTime;

use contract::{Addresses, Change, Diff, Head, Hosts, Index, Name, Snapshot};
use serde::{Serialize, Serializer};

/// How many generations are told of.
const KEPT: usize = 40;
/// How many moves of one are told.
const SHOWN: usize = 10;
/// How many addresses of a name are told.
const ADDRESSES: usize = 8;

/// The generations that were seen to be published, the newest last.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    newest: u64,
    /// The names of the newest generation, where they are known. They share what they have in common with
    /// those that the tree gives.
    names: Option<Hosts>,
    entries: VecDeque<Entry>,
}

/// What one generation changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The generation.
    pub generation: u64,
    /// When it was published, by the clock of the servers.
    #[serde(serialize_with = "rfc3339")]
    pub published: SystemTime,
    /// The replica that published it.
    pub leader: String,
    /// Names that moved, or some of them.
    pub changes: Vec<Move>,
    /// How many more did.
    pub more: usize,
    /// All changes of this generation are known: another one was seen before it.
    pub is_known: bool,
}

/// A name that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The name.
    pub name: Name,
    /// Its addresses before; none where it is new.
    #[serde(serialize_with = "some")]
    pub before: Option<Addresses>,
    /// Its addresses since; none where it is gone.
    #[serde(serialize_with = "some")]
    pub after: Option<Addresses>,
}

fn rfc3339<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_rfc3339_millis(*time))
}

/// The first addresses, and a last one that says so where there are more.
fn some<S: Serializer>(addresses: &Option<Addresses>, to: S) -> Result<S::Ok, S::Error> {
    let Some(addresses) = addresses else {
        return to.serialize_none();
    };
    let more = addresses.len().saturating_sub(ADDRESSES);
    let more = (more > 0).then(|| format!("and {more} more"));
    let shown = addresses.iter().take(ADDRESSES).map(ToString::to_string);
    to.collect_seq(shown.chain(more))
}

impl Feed {
    /// The generations, the newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// Takes in what `STATE/hosts` holds since `at`. What names had before is looked up among those of the
    /// `tree` where nothing was seen before, as long as that is followed.
    pub fn read(&mut self, head: Head, at: SystemTime, tree: Option<&Hosts>) {
        let generation = head.generation();
        if generation < self.newest {
            *self = Self::default();
        }
        if generation == self.newest {
            return;
        }
        let leader = head.leader().to_owned();
        let entry = move |generation| Entry {
            generation,
            published: at,
            leader: leader.clone(),
            changes: Vec::new(),
            more: 0,
            is_known: true,
        };
        match head {
            Head::Whole(snapshot) => self.whole(snapshot, entry(generation)),
            Head::Paged(index) => self.paged(index, entry, tree),
        }
        self.newest = generation;
        while self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    fn whole(&mut self, snapshot: Snapshot, mut entry: Entry) {
        let hosts = snapshot.hosts;
        match self.names.take().filter(|_| self.newest > 0) {
            None => entry.is_known = false,
            Some(before) => {
                let Diff {
                    added,
                    changed,
                    removed,
                } = Diff::between(&before, &hosts);
                for name in added.into_iter().chain(changed).chain(removed) {
                    let (before, after) = (before.get(&name).cloned(), hosts.get(&name).cloned());
                    entry.add(name, before, after);
                }
            }
        }
        self.names = Some(hosts);
        self.entries.push_back(entry);
    }

    fn paged(&mut self, index: Index, entry: impl Fn(u64) -> Entry, tree: Option<&Hosts>) {
        let (newest, generation) = (self.newest, index.generation);
        let is_known = newest >= index.since && newest > 0;
        let mut last = entry(generation);
        last.is_known = is_known;
        if !is_known {
            // What was before is known from now on only.
            self.names = tree.cloned();
            self.entries.push_back(last);
            return;
        }
        let mut names = self.names.take().or_else(|| tree.cloned());
        let mut entries: Vec<Entry> = Vec::new();
        for change in index.changes {
            let Change {
                generation,
                name,
                addresses,
            } = change;
            if generation <= newest {
                continue;
            }
            if entries
                .last()
                .is_none_or(|entry| entry.generation != generation)
            {
                entries.push(entry(generation));
            }
            let before = names.as_mut().and_then(|names| match &addresses {
                Some(addresses) => names.insert(name.clone(), addresses.clone()),
                None => names.remove(&name),
            });
            if let Some(entry) = entries.last_mut()
                && before != addresses
            {
                entry.add(name, before, addresses);
            }
        }
        if entries
            .last()
            .is_none_or(|entry| entry.generation != generation)
        {
            entries.push(last);
        }
        self.entries.extend(entries);
        // What is the same is to be there once.
        self.names = match (names, tree) {
            (Some(names), Some(tree)) if Diff::between(&names, tree).is_empty() => {
                Some(tree.clone())
            }
            (names, _) => names,
        };
    }
}

impl Entry {
    fn add(&mut self, name: Name, before: Option<Addresses>, after: Option<Addresses>) {
        if self.changes.len() == SHOWN {
            self.more += 1;
            return;
        }
        self.changes.push(Move {
            name,
            before,
            after,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{PRESENCE, ZnodePath};

    fn name(name: &str) -> Name {
        name.parse().unwrap()
    }

    fn addresses(last: u8) -> Addresses {
        Addresses::from_iter([format!("10.0.0.{last}").parse().unwrap()])
    }

    fn hosts(names: &[(&str, u8)]) -> Hosts {
        let each = names.iter().map(|(of, last)| (name(of), addresses(*last)));
        each.collect()
    }

    fn whole(generation: u64, names: &[(&str, u8)]) -> Head {
        Head::Whole(Snapshot {
            domain: None,
            generation,
            hosts: hosts(names),
            leader: "ns1".into(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            sum: None,
            zxid: 1,
        })
    }

    fn paged(generation: u64, since: u64, changes: &[(u64, &str, Option<u8>)]) -> Head {
        let changes = changes.iter().map(|(generation, of, last)| Change {
            generation: *generation,
            name: name(of),
            addresses: last.map(addresses),
        });
        Head::Paged(Index {
            changes: changes.collect(),
            domain: None,
            generation,
            leader: "ns1".into(),
            names: 2,
            pages: Vec::new(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            since,
            sum: None,
            zxid: 1,
        })
    }

    /// Each generation with its moves, the newest first.
    fn told(feed: &Feed) -> Vec<String> {
        let of = |addresses: &Option<Addresses>| {
            let texts = addresses.iter().flat_map(|all| all.iter());
            texts.map(ToString::to_string).collect::<String>()
        };
        let line = |entry: &Entry| {
            let moves = entry.changes.iter();
            let moves = moves.map(|m| format!(" {} {}>{}", m.name, of(&m.before), of(&m.after)));
            let but = if entry.is_known { "" } else { " ?" };
            format!("{}{but}{}", entry.generation, moves.collect::<String>())
        };
        feed.entries().map(line).collect()
    }

    fn read(feed: &mut Feed, head: Head, tree: &[(&str, u8)]) {
        feed.read(head, SystemTime::UNIX_EPOCH, Some(&hosts(tree)));
    }

    #[test]
    fn a_name_moves_from_its_addresses_to_others() {
        let mut feed = Feed::default();
        read(&mut feed, whole(5, &[("a", 1), ("b", 1)]), &[]);
        read(&mut feed, whole(6, &[("a", 2), ("b", 1)]), &[]);
        read(&mut feed, whole(6, &[("a", 2), ("b", 1)]), &[]);
        read(&mut feed, whole(8, &[("a", 2), ("c", 3)]), &[]);
        let expected = ["8 c >10.0.0.3 b 10.0.0.1>", "6 a 10.0.0.1>10.0.0.2", "5 ?"];
        assert_eq!(told(&feed), expected);
        read(&mut feed, whole(1, &[]), &[]);
        assert_eq!(told(&feed), ["1 ?"], "another history");
    }

    #[test]
    fn of_many_names_the_changes_tell_each_generation() {
        let mut feed = Feed::default();
        read(
            &mut feed,
            paged(5, 3, &[(5, "a", Some(1))]),
            &[("a", 1), ("b", 1)],
        );
        let changes = [
            (5, "a", Some(1)),
            (6, "b", None),
            (7, "a", Some(2)),
            (7, "c", Some(3)),
        ];
        // The tree is further already.
        read(&mut feed, paged(7, 3, &changes), &[("a", 9), ("c", 3)]);
        let expected = ["7 a 10.0.0.1>10.0.0.2 c >10.0.0.3", "6 b 10.0.0.1>", "5 ?"];
        assert_eq!(told(&feed), expected);
        read(
            &mut feed,
            paged(8, 3, &[(8, "a", Some(9))]),
            &[("a", 9), ("c", 3)],
        );
        assert_eq!(told(&feed)[0], "8 a 10.0.0.2>10.0.0.9");
        read(&mut feed, paged(20, 15, &[(20, "a", Some(4))]), &[("a", 4)]);
        assert_eq!(told(&feed)[0], "20 ?", "what lies between is not known");
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut feed = Feed::default();
        for generation in 1..1_000 {
            let names: Vec<_> = (0..100).map(|number| format!("n{number}")).collect();
            let last = u8::from(generation % 2 == 0) + 1;
            let names: Vec<_> = names.iter().map(|name| (name.as_str(), last)).collect();
            read(&mut feed, whole(generation, &names), &[]);
        }
        assert_eq!(feed.entries.len(), KEPT);
        let newest = feed.entries().next().unwrap();
        assert_eq!((newest.changes.len(), newest.more), (SHOWN, 90));
        let many: Addresses = (1..=20)
            .map(|last| format!("10.0.0.{last}").parse().unwrap())
            .collect();
        let moved = Move {
            name: name("a"),
            before: None,
            after: Some(many),
        };
        let json = serde_json::to_value(&moved).unwrap();
        assert_eq!(json["after"].as_array().unwrap().len(), ADDRESSES + 1);
        assert_eq!(json["after"][ADDRESSES], "and 12 more");
    }
}
