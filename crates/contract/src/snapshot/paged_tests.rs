//! The index and its pages.

use super::Change;
use super::*;
use crate::{Address, Addresses};
use proptest::prelude::*;
use std::collections::BTreeMap;

const EXAMPLE: &str = concat!(
    r#"{"changes":[[1206,"primary.db",["10.0.0.7"]],[1207,"old.db",null]],"domain":"zk","format":2,"#,
    r#""generation":1207,"leader":"ns1","names":2,"pages":[["",1190,"0000000000000000"],"#,
    r#"["m",1003,"77ab000000000000"]],"presence":20,"published":"2026-11-20T10:00:00.123Z","#,
    r#""root":"/services","since":1190,"sum":"00000000000000ff","zxid":4294967338}"#
);

fn refusal(text: &str) -> String {
    Head::decode(text.as_bytes()).unwrap_err().to_string()
}

fn index_of(text: &str) -> Index {
    match Head::decode(text.as_bytes()).unwrap() {
        Head::Paged(index) => index,
        Head::Whole(_) => panic!("{text}"),
    }
}

#[test]
fn an_index_byte_for_byte() {
    let index = index_of(EXAMPLE);
    assert_eq!(index.changes.len(), 2);
    assert_eq!(index.pages[1].component(), "1003-77ab000000000000");
    assert_eq!(String::from_utf8(index.encode()).unwrap(), EXAMPLE);
}

#[test]
fn a_head_is_what_it_holds() {
    let head = Head::decode(EXAMPLE.as_bytes()).unwrap();
    assert_eq!((head.generation(), head.names()), (1_207, 2));
    assert_eq!((head.leader(), head.zxid()), ("ns1", 4_294_967_338));
    assert_eq!(head.domain().map(Name::as_str), Some("zk"));
    assert_eq!(head.presence(), std::time::Duration::from_secs(20));
    assert_eq!(head.root().as_str(), "/services");
    let published = head.published().duration_since(SystemTime::UNIX_EPOCH);
    assert_eq!(published.unwrap().subsec_millis(), 123);
}

#[test]
fn what_others_leave_out_is_concluded() {
    let text = EXAMPLE.replace("\"since\":1190,\"sum\":\"00000000000000ff\",", "");
    let index = index_of(&text);
    assert_eq!((index.since, index.sum), (1205, None));
    let text = text.replace(
        "[1206,\"primary.db\",[\"10.0.0.7\"]],[1207,\"old.db\",null]",
        "",
    );
    assert_eq!(index_of(&text).since, 1207);
}

#[test]
fn each_broken_rule_is_named() {
    for (from, to, said) in [
        ("[1206,", "[1208,", "generation 1207 is out of place"),
        ("[1207,", "[1208,", "generation 1208 is out of place"),
        ("1003,", "1208,", "generation 1208 is out of place"),
        (
            "\"since\":1190",
            "\"since\":1208",
            "generation 1208 is out of place",
        ),
        ("[\"\",", "[\"a\",", "pages are not in order at \"\""),
        ("[\"m\",", "[\"\",", "pages are not in order at \"\""),
        (
            "[[\"\",1190,\"0000000000000000\"],[\"m\",1003,\"77ab000000000000\"]]",
            "[]",
            "not in order",
        ),
        ("77ab", "77AB", "is not 16 hexadecimal digits"),
        ("77ab", "+7ab", "is not 16 hexadecimal digits"),
        ("[\"10.0.0.7\"]", "[]", "name primary.db has 0 addresses"),
        ("[\"10.0.0.7\"]", "[\"127.0.0.1\"]", "loopback"),
        ("old.db", "localhost", "every machine has for itself"),
    ] {
        let text = EXAMPLE.replace(from, to);
        assert_ne!(text, EXAMPLE);
        let message = refusal(&text);
        assert!(message.contains(said), "{from}: {message}");
    }
}

