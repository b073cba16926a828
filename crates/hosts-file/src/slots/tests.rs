//! The protocol against a model of a file and its readers: between any two operations, whatever a
//! reader can have put together is whole, and knows every name that it should.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Address, Addresses, Hosts, Name, line};

use super::model::{Disk, Fault, Model, SHIFT, hosts, said};
use super::{CELL, GRACE, PAGE};

/// Goes on until there is nothing more to do.
pub(super) fn rest(model: &mut Model, wanted: &Hosts) {
    while let Some(wake) = model.reconcile(wanted, None) {
        let now = model.disk().now;
        model.disk_mut().now = wake.max(now);
    }
}

/// Something goes wrong on the way, or nothing does; then it is tried again.
pub(super) fn want(model: &mut Model, wanted: &Hosts, fault: Option<(usize, Fault)>) {
    model.reconcile(wanted, fault);
    if fault.is_some() {
        model.reconcile(wanted, None);
    }
}

/// As a container runtime does that adds a line at the beginning.
pub(super) fn prepend(disk: &mut Disk, line: &str) {
    disk.foreign.splice(0..0, line.bytes());
    disk.rewrite([line.as_bytes(), &disk.text].concat());
}

#[test]
fn a_first_run_appends_and_touches_nothing() {
    for foreign in ["127.0.0.1 localhost\n", "127.0.0.1 localhost", ""] {
        let mut model = Model::new(foreign);
        rest(&mut model, &hosts(&[("db", &[5, 6]), ("web", &[7])]));
        let disk = model.disk();
        assert_eq!(said(&disk.text).len(), 2);
        assert!(disk.text.len().is_multiple_of(4096), "{}", disk.text.len());
    }
}

/// So many names, each with an address of its own.
fn many(count: u32) -> Hosts {
    let hosts = (0..count).map(|i| {
        let address = IpAddr::from((0x0a00_0001 + i).to_be_bytes());
        let addresses = vec![Address::try_from(address).unwrap()];
        (
            format!("n{i:05}").parse::<Name>().unwrap(),
            Addresses::from(addresses),
        )
    });
    hosts.collect()
}

/// More names than the slots of one block are for.
#[test]
fn a_file_grows_block_by_block_whatever_comes_between() {
    const COUNT: usize = 4_000;
    let wanted = many(COUNT as u32);
    let faults = [
        None,
        Some(Fault::Append(1)),
        Some(Fault::Kill),
        Some(Fault::Short(100)),
    ];
    for fault in faults {
        for calls in [1, 5, 10, 20, 40] {
            let mut model = Model::new("127.0.0.1 localhost\n");
            model.disk_mut().is_watched = false;
            model.reconcile(&wanted, fault.map(|fault| (calls, fault)));
            rest(&mut model, &wanted);
            model.check_known();
            let disk = model.disk();
            let said = said(&disk.text);
            let is_said = wanted.keys().all(|name| said.contains_key(name));
            assert!(is_said, "{fault:?} after {calls}");
            let text = String::from_utf8_lossy(&disk.text);
            let blocks = text.matches("# BEGIN").count();
            assert!(blocks > 3, "{blocks}, {fault:?} after {calls}");
            // What is dead for an unknown time cannot be used yet, so that it may grow once more.
            let room = COUNT * CELL * 9 / 8 + (blocks + 1) * PAGE as usize;
            let room = if fault.is_some() { 2 * room } else { room };
            assert!(text.len() <= room, "{fault:?} after {calls}");
            let spare = model.counts.dead;
            assert!(spare >= COUNT / 8, "{spare}, {fault:?} after {calls}");
        }
    }
}

#[test]
fn an_address_changes_by_a_few_bytes_whatever_the_size() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    model.disk_mut().is_watched = false;
    let mut wanted = many(10_000);
    rest(&mut model, &wanted);
    model.pass_time(GRACE * 2);
    model.reconcile(&wanted, None);
    model.disk_mut().written = 0;
    model.disk_mut().read = 0;
    wanted.insert(
        "n05000".parse().unwrap(),
        vec!["10.9.9.9".parse().unwrap()].into(),
    );
    model.reconcile(&wanted, None);
    let read = model.disk().read;
    assert!(read <= 3 * PAGE as usize, "{read} bytes");
    rest(&mut model, &wanted);
    let written = model.disk().written;
    assert!(written <= CELL + 2, "{written} bytes");
    // Once all of it, to compare; to take it apart it would be read twice.
    let (read, size) = (model.disk().read - read, model.disk().text.len());
    assert!(read <= size + 3 * PAGE as usize, "{read} of {size} bytes");
    assert!(read >= size, "it was not compared: {read} of {size} bytes");
}

