//! Lines of text, each bound to all before it: `CHECKSUM JSON`. The checksum is over the one of the line
//! before and the JSON, so that a line is of use only where the very lines stand before it that did when
//! it was written. Pure.

use std::io::{self, BufRead, Read, Write};

use contract::Digest;
use serde::Serialize;

/// The longest line that is written and read. A name with the most addresses stays below it.
pub(super) const MAX_LINE: usize = 2 << 20;
/// How long the text of a checksum is.
const DIGITS: usize = 16;

/// Where the next line is to stand, and what it is bound to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) length: u64,
    checksum: Option<Digest>,
}

/// Makes the line that follows in this position; the position behind it.
pub(super) fn line(at: Position, entry: &impl Serialize) -> io::Result<(Vec<u8>, Position)> {
    let mut text = Vec::with_capacity(256);
    // The checksum goes in the place of the one that it is over, which has as many digits.
    match at.checksum {
        Some(checksum) => write!(text, "{checksum}")?,
        None => text.extend([b'0'; DIGITS]),
    }
    text.push(b' ');
    serde_json::to_writer(&mut text, entry)?;
    let checksum = Digest::of(&text);
    write!(&mut text[..DIGITS], "{checksum}")?;
    text.push(b'\n');
    let next = Position {
        length: at.length + text.len() as u64,
        checksum: Some(checksum),
    };
    Ok((text, next))
}

/// Reads lines as long as they are whole and bound to each other.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: R,
    at: Position,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            at: Position::default(),
            text: Vec::new(),
        }
    }

    /// Behind the last line that was read.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The JSON of the next line; none where there is no other, or one that is torn or damaged, which ends
    /// what is of use.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.text.clear();
        let most = MAX_LINE as u64;
        let length = (&mut self.from)
            .take(most)
            .read_until(b'\n', &mut self.text)?;
        if self.text.pop() != Some(b'\n') || self.text.len() <= DIGITS {
            return Ok(None);
        }
        let mut said = [0; DIGITS];
        said.copy_from_slice(&self.text[..DIGITS]);
        match self.at.checksum {
            Some(checksum) => write!(&mut self.text[..DIGITS], "{checksum}")?,
            None => self.text[..DIGITS].fill(b'0'),
        }
        let checksum = Digest::of(&self.text);
        if checksum.to_string().as_bytes() != said {
            return Ok(None);
        }
        self.at = Position {
            length: self.at.length + length as u64,
            checksum: Some(checksum),
        };
        Ok(Some(&self.text[DIGITS..]))
    }
}
