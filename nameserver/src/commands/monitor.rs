//! `nameserver monitor`: what moves, while it does.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Instant;

use contract::{Agent, Head, Held, Name, Snapshot, State, ZnodePath, plain};
use daemon::warning;
use futures::{StreamExt, stream};
use serde_json::json;
use zookeeper::{Connection, Error, Follower, Retry};

use crate::commands::cli::{MonitorArgs, PROGRAM};
use crate::commands::following;
use crate::commands::name_glob::NameGlob;
use crate::observe::convergence::Convergence;
use crate::observe::feed::Move;
use crate::observe::monitor::{Waiting, givers, moves};
use crate::observe::overview::PATIENCE;
use crate::publish::driver::at;

/// How many znodes are read at once.
const IN_FLIGHT: usize = 64;
/// Of how many names of one generation the znode is looked for.
const LOOKED_FOR: usize = 100;
/// How many agents are told apart: everybody may write there.
const MOST_AGENTS: usize = 10_000;

pub(super) fn monitor(args: &MonitorArgs) -> anyhow::Result<ExitCode> {
    following::follow(&args.zookeeper, async |_| {
        Ok(Monitor {
            state: State::new(args.state.state.clone()),
            wanted: args.names.clone(),
            json: args.json,
            held: None,
            agents: HashMap::new(),
            is_begun: false,
            convergence: Convergence::default(),
            waiting: Waiting::default(),
            said: Vec::new(),
        })
    })
}

/// What was seen so far, across connections.
struct Monitor {
    state: State,
    wanted: Option<NameGlob>,
    json: bool,
    held: Option<Snapshot>,
    /// The hosts file of each agent that runs.
    agents: HashMap<String, String>,
    is_begun: bool,
    convergence: Convergence,
    waiting: Waiting,
    /// Lines of what is no name.
    said: Vec<(String, serde_json::Value)>,
}

impl Monitor {
    /// Says something that is about no name, unless only some names are of interest.
    fn say(&mut self, text: String, json: serde_json::Value) {
        if self.is_begun && self.wanted.is_none() {
            self.said.push((text, json));
        }
    }

    async fn hosts(&mut self, connection: &Connection) -> Result<(), Error> {
        let hosts = self.state.hosts();
        let Some(znode) = connection.read(&hosts).await? else {
            return Ok(());
        };
        let Ok(head) = Head::decode(&znode.data) else {
            return Ok(());
        };
        let (generation, presence) = (head.generation(), head.presence());
        let held = self.held.as_ref();
        if held.is_some_and(|held| held.generation == generation) {
            return Ok(());
        }
        // A page may have gone with a newer head, of which the watch tells.
        let before = held.filter(|held| held.generation < generation);
        let Ok(snapshot) = connection.complete(&hosts, head, before).await? else {
            return Ok(());
        };
        self.convergence
            .published(generation, znode.stat.mtime, 2 * presence + PATIENCE);
        if let Some(held) = self.held.take() {
            if held.leader != snapshot.leader {
                let leader = plain(&snapshot.leader);
                self.say(format!("{leader} leads"), json!({"leader": leader}));
            }
            let wants = |name: &Name| NameGlob::wants(self.wanted.as_ref(), name);
            let moves = moves(&held.hosts, &snapshot.hosts, wants);
            let moves = with_givers(connection, &snapshot, moves).await?;
            self.waiting
                .add(generation, znode.stat.mtime, moves, Instant::now());
        }
        self.held = Some(snapshot);
        Ok(())
    }

    async fn hold(&mut self, connection: &Connection) -> Result<(), Error> {
        let znode = connection.read(&self.state.hold()).await?;
        let held = znode.and_then(|znode| Held::decode(&znode.data).ok());
        match held {
            Some(held) => self.say(held.remark(), json!({"held": held})),
            None => self.say("nothing is held".into(), json!({"held": null})),
        }
        Ok(())
    }

