use proptest::prelude::*;

use super::*;
use crate::line::addresses_of;
use crate::{Address, Addresses};

fn hosts(entries: &[(&str, &[&str])]) -> Hosts {
    let parse =
        |texts: &[&str]| -> Addresses { texts.iter().map(|text| text.parse().unwrap()).collect() };
    entries
        .iter()
        .map(|(name, addresses)| (name.parse().unwrap(), parse(addresses)))
        .collect()
}

fn wanted() -> Hosts {
    hosts(&[("db", &["10.0.0.6", "10.0.0.5"]), ("web", &["fd00::1"])])
}

fn owner() -> Owner {
    Owner::new("hostsync").unwrap()
}

fn plan(text: &[u8], wanted: &Hosts, last: &Hosts) -> Plan {
    super::plan(text, wanted, last, &owner())
}

fn without(text: &[u8], last: &Hosts) -> Plan {
    super::without(text, last, &owner())
}

const BLOCK: &str = "# BEGIN hostsync\n10.0.0.6 db\n10.0.0.5 db\nfd00::1 web\n# END hostsync\n";

/// `{}` stands for our block as it should be.
fn becomes(old: &str, new: &str, notes: &[Note]) {
    let plan = plan(old.as_bytes(), &wanted(), &hosts(&[("old", &["10.9.9.9"])]));
    let text = String::from_utf8(plan.text).unwrap();
    assert_eq!(text, new.replace("{}", BLOCK), "from {old:?}");
    assert_eq!(plan.notes, notes, "from {old:?}");
}

#[test]
fn a_block_is_put_behind_the_last_whole_line() {
    becomes("", "{}", &[]);
    becomes("1.1.1.1 x\n", "1.1.1.1 x\n{}", &[]);
    becomes("1.1.1.1 x\r\n", "1.1.1.1 x\r\n{}", &[]);
    becomes("1.1.1.1 x\n\n# y", "1.1.1.1 x\n\n{}# y", &[]);
    becomes("1.1.1.1 x", "{}1.1.1.1 x", &[]);
}

#[test]
fn a_block_keeps_its_place() {
    becomes(
        "a\n# BEGIN hostsync\n10.0.0.9 gone\n# END hostsync\nb\n",
        "a\n{}b\n",
        &[],
    );
    becomes(
        "a\n# BEGIN hostsync\r\n10.0.0.5 db\r\n# END hostsync  \r\nb",
        "a\n{}b",
        &[],
    );
    becomes("# BEGIN hostsync\n# END hostsync", "{}", &[]);
    becomes(BLOCK, "{}", &[]);
}

#[test]
fn damaged_blocks() {
    becomes(
        "a\n# BEGIN hostsync\n10.0.0.5 db\n# mine\n10.0.0.5 db www\n# END hostsync\nb\n",
        "a\n{}# mine\n10.0.0.5 db www\nb\n"
            .replace("{}", "# BEGIN hostsync\nfd00::1 web\n# END hostsync\n")
            .as_str(),
        &[Note::ForeignInside(4, 2)],
    );
    becomes(
        "# BEGIN hostsync\n10.0.0.5 db\n10.9.9.9 old\n10.9.9.8 old\n10.0.0.6 db\n",
        "# BEGIN hostsync\nfd00::1 web\n# END hostsync\n10.9.9.8 old\n10.0.0.6 db\n",
        &[Note::MissingEnd(1)],
    );
    becomes(
        "# BEGIN hostsync\n# END hostsync\nb\n# BEGIN hostsync\n10.0.0.9 x\n# END hostsync\n",
        "{}b\n",
        &[Note::SecondBlock(4)],
    );
    becomes(
        "# BEGIN hostsync\n10.0.0.9 x\n# BEGIN hostsync\n10.0.0.9 y\n# END hostsync\n",
        "{}10.0.0.9 x\n",
        &[Note::MissingEnd(1), Note::SecondBlock(3)],
    );
    becomes("a\n# END hostsync\nb\n", "a\nb\n{}", &[Note::StrayEnd(2)]);
}

