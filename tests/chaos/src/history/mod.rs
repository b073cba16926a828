//! What happens in a run, and when: everything follows from the seed.
//!
//! Pure. A history is planned in rounds, each of which ends in a rest: what is broken is mended, and
//! all hosts files must come to agree with the tree. The planned times stand still during a rest.

mod faults;
mod tree;

use std::fmt;

use fastrand::Rng;

pub(crate) use faults::{Daemon, Fault, Foreign, Place, Shortage, Tampering, Way};
#[cfg(test)]
pub(crate) use tree::Data;
pub(crate) use tree::{BULK, Change, Kind, SESSIONS, bulk, pinned, setup};

/// So many nameservers stand for election.
pub(crate) const NAMESERVERS: usize = 2;
/// So many servers form the ensemble.
pub(crate) const SERVERS: usize = 3;
/// The hosts files, each with an agent of its own.
pub(crate) const PLACES: [Place; 4] = [
    Place {
        name: "replaced",
        is_mount_point: false,
        is_small: false,
        slots: false,
    },
    Place {
        name: "bind-mounted",
        is_mount_point: true,
        is_small: false,
        slots: true,
    },
    Place {
        name: "replaced-small",
        is_mount_point: false,
        is_small: true,
        slots: false,
    },
    Place {
        name: "slots-small",
        is_mount_point: false,
        is_small: true,
        slots: true,
    },
];

/// The shortest and the longest time from rest to rest.
const ROUND: (u64, u64) = (12_000, 16_000);

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// When, in milliseconds of activity since the start.
    pub(crate) at: u64,
    pub(crate) event: Event,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Change(Change),
    /// Something breaks. Ends by itself, or with [`Event::End`], or at the next rest.
    Begin(Fault),
    End(Fault),
    /// All is mended, and everybody must come to agree.
    Rest,
}

/// The history of a seed, in the order of time.
pub(crate) fn plan(seed: u64, seconds: u64) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let (mut steps, mut from, end) = (Vec::new(), 0, seconds * 1000);
    let mut tree = tree::Planner::default();
    let mut faults = faults::Planner::default();
    while from < end {
        let mut to = (from + rng.u64(ROUND.0..ROUND.1)).min(end);
        if end - to < ROUND.0 / 2 {
            to = end;
        }
        let begun = steps.len();
        tree.round(&mut rng, from, to, &mut steps);
        faults.round(&mut rng, from, to, &mut steps);
        // Those of one time stay in the order in which they were planned.
        steps[begun..].sort_by_key(|step| step.at);
        steps.push(Step {
            at: to,
            event: Event::Rest,
        });
        from = to;
    }
    steps
}

/// A number that tells two histories apart (FNV-1a, the same in every build).
pub(crate) fn digest(steps: &[Step]) -> u64 {
    let text = steps.iter().map(|step| format!("{step:?}\n"));
    text.flat_map(String::into_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9.3} s  ", self.at as f64 / 1000.0)?;
        match &self.event {
            Event::Change(change) => write!(f, "{change}"),
            Event::Begin(fault) => write!(f, "BEGIN {fault}"),
            Event::End(fault) => write!(f, "END   {fault}"),
            Event::Rest => f.write_str("REST"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_history_and_another_one_another() {
        assert_eq!(plan(7, 60), plan(7, 60));
        assert_ne!(digest(&plan(7, 60)), digest(&plan(8, 60)));
        assert_ne!(digest(&plan(7, 60)), digest(&plan(7, 61)));
    }

    #[test]
    fn time_passes_and_each_round_ends_in_a_rest() {
        let steps = plan(1, 100);
        assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let rests: Vec<_> = steps
            .iter()
            .filter(|step| step.event == Event::Rest)
            .collect();
        assert!((6..=8).contains(&rests.len()), "{}", rests.len());
        assert_eq!(steps.last().map(|step| step.at), Some(100_000));
        assert_eq!(steps.last().map(|step| &step.event), Some(&Event::Rest));
    }

    #[test]
    fn every_kind_of_fault_and_of_change_happens() {
        let (mut faults, mut changes) = (BTreeSet::new(), BTreeSet::new());
        for step in (0..5).flat_map(|seed| plan(seed, 200)) {
            match step.event {
                Event::Begin(fault) => drop(faults.insert(fault.kind())),
                Event::Change(change) => drop(changes.insert(change.kind_name())),
                Event::End(_) | Event::Rest => {}
            }
        }
        assert_eq!(faults, Fault::KINDS.into_iter().collect());
        assert_eq!(changes, Change::KINDS.into_iter().collect());
    }

    /// Of two faults of one process, the second would find it gone.
    #[test]
    fn nobody_breaks_twice_at_once() {
        let mut broken = Vec::<Fault>::new();
        for step in plan(5, 600) {
            match step.event {
                Event::Begin(fault) => {
                    let meets = |other: &Fault| other.subject() == fault.subject();
                    assert!(!broken.iter().any(meets), "{fault} at {}", step.at);
                    if fault.lasts() {
                        broken.push(fault);
                    }
                }
                Event::End(fault) => {
                    assert!(broken.contains(&fault), "{fault} at {}", step.at);
                    broken.retain(|other| *other != fault);
                }
                Event::Rest => broken.clear(),
                Event::Change(_) => {}
            }
        }
    }
}
