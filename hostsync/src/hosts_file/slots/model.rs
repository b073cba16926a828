//! A model of a file that is written in slots, and of those who read it meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::{Address, Hosts, Name};

use super::layout;
use super::operations::Operation;
use super::table::{Batch, Table};
use super::{GRACE, Time};
use crate::hosts_file::line;

/// A file, the readers in it, and what they must find.
pub(super) struct Model {
    pub(super) text: Vec<u8>,
    pub(super) table: Table,
    pub(super) now: Time,
    pub(super) readers: Vec<Reader>,
    /// For each name what it may be answered with, since when it has been promised, and until when
    /// an earlier promise held.
    pub(super) history: BTreeMap<Name, Vec<Promise>>,
    pub(super) foreign: Vec<u8>,
    /// What the file was made to say last, as the daemon keeps it on disk.
    pub(super) last: Hosts,
    pub(super) written: usize,
    pub(super) operations: usize,
    /// Looking after every operation takes too long for large files.
    pub(super) is_watched: bool,
}

/// What a name was wanted to be during a time.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub(super) addresses: BTreeSet<Address>,
    pub(super) from: Time,
    pub(super) until: Option<Time>,
    /// Since when the file says so; none while that is under way, or after a crash.
    pub(super) kept: Option<Time>,
}

/// Somebody who reads the file piece by piece, in less than the grace period.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) begun: Time,
    pub(super) piece: usize,
    pub(super) seen: Vec<u8>,
    /// The size that it asked for first and goes by, as c-ares does.
    pub(super) size: Option<usize>,
}

impl Model {
    pub(super) fn new(foreign: &str) -> Self {
        let text = foreign.as_bytes().to_vec();
        let now = GRACE;
        let table = Table::new(layout::read(&text, &|_, _| false), None, None, now);
        Self {
            foreign: text.clone(),
            last: Hosts::new(),
            text,
            table,
            now,
            readers: Vec::new(),
            history: BTreeMap::new(),
            written: 0,
            operations: 0,
            is_watched: true,
        }
    }

    pub(super) fn adopt(&mut self, grown: Option<u64>, remember: bool) {
        let before = self.table.clone();
        let known = |name: &Name, address: &Address| {
            let last = self.last.get(name);
            before.says(name, address) || last.is_some_and(|last| last.contains(address))
        };
        let layout = layout::read(&self.text, &known);
        self.table = Table::new(layout, remember.then_some(&before), grown, self.now);
    }

    /// Makes the file say what is wanted; stops before the operation number `crash`.
    pub(super) fn reconcile(&mut self, wanted: &Hosts, crash: Option<usize>) -> Option<Time> {
        // No two things happen at one time.
        self.now += Duration::from_micros(1);
        self.promise(wanted);
        let mut done = 0;
        loop {
            let Batch {
                operations, wake, ..
            } = self.table.step(wanted, self.now);
            if operations.is_empty() {
                self.fulfilled(wanted);
                return wake;
            }
            for operation in operations {
                if crash == Some(done) {
                    self.adopt(None, false);
                    return None;
                }
                done += 1;
                self.perform(operation);
                self.look();
            }
        }
    }

    pub(super) fn perform(&mut self, operation: Operation) {
        self.operations += 1;
        match operation {
            Operation::Body { offset, bytes } => {
                let offset = offset as usize;
                self.written += bytes.len();
                self.text[offset..offset + bytes.len()].copy_from_slice(&bytes);
            }
            Operation::Flip { offset, byte } => {
                self.written += 1;
                self.text[offset as usize] = byte;
            }
            Operation::Sync => {}
            Operation::Append { bytes } => {
                self.written += bytes.len();
                let grown = self.text.len() as u64;
                self.text.extend(bytes);
                self.adopt(Some(grown), true);
            }
        }
    }

    pub(super) fn promise(&mut self, wanted: &Hosts) {
        let now = self.now;
        for (name, promises) in &mut self.history {
            let addresses = wanted
                .get(name)
                .map(|addresses| addresses.iter().copied().collect());
            if let Some(last) = promises.last_mut()
                && last.until.is_none()
                && addresses.as_ref() != Some(&last.addresses)
            {
                last.until = Some(now);
            }
        }
        for (name, addresses) in wanted {
            let promises = self.history.entry(name.clone()).or_default();
            let addresses: BTreeSet<_> = addresses.iter().copied().collect();
            if promises.last().is_none_or(|last| last.until.is_some()) {
                promises.push(Promise {
                    addresses,
                    from: now,
                    until: None,
                    kept: None,
                });
            }
        }
    }

