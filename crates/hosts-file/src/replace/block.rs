//! Our block in a hosts file, as functions from bytes to bytes.
//!
//! The text is taken apart into foreign lines, which are never altered, and our own lines, which
//! are left out; then our block is put between the foreign lines. What is ours:
//!
//! * the markers, wherever they stand;
//! * between `BEGIN` and `END`, each line of the form that we write;
//! * behind a `BEGIN` without `END`, the lines that follow it directly and say what we want or last
//!   wrote. Any other line there may be somebody's, and stays;
//! * in any other line, a name and its address that we last wrote and that no block of ours says: another
//!   program has taken our lines apart and put them together in its own way. Where the line maps other
//!   names too, those stay.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;
use std::ops::Range;

use crate::owner::Marker;
use crate::{Address, Hosts, Name, Owner, line};

/// What a hosts file should be, and what was found on the way there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The whole text as it should be.
    pub(crate) text: Vec<u8>,
    /// Names that foreign lines map and that are therefore left to them, in order.
    pub(crate) shadowed: Vec<Name>,
    /// Damage that was found and is repaired in the text.
    pub(crate) notes: Vec<Note>,
    /// How many bytes are not ours.
    pub(crate) foreign: usize,
    /// How many lines of the old text were ours, markers not counted.
    pub(crate) ours: usize,
}

/// Something odd about our block, with the line where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A begin marker that no end marker follows.
    MissingEnd(usize),
    /// An end marker that no begin marker precedes.
    StrayEnd(usize),
    /// A second block.
    SecondBlock(usize),
    /// Lines in our block that are not of our form: the first, and how many.
    ForeignInside(usize, usize),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingEnd(line) => write!(
                f,
                "line {line}: our BEGIN line without an END line; kept what follows and is not \
                 known to be ours: take out by hand what you do not want"
            ),
            Self::StrayEnd(line) => write!(
                f,
                "line {line}: our END line without a BEGIN line; took it out"
            ),
            Self::SecondBlock(line) => write!(
                f,
                "line {line}: a second BEGIN line of ours; merged its block into the first one"
            ),
            Self::ForeignInside(line, count) => write!(
                f,
                "line {line}: {count} line(s) in our block that are not ours; kept them behind the \
                 block: write your own lines outside of it"
            ),
        }
    }
}

/// Makes `text` agree with `wanted`. `last` is what we wrote before, which decides about lines
/// outside of a whole block.
pub(crate) fn plan(text: &[u8], wanted: &Hosts, last: &Hosts, owner: &Owner) -> Plan {
    let mut scan = Scan::of(text, owner, &|name, address| {
        holds(wanted, name, address) || holds(last, name, address)
    });
    scan.claim(last);
    let shadowed = scan.shadowed(wanted);
    let (before, after) = scan.foreign.split_at(scan.place());
    let mut new = Vec::with_capacity(text.len() + 64);
    new.extend(scan.bom);
    before.iter().for_each(|line| new.extend_from_slice(line));
    render(wanted, &shadowed, owner, &mut new);
    after.iter().for_each(|line| new.extend_from_slice(line));
    scan.into_plan(new, shadowed.into_iter().cloned().collect())
}

/// Takes all that is ours out of `text`.
pub(crate) fn without(text: &[u8], last: &Hosts, owner: &Owner) -> Plan {
    let mut scan = Scan::of(text, owner, &|name, address| holds(last, name, address));
    scan.claim(last);
    let rest = [scan.bom, &scan.foreign.concat()].concat();
    scan.into_plan(rest, Vec::new())
}

/// True when `text` holds one undamaged block.
pub(crate) fn is_whole(text: &[u8], owner: &Owner) -> bool {
    let scan = Scan::of(text, owner, &|_, _| false);
    scan.before.is_some() && scan.notes.is_empty()
}

fn holds(hosts: &Hosts, name: &Name, address: &Address) -> bool {
    hosts.get(name).is_some_and(|list| list.contains(address))
}

fn render(wanted: &Hosts, shadowed: &BTreeSet<&Name>, owner: &Owner, to: &mut Vec<u8>) {
    let mut write = |line: fmt::Arguments<'_>| {
        to.write_fmt(line).expect("a vector takes every byte");
    };
    write(format_args!("{}\n", owner.begin()));
    for (name, addresses) in wanted.iter().filter(|(name, _)| !shadowed.contains(name)) {
        for address in addresses {
            write(format_args!("{address} {name}\n"));
        }
    }
    write(format_args!("{}\n", owner.end()));
}

/// Takes the names at these places out of a line, each with the blanks before it; false when no other
/// name is left in it.
fn take_out(line: &mut Vec<u8>, places: Vec<Range<usize>>) -> bool {
    for place in places.into_iter().rev() {
        let before = line[..place.start].trim_ascii_end().len();
        line.drain(before..place.end);
    }
    line::mapping(line).is_some_and(|(_, mut names)| names.next().is_some())
}

/// A text taken apart.
#[derive(Default)]
struct Scan<'a> {
    /// A byte order mark before our first marker.
    bom: &'a [u8],
    /// Every line that is not ours, in order.
    foreign: Vec<Cow<'a, [u8]>>,
    /// Our lines in whole blocks.
    inside: Vec<&'a [u8]>,
    /// How many of them precede our first block; none without a block.
    before: Option<usize>,
    notes: Vec<Note>,
    ours: usize,
}

