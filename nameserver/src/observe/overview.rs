//! `nameserver status`: who leads, what is published and held, and how far the agents are.
//!
//! Pure: what stands below `STATE` in, an overview out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::ExitCode;

use contract::{Agent, Candidate, Counted, Head, Held, State, ZnodePath};
use daemon::Health;
use serde::Serialize;

/// How many agents that are behind the text names.
const SHOWN: usize = 10;

/// What was read below `STATE`.
#[derive(Debug, Default)]
pub struct Findings {
    /// `STATE/hosts`, if it is there.
    pub hosts: Option<Vec<u8>>,
    /// `STATE/hold`, if it is there.
    pub hold: Option<Vec<u8>>,
    /// The name and the data of each znode below `STATE/election`.
    pub candidates: Vec<(String, Vec<u8>)>,
    /// The same below `STATE/aside`.
    pub aside: Vec<(String, Vec<u8>)>,
    /// The same below `STATE/agents`.
    pub agents: Vec<(String, Vec<u8>)>,
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
    /// Those that have not applied the newest generation, in the order of their ids.
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

/// An agent that has not applied the newest generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Its id.
    pub id: String,
    /// What it has applied; 0 for nothing.
    pub applied: u64,
}

/// A replica in the election.
struct Replica {
    id: String,
    complaint: Option<String>,
    shares_id: bool,
}

