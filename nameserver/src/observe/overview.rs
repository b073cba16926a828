//! `nameserver status`: who leads, what is published and held, and how far the agents are.
//!
//! Pure: what stands below `STATE` in, an overview out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use contract::{Agent, Candidate, Counted, Head, Held, State, ZnodePath};
use daemon::Health;
use serde::Serialize;

/// How many agents that are behind the text names.
const SHOWN: usize = 10;
/// How much longer than what the snapshot gives them agents may take to tell what they have applied.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What a znode holds, and since when by the clock of the servers.
#[derive(Debug, Clone)]
pub struct Written {
    /// The data.
    pub data: Vec<u8>,
    /// When they were written.
    pub at: SystemTime,
    /// When the znode was made.
    pub since: SystemTime,
}

/// What was read below `STATE`.
#[derive(Debug, Default)]
pub struct Findings {
    /// `STATE/hosts`, if it is there.
    pub hosts: Option<Written>,
    /// `STATE/hold`, if it is there.
    pub hold: Option<Vec<u8>>,
    /// The name and the data of each candidate's znode below `STATE/election`, in the order in which
    /// they were created: the first one leads.
    pub candidates: Vec<(String, Vec<u8>)>,
    /// The same below `STATE/aside`.
    pub aside: Vec<(String, Vec<u8>)>,
    /// The name of each znode below `STATE/agents`, and what it holds.
    pub agents: Vec<(String, Written)>,
}

/// The state of all daemons on one `STATE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// A replica leads and can publish, and a good snapshot is published.
    pub ok: bool,
    /// The same in one of the words of [`Health`].
    pub health: &'static str,
    /// Why not.
    pub reasons: Vec<String>,
    /// What somebody should look at, though names go out.
    pub remarks: Vec<String>,
    /// The replica that leads.
    pub leader: Option<String>,
    /// The others, in the order in which they would follow.
    pub standbys: Vec<String>,
    /// What is published.
    pub snapshot: Option<Published>,
    /// What is held, if anything.
    pub hold: Option<Held>,
    /// Agents with a live session.
    pub agents: usize,
    /// Those that say that they are not in step, or have not told of the newest generation though it was
    /// their turn, in the order of their ids.
    pub behind: Vec<Behind>,
    /// `STATE` was read, so that what is missing above is not there.
    #[serde(skip)]
    is_known: bool,
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The znode.
    pub znode: ZnodePath,
    /// Its generation.
    pub generation: u64,
    /// How many names it holds, held ones included.
    pub names: usize,
    /// When it was published.
    pub published: String,
    /// The replica that published it.
    pub leader: String,
    /// The newest transaction that it reflects.
    pub zxid: i64,
}

/// An agent that is not in step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Its id.
    pub id: String,
    /// What it has applied; 0 for nothing.
    pub applied: u64,
    /// Why it is not in step, as it says itself.
    pub complaint: Option<String>,
}

/// What agents are to have.
struct Newest {
    generation: u64,
    written: SystemTime,
    /// How long an agent in step may take to tell that it has it.
    patience: Duration,
}

/// A replica in the election.
struct Replica {
    id: String,
    complaint: Option<String>,
    shares_id: bool,
}

impl Overview {
    /// Looks through what was read below `state` just `now`.
    pub fn new(state: &State, found: Findings, now: SystemTime) -> Self {
        let znode = state.hosts();
        let mut reasons = Vec::new();
        let written = found.hosts.as_ref().map_or(now, |hosts| hosts.at);
        let head = found.hosts.map(|hosts| Head::decode(&hosts.data));
        let newest = match &head {
            Some(Ok(head)) => Some(Newest {
                generation: head.generation(),
                written,
                patience: 2 * head.presence() + PATIENCE,
            }),
            _ => None,
        };
        let snapshot = match head {
            None => {
                reasons.push(format!("nothing is published at {znode}"));
                None
            }
            Some(Err(error)) => {
                reasons.push(format!("{znode} holds no snapshot: {error}"));
                None
            }
            Some(Ok(head)) => Some(Published {
                znode,
                generation: head.generation(),
                names: head.names(),
                published: humantime::format_rfc3339_millis(head.published()).to_string(),
                leader: head.leader().to_owned(),
                zxid: head.zxid(),
            }),
        };
        let replicas = replicas(found.candidates);
        let aside = aside(found.aside);
        reasons.extend(match replicas.first() {
            None if !aside.is_empty() => Some("no nameserver leads".to_owned()),
            None => Some("no nameserver runs: start one with `nameserver run`".to_owned()),
            Some(leader) => leader.trouble(snapshot.as_ref()),
        });
        let agents = found.agents.len();
        let hold = found.hold.and_then(|data| Held::decode(&data).ok());
        let twins = twins(&found.agents);
        let behind = behind(found.agents, newest.as_ref(), now);
        let mut remarks: Vec<String> = hold.iter().map(Held::remark).collect();
        remarks.extend(remark_on_agents(agents, behind.len()));
        remarks.extend(twins);
        remarks.extend(remarks_on_replicas(&replicas));
        remarks.extend(aside);
        let mut ids = replicas.into_iter().map(|replica| replica.id);
        Self {
            leader: ids.next(),
            standbys: ids.collect(),
            snapshot,
            hold,
            agents,
            behind,
            is_known: true,
            ..Self::of(Health { reasons, remarks })
        }
    }

