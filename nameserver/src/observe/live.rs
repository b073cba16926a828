//! What stands below `STATE`, followed live: what replicas and agents there are, what was published lately, and
//! how soon the agents have it. Every replica that is asked over HTTP follows it, whoever leads.
//!
//! What it costs is what is written there. What is told of it is put together when somebody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use contract::{Agent, Head, MAX_ENCODED_BYTES, MAX_INDEX_BYTES, State, ZnodePath, plain};
use daemon::{Histogram, Limit, Limits as Bounds};
use futures::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::watch;
use zookeeper::{Connection, Error, Follower, Retry, Session, Znode, is_candidate};

use crate::observe::convergence::{Converged, Convergence};
use crate::observe::feed::{Entry, Feed};
use crate::observe::lost::{Lately, Lost};
use crate::observe::overview::{Findings, Overview, PATIENCE, Written};
use crate::publish::agreement::Found;

/// The time between two tries on a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How many znodes are read at once.
const IN_FLIGHT: usize = 64;
/// How many agents are told apart: everybody may write there.
const MOST_AGENTS: usize = 10_000;
/// How many agents that are behind are named.
const SHOWN: usize = 100;
/// How much of what one znode holds is kept; more is junk.
const MOST_BYTES: usize = 4 * 1024;

/// What stands below `STATE`. All clones are one.
#[derive(Debug, Clone)]
pub struct Live {
    state: State,
    seen: Arc<Mutex<Seen>>,
    found: watch::Receiver<Found>,
    news: watch::Sender<()>,
    times: Times,
    limit: Limit,
}

/// How soon agents had each generation.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// The first one.
    pub first: Histogram,
    /// Half of them.
    pub half: Histogram,
    /// 99 % of them.
    pub most: Histogram,
    /// The last one.
    pub last: Histogram,
}

impl Times {
    fn observe(&self, converged: &Converged) {
        let Converged {
            first,
            half,
            most,
            last,
            ..
        } = *converged;
        for (times, took) in [
            (&self.first, first),
            (&self.half, half),
            (&self.most, most),
            (&self.last, last),
        ] {
            if let Some(took) = took {
                times.observe(took);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// It was read over the present connection, and is followed since.
    is_current: bool,
    hosts: Option<Znode>,
    /// How large each page is that it names; none where that is not known.
    pages: BTreeMap<String, Option<usize>>,
    hold: Option<Vec<u8>>,
    candidates: BTreeMap<String, Znode>,
    aside: BTreeMap<String, Vec<u8>>,
    agents: BTreeMap<String, Written>,
    lost: Lost,
    feed: Feed,
    convergence: Convergence,
}

/// How large what is published is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// `STATE/hosts` itself.
    pub head: usize,
    /// How many pages it names.
    pub pages: usize,
    /// And what they hold together.
    pub in_pages: usize,
}

/// The most bytes that may be published, in one znode each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// In `STATE/hosts`, where the names are in pages.
    pub index: usize,
    /// In a page.
    pub page: usize,
}

/// Something below `STATE` that is told of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Before the agents, who tell of it.
    Hosts,
    Hold,
    Candidate(String),
    Aside(String),
    Agent(String),
}

/// What all replicas and agents do, as `/status` tells it.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Whether it is followed; else it is what was seen last.
    pub is_current: bool,
    /// How large what is published is.
    pub bytes: Bytes,
    /// How large it may be.
    pub limits: Limits,
    /// How many agents are behind, though some of them only are named.
    pub not_in_step: usize,
    /// Those that went lately.
    pub lost: Option<Lately>,
    /// All else.
    #[serde(flatten)]
    pub overview: Overview,
}

/// One generation, and how far it has come.
#[derive(Debug, Clone, Serialize)]
pub struct Generation {
    /// What it changed.
    #[serde(flatten)]
    pub entry: Entry,
    /// How far it has come; none where another one was published before this replica saw it.
    pub converged: Option<Converged>,
}

impl Live {
    /// Nothing is known yet of `state`. What names had before is looked up in what is `found` in the tree.
    pub fn new(state: State, found: watch::Receiver<Found>, limits: &Bounds) -> Self {
        let most = MOST_AGENTS as u64;
        let then = "any more are not told of";
        Self {
            limit: limits.limit("agents", most, then),
            state,
            seen: Arc::default(),
            found,
            news: watch::Sender::default(),
            times: Times::default(),
        }
    }

    /// Told when there is something new.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Whether it is followed, so that what is missing is not there.
    pub fn is_current(&self) -> bool {
        self.seen().is_current
    }

