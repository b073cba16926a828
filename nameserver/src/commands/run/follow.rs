//! The daemon: follow the tree, keep the names, publish.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use contract::{Head, Hosts, MAX_ADDRESSES_PER_NAME, Name, State};
use daemon::{Histogram, Limit, Limits, Signal, Signals, Tasks};
use indicatif::ProgressBar;
use log::{error, info};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use zookeeper::{Connection, Error, Follower, Retry, Session};

use super::tree::Following;
use crate::commands::check::explain::Explanation;
use crate::dns::SharedZones;
use crate::ingest::resolver::Resolver;
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::observe::ask::{Asked, Giver, Question, Questions};
use crate::observe::listing::{self, Times};
use crate::observe::problems::Problems;
use crate::observe::status::Progress;
use crate::publish::Role;
use crate::publish::access;
use crate::publish::agreement::{Agreement, Differs, Found};
use crate::publish::draft::Draft;
use crate::publish::driver::Publisher;
use crate::publish::hold::Hold;
use crate::publish::mending::Mending;
use crate::publish::notice::Notice;

/// Delays after the tree could not be followed. The longest one is short, since both daemons are to
/// be in step soon after ZooKeeper is well again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// The daemon's state, across connections.
#[derive(Debug)]
pub struct Nameserver {
    pub(super) scope: Scope,
    pub(super) namespace: Namespace,
    id: String,
    pub(super) publisher: Publisher,
    pub(super) problems: Problems,
    pub(super) resolver: Resolver,
    /// What DNS is answered from, if it is.
    pub(super) zones: Option<SharedZones>,
    pub(super) progress: fn() -> ProgressBar,
    /// Why the tree could not be followed, as the log knows it.
    complaint: Option<String>,
    /// How often the whole tree was read.
    pub(super) walks: u64,
    /// How many znodes a walk found otherwise than the watch had told.
    pub(super) repairs: u64,
    /// Notified when the whole tree is to be read again.
    asked: Arc<Notify>,
    told: watch::Sender<Progress>,
    /// What tells the other replicas; none once it is at work.
    notice: Option<Notice>,
    /// The complaint that it tells.
    noticed: watch::Sender<Option<String>>,
    /// What compares what is published with the tree; none once it is at work.
    agreement: Option<Agreement>,
    found: watch::Sender<Found>,
    /// The names of the tree that is followed, or was last.
    names: watch::Sender<Hosts>,
    differs: watch::Receiver<Option<Differs>>,
    /// What looks after the state; none once it is at work.
    mending: Option<Mending>,
    leads: watch::Sender<bool>,
    /// What of the state it cannot mend.
    unmended: watch::Receiver<Option<String>>,
    /// What people ask over HTTP.
    questions: Questions,
    limits: Limits,
    pages: Limit,
    addresses: Limit,
}

impl Nameserver {
    /// A nameserver that stands for election as `id` and doubts large drops as `hold` says.
    /// `progress` shows a walk.
    pub fn new(scope: Scope, id: String, hold: Hold, progress: fn() -> ProgressBar) -> Self {
        let draft = Draft::new(&scope, id.clone(), hold);
        let publisher = Publisher::new(&scope, id.clone(), draft);
        let notice = publisher.notice();
        let (found, finding) = watch::channel(None);
        let state = State::new(scope.state().clone());
        let agreement = Agreement::new(&state, finding);
        let (leads, leading) = watch::channel(false);
        let mending = Mending::new(state, leading);
        let limits = Limits::default();
        let pages = limits.limit(
            "bytes of names",
            publisher.capacity().1,
            "what fits no pages is not published; see --root and --exclude",
        );
        let addresses = limits.limit(
            "addresses of one name",
            MAX_ADDRESSES_PER_NAME as u64,
            "any more are left out; `nameserver check` says of which",
        );
        Self {
            namespace: Namespace::new(scope.clone(), []),
            id,
            publisher,
            problems: Problems::default(),
            resolver: Resolver::new(false),
            zones: None,
            scope,
            progress,
            complaint: None,
            walks: 0,
            repairs: 0,
            asked: Arc::default(),
            told: watch::Sender::default(),
            noticed: notice.complaint(),
            notice: Some(notice),
            differs: agreement.differs(),
            agreement: Some(agreement),
            unmended: mending.complaint(),
            mending: Some(mending),
            leads,
            found,
            names: watch::Sender::default(),
            questions: Questions::default(),
            limits,
            pages,
            addresses,
        }
    }