    /// An overview of which nothing is known but that `STATE` cannot be read.
    pub fn unknown(why: String) -> Self {
        Self::of(Health {
            reasons: vec![why],
            remarks: Vec::new(),
        })
    }

    fn of(health: Health) -> Self {
        Self {
            ok: health.is_healthy(),
            health: health.word(),
            reasons: health.reasons,
            remarks: health.remarks,
            leader: None,
            standbys: Vec::new(),
            snapshot: None,
            hold: None,
            agents: 0,
            behind: Vec::new(),
            is_known: false,
        }
    }

    /// Whether names go out, and what else there is to say.
    pub fn health(&self) -> Health {
        Health {
            reasons: self.reasons.clone(),
            remarks: self.remarks.clone(),
        }
    }

    /// Whether a replica leads that has not published yet, as in the first moment after a takeover.
    pub fn is_a_takeover(&self) -> bool {
        let published = self.snapshot.as_ref().map(|snapshot| &snapshot.leader);
        self.leader.is_some() && self.leader.as_ref() != published
    }

    /// 0 when healthy, remarks or not.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.ok))
    }
}

impl Replica {
    /// What keeps names from going out while this one leads. Each leader publishes when its time
    /// begins, so one that has not cannot, whether it can say so or not.
    fn trouble(&self, snapshot: Option<&Published>) -> Option<String> {
        let id = &self.id;
        match (&self.complaint, snapshot) {
            (Some(complaint), _) => Some(format!("{id} leads, but {complaint}")),
            (None, Some(Published { znode, leader, .. })) if leader != id => Some(format!(
                "{id} leads, but what is published at {znode} is {leader}'s; see the log of {id}"
            )),
            _ => None,
        }
    }
}

fn remark_on_agents(agents: usize, behind: usize) -> Option<String> {
    let verb = if behind == 1 { "is" } else { "are" };
    (behind > 0).then(|| format!("{behind} of {} {verb} behind", Counted(agents, "agent")))
}

fn remarks_on_replicas(replicas: &[Replica]) -> Vec<String> {
    let standbys = replicas.iter().skip(1).filter_map(|replica| {
        let complaint = replica.complaint.as_ref()?;
        Some(format!("{} stands by, but {complaint}", replica.id))
    });
    let sharing = replicas.iter().filter(|replica| replica.shares_id);
    let ids: BTreeSet<_> = sharing.map(|replica| &replica.id).collect();
    let twins = ids.into_iter().map(|id| {
        let count = replicas.iter().filter(|replica| replica.id == *id).count();
        format!(
            "{} with the id {id:?}: give each its own --id",
            Counted(count, "replica")
        )
    });
    standbys.chain(twins).collect()
}

/// What is to be said of replicas that do not stand for election.
fn aside(replicas: Vec<(String, Vec<u8>)>) -> Vec<String> {
    let replicas = replicas.into_iter().map(|(znode, data)| {
        let candidate = Candidate::decode(&data).ok();
        let why = candidate.and_then(|candidate| candidate.complaint);
        let why = why.unwrap_or_else(|| "not standing for election".to_owned());
        format!("{znode}: {why}")
    });
    replicas.collect()
}