#[test]
fn notes_say_where_and_what_became_of_it() {
    for (note, words) in [
        (
            Note::MissingEnd(3),
            "line 3: our BEGIN line without an END line; kept",
        ),
        (
            Note::StrayEnd(4),
            "line 4: our END line without a BEGIN line; took it out",
        ),
        (
            Note::SecondBlock(5),
            "line 5: a second BEGIN line of ours; merged",
        ),
        (
            Note::ForeignInside(6, 2),
            "line 6: 2 line(s) in our block that are not ours; kept",
        ),
    ] {
        let text = note.to_string();
        assert!(text.starts_with(words), "{text}");
    }
}

#[test]
fn a_name_of_a_foreign_line_stays_foreign() {
    let text = b"10.1.1.1 other DB # web\n";
    let plan = plan(text, &wanted(), &Hosts::new());
    assert_eq!(plan.shadowed, ["db".parse().unwrap()]);
    assert!(
        plan.text
            .ends_with(b"# BEGIN hostsync\nfd00::1 web\n# END hostsync\n")
    );
}

#[test]
fn what_slots_left_is_ours() {
    let slots = "# BEGIN hostsync   \n10.0.0.5 db      \n#0.0.0.6 db      \n#           \n# END hostsync  \n";
    let text = [b"a\n", slots.as_bytes(), b"b"].concat();
    assert_eq!(without(&text, &Hosts::new()).text, b"a\nb");
    let plan = plan(&text, &wanted(), &Hosts::new());
    assert_eq!(plan.notes, vec![]);
    assert_eq!(plan.foreign, 3);
}

#[test]
fn our_lines_are_counted_whole_block_or_not() {
    for end in ["", "# END hostsync\n"] {
        let text = format!("10.9.9.9 a\n# BEGIN hostsync\n10.0.0.5 db\n10.0.0.6 db\n{end}");
        let last = hosts(&[("db", &["10.0.0.5", "10.0.0.6"])]);
        assert_eq!(without(text.as_bytes(), &last).ours, 2, "{end:?}");
    }
}

/// Other programs drop comments, join the names of an address, and spell all of it in their own way.
#[test]
fn what_we_wrote_is_ours_in_whatever_form_it_stands() {
    let last = hosts(&[
        ("db", &["10.0.0.1"]),
        ("db2", &["10.0.0.1"]),
        ("web", &["fd00::1"]),
    ]);
    for (text, others) in [
        ("10.0.0.1 db\n10.0.0.1 db2\nfd00::1 web\n", ""),
        ("10.0.0.1 db db2\nfd00::1 web\n", ""),
        ("10.0.0.1\tdb2  db # hostsync\r\nfd00:0::0001 web\r\n", ""),
        (" 10.0.0.1 DB Db2\nFD00::1 Web", ""),
        ("::ffff:10.0.0.1 db db2\nfd00::1 web\n", ""),
        (
            "# BEGIN hostsync\n10.0.0.1 db db2\nfd00::1 web\n# END hostsync\n",
            "",
        ),
        (
            "# BEGIN hostsync\n# END hostsync\n10.0.0.1 db db2\nfd00::1 web\n",
            "",
        ),
        (
            "10.0.0.1 db other db2 # x\nfd00::1 web more\n",
            "10.0.0.1 other # x\nfd00::1 more\n",
        ),
        (
            "10.0.0.1 other db db2\n10.0.0.9 x\n",
            "10.0.0.1 other\n10.0.0.9 x\n",
        ),
        (
            "\u{feff}# BEGIN hostsync\n10.0.0.1 db\n10.0.0.1 db2\n# END hostsync\n10.0.0.9 x\n",
            "\u{feff}10.0.0.9 x\n",
        ),
    ] {
        let gone = without(text.as_bytes(), &last);
        assert_eq!(String::from_utf8_lossy(&gone.text), others, "{text:?}");
        let planned = plan(text.as_bytes(), &wanted(), &last);
        assert_eq!(planned.shadowed, [], "{text:?}");
        for (name, addresses) in &wanted() {
            let said = addresses_of(&planned.text, name.as_str());
            let addresses: Vec<_> = addresses.iter().map(|address| address.ip()).collect();
            assert_eq!(said, addresses, "{text:?}");
        }
        let rest = without(&planned.text, &Hosts::new());
        assert_eq!(String::from_utf8_lossy(&rest.text), others, "{text:?}");
        // Of another address we wrote nothing.
        let other = hosts(&[("db", &["10.0.0.2"]), ("db2", &["10.0.0.1", "10.0.0.3"])]);
        let stays = without(text.replace("0.0.1", "0.0.4").as_bytes(), &other);
        assert_eq!(stays.ours, gone_of(text), "{text:?}");
    }
}