    /// Whether the system's resolver is asked for host names that no znode gives.
    #[must_use]
    pub fn resolving(mut self, resolves: bool) -> Self {
        self.resolver = Resolver::new(resolves);
        self
    }

    /// Publishes also where others have published by another root, domain or exclusions.
    #[must_use]
    pub fn taking_over(mut self, takes_over: bool) -> Self {
        self.publisher.take_over(takes_over);
        self
    }

    /// Tells the others that this replica answers over HTTP there, as HOST:PORT.
    #[must_use]
    pub fn reached_at(mut self, http: Option<String>) -> Self {
        self.publisher.reached_at(http);
        let notice = self.publisher.notice();
        self.noticed = notice.complaint();
        self.notice = Some(notice);
        self
    }

    /// Keeps what DNS is answered from in step with the tree.
    #[must_use]
    pub fn answering(mut self, zones: SharedZones) -> Self {
        self.zones = Some(zones);
        self
    }

    /// What it has done, now and from now on.
    pub fn told(&self) -> watch::Receiver<Progress> {
        self.told.subscribe()
    }

    /// How long it takes from when a change of the tree is known until it is published.
    pub fn propagation(&self) -> Histogram {
        self.publisher.propagation()
    }

    /// The names of the tree that is followed, or was last.
    pub fn names(&self) -> watch::Receiver<Hosts> {
        self.names.subscribe()
    }

    /// Where it is asked about the tree.
    pub fn questions(&self) -> mpsc::Sender<Asked> {
        self.questions.sender()
    }

    /// The names that it finds in the tree, and those that it holds, now and from now on.
    pub fn found(&self) -> watch::Receiver<Found> {
        self.found.subscribe()
    }

    /// What is to be said of another replica with the same id, while there is one.
    pub fn twin(&self) -> watch::Receiver<Option<String>> {
        self.notice
            .as_ref()
            .map_or_else(|| watch::channel(None).1, Notice::twin)
    }

    /// What is used of the limits.
    pub fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Tells those who ask.
    fn tell(&self, follows: bool) {
        let (bytes, most) = self.publisher.capacity();
        // The pages of one that stands by are those of when it led.
        let leads = self.publisher.role() == Role::Leading;
        self.pages
            .used_of(if leads { bytes } else { 0 }, Some(most));
        self.addresses.used(self.publisher.most_addresses());
        self.found.send_if_modified(|found| {
            let now = follows.then(|| self.publisher.found());
            let is_news = match (&*found, now) {
                (Some(before), Some(now)) => !before.ptr_eq(now),
                (before, now) => before.is_some() != now.is_some(),
            };
            if is_news {
                *found = now.cloned();
                if let Some(now) = now {
                    self.names.send_replace(now.clone());
                }
            }
            is_news
        });
        let differs = *self.differs.borrow();
        let own = self.complaint.clone().or(self.publisher.complaint());
        let complaint = own.or_else(|| differs.as_ref().and_then(Differs::complaint));
        let complaint = complaint.or_else(|| self.unmended.borrow().clone());
        let leads = follows && self.publisher.role() == Role::Leading;
        self.leads
            .send_if_modified(|led| std::mem::replace(led, leads) != leads);
        self.noticed.send_if_modified(|noticed| {
            let is_news = *noticed != complaint;
            noticed.clone_from(&complaint);
            is_news
        });
        self.told.send_replace(Progress {
            role: self.publisher.role(),
            follows,
            znodes: self.namespace.len(),
            names: self.publisher.names(),
            problems: self.problems.len(),
            problem_kinds: self.problems.kinds(),
            zxid: self.publisher.zxid(),
            generation: self.publisher.generation(),
            publishes: self.publisher.publishes(),
            walks: self.walks,
            repairs: self.repairs,
            hold: self.publisher.held(),
            differs_since: differs.map(|differs| differs.since),
            complaint,
        });
    }