    /// Who leads, what is published and held, and which agents are behind, as far as it was seen last.
    pub fn overview(&self, now: SystemTime) -> Overview {
        let seen = self.seen();
        let found = seen.findings();
        drop(seen);
        Overview::new(&self.state, found, now)
    }

    /// The same, as it is told over HTTP.
    pub fn told(&self, now: SystemTime) -> Told {
        let (is_current, bytes) = (self.is_current(), self.bytes());
        let mut overview = self.overview(now);
        let not_in_step = overview.behind.len();
        overview.behind.truncate(SHOWN);
        Told {
            is_current,
            bytes,
            limits: Limits {
                index: MAX_INDEX_BYTES,
                page: MAX_ENCODED_BYTES,
            },
            not_in_step,
            lost: self.seen().lost.lately(now),
            overview,
        }
    }

    /// How large what is published is.
    pub fn bytes(&self) -> Bytes {
        self.seen().bytes()
    }

    /// What was published lately, the newest first.
    pub fn generations(&self) -> Vec<Generation> {
        let seen = self.seen();
        let entries = seen.feed.entries();
        let generations = entries.map(|entry| Generation {
            entry: entry.clone(),
            converged: seen.convergence.of(entry.generation),
        });
        generations.collect()
    }

    /// When what is published was written, by the clock of the servers.
    pub fn published(&self) -> Option<SystemTime> {
        let seen = self.seen();
        seen.hosts.as_ref().map(|znode| znode.stat.mtime)
    }

    /// How soon agents had the generations that ended by now.
    pub fn times(&self, now: SystemTime) -> &Times {
        for converged in self.seen().convergence.ended(now) {
            self.times.observe(&converged);
        }
        &self.times
    }

    /// Follows it for ever.
    pub async fn follow(mut self, session: Session) {
        match session
            .follow(&mut self, Retry::new(RETRY.0, RETRY.1))
            .await {}
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, place: &Place) -> Option<ZnodePath> {
        let state = &self.state;
        match place {
            Place::Hosts => Some(state.hosts()),
            Place::Hold => Some(state.hold()),
            Place::Candidate(component) => state.election().child(component).ok(),
            Place::Aside(component) => state.aside().child(component).ok(),
            Place::Agent(component) => state.agents().child(component).ok(),
        }
    }

    /// Where an event happened, if that is of interest.
    fn place(&self, path: &ZnodePath) -> Option<Place> {
        let state = &self.state;
        if *path == state.hosts() {
            return Some(Place::Hosts);
        }
        if *path == state.hold() {
            return Some(Place::Hold);
        }
        let (parent, component) = (path.parent()?, path.component().to_owned());
        match parent {
            parent if parent == state.agents() => Some(Place::Agent(component)),
            parent if parent == state.election() => Some(Place::Candidate(component)),
            parent if parent == state.aside() => Some(Place::Aside(component)),
            _ => None,
        }
    }

    /// All that there is, and all that there was.
    async fn all(&self, connection: &Connection) -> Result<BTreeSet<Place>, Error> {
        let (election, aside, agents) = (
            self.state.election(),
            self.state.aside(),
            self.state.agents(),
        );
        let (candidates, aside, agents) = tokio::try_join!(
            connection.children(&election),
            connection.children(&aside),
            connection.children(&agents),
        )?;
        let some = |children: Option<Vec<String>>, place: fn(String) -> Place| {
            children.unwrap_or_default().into_iter().map(place)
        };
        let mut places = self.seen().places();
        places.extend(some(candidates, Place::Candidate));
        places.extend(some(aside, Place::Aside));
        places.extend(some(agents, Place::Agent).take(MOST_AGENTS));
        Ok(places)
    }

    /// Reads what changed, and takes it in.
    async fn look(&self, connection: &Connection, places: BTreeSet<Place>) -> Result<(), Error> {
        if places.contains(&Place::Hosts) {
            let znode = connection.read(&self.state.hosts()).await?;
            self.take_in(Place::Hosts, znode);
            self.measure_pages(connection).await?;
        }
        let rest = places.into_iter().filter(|place| *place != Place::Hosts);
        let reads = rest.filter_map(|place| Some((self.path(&place)?, place)));
        let reads = reads.map(|(path, place)| async move {
            let znode = connection.read(&path).await;
            znode.map(|znode| (place, znode))
        });
        let mut reads = stream::iter(reads).buffer_unordered(IN_FLIGHT);
        while let Some(read) = reads.next().await {
            let (place, znode) = read?;
            self.take_in(place, znode);
        }
        Ok(())
    }

