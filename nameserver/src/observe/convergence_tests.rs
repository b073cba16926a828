use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_secs(3);

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn after(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

/// So many agents that have generation 1, which is published.
fn with_agents(count: usize) -> Convergence {
    let mut convergence = Convergence::default();
    convergence.published(1, at(0), PATIENCE);
    for number in 0..count {
        convergence.told(&format!("a{number}"), 1, at(0));
    }
    convergence.ended(at(0));
    convergence
}

#[test]
fn when_the_first_half_most_and_the_last_have_it() {
    let mut convergence = with_agents(200);
    convergence.published(2, at(1_000), PATIENCE);
    // Who had it first need not tell so first.
    for number in (0..200).rev() {
        convergence.told(&format!("a{number}"), 2, at(1_001 + number));
    }
    let expected = Converged {
        generation: 2,
        agents: 200,
        applied: 200,
        first: after(1),
        half: after(100),
        most: after(198),
        last: after(200),
    };
    assert_eq!(convergence.of(2), Some(expected.clone()));
    assert_eq!(convergence.ended(at(1_300)), [expected]);
    assert_eq!(convergence.ended(at(1_300)), [], "told once");
}

#[test]
fn one_that_has_not_told_is_waited_for_and_no_last_one_is_known() {
    let mut convergence = with_agents(3);
    convergence.published(2, at(1_000), PATIENCE);
    convergence.told("a0", 2, at(1_005));
    convergence.told("a1", 2, at(1_007));
    let now = convergence.of(2).unwrap();
    assert_eq!((now.applied, now.agents), (2, 3));
    assert_eq!((now.half, now.most, now.last), (after(7), None, None));
    assert_eq!(convergence.ended(at(2_000)), []);
    assert_eq!(convergence.ended(at(4_001)).len(), 1, "it had its time");
    convergence.gone("a2");
    let now = convergence.of(2).unwrap();
    assert_eq!((now.applied, now.agents, now.last), (2, 2, after(7)));
    assert_eq!(convergence.ended(at(9_000)), [], "counted once");
}

#[test]
fn who_comes_later_is_not_counted_before_the_next() {
    let mut convergence = with_agents(1);
    convergence.published(2, at(1_000), PATIENCE);
    convergence.told("new", 1, at(1_001));
    convergence.told("new", 2, at(1_900));
    convergence.told("a0", 2, at(1_002));
    let now = convergence.of(2).unwrap();
    assert_eq!((now.agents, now.last), (1, after(2)));
    convergence.published(3, at(2_000), PATIENCE);
    assert_eq!(convergence.of(3).unwrap().agents, 2);
}

#[test]
fn who_passes_generations_over_had_them_no_later() {
    let mut convergence = with_agents(1);
    for number in 2..5 {
        convergence.published(number, at(number * 1_000), PATIENCE);
    }
    convergence.told("a0", 3, at(3_500));
    convergence.told("a0", 4, at(4_020));
    let last = |number| convergence.of(number).unwrap().last;
    assert_eq!([2, 3, 4].map(last), [after(1_500), after(500), after(20)]);
}

#[test]
fn a_word_that_is_read_before_what_it_tells_of_counts_then() {
    let mut convergence = with_agents(2);
    convergence.told("a0", 3, at(3_010));
    convergence.published(2, at(2_000), PATIENCE);
    convergence.published(3, at(3_000), PATIENCE);
    let now = convergence.of(3).unwrap();
    assert_eq!((now.applied, now.agents, now.first), (1, 2, after(10)));
}

#[test]
fn another_history_begins_anew() {
    let mut convergence = with_agents(2);
    convergence.published(9, at(1_000), PATIENCE);
    convergence.told("a0", 9, at(1_010));
    convergence.published(1, at(2_000), PATIENCE);
    assert_eq!(convergence.of(9), None);
    convergence.told("a0", 1, at(2_003));
    let now = convergence.of(1).unwrap();
    assert_eq!((now.applied, now.agents, now.first), (1, 2, after(3)));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut convergence = with_agents(1);
    for number in 2..10_000 {
        convergence.published(number, at(number), PATIENCE);
        convergence.told("a0", number, at(number));
    }
    assert_eq!(convergence.generations.len(), KEPT);
    assert!(convergence.ended.len() <= 4 * KEPT);
}

#[derive(Debug, Clone)]
enum Step {
    Publish,
    Tell(u8, u8),
    Go(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Publish),
        (0u8..6, 0u8..3).prop_map(|(agent, back)| Step::Tell(agent, back)),
        (0u8..6).prop_map(Step::Go),
    ]
}

proptest! {
    /// Following the events comes to what looking through all that happened comes to.
    #[test]
    fn agrees_with_looking_through_all_of_it(steps in prop::collection::vec(step(), 0..60)) {
        let mut convergence = Convergence::default();
        // Of each agent since which generation it runs, and when it had each one first.
        let mut running = BTreeMap::<u8, (u64, BTreeMap<u64, u64>)>::new();
        let mut left = Vec::new();
        let mut published = BTreeMap::new();
        let (mut newest, mut clock) = (0_u64, 0_u64);
        for step in steps {
            clock += 1;
            match step {
                Step::Publish => {
                    newest += 1;
                    published.insert(newest, clock);
                    convergence.published(newest, at(clock), PATIENCE);
                }
                Step::Tell(agent, back) => {
                    let (_, had) = running.entry(agent).or_insert((newest, BTreeMap::new()));
                    let before = had.keys().next_back().copied().unwrap_or(0);
                    let applied = newest.saturating_sub(back.into()).max(before);
                    had.entry(applied).or_insert(clock);
                    convergence.told(&agent.to_string(), applied, at(clock));
                }
                Step::Go(agent) => {
                    left.extend(running.remove(&agent));
                    convergence.gone(&agent.to_string());
                }
            }
        }
        for (&number, &when) in published.iter().rev().take(KEPT) {
            let has = |(came, had): &(u64, BTreeMap<u64, u64>)| {
                let first = had.range(number..).next().map(|(_, at)| at - when);
                (*came < number).then_some(first)
            };
            let now: Vec<_> = running.values().filter_map(has).collect();
            let then: Vec<_> = left.iter().filter_map(has).flatten().collect();
            let mut took: Vec<u64> = now.iter().flatten().copied().chain(then).collect();
            took.sort_unstable();
            let waiting = now.iter().filter(|took| took.is_none()).count();
            let found = convergence.of(number).unwrap();
            prop_assert_eq!(found.applied, took.len());
            prop_assert_eq!(found.agents, took.len() + waiting);
            prop_assert_eq!(found.first, took.first().and_then(|took| after(*took)));
            let last = took.last().filter(|_| waiting == 0);
            prop_assert_eq!(found.last, last.and_then(|took| after(*took)));
        }
    }
}
