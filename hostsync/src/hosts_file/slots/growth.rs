//! New blocks of dead slots for the end of the file.

use super::{CELL, PAGE};
use crate::hosts_file::line::{BEGIN, END};

/// A file grows by an eighth more than is needed, so that it need not grow with each change.
const SPARE: usize = 8;

/// A block with at least so many dead cells, to be appended to a file of `size` bytes whose last
/// line is complete or not. Its end falls on a page.
///
/// The marker at its beginning is as long as it takes for the cells to be aligned.
pub(super) fn block(size: u64, is_terminated: bool, cells: usize) -> Vec<u8> {
    let newline = if is_terminated { "" } else { "\n" };
    let begin = size + newline.len() as u64;
    let mut marker = CELL - (begin % CELL as u64) as usize;
    if marker <= BEGIN.len() {
        marker += CELL;
    }
    let wanted = (cells + cells / SPARE + 1) * CELL;
    let end = begin + (marker + wanted) as u64;
    let cells = (wanted + (end.next_multiple_of(PAGE) - end) as usize) / CELL - 1;
    let mut bytes = format!("{newline}{BEGIN:width$}\n", width = marker - 1).into_bytes();
    bytes.extend(dead_cells(cells));
    bytes.extend(format!("{END:width$}\n", width = CELL - 1).bytes());
    bytes
}

/// So many dead cells.
pub(super) fn dead_cells(cells: usize) -> Vec<u8> {
    let mut cell = [b' '; CELL];
    (cell[0], cell[CELL - 1]) = (b'#', b'\n');
    cell.repeat(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts_file::slots::layout;

    #[test]
    fn blocks_are_aligned_whatever_precedes_them() {
        for size in 0..300 {
            for is_terminated in [true, false] {
                let block = block(size, is_terminated, 10);
                let mut text = vec![b'x'; size as usize];
                if is_terminated && let Some(last) = text.last_mut() {
                    *last = b'\n';
                }
                text.extend(&block);
                assert_eq!(text.len() as u64 % PAGE, 0, "{size}");
                let layout = layout::read(&text, &|_, _| false);
                assert!(layout.dead.len() >= 11, "{size}: {}", layout.dead.len());
                assert!(layout.dead.iter().all(|dead| dead.cells == 1), "{size}");
                assert_eq!((layout.blocks.len(), layout.waste.len()), (1, 0), "{size}");
            }
        }
    }
}