    /// How large the pages are that were not known before.
    async fn measure_pages(&self, connection: &Connection) -> Result<(), Error> {
        let unknown = self.seen().unknown_pages();
        let hosts = &self.state.hosts();
        let stats = unknown.into_iter().filter_map(|page| {
            let path = hosts.child(&page).ok()?;
            Some(async move { connection.stat(&path).await.map(|stat| (page, stat)) })
        });
        let mut stats = stream::iter(stats).buffer_unordered(IN_FLIGHT);
        while let Some(stat) = stats.next().await {
            if let (page, Some(stat)) = stat? {
                let bytes = stat.data_length.try_into().unwrap_or(0);
                self.seen().pages.insert(page, Some(bytes));
            }
        }
        Ok(())
    }

    fn take_in(&self, place: Place, znode: Option<Znode>) {
        if place == Place::Hosts {
            let tree = self.found.borrow().clone();
            self.seen().published(znode, tree.as_ref());
        } else {
            let mut seen = self.seen();
            seen.take_in(place, znode);
            self.limit.used(seen.agents.len() as u64);
        }
    }

    fn is_current_now(&self, is_current: bool) {
        self.seen().is_current = is_current;
        self.news.send_replace(());
    }
}

impl Seen {
    fn places(&self) -> BTreeSet<Place> {
        let candidates = self.candidates.keys().cloned().map(Place::Candidate);
        let aside = self.aside.keys().cloned().map(Place::Aside);
        let agents = self.agents.keys().cloned().map(Place::Agent);
        let all = [Place::Hosts, Place::Hold].into_iter();
        all.chain(candidates).chain(aside).chain(agents).collect()
    }

    fn findings(&self) -> Findings {
        let mut candidates: Vec<_> = self.candidates.iter().collect();
        candidates.sort_by_key(|(_, znode)| znode.stat.czxid);
        let own = |name: &String| plain(name).into_owned();
        Findings {
            hosts: self.hosts.as_ref().map(written),
            hold: self.hold.clone(),
            candidates: candidates
                .into_iter()
                .map(|(name, znode)| (own(name), znode.data.clone()))
                .collect(),
            aside: self
                .aside
                .iter()
                .map(|(name, data)| (own(name), data.clone()))
                .collect(),
            agents: self
                .agents
                .iter()
                .map(|(name, word)| (own(name), word.clone()))
                .collect(),
        }
    }

    fn bytes(&self) -> Bytes {
        Bytes {
            head: self.hosts.as_ref().map_or(0, |znode| znode.data.len()),
            pages: self.pages.len(),
            in_pages: self.pages.values().flatten().sum(),
        }
    }

    fn unknown_pages(&self) -> Vec<String> {
        let unknown = self.pages.iter().filter(|(_, bytes)| bytes.is_none());
        unknown.map(|(page, _)| page.clone()).collect()
    }

    fn published(&mut self, znode: Option<Znode>, tree: Option<&contract::Hosts>) {
        let head = znode.as_ref().map(|znode| Head::decode(&znode.data));
        let mut known = std::mem::take(&mut self.pages);
        if let Some(Ok(Head::Paged(index))) = &head {
            let pages = index.pages.iter().map(|page| page.component());
            let pages = pages.map(|page| {
                let bytes = known.remove(&page).flatten();
                (page, bytes)
            });
            self.pages = pages.collect();
        }
        if let (Some(Ok(head)), Some(znode)) = (head, &znode) {
            let patience = 2 * head.presence() + PATIENCE;
            let at = znode.stat.mtime;
            self.convergence.published(head.generation(), at, patience);
            self.feed.read(head, at, tree);
        }
        self.hosts = znode;
    }

    fn take_in(&mut self, place: Place, znode: Option<Znode>) {
        match (place, znode) {
            (Place::Hosts, _) => {}
            (Place::Hold, znode) => self.hold = znode.map(|znode| znode.data),
            (Place::Candidate(name), Some(znode)) if is_candidate(&name, &znode.stat) => {
                self.candidates.insert(name, short(znode));
            }
            (Place::Candidate(name), _) => drop(self.candidates.remove(&name)),
            (Place::Aside(name), Some(znode)) => {
                self.aside.insert(name, short(znode).data);
            }
            (Place::Aside(name), None) => drop(self.aside.remove(&name)),
            (Place::Agent(name), Some(znode)) => self.told(name, short(znode)),
            (Place::Agent(name), None) => {
                self.convergence.gone(&name);
                if let Some(word) = self.agents.remove(&name) {
                    let host = Agent::decode(&word.data).ok().and_then(|agent| agent.host);
                    let name = plain(&name).into_owned();
                    self.lost.gone(name, host, SystemTime::now());
                }
            }
        }
    }

