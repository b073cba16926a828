//! What is wanted at any time: names that stay as they are, names that move on to a new address all
//! the time, and names that come and go. Everything follows from the number of a round, so that a
//! reader can tell which addresses a name may have without asking anybody.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lines of others, which are there before and stay.
pub(crate) const FOREIGN: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost\n\n\
    # below: the machine itself\n\
    10.250.0.1   mine mine.example # a comment\n";
/// A name of a foreign line, and its address.
pub(crate) const FOREIGN_NAME: (&str, IpAddr) = ("mine", IpAddr::V4(Ipv4Addr::new(10, 250, 0, 1)));
/// This name changes in each round, which makes rounds countable in the file.
pub(crate) const BEACON: &str = "beacon";
/// The time from round to round.
pub(crate) const PERIOD: Duration = Duration::from_millis(10);
/// So long after it was superseded no reader may find an address any more: the grace period of the
/// slots, and time for a busy machine.
const STALE: Duration = Duration::from_secs(10);
/// Rounds fit in three bytes of an address: 46 hours.
const ROUNDS: u64 = 1 << 24;

/// What is wanted, by round.
#[derive(Debug)]
pub(crate) struct Load {
    names: HashMap<String, Kind>,
    /// How many names of each kind there are.
    fixed: u64,
    moving: u64,
    guests: u64,
    /// How many names move, and how many come and how many go, in one round.
    moves: u64,
    changes: u64,
    round: AtomicU64,
    /// The newest round that was superseded so long ago that nobody may see it.
    stale: AtomicU64,
    begun: Mutex<Vec<Instant>>,
}

/// What happens to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Foreign,
    /// Always the same address.
    Fixed(u64),
    /// Always there, with an address that says in which round it became so.
    Moving(u64),
    /// Moves in every round.
    Beacon,
    /// Comes and goes.
    Guest(u64),
    /// What the folder of others is called in a tree, of which nothing is promised.
    Folder,
}

impl Load {
    /// So many names, with so many changes a second.
    pub(crate) fn new(names: u64, updates: u64) -> Self {
        let rounds = (1.0 / PERIOD.as_secs_f64()).round() as u64;
        let per_round = updates.div_ceil(rounds).max(4);
        let (fixed, moving) = (names / 4, names / 2);
        let guests = names - fixed - moving;
        let changes = (per_round / 10).clamp(1, guests / 4);
        let moves = (per_round - 1 - 2 * changes).min(moving);
        let mut load = Self {
            names: HashMap::new(),
            fixed,
            moving,
            guests,
            moves,
            changes,
            round: AtomicU64::new(1),
            stale: AtomicU64::new(0),
            begun: Mutex::new(vec![Instant::now()]),
        };
        for (name, kind) in [(FOREIGN_NAME.0, Kind::Foreign), (BEACON, Kind::Beacon)] {
            load.names.insert(name.to_owned(), kind);
        }
        load.names
            .extend((0..fixed).map(|i| (fixed_name(i), Kind::Fixed(i))));
        load.names
            .extend((0..moving).map(|i| (moving_name(i), Kind::Moving(i))));
        load.names
            .extend((0..guests).map(|i| (guest_name(i), Kind::Guest(i))));
        let folders: Vec<_> = load
            .names
            .keys()
            .flat_map(|name| {
                name.match_indices('.')
                    .map(|(at, _)| name[at + 1..].to_owned())
            })
            .collect();
        load.names
            .extend(folders.into_iter().map(|name| (name, Kind::Folder)));
        load
    }

    /// How many names change in one round.
    pub(crate) fn updates_per_round(&self) -> u64 {
        1 + self.moves + 2 * self.changes
    }

    /// How many names there are at any time, about.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether a line of the file says that this round is in it.
    pub(crate) fn is_beacon(&self, line: &str, round: u64) -> bool {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        address == Some(moving_address(0, round)) && words.next() == Some(BEACON)
    }

    /// The names that are wanted all the time.
    pub(crate) fn stable(&self) -> Vec<&str> {
        let stable = self.names.iter();
        let stable = stable.filter(|(_, kind)| !matches!(kind, Kind::Guest(_) | Kind::Folder));
        stable.map(|(name, _)| name.as_str()).collect()
    }