    /// Runs until a signal asks for the end. Whether an identity is `named` matters for what is
    /// said when it may not write. What works beside it is one of the `tasks`.
    ///
    /// # Errors
    /// It may not keep its state in ZooKeeper, which is found out at the start.
    pub async fn run(
        mut self,
        session: Session,
        mut signals: Signals,
        named: bool,
        tasks: Tasks,
    ) -> anyhow::Result<()> {
        let retry = || Retry::new(RETRY.0, RETRY.1);
        let mut asking = Asking {
            nameserver: &mut self,
            named,
        };
        tokio::select! {
            biased;
            () = stop(&mut signals) => {
                session.close().await;
                return Ok(());
            }
            refusal = session.follow(&mut asking, retry()) => if let Some(refusal) = refusal {
                session.close().await;
                bail!(refusal);
            }
        }
        let mut noticing = JoinSet::new();
        if let Some(notice) = self.notice.take() {
            let session = session.clone();
            let make = move || notice.clone().follow(session.clone());
            noticing.spawn(tasks.clone().keep("election's notices", make));
        }
        if let Some(agreement) = self.agreement.take() {
            let session = session.clone();
            let make = move || agreement.clone().follow(session.clone());
            noticing.spawn(tasks.clone().keep("agreement with what is published", make));
        }
        if let Some(mending) = self.mending.take() {
            let session = session.clone();
            let make = move || mending.clone().follow(session.clone());
            noticing.spawn(tasks.clone().keep("access to the state", make));
        }
        let asked = Arc::clone(&self.asked);
        let stop = {
            let mut following = pin!(session.follow(&mut self, retry()));
            loop {
                let signal = tokio::select! {
                    biased;
                    signal = signals.next() => signal,
                    never = &mut following => match never {},
                };
                match signal {
                    Signal::Hangup => {
                        info!("SIGHUP: reading the whole tree again");
                        asked.notify_one();
                    }
                    Signal::Stop(signal) => break signal,
                }
            }
        };
        info!("{stop}: ending");
        self.publisher.resign();
        noticing.shutdown().await;
        session.close().await;
        Ok(())
    }

    /// Says why the tree cannot be followed, once for each reason.
    fn cannot(&mut self, complaint: &str) {
        if self.complaint.as_deref() != Some(complaint) {
            error!("{complaint}; trying again until it works, the published names stay");
            self.complaint = Some(complaint.to_owned());
            self.tell(false);
        }
    }