#[test]
fn a_page_is_the_one_that_the_index_names_or_none() {
    let hosts: Hosts = ["a", "b"]
        .into_iter()
        .map(|name| (name.parse::<Name>().unwrap(), addresses(1)))
        .collect();
    let page = Page::encode("a", 7, hosts.iter());
    assert_eq!(
        String::from_utf8(page.bytes.clone()).unwrap(),
        r#"{"first":"a","generation":7,"hosts":{"a":["10.0.0.1"],"b":["10.0.0.1"]}}"#
    );
    assert_eq!(
        Page::decode(&page.bytes, &page.entry, Some("c")).unwrap(),
        hosts
    );
    assert!(Page::decode(&page.bytes, &page.entry, Some("b")).is_err());
    let longest = MAX_ENCODED_BYTES - page.bytes.len();
    for (blanks, is_too_long) in [(longest, false), (longest + 1, true)] {
        let bytes = [&page.bytes[..], &vec![b' '; blanks]].concat();
        let mut entry = page.entry.clone();
        entry.digest = Digest::of(&bytes);
        let read = Page::decode(&bytes, &entry, None);
        let refused = matches!(read, Err(DecodeError::TooLarge(_)));
        assert_eq!((refused, read.is_ok()), (is_too_long, !is_too_long));
    }
    let other = page
        .bytes
        .iter()
        .map(|byte| if *byte == b'1' { b'2' } else { *byte })
        .collect::<Vec<_>>();
    assert!(Page::decode(&other, &page.entry, None).is_err());
    for (first, generation, begins) in [("b", 7, "b"), ("a", 8, "a"), ("a", 7, "")] {
        // Of the right bytes, by another description.
        let mut entry = Page::encode(first, generation, hosts.iter()).entry;
        entry.first = begins.into();
        entry.digest = page.entry.digest;
        assert!(
            Page::decode(&page.bytes, &entry, None).is_err(),
            "{first} {generation} {begins}"
        );
    }
}

fn addresses(last: u8) -> Addresses {
    [format!("10.0.0.{last}").parse::<Address>().unwrap()]
        .into_iter()
        .collect()
}

/// A publisher that folds as it likes, and all that it ever published.
struct Publisher {
    hosts: Hosts,
    generation: u64,
    since: u64,
    changes: BTreeMap<Name, (u64, Option<Addresses>)>,
    pages: Vec<(PageEntry, Hosts)>,
    history: Vec<(Index, Snapshot, Vec<Hosts>)>,
}

impl Publisher {
    fn new() -> Self {
        let page = Page::encode("", 1, Hosts::new().iter());
        Self {
            hosts: Hosts::new(),
            generation: 2,
            since: 1,
            changes: BTreeMap::new(),
            pages: vec![(page.entry, Hosts::new())],
            history: Vec::new(),
        }
    }

    fn fold(&mut self, first: &str, end: Option<&str>) {
        let within =
            |name: &Name| name.as_str() >= first && end.is_none_or(|end| name.as_str() < end);
        let hosts: Hosts = self
            .hosts
            .iter()
            .filter(|(name, _)| within(name))
            .map(|(name, addresses)| (name.clone(), addresses.clone()))
            .collect();
        let page = Page::encode(first, self.generation, hosts.iter());
        self.pages.retain(|(entry, _)| {
            !(&*entry.first >= first && end.is_none_or(|end| &*entry.first < end))
        });
        self.pages.push((page.entry, hosts));
        self.pages
            .sort_by(|(one, _), (other, _)| one.first.cmp(&other.first));
    }

