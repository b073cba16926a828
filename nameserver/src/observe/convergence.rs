//! How soon the agents have what is published: for each generation when the first, half, 99 % and the last of
//! them had it, or a later one.
//!
//! Pure: what was published and what agents told in, times out. All times are by the clock of the servers. An
//! agent in step tells no oftener than it is asked to, and of the newest generation only; of the earlier ones
//! that it passed over it is known that they came no later. What an event costs is the generations that it
//! concerns, and not the agents that there are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use contract::Agent;
use serde::{Serialize, Serializer};

/// How many generations are told of.
const KEPT: usize = 64;

/// What agents told of the newest generations.
#[derive(Debug, Clone, Default)]
pub struct Convergence {
    /// The newest that was seen to be published; 0 for none.
    newest: u64,
    /// The newest last.
    generations: VecDeque<Generation>,
    agents: BTreeMap<String, Known>,
    /// Those that have told of more than was seen to be published.
    ahead: BTreeSet<String>,
    /// What came of those that all have, or that will not be heard of any more.
    ended: Vec<Converged>,
}

/// A generation on its way.
#[derive(Debug, Clone)]
struct Generation {
    number: u64,
    published: SystemTime,
    /// How long an agent in step may take to tell of it.
    patience: Duration,
    /// How long each of those that have it took, in milliseconds.
    took: Vec<u32>,
    /// How many of those that were there have not told of it.
    waiting: usize,
    is_ended: bool,
}

/// What is known of an agent.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// The newest generation when it came: it is not waited for with that.
    came: u64,
    applied: u64,
    /// When it had that.
    at: SystemTime,
}

/// How far one generation has come, as far as agents have told. What is not known yet is none, and what is known
/// may become shorter, as one tells later that had it sooner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Converged {
    /// The generation.
    pub generation: u64,
    /// The agents that were there when it was published, less those that went without it.
    pub agents: usize,
    /// Those of them that have it, or a later one.
    pub applied: usize,
    /// After what time the first one had it, in milliseconds.
    #[serde(rename = "first_ms", serialize_with = "millis")]
    pub first: Option<Duration>,
    /// After what time half of them had it.
    #[serde(rename = "half_ms", serialize_with = "millis")]
    pub half: Option<Duration>,
    /// After what time 99 % of them had it.
    #[serde(rename = "most_ms", serialize_with = "millis")]
    pub most: Option<Duration>,
    /// After what time the last one had it.
    #[serde(rename = "last_ms", serialize_with = "millis")]
    pub last: Option<Duration>,
}

fn millis<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_millis()).serialize(to)
}

impl Convergence {
    /// A generation is published since `at`, of which agents in step tell within `patience`.
    pub fn published(&mut self, number: u64, at: SystemTime, patience: Duration) {
        if number == self.newest {
            return;
        }
        if number < self.newest {
            // Another history: what was told of the one before says nothing of this one.
            self.generations.clear();
            self.ahead.clear();
            let agents = self.agents.values_mut();
            agents.for_each(|agent| (agent.came, agent.applied) = (0, 0));
        }
        self.newest = number;
        self.generations.push_back(Generation {
            number,
            published: at,
            patience,
            took: Vec::new(),
            waiting: self.agents.len(),
            is_ended: false,
        });
        for id in std::mem::take(&mut self.ahead) {
            let Some(agent) = self.agents.get(&id) else {
                continue;
            };
            if agent.applied > number {
                self.ahead.insert(id);
            }
            if agent.applied >= number && agent.came < number {
                self.took(agent.at);
            }
        }
        if self.generations.len() > KEPT {
            self.end(0);
            self.generations.pop_front();
        }
        self.end_complete(self.generations.len() - 1);
    }

    /// The one that was published last has come to an agent.
    fn took(&mut self, at: SystemTime) {
        if let Some(generation) = self.generations.back_mut() {
            generation.waiting = generation.waiting.saturating_sub(1);
            generation.has(at);
        }
    }

