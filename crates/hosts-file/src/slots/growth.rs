//! New blocks of dead slots for the end of the file.

use super::layout::in_one_group;
use super::{CELL, CHUNK, PAGE};
use crate::Owner;

/// A file grows by an eighth more than is needed, so that it need not grow with each change.
const SPARE: usize = 8;

/// By what a file is to grow: blocks, none of which takes much memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth {
    /// The sizes of the slots in cells, the largest last.
    sizes: Vec<u8>,
}

impl Growth {
    /// By dead slots of these sizes.
    pub(super) fn by(mut sizes: Vec<u8>) -> Self {
        sizes.sort_unstable();
        Self { sizes }
    }

    /// The next block, for the end of a file as [`block`] wants it.
    pub(super) fn next_block(
        &mut self,
        owner: &Owner,
        size: u64,
        is_terminated: bool,
    ) -> Option<Vec<u8>> {
        let mut room = CHUNK;
        let fits = |&&cells: &&u8| {
            let length = usize::from(cells) * CELL;
            let fits = room >= length;
            room = room.saturating_sub(length);
            fits
        };
        let count = self.sizes.iter().rev().take_while(fits).count();
        // The large ones first: they are the ones that may not fit the rest of a group.
        let mut next = self.sizes.split_off(self.sizes.len() - count);
        next.reverse();
        (!next.is_empty()).then(|| block(owner, size, is_terminated, &next))
    }

    /// True when there is no other block.
    pub(super) fn is_complete(&self) -> bool {
        self.sizes.is_empty()
    }

    /// About how many bytes it will be.
    pub(super) fn bytes(&self) -> u64 {
        let cells: u64 = self.sizes.iter().map(|&cells| u64::from(cells)).sum();
        cells * CELL as u64 * (SPARE as u64 + 1) / SPARE as u64
    }
}

/// A block with dead slots of at least these sizes in cells, the largest first, to be appended to a file
/// of `size` bytes whose last line is complete or not. Its end falls on a page.
///
/// The marker at its beginning is as long as it takes for the slots to be aligned.
fn block(owner: &Owner, size: u64, is_terminated: bool, sizes: &[u8]) -> Vec<u8> {
    let newline = if is_terminated { "" } else { "\n" };
    let begin = size + newline.len() as u64;
    let mut marker = CELL - (begin % CELL as u64) as usize;
    if marker <= owner.begin().len() {
        marker += CELL;
    }
    let spare = sizes.len() / SPARE + 1;
    let mut bytes = format!("{newline}{:width$}\n", owner.begin(), width = marker - 1).into_bytes();
    for &cells in sizes.iter().chain(sizes.iter().take(spare)) {
        let cells = usize::from(cells);
        while !in_one_group(size + bytes.len() as u64, cells) {
            bytes.extend(dead_slot(1));
        }
        bytes.extend(dead_slot(cells));
    }
    // The rest of the page is for more of the same: slots of one cell would be of no use to names
    // that need several, and each of those would make the file grow by a page.
    let mut more = sizes.iter().copied().cycle();
    loop {
        let at = size + bytes.len() as u64;
        let room = ((at + CELL as u64).next_multiple_of(PAGE) - at) as usize / CELL - 1;
        if room == 0 {
            break;
        }
        let cells = usize::from(more.next().unwrap_or(1));
        let fits = cells <= room && in_one_group(at, cells);
        bytes.extend(dead_slot(if fits { cells } else { 1 }));
    }
    bytes.extend(format!("{:width$}\n", owner.end(), width = CELL - 1).bytes());
    bytes
}

/// A dead slot of so many cells.
pub(super) fn dead_slot(cells: usize) -> Vec<u8> {
    let mut slot = vec![b' '; cells * CELL];
    slot[0] = b'#';
    slot[cells * CELL - 1] = b'\n';
    slot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hosts;
    use crate::slots::known::{Known, Memory};
    use crate::slots::layout;

    #[test]
    fn a_block_has_an_eighth_more_and_is_filled_up_with_the_same() {
        let owner = Owner::new("hostsync").unwrap();
        for count in 1..300 {
            let mut growth = Growth::by(vec![2; count]);
            let text = growth.next_block(&owner, 0, true).unwrap();
            let (hosts, memory) = (Hosts::new(), Memory::default());
            let layout = layout::read(0, &text, &owner, &Known::of(&hosts, &memory));
            // An odd cell is left over behind the marker at the beginning, and before that at the end.
            let cells = 2 + 2 * (count + count / 8 + 1) + 1;
            let pages = (cells * CELL).div_ceil(PAGE as usize);
            assert_eq!(text.len(), pages * PAGE as usize, "{count}");
            let single = layout.dead.iter().filter(|(_, size)| *size == 1).count();
            assert_eq!(single, 2, "{count}");
        }
    }

    #[test]
    fn what_is_many_comes_in_blocks_of_few_bytes() {
        let owner = Owner::new("hostsync").unwrap();
        let sizes: Vec<u8> = (1..=7).cycle().take(10_000).collect();
        let mut growth = Growth::by(sizes.clone());
        let (mut text, mut expected) = (Vec::new(), growth.bytes());
        while let Some(block) = growth.next_block(&owner, text.len() as u64, true) {
            assert!(block.len() <= 2 * CHUNK, "{}", block.len());
            text.extend(&block);
            assert!(growth.bytes() < expected);
            expected = growth.bytes();
            assert_eq!(growth.is_complete(), expected == 0);
        }
        assert_eq!(expected, 0);
        let (hosts, memory) = (Hosts::new(), Memory::default());
        let layout = layout::read(0, &text, &owner, &Known::of(&hosts, &memory));
        for cells in 1..=7 {
            let of =
                |sizes: &mut dyn Iterator<Item = u8>| sizes.filter(|size| *size == cells).count();
            let wanted = of(&mut sizes.iter().copied());
            let made = of(&mut layout.dead.iter().map(|(_, size)| *size));
            assert!(made >= wanted, "{made} of {wanted} with {cells} cells");
        }
    }

    #[test]
    fn as_many_bytes_are_foreseen_as_what_is_asked_and_an_eighth_more() {
        let growth = Growth::by([vec![2; 300], vec![5; 40]].concat());
        assert_eq!(growth.bytes(), (300 * 2 + 40 * 5) * CELL as u64 * 9 / 8);
    }

    #[test]
    fn blocks_are_aligned_whatever_precedes_them() {
        let owner = Owner::new("hostsync").unwrap();
        for size in 0..300 {
            for is_terminated in [true, false] {
                let sizes = [vec![1; 10], vec![5, 2, 7, 7, 7]].concat();
                let mut growth = Growth::by(sizes.clone());
                let block = growth.next_block(&owner, size, is_terminated).unwrap();
                let mut text = vec![b'x'; size as usize];
                if is_terminated && let Some(last) = text.last_mut() {
                    *last = b'\n';
                }
                text.extend(&block);
                assert_eq!(text.len() as u64 % PAGE, 0, "{size}");
                let (hosts, memory) = (Hosts::new(), Memory::default());
                let layout = layout::read(0, &text, &owner, &Known::of(&hosts, &memory));
                for cells in [1u8, 2, 5, 7] {
                    let wanted = sizes.iter().filter(|&&size| size == cells).count();
                    let made = layout
                        .dead
                        .iter()
                        .filter(|(_, size)| *size == cells)
                        .count();
                    assert!(made >= wanted, "{size}: {made} of {cells} cells");
                }
                assert_eq!(
                    (layout.blocks.len(), layout.displaced.len()),
                    (1, 0),
                    "{size}"
                );
            }
        }
    }
}
