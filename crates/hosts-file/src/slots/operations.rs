//! Single writes, and the order in which a batch does them.

use std::slice;

use super::PAGE;

/// One write. Between any two of them, and in any mixture of the bytes before and after one, every
/// line of the file is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Writes within dead slots.
    Body { offset: u64, bytes: Vec<u8> },
    /// Writes the first byte of a line, which makes it live or dead, or of a name in it, which makes
    /// that one that nobody can ask for.
    Flip { offset: u64, byte: u8 },
    /// Makes what was written so far survive a power cut.
    Sync,
    /// Appends dead slots. Always the last of a batch: where they are is known only afterwards.
    Append {
        bytes: Vec<u8>,
        /// About how many bytes are to be appended after these.
        rest: u64,
    },
}

impl Operation {
    /// Where it writes to a file of `size` bytes, and what.
    pub(super) fn written(&self, size: u64) -> Option<(u64, &[u8])> {
        match self {
            Self::Body { offset, bytes } => Some((*offset, bytes)),
            Self::Flip { offset, byte } => Some((*offset, slice::from_ref(byte))),
            Self::Append { bytes, .. } => Some((size, bytes)),
            Self::Sync => None,
        }
    }

    /// Whether the bytes around the place where this writes are those that it is for, from one before it on.
    /// All lines that somebody else has shifted begin elsewhere.
    pub(super) fn is_for(&self, before: Option<u8>, now: u8) -> bool {
        let begins_line = matches!(before, None | Some(b'\n'));
        match self {
            // Behind the first byte of a dead slot, or over lines that are dead.
            Self::Body { .. } => begins_line || before == Some(b'#'),
            Self::Flip { byte: b'#', .. } => begins_line && now != b'#',
            Self::Flip { byte: b'-', .. } => before.is_some_and(|byte| byte.is_ascii_whitespace()),
            Self::Flip { .. } => begins_line && now == b'#',
            Self::Sync | Self::Append { .. } => true,
        }
    }
}

/// The writes of a batch, sorted by what must precede what: bodies, then what comes alive, then
/// what dies.
#[derive(Debug, Default)]
pub(super) struct Writes {
    bodies: Vec<Operation>,
    births: Vec<Operation>,
    deaths: Vec<Operation>,
    is_synced: bool,
}

impl Writes {
    /// Writes the bytes of a dead slot behind its first one. Slots in a row become one write, in
    /// which the first bytes of the later ones stay `#`, of a page at most: so much is damaged where somebody
    /// else writes the file in that very moment.
    pub(super) fn body(&mut self, slot: u64, rest: &[u8]) {
        if let Some(Operation::Body { offset, bytes }) = self.bodies.last_mut()
            && *offset + bytes.len() as u64 == slot
            && bytes.len() + rest.len() < PAGE as usize
        {
            bytes.push(b'#');
            bytes.extend_from_slice(rest);
            return;
        }
        let (offset, bytes) = (slot + 1, rest.to_vec());
        self.bodies.push(Operation::Body { offset, bytes });
    }

    /// Writes dead bytes as they are.
    pub(super) fn dead(&mut self, offset: u64, bytes: Vec<u8>) {
        self.bodies.push(Operation::Body { offset, bytes });
    }

    /// Makes a slot live.
    pub(super) fn activate(&mut self, offset: u64, byte: u8) {
        self.births.push(Operation::Flip { offset, byte });
    }

    /// Makes a line dead.
    pub(super) fn deactivate(&mut self, offset: u64) {
        self.deaths.push(Operation::Flip { offset, byte: b'#' });
    }

    /// Makes a name in a line of others dead.
    pub(super) fn deactivate_word(&mut self, offset: u64) {
        self.deaths.push(Operation::Flip { offset, byte: b'-' });
    }

    /// Nothing dies before all that came alive survives a power cut.
    pub(super) fn sync(&mut self) {
        self.is_synced = true;
    }

    /// All of them, in their order.
    pub(super) fn into_operations(self) -> Vec<Operation> {
        let sync = self.is_synced.then_some(Operation::Sync);
        self.bodies
            .into_iter()
            .chain(self.births)
            .chain(sync)
            .chain(self.deaths)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_in_a_row_are_one_write_and_nothing_dies_before_the_sync() {
        let mut writes = Writes::default();
        writes.deactivate(0);
        writes.body(64, b"ab");
        writes.activate(64, b'1');
        writes.body(67, b"cd");
        writes.body(128, b"ef");
        writes.sync();
        let body = |offset, bytes: &[u8]| Operation::Body {
            offset,
            bytes: bytes.to_vec(),
        };
        let flip = |offset, byte| Operation::Flip { offset, byte };
        assert_eq!(
            writes.into_operations(),
            [
                body(65, b"ab#cd"),
                body(129, b"ef"),
                flip(64, b'1'),
                Operation::Sync,
                flip(0, b'#'),
            ]
        );
    }
}