/// A change between our last write and our setting the time does not show in the time.
#[test]
fn a_body_that_somebody_else_has_changed_unseen_is_found_later() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    model.disk_mut().is_watched = false;
    let wanted = hosts(&[("db", &[5]), ("web", &[7])]);
    model.reconcile(&wanted, None);
    let text = String::from_utf8(model.disk().text.clone()).unwrap();
    let changed = text.replace("10.0.0.5 db", "10.0.0.9 db");
    model.disk_mut().text = changed.into_bytes();
    assert_eq!(said(&model.disk().text).len(), 2);
    rest(&mut model, &wanted);
    assert_eq!(said(&model.disk().text), said(text.as_bytes()));
}

#[test]
fn the_new_address_comes_first_or_the_old_one_goes_at_once() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    rest(&mut model, &hosts(&[("a", &[1]), ("b", &[1])]));
    model.pass_time(GRACE * 2);
    // Free cells lie behind, in an old block: the old address is gone at once.
    model.reconcile(&hosts(&[("a", &[2]), ("b", &[1])]), None);
    assert_eq!(model.counts.retiring, 0);
    let a = &"a".parse::<Name>().unwrap();
    assert_eq!(said(&model.disk().text)[a].len(), 1);
}

#[test]
fn a_removed_name_goes_at_once_and_its_slot_is_reused_only_later() {
    let mut model = Model::new("");
    rest(&mut model, &hosts(&[("a", &[1])]));
    model.pass_time(GRACE * 2);
    model.reconcile(&hosts(&[]), None);
    assert!(said(&model.disk().text).is_empty());
    assert_eq!((model.counts.live, model.counts.waiting), (0, 1));
    model.reconcile(&hosts(&[("b", &[2])]), None);
    assert_eq!(
        model.counts.waiting, 1,
        "the dead slot is not touched before its time"
    );
    model.pass_time(GRACE);
    model.reconcile(&hosts(&[("b", &[2]), ("c", &[2])]), None);
    assert_eq!(model.counts.waiting, 0);
}

/// The file is taken apart anew after each edit of somebody else, but what is old there stays old.
#[test]
fn what_was_so_before_a_foreign_edit_is_known_to_be_old() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    rest(&mut model, &hosts(&[("a", &[1]), ("db", &[5, 6, 7])]));
    rest(&mut model, &hosts(&[("db", &[5, 6])]));
    model.pass_time(GRACE * 2);
    model.reconcile(&hosts(&[("db", &[5, 6])]), None);
    let ready = model.counts.dead;
    assert!(ready > 2);
    let edited = [&model.disk().text[..], b"10.9.9.9 other\n"].concat();
    model.disk_mut().rewrite(edited);
    let syncs = model.disk().syncs;
    model.reconcile(&hosts(&[("db", &[6])]), None);
    assert_eq!(model.counts.live, 1);
    assert_eq!(model.counts.retiring, 0, "the other address is old enough");
    assert_eq!((model.counts.dead, model.counts.waiting), (ready, 1));
    assert_eq!(model.disk().syncs, syncs, "all of it has been synced");
}

/// On many kernels two writes within 4 ms leave the same time, and a program that read between them would
/// not read again.
#[test]
fn the_time_of_the_file_is_set_after_a_change_and_once_more_after_all_readers() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    let wanted = hosts(&[("db", &[5])]);
    model.reconcile(&wanted, None);
    let changed = model.disk().now;
    assert_eq!(model.disk().touched, Some(changed));
    rest(&mut model, &wanted);
    assert!(model.disk().touched >= Some(changed + GRACE));
    let touched = model.disk().touched;
    model.pass_time(GRACE * 5);
    rest(&mut model, &wanted);
    assert_eq!(model.disk().touched, touched, "nothing has changed");
}

