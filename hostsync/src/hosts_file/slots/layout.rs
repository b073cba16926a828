//! Reading the slots, and everything else that matters, from the bytes of a file.

use std::collections::BTreeSet;

use snapshot::{Address, Name};

use super::super::line::{self, Marker};
use super::{CELL, GROUP, MAX_CELLS};

/// What a file holds, as the slot protocol sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Our blocks, each from its `BEGIN`: they are as old as their first byte.
    pub(super) blocks: Vec<u64>,
    /// Our lines that say something.
    pub(super) live: Vec<Live>,
    /// Our dead slots.
    pub(super) dead: Vec<Dead>,
    /// Dead bytes of ours that are no slots, because somebody shifted them: offset and length.
    pub(super) waste: Vec<(u64, u64)>,
    /// The names, in lower case, that foreign lines map.
    pub(super) foreign_names: BTreeSet<String>,
    /// The length of the file.
    pub(super) size: u64,
    /// Whether the last line is complete.
    pub(super) is_terminated: bool,
}

/// One of our lines that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) offset: u64,
    /// Its length in cells; none for a line that is no slot.
    pub(super) cells: Option<usize>,
    /// Its length in bytes.
    pub(super) length: u64,
    pub(super) name: Name,
    pub(super) address: Address,
}

/// One of our dead slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dead {
    pub(super) offset: u64,
    pub(super) cells: usize,
}

/// Reads `text`. `is_known` tells of an entry outside our markers whether it is ours: others have
/// rewritten the file without comments.
pub(super) fn read(text: &[u8], is_known: &dyn Fn(&Name, &Address) -> bool) -> Layout {
    let mut layout = Layout {
        size: text.len() as u64,
        is_terminated: text.is_empty() || text.ends_with(b"\n"),
        ..Layout::default()
    };
    let lines = offsets(text);
    let mut at = 0;
    while let Some(&(offset, line)) = lines.get(at) {
        at += 1;
        match line::marker(line) {
            Some(Marker::Begin) => {
                layout.blocks.push(offset);
                at += layout.block(&lines[at..]);
            }
            Some(Marker::End) => layout.waste.push((offset, line.len() as u64)),
            None => layout.outside(offset, line, is_known),
        }
    }
    layout
}

fn offsets(text: &[u8]) -> Vec<(u64, &[u8])> {
    let mut next = 0;
    line::lines(text)
        .map(|line| {
            let offset = next;
            next += line.len() as u64;
            (offset, line)
        })
        .collect()
}

impl Layout {
    /// Takes the lines behind a `BEGIN` apart; says how many of them belong to its block. Without
    /// an `END`, since growing was interrupted, those that are dead slots do.
    fn block(&mut self, rest: &[(u64, &[u8])]) -> usize {
        let mut markers = rest.iter().map(|(_, line)| line::marker(line));
        match markers.position(|marker| marker.is_some()) {
            Some(end) if line::marker(rest[end].1) == Some(Marker::End) => {
                for &(offset, line) in &rest[..end] {
                    self.inside(offset, line);
                }
                end + 1
            }
            _ => {
                let is_slot = |(offset, line): &&(u64, &[u8])| {
                    line.starts_with(b"#") && cells(*offset, line).is_some() && line::is_dead(line)
                };
                let slots = rest.iter().take_while(is_slot).count();
                for &(offset, line) in &rest[..slots] {
                    self.inside(offset, line);
                }
                slots
            }
        }
    }

    fn inside(&mut self, offset: u64, line: &[u8]) {
        if line::entry(line).is_some() {
            self.live(offset, line);
        } else if line::is_dead(line) {
            match cells(offset, line) {
                Some(cells) => self.dead.push(Dead { offset, cells }),
                None => self.waste.push((offset, line.len() as u64)),
            }
        } else {
            self.foreign(line);
        }
    }

    fn outside(&mut self, offset: u64, line: &[u8], is_known: &dyn Fn(&Name, &Address) -> bool) {
        match line::entry(line) {
            Some((name, address)) if is_known(&name, &address) => self.live(offset, line),
            _ => self.foreign(line),
        }
    }

    fn live(&mut self, offset: u64, line: &[u8]) {
        if let Some((name, address)) = line::entry(line) {
            self.live.push(Live {
                offset,
                cells: cells(offset, line),
                length: line.len() as u64,
                name,
                address,
            });
        }
    }

    fn foreign(&mut self, line: &[u8]) {
        if let Some((_, names)) = line::mapping(line) {
            let names = names.filter_map(|name| str::from_utf8(name).ok());
            self.foreign_names.extend(names.map(str::to_ascii_lowercase));
        }
    }
}

/// The length in cells of a line that has the place and the form of a slot.
fn cells(offset: u64, line: &[u8]) -> Option<usize> {
    let (cells, rest) = (line.len() / CELL, line.len() % CELL);
    let is_aligned = offset.is_multiple_of(CELL as u64) && rest == 0 && line.ends_with(b"\n");
    let fits = (1..=MAX_CELLS).contains(&cells) && in_one_group(offset, cells);
    (is_aligned && fits).then_some(cells)
}

/// True when no group boundary lies within so many cells from `offset` on.
pub(super) fn in_one_group(offset: u64, cells: usize) -> bool {
    offset % GROUP + (cells * CELL) as u64 <= GROUP
}
