use super::*;
use crate::slots::model::{hosts, owner};

const NOW: Time = Time::from_secs(100);

/// Of a file that holds this.
fn table(text: &str) -> Table {
    let (hosts, memory) = (Hosts::new(), Memory::default());
    let layout = layout::read(0, text.as_bytes(), &owner(), &Known::of(&hosts, &memory));
    Table::new(layout, memory, None, NOW)
}

/// One step of so many names, and the growth that it asks for.
fn step(table: &mut Table, wanted: &Hosts, now: Time, limit: usize) -> Batch {
    let batch = table.step(wanted, now, &owner(), limit);
    for operation in &batch.operations {
        if let Operation::Append { bytes, .. } = operation {
            table.grow(bytes, &owner(), now);
        }
    }
    batch
}

/// Steps until nothing is left to do at this time.
fn settle(table: &mut Table, wanted: &Hosts, now: Time, limit: usize) {
    loop {
        let batch = step(table, wanted, now, limit);
        if batch.operations.is_empty() && batch.is_last {
            return;
        }
    }
}

/// The places of a name's lines, in their order, and what they say.
fn lines(table: &Table, name: &str) -> Vec<(Offset, String)> {
    let slots = table.live.get(&name.parse().unwrap()).iter();
    let mut lines: Vec<_> = slots
        .map(|slot| (slot.offset, slot.address.to_string()))
        .collect();
    lines.sort();
    lines
}

/// However few names a step looks at: each growth ends on a page, and a file that grew for a few names
/// at a time would be mostly padding.
#[test]
fn it_grows_once_for_all_that_is_lacking() {
    let names: Vec<String> = (0..300).map(|number| format!("n{number:03}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..], &[1][..])).collect();
    let wanted = hosts(&entries);
    for (settled, name) in [(Hosts::new(), "scanned"), (hosts(&[("a", &[1])]), "queued")] {
        let mut table = table("127.0.0.1 localhost\n");
        settle(&mut table, &settled, NOW, 7);
        let spare = table.counts().dead;
        let mut growths = 0;
        let mut cells = spare;
        loop {
            let batch = step(&mut table, &wanted, NOW, 7);
            let grown = |operation: &&Operation| matches!(operation, Operation::Append { .. });
            if batch.operations.iter().any(|operation| grown(&operation)) {
                growths += 1;
                let counts = table.counts();
                cells = counts.dead + counts.live + counts.retiring;
            }
            if batch.operations.is_empty() && batch.is_last {
                break;
            }
        }
        assert_eq!(growths, 1, "{name}");
        assert!(
            cells >= 300 && cells < 300 * 9 / 8 + spare + 130,
            "{name}: {cells}"
        );
        assert_eq!(table.counts().live, 300, "{name}");
    }
}

/// Others have shifted all our lines, whose names wait for cells, and one name more has no line at all.
#[test]
fn what_the_file_grew_by_for_one_name_is_not_taken_by_those_that_can_wait() {
    let names: Vec<String> = (0..300).map(|number| format!("n{number:03}")).collect();
    let mut entries: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..], &[1][..])).collect();
    let shifted: String = names
        .iter()
        .map(|name| format!("10.0.0.1 {name}\n"))
        .collect();
    let dead = format!("{:width$}\n", "#", width = CELL - 1);
    let begin = format!("{:width$}\n", "# BEGIN hostsync", width = CELL - 1);
    entries.push(("z", &[1]));
    let wanted = hosts(&entries);
    for limit in [7, 1000] {
        let mut table = table(&format!("{begin}{dead}{shifted}# END hostsync\n"));
        let mut growths = 0;
        loop {
            let batch = step(&mut table, &wanted, NOW, limit);
            let grown = |operation: &Operation| matches!(operation, Operation::Append { .. });
            growths += usize::from(batch.operations.iter().any(grown));
            if batch.operations.is_empty() && batch.is_last {
                break;
            }
        }
        assert_eq!(growths, 1, "{limit} names a step");
        assert_eq!(lines(&table, "z").len(), 1);
    }
}