    fn told(&mut self, name: String, znode: Znode) {
        if self.agents.len() >= MOST_AGENTS && !self.agents.contains_key(&name) {
            return;
        }
        let word = written(&znode);
        if let Ok(agent) = Agent::decode(&word.data) {
            self.convergence.heard(&name, &agent, word.at);
        }
        let shown = plain(&name).into_owned();
        if self.agents.insert(name, word).is_none() {
            self.lost.back(&shown);
        }
    }
}

fn written(znode: &Znode) -> Written {
    Written {
        data: znode.data.clone(),
        at: znode.stat.mtime,
        since: znode.stat.ctime,
    }
}

fn short(mut znode: Znode) -> Znode {
    if znode.data.len() > MOST_BYTES {
        znode.data.clear();
    }
    znode
}

impl Follower for Live {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let followed = self.follow_over(connection, retry).await;
        self.is_current_now(false);
        followed
    }

    /// Whatever keeps this from being read is told by those who work with it.
    fn complain(&mut self, error: &Error) {
        log::debug!("cannot follow {}: {error}", self.state.path());
    }
}

impl Live {
    async fn follow_over(
        &self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let mut watch = connection.watch(self.state.path()).await?;
        let all = self.all(connection).await?;
        self.look(connection, all).await?;
        self.seen().lost.follows(SystemTime::now());
        self.is_current_now(true);
        retry.succeeded();
        loop {
            let mut changed: BTreeSet<_> =
                self.place(&watch.next().await?.path).into_iter().collect();
            while let Some(event) = watch.try_next()? {
                changed.extend(self.place(&event.path));
            }
            if !changed.is_empty() {
                self.look(connection, changed).await?;
                self.news.send_replace(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zookeeper::Stat;

    fn znode(data: &str, millis: u64) -> Znode {
        Znode {
            data: data.into(),
            stat: Stat {
                czxid: 1,
                mzxid: 1,
                ctime: SystemTime::UNIX_EPOCH,
                mtime: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
                pzxid: 1,
                version: 0,
                ephemeral_owner: 1,
                num_children: 0,
                data_length: 0,
            },
        }
    }

    fn head(generation: u64, millis: u64) -> Znode {
        let json = format!(
            r#"{{"domain":"","format":1,"generation":{generation},"hosts":{{}},"leader":"ns1","names":0,"published":"2026-11-20T10:00:00.000Z","root":"/","zxid":1}}"#
        );
        znode(&json, millis)
    }

    #[test]
    fn an_agent_had_it_by_so_much_sooner_as_it_says() {
        let mut seen = Seen::default();
        seen.published(Some(head(1, 1_000)), None);
        let agent = |word: &str, millis| (Place::Agent("a1".into()), Some(znode(word, millis)));
        let (place, word) = agent(r#"{"applied":1}"#, 1_500);
        seen.take_in(place, word);
        seen.published(Some(head(2, 2_000)), None);
        let (place, word) = agent(r#"{"ago_ms":880,"applied":2}"#, 2_900);
        seen.take_in(place, word);
        let last = seen.convergence.of(2).unwrap().last;
        assert_eq!(last, Some(Duration::from_millis(20)));
        assert_eq!(
            seen.lost.lately(SystemTime::now()),
            None,
            "not followed yet"
        );
        seen.lost.follows(SystemTime::now());
        seen.take_in(Place::Agent("a1".into()), None);
        assert!(seen.agents.is_empty());
        let lost = |seen: &Seen| seen.lost.lately(SystemTime::now()).unwrap().agents;
        assert_eq!(lost(&seen)[0].id, "a1");
        let (place, word) = agent(r#"{"applied":2}"#, 3_900);
        seen.take_in(place, word);
        assert_eq!(lost(&seen), [], "it is back");
    }

    #[test]
    fn what_anybody_may_write_takes_up_no_more_than_so_much() {
        let mut seen = Seen::default();
        let long = format!(
            r#"{{"applied":1,"complaint":"{}"}}"#,
            "x".repeat(MOST_BYTES)
        );
        for number in 0..MOST_AGENTS + 10 {
            let word = if number == 0 { long.as_str() } else { "{}" };
            let place = Place::Agent(format!("a{number:06}"));
            seen.take_in(place, Some(znode(word, 1)));
        }
        assert_eq!(seen.agents.len(), MOST_AGENTS);
        assert_eq!(
            seen.agents["a000000"].data.len(),
            0,
            "junk is told of, and not kept"
        );
        seen.take_in(
            Place::Candidate("no candidate".into()),
            Some(znode("{}", 1)),
        );
        assert!(seen.candidates.is_empty());
    }
}
