use std::collections::BTreeMap;

use super::*;
use crate::observe::presence::LOOK;
use proptest::prelude::*;

/// How many words all agents may tell in a second.
const RATE: usize = 50;

/// What is so from a moment on, in milliseconds.
type Story = BTreeMap<u64, Look>;

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// In step with a generation.
fn in_step(generation: u64, interval: u64) -> Look {
    Look {
        word: Word {
            applied: generation,
            names: 1,
            files: None,
            complaint: None,
        },
        seen: generation,
        interval: Duration::from_secs(interval),
    }
}

fn complaining(look: Look, is_shared: bool) -> Look {
    let complaint = Complaint {
        text: "the disk is full".to_owned(),
        is_shared,
    };
    let word = Word {
        complaint: Some(complaint),
        ..look.word
    };
    Look { word, ..look }
}

/// The words of an agent that lives through a story, and when it told them, until it has nothing
/// more to wait for. It looks as the driver does.
fn words(id: &str, story: &Story) -> Vec<(Duration, Word)> {
    let (mut pace, mut words, mut now) = (Pace::new(id), Vec::new(), Duration::ZERO);
    loop {
        let until: u64 = now.as_millis().try_into().unwrap();
        let (_, look) = story.range(..=until).next_back().expect("a beginning");
        let plan = pace.plan(look, now);
        if plan.is_due {
            pace.told(&plan);
            words.push((now, plan.word));
        }
        let change = story.range(until + 1..).next();
        let change = change.map(|(at, _)| ms(*at).max(now + LOOK));
        let Some(next) = [change, plan.wake].into_iter().flatten().min() else {
            return words;
        };
        // To the millisecond, as timers are.
        let next = next.as_nanos().div_ceil(1_000_000);
        now = ms(u64::try_from(next).unwrap());
    }
}

/// The word that holds at a time.
fn at(words: &[(Duration, Word)], time: Duration) -> Option<&Word> {
    let mut before = words.iter().rev();
    before.find(|(told, _)| *told <= time).map(|(_, word)| word)
}

/// The most that fall into a window of this length.
fn most_within(times: &mut [Duration], window: Duration) -> usize {
    times.sort();
    let mut first = 0;
    let counts = times.iter().enumerate().map(|(last, time)| {
        while times[first] + window <= *time {
            first += 1;
        }
        last + 1 - first
    });
    counts.max().unwrap_or(0)
}

/// Changes with these pauses between them.
fn changes(pauses: &[u64], interval: u64) -> Story {
    let mut time = 0;
    let looks = pauses.iter().zip(2..).map(|(pause, generation)| {
        time += pause;
        (time, in_step(generation, interval))
    });
    [(0, in_step(1, interval))]
        .into_iter()
        .chain(looks)
        .collect()
}

/// Pauses of all kinds: changes that come fast, and rest.
fn pauses() -> impl Strategy<Value = Vec<u64>> {
    let pause = prop_oneof![4 => 1_u64..300, 1 => 300_u64..3_000, 1 => 3_000_u64..30_000];
    prop::collection::vec(pause, 1..60)
}

#[test]
fn the_first_word_is_told_at_once_and_so_is_that_of_a_new_session() {
    let mut pace = Pace::new("a");
    let first = pace.plan(&in_step(7, 60), ms(5));
    assert!(first.is_due);
    pace.told(&first);
    let rest = pace.plan(&in_step(7, 60), ms(1_000));
    assert_eq!((rest.is_due, rest.wake), (false, None));
    pace.forget();
    let again = pace.plan(&in_step(7, 60), ms(1_001));
    assert!(again.is_due);
}

#[test]
fn few_agents_tell_at_once() {
    let told = words("a", &changes(&[5_000, 100, 4_000], 1));
    let times: Vec<_> = told.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [ms(0), ms(5_000), ms(6_000), ms(9_100)]);
}

#[test]
fn what_all_complain_of_takes_its_turn() {
    let story = |is_shared| {
        let complaint = complaining(in_step(7, 3_600), is_shared);
        words("a", &Story::from([(0, in_step(7, 3_600)), (50, complaint)]))
    };
    assert!(at(&story(true), ms(10_000)).unwrap().complaint.is_none());
    assert!(story(true).last().unwrap().1.complaint.is_some());
    assert!(at(&story(false), ms(2_050)).unwrap().complaint.is_some());
}

