//! `nameserver agents`: which agents run, and how far each of them is.
//!
//! Pure: what stands below `STATE` in, rows out.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use contract::{Agent, AgentFiles, Counted, State};
use daemon::{Table, age};
use serde::Serialize;

use crate::observe::lost::Lately;
use crate::observe::overview::{Findings, Overview, Written};

/// All agents that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Roster {
    /// The generation that they are to have; 0 for none.
    pub generation: u64,
    /// How many of them are not in step.
    pub behind: usize,
    /// Those that are not in step first, then in the order of their ids.
    pub agents: Vec<Row>,
    /// Those that went lately, where a replica tells.
    pub lost: Option<Lately>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_unknown: Option<String>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The znode below `STATE/agents`, where it is not called so, since another agent has the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// How many agents have this id, where it is not the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<usize>,
    /// What its machine is called, where it tells.
    pub host: Option<String>,
    /// Its release, where it tells.
    pub version: Option<String>,
    /// Whether it has what it is to have, as far as it can have told.
    pub in_step: bool,
    /// The generation that it has told of; 0 for none.
    pub applied: u64,
    /// How many generations that is behind the newest: in step, it may just not have had to tell yet.
    pub generations_behind: u64,
    /// Why it is not in step, as it says.
    pub complaint: Option<String>,
    /// Its hosts file.
    pub hosts_file: String,
    /// How many files it keeps, and how many of them it cannot keep, where it is not just one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<AgentFiles>,
    /// How many names are in there.
    pub names: usize,
    /// Since when it is there.
    pub since: String,
    /// When it told that last.
    pub told: String,
    #[serde(skip)]
    times: (SystemTime, SystemTime),
}

impl Roster {
    /// The agents of what was found below `state` just `now`.
    pub fn new(state: &State, found: Findings, now: SystemTime) -> Self {
        let words = found.agents.clone();
        let overview = Overview::new(state, found, now);
        let newest = overview
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.generation);
        let is_behind = |znode: &str| {
            let place = overview
                .behind
                .binary_search_by(|agent| agent.id.as_str().cmp(znode));
            place.is_ok()
        };
        let rows = words.into_iter().map(|(znode, word)| {
            let in_step = !is_behind(&znode);
            Row::new(znode, &word, newest, in_step)
        });
        let mut agents: Vec<_> = rows.collect();
        let mut counts = BTreeMap::<String, usize>::new();
        for agent in &agents {
            *counts.entry(agent.id.clone()).or_default() += 1;
        }
        for agent in &mut agents {
            let count = counts.get(&agent.id).copied();
            agent.sharing = count.filter(|count| *count > 1);
        }
        agents.sort_by(|one, other| {
            (one.in_step, &one.id, &one.beside).cmp(&(other.in_step, &other.id, &other.beside))
        });
        Self {
            generation: newest,
            behind: overview.behind.len(),
            agents,
            lost: None,
            lost_unknown: None,
        }
    }

    /// As text; says how long ago all was before `now`.
    pub fn table(&self, now: SystemTime) -> Table<9> {
        let mut table = Table::new([
            "ID",
            "HOST",
            "VERSION",
            "GENERATION",
            "TOLD",
            "RUNS",
            "NAMES",
            "FILE",
            "WHY",
        ]);
        let ago = |at: SystemTime| age(now.duration_since(at).unwrap_or(Duration::ZERO));
        for row in &self.agents {
            let id = match row.sharing {
                Some(count) => format!("{} (one of {count})", row.id),
                None => row.id.clone(),
            };
            let generation = match row.generations_behind {
                0 => row.applied.to_string(),
                behind => format!("{} (-{behind})", row.applied),
            };
            let file = match row.files {
                None => row.hosts_file.clone(),
                Some(AgentFiles { count, failing: 0 }) => Counted(count, "file").to_string(),
                Some(AgentFiles { count, failing }) => {
                    format!("{}, {failing} failing", Counted(count, "file"))
                }
            };
            let why = match (&row.complaint, row.in_step) {
                (Some(complaint), _) => complaint.clone(),
                (None, false) => "it has not told of the newest generation in its time".to_owned(),
                (None, true) => String::new(),
            };
            let (since, told) = row.times;
            table.row([
                id,
                row.host.clone().unwrap_or_default(),
                row.version.clone().unwrap_or_default(),
                generation,
                ago(told),
                ago(since),
                row.names.to_string(),
                file,
                why,
            ]);
        }
        table
    }
}

