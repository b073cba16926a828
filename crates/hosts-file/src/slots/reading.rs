//! Reading a whole file, piece by piece: it can be many times as long as what is known of it.

use super::CHUNK;
use super::known::Known;
use super::layout::{Blocks, Layout};
use super::store::{Stamp, Store};
use super::sums::Sums;
use crate::{Error, MAX_BYTES, Owner, line};

/// How often a file is read that changes while it is read.
const ATTEMPTS: usize = 10;

/// What was in a file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) layout: Layout,
    pub(super) sums: Sums,
    /// What it looked like meanwhile.
    pub(super) stamp: Stamp,
}

/// Reads a file, again while others change it: once to find our blocks, since what a line is depends
/// on whether its block ends, and once to take the lines apart.
pub(super) fn read<S: Store>(
    store: &mut S,
    owner: &Owner,
    known: &Known<'_>,
) -> Result<Found, Error> {
    for _ in 0..ATTEMPTS {
        let stamp = store.stamp()?;
        if stamp.size > MAX_BYTES {
            return Err(store.too_large(stamp.size));
        }
        let mut blocks = Blocks::new(owner);
        let first = lines(store, stamp.size, |offset, line| blocks.line(offset, line))?;
        let mut reader = blocks.into_reader(known, stamp.size);
        let second = lines(store, stamp.size, |offset, line| reader.line(offset, line))?;
        if let Some(sums) = second
            && first.as_ref() == Some(&sums)
            && store.stamp()? == stamp
        {
            let layout = reader.into_layout();
            return Ok(Found {
                layout,
                sums,
                stamp,
            });
        }
    }
    Err(store.contended())
}

/// The lines of a file of `size` bytes, each with its place. None when it is shorter.
fn lines<S: Store>(
    store: &mut S,
    size: u64,
    mut work: impl FnMut(u64, &[u8]),
) -> Result<Option<Sums>, Error> {
    let mut sums = Sums::default();
    // From the beginning of a line on.
    let mut text = Vec::with_capacity(CHUNK);
    let mut offset = 0;
    for at in (0..size).step_by(CHUNK) {
        let begun = text.len();
        let expected = (size - at).min(CHUNK as u64) as usize;
        text.resize(begun + expected, 0);
        if store.read_at(at, &mut text[begun..])? < expected {
            return Ok(None);
        }
        sums.extend(&text[begun..]);
        let last = text[begun..].iter().rposition(|&byte| byte == b'\n');
        let complete = last.map_or(0, |last| begun + last + 1);
        for line in line::lines(&text[..complete]) {
            work(offset, line);
            offset += line.len() as u64;
        }
        text.drain(..complete);
    }
    if !text.is_empty() {
        work(offset, &text);
    }
    Ok(Some(sums))
}
