//! Doubt: a sudden large drop of names is held, since it is more often a fault than a wish.
//!
//! Pure: losses and the time in, a decision out. What the tree lost within [`WINDOW`] counts as
//! lost at once, because a recursive delete and the end of many sessions both take a while.
//!
//! Where the root is missing, or a walk finds nothing, the loss of all names is held however few they
//! are: a mistyped root looks the same as a tree that was given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use contract::{Addresses, Hosts, Name};

pub use contract::Held;

/// What is lost within this time counts as lost at once.
pub const WINDOW: Duration = Duration::from_secs(5);
/// The fewest names that make a large drop.
pub const FEWEST: usize = 10;

/// One moment by both clocks: one that only goes on, to decide by, and one to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// The time since some start.
    pub monotonic: Instant,
    /// The time of day.
    pub wall: SystemTime,
}

/// What was lost lately, and what is held of it.
#[derive(Debug, Default)]
pub struct Hold {
    /// How long a drop is held; zero never holds one.
    patience: Duration,
    /// What each name that the tree lost within [`WINDOW`] stood for, and when it was lost.
    lost: BTreeMap<Name, (Instant, Addresses)>,
    /// The same names in the order of their loss; those that came back are still among them.
    order: VecDeque<(Instant, Name)>,
    until: Option<Timestamp>,
    /// The end of a predecessor's hold, to go on with.
    inherited: Option<Timestamp>,
}

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// A later moment.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self {
            monotonic: self.monotonic + time,
            wall: self.wall + time,
        }
    }
}