    /// An agent had this generation, or a later one than that it told of before, since `at`.
    pub fn told(&mut self, id: &str, applied: u64, at: SystemTime) {
        let newest = self.newest;
        let Some(agent) = self.agents.get_mut(id) else {
            let came = newest;
            self.agents
                .insert(id.to_owned(), Known { came, applied, at });
            if applied > newest {
                self.ahead.insert(id.to_owned());
            }
            return;
        };
        let before = agent.applied.max(agent.came);
        if applied != agent.applied {
            (agent.applied, agent.at) = (applied, at);
        }
        if applied > newest {
            self.ahead.insert(id.to_owned());
        } else {
            self.ahead.remove(id);
        }
        let first = self.first_after(before);
        for place in first..self.generations.len() {
            let generation = &mut self.generations[place];
            if generation.number > applied {
                break;
            }
            generation.waiting = generation.waiting.saturating_sub(1);
            generation.has(at);
            self.end_complete(place);
        }
    }

    /// The same, of what stands in the agent's znode since `at`.
    pub fn heard(&mut self, id: &str, agent: &Agent, at: SystemTime) {
        let ago = Duration::from_millis(agent.ago_ms.unwrap_or(0));
        self.told(id, agent.applied, at.checked_sub(ago).unwrap_or(at));
    }

    /// An agent runs no longer.
    pub fn gone(&mut self, id: &str) {
        self.ahead.remove(id);
        let Some(agent) = self.agents.remove(id) else {
            return;
        };
        let first = self.first_after(agent.applied.max(agent.came));
        for place in first..self.generations.len() {
            let generation = &mut self.generations[place];
            generation.waiting = generation.waiting.saturating_sub(1);
            self.end_complete(place);
        }
    }

    /// How far a generation has come; none where it is not told of, or not any more.
    pub fn of(&self, number: u64) -> Option<Converged> {
        let place = self
            .generations
            .binary_search_by_key(&number, |of| of.number)
            .ok()?;
        Some(self.generations[place].converged())
    }

    /// What came of the generations that ended since this was asked for last: all agents have them, or those
    /// that do not have had their time `now`.
    pub fn ended(&mut self, now: SystemTime) -> Vec<Converged> {
        for place in 0..self.generations.len() {
            let generation = &self.generations[place];
            let age = now.duration_since(generation.published).unwrap_or_default();
            if age > generation.patience {
                self.end(place);
            }
        }
        std::mem::take(&mut self.ended)
    }

    /// The place of the first generation that is later than this one.
    fn first_after(&self, number: u64) -> usize {
        self.generations.partition_point(|of| of.number <= number)
    }

    fn end_complete(&mut self, place: usize) {
        if self.generations[place].waiting == 0 {
            self.end(place);
        }
    }

    fn end(&mut self, place: usize) {
        let generation = &mut self.generations[place];
        // Where nobody asks, the latest are enough.
        if !std::mem::replace(&mut generation.is_ended, true) && !generation.took.is_empty() {
            if self.ended.len() >= 4 * KEPT {
                self.ended.drain(..KEPT);
            }
            self.ended.push(generation.converged());
        }
    }
}

impl Generation {
    fn has(&mut self, at: SystemTime) {
        let took = at.duration_since(self.published).unwrap_or_default();
        let took = took.as_millis().try_into().unwrap_or(u32::MAX);
        self.took.push(took);
    }

    fn converged(&self) -> Converged {
        let (applied, agents) = (self.took.len(), self.took.len() + self.waiting);
        let mut took = self.took.clone();
        took.sort_unstable();
        let after = |count: usize| {
            let millis = took.get(count.checked_sub(1)?)?;
            Some(Duration::from_millis((*millis).into()))
        };
        Converged {
            generation: self.number,
            agents,
            applied,
            first: after(agents.min(1)),
            half: after(agents.div_ceil(2)),
            most: after((agents * 99).div_ceil(100)),
            last: after(agents),
        }
    }
}

#[cfg(test)]
#[path = "convergence_tests.rs"]
mod tests;
