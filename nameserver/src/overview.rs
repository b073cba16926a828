//! `nameserver status`: who leads, what is published and held, and how far the agents are.
//!
//! Pure: what stands below `STATE` in, an overview out.

use std::fmt;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use snapshot::{Counted, Snapshot, ZnodePath};

use crate::hold::Held;
use crate::incarnation::Incarnation;

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
    /// The same below `STATE/agents`.
    pub agents: Vec<(String, Vec<u8>)>,
}

/// The state of all daemons on one `STATE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// A replica leads, and a good snapshot is published.
    pub ok: bool,
    /// Why not.
    pub reasons: Vec<String>,
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

/// The data of an agent's znode, as far as it matters here.
#[derive(Deserialize)]
struct Agent {
    applied: u64,
}

impl Overview {
    /// Looks through what was read below `state`.
    pub fn new(state: &ZnodePath, found: Findings) -> Self {
        let znode = state.child("hosts").expect("a plain component");
        let mut reasons = Vec::new();
        let snapshot = found.hosts.map(|data| Snapshot::decode(&data));
        let snapshot = match snapshot {
            None => {
                reasons.push(format!("nothing is published at {znode}"));
                None
            }
            Some(Err(error)) => {
                reasons.push(format!("{znode} holds no snapshot: {error}"));
                None
            }
            Some(Ok(snapshot)) => Some(Published {
                znode,
                generation: snapshot.generation,
                names: snapshot.hosts.len(),
                published: humantime::format_rfc3339_millis(snapshot.published).to_string(),
                leader: snapshot.leader,
                zxid: snapshot.zxid,
            }),
        };
        let mut replicas = replicas(found.candidates).into_iter();
        let leader = replicas.next();
        if leader.is_none() {
            reasons.push("no nameserver runs: start one with `nameserver run`".to_owned());
        }
        let newest = snapshot.as_ref().map_or(0, |snapshot| snapshot.generation);
        let agents = found.agents.len();
        Self {
            ok: reasons.is_empty(),
            reasons,
            leader,
            standbys: replicas.collect(),
            snapshot,
            hold: found
                .hold
                .and_then(|data| serde_json::from_slice(&data).ok()),
            agents,
            behind: behind(found.agents, newest),
        }
    }

    /// 0 when all is well.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.ok))
    }
}

/// The ids of the candidates, the leader's first: the lowest sequence number leads.
fn replicas(mut candidates: Vec<(String, Vec<u8>)>) -> Vec<String> {
    let sequence = |znode: &str| znode.rsplit('-').next().map(str::to_owned);
    candidates.sort_by_cached_key(|(znode, _)| sequence(znode));
    let ids = candidates.into_iter().map(|(znode, data)| {
        let incarnation = serde_json::from_slice::<Incarnation>(&data);
        incarnation.map_or(znode, |incarnation| incarnation.id)
    });
    ids.collect()
}

fn behind(agents: Vec<(String, Vec<u8>)>, newest: u64) -> Vec<Behind> {
    let applied = agents.into_iter().map(|(id, data)| {
        let applied = serde_json::from_slice::<Agent>(&data).map_or(0, |agent| agent.applied);
        Behind { id, applied }
    });
    let mut behind: Vec<_> = applied.filter(|agent| agent.applied < newest).collect();
    behind.sort_by(|one, other| one.id.cmp(&other.id));
    behind
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ok {
            true => writeln!(f, "well"),
            false => writeln!(f, "not well: {}", self.reasons.join("; ")),
        }?;
        write!(
            f,
            "replicas    {} leads",
            self.leader.as_deref().unwrap_or("none")
        )?;
        match self.standbys.is_empty() {
            true => writeln!(f, ", no standby"),
            false => writeln!(f, ", standing by: {}", self.standbys.join(", ")),
        }?;
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
    use std::time::SystemTime;

    fn hosts(generation: u64) -> Option<Vec<u8>> {
        let snapshot = Snapshot {
            domain: None,
            generation,
            hosts: snapshot::Hosts::new(),
            leader: "ns1".into(),
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            zxid: 16,
        };
        Some(snapshot.encode())
    }

    fn candidate(sequence: u32, id: &str) -> (String, Vec<u8>) {
        let znode = format!("_c_0c2f-latch-{sequence:010}");
        (znode, Incarnation::current(id.into()).encode())
    }

    fn agent(id: &str, applied: &str) -> (String, Vec<u8>) {
        (id.into(), format!("{{\"applied\":{applied}}}").into_bytes())
    }

    #[test]
    fn all_is_well() {
        let found = Findings {
            hosts: hosts(7),
            hold: None,
            candidates: vec![candidate(10, "ns2"), candidate(9, "ns1")],
            agents: vec![agent("web-2", "7"), agent("web-1", "6"), agent("x", "junk")],
        };
        let overview = Overview::new(&"/nameserver".parse().unwrap(), found);
        assert!(overview.ok);
        assert_eq!(
            overview.to_string(),
            "well\n\
             replicas    ns1 leads, standing by: ns2\n\
             snapshot    /nameserver/hosts: generation 7, 0 names, published \
             1970-01-01T00:00:00.000Z by ns1, zxid 0x10\n\
             held        nothing\n\
             agents      1 of 3 in step; behind: web-1 at 6, x at 0\n"
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let state: ZnodePath = "/nameserver".parse().unwrap();
        let nothing = Overview::new(&state, Findings::default());
        let text = nothing.to_string();
        assert!(
            text.starts_with("not well: nothing is published at /nameserver/hosts; no nameserver"),
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
}