/// What is to be said of agents that share an id: all but the first stand beside the znode of it.
fn twins(agents: &[(String, Written)]) -> Vec<String> {
    let mut counts = BTreeMap::<String, usize>::new();
    for (znode, word) in agents {
        let id = Agent::decode(&word.data).ok();
        let id = id.and_then(|agent| agent.id).filter(|id| id != znode);
        if let Some(id) = id {
            *counts.entry(id).or_insert(1) += 1;
        }
    }
    let twins = counts.into_iter().map(|(id, count)| {
        let agents = Counted(count, "agent");
        format!("{agents} with the id {id:?}: give each its own --id")
    });
    twins.collect()
}

/// The candidates, the leader's first.
fn replicas(candidates: Vec<(String, Vec<u8>)>) -> Vec<Replica> {
    let replicas = candidates
        .into_iter()
        .map(|(znode, data)| match Candidate::decode(&data) {
            Err(_) => Replica {
                id: znode,
                complaint: None,
                shares_id: false,
            },
            Ok(known) => Replica {
                id: known.id,
                complaint: known.complaint,
                shares_id: known.shares_id,
            },
        });
    replicas.collect()
}

/// Those that say that they are not in step, and those whose word is older than it can be.
fn behind(agents: Vec<(String, Written)>, newest: Option<&Newest>, now: SystemTime) -> Vec<Behind> {
    let words = agents.into_iter().map(|(id, Written { data, at, .. })| {
        let agent = Agent::decode(&data).ok();
        let behind = Behind {
            id,
            applied: agent.as_ref().map_or(0, |agent| agent.applied),
            complaint: agent.and_then(|agent| agent.complaint),
        };
        (behind, at)
    });
    let words: Vec<_> = words.collect();
    // Each generation was there when an agent told of it, or of a later one.
    let mut known = BTreeMap::new();
    let told = words.iter().map(|(agent, at)| (agent.applied, *at));
    for (generation, at) in told.chain(newest.map(|newest| (newest.generation, newest.written))) {
        let earliest = known.entry(generation).or_insert(at);
        *earliest = at.min(*earliest);
    }
    let mut earliest = None;
    for at in known.values_mut().rev() {
        *at = earliest.map_or(*at, |earliest| (*at).min(earliest));
        earliest = Some(*at);
    }
    let is_late = |applied: u64| {
        let newest = newest.filter(|newest| applied < newest.generation);
        let mut later = known.range((Bound::Excluded(applied), Bound::Unbounded));
        match (newest, later.next()) {
            (Some(newest), Some((_, since))) => {
                let waits = now.duration_since(*since).unwrap_or_default();
                waits > newest.patience
            }
            _ => false,
        }
    };
    let behind = words.into_iter().map(|(agent, _)| agent);
    let mut behind: Vec<_> = behind
        .filter(|agent| agent.complaint.is_some() || is_late(agent.applied))
        .collect();
    behind.sort_by(|one, other| one.id.cmp(&other.id));
    behind
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.health())?;
        if !self.is_known {
            return Ok(());
        }
        write!(
            f,
            "replicas    {} leads",
            self.leader.as_deref().unwrap_or("none")
        )?;
        if self.standbys.is_empty() {
            writeln!(f, ", no standby")?;
        } else {
            writeln!(f, ", standing by: {}", self.standbys.join(", "))?;
        }
        if let Some(snapshot) = &self.snapshot {
            let Published {
                znode,
                generation,
                names,
                published,
                leader,
                zxid,
            } = snapshot;
            let names = Counted(*names, "name");
            writeln!(
                f,
                "snapshot    {znode}: generation {generation}, {names}, published {published} by \
                 {leader}, zxid {zxid:#x}"
            )?;
        }
        match &self.hold {
            None => writeln!(f, "held        nothing"),
            Some(held) => writeln!(
                f,
                "held        {} that the tree lost ({}), until {}; `nameserver release` publishes now",
                Counted(held.names, "name"),
                held.list(),
                held.until()
            ),
        }?;
        let in_step = self.agents - self.behind.len();
        write!(f, "agents      {in_step} of {} in step", self.agents)?;
        for (i, agent) in self.behind.iter().take(SHOWN).enumerate() {
            let lead = if i == 0 { "; behind: " } else { ", " };
            write!(f, "{lead}{} at {}", agent.id, agent.applied)?;
            if let Some(complaint) = &agent.complaint {
                write!(f, " ({complaint})")?;
            }
        }
        let more = if self.behind.len() > SHOWN {
            ", …"
        } else {
            ""
        };
        writeln!(f, "{more}")
    }
}

#[cfg(test)]
mod tests;
