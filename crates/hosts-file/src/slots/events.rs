//! Whatever happens to a file, in whatever order: wishes, time, faults of the system, and what others do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Address, Hosts, Name, line};
use proptest::prelude::*;

use super::GRACE;
use super::model::{Disk, Fault, Model, hosts, said};
use super::tests::{prepend, rest, want};

/// What happens to a file, in some order.
#[derive(Debug, Clone)]
enum Event {
    /// Other names are wanted, and something goes wrong after so many calls, or nothing does.
    Want(Vec<(u8, Vec<u8>)>, Option<(usize, Fault)>),
    /// Time passes.
    Wait(u16),
    /// Somebody appends a line.
    Append(u8),
    /// Somebody rewrites the file without the comments in it, as Podman does.
    DropComments,
    /// Somebody rewrites the file, so that each address has one line with so many of its names, without
    /// the comments in it or with them.
    Join(u8, bool),
    /// Somebody makes the file anew, as kubelet does.
    Reset,
    /// Somebody inserts a line before everything.
    Prepend(u8),
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::Kill),
        4 => any::<u64>().prop_map(Fault::PowerCut),
        2 => Just(Fault::Refuse),
        2 => any::<u8>().prop_map(Fault::Short),
        1 => (0u8..9).prop_map(Fault::Append),
        1 => Just(Fault::Revert),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let addresses = prop::collection::vec(1u8..6, 1..3);
    let wanted = prop::collection::btree_map(0u8..12, addresses, 0..10)
        .prop_map(|wanted| wanted.into_iter().collect());
    let fault = prop::option::weighted(0.4, (0usize..80, any_fault()));
    let want = (wanted, fault).prop_map(|(wanted, fault)| Event::Want(wanted, fault));
    prop_oneof![
        12 => want,
        4 => (0u16..3_000).prop_map(Event::Wait),
        6 => (0u16..500).prop_map(Event::Wait),
        1 => (0u8..9).prop_map(Event::Append),
        1 => Just(Event::DropComments),
        1 => (1u8..4, any::<bool>()).prop_map(|(names, comments)| Event::Join(names, comments)),
        1 => Just(Event::Reset),
        1 => (0u8..9).prop_map(Event::Prepend),
    ]
}

/// Names of which some take two cells.
fn name_of(number: u8) -> String {
    let label = "long".repeat(usize::from(number) * 2 % 15);
    format!("n{number}.x{label}")
}

/// Makes these things happen to a file with readers, and looks at the names that are left.
fn play(events: Vec<Event>, limit: usize) {
    let mut model = Model::new("127.0.0.1 localhost\n").with_limit(limit);
    let mut wanted = Hosts::new();
    for event in events {
        match event {
            Event::Want(names, fault) => {
                wanted = names
                    .into_iter()
                    .map(|(number, addresses)| {
                        let mut addresses = addresses;
                        addresses.dedup();
                        let name = name_of(number);
                        (
                            name.parse().unwrap(),
                            hosts(&[("x", &addresses)])["x"].clone(),
                        )
                    })
                    .collect();
                want(&mut model, &wanted, fault);
            }
            Event::Wait(millis) => {
                model.pass_time(Duration::from_millis(millis.into()));
                model.reconcile(&wanted, None);
                model.disk_mut().look();
                if millis > 1_500 {
                    // The kernel writes by itself what nobody has synced.
                    model.disk_mut().sync();
                }
            }
            foreign => {
                // Without our markers, a line that is still retiring could not be told from a
                // foreign one after a crash; so nothing retires before or after.
                rest(&mut model, &wanted);
                disturb(&mut model.disk_mut(), &foreign);
                rest(&mut model, &wanted);
                // Nor could one that a power cut brought to life again.
                model.disk_mut().sync();
            }
        }
    }
    rest(&mut model, &wanted);
    let said: BTreeMap<_, _> = said(&model.disk().text)
        .into_iter()
        .filter(|(name, _)| !name.as_str().starts_with("other"))
        .collect();
    let exactly: BTreeMap<Name, BTreeSet<Address>> = wanted
        .iter()
        .map(|(name, addresses)| (name.clone(), addresses.iter().copied().collect()))
        .collect();
    assert_eq!(said, exactly);
}

/// Somebody puts back what was there before the first of two batches, while the second is written: the
/// second alone looks as it should.
#[test]
fn what_was_put_back_over_several_batches_is_seen_at_once() {
    let names = |names: &[(u8, &[u8])]| {
        let names = names.iter();
        names
            .map(|(name, addresses)| (*name, addresses.to_vec()))
            .collect()
    };
    let first = names(&[(0, &[3, 1]), (1, &[1]), (2, &[1]), (3, &[3, 1])]);
    let second = names(&[(10, &[1]), (11, &[1, 2])]);
    let events = vec![
        Event::Want(first, None),
        Event::Want(second, Some((10, Fault::Revert))),
    ];
    play(events, 4);
}

