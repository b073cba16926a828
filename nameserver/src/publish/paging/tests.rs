//! Whatever is published, every reader gets at exactly the names of that generation.

use std::collections::BTreeMap;
use std::time::SystemTime;

use contract::{Addresses, Head, Hosts, Index, Name, PRESENCE, Page, Snapshot, ZnodePath};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Difference, Fold, Paging, Plan, Sizes};

const SMALL: Sizes = Sizes {
    whole: 60,
    whole_again: 40,
    page: 60,
    largest: 200,
    pages: 6,
    changes: 200,
    changes_per_page: 20,
    ahead: 2,
};
const ROOM: usize = 700;

fn addresses(last: u8) -> Addresses {
    Addresses::from_iter([format!("10.0.0.{last}").parse().unwrap()])
}

/// A publisher, and all that it ever put into ZooKeeper.
struct Publisher {
    sizes: Sizes,
    room: usize,
    hosts: Hosts,
    paging: Paging,
    generation: u64,
    /// What stands below `STATE/hosts`.
    pages: BTreeMap<String, Vec<u8>>,
    ahead: Option<(Vec<Fold>, Vec<Page>)>,
    history: Vec<Snapshot>,
    /// The largest index.
    largest: usize,
    /// How many bytes of pages were written.
    written: usize,
    read_by_followers: usize,
}

impl Publisher {
    fn new(sizes: Sizes, room: usize) -> Self {
        Self {
            sizes,
            room,
            hosts: Hosts::new(),
            paging: Paging::new(sizes),
            generation: 0,
            pages: BTreeMap::new(),
            ahead: None,
            history: Vec::new(),
            largest: 0,
            written: 0,
            read_by_followers: 0,
        }
    }