impl Hold {
    /// Holds each large drop for `patience`; zero never holds one.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            ..Self::default()
        }
    }

    /// True while a drop is held.
    pub fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// When the hold ends.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The tree lost a name.
    pub fn lose(&mut self, name: Name, addresses: Addresses, now: Instant) {
        if !self.patience.is_zero() {
            self.forget_before(now);
            self.order.push_back((now, name.clone()));
            self.lost.insert(name, (now, addresses));
        }
    }

    /// The tree has a name again.
    pub fn regain(&mut self, name: &Name) {
        self.lost.remove(name);
    }

    /// Goes on with a predecessor's hold, should one begin now: it ends when the predecessor's would have.
    pub fn inherit(&mut self, until: SystemTime, now: Timestamp) {
        // Clocks differ: never longer than a hold of our own.
        let rest = until.duration_since(now.wall).unwrap_or_default();
        self.inherited = Some(now.after(rest.min(self.patience)));
    }

    /// Decides what becomes of the losses when `remaining` names are left: what is to be put back
    /// because it is held from now on. Where the tree itself `is_missing`, the loss of all names is
    /// in doubt however few they are.
    pub fn decide(&mut self, remaining: usize, is_missing: bool, now: Timestamp) -> Hosts {
        self.forget_before(now.monotonic);
        let inherited = self.inherited.take();
        let lost = self.lost.len();
        if self.until.is_none() {
            let is_large = lost >= FEWEST && lost > remaining;
            let is_all = is_missing && lost > 0 && remaining == 0;
            if !is_large && !is_all {
                return Hosts::new();
            }
            let until = inherited.unwrap_or(now.after(self.patience));
            if until.monotonic <= now.monotonic {
                return Hosts::new();
            }
            self.until = Some(until);
        }
        self.order.clear();
        let lost = std::mem::take(&mut self.lost);
        let held = lost.into_iter();
        held.map(|(name, (_, addresses))| (name, addresses))
            .collect()
    }

    /// Ends the hold, and what was lost until now is no longer in doubt.
    pub fn end(&mut self) {
        self.until = None;
        self.lost.clear();
        self.order.clear();
    }

    fn forget_before(&mut self, now: Instant) {
        while let Some((at, _)) = self.order.front()
            && now.saturating_duration_since(*at) > WINDOW
        {
            let Some((at, name)) = self.order.pop_front() else {
                return;
            };
            // Lost again meanwhile, it has a later place in the order.
            if self.lost.get(&name).is_some_and(|(last, _)| *last == at) {
                self.lost.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn name(i: usize) -> Name {
        format!("n{i}").parse().unwrap()
    }

    fn address() -> Addresses {
        Addresses::from_iter(["10.0.0.1".parse().unwrap()])
    }

    fn lose(hold: &mut Hold, names: std::ops::Range<usize>, now: Timestamp) {
        for i in names {
            hold.lose(name(i), address(), now.monotonic);
        }
    }

    fn second(n: u64, since: Timestamp) -> Timestamp {
        since.after(Duration::from_secs(n))
    }

    #[test]
    fn more_than_half_and_at_least_ten_are_held() {
        let now = Timestamp::now();
        for (lost, remaining, held) in [
            (9, 0, 0),
            (10, 0, 10),
            (10, 9, 10),
            (10, 10, 0),
            (11, 10, 11),
            (500, 501, 0),
            (500, 499, 500),
        ] {
            let mut hold = Hold::new(PATIENCE);
            lose(&mut hold, 0..lost, now);
            let put_back = hold.decide(remaining, false, now).len();
            assert_eq!(put_back, held, "{lost} of {}", lost + remaining);
            assert_eq!(hold.is_on(), held > 0);
        }
    }

    #[test]
    fn what_is_lost_within_seconds_is_lost_at_once() {
        let begun = Timestamp::now();
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..6, begun);
        assert!(hold.decide(14, false, begun).is_empty());
        lose(&mut hold, 6..11, second(4, begun));
        assert_eq!(hold.decide(9, false, second(4, begun)).len(), 11);

        let mut slow = Hold::new(PATIENCE);
        lose(&mut slow, 0..6, begun);
        lose(&mut slow, 6..11, second(6, begun));
        assert!(slow.decide(9, false, second(6, begun)).is_empty());
    }

    #[test]
    fn each_time_ends_exactly_then() {
        let begun = Timestamp::now();
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..10, begun);
        assert_eq!(hold.decide(0, false, begun.after(WINDOW)).len(), 10);
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..10, begun);
        let late = begun.after(WINDOW + Duration::from_nanos(1));
        assert!(hold.decide(0, false, late).is_empty());

        // What a predecessor held ends now, or in a moment.
        let inherited = |rest| {
            let mut hold = Hold::new(PATIENCE);
            hold.inherit(begun.after(rest).wall, begun);
            lose(&mut hold, 0..10, begun);
            hold.decide(0, false, begun).len()
        };
        assert_eq!(inherited(Duration::ZERO), 0);
        assert_eq!(inherited(Duration::from_nanos(1)), 10);
    }

    #[test]
    fn a_missing_tree_is_in_doubt_only_when_it_takes_the_last_name_away() {
        let now = Timestamp::now();
        for (lost, remaining, held) in [(0, 0, 0), (1, 0, 1), (1, 1, 0)] {
            let mut hold = Hold::new(PATIENCE);
            lose(&mut hold, 0..lost, now);
            assert_eq!(hold.decide(remaining, true, now).len(), held);
            assert_eq!(hold.is_on(), held > 0);
        }
    }

    #[test]
    fn names_that_came_back_are_not_lost() {
        let now = Timestamp::now();
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..12, now);
        for i in 0..3 {
            hold.regain(&name(i));
        }
        assert!(hold.decide(3, false, now).is_empty());
        // Lost once more, a name has its later time only.
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..1, now);
        hold.regain(&name(0));
        lose(&mut hold, 0..10, second(4, now));
        assert_eq!(hold.decide(0, false, second(6, now)).len(), 10);
    }

    #[test]
    fn all_that_is_lost_during_a_hold_joins_it_and_the_end_stays() {
        let now = Timestamp::now();
        let mut hold = Hold::new(PATIENCE);
        lose(&mut hold, 0..10, now);
        hold.decide(9, false, now);
        lose(&mut hold, 10..11, second(30, now));
        assert_eq!(hold.decide(18, false, second(30, now)).len(), 1);
        assert_eq!(hold.until(), Some(now.after(PATIENCE)));
        hold.end();
        lose(&mut hold, 11..12, second(61, now));
        assert!(hold.decide(7, false, second(61, now)).is_empty());
    }

    #[test]
    fn zero_patience_holds_nothing() {
        let now = Timestamp::now();
        let mut hold = Hold::new(Duration::ZERO);
        lose(&mut hold, 0..100, now);
        assert!(hold.decide(0, false, now).is_empty() && !hold.is_on());
    }

    #[test]
    fn a_successor_goes_on_with_the_hold_of_its_predecessor() {
        let now = Timestamp::now();
        let rest = |seconds: u64| {
            let mut hold = Hold::new(PATIENCE);
            hold.inherit(second(seconds, now).wall, now);
            lose(&mut hold, 0..10, now);
            hold.decide(0, false, now);
            hold.until()
                .map(|until| (until.monotonic - now.monotonic).as_secs())
        };
        assert_eq!(rest(20), Some(20));
        assert_eq!(rest(0), None, "it is over");
        assert_eq!(rest(3600), Some(60), "a clock far ahead");
    }
}