#[test]
fn a_complaint_of_a_moment_is_not_told() {
    let story = Story::from([
        (0, in_step(7, 1)),
        (3_000, complaining(in_step(7, 1), false)),
        (3_100, in_step(7, 1)),
        (4_000, complaining(in_step(7, 1), true)),
        (4_100, in_step(7, 1)),
    ]);
    assert_eq!(words("a", &story).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn however_many_they_are_together_they_tell_fifty_times_a_second(
        agents in 1_usize..800,
        pauses in pauses(),
    ) {
        let interval = agents.div_ceil(RATE) as u64;
        let story = changes(&pauses, interval);
        let length = Duration::from_secs(interval);
        let mut all = Vec::new();
        for agent in 0..agents {
            let words = words(&format!("web-{agent}"), &story);
            let times: Vec<_> = words.iter().map(|(time, _)| *time).collect();
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            // A timer may be a millisecond late.
            prop_assert!(gaps.min().is_none_or(|gap| gap + ms(1) >= length), "{times:?}");
            // The first goes with the start of a session.
            all.extend_from_slice(&times[1..]);
        }
        let per_interval = most_within(&mut all, length - ms(1));
        prop_assert!(per_interval <= RATE * interval as usize, "{per_interval} in {length:?}");
        let per_second = most_within(&mut all, Duration::from_secs(1) - ms(1));
        let most = if interval == 1 { RATE } else { 2 * RATE };
        prop_assert!(per_second <= most, "{per_second} in a second");
    }

    #[test]
    fn the_newest_is_told_in_the_end_and_then_nothing(
        id in "[a-z]{1,8}",
        pauses in pauses(),
        interval in 1_u64..60,
    ) {
        let story = changes(&pauses, interval);
        let words = words(&id, &story);
        let (last, told) = words.last().unwrap();
        let (end, look) = story.last_key_value().unwrap();
        prop_assert_eq!(told, &look.word);
        let patience = Duration::from_secs(2 * interval) + LOOK + ms(1);
        prop_assert!(*last <= ms(*end) + patience, "{last:?} after {end} ms");
        let is_news = words.windows(2).all(|pair| pair[0].1 != pair[1].1);
        prop_assert!(is_news, "nothing is told twice: {words:?}");
    }

    /// Each change is in the file some milliseconds after it is read.
    #[test]
    fn an_agent_that_follows_fast_changes_never_complains(
        pauses in prop::collection::vec((1_u64..200, 1_u64..450), 1..200),
        interval in 1_u64..60,
    ) {
        let mut story = Story::from([(0, in_step(1, interval))]);
        let mut time = 0;
        for ((pause, takes), generation) in pauses.into_iter().zip(2..) {
            time += pause;
            story.insert(time, Look { seen: generation, ..in_step(generation - 1, interval) });
            time += takes;
            story.insert(time, in_step(generation, interval));
        }
        let words = words("a", &story);
        prop_assert!(words.iter().all(|(_, word)| word.complaint.is_none()), "{words:?}");
    }

    /// Periods of being in step, of not being able to write, and of lagging behind, while others go on.
    #[test]
    fn what_lasts_two_seconds_is_told_by_then(
        id in "[a-z]{1,8}",
        periods in prop::collection::vec((0_u8..3, 1_u64..6_000), 1..30),
        interval in 1_u64..3_600,
        every in 50_u64..2_000,
    ) {
        const BY_THEN: Duration = Duration::from_secs(2);
        let (mut story, mut time, mut stands) = (Story::new(), 0, Vec::new());
        story.insert(0, in_step(1, interval));
        let (mut seen, mut applied) = (1, 1);
        for (kind, length) in periods {
            let end = time + length;
            let begin = time;
            while time < end {
                seen += 1;
                if kind == 0 {
                    applied = seen;
                }
                let look = Look { seen, ..in_step(applied, interval) };
                story.insert(time, if kind == 1 { complaining(look, false) } else { look });
                time += every.min(end - time);
            }
            match stands.last_mut() {
                Some((is_well, _, last)) if *is_well == (kind == 0) => *last = end,
                _ => stands.push((kind == 0, begin, end)),
            }
        }
        let words = words(&id, &story);
        for (is_well, begin, end) in stands {
            let by = ms(begin) + BY_THEN;
            if ms(end) > by {
                let told = at(&words, by).unwrap();
                prop_assert_eq!(told.complaint.is_none(), is_well, "since {}: {:?}", begin, words);
            }
        }
    }
}
