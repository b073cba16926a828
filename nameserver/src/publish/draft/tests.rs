//! What is due, and when.

use super::*;

fn taken(snapshot: &Snapshot) -> Taken {
    Taken {
        snapshot: snapshot.clone(),
        index: None,
    }
}
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
    let bytes = publication.bytes.clone();
    draft.published(publication, 0);
    Snapshot::decode(&bytes).unwrap()
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
fn since_when_the_oldest_news_is_known_is_told_with_its_publication() {
    let (mut draft, begun) = (draft(), Instant::now());
    let at = |seconds| begun + Duration::from_secs(seconds);
    // Nobody knows what is published, so neither whether that is news.
    draft.set(name("a"), Some(&addresses(1)), at(0));
    draft.compare(None, true, at(5));
    draft.set(name("b"), Some(&addresses(1)), at(6));
    let publication = |draft: &mut Draft| draft.publication(SystemTime::UNIX_EPOCH).unwrap();
    let first = publication(&mut draft).unwrap();
    assert_eq!(draft.published(first, 0), Some(at(5)));
    draft.set(name("b"), Some(&addresses(2)), at(7));
    draft.set(name("b"), Some(&addresses(1)), at(8));
    assert!(publication(&mut draft).is_none(), "it came to nothing");
    draft.set(name("b"), Some(&addresses(3)), at(9));
    draft.set(name("a"), None, at(10));
    let second = publication(&mut draft).unwrap();
    assert_eq!(draft.published(second, 1), Some(at(9)));
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
fn what_is_told_is_the_newest_that_is_known() {
    let mut draft = draft();
    draft.compare(Some((9, None)), true, Instant::now());
    assert_eq!((draft.generation(), draft.zxid()), (10, 0));
    draft.reflect(70);
    draft.reflect(69);
    let snapshot = publish(&mut draft);
    assert_eq!((snapshot.generation, snapshot.zxid), (11, 70));
    assert_eq!((draft.generation(), draft.zxid()), (11, 70));
}

#[test]
fn agents_are_asked_for_what_was_told_to_ask_for() {
    let mut draft = draft();
    draft.compare(None, true, Instant::now());
    draft.ask_for_presence(Duration::from_secs(20));
    assert_eq!(publish(&mut draft).presence, Duration::from_secs(20));
}

#[test]
fn what_may_differ_is_counted() {
    let mut draft = draft();
    draft.compare(None, true, Instant::now());
    for (count, text) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(draft.differences(), count);
        draft.set(name(text), Some(&addresses(1)), Instant::now());
    }
    publish(&mut draft);
    assert_eq!(draft.differences(), 0);
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
    draft.compare(Some((40, Some(&taken(&head)))), true, Instant::now());
    let next = publish(&mut draft);
    assert_eq!((next.generation, next.leader.as_str()), (42, "ns1"));
    draft.compare(Some((41, Some(&taken(&next)))), true, Instant::now());
    assert!(draft.publication(SystemTime::UNIX_EPOCH).unwrap().is_none());
    draft.compare(Some((42, Some(&taken(&head)))), true, Instant::now());
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
    draft.compare(Some((40, Some(&taken(&first)))), true, Instant::now());
    assert_eq!(publish(&mut draft).generation, 42);
}

#[test]
fn junk_is_replaced_and_the_generation_never_falls_back() {
    let mut draft = draft();
    draft.set_all(
        Hosts::from_iter([(name("a"), addresses(1))]),
        Instant::now(),
    );
    draft.compare(Some((9, None)), true, Instant::now());
    assert_eq!(publish(&mut draft).generation, 11);
}

#[test]
fn what_does_not_fit_is_an_error_that_says_how_much() {
    let mut draft = draft().sized(Sizes {
        page: 100,
        largest: 100,
        ..Sizes::default()
    });
    draft.compare(None, true, Instant::now());
    let hosts = (0..4_000).map(|i| (name(&format!("n{i}")), addresses(1)));
    draft.set_all(hosts.collect(), Instant::now());
    let error = draft.publication(SystemTime::UNIX_EPOCH).unwrap_err();
    assert_eq!(error.names, 4_000);
    assert!(error.bytes > 4_000 * 20);
}

#[test]
fn a_lost_page_is_written_anew_though_no_name_differs() {
    let mut draft = draft();
    draft.compare(None, true, Instant::now());
    let hosts = (0..4_000).map(|i| (name(&format!("n{i}")), addresses(1)));
    draft.set_all(hosts.collect(), Instant::now());
    let publication = draft.publication(SystemTime::UNIX_EPOCH).unwrap().unwrap();
    let pages = publication.pages.clone();
    assert!(pages.len() > 2 && draft.is_due());
    draft.published(publication, 0);
    assert!(!draft.is_due() && !draft.lose_page("other"));
    assert!(draft.lose_page(&pages[1].entry.component()));
    let publication = draft.publication(SystemTime::UNIX_EPOCH).unwrap().unwrap();
    let first: Vec<_> = publication
        .pages
        .iter()
        .map(|page| &page.entry.first)
        .collect();
    assert_eq!(first, [&pages[1].entry.first]);
    assert_eq!(publication.gone, [pages[1].entry.clone()]);
    assert_eq!(publication.diff, Diff::default());
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
        draft.compare(Some((0, Some(&taken(&head)))), true, now.monotonic);
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
            draft.published(publication, 0);
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
    draft.compare(Some((1, Some(&taken(&head)))), true, now.monotonic);
    draft.doubt(now);
    assert_eq!(draft.held().unwrap().names, 12);
    // Somebody else's snapshot over our own is no reason for doubt.
    let mut draft = published(1);
    draft.compare(Some((1, Some(&taken(&head)))), false, now.monotonic);
    assert_eq!((draft.doubt(now), draft.held()), (None, None));
    assert_eq!(publish(&mut draft).hosts.len(), 1);
}
