//! What a reader saw, line by line.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::load::{self, FOREIGN, Kind, Load, Verdict};

/// So many faults of each kind are told in full.
const EXAMPLES: usize = 3;

/// What all reads of one reader came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) reads: u64,
    /// Lines that nobody ever wanted.
    pub(crate) torn: u64,
    /// Whole lines with an address that should have been gone for long.
    pub(crate) stale: u64,
    /// Names that were wanted all the time and were not there.
    pub(crate) missing: u64,
    /// Reads that took so long that they promise nothing.
    pub(crate) discarded: u64,
    /// Rounds of which the reader saw the beacon.
    pub(crate) rounds: HashSet<u64>,
    pub(crate) examples: Vec<String>,
}

impl Tally {
    pub(crate) fn faults(&self) -> u64 {
        self.torn + self.stale + self.missing
    }

    /// What several readers of one kind saw.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.reads += other.reads;
        self.torn += other.torn;
        self.stale += other.stale;
        self.missing += other.missing;
        self.discarded += other.discarded;
        self.rounds.extend(other.rounds);
        self.examples.extend(other.examples);
        self
    }

    pub(crate) fn add(&mut self, read: Read<'_>) {
        self.reads += 1;
        self.torn += read.torn;
        self.stale += read.stale_lines;
        let missing = read.missing();
        self.missing += missing.len() as u64;
        self.rounds.extend(read.rounds);
        let examples = missing.iter().map(|name| format!("missing: {name}"));
        self.examples
            .extend(read.examples.into_iter().chain(examples));
        self.examples.truncate(EXAMPLES);
    }
}

/// One read of the whole file.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    load: &'a Load,
    stable: &'a [&'a str],
    /// What was stale when it began.
    stale: u64,
    found: HashSet<Found>,
    torn: u64,
    stale_lines: u64,
    rounds: Vec<u64>,
    examples: Vec<String>,
}

/// A stable name, by kind and number, which costs less than its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Found {
    Foreign,
    Beacon,
    Fixed(u64),
    Moving(u64),
}

impl<'a> Read<'a> {
    /// Before the first byte is read.
    pub(crate) fn begin(load: &'a Load, stable: &'a [&'a str]) -> Self {
        Self {
            load,
            stable,
            stale: load.stale(),
            found: HashSet::with_capacity(stable.len()),
            torn: 0,
            stale_lines: 0,
            rounds: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// A line as the reader got it, with its line ending.
    pub(crate) fn line(&mut self, line: &[u8]) {
        let fault = match self.judge(line) {
            Verdict::Right => return,
            Verdict::Stale => {
                self.stale_lines += 1;
                "stale"
            }
            Verdict::Never => {
                self.torn += 1;
                "torn"
            }
        };
        if self.examples.len() < EXAMPLES {
            let text = String::from_utf8_lossy(line);
            self.examples
                .push(format!("{fault}: {:?}", text.trim_end_matches(' ')));
        }
    }

    fn judge(&mut self, line: &[u8]) -> Verdict {
        if !line.ends_with(b"\n") {
            return Verdict::Never;
        }
        if line[0] == b'#' || line.trim_ascii().is_empty() {
            return Verdict::Right;
        }
        let Ok(text) = str::from_utf8(line) else {
            return Verdict::Never;
        };
        if FOREIGN.split_inclusive('\n').any(|line| line == text) {
            self.found.insert(Found::Foreign);
            return Verdict::Right;
        }
        let mut words = text.split_ascii_whitespace();
        let (Some(address), Some(name), None) = (words.next(), words.next(), words.next()) else {
            return Verdict::Never;
        };
        match (address.parse(), self.load.kind(name)) {
            (Ok(address), Some(kind)) if kind != Kind::Foreign => self.entry(kind, address),
            _ => Verdict::Never,
        }
    }

    fn entry(&mut self, kind: Kind, address: IpAddr) -> Verdict {
        let verdict = self.load.judge(kind, address, self.stale);
        if verdict == Verdict::Right {
            if kind == Kind::Beacon {
                self.rounds.push(load::round_of(address));
            }
            self.found.extend(found(kind));
        }
        verdict
    }

    fn missing(&self) -> Vec<&'a str> {
        let is_missing = |name: &&&str| {
            let kind = self.load.kind(name).and_then(found);
            kind.is_some_and(|kind| !self.found.contains(&kind))
        };
        self.stable.iter().filter(is_missing).copied().collect()
    }
}

fn found(kind: Kind) -> Option<Found> {
    match kind {
        Kind::Foreign => Some(Found::Foreign),
        Kind::Beacon => Some(Found::Beacon),
        Kind::Fixed(name) => Some(Found::Fixed(name)),
        Kind::Moving(name) => Some(Found::Moving(name)),
        Kind::Guest(_) | Kind::Folder => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(load: &Load, text: &str) -> (u64, u64) {
        let stable = load.stable();
        let mut read = Read::begin(load, &stable);
        text.split_inclusive('\n')
            .for_each(|line| read.line(line.as_bytes()));
        let mut tally = Tally::default();
        tally.add(read);
        (tally.torn, tally.missing)
    }

    #[test]
    fn every_cut_of_a_file_is_noticed() {
        let load = Load::new(20, 100);
        let wanted = load.wanted(load.round());
        let lines: Vec<_> = wanted
            .iter()
            .map(|(name, address)| format!("{address} {name}\n"))
            .collect();
        let text = format!("{FOREIGN}{}", lines.concat());
        assert_eq!(tally(&load, &text), (0, 0));
        // Guests stand last and may be missing.
        let guests = text.find("11.0.").expect("guests");
        for cut in 0..guests {
            let (torn, missing) = tally(&load, &text[..cut]);
            assert!(torn + missing > 0, "{cut}");
        }
        assert_eq!(tally(&load, &text.replace("f1.fixed", "f1.fixe")), (1, 1));
        assert_eq!(
            tally(&load, &text.replace("172.0.0.1 ", "172.0.0.2 ")),
            (1, 1)
        );
    }
}