/// Of two lines of one age the one that is not wanted any more for longer goes first.
#[test]
fn the_address_that_was_left_first_dies_first() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    let mut wanted = hosts(&[("x", &[1]), ("y", &[1])]);
    rest(&mut model, &wanted);
    // Two cells are left, behind all others.
    for number in 0..model.counts.dead - 2 {
        wanted.extend(hosts(&[(&format!("f{number}"), &[1])]));
    }
    rest(&mut model, &wanted);
    assert_eq!(model.counts.dead, 2);
    model.pass_time(GRACE * 2);
    // The first two can be used again after some time.
    wanted.remove("x");
    wanted.remove("y");
    model.reconcile(&wanted, None);
    model.pass_time(GRACE / 2);
    let mut set = |model: &mut Model, addresses: &[u8]| {
        wanted.extend(hosts(&[("a", addresses)]));
        model.reconcile(&wanted, None);
        said(&model.disk().text)["a"].clone()
    };
    assert_eq!(set(&mut model, &[1, 4]).len(), 2);
    assert_eq!(set(&mut model, &[1]).len(), 2);
    model.pass_time(GRACE / 2);
    assert_eq!(set(&mut model, &[2, 3]).len(), 4);
    model.pass_time(GRACE / 2);
    let said = set(&mut model, &[2, 3]);
    assert_eq!(said.len(), 3);
    assert!(said.contains(&"10.0.0.1".parse().unwrap()), "{said:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn no_reader_ever_misses_a_name_or_sees_a_torn_line(
        events in prop::collection::vec(any_event(), 1..40),
        limit in 1usize..8,
    ) {
        play(events, limit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// What a pass knows of the file comes from its own writes, and is what reading it would say.
    #[test]
    fn what_is_known_is_what_is_in_the_file(
        events in prop::collection::vec(any_event(), 1..40),
        limit in 1usize..8,
    ) {
        let mut model = Model::new("127.0.0.1 localhost\n192.168.0.1 n0.x N1.xlonglong\n").with_limit(limit);
        let mut wanted = Hosts::new();
        for event in events {
            match event {
                Event::Want(names, fault) => {
                    // One change of several that a pass may find.
                    for (number, addresses) in names {
                        let name = name_of(number).parse().unwrap();
                        if addresses.contains(&1) && wanted.contains_key(&name) {
                            wanted.remove(&name);
                        } else {
                            wanted.insert(name, hosts(&[("x", &addresses)])["x"].clone());
                        }
                    }
                    let fault = fault.filter(|(_, fault)| !matches!(fault, Fault::Revert));
                    want(&mut model, &wanted, fault);
                }
                Event::Wait(millis) => {
                    model.pass_time(Duration::from_millis(millis.into()));
                    model.reconcile(&wanted, None);
                }
                foreign => {
                    rest(&mut model, &wanted);
                    disturb(&mut model.disk_mut(), &foreign);
                    model.reconcile(&wanted, None);
                    model.check_known();
                    rest(&mut model, &wanted);
                    model.disk_mut().sync();
                }
            }
            model.check_known();
        }
    }
}

fn disturb(disk: &mut Disk, event: &Event) {
    match event {
        Event::Append(number) => {
            let line = format!("192.168.1.{number} other{number}\n");
            disk.rewrite([&disk.text, line.as_bytes()].concat());
        }
        Event::DropComments => {
            let kept = |line: &&[u8]| !line.starts_with(b"#");
            let trimmed = |line: &[u8]| [line.trim_ascii_end(), b"\n"].concat();
            let lines = line::lines(&disk.text).filter(kept);
            disk.rewrite(lines.flat_map(trimmed).collect());
        }
        Event::Join(names, has_comments) => {
            let mut text = disk.foreign.clone();
            let is_comment = |line: &&[u8]| *has_comments && line.starts_with(b"#");
            let lines = line::lines(&disk.text).skip(line::lines(&text).count());
            let comments = lines.filter(is_comment).filter(|line| line.len() > 1);
            text.extend(comments.flatten());
            let mut by_address = BTreeMap::<Address, Vec<Name>>::new();
            for (name, addresses) in said(&disk.text) {
                for address in addresses {
                    by_address.entry(address).or_default().push(name.clone());
                }
            }
            for (address, said) in by_address {
                for said in said.chunks((*names).into()) {
                    let said: Vec<&str> = said.iter().map(Name::as_str).collect();
                    text.extend(format!("{address}\t{}\n", said.join(" ")).bytes());
                }
            }
            disk.rewrite(text);
        }
        Event::Reset => disk.rewrite(disk.foreign.clone()),
        Event::Prepend(number) => prepend(disk, &format!("192.168.2.{number} other{number}\n")),
        Event::Want(..) | Event::Wait(_) => {}
    }
}
