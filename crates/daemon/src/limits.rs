//! Limits that a user can grow into, told before they are met: from four fifths of each on.
//!
//! [`is_near`] decides, and is pure. Whoever uses something up says so to its [`Limit`], which costs next to nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::{info, warn};

/// What a daemon may use, and how much of it it does. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Limits(Arc<Mutex<BTreeMap<&'static str, Use>>>);

/// One of them.
#[derive(Debug, Clone)]
pub struct Limit {
    limits: Limits,
    name: &'static str,
}

/// How much of one is used.
#[derive(Debug, Clone)]
struct Use {
    /// What comes of meeting it.
    then: &'static str,
    used: u64,
    most: u64,
    is_near: bool,
}

/// Whether `used` of `most` is near the limit, where it `was` or was not before. So that what goes up and down there is
/// not told again and again, it is near from four fifths on, and no longer below seven tenths.
pub fn is_near(was: bool, used: u64, most: u64) -> bool {
    let tenths = if was { 7 } else { 8 };
    // Neither overflows, whatever is said.
    u128::from(used) * 10 >= u128::from(most) * tenths && used > 0
}

impl Limits {
    /// A limit of `most`, by its name in metrics and messages, such as `agents that are told apart`, and what comes of
    /// meeting it.
    pub fn limit(&self, name: &'static str, most: u64, then: &'static str) -> Limit {
        self.lock().entry(name).or_insert(Use {
            then,
            used: 0,
            most,
            is_near: false,
        });
        let limits = self.clone();
        Limit { limits, name }
    }

    /// What is to be said of those that are nearly met.
    pub fn remarks(&self) -> Vec<String> {
        let limits = self.lock();
        let near = limits.iter().filter(|(_, of)| of.is_near);
        near.map(|(name, of)| remark(name, of)).collect()
    }

    /// What part of each is used.
    pub fn ratios(&self) -> Vec<(&'static str, f64)> {
        let limits = self.lock();
        let ratio = |of: &Use| of.used as f64 / of.most.max(1) as f64;
        limits.iter().map(|(name, of)| (*name, ratio(of))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limit {
    /// So much of it is used now. The first time that it is nearly met, and again after it was not, the log has that.
    pub fn used(&self, used: u64) {
        self.used_of(used, None);
    }

    /// The same where the limit is not always the same.
    pub fn used_of(&self, used: u64, most: Option<u64>) {
        let mut limits = self.limits.lock();
        let Some(of) = limits.get_mut(self.name) else {
            return;
        };
        (of.used, of.most) = (used, most.unwrap_or(of.most));
        let was = of.is_near;
        of.is_near = is_near(was, used, of.most);
        match (was, of.is_near) {
            (false, true) => warn!("{}", remark(self.name, of)),
            (true, false) => info!("no longer near a limit: {} {}", of.used, self.name),
            _ => {}
        }
    }
}

fn remark(name: &str, of: &Use) -> String {
    let Use {
        then, used, most, ..
    } = of;
    format!("near a limit: {used} of {most} {name}; {then}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit is told before it is met, once, and once more only after it fell below.
    #[test]
    fn near_from_four_fifths_on_until_below_seven_tenths() {
        let mut near = false;
        let told = [79, 80, 100, 120, 75, 81, 70, 69, 79, 80].map(|used| {
            let was = near;
            near = is_near(was, used, 100);
            (near, near && !was)
        });
        let (yes, news, no) = ((true, false), (true, true), (false, false));
        assert_eq!(told, [no, news, yes, yes, yes, yes, yes, no, no, news]);
    }

    #[test]
    fn what_is_near_is_remarked_on_and_all_are_counted() {
        let limits = Limits::default();
        let names = limits.limit("bytes of names", 1_000, "then nothing is published");
        let agents = limits.limit("agents", 10, "more are not told of");
        names.used(799);
        agents.used(8);
        assert_eq!(
            limits.remarks(),
            ["near a limit: 8 of 10 agents; more are not told of"]
        );
        assert_eq!(
            limits.ratios(),
            [("agents", 0.8), ("bytes of names", 0.799)]
        );
        agents.used(3);
        names.used_of(799, Some(900));
        assert_eq!(
            limits.remarks(),
            ["near a limit: 799 of 900 bytes of names; then nothing is published"]
        );
    }

    #[test]
    fn whatever_is_said_what_is_met_is_near_and_nothing_is_not() {
        let values = [0, 1, 2, 3, 7, 8, 9, 10, 11, 99, 100, u64::MAX - 1, u64::MAX];
        for (used, most) in values
            .iter()
            .flat_map(|used| values.map(|most| (*used, most)))
        {
            for was in [false, true] {
                assert!(used > 0 || !is_near(was, used, most));
                assert!(used == 0 || used < most || is_near(was, used, most));
            }
            assert!(!is_near(false, used, most) || is_near(true, used, most));
        }
    }
}
