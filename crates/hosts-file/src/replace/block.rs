//! Our block in a hosts file, as functions from bytes to bytes.
//!
//! The text is taken apart into foreign lines, which are never altered, and our own lines, which
//! are left out; then our block is put between the foreign lines. What is ours:
//!
//! * the markers, wherever they stand;
//! * between `BEGIN` and `END`, each line of the form that we write;
//! * behind a `BEGIN` without `END`, the lines that follow it directly and say what we want or last
//!   wrote. Any other line there may be somebody's, and stays.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;

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
/// behind a `BEGIN` without `END`.
pub(crate) fn plan(text: &[u8], wanted: &Hosts, last: &Hosts, owner: &Owner) -> Plan {
    let scan = Scan::of(text, owner, &|name, address| {
        holds(wanted, name, address) || holds(last, name, address)
    });
    let shadowed = scan.shadowed(wanted);
    let (before, after) = scan.around_block();
    let mut new = Vec::with_capacity(text.len() + 64);
    new.extend(before.iter().copied().flatten());
    render(wanted, &shadowed, owner, &mut new);
    new.extend(after.iter().copied().flatten());
    scan.into_plan(new, shadowed.into_iter().cloned().collect())
}

/// Takes all that is ours out of `text`.
pub(crate) fn without(text: &[u8], last: &Hosts, owner: &Owner) -> Plan {
    let scan = Scan::of(text, owner, &|name, address| holds(last, name, address));
    let rest = scan.foreign.concat();
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

/// A text taken apart.
#[derive(Default)]
struct Scan<'a> {
    /// Every line that is not ours, in order.
    foreign: Vec<&'a [u8]>,
    /// How many of them precede our first block; none without a block.
    before: Option<usize>,
    notes: Vec<Note>,
    ours: usize,
}

impl<'a> Scan<'a> {
    fn of(text: &'a [u8], owner: &Owner, known: &dyn Fn(&Name, &Address) -> bool) -> Self {
        let lines: Vec<&[u8]> = line::lines(text).collect();
        let mut scan = Self::default();
        let mut at = 0;
        while let Some(&text) = lines.get(at) {
            at += 1;
            match owner.marker(text) {
                None => scan.foreign.push(text),
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
            } else if line::is_dead(line) {
                // Left by the other method.
            } else {
                first = first.or(Some(number));
                count += 1;
                self.foreign.push(line);
            }
        }
        self.notes
            .extend(first.map(|first| Note::ForeignInside(first, count)));
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

    /// The foreign lines before and after the place of our block: where the first block was, else
    /// at the end, but before a last line that has no line ending.
    fn around_block(&self) -> (&[&'a [u8]], &[&'a [u8]]) {
        let unterminated = self
            .foreign
            .last()
            .is_some_and(|line| !line.ends_with(b"\n"));
        let end = self.foreign.len() - usize::from(unterminated);
        self.foreign.split_at(self.before.unwrap_or(end))
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
