//! Reading the slots, and everything else that matters, from the bytes of a file.

use std::collections::BTreeSet;

use super::{CELL, GROUP, MAX_CELLS};
use crate::owner::Marker;
use crate::{Address, Name, Owner, line};

/// What a file holds, as the slot protocol sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where our blocks begin.
    pub(super) blocks: Vec<u64>,
    /// Our lines that say something.
    pub(super) live: Vec<Live>,
    /// Our dead slots.
    pub(super) dead: Vec<Dead>,
    /// Dead lines of ours that are no slots, because somebody shifted them: offset, length, and
    /// whether they are blank.
    pub(super) displaced: Vec<(u64, u64, bool)>,
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
    /// Whether it stands between our markers.
    pub(super) is_inside: bool,
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
pub(super) fn read(
    text: &[u8],
    owner: &Owner,
    is_known: &dyn Fn(&Name, &Address) -> bool,
) -> Layout {
    let mut layout = Layout {
        size: text.len() as u64,
        is_terminated: text.is_empty() || text.ends_with(b"\n"),
        ..Layout::default()
    };
    let lines = offsets(text);
    let mut at = 0;
    while let Some(&(offset, line)) = lines.get(at) {
        at += 1;
        match owner.marker(line) {
            Some(Marker::Begin) => at += layout.block(offset, &lines[at..], owner),
            // Without its block it is a comment like any other.
            Some(Marker::End) => {}
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
    /// an `END`, since growing or somebody else was interrupted, none does.
    fn block(&mut self, begin: u64, rest: &[(u64, &[u8])], owner: &Owner) -> usize {
        let end = rest
            .iter()
            .position(|(_, line)| owner.marker(line).is_some());
        match end {
            Some(end) if owner.marker(rest[end].1) == Some(Marker::End) => {
                self.blocks.push(begin);
                for &(offset, line) in &rest[..end] {
                    self.inside(offset, line);
                }
                end + 1
            }
            _ => 0,
        }
    }

    fn inside(&mut self, offset: u64, line: &[u8]) {
        let cells = cells(offset, line);
        let is_comment = line.starts_with(b"#");
        if let Some(entry) = stained(line) {
            return self.live(offset, line, None, true, entry);
        }
        match (line::entry(line), cells) {
            (Some(entry), _) => self.live(offset, line, cells, true, entry),
            (None, Some(cells)) if is_comment => self.dead.push(Dead { offset, cells }),
            (None, None) if line::is_dead(line) => {
                let is_blank = line[1..].trim_ascii().is_empty();
                self.displaced.push((offset, line.len() as u64, is_blank));
            }
            _ => self.foreign(line),
        }
    }

    fn outside(&mut self, offset: u64, line: &[u8], is_known: &dyn Fn(&Name, &Address) -> bool) {
        match line::entry(line) {
            Some((name, address)) if is_known(&name, &address) => {
                self.live(offset, line, None, false, (name, address));
            }
            _ => self.foreign(line),
        }
    }

    fn live(
        &mut self,
        offset: u64,
        line: &[u8],
        cells: Option<usize>,
        is_inside: bool,
        (name, address): (Name, Address),
    ) {
        let length = line.len() as u64;
        self.live.push(Live {
            offset,
            cells,
            length,
            is_inside,
            name,
            address,
        });
    }

    fn foreign(&mut self, line: &[u8]) {
        if let Some((_, names)) = line::mapping(line) {
            let names = names.filter_map(|name| str::from_utf8(name).ok());
            self.foreign_names
                .extend(names.map(str::to_ascii_lowercase));
        }
    }
}

/// What a line of ours says in whose padding a slot died that had been at that place before somebody
/// shifted all of them.
fn stained(line: &[u8]) -> Option<(Name, Address)> {
    let (text, comment) = line.split_at(line.iter().position(|&byte| byte == b'#')?);
    let is_empty = comment
        .iter()
        .all(|byte| matches!(byte, b'#' | b' ' | b'\n'));
    line::entry(text).filter(|_| is_empty)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inside: &str) -> Layout {
        let text = format!("# BEGIN hostsync\n{inside}\n# END hostsync\n");
        let owner = Owner::new("hostsync").unwrap();
        super::read(text.as_bytes(), &owner, &|_, _| false)
    }

    #[test]
    fn a_line_with_nothing_but_an_empty_comment_is_ours_and_no_slot() {
        let layout = read("10.0.0.5 db      #          ");
        let [live] = &layout.live[..] else {
            panic!("{layout:?}")
        };
        assert_eq!((live.name.as_str(), live.cells), ("db", None));
        assert!(layout.foreign_names.is_empty());
        for foreign in ["10.0.0.5 db # mine", "10.0.0.5 db www #"] {
            assert!(read(foreign).live.is_empty(), "{foreign}");
        }
    }
}
