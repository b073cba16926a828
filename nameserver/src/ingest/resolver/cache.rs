//! What the system's resolver has said, and when to ask again. Pure: the time is given.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use contract::{Address, Name};

/// When an answer is asked for again; the system does not tell how long it may be kept.
const FRESH: Duration = Duration::from_secs(60);
/// When a name that was not found is asked for again, doubled each time up to [`FRESH`].
const RETRY: Duration = Duration::from_secs(5);
/// How long the last good answer stays while asking fails: a resolver that is down for a while
/// should cost nobody a name.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// What the resolver has said of each name.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Name, Entry>,
    /// The names that are not being asked for, by when they will be.
    due: BTreeSet<(Instant, Name)>,
    /// How many names were never answered.
    waiting: usize,
}

#[derive(Debug)]
struct Entry {
    /// The last answer that was told; none before the first.
    told: Option<Vec<Address>>,
    /// When an answer last held addresses.
    good: Option<Instant>,
    failures: u32,
}

impl Cache {
    /// Has a name asked for at once, unless it is known already.
    pub(super) fn want(&mut self, host: Name, now: Instant) {
        if self.entries.contains_key(&host) {
            return;
        }
        let entry = Entry {
            told: None,
            good: None,
            failures: 0,
        };
        self.entries.insert(host.clone(), entry);
        self.due.insert((now, host));
        self.waiting += 1;
    }

    /// True while a name was never answered.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// The next name to ask for, if one is due.
    pub(super) fn start(&mut self, now: Instant) -> Option<Name> {
        let (due, _) = self.due.first()?;
        if *due > now {
            return None;
        }
        self.due.pop_first().map(|(_, host)| host)
    }

    /// When the next name is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes an answer over, or that there was none; returns it if it is another than before.
    pub(super) fn done(
        &mut self,
        host: &Name,
        answer: Option<Vec<Address>>,
        now: Instant,
    ) -> Option<Vec<Address>> {
        let entry = self.entries.get_mut(host)?;
        // In an order of its own: servers turn theirs with each answer.
        let mut addresses = answer.unwrap_or_default();
        addresses.sort_unstable();
        addresses.dedup();
        let again = if addresses.is_empty() {
            entry.failures = entry.failures.saturating_add(1);
            let doubled = RETRY.saturating_mul(1 << entry.failures.min(10) >> 1);
            doubled.min(FRESH)
        } else {
            (entry.failures, entry.good) = (0, Some(now));
            FRESH
        };
        self.due.insert((now + again, host.clone()));
        let is_kept = entry.good.is_some_and(|good| now < good + KEPT);
        if entry.told.as_ref() == Some(&addresses) || (addresses.is_empty() && is_kept) {
            return None;
        }
        self.waiting -= usize::from(entry.told.is_none());
        entry.told = Some(addresses.clone());
        Some(addresses)
    }

    /// Forgets a name that was taken by [`Cache::start`].
    pub(super) fn forget(&mut self, host: &Name) {
        if let Some(entry) = self.entries.remove(host) {
            self.waiting -= usize::from(entry.told.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_is_asked_for_once_and_again_when_its_answer_is_old() {
        let (mut cache, now, far) = (Cache::default(), Instant::now(), name("far"));
        cache.want(far.clone(), now);
        cache.want(far.clone(), now);
        assert!(cache.is_waiting());
        assert_eq!(cache.start(now), Some(far.clone()));
        assert_eq!(cache.start(now), None);
        let answer = addresses(&["10.0.0.2", "10.0.0.1", "10.0.0.2"]);
        let told = cache.done(&far, Some(answer), now);
        assert_eq!(told, Some(addresses(&["10.0.0.1", "10.0.0.2"])));
        assert!(!cache.is_waiting());
        assert_eq!(cache.next_due(), Some(now + FRESH));
        assert_eq!(cache.start(now + FRESH / 2), None);
        let later = now + FRESH;
        assert_eq!(cache.start(later), Some(far.clone()));
        let same = addresses(&["10.0.0.2", "10.0.0.1"]);
        assert_eq!(cache.done(&far, Some(same), later), None);
    }

    #[test]
    fn a_good_answer_outlives_failures_for_an_hour() {
        let (mut cache, mut now, far) = (Cache::default(), Instant::now(), name("far"));
        cache.want(far.clone(), now);
        cache.start(now);
        assert!(
            cache
                .done(&far, Some(addresses(&["10.0.0.1"])), now)
                .is_some()
        );
        let good = now;
        let mut asked = 0;
        loop {
            now = cache.next_due().unwrap();
            assert_eq!(cache.start(now), Some(far.clone()));
            asked += 1;
            match cache.done(&far, None, now) {
                None => assert!(now < good + KEPT),
                Some(told) => break assert_eq!(told, []),
            }
        }
        assert!(now >= good + KEPT && now < good + KEPT + 2 * FRESH);
        assert!((60..80).contains(&asked), "{asked}");
    }

    #[test]
    fn a_name_that_nobody_knows_is_asked_for_ever_more_rarely() {
        let (mut cache, mut now, far) = (Cache::default(), Instant::now(), name("far"));
        cache.want(far.clone(), now);
        cache.start(now);
        assert_eq!(cache.done(&far, None, now), Some(vec![]));
        let mut pauses = Vec::new();
        for _ in 0..40 {
            let due = cache.next_due().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
            cache.start(now);
            assert_eq!(cache.done(&far, None, now), None);
        }
        assert_eq!(pauses[..5], [5, 10, 20, 40, 60]);
        assert!(pauses[5..].iter().all(|&pause| pause == 60));
        cache.start(cache.next_due().unwrap());
        cache.forget(&far);
        assert_eq!(cache.next_due(), None);
        cache.want(far.clone(), now);
        assert!(cache.is_waiting());
    }
}
