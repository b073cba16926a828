//! When an agent tells how it is. Pure; the clock is a value, the time since the agent began.
//!
//! In step it tells what it has applied no oftener than it is asked to, and at a moment of its own in each
//! interval, so that many agents do not tell at once. A complaint of its own, and the end of it, is
//! told within two seconds.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use contract::{AgentFiles, PRESENCE};

/// How long a complaint, or the end of one, has to last: one of a moment is not worth telling.
const SETTLING: Duration = Duration::from_millis(250);
/// How long what was read may be missing in the file before that is a complaint.
const LAG: Duration = Duration::from_millis(500);
/// Over what time agents spread that have the same to complain of.
const SPREAD: Duration = Duration::from_millis(500);

/// What an agent tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The generation in the file; 0 for none.
    pub(super) applied: u64,
    /// How many of its names are in the file.
    pub(super) names: usize,
    /// How many files there are, where it is not just one.
    pub(super) files: Option<AgentFiles>,
    /// Why it is not in step.
    pub(super) complaint: Option<Complaint>,
}

/// Why an agent is not in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// In words.
    pub(super) text: String,
    /// Whether it is about what was published, so that all agents may have it at once.
    pub(super) is_shared: bool,
}

/// What is so at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// What there is to tell. That the file lags behind is found here.
    pub(super) word: Word,
    /// The newest generation that was read.
    pub(super) seen: u64,
    /// The shortest time between two words of an agent in step.
    pub(super) interval: Duration,
}

/// What is to be done after a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The last word, this one included.
    pub(super) word: Word,
    /// Whether it is to be told now.
    pub(super) is_due: bool,
    /// When to look again, even if nothing changes.
    pub(super) wake: Option<Duration>,
    /// The moment that counts as that of the word.
    moment: Duration,
}

/// Decides when one agent tells.
#[derive(Debug)]
pub(super) struct Pace {
    /// The part of an interval after which the moment of this agent comes, in 2⁻⁶⁴.
    share: u64,
    told: Option<Told>,
    state: State,
    /// Since when it is in that state.
    since: Duration,
    /// Since when there is something to tell.
    news: Option<Duration>,
    /// What is in the file, and when that was last changed or right.
    progress: (u64, Duration),
}

#[derive(Debug)]
struct Told {
    word: Word,
    moment: Duration,
}

/// When a word is to be told, and whether that is the moment of this agent in an interval.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Duration,
    is_a_turn: bool,
}

/// What an agent is, complaints of one kind being one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InStep,
    /// As others may be.
    Shared,
    /// By itself.
    Alone,
}

impl State {
    fn of(complaint: Option<&Complaint>) -> Self {
        match complaint {
            None => Self::InStep,
            Some(complaint) if complaint.is_shared => Self::Shared,
            Some(_) => Self::Alone,
        }
    }
}

impl Plan {
    fn tell(word: Word, now: Duration, moment: Duration) -> Self {
        Self {
            word,
            is_due: true,
            wake: Some(now),
            moment,
        }
    }
}

impl Pace {
    /// The pace of the agent with this id.
    pub(super) fn new(id: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        Self {
            share: hasher.finish(),
            told: None,
            state: State::InStep,
            since: Duration::ZERO,
            news: None,
            progress: (0, Duration::ZERO),
        }
    }

    /// What to do, as things are now.
    pub(super) fn plan(&mut self, look: &Look, now: Duration) -> Plan {
        let lags_from = self.lags_from(look, now);
        let complaint = look.word.complaint.clone();
        let complaint = complaint.or_else(|| lags_from.filter(|from| now >= *from).map(|_| lag()));
        let state = State::of(complaint.as_ref());
        if state != self.state {
            (self.state, self.since) = (state, now);
        }
        let mut word = Word {
            complaint,
            ..look.word.clone()
        };
        let Some(told) = &self.told else {
            return Plan::tell(word, now, now);
        };
        let settled = self.since + SETTLING;
        if now < settled {
            word.complaint.clone_from(&told.word.complaint);
        }
        let due = if word == told.word {
            self.news = None;
            None
        } else {
            let news = *self.news.get_or_insert(now);
            Some(self.due(told, &word, news, look.interval))
        };
        if let Some(due) = due.filter(|due| due.at <= now) {
            let moment = if due.is_a_turn { due.at } else { now };
            return Plan::tell(word, now, moment);
        }
        let wakes = [due.map(|due| due.at), lags_from, Some(settled)];
        Plan {
            word: told.word.clone(),
            is_due: false,
            wake: wakes.into_iter().flatten().filter(|at| *at > now).min(),
            moment: told.moment,
        }
    }

    /// Takes note that what was planned is done.
    pub(super) fn told(&mut self, plan: &Plan) {
        self.news = None;
        self.told = Some(Told {
            word: plan.word.clone(),
            moment: plan.moment,
        });
    }

    /// Nobody knows any more what was told, since the session that told it has ended.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }

    /// From when on what was read is missing in the file for too long; none while nothing is missing.
    /// As long as the file goes on, it is no further behind than it takes to write it.
    fn lags_from(&mut self, look: &Look, now: Duration) -> Option<Duration> {
        let applied = look.word.applied;
        let is_behind = look.seen != applied;
        if !is_behind || self.progress.0 != applied {
            self.progress = (applied, now);
        }
        is_behind.then(|| self.progress.1 + LAG)
    }

    /// When to tell this word, which is news since `news`.
    fn due(&self, told: &Told, word: &Word, news: Duration, interval: Duration) -> Due {
        let kinds = [&told.word, word].map(|word| State::of(word.complaint.as_ref()));
        let is_urgent = kinds[0] != kinds[1] && kinds.contains(&State::Alone);
        if is_urgent {
            let spread = self.since + SETTLING + part(SPREAD, self.share);
            return Due {
                at: spread.max(told.moment + PRESENCE),
                is_a_turn: false,
            };
        }
        let earliest = news.max(told.moment + interval);
        if interval <= PRESENCE {
            // So few agents may come all at once.
            return Due {
                at: earliest,
                is_a_turn: false,
            };
        }
        let offset = part(interval, self.share);
        let turns = earliest.saturating_sub(offset).as_nanos();
        let turns = turns.div_ceil(interval.as_nanos());
        Due {
            at: offset + interval * u32::try_from(turns).unwrap_or(u32::MAX),
            is_a_turn: true,
        }
    }
}

/// That the file lags behind.
fn lag() -> Complaint {
    Complaint {
        text: "the names that were published last are not in the file".to_owned(),
        is_shared: false,
    }
}

/// The part `share`, in 2⁻⁶⁴, of a time.
fn part(of: Duration, share: u64) -> Duration {
    let nanos = (of.as_nanos() * u128::from(share)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