#[test]
fn disk_is_waited_for_only_where_a_line_dies_for_one_that_has_just_come_alive() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    rest(&mut model, &hosts(&[("a", &[1]), ("b", &[1])]));
    model.pass_time(GRACE * 2);
    let syncs = |model: &mut Model, wanted: &Hosts| {
        let before = model.disk().syncs;
        rest(model, wanted);
        model.disk().syncs - before
    };
    model.disk_mut().sync();
    assert_eq!(syncs(&mut model, &hosts(&[("a", &[2]), ("b", &[1])])), 1);
    // A new name waits for no disk, nor does one that goes, whether others have been synced or not.
    let more = hosts(&[("a", &[2]), ("b", &[1]), ("c", &[1])]);
    assert_eq!(syncs(&mut model, &more), 0);
    assert_eq!(syncs(&mut model, &hosts(&[("a", &[2]), ("c", &[1])])), 0);
    // One address of two goes: what stays has been there all the time.
    let two = hosts(&[("a", &[2, 3]), ("c", &[1])]);
    assert_eq!(syncs(&mut model, &two), 0);
    assert_eq!(syncs(&mut model, &hosts(&[("a", &[3]), ("c", &[1])])), 1);
    assert_eq!(syncs(&mut model, &hosts(&[("c", &[1])])), 0);
}

#[test]
fn lines_of_each_length_fit_their_slots() {
    for length in 1..=3 * CELL {
        let labels: Vec<String> = (0..length.div_ceil(60))
            .map(|label| "x".repeat((length - label * 60).min(60)))
            .collect();
        let name = labels.join(".");
        let wanted = hosts(&[(&name, &[5]), ("z", &[6])]);
        let mut model = Model::new("127.0.0.1 localhost\n");
        rest(&mut model, &wanted);
        model.check_known();
        assert_eq!(said(&model.disk().text).len(), 2, "{length}");
    }
}

#[test]
fn an_address_that_may_not_die_yet_is_counted_as_such() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    model.reconcile(&hosts(&[("db", &[5])]), None);
    model.reconcile(&hosts(&[("db", &[6])]), None);
    assert_eq!((model.counts.live, model.counts.retiring), (1, 1));
}

#[test]
fn long_names_take_several_cells_and_give_them_back() {
    let long = format!("{}.{}.{}", "x".repeat(63), "y".repeat(63), "z".repeat(63));
    let mut model = Model::new("127.0.0.1 localhost\n");
    let name: Name = long.parse().unwrap();
    let address = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
    rest(&mut model, &Hosts::unit(name.clone(), vec![address].into()));
    assert_eq!(said(&model.disk().text)[&name].len(), 1);
    for round in 0..200u8 {
        model.pass_time(GRACE);
        rest(&mut model, &hosts(&[("a", &[round]), (&long, &[round])]));
    }
    let size = model.disk().text.len();
    assert!(size <= 3 * 4096, "{size}");
}

#[test]
fn foreign_lines_keep_their_names() {
    let mut model = Model::new("192.168.0.1 DB www # x\n");
    let wanted = hosts(&[("db", &[5]), ("web", &[7])]);
    let db = ["db".parse::<Name>().unwrap()];
    rest(&mut model, &wanted);
    assert_eq!(model.shadowed[..], db);
    let text = model.disk().text.clone();
    assert_eq!(said(&text).len(), 1);
    // Left to the foreign line, it is nothing that is still to be written.
    assert_eq!(model.reconcile(&wanted, None), None);
    assert_eq!(model.shadowed[..], db);
    assert_eq!(model.disk().text, text);
}

#[test]
fn a_compact_block_of_the_other_method_is_taken_over() {
    let foreign = "127.0.0.1 localhost\n";
    let mut model = Model::new(foreign);
    let block = "# BEGIN hostsync\n10.0.0.1 a\n10.0.0.2 b\n10.0.0.3 c\n# END hostsync\n";
    model.disk_mut().rewrite([foreign, block].concat().into());
    for name in ["a", "b", "c"] {
        let name = name.parse().unwrap();
        model.disk_mut().history.insert(name, Vec::new());
    }
    rest(&mut model, &hosts(&[("a", &[1]), ("b", &[9])]));
    let names = said(&model.disk().text);
    assert_eq!(names.len(), 2);
    assert!(
        names.values().all(|addresses| addresses.len() == 1),
        "{names:?}"
    );
}

