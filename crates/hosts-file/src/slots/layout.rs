//! Reading the slots, and everything else that matters, from the bytes of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::known::Known;
use super::live::Live;
use super::slot::{Era, Form, Offset, Slot};
use super::{CELL, GROUP, MAX_CELLS};
use crate::owner::Marker;
use crate::{Address, Name, Owner, line};

/// What a file holds, as the slot protocol sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where our blocks begin.
    pub(super) blocks: Vec<u64>,
    /// Our lines that say something. Since when they do is not known.
    pub(super) live: Live,
    /// Our dead slots, and their cells.
    pub(super) dead: Vec<(Offset, u8)>,
    /// Dead lines of ours that are no slots, because somebody shifted them: offset, length, and
    /// whether they are blank.
    pub(super) displaced: Vec<(u64, u64, bool)>,
    /// Lines that others have made of ours, by where they begin.
    pub(super) joined: BTreeMap<u64, Joined>,
    /// The names, in lower case, that foreign lines map.
    pub(super) foreign_names: BTreeSet<String>,
    /// The length of the file.
    pub(super) size: u64,
    /// Whether the last line is complete.
    pub(super) is_terminated: bool,
}

/// A line of others in which names of ours stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joined {
    /// How many live names it has, those of others among them.
    pub(super) live: usize,
    /// Its cells, where it has the place and the form of a slot.
    pub(super) cells: Option<u8>,
}

/// Finds our blocks, from the lines of a file.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    owner: &'a Owner,
    open: Option<u64>,
    /// Where each begins and ends: the places of its markers.
    found: Vec<(u64, u64)>,
}

/// Makes a layout from the lines of a file, of which the blocks are known.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    owner: &'a Owner,
    known: &'a Known<'a>,
    blocks: std::vec::IntoIter<(u64, u64)>,
    /// The next block, or the one that we are in.
    block: Option<(u64, u64)>,
    layout: Layout,
}

/// Reads the text that begins at some place of a file.
pub(super) fn read(base: u64, text: &[u8], owner: &Owner, known: &Known<'_>) -> Layout {
    let each = |work: &mut dyn FnMut(u64, &[u8])| {
        let mut offset = base;
        for line in line::lines(text) {
            work(offset, line);
            offset += line.len() as u64;
        }
    };
    let mut blocks = Blocks::new(owner);
    each(&mut |offset, line| blocks.line(offset, line));
    let mut reader = blocks.into_reader(known, base + text.len() as u64);
    each(&mut |offset, line| reader.line(offset, line));
    reader.into_layout()
}

impl<'a> Blocks<'a> {
    /// None yet.
    pub(super) fn new(owner: &'a Owner) -> Self {
        Self {
            owner,
            open: None,
            found: Vec::new(),
        }
    }

    /// The next line. A `BEGIN` without an `END`, since growing or somebody else was interrupted, begins
    /// nothing; an `END` without its block is a comment like any other.
    pub(super) fn line(&mut self, offset: u64, line: &[u8]) {
        match self.owner.marker(line) {
            Some(Marker::Begin) => self.open = Some(offset),
            Some(Marker::End) => {
                let begun = self.open.take();
                self.found.extend(begun.map(|begin| (begin, offset)));
            }
            None => {}
        }
    }

    /// To take the same lines apart, of a file of `size` bytes.
    pub(super) fn into_reader(self, known: &'a Known<'a>, size: u64) -> Reader<'a> {
        let layout = Layout {
            blocks: self.found.iter().map(|(begin, _)| *begin).collect(),
            size,
            is_terminated: true,
            ..Layout::default()
        };
        let mut blocks = self.found.into_iter();
        Reader {
            owner: self.owner,
            known,
            block: blocks.next(),
            blocks,
            layout,
        }
    }
}