    fn publish(&mut self, changes: &[(u8, u8)], fold: Option<u8>, forget: bool) {
        for (name, last) in changes {
            let name: Name = format!("n{name:02}").parse().unwrap();
            let value = (*last > 0).then(|| addresses(*last));
            match &value {
                Some(addresses) => self.hosts.insert(name.clone(), addresses.clone()),
                None => self.hosts.remove(&name),
            };
            self.changes.insert(name, (self.generation, value));
        }
        match fold {
            // All that begins here, or the pages of this name and the next ones.
            Some(0) => self.fold("", None),
            Some(at) => {
                let first = format!("n{at:02}");
                let end = self
                    .pages
                    .iter()
                    .map(|(entry, _)| entry.first.to_string())
                    .find(|next| *next > first);
                let before = self
                    .pages
                    .iter()
                    .rev()
                    .map(|(entry, _)| entry.first.to_string())
                    .find(|next| *next < first)
                    .unwrap_or_default();
                self.fold(&before, Some(&first));
                self.fold(&first, end.as_deref());
            }
            None => {}
        }
        if forget {
            let pages: Vec<PageEntry> = self.pages.iter().map(|(entry, _)| entry.clone()).collect();
            let index = self.index(pages);
            let covered = |name: &Name, generation: u64| {
                index.pages[index.page_of(name)].generation >= generation
            };
            let oldest_needed = self
                .changes
                .iter()
                .filter(|(name, (generation, _))| !covered(name, *generation))
                .map(|(_, (generation, _))| *generation)
                .min();
            self.since = self
                .since
                .max(oldest_needed.map_or(self.generation, |needed| needed - 1));
            let since = self.since;
            self.changes
                .retain(|_, (generation, _)| *generation > since);
        }
        let index = self.index(self.pages.iter().map(|(entry, _)| entry.clone()).collect());
        let snapshot = Snapshot {
            domain: None,
            generation: self.generation,
            hosts: self.hosts.clone(),
            leader: "ns1".into(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            sum: index.sum,
            zxid: 7,
        };
        self.history.push((
            index,
            snapshot,
            self.pages.iter().map(|(_, hosts)| hosts.clone()).collect(),
        ));
        self.generation += 1;
    }

    fn index(&self, pages: Vec<PageEntry>) -> Index {
        let mut changes: Vec<Change> = self
            .changes
            .iter()
            .map(|(name, (generation, addresses))| Change {
                generation: *generation,
                name: name.clone(),
                addresses: addresses.clone(),
            })
            .collect();
        changes.sort_by_key(|change| change.generation);
        Index {
            changes,
            domain: None,
            generation: self.generation,
            leader: "ns1".into(),
            names: self.hosts.len(),
            pages,
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            since: self.since,
            sum: Some(Sum::of(&self.hosts)),
            zxid: 7,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whoever has nothing, or any earlier generation, gets at exactly what was published, and
    /// reads no page that is older than what he has.
    #[test]
    fn every_reader_ends_at_the_generation_of_the_head(
        steps in prop::collection::vec((prop::collection::vec((0u8..30, 0u8..4), 0..6), prop::option::of(0u8..30), any::<bool>()), 1..12),
    ) {
        let mut publisher = Publisher::new();
        for (changes, fold, forget) in steps {
            publisher.publish(&changes, fold, forget);
        }
        for (at, (index, snapshot, pages)) in publisher.history.iter().enumerate() {
            let Head::Paged(index) = Head::decode(&index.encode()).unwrap() else { panic!() };
            let earlier = publisher.history[..=at].iter().map(|(_, snapshot, _)| Some(snapshot));
            for held in std::iter::once(None).chain(earlier) {
                let missing = index.missing(held);
                let since = held.map_or(0, |held| held.generation);
                prop_assert!(missing.iter().all(|&page| index.pages[page].generation > since));
                prop_assert!(since < index.since || missing.is_empty());
                let read = missing.into_iter().map(|page| (page, pages[page].clone())).collect();
                prop_assert_eq!(&index.snapshot(held, read).unwrap(), snapshot);
            }
        }
    }
}

#[test]
fn names_that_were_not_published_are_told_from_those_that_were() {
    let mut publisher = Publisher::new();
    publisher.publish(&[(1, 1), (2, 1)], None, false);
    let (index, snapshot, pages) = &publisher.history[0];
    let mut held = snapshot.clone();
    held.hosts.insert("n01".parse().unwrap(), addresses(9));
    held.sum = None;
    assert!(matches!(
        index.snapshot(Some(&held), Vec::new()),
        Err(DecodeError::Sum)
    ));
    held.hosts.insert("n09".parse().unwrap(), addresses(9));
    assert!(matches!(
        index.snapshot(Some(&held), Vec::new()),
        Err(DecodeError::Count { said: 2, held: 3 })
    ));
    assert!(index.snapshot(None, vec![(0, pages[0].clone())]).is_ok());
}