    fn publish(&mut self, changes: impl IntoIterator<Item = (Name, Option<Addresses>)>) -> Head {
        let mut differences = BTreeMap::new();
        for (name, new) in changes {
            let old = match new {
                Some(new) => self.hosts.insert(name.clone(), new),
                None => self.hosts.remove(&name),
            };
            differences.entry(name).or_insert(old);
        }
        let differences: Vec<_> = differences
            .into_iter()
            .map(|(name, old)| Difference { name, old })
            .collect();
        self.generation += 1;
        let plan = self
            .paging
            .plan(&self.hosts, &differences, self.generation, self.room);
        let Plan {
            paging,
            pages,
            gone,
        } = plan.unwrap();
        for page in pages {
            self.written += page.bytes.len();
            self.pages.insert(page.entry.component(), page.bytes);
        }
        self.paging = paging;
        let snapshot = Snapshot {
            domain: None,
            generation: self.generation,
            hosts: self.hosts.clone(),
            leader: "ns1".into(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            sum: None,
            zxid: 1,
        };
        let named = self.paging.named();
        assert!(gone.iter().all(|entry| !named.contains(&entry.component())));
        // Nobody who reads now needs what is gone.
        for entry in gone {
            self.pages.remove(&entry.component());
        }
        let bytes = match self.paging.index(&self.hosts) {
            None => snapshot.encode(),
            Some((pages, changes, since, sum)) => {
                let bare = Index {
                    changes: Vec::new(),
                    domain: None,
                    generation: self.generation,
                    leader: "ns1".into(),
                    names: self.hosts.len(),
                    pages: Vec::new(),
                    presence: PRESENCE,
                    published: SystemTime::UNIX_EPOCH,
                    root: ZnodePath::root(),
                    since,
                    sum: Some(sum),
                    zxid: 1,
                };
                let rest = bare.encode().len();
                let bytes = Index {
                    pages,
                    changes,
                    ..bare
                }
                .encode();
                assert!(
                    bytes.len() <= self.room + rest,
                    "{} in {} and {rest}",
                    bytes.len(),
                    self.room
                );
                self.largest = self.largest.max(bytes.len());
                bytes
            }
        };
        self.history.push(snapshot);
        Head::decode(&bytes).unwrap()
    }

    /// What a reader of the head makes of it who has this already.
    fn read(&mut self, head: &Head, held: Option<&Snapshot>) -> Snapshot {
        let index = match head {
            Head::Whole(snapshot) => return snapshot.clone(),
            Head::Paged(index) => index,
        };
        let pages = index.missing(held).into_iter().map(|page| {
            let bytes = &self.pages[&index.pages[page].component()];
            if held.is_some_and(|held| held.generation + 1 == index.generation) {
                self.read_by_followers += 1;
            }
            let names = Page::decode(bytes, &index.pages[page], index.end(page)).unwrap();
            (page, names)
        });
        let pages = pages.collect();
        index.snapshot(held, pages).unwrap()
    }

    fn begin_folding(&mut self) {
        self.ahead = self
            .ahead
            .take()
            .or_else(|| self.paging.fold_ahead(&self.hosts, self.generation));
    }

    fn end_folding(&mut self) {
        if let Some((folds, pages)) = self.ahead.take() {
            for page in pages {
                self.written += page.bytes.len();
                self.pages.insert(page.entry.component(), page.bytes);
            }
            self.paging.folded(folds);
        }
    }

    fn check(&mut self, head: &Head) {
        let now = self.history.last().unwrap().clone();
        for held in 0..=self.history.len() {
            let held = held.checked_sub(1).map(|at| self.history[at].clone());
            let read = self.read(head, held.as_ref());
            assert_eq!(read.generation, now.generation);
            assert_eq!(read.hosts, now.hosts);
        }
    }

    /// Another leader goes on from what it reads.
    fn succeed(&mut self, head: &Head) {
        let snapshot = self.read(head, None);
        let index = match head {
            Head::Paged(index) => Some(index),
            Head::Whole(_) => None,
        };
        self.paging = Paging::of(self.sizes, &snapshot.hosts, index);
        self.ahead = None;
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish(Vec<(u8, u8)>),
    BeginFolding,
    EndFolding,
    Succeed,
    Lose(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let change = || (0u8..60, 0u8..4);
    prop_oneof![
        6 => vec(change(), 0..4).prop_map(Step::Publish),
        1 => vec(change(), 0..60).prop_map(Step::Publish),
        3 => Just(Step::BeginFolding),
        3 => Just(Step::EndFolding),
        1 => Just(Step::Succeed),
        1 => any::<usize>().prop_map(Step::Lose),
    ]
}

fn name(number: u8) -> Name {
    format!("n{number:02}.example").parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_reader_ends_at_what_was_published(steps in vec(step(), 1..40)) {
        let mut publisher = Publisher::new(SMALL, ROOM);
        let mut head = publisher.publish([]);
        for step in steps {
            match step {
                Step::Publish(changes) => {
                    let changes = changes.into_iter().map(|(number, last)| {
                        (name(number), (last > 0).then(|| addresses(last)))
                    });
                    head = publisher.publish(changes);
                    publisher.check(&head);
                }
                Step::BeginFolding => publisher.begin_folding(),
                Step::EndFolding => publisher.end_folding(),
                Step::Succeed => publisher.succeed(&head),
                Step::Lose(at) => if let Head::Paged(index) = &head {
                    let lost = index.pages[at % index.pages.len()].component();
                    publisher.paging.lose(&lost);
                    head = publisher.publish([]);
                    publisher.pages.remove(&lost);
                    publisher.check(&head);
                }
            }
        }
    }
}

fn many(count: usize) -> Vec<(Name, Option<Addresses>)> {
    let name = |i| format!("n{i:06}.some.example").parse().unwrap();
    (0..count).map(|i| (name(i), Some(addresses(1)))).collect()
}

#[test]
fn names_that_come_and_go_are_paged_and_whole_again() {
    let mut publisher = Publisher::new(Sizes::default(), 15_000);
    assert!(matches!(publisher.publish(many(200)), Head::Whole(_)));
    assert!(matches!(publisher.publish(many(400)), Head::Paged(_)));
    let gone = |from: usize| {
        many(400)
            .into_iter()
            .skip(from)
            .map(|(name, _)| (name, None))
    };
    // It does not go to and fro.
    assert!(matches!(publisher.publish(gone(300)), Head::Paged(_)));
    let head = publisher.publish(gone(200));
    assert!(matches!(head, Head::Whole(_)));
    assert!(publisher.pages.is_empty());
    publisher.check(&head);
}

#[test]
fn who_is_in_step_reads_the_index_alone_whatever_the_number_of_names() {
    let publisher = changed_at_random(10_000);
    assert_eq!(publisher.read_by_followers, 0);
    assert!(publisher.largest < 10_000, "{}", publisher.largest);
    // A page is about 16 KiB here, and each fold stands for several changes.
    assert!(
        publisher.written / 1_000 < 16_384,
        "{}",
        publisher.written / 1_000
    );
}

#[test]
fn where_pages_are_few_the_index_is_small_and_they_are_seldom_written() {
    let publisher = changed_at_random(1_000);
    assert_eq!(publisher.read_by_followers, 0);
    assert!(publisher.largest < 4_096, "{}", publisher.largest);
    assert!(
        publisher.written / 1_000 < 4_096,
        "{}",
        publisher.written / 1_000
    );
}

/// A thousand changes of one name each, followed by somebody who is in step.
fn changed_at_random(names: usize) -> Publisher {
    let mut publisher = Publisher::new(Sizes::default(), 15_000);
    let all = many(names);
    publisher.publish(all.clone());
    (publisher.written, publisher.largest) = (0, 0);
    let mut random = 7usize;
    for round in 0..1_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (name, _) = all[(random >> 33) % all.len()].clone();
        let held = publisher.history.last().unwrap().clone();
        let head = publisher.publish([(name, Some(addresses(2 + (round % 200) as u8)))]);
        let read = publisher.read(&head, Some(&held));
        assert_eq!(read.hosts, publisher.hosts);
        publisher.history.truncate(1);
        publisher.history.push(read);
        publisher.begin_folding();
        publisher.end_folding();
    }
    publisher
}

/// A limit is told before it is met: names that do not fit were near what was said to fit, from four fifths of it on.
#[test]
fn what_does_not_fit_was_told_to_be_near() {
    let sizes = Sizes {
        page: 500,
        largest: 1_000,
        ..Sizes::default()
    };
    let (mut hosts, mut paging) = (Hosts::new(), Paging::new(sizes));
    let names: Vec<_> = many(8_000).into_iter().collect();
    let mut was_near = false;
    for (number, names) in names.chunks(200).enumerate() {
        let mut differences = Vec::new();
        for (name, addresses) in names.iter().cloned() {
            hosts.insert(name.clone(), addresses.unwrap());
            differences.push(Difference { name, old: None });
        }
        let room = contract::MAX_INDEX_BYTES - super::REST;
        let Ok(plan) = paging.plan(&hosts, &differences, number as u64 + 1, room) else {
            assert!(was_near, "{:?}", paging.capacity());
            return;
        };
        paging = plan.paging;
        let (bytes, most) = paging.capacity();
        was_near = bytes * 5 >= most * 4;
        assert!(number > 3 || !was_near, "{bytes} of {most}");
    }
    panic!("all of it fits");
}

#[test]
fn what_does_not_fit_says_how_much() {
    let sizes = Sizes {
        page: 50,
        largest: 100,
        ..Sizes::default()
    };
    let mut hosts = Hosts::new();
    let mut differences = Vec::new();
    for (name, addresses) in many(2_000) {
        hosts.insert(name.clone(), addresses.unwrap());
        differences.push(Difference { name, old: None });
    }
    let too_many = Paging::new(sizes)
        .plan(&hosts, &differences, 1, 15_000)
        .unwrap_err();
    assert!(too_many.bytes > 2_000 * 30, "{too_many:?}");
}

#[test]
fn one_name_with_very_many_addresses_is_told_by_its_page() {
    let mut publisher = Publisher::new(Sizes::default(), 15_000);
    publisher.publish(many(5_000));
    let list = (0..16_384u32).map(|i| {
        std::net::IpAddr::from((0x0a00_0001 + i).to_be_bytes())
            .try_into()
            .unwrap()
    });
    let large: Addresses = list.collect();
    let head = publisher.publish([("n002500.some.example".parse().unwrap(), Some(large))]);
    publisher.check(&head);
    let Head::Paged(index) = head else { panic!() };
    assert_eq!(index.since, 2);
    let anew = index.pages.iter().filter(|page| page.generation == 2);
    assert!((1..=3).contains(&anew.count()));
}