#[test]
fn the_file_does_not_grow_without_bound() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    model.disk_mut().is_watched = false;
    let mut sizes = Vec::new();
    // `SLOTS_ROUNDS=1000000 cargo test --release …` takes a few minutes.
    let rounds = std::env::var("SLOTS_ROUNDS").map_or(9_000, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        model.pass_time(Duration::from_millis(1));
        let name = format!("n{}", round % 50);
        let address = (round % 250) as u8;
        let mut wanted: Hosts = (0..50)
            .map(|i| {
                (
                    format!("n{i}").parse().unwrap(),
                    Addresses::from(vec!["10.1.0.1".parse().unwrap()]),
                )
            })
            .collect();
        wanted.insert(
            name.parse().unwrap(),
            hosts(&[("x", &[address])])["x"].clone(),
        );
        model.reconcile(&wanted, None);
        if round % (rounds / 3) == rounds / 3 - 1 {
            sizes.push(model.disk().text.len());
        }
    }
    // About as many slots as die within the grace period, two a round.
    assert!(sizes[0] < 2 * 2 * 2_000 * CELL, "{sizes:?}");
    assert!(sizes[2] <= sizes[1] + 2 * 4096, "{sizes:?}");
}

#[test]
fn shifted_slots_are_laid_out_again_and_their_space_is_reused() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    model.disk_mut().is_watched = false;
    let wanted: Hosts = (0..3_000)
        .map(|i| {
            (
                format!("n{i}").parse().unwrap(),
                Addresses::from(vec!["10.1.0.1".parse().unwrap()]),
            )
        })
        .collect();
    rest(&mut model, &wanted);
    let mut sizes = Vec::new();
    for round in 0..12 {
        // As a container runtime does that adds a line at the beginning.
        let line = format!("192.168.0.{round} other{round}\n");
        prepend(&mut model.disk_mut(), &line);
        model.pass_time(GRACE * 5);
        rest(&mut model, &wanted);
        assert_eq!(said(&model.disk().text).len(), 3_000 + 1 + round);
        sizes.push(model.disk().text.len());
    }
    assert!(sizes[11] < 4 * 3_000 * CELL, "{sizes:?}");
    assert!(sizes[11] < sizes[5] + 2 * 4096, "{sizes:?}");
}

/// A reader may be in the middle of the blank lines that were there.
#[test]
fn slots_that_are_laid_over_blank_lines_are_not_used_at_once() {
    for seed in 0..64 {
        let mut model = Model::new("127.0.0.1 localhost\n");
        model.disk_mut().seed = seed;
        let wanted = hosts(&[
            ("n0.x", &[1]),
            ("n1.xlonglong", &[1]),
            ("n2.xlonglonglonglong", &[1, 2]),
        ]);
        rest(&mut model, &wanted);
        prepend(&mut model.disk_mut(), "192.168.2.0 other0\n");
        let size = model.disk().text.len();
        rest(&mut model, &wanted);
        assert_eq!(said(&model.disk().text).len(), 4);
        assert_eq!(
            model.disk().text.len(),
            size,
            "the lines wait where they are"
        );
    }
}

#[test]
fn an_address_that_takes_the_place_of_another_survives_a_power_cut_before_that_dies() {
    let names: Vec<String> = (0..20).map(|number| format!("n{number:02}")).collect();
    let all = |first: u8| -> Hosts {
        let entries = names.iter().enumerate();
        let entries = entries.map(|(number, name)| {
            let address: &[u8] = if number == 0 { &[first] } else { &[1] };
            (name.as_str(), address.to_vec())
        });
        let entries: Vec<_> = entries.collect();
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, list)| (*name, &list[..]))
            .collect();
        hosts(&entries)
    };
    for (calls, bits) in (0..20).flat_map(|calls| (0..8).map(move |bits| (calls, bits))) {
        let mut model = Model::new("127.0.0.1 localhost\n");
        rest(&mut model, &all(1));
        model.pass_time(GRACE * 2);
        model.disk_mut().sync();
        // Which sectors reach the disk is in every third bit, or not at all, or all of them.
        let bits = [0x9249_2492_4924_9249 << (bits % 3), u64::MAX << (bits * 8)][bits / 4];
        model.reconcile(&all(2), Some((calls, Fault::PowerCut(bits))));
        rest(&mut model, &all(2));
        assert_eq!(said(&model.disk().text).len(), 20);
    }
}