    /// Follows the tree until the connection breaks.
    async fn follow(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let asked = Arc::clone(&self.asked);
        let mut tree = Following::begin(self, connection).await?;
        let mut hosts = connection.watch(&self.publisher.hosts()).await?;
        let mut hold = connection.watch(&self.publisher.hold()).await?;
        connection.sync().await?;
        // Whoever knows no newer names than those that are published may lead at once. Else another
        // replica may know better than this one does before its walk is complete.
        let mut publishes = tree.read(self).await? || self.published_last(connection).await?;
        if publishes {
            self.publisher.begin(connection).await?;
        }
        loop {
            if publishes {
                self.publisher.publish(connection).await?;
            }
            if tree.is_followed() {
                retry.succeeded();
                self.complaint = None;
            }
            self.tell(tree.is_followed());
            tokio::select! {
                woken = tree.wake() => {
                    let is_read = tree.go_on(self, woken?).await?;
                    if is_read && !publishes {
                        self.publisher.begin(connection).await?;
                        publishes = true;
                    }
                }
                event = hosts.next() => {
                    let event = event?;
                    if !tree.is_followed() && self.publisher.role() != Role::Leading {
                        self.publisher.resign();
                        publishes = false;
                    }
                    if publishes {
                        self.publisher.hosts_changed(&event);
                    }
                }
                event = hold.next() => {
                    event?;
                    if publishes {
                        self.publisher.hold_changed();
                    }
                }
                answer = self.resolver.next(|host| self.namespace.needs(host)) => {
                    let touched = self.namespace.answer(answer);
                    self.hand_on(touched);
                }
                woken = self.publisher.wake(), if publishes => woken?,
                Ok(()) = self.differs.changed() => {}
                Ok(()) = self.unmended.changed() => {}
                asked = self.questions.next() => self.answer(asked),
                () = asked.notified() => {
                    tree.read_again(self);
                    if publishes {
                        self.publisher.begin(connection).await?;
                    }
                }
            }
        }
    }

    /// Answers what people ask of the tree.
    fn answer(&mut self, asked: Asked) {
        let begun = Instant::now();
        let answer = match &asked.question {
            Question::Givers(names) => {
                let givers = names.iter().map(|name| giver(&self.namespace, name));
                serde_json::to_value(givers.collect::<Vec<_>>())
            }
            Question::Explain(path, data) => {
                let explained = Explanation::new(&self.scope, &self.namespace, path, data);
                serde_json::to_value(explained)
            }
            Question::Problems(after, most) => {
                let (listed, all) = (
                    self.problems.listed(after.as_ref(), *most),
                    self.problems.len(),
                );
                Ok(serde_json::json!({"problems": listed, "all": all}))
            }
        };
        asked.answer(answer.unwrap_or_default());
        self.questions.answered(begun);
    }

    /// Whether nobody has published since this replica did.
    async fn published_last(&self, connection: &Connection) -> Result<bool, Error> {
        let Some(znode) = connection.read(&self.publisher.hosts()).await? else {
            return Ok(true);
        };
        Ok(Head::decode(&znode.data).is_ok_and(|head| {
            // That its last write arrived is what this replica may not know yet.
            head.leader() == self.id && head.generation() >= self.publisher.generation()
        }))
    }
}

impl Follower for Nameserver {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let ended = self.follow(connection, retry).await;
        self.tell(false);
        ended
    }

    fn complain(&mut self, error: &Error) {
        self.cannot(&format!("cannot follow {}: {error}", self.scope.root()));
    }
}

/// Asks ZooKeeper why this replica may not publish.
struct Asking<'a> {
    nameserver: &'a mut Nameserver,
    named: bool,
}

impl Follower for Asking<'_> {
    type End = Option<String>;

    async fn attempt(
        &mut self,
        connection: &Connection,
        _: &mut Retry,
    ) -> Result<Option<String>, Error> {
        let state = State::new(self.nameserver.scope.state().clone());
        access::refusal(connection, &state, self.named).await
    }

    fn complain(&mut self, error: &Error) {
        let state = self.nameserver.scope.state();
        self.nameserver.cannot(&match error {
            Error::NoNode => format!(
                "cannot create {state}: the chroot of --zookeeper does not exist; create it first"
            ),
            error => format!("cannot use {state}: {error}"),
        });
    }
}

fn giver(namespace: &Namespace, name: &Name) -> Option<Giver> {
    let row = listing::row(namespace, &Times::new(), name)?;
    Some(Giver {
        znode: row.znode,
        kind: serde_json::to_value(row.kind).unwrap_or_default(),
    })
}

/// Waits for the signal to stop.
async fn stop(signals: &mut Signals) {
    loop {
        if let Signal::Stop(signal) = signals.next().await {
            return info!("{signal}: ending");
        }
    }
}