    /// At rest, the file says at least what is wanted, and nothing that was never wanted.
    pub(super) fn fulfilled(&mut self, wanted: &Hosts) {
        self.last.clone_from(wanted);
        for name in wanted.keys() {
            let promise = self
                .history
                .get_mut(name)
                .and_then(|promises| promises.last_mut());
            promise.unwrap().kept.get_or_insert(self.now);
        }
        assert!(
            self.text.starts_with(&self.foreign),
            "a foreign byte was changed"
        );
        if !self.is_watched {
            return;
        }
        let said = said(&self.text);
        for (name, addresses) in wanted {
            for address in addresses {
                assert!(
                    said.get(name).is_some_and(|said| said.contains(address)),
                    "{name} lacks {address}"
                );
            }
        }
        assert!(
            self.text.starts_with(&self.foreign),
            "a foreign byte was changed"
        );
    }

    /// Every reader goes on by a piece, in its own time; a new one begins.
    pub(super) fn look(&mut self) {
        if !self.is_watched {
            return;
        }
        check_lines(&self.text);
        // Those that take longer than the protocol allows for give up.
        let (now, slowest) = (self.now, GRACE - Duration::from_millis(1));
        self.readers.retain(|reader| now < reader.begun + slowest);
        let sizes = [16, 64, 1000, 1024, 4096, 1 << 30];
        let piece = sizes[self.operations % sizes.len()];
        let size = self.operations.is_multiple_of(3).then_some(self.text.len());
        self.readers.push(Reader {
            begun: self.now,
            piece,
            seen: Vec::new(),
            size,
        });
        let (text, operations) = (&self.text, self.operations);
        for (number, reader) in self.readers.iter_mut().enumerate() {
            // Some are fast, and some take many operations for each piece.
            if !(number + operations).is_multiple_of(1 + number % 7) {
                continue;
            }
            let end = reader.size.unwrap_or(text.len()).min(text.len());
            let next = (reader.seen.len() + reader.piece).min(end);
            if next > reader.seen.len() {
                let from = reader.seen.len();
                reader.seen.extend_from_slice(&text[from..next]);
            }
        }
        self.finish_readers();
    }

    pub(super) fn finish_readers(&mut self) {
        let readers = std::mem::take(&mut self.readers);
        let (complete, rest) = readers.into_iter().partition::<Vec<_>, _>(|reader| {
            reader.seen.len() >= reader.size.unwrap_or(self.text.len()).min(self.text.len())
        });
        for reader in complete {
            self.check(&reader);
        }
        self.readers = rest;
        if self.readers.len() > 40 {
            self.readers.drain(..20);
        }
    }

    pub(super) fn check(&self, reader: &Reader) {
        check_lines(&reader.seen);
        let said = said(&reader.seen);
        for (name, promises) in &self.history {
            // Wanted from before the reader began until now, be it with several addresses in turn.
            let (mut right, mut is_sure, mut next) = (BTreeSet::new(), false, None);
            for promise in promises.iter().rev() {
                if promise.until != next || is_sure {
                    break;
                }
                right.extend(&promise.addresses);
                next = Some(promise.from);
                is_sure = promise.kept.is_some_and(|kept| kept < reader.begun);
            }
            let found = said.get(name).cloned().unwrap_or_default();
            if is_sure {
                assert!(
                    found.intersection(&right).next().is_some(),
                    "a reader with pieces of {} found {found:?} for {name}, not one of {right:?}",
                    reader.piece
                );
            }
        }
        let is_foreign = |name: &Name| name.as_str().starts_with("other");
        for name in said.keys().filter(|name| !is_foreign(name)) {
            assert!(self.history.contains_key(name), "{name} was never wanted");
        }
    }
}

/// No line is anything but foreign, ours or a comment.
pub(super) fn check_lines(text: &[u8]) {
    for line in line::lines(text) {
        let is_foreign =
            line.starts_with(b"127.0.0.1 ") || line == b"\n" || line.starts_with(b"192.168.");
        let is_whole = !line.ends_with(b"\n") || line::entry(line).is_some();
        assert!(
            line.starts_with(b"#") || is_foreign || is_whole,
            "torn: {:?}",
            String::from_utf8_lossy(line)
        );
    }
}

/// What the complete lines of a text say, but for foreign ones.
pub(super) fn said(text: &[u8]) -> BTreeMap<Name, BTreeSet<Address>> {
    let mut said: BTreeMap<Name, BTreeSet<Address>> = BTreeMap::new();
    for (name, address) in line::lines(text)
        .filter(|line| line.ends_with(b"\n"))
        .filter_map(line::entry)
    {
        said.entry(name).or_default().insert(address);
    }
    said
}
