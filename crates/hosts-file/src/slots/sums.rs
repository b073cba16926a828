//! What a file should hold, as a checksum of each page: a few bytes to know whether somebody else has
//! changed any of it.

use super::operations::Operation;
use super::store::Store;
use super::{CHUNK, PAGE};
use crate::Error;
use crate::checksum::checksum;

/// The checksums of the pages of a file, the last of which may be short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums(Vec<u64>);

impl Sums {
    /// Takes the next bytes of a file in, which begin on a page. Whole pages, but for the last ones.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.chunks(PAGE as usize).map(checksum));
    }

    /// True when a file of `size` bytes holds what it should.
    pub(super) fn hold<S: Store>(&self, store: &mut S, size: u64) -> Result<bool, Error> {
        if self.0.len() as u64 != size.div_ceil(PAGE) {
            return Ok(false);
        }
        let mut chunk = vec![0; CHUNK];
        let mut rest = &self.0[..];
        for at in (0..size).step_by(CHUNK) {
            let expected = (size - at).min(CHUNK as u64) as usize;
            let read = store.read_at(at, &mut chunk[..expected])?;
            let pages = chunk[..read].chunks(PAGE as usize);
            let (sums, others) = rest.split_at(pages.len());
            if read < expected || !pages.map(checksum).eq(sums.iter().copied()) {
                return Ok(false);
            }
            rest = others;
        }
        Ok(true)
    }

    /// What a file of `size` bytes should hold after these operations. It is derived from what is known,
    /// and not read from the file afterwards, when somebody else may have changed it. False when a page
    /// that they change is not what it should be.
    pub(super) fn expect<S: Store>(
        &mut self,
        store: &mut S,
        size: u64,
        operations: &[Operation],
    ) -> Result<bool, Error> {
        let mut touched = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            if let Some((offset, bytes)) = operation.written(size) {
                let last = offset + (bytes.len() as u64).saturating_sub(1);
                touched.extend((offset / PAGE..=last / PAGE).map(|page| (page, index)));
            }
        }
        touched.sort_unstable();
        for touches in touched.chunk_by(|one, other| one.0 == other.0) {
            let number = touches[0].0;
            let Some(mut page) = self.page(store, number)? else {
                return Ok(false);
            };
            for &(_, index) in touches {
                if let Some((offset, bytes)) = operations[index].written(size) {
                    page.overlay(offset, bytes);
                }
            }
            let sum = checksum(&page.bytes[..page.length]);
            match self.0.get_mut(number as usize) {
                Some(known) => *known = sum,
                None => self.0.push(sum),
            }
        }
        Ok(true)
    }

    /// Reads a page, if there is one; none when it is not what it should be.
    fn page<S: Store>(&self, store: &mut S, number: u64) -> Result<Option<Page>, Error> {
        let mut page = Page {
            begin: number * PAGE,
            bytes: [0; PAGE as usize],
            length: 0,
        };
        let Some(known) = self.0.get(number as usize) else {
            return Ok(Some(page));
        };
        page.length = store.read_at(page.begin, &mut page.bytes)?;
        let is_known = checksum(&page.bytes[..page.length]) == *known;
        Ok(is_known.then_some(page))
    }
}

/// A page of a file, the last of which may be short.
struct Page {
    begin: u64,
    bytes: [u8; PAGE as usize],
    length: usize,
}

impl Page {
    /// Writes the part of `bytes` that falls into it.
    fn overlay(&mut self, offset: u64, bytes: &[u8]) {
        let skipped = self.begin.saturating_sub(offset) as usize;
        let at = offset.saturating_sub(self.begin) as usize;
        let bytes = &bytes[skipped.min(bytes.len())..];
        let room = &mut self.bytes[at..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.length = self.length.max(at + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::file::FileStore;

    #[test]
    fn a_file_that_ends_too_early_or_says_something_else_does_not_hold() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        let text = vec![b'#'; 3 * PAGE as usize + 10];
        let mut sums = Sums::default();
        sums.extend(&text);
        let holds = |text: &[u8], size: usize| {
            std::fs::write(&path, text).unwrap();
            let mut store = FileStore::open(&path).unwrap();
            sums.hold(&mut store, size as u64).unwrap()
        };
        assert!(holds(&text, text.len()));
        // Somebody has cut it since its size was asked for.
        for pages in 0..=3 {
            let cut = pages * PAGE as usize;
            assert!(!holds(&text[..cut], text.len()), "{pages} pages");
        }
        assert!(!holds(&text, PAGE as usize));
        for at in [0, PAGE as usize, text.len() - 1] {
            let mut other = text.clone();
            other[at] = b' ';
            assert!(!holds(&other, text.len()), "byte {at}");
        }
    }
}