impl Reader<'_> {
    /// The next line.
    pub(super) fn line(&mut self, offset: u64, line: &[u8]) {
        self.layout.is_terminated = line.ends_with(b"\n");
        if self.owner.marker(line).is_some() {
            if self.block.is_some_and(|(_, end)| end == offset) {
                self.block = self.blocks.next();
            }
            return;
        }
        match self.block {
            Some((begin, _)) if begin < offset => self.inside(offset, line),
            _ => self.outside(offset, line),
        }
    }

    /// After the last line.
    pub(super) fn into_layout(self) -> Layout {
        self.layout
    }

    fn inside(&mut self, offset: u64, line: &[u8]) {
        let cells = cells(offset, line);
        if let Some(text) = stained(line)
            && let Some(entry) = self.entry(text)
        {
            return self.live(offset, line, Form::Inside, entry);
        }
        match (self.entry(line), cells) {
            (Some(entry), Some(_)) => self.live(offset, line, Form::Slot, entry),
            (Some(entry), None) => self.live(offset, line, Form::Inside, entry),
            (None, Some(cells)) if line.starts_with(b"#") => {
                self.layout.dead.push((place(offset), cells));
            }
            (None, None) if line::is_dead(line) => {
                let is_blank = line[1..].trim_ascii().is_empty();
                let displaced = (offset, line.len() as u64, is_blank);
                self.layout.displaced.push(displaced);
            }
            _ => self.foreign(offset, line, cells),
        }
    }

    fn outside(&mut self, offset: u64, line: &[u8]) {
        match self.entry(line) {
            Some((name, address)) if self.known.is_ours(&name, &address) => {
                self.live(offset, line, Form::Outside, (name, address));
            }
            _ => self.foreign(offset, line, None),
        }
    }

    fn entry(&self, line: &[u8]) -> Option<(Name, Address)> {
        let (address, name) = line::tokens(line)?;
        let address = address.parse().ok()?;
        Some((self.known.name(name)?, address))
    }

    fn live(&mut self, offset: u64, line: &[u8], form: Form, (name, address): (Name, Address)) {
        let slot = Slot {
            offset: place(offset),
            length: line.len() as u32,
            era: Era::default(),
            address,
            form,
        };
        self.layout.live.push(name, slot);
    }

    /// A line that is not of our form; names in it may be ours all the same.
    fn foreign(&mut self, offset: u64, line: &[u8], cells: Option<u8>) {
        let Some((address, places)) = line::placed_mapping(line) else {
            return;
        };
        let mut joined = Joined { live: 0, cells };
        let mut is_any_ours = false;
        for at in places {
            joined.live += 1;
            let Ok(name) = str::from_utf8(&line[at.clone()]) else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            match self.ours(&name, address) {
                Some(entry) => {
                    is_any_ours = true;
                    let place = offset + at.start as u64;
                    self.live(place, &line[at], Form::Word, entry);
                }
                None => {
                    self.layout.foreign_names.insert(name);
                }
            }
        }
        if is_any_ours {
            self.layout.joined.insert(offset, joined);
        }
    }

    /// A name and an address that we made the file say.
    fn ours(&self, name: &str, address: IpAddr) -> Option<(Name, Address)> {
        let (name, address) = (self.known.name(name)?, address.try_into().ok()?);
        let is_ours = self.known.is_ours(&name, &address);
        is_ours.then_some((name, address))
    }
}

/// A place in a file that is not too large to be read.
pub(super) fn place(offset: u64) -> Offset {
    Offset::try_from(offset).expect("a file is at most MAX_BYTES long")
}

/// What a line holds before its padding, in which a slot died that had been at that place before
/// somebody shifted all of them.
fn stained(line: &[u8]) -> Option<&[u8]> {
    let (text, comment) = line.split_at(line.iter().position(|&byte| byte == b'#')?);
    let is_empty = comment
        .iter()
        .all(|byte| matches!(byte, b'#' | b' ' | b'\n'));
    (is_empty && !text.is_empty()).then_some(text)
}

/// The length in cells of a line that has the place and the form of a slot.
fn cells(offset: u64, line: &[u8]) -> Option<u8> {
    let (cells, rest) = (line.len() / CELL, line.len() % CELL);
    let is_aligned = offset.is_multiple_of(CELL as u64) && rest == 0 && line.ends_with(b"\n");
    let fits = (1..=MAX_CELLS).contains(&cells) && in_one_group(offset, cells);
    (is_aligned && fits).then_some(cells as u8)
}