/// A name that changes while all are being compared, whether its turn has been or is still to come.
#[test]
fn what_changes_during_the_comparison_of_all_names_is_seen() {
    for changed in ["a", "b", "c", "d"] {
        for steps in 0..12 {
            let mut table = table("127.0.0.1 localhost\n");
            let mut wanted = hosts(&[("a", &[1]), ("b", &[1]), ("c", &[1]), ("d", &[1])]);
            for _ in 0..steps {
                step(&mut table, &wanted, NOW, 1);
            }
            wanted.extend(hosts(&[(changed, &[2])]));
            settle(&mut table, &wanted, NOW, 1);
            let said = lines(&table, changed);
            let is_said = said.iter().any(|(_, address)| address == "10.0.0.2");
            assert!(is_said, "{changed} after {steps}: {said:?}");
        }
    }
}

#[test]
fn a_name_that_is_still_to_be_compared_is_not_queued_as_well() {
    let mut table = table("127.0.0.1 localhost\n");
    let mut wanted = hosts(&[("a", &[1]), ("b", &[1]), ("c", &[1])]);
    settle(&mut table, &wanted, NOW, 9);
    for (changed, is_queued) in [("a", true), ("b", false), ("c", false)] {
        table.scan = Some(Scan {
            from: Some("b".parse().unwrap()),
        });
        wanted.extend(hosts(&[(changed, &[2])]));
        step(&mut table, &wanted, NOW, 0);
        assert_eq!(
            table.agenda.queued().contains(changed),
            is_queued,
            "{changed}"
        );
    }
}

/// Where every reader comes by later than at the old line, that may die at once. So a place behind it is
/// the best, but only where it has been for so long that all readers know of it; else the first one.
#[test]
fn the_place_behind_the_old_line_is_taken_if_it_is_old() {
    let mut table = table("");
    let all = hosts(&[("a", &[1]), ("b", &[1])]);
    settle(&mut table, &all, NOW, 9);
    let later = NOW + GRACE * 2;
    settle(&mut table, &hosts(&[("b", &[1])]), later, 9);
    // The place of `a` can be used again.
    let later = later + GRACE * 2;
    let before = lines(&table, "b")[0].0;
    let old = &mut table.clone();
    settle(old, &hosts(&[("b", &[2])]), later, 9);
    let after = lines(old, "b");
    assert_eq!((after.len(), old.counts().retiring), (1, 0));
    assert!(after[0].0 > before, "{after:?}");
    // As if the block had only just been appended.
    let young = &mut table;
    young.blocks.values_mut().for_each(|since| *since = later);
    settle(young, &hosts(&[("b", &[2])]), later, 9);
    let after = lines(young, "b");
    assert_eq!((after.len(), young.counts().retiring), (2, 1));
    assert!(after[0].0 < before && after[0].1 == "10.0.0.2", "{after:?}");
}

/// What others hold on to is the same value while it says the same.
#[test]
fn who_is_left_to_foreign_lines_is_found_out_anew_only_when_that_changes() {
    let mut table = table("127.0.0.1 localhost\n192.168.0.1 db\n");
    let mut wanted = hosts(&[("db", &[5]), ("web", &[5])]);
    settle(&mut table, &wanted, NOW, 9);
    let shadowed = Arc::clone(table.shadowed());
    assert_eq!(shadowed[..], ["db".parse().unwrap()]);
    for other in [("web", &[6]), ("new", &[6]), ("db", &[6])] {
        wanted.extend(hosts(&[(other.0, other.1)]));
        settle(&mut table, &wanted, NOW, 9);
        assert!(Arc::ptr_eq(&shadowed, table.shadowed()), "{other:?}");
    }
    wanted.remove("db");
    settle(&mut table, &wanted, NOW, 9);
    assert!(table.shadowed().is_empty());
}

#[test]
fn a_line_and_its_end_take_so_many_cells() {
    for (length, expected) in [(1, 1), (63, 1), (64, 2), (65, 2), (127, 2), (128, 3)] {
        assert_eq!(cells(&"x".repeat(length)), expected, "{length}");
    }
}