impl Row {
    fn new(znode: String, word: &Written, newest: u64, in_step: bool) -> Self {
        let agent = Agent::decode(&word.data).ok();
        let applied = agent.as_ref().map_or(0, |agent| agent.applied);
        let id = agent.as_ref().and_then(|agent| agent.id.clone());
        let beside = id
            .as_ref()
            .filter(|id| **id != znode)
            .map(|_| znode.clone());
        let file = agent
            .as_ref()
            .map(|agent| agent.hosts_file.display().to_string());
        Self {
            id: id.unwrap_or(znode),
            beside,
            sharing: None,
            host: agent.as_ref().and_then(|agent| agent.host.clone()),
            version: agent.as_ref().and_then(|agent| agent.version.clone()),
            in_step,
            applied,
            generations_behind: newest.saturating_sub(applied),
            hosts_file: contract::plain(&file.unwrap_or_default()).into_owned(),
            files: agent.as_ref().and_then(|agent| agent.files),
            names: agent.as_ref().map_or(0, |agent| agent.names),
            since: daemon::time(word.since),
            told: daemon::time(word.at),
            times: (word.since, word.at),
            complaint: match agent {
                Some(agent) => agent.complaint,
                None => Some("its znode holds nothing of an agent".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::{Hosts, PRESENCE, Snapshot, ZnodePath};
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn found(agents: &[(&str, &str)]) -> Findings {
        let snapshot = Snapshot {
            domain: None,
            generation: 7,
            hosts: Hosts::new(),
            leader: "ns1".into(),
            presence: PRESENCE,
            published: at(1_000),
            root: ZnodePath::root(),
            sum: None,
            zxid: 1,
        };
        let written = |data: Vec<u8>| Written {
            data,
            at: at(1_000),
            since: at(100),
        };
        let words = agents
            .iter()
            .map(|(id, data)| ((*id).to_owned(), written(data.as_bytes().to_vec())));
        Findings {
            hosts: Some(written(snapshot.encode())),
            agents: words.collect(),
            ..Findings::default()
        }
    }

    fn roster(agents: &[(&str, &str)]) -> Roster {
        let state = State::new("/nameserver".parse().unwrap());
        Roster::new(&state, found(agents), at(1_060))
    }

    #[test]
    fn who_is_not_in_step_comes_first_and_says_why() {
        let roster = roster(&[
            (
                "a",
                r#"{"applied":7,"hosts_file":"/etc/hosts","names":2,"host":"h1","version":"0.1.0"}"#,
            ),
            (
                "b",
                r#"{"applied":5,"hosts_file":"/etc/hosts","names":2,"complaint":"cannot write /etc/hosts"}"#,
            ),
            (
                "a+2",
                r#"{"applied":7,"id":"a","names":2,"files":{"count":3,"failing":0}}"#,
            ),
            ("c", "junk"),
        ]);
        assert_eq!((roster.generation, roster.behind), (7, 2));
        assert_eq!(
            roster.table(at(1_060)).to_string(),
            "ID            HOST  VERSION  GENERATION  TOLD  RUNS  NAMES  FILE        WHY\n\
             b             -     -        5 (-2)      1m    16m   2      /etc/hosts  cannot write /etc/hosts\n\
             c             -     -        0 (-7)      1m    16m   0      -           its znode holds nothing of an agent\n\
             a (one of 2)  h1    0.1.0    7           1m    16m   2      /etc/hosts  -\n\
             a (one of 2)  -     -        7           1m    16m   2      3 files     -\n"
        );
    }

    proptest! {
        /// Everybody may write there: whatever does, each agent has one line.
        #[test]
        fn one_line_for_each_agent(agents in prop::collection::btree_map(".{1,8}", ".{0,8}", 0..6)) {
            let body = |text: &String| serde_json::json!({"applied": 7, "complaint": text, "id": text, "host": text, "hosts_file": text}).to_string();
            let agents: Vec<_> = agents.iter().map(|(id, text)| (contract::plain(id).into_owned(), body(text))).collect();
            let agents: Vec<_> = agents.iter().map(|(id, body)| (id.as_str(), body.as_str())).collect();
            let roster = roster(&agents);
            prop_assert_eq!(roster.table(at(1_060)).to_string().lines().count(), agents.len() + 1);
        }
    }
}