#[test]
fn a_name_that_changes_all_the_time_does_not_keep_its_old_addresses() {
    let mut model = Model::new("127.0.0.1 localhost\n");
    let long = format!("{}.{}", "x".repeat(63), "y".repeat(63));
    let pause = Duration::from_millis(300);
    for round in 0..80u8 {
        model.reconcile(&hosts(&[("a", &[round]), (&long, &[round])]), None);
        model.pass_time(pause);
        let said = said(&model.disk().text);
        for addresses in said.values() {
            // Nothing older than what was wanted one grace period ago.
            let oldest = Address::try_from(IpAddr::from([10, 0, 0, round.saturating_sub(8)]));
            let is_recent =
                |address: &Address| oldest.as_ref().is_ok_and(|oldest| address >= oldest);
            assert!(
                addresses.iter().all(is_recent),
                "round {round}: {addresses:?}"
            );
        }
    }
    let size = model.disk().text.len();
    assert!(size <= 8 * 4096, "{size}");
}

/// Somebody else writes the file while we do. That may be seen by nothing but the bytes themselves, and of
/// ours only what was on its way lands in theirs: a page of what is dead, or one byte.
#[test]
fn somebody_else_who_writes_beside_us_is_damaged_once_at_most() {
    let wanted = many(400);
    let others = wanted
        .keys()
        .map(|name| {
            (
                name.clone(),
                Addresses::from(vec!["10.1.1.1".parse().unwrap()]),
            )
        })
        .collect();
    // Bodies, what comes alive, and later what dies.
    for calls in (0..3_000).step_by(60) {
        let mut model = Model::new("127.0.0.1 localhost\n");
        model.disk_mut().is_watched = false;
        rest(&mut model, &wanted);
        let before = model.disk().text.clone();
        model.reconcile(&others, Some((calls, Fault::Shift)));
        model.pass_time(GRACE);
        let disk = model.disk().text.clone();
        let known = |line: &[u8]| {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end();
            let words: Vec<_> = text.trim_start_matches('#').split(' ').collect();
            line == SHIFT
                || line::lines(&before).any(|old| old == line)
                || text.trim_start_matches(['#', ' ']).is_empty()
                || words.len() == 2
                    && words[1]
                        .parse::<Name>()
                        .is_ok_and(|name| wanted.contains_key(&name))
        };
        let strange = line::lines(&disk).filter(|line| !known(line)).count();
        let most = PAGE as usize / CELL + 1;
        assert!(strange <= most, "{calls}: {strange}");
        rest(&mut model, &others);
        let said = said(&model.disk().text);
        let is_said = |(name, addresses): (&Name, &Addresses)| {
            said.get(name)
                .is_some_and(|said| said.iter().eq(addresses.iter()))
        };
        // Where what was dead landed in the middle of a line of theirs, that may say a name now.
        let wrong = others.iter().filter(|entry| !is_said(*entry)).count();
        assert!(wrong <= 1, "{calls}: {wrong}");
    }
}

/// In a line of others, a name of ours becomes one that nobody asks for, and theirs stays.
#[test]
fn a_name_of_ours_in_a_line_of_others_goes_and_theirs_stays() {
    let foreign = "127.0.0.1 localhost\n";
    let mut model = Model::new(foreign);
    let wanted = hosts(&[("db", &[5]), ("web", &[5]), ("log", &[6])]);
    rest(&mut model, &wanted);
    let joined = "10.0.0.5 Db other1 web\n10.0.0.6 log\n";
    model.disk_mut().rewrite([foreign, joined].concat().into());
    let changed = hosts(&[("db", &[7]), ("web", &[5])]);
    rest(&mut model, &changed);
    let text = String::from_utf8(model.disk().text.clone()).unwrap();
    let joined = "10.0.0.5 -b other1 -eb\n#0.0.0.6 log\n";
    assert!(text.starts_with(&[foreign, joined].concat()), "{text}");
    assert_eq!(model.shadowed.len(), 0);
    let mut said = said(&model.disk().text);
    said.remove("other1");
    let said: Hosts = said
        .into_iter()
        .map(|(name, list)| (name, list.into_iter().collect::<Addresses>()))
        .collect();
    assert_eq!(said, changed);
}