/// True when no group boundary lies within so many cells from `offset` on.
pub(super) fn in_one_group(offset: u64, cells: usize) -> bool {
    offset % GROUP + (cells * CELL) as u64 <= GROUP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hosts;
    use crate::slots::known::Memory;

    fn read(inside: &str) -> Layout {
        let text = format!("# BEGIN hostsync\n{inside}\n# END hostsync\n");
        let owner = Owner::new("hostsync").unwrap();
        let (hosts, memory) = (Hosts::new(), Memory::default());
        super::read(0, text.as_bytes(), &owner, &Known::of(&hosts, &memory))
    }

    #[test]
    fn a_line_with_nothing_but_an_empty_comment_is_ours_and_no_slot() {
        let layout = read("10.0.0.5 db      #          ");
        let db = layout.live.get(&"db".parse().unwrap());
        assert_eq!(db.len(), 1);
        assert_eq!(db[0].form, Form::Inside);
        assert!(layout.foreign_names.is_empty());
        for foreign in ["10.0.0.5 db # mine", "10.0.0.5 db www #"] {
            assert!(read(foreign).live.lines() == 0, "{foreign}");
        }
    }
    #[test]
    fn an_empty_file_lacks_no_line_end() {
        let owner = Owner::new("hostsync").unwrap();
        let (hosts, memory) = (Hosts::new(), Memory::default());
        let is_terminated = |text: &str| {
            super::read(0, text.as_bytes(), &owner, &Known::of(&hosts, &memory)).is_terminated
        };
        assert!(is_terminated("") && is_terminated("a\n") && !is_terminated("a"));
    }

    /// A block whose slots begin at a multiple of the cell, as we lay them.
    fn read_cells(inside: &str) -> Layout {
        read(&format!(
            "{:width$}\n{inside}",
            "#",
            width = 2 * CELL - "# BEGIN hostsync\n".len() - 1
        ))
    }

    /// Whatever somebody writes between our markers, if it is no comment of our form it stays.
    #[test]
    fn what_is_not_ours_between_our_markers_is_no_room_of_ours() {
        let foreign = [
            "10.0.0.5 db www",
            "10.0.0.5 db # mine",
            "# a comment of three words",
            "nonsense",
        ];
        for line in foreign {
            for text in [line.to_owned(), format!("{line:width$}", width = CELL - 1)] {
                for layout in [read(&text), read_cells(&text)] {
                    let is_slot_of_ours = line.starts_with('#') && !layout.dead.is_empty();
                    assert!(layout.dead.is_empty() || is_slot_of_ours, "{text:?}");
                    let of_the_line = |(_, length, is_blank): &(u64, u64, bool)| {
                        *length == text.len() as u64 + 1 && !is_blank
                    };
                    assert!(!layout.displaced.iter().any(of_the_line), "{text:?}");
                    assert_eq!(layout.live.lines(), 0, "{text:?}");
                }
            }
        }
        let names = read_cells("10.0.0.5 db www").foreign_names;
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["db", "www"]);
    }

    #[test]
    fn a_slot_is_whole_cells_at_their_place_within_one_group() {
        let line = |bytes: usize| format!("{:width$}\n", "#", width = bytes - 1).into_bytes();
        let (cell, group) = (CELL as u64, GROUP);
        for count in 1..=MAX_CELLS {
            assert_eq!(cells(cell, &line(count * CELL)), Some(count as u8));
            let last = group - (count * CELL) as u64;
            assert_eq!(cells(last, &line(count * CELL)), Some(count as u8));
        }
        assert_eq!(cells(0, &line((MAX_CELLS + 1) * CELL)), None);
        assert_eq!(cells(group - cell, &line(2 * CELL)), None);
        assert_eq!(cells(1, &line(CELL)), None);
        assert_eq!(cells(0, &line(CELL - 1)), None);
        assert_eq!(cells(0, &line(CELL)[..CELL - 1]), None);
        assert_eq!(cells(0, &[b' '; CELL]), None, "no line end");
    }
}
