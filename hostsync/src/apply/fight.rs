//! Recognises that somebody changes the file as fast as it is put right, and says how seldom that is to be done
//! then. Pure; the clock is a value.

use std::time::{Duration, Instant};

/// What may be put right for ever: ten times a second, and more for a while.
const SHARE: Duration = Duration::from_millis(100);
const BURST: Duration = Duration::from_secs(5);
/// Half of that, and no calm for so long afterwards, is a fight too: whoever else fights may have given way first.
const LENGTH: Duration = Duration::from_secs(5);
/// In a fight it is put right so often.
const PAUSE: Duration = Duration::from_secs(1);
/// A fight is over when nothing was to be put right for so long.
const CALM: Duration = Duration::from_secs(5);
/// How often the log has a line of what was put right.
const LINE: Duration = Duration::from_secs(10);

/// What was put right, and how fast.
#[derive(Debug, Default)]
pub(crate) struct Fight {
    /// When all that was put right would be paid for, a share each.
    paid: Option<Instant>,
    last: Option<Instant>,
    /// Since when half of a burst was to be put right, without a calm.
    hot: Option<Instant>,
    /// It goes on.
    is_on: bool,
    said: Option<Instant>,
    unsaid: u32,
}

/// What there is to say of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    /// So many, this one included, are to be told of now; none while they are only counted.
    pub(crate) told: Option<u32>,
    /// A fight has begun with it.
    pub(crate) begins: bool,
}

impl Fight {
    /// The file was put right.
    pub(crate) fn repaired(&mut self, now: Instant) -> Repair {
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + SHARE;
        let was_calm = self.last.is_none_or(|last| now >= last + CALM);
        let ahead = paid.duration_since(now);
        let hot = self.hot.filter(|_| !was_calm);
        self.hot = hot.or_else(|| (ahead > BURST / 2).then_some(now));
        (self.paid, self.last) = (Some(paid), Some(now));
        let is_long = self.hot.is_some_and(|hot| now >= hot + LENGTH);
        let begins = !self.is_on && (ahead > BURST || is_long);
        self.is_on |= begins;
        self.unsaid += 1;
        let is_due = self.said.is_none_or(|said| now >= said + LINE);
        let told = (is_due && !self.is_on).then(|| std::mem::take(&mut self.unsaid));
        if told.is_some() || begins {
            self.said = Some(now);
        }
        Repair { told, begins }
    }

    /// Until when the file is left as it is.
    pub(crate) fn pause(&self, now: Instant) -> Option<Instant> {
        let until = self.last.filter(|_| self.is_on)? + PAUSE;
        (now < until).then_some(until)
    }

    /// When to look whether it is over, where it is not.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.last.filter(|_| self.is_on).map(|last| last + CALM)
    }

    /// True once, when the file has been right for long enough.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.ends().is_some_and(|ends| now >= ends);
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn what_an_engine_does_is_no_fight() {
        let (start, mut fight) = (Instant::now(), Fight::default());
        // A container that starts anew all the time, with three rewrites each.
        for round in 0..1000_u64 {
            for rewrite in 0..3 {
                let now = start + ms(round * 400 + rewrite * 5);
                assert!(!fight.repaired(now).begins);
                assert_eq!(fight.pause(now), None);
            }
        }
    }

    #[test]
    fn a_fight_is_told_once_slowed_down_and_ends() {
        let (start, mut fight) = (Instant::now(), Fight::default());
        let (mut begun, mut told, mut repairs) = (0, 0, 0);
        for step in 0..60_000_u64 {
            let now = start + ms(step);
            if step % 6 != 0 || fight.pause(now).is_some() {
                continue;
            }
            let repair = fight.repaired(now);
            repairs += 1;
            begun += u32::from(repair.begins);
            told += u32::from(repair.told.is_some());
        }
        assert_eq!((begun, told), (1, 1));
        assert!((50..200).contains(&repairs), "{repairs}");
        let last = start + ms(60_000);
        assert!(!fight.is_over(last));
        assert!(fight.ends().is_some_and(|ends| fight.is_over(ends)));
        assert!(!fight.is_over(last + CALM * 2));
        assert_eq!(fight.repaired(last + CALM * 2).told, Some(1));
    }

    proptest! {
        /// The one that gives way first leaves the other one's repairs below what is a fight by their number alone.
        #[test]
        fn of_two_that_fight_both_recognise_it(delays in prop::collection::vec(1..66_u64, 20..60)) {
            let (start, mut fights) = (Instant::now(), [Fight::default(), Fight::default()]);
            let mut delays = delays.iter().cycle();
            // Each puts it right so long after the other did, unless it gives way.
            let (mut whose, mut at) = (0, 0);
            while at < 60_000 {
                if let Some(until) = fights[whose].pause(start + ms(at)) {
                    at = until.duration_since(start).as_millis() as u64;
                }
                fights[whose].repaired(start + ms(at));
                whose = 1 - whose;
                at += delays.next().expect("a cycle");
            }
            let on = fights.each_ref().map(|fight| fight.ends().is_some_and(|ends| ends > start + ms(at)));
            prop_assert_eq!(on[0], on[1]);
        }

        /// However fast somebody is, no more than a burst and then ten a second, and all of them are told of.
        #[test]
        fn no_more_than_a_share(pauses in prop::collection::vec(0..400_u64, 1..400)) {
            let (start, mut fight) = (Instant::now(), Fight::default());
            let (mut at, mut repairs, mut told) = (0, 0_u64, 0_u64);
            for pause in pauses {
                at += pause;
                let now = start + ms(at);
                if fight.pause(now).is_some() {
                    continue;
                }
                let repair = fight.repaired(now);
                repairs += 1;
                told += u64::from(repair.told.unwrap_or_default());
                if repair.begins {
                    told = repairs;
                }
                prop_assert!(repairs <= 52 + at / 100);
                prop_assert!(told <= repairs);
            }
        }
    }
}