    /// What happens to a name, if it is one of ours or a foreign one.
    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        self.names.get(name).copied()
    }

    /// Begins the next round, and says which it is.
    pub(crate) fn advance(&self) -> u64 {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        begun.push(now);
        let stale = begun.partition_point(|&begun| begun + STALE < now);
        self.stale.store(stale as u64, Ordering::SeqCst);
        let round = begun.len() as u64;
        assert!(round < ROUNDS, "an address holds no more rounds");
        // Before anything of it can be in the file.
        self.round.store(round, Ordering::SeqCst);
        round
    }

    /// The round that is under way.
    pub(crate) fn round(&self) -> u64 {
        self.round.load(Ordering::SeqCst)
    }

    /// How many rounds there were after the first.
    pub(crate) fn rounds_since_start(&self) -> u64 {
        self.round() - 1
    }

    /// The newest round of which nothing may be seen any more that was superseded by then.
    pub(crate) fn stale(&self) -> u64 {
        self.stale.load(Ordering::SeqCst)
    }

    /// Everything that is wanted in a round.
    pub(crate) fn wanted(&self, round: u64) -> Vec<(String, IpAddr)> {
        let fixed = (0..self.fixed).map(|i| (fixed_name(i), fixed_address(i)));
        let moving = (0..self.moving).map(|i| {
            let address = moving_address(i, self.moved(i, round));
            (moving_name(i), address)
        });
        let beacon = (BEACON.to_owned(), moving_address(0, round));
        // A window over the guests that goes round; half of them are there.
        let first = round * self.changes;
        let guests = (first..first + self.guests / 2)
            .map(|i| i % self.guests)
            .map(|i| (guest_name(i), guest_address(i)));
        fixed.chain(moving).chain([beacon]).chain(guests).collect()
    }

    /// What differs in a round from the one before: names with their new address, or none for those that go.
    /// The beacon comes last.
    pub(crate) fn changes(&self, round: u64) -> Vec<(String, Option<IpAddr>)> {
        let moves = (0..self.moves).map(|i| {
            let name = (round * self.moves + i) % self.moving;
            (moving_name(name), Some(moving_address(name, round)))
        });
        let guest = |i: u64| i % self.guests;
        let begin = (round - 1) * self.changes;
        let gone = (begin..begin + self.changes).map(|i| (guest_name(guest(i)), None));
        let end = begin + self.guests / 2;
        let new = (end..end + self.changes).map(guest);
        let new = new.map(|i| (guest_name(i), Some(guest_address(i))));
        let beacon = (BEACON.to_owned(), Some(moving_address(0, round)));
        moves.chain(gone).chain(new).chain([beacon]).collect()
    }

    /// The last round up to this one in which a name moved; 0 for none.
    fn moved(&self, name: u64, round: u64) -> u64 {
        let turn = self.turn();
        (round.saturating_sub(turn) + 1..=round)
            .rev()
            .find(|&round| self.moves_in(name, round))
            .unwrap_or(0)
    }

    /// In round r the names from r × moves on move.
    fn moves_in(&self, name: u64, round: u64) -> bool {
        (name + self.moving - round * self.moves % self.moving) % self.moving < self.moves
    }

    /// After how many rounds every name has moved.
    fn turn(&self) -> u64 {
        self.moving.div_ceil(self.moves) + 1
    }

    /// What an address is to a name, for a reader that began when `stale` was stale.
    pub(crate) fn judge(&self, kind: Kind, address: IpAddr, stale: u64) -> Verdict {
        let constant = |right: IpAddr| {
            if right == address {
                Verdict::Right
            } else {
                Verdict::Never
            }
        };
        let (name, turn) = match kind {
            Kind::Folder => return Verdict::Right,
            Kind::Foreign => return constant(FOREIGN_NAME.1),
            Kind::Fixed(name) => return constant(fixed_address(name)),
            Kind::Guest(name) => return constant(guest_address(name)),
            Kind::Beacon => (0, 1),
            Kind::Moving(name) => (name, self.turn()),
        };
        let round = round_of(address);
        let was = round <= self.round()
            && moving_address(name, round) == address
            && (kind == Kind::Beacon || round == 0 || self.moves_in(name, round));
        match (was, round + turn >= stale) {
            (false, _) => Verdict::Never,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::Stale,
        }
    }
}

