//! New blocks of dead slots for the end of the file.

use super::layout::in_one_group;
use super::{CELL, PAGE};
use crate::Owner;

/// A file grows by an eighth more than is needed, so that it need not grow with each change.
const SPARE: usize = 8;

/// A block with dead slots of at least these sizes in cells, to be appended to a file of `size`
/// bytes whose last line is complete or not. Its end falls on a page.
///
/// The marker at its beginning is as long as it takes for the slots to be aligned.
pub(super) fn block(owner: &Owner, size: u64, is_terminated: bool, mut sizes: Vec<u8>) -> Vec<u8> {
    let newline = if is_terminated { "" } else { "\n" };
    let begin = size + newline.len() as u64;
    let mut marker = CELL - (begin % CELL as u64) as usize;
    if marker <= owner.begin().len() {
        marker += CELL;
    }
    // The large ones first: they are the ones that may not fit the rest of a group.
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let spare = sizes.len() / SPARE + 1;
    let mut bytes = format!("{newline}{:width$}\n", owner.begin(), width = marker - 1).into_bytes();
    // Nearly all of it; it may be many megabytes.
    let all = sizes.iter().chain(sizes.iter().take(spare));
    let cells: usize = all.map(|&cells| usize::from(cells)).sum();
    bytes.reserve_exact(cells * CELL + 2 * PAGE as usize);
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
            let text = block(&owner, 0, true, vec![2; count]);
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
    fn blocks_are_aligned_whatever_precedes_them() {
        let owner = Owner::new("hostsync").unwrap();
        for size in 0..300 {
            for is_terminated in [true, false] {
                let sizes = [vec![1; 10], vec![5, 2, 7, 7, 7]].concat();
                let block = block(&owner, size, is_terminated, sizes.clone());
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