    async fn agents(
        &mut self,
        connection: &Connection,
        ids: BTreeSet<String>,
    ) -> Result<(), Error> {
        let paths = ids
            .into_iter()
            .filter_map(|id| Some((self.state.agent(&id).ok()?, id)));
        let reads = paths.map(|(path, id)| async move {
            let znode = connection.read(&path).await?;
            Ok::<_, Error>((id, znode))
        });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(IN_FLIGHT);
        while let Some(read) = reads.next().await {
            let (id, znode) = read?;
            let shown = plain(&id).into_owned();
            let Some(znode) = znode else {
                self.convergence.gone(&id);
                if self.agents.remove(&id).is_some() {
                    self.say(
                        format!("agent {shown} is gone"),
                        json!({"agent": shown, "runs": false}),
                    );
                }
                continue;
            };
            let Ok(agent) = Agent::decode(&znode.data) else {
                continue;
            };
            if self.agents.len() >= MOST_AGENTS && !self.agents.contains_key(&id) {
                continue;
            }
            self.convergence.heard(&id, &agent, znode.stat.mtime);
            let complaint = agent.complaint.unwrap_or_default();
            let before = self.agents.insert(id, complaint.clone());
            match before {
                None => self.say(
                    format!("agent {shown} runs"),
                    json!({"agent": shown, "runs": true}),
                ),
                Some(before) if before != complaint => {
                    let text = match complaint.as_str() {
                        "" => format!("agent {shown} is in step again"),
                        why => format!("agent {shown} is not in step: {}", plain(why)),
                    };
                    self.say(
                        text,
                        json!({"agent": shown, "runs": true, "complaint": complaint}),
                    );
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Prints what there is to say.
    fn print(&mut self) -> anyhow::Result<()> {
        let lines = self.waiting.ready(&self.convergence, Instant::now());
        let mut stdout = BufWriter::new(daemon::stdout());
        for (text, json) in self.said.drain(..) {
            match self.json {
                true => writeln!(stdout, "{json}")?,
                false => writeln!(stdout, "{}", plain(&text))?,
            }
        }
        for line in lines {
            match self.json {
                true => writeln!(stdout, "{}", serde_json::to_string(&line)?)?,
                false => writeln!(stdout, "{}", plain(&line.to_string()))?,
            }
        }
        Ok(stdout.flush()?)
    }
}

/// Finds the znodes that give the names, as far as they are where they are looked for.
async fn with_givers(
    connection: &Connection,
    snapshot: &Snapshot,
    moves: Vec<Move>,
) -> Result<Vec<(Move, Option<ZnodePath>)>, Error> {
    let looks = moves
        .into_iter()
        .enumerate()
        .map(|(place, moved)| async move {
            let paths = givers(&moved.name, &snapshot.root, snapshot.domain.as_ref());
            if moved.after.is_none() {
                // It is where it was, most likely.
                return Ok((moved, paths.into_iter().next()));
            }
            for path in paths.into_iter().filter(|_| place < LOOKED_FOR) {
                if connection.stat(&path).await?.is_some() {
                    return Ok((moved, Some(path)));
                }
            }
            Ok::<_, Error>((moved, None))
        });
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffered(IN_FLIGHT);
    let mut found = Vec::new();
    while let Some(look) = looks.next().await {
        found.push(look?);
    }
    Ok(found)
}

impl Follower for Monitor {
    type End = anyhow::Result<()>;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<anyhow::Result<()>, Error> {
        let mut watch = connection.watch(self.state.path()).await?;
        connection.sync().await?;
        let (hosts, hold, agents) = (self.state.hosts(), self.state.hold(), self.state.agents());
        self.hosts(connection).await?;
        if self.held.is_none() && !self.is_begun {
            let text =
                format!("nothing is published at {hosts} yet; what moves is told from then on");
            daemon::notice(PROGRAM, &text);
        }
        let mut ids: BTreeSet<_> = self.agents.keys().cloned().collect();
        ids.extend(connection.children(&agents).await?.unwrap_or_default());
        self.agents(connection, ids).await?;
        self.is_begun = true;
        retry.succeeded();
        loop {
            if let Err(error) = self.print() {
                return Ok(Err(error));
            }
            let event = tokio::select! {
                event = watch.next() => event?,
                () = at(self.waiting.wake()) => continue,
            };
            let mut paths = BTreeSet::from([event.path]);
            while let Some(event) = watch.try_next()? {
                paths.insert(event.path);
            }
            if paths.contains(&hosts) {
                self.hosts(connection).await?;
            }
            if paths.contains(&hold) {
                self.hold(connection).await?;
            }
            let ids = paths
                .iter()
                .filter(|path| path.parent().as_ref() == Some(&agents));
            let ids: BTreeSet<_> = ids.map(|path| path.component().to_owned()).collect();
            self.agents(connection, ids).await?;
        }
    }

    fn complain(&mut self, error: &Error) {
        let state = self.state.path();
        warning(
            PROGRAM,
            &format!("cannot follow {state}: {error}; trying again"),
        );
    }
}