/// What an address is to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Wanted now, or a short while ago.
    Right,
    /// Wanted so long ago that it should be gone.
    Stale,
    /// Never wanted.
    Never,
}

/// Every tenth name is so long that its slot has several cells.
fn moving_name(i: u64) -> String {
    match i % 10 {
        9 => format!("m{i}.{}.{}", "a".repeat(60), "b".repeat(50)),
        _ => format!("m{i}"),
    }
}

fn fixed_name(i: u64) -> String {
    format!("f{i}.fixed")
}

fn guest_name(i: u64) -> String {
    format!("g{i}.guest")
}

fn fixed_address(i: u64) -> IpAddr {
    numbered(172, i)
}

fn guest_address(i: u64) -> IpAddr {
    numbered(11, i)
}

/// Every fifth name has an IPv6 address.
fn moving_address(name: u64, round: u64) -> IpAddr {
    match name % 5 {
        4 => Ipv6Addr::from((0xfd00_u128 << 112) | u128::from(round)).into(),
        _ => numbered(10, round),
    }
}

fn numbered(first: u32, number: u64) -> IpAddr {
    let number = u32::try_from(number % ROUNDS).unwrap_or_default();
    Ipv4Addr::from((first << 24) | number).into()
}

/// The round that an address of a moving name says.
pub(crate) fn round_of(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address)) % ROUNDS,
        IpAddr::V6(address) => (u128::from(address) % u128::from(ROUNDS)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn what_is_wanted_may_be_seen_and_as_many_names_change_as_asked_for() {
        for (names, updates) in [(20, 100), (100, 1000), (1000, 5000)] {
            let load = Load::new(names, updates);
            let mut before = BTreeSet::new();
            for _ in 0..200 {
                let round = load.advance();
                let wanted: BTreeSet<_> = load.wanted(round).into_iter().collect();
                for (name, address) in &wanted {
                    let kind = load.kind(name).expect("a name of the load");
                    assert_eq!(
                        load.judge(kind, *address, 0),
                        Verdict::Right,
                        "{name} {address}"
                    );
                }
                let names = |set: &BTreeSet<(String, IpAddr)>| -> BTreeSet<String> {
                    set.iter().map(|(name, _)| name.clone()).collect()
                };
                if !before.is_empty() {
                    let mut follow: BTreeMap<_, _> = before.iter().cloned().collect();
                    for (name, address) in load.changes(round) {
                        match address {
                            Some(address) => follow.insert(name, address),
                            None => follow.remove(&name),
                        };
                    }
                    assert_eq!(follow, wanted.iter().cloned().collect());
                    let gone = names(&before).difference(&names(&wanted)).count();
                    let news = wanted.difference(&before).count();
                    assert_eq!((gone + news) as u64, load.updates_per_round());
                }
                let there = names(&wanted);
                let is_there = |name: &&str| *name == FOREIGN_NAME.0 || there.contains(*name);
                assert!(load.stable().iter().all(is_there));
                before = wanted;
            }
        }
    }

    #[test]
    fn what_never_was_and_what_is_long_gone_may_not_be_seen() {
        let load = Load::new(100, 1000);
        for _ in 0..100 {
            load.advance();
        }
        for (kind, address, stale, verdict) in [
            (Kind::Beacon, "10.0.0.101", 0, Verdict::Right),
            // The future.
            (Kind::Beacon, "10.0.0.102", 0, Verdict::Never),
            (Kind::Beacon, "10.0.0.10", 50, Verdict::Stale),
            (Kind::Fixed(3), "172.0.0.3", 50, Verdict::Right),
            (Kind::Fixed(3), "172.0.0.4", 0, Verdict::Never),
            (Kind::Moving(4), "10.0.0.1", 0, Verdict::Never),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(load.judge(kind, address, stale), verdict, "{address}");
        }
    }
}