impl<'a> Scan<'a> {
    fn of(text: &'a [u8], owner: &Owner, known: &dyn Fn(&Name, &Address) -> bool) -> Self {
        let lines: Vec<&[u8]> = line::lines(text).collect();
        let mut scan = Self::default();
        let first = lines.first().filter(|line| owner.marker(line).is_some());
        if first.is_some_and(|line| line.starts_with(line::BOM)) {
            scan.bom = line::BOM;
        }
        let mut at = 0;
        while let Some(&text) = lines.get(at) {
            at += 1;
            match owner.marker(text) {
                None => scan.foreign.push(text.into()),
                Some(Marker::End) => scan.notes.push(Note::StrayEnd(at)),
                Some(Marker::Begin) => at += scan.block(at, &lines[at..], owner, known),
            }
        }
        scan
    }

    /// Takes the block apart whose `BEGIN` is line number `begin` and was the line before `rest`;
    /// says how many lines of `rest` it was.
    fn block(
        &mut self,
        begin: usize,
        rest: &[&'a [u8]],
        owner: &Owner,
        known: &dyn Fn(&Name, &Address) -> bool,
    ) -> usize {
        match self.before {
            None => self.before = Some(self.foreign.len()),
            Some(_) => self.notes.push(Note::SecondBlock(begin)),
        }
        let markers = || rest.iter().map(|line| owner.marker(line));
        match markers().position(|marker| marker.is_some()) {
            Some(end) if markers().nth(end) == Some(Some(Marker::End)) => {
                self.terminated(begin, &rest[..end]);
                end + 1
            }
            _ => {
                self.notes.push(Note::MissingEnd(begin));
                let is_known = |line: &&&[u8]| {
                    line::entry(line).is_some_and(|(name, address)| known(&name, &address))
                };
                let ours = rest.iter().take_while(is_known).count();
                self.ours += ours;
                ours
            }
        }
    }

    fn terminated(&mut self, begin: usize, inside: &[&'a [u8]]) {
        let (mut first, mut count) = (None, 0);
        for (number, &line) in (begin + 1..).zip(inside) {
            if line::is_entry(line) {
                self.ours += 1;
                self.inside.push(line);
            } else if line::is_dead(line) {
                // Left by the other method.
            } else {
                first = first.or(Some(number));
                count += 1;
                self.foreign.push(line.into());
            }
        }
        self.notes
            .extend(first.map(|first| Note::ForeignInside(first, count)));
    }

    /// Takes what we last wrote, and no block of ours says, out of the lines that are not ours.
    fn claim(&mut self, last: &Hosts) {
        let suspects = |line: &[u8]| -> Vec<(Range<usize>, Name, Address)> {
            let mapping = line::placed_mapping(line);
            let each = mapping.into_iter().flat_map(|(address, places)| {
                places.filter_map(move |place| {
                    let (name, address) = line::known(last, &line[place.clone()], address)?;
                    Some((place, name, address))
                })
            });
            each.collect()
        };
        if self.foreign.iter().all(|line| suspects(line).is_empty()) {
            return;
        }
        // Somebody has written beside it what it says too.
        let inside = self.inside.iter().filter_map(|line| line::entry(line));
        let inside: BTreeSet<(Name, Address)> = inside.collect();
        let mut number = 0;
        let before = self.before;
        self.foreign.retain_mut(|line| {
            let is_before = before.is_some_and(|before| number < before);
            number += 1;
            let ours = suspects(line).into_iter();
            let ours =
                ours.filter(|(_, name, address)| !inside.contains(&(name.clone(), *address)));
            let ours: Vec<Range<usize>> = ours.map(|(place, ..)| place).collect();
            self.ours += ours.len();
            let stays = ours.is_empty() || take_out(line.to_mut(), ours);
            if is_before && !stays {
                self.before = self.before.map(|before| before - 1);
            }
            stays
        });
    }

    /// The names of `wanted` that a foreign line maps.
    fn shadowed<'w>(&self, wanted: &'w Hosts) -> BTreeSet<&'w Name> {
        let mut shadowed = BTreeSet::new();
        for (_, names) in self.foreign.iter().filter_map(|line| line::mapping(line)) {
            for token in names.filter_map(|token| str::from_utf8(token).ok()) {
                let found = wanted.get_key_value(token.to_ascii_lowercase().as_str());
                shadowed.extend(found.map(|(name, _)| name));
            }
        }
        shadowed
    }

    /// How many foreign lines come before our block: as many as came before the first one, else all,
    /// but for a last line that has no line ending.
    fn place(&self) -> usize {
        let unterminated = self
            .foreign
            .last()
            .is_some_and(|line| !line.ends_with(b"\n"));
        let end = self.foreign.len() - usize::from(unterminated);
        self.before.unwrap_or(end)
    }

    fn into_plan(self, text: Vec<u8>, shadowed: Vec<Name>) -> Plan {
        Plan {
            text,
            shadowed,
            notes: self.notes,
            foreign: self.foreign.iter().map(|line| line.len()).sum(),
            ours: self.ours,
        }
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