impl Overview {
    /// Looks through what was read below `state`.
    pub fn new(state: &State, found: Findings) -> Self {
        let znode = state.hosts();
        let mut reasons = Vec::new();
        let head = found.hosts.map(|data| Head::decode(&data));
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
        let newest = snapshot.as_ref().map_or(0, |snapshot| snapshot.generation);
        let agents = found.agents.len();
        let hold = found.hold.and_then(|data| Held::decode(&data).ok());
        let twins = twins(&found.agents);
        let behind = behind(found.agents, newest);
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
fn twins(agents: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut counts = BTreeMap::<String, usize>::new();
    for (znode, data) in agents {
        let id = Agent::decode(data).ok();
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

/// The candidates, the leader's first: the lowest sequence number leads.
fn replicas(mut candidates: Vec<(String, Vec<u8>)>) -> Vec<Replica> {
    let sequence = |znode: &str| znode.rsplit('-').next().map(str::to_owned);
    candidates.sort_by_cached_key(|(znode, _)| sequence(znode));
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

fn behind(agents: Vec<(String, Vec<u8>)>, newest: u64) -> Vec<Behind> {
    let applied = agents.into_iter().map(|(id, data)| {
        let applied = Agent::decode(&data).map_or(0, |agent| agent.applied);
        Behind { id, applied }
    });
    let mut behind: Vec<_> = applied.filter(|agent| agent.applied < newest).collect();
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
        for (i, Behind { id, applied }) in self.behind.iter().take(SHOWN).enumerate() {
            let lead = if i == 0 { "; behind: " } else { ", " };
            write!(f, "{lead}{id} at {applied}")?;
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
mod tests {
    use super::*;
    use crate::publish::incarnation;
    use contract::Snapshot;

    fn state() -> State {
        State::new("/nameserver".parse().unwrap())
    }
    use std::time::SystemTime;

    fn hosts(generation: u64) -> Option<Vec<u8>> {
        let snapshot = Snapshot {
            domain: None,
            generation,
            hosts: contract::Hosts::new(),
            leader: "ns1".into(),
            presence: contract::PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            sum: None,
            zxid: 16,
        };
        Some(snapshot.encode())
    }

    fn candidate(sequence: u32, id: &str) -> (String, Vec<u8>) {
        let znode = format!("_c_0c2f-latch-{sequence:010}");
        (znode, incarnation::current(id.into()).encode())
    }

    fn agent(id: &str, applied: &str) -> (String, Vec<u8>) {
        (id.into(), format!("{{\"applied\":{applied}}}").into_bytes())
    }

    #[test]
    fn what_is_there_is_told() {
        let found = Findings {
            hosts: hosts(7),
            hold: None,
            aside: Vec::new(),
            candidates: vec![candidate(10, "ns2"), candidate(9, "ns1")],
            agents: vec![agent("web-2", "7"), agent("web-1", "6"), agent("x", "junk")],
        };
        let overview = Overview::new(&state(), found);
        assert!(overview.ok);
        assert_eq!(
            overview.to_string(),
            "healthy, but 2 of 3 agents are behind\n\
             replicas    ns1 leads, standing by: ns2\n\
             snapshot    /nameserver/hosts: generation 7, 0 names, published \
             1970-01-01T00:00:00.000Z by ns1, zxid 0x10\n\
             held        nothing\n\
             agents      1 of 3 in step; behind: web-1 at 6, x at 0\n"
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let state = state();
        let nothing = Overview::new(&state, Findings::default());
        let text = nothing.to_string();
        assert!(
            text.starts_with(
                "not healthy: nothing is published at /nameserver/hosts; no nameserver"
            ),
            "{text}"
        );
        let junk = Findings {
            hosts: Some(b"junk".to_vec()),
            hold: Some(b"junk".to_vec()),
            ..Findings::default()
        };
        let junk = Overview::new(&state, junk);
        assert!(junk.reasons[0].starts_with("/nameserver/hosts holds no snapshot"));
        assert_eq!(junk.hold, None);
    }

    #[test]
    fn nothing_is_claimed_of_what_could_not_be_read() {
        let overview = Overview::unknown("ZooKeeper is away".into());
        assert_eq!(overview.to_string(), "not healthy: ZooKeeper is away\n");
    }

    /// What the status says of these candidates, with one agent in step.
    fn said_of(candidates: Vec<(String, Vec<u8>)>, agents: &[(&str, &str)]) -> String {
        let agents = agents.iter().map(|(znode, data)| {
            let data = format!("{{\"applied\":7,{data}\"names\":1}}");
            ((*znode).to_owned(), data.into_bytes())
        });
        let found = Findings {
            hosts: hosts(7),
            hold: None,
            aside: Vec::new(),
            candidates,
            agents: agents.collect(),
        };
        let overview = Overview::new(&state(), found);
        assert_eq!(overview.ok, overview.reasons.is_empty());
        overview.health().to_string()
    }

    fn complaining(sequence: u32, id: &str, shares_id: bool) -> (String, Vec<u8>) {
        let mut incarnation = incarnation::current(id.into());
        incarnation.complaint = (!shares_id).then(|| "cannot write".into());
        incarnation.shares_id = shares_id;
        (candidate(sequence, id).0, incarnation.encode())
    }

    #[test]
    fn a_leader_that_cannot_publish_is_not_healthy() {
        let one = [("one", "")];
        let leader = vec![complaining(1, "ns1", false), candidate(2, "ns2")];
        assert_eq!(
            said_of(leader, &one),
            "not healthy: ns1 leads, but cannot write"
        );
        let standby = vec![candidate(1, "ns1"), complaining(2, "ns2", false)];
        assert_eq!(
            said_of(standby, &one),
            "healthy, but ns2 stands by, but cannot write"
        );
        // One that cannot even say so.
        assert_eq!(
            said_of(vec![candidate(2, "ns2")], &one),
            "not healthy: ns2 leads, but what is published at /nameserver/hosts is ns1's; see the \
             log of ns2"
        );
    }

    #[test]
    fn one_that_does_not_stand_is_told_of_and_does_not_lead() {
        let aside = |candidates| {
            let mut found = Findings {
                hosts: hosts(7),
                candidates,
                ..Findings::default()
            };
            let mut differs = incarnation::current("ns2".into());
            differs.complaint = Some("not standing for election: --root /a (published: /b)".into());
            found.aside.push(("ns2".into(), differs.encode()));
            Overview::new(&state(), found).health().to_string()
        };
        assert_eq!(
            aside(vec![candidate(1, "ns1")]),
            "healthy, but ns2: not standing for election: --root /a (published: /b)"
        );
        let nobody = aside(Vec::new());
        assert!(
            nobody.starts_with("not healthy: no nameserver leads"),
            "{nobody}"
        );
    }

    #[test]
    fn two_of_one_id_are_counted() {
        let replicas = vec![complaining(1, "ns1", true), complaining(2, "ns1", true)];
        let agents = [("one", ""), ("one+2", "\"id\":\"one\","), ("two", "")];
        assert_eq!(
            said_of(replicas, &agents),
            "healthy, but 2 agents with the id \"one\": give each its own --id; 2 replicas with \
             the id \"ns1\": give each its own --id"
        );
    }
}