/// How many lines of a text are ours by our markers alone.
fn gone_of(text: &str) -> usize {
    without(text.as_bytes(), &Hosts::new()).ours
}

#[test]
fn what_somebody_writes_beside_our_block_is_theirs_whatever_it_says() {
    let text = [BLOCK, "10.0.0.5 db\n10.0.0.6 mine db\n"].concat();
    let planned = plan(text.as_bytes(), &wanted(), &wanted());
    assert_eq!(planned.shadowed, ["db".parse().unwrap()]);
    let rest = without(&planned.text, &Hosts::new());
    assert_eq!(rest.text, b"10.0.0.5 db\n10.0.0.6 mine db\n");
}

/// Lines that are foreign wherever they stand. The first maps a name of the entries below.
const FOREIGN: [&[u8]; 9] = [
    b"10.1.1.1 other N1",
    b"127.0.0.1 localhost",
    b"",
    b"  ",
    b"# a comment",
    b"# BEGIN hostsync (copied)",
    b"\xff\xfe \0",
    b"10.0.0.9 n2 and more # BEGIN hostsync",
    b" 10.0.0.1 indented",
];

/// A line without its ending, a marker with the weight given, and whether it is certainly foreign.
fn any_line(markers: u32) -> impl Strategy<Value = (Vec<u8>, bool)> {
    prop_oneof![
        4 => (0..FOREIGN.len()).prop_map(|i| (FOREIGN[i].to_vec(), true)),
        3 => (0u8..6, 0u8..4).prop_map(|(n, a)| (format!("10.0.0.{a} n{n}").into_bytes(), false)),
        markers => Just((owner().begin().into(), false)),
        markers => Just((owner().end().into(), false)),
    ]
}

/// A file of such lines, the last one perhaps without an ending, and its foreign lines.
fn any_file(markers: u32) -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>)> {
    let line = (any_line(markers), any::<bool>());
    (prop::collection::vec(line, 0..24), any::<bool>()).prop_map(|(lines, whole)| {
        let count = lines.len();
        let (mut text, mut foreign) = (Vec::new(), Vec::new());
        for (i, ((mut line, is_foreign), crlf)) in lines.into_iter().enumerate() {
            if whole || i + 1 < count {
                line.extend(if crlf { &b"\r\n"[..] } else { b"\n" });
            }
            text.extend(&line);
            if is_foreign && !line.is_empty() {
                foreign.push(line);
            }
        }
        (text, foreign)
    })
}

fn any_hosts() -> impl Strategy<Value = Hosts> {
    let addresses = prop::collection::btree_set(0u8..4, 1..3);
    prop::collection::btree_map(0u8..6, addresses, 0..6).prop_map(|entries| {
        let address = |a: &u8| format!("10.0.0.{a}").parse::<Address>().unwrap();
        entries
            .into_iter()
            .map(|(n, list)| {
                (
                    format!("n{n}").parse().unwrap(),
                    list.iter().map(address).collect::<Addresses>(),
                )
            })
            .collect()
    })
}

fn certainly_foreign(text: &[u8]) -> Vec<Vec<u8>> {
    line::lines(text)
        .filter(|line| {
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            FOREIGN.contains(&bare) || FOREIGN.contains(&bare.strip_suffix(b"\r").unwrap_or(bare))
        })
        .map(<[u8]>::to_vec)
        .collect()
}

proptest! {
    /// Another program takes the file apart and writes it in its own way, without our markers.
    #[test]
    fn what_others_make_of_our_lines_is_taken_back(
        (foreign, _) in any_file(0),
        last in any_hosts(),
        wanted in any_hosts(),
        per_line in 1usize..4,
        is_upper in any::<bool>(),
        is_before in any::<bool>(),
    ) {
        let foreign = certainly_foreign(&foreign);
        let mut foreign = foreign.concat();
        if !foreign.is_empty() && !foreign.ends_with(b"\n") {
            foreign.push(b'\n');
        }
        let mut by_address = std::collections::BTreeMap::<Address, Vec<String>>::new();
        for (name, addresses) in &last {
            for address in addresses {
                let name = name.as_str();
                let name = if is_upper { name.to_uppercase() } else { name.to_owned() };
                by_address.entry(*address).or_default().push(name);
            }
        }
        let mut joined = Vec::new();
        for (address, names) in by_address {
            for names in names.chunks(per_line) {
                joined.extend(format!("{address}\t{}\n", names.join(" ")).bytes());
            }
        }
        let parts = if is_before { [joined, foreign.clone()] } else { [foreign.clone(), joined] };
        let theirs = parts.concat();
        let planned = plan(&theirs, &wanted, &last);
        let rest = without(&planned.text, &Hosts::new());
        prop_assert_eq!(String::from_utf8_lossy(&rest.text), String::from_utf8_lossy(&foreign));
        let anew = plan(&foreign, &wanted, &Hosts::new());
        prop_assert_eq!(&planned.shadowed, &anew.shadowed);
        for name in wanted.keys() {
            let now = addresses_of(&planned.text, name.as_str());
            prop_assert_eq!(now, addresses_of(&anew.text, name.as_str()));
        }
        prop_assert_eq!(without(&theirs, &last).text, foreign);
    }

    #[test]
    fn foreign_lines_survive_in_order((text, foreign) in any_file(1), wanted in any_hosts(), last in any_hosts()) {
        let planned = plan(&text, &wanted, &last);
        prop_assert_eq!(certainly_foreign(&planned.text), foreign.clone());
        prop_assert_eq!(certainly_foreign(&without(&text, &last).text), foreign);
    }

    #[test]
    fn names_map_to_what_is_wanted((text, _) in any_file(1), wanted in any_hosts(), last in any_hosts()) {
        let planned = plan(&text, &wanted, &last);
        let rest = without(&planned.text, &Hosts::new()).text;
        for (name, addresses) in &wanted {
            let shadowed = !addresses_of(&rest, name.as_str()).is_empty();
            prop_assert_eq!(planned.shadowed.contains(name), shadowed);
            let all = addresses_of(&planned.text, name.as_str());
            let expected = if shadowed {
                addresses_of(&rest, name.as_str())
            } else {
                addresses.iter().map(|address| address.ip()).collect()
            };
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn a_second_pass_changes_nothing((text, _) in any_file(1), wanted in any_hosts(), last in any_hosts()) {
        let once = plan(&text, &wanted, &last);
        let twice = plan(&once.text, &wanted, &Hosts::new());
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert_eq!(twice.notes, vec![]);
        prop_assert_eq!(twice.foreign, once.foreign);
    }

    #[test]
    fn clean_restores_a_file_that_had_no_block((text, _) in any_file(0), wanted in any_hosts()) {
        let planned = plan(&text, &wanted, &Hosts::new());
        prop_assert_eq!(without(&planned.text, &Hosts::new()).text, text);
    }
}
