//! The agent: one idempotent pass that makes the hosts file agree with the latest good snapshot,
//! and what wakes it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use contract::{AgentFiles, Hosts, Name};
use hosts_file::{HostsFile, Method, Outcome, Pass, SlotCounts};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use zookeeper::Backoff;

use crate::apply::entries::Entries;
use crate::apply::fight::Fight;
use crate::apply::fleet::FileState;
use crate::apply::former::Former;
use crate::apply::remedy::Remedied;
use crate::apply::report::{Change, Report};
use crate::apply::rivals::Rivals;
use crate::apply::selection::{Selection, without};
use crate::apply::shared;
use crate::apply::watch::Watch;
use crate::bind::{Bound, with_bound};
use crate::follow::published::Published;
use crate::follow::subscription::View;
use crate::store::Unwritten;

/// Delays after a write that failed. The longest one is short, since what was mended is to be known soon.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How long whoever keeps the file may take to make it say what it should.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried to write a file that another process keeps: by so much later it is taken over.
const TAKE_OVER: Duration = Duration::from_millis(500);
/// How long a start waits for ZooKeeper before it puts the kept snapshot over a file that has names
/// already: they may be newer, since they are written first.
const GRACE: Duration = Duration::from_secs(2);
/// How long the entries follow changes before they are selected anew, to see that it comes to the same.
const CHECK: Duration = Duration::from_secs(3600);

/// What the agent has done so far, for those who ask.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// The snapshot in the file.
    pub published: Option<Arc<Published>>,
    /// Since when it is, where that is known; by the clock too.
    pub since: Option<(Instant, SystemTime)>,
    /// How many of its names are in the file.
    pub names: usize,
    /// Names that are left to foreign lines.
    pub shadowed: Vec<Name>,
    /// Those of them that stand there with an address that was published before.
    pub stale: Vec<(Name, IpAddr)>,
    /// The file, symbolic links followed.
    pub target: Option<PathBuf>,
    /// How it is written.
    pub method: Option<Method>,
    /// Why it is not written by this process, where it says all that it should all the same.
    pub followed: Option<String>,
    /// What our part of it consists of, where it is written in slots.
    pub slots: Option<SlotCounts>,
    /// Why the last pass failed, if it did.
    pub failure: Option<String>,
    /// What is amiss with some of many files.
    pub trouble: Option<String>,
    /// Each of many files; none where one is kept.
    pub files: Vec<FileState>,
    /// How often following the changes did not end where selecting anew did.
    pub repairs: u64,
    /// How often the file was written,
    pub writes: u64,
    /// and how often of that because somebody else had changed it.
    pub mended: u64,
}

/// What the agents of several files have in common: the selected names, and what was published before.
#[derive(Debug, Clone)]
pub struct Common {
    entries: Arc<Mutex<Entries>>,
    former: Arc<Mutex<Former>>,
}

impl Common {
    /// Of these names.
    pub fn new(selection: Selection) -> Self {
        Self {
            entries: Arc::new(Mutex::new(Entries::new(selection))),
            former: Arc::default(),
        }
    }

    /// Those of these names that are selected.
    pub(crate) fn selected(&self, hosts: &Hosts) -> Hosts {
        self.entries().follow(hosts).clone()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn former(&self) -> MutexGuard<'_, Former> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Applied {
    /// Since when this is in the file, which was just seen to say it.
    fn since_of(&self, wanted: &Arc<Published>) -> Option<(Instant, SystemTime)> {
        let is_the_same = is(self.published.as_ref(), wanted);
        if is_the_same {
            self.since
        } else {
            Some((Instant::now(), SystemTime::now()))
        }
    }

    /// True where there is nothing new to tell.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let version = |of: &Self| {
            let published = of.published.as_ref();
            published.map(|used| (used.czxid, used.mzxid))
        };
        let told = |of: &Self| {
            let Self { names, repairs, .. } = *of;
            (version(of), names, repairs)
        };
        told(self) == told(other)
            && self.shadowed == other.shadowed
            && self.stale == other.stale
            && self.failure == other.failure
            && self.trouble == other.trouble
            && self.files == other.files
    }

    /// How many files there are, where it is not just one.
    pub(crate) fn counted(&self) -> Option<AgentFiles> {
        let failing = self.files.iter().filter(|file| file.failure.is_some());
        (!self.files.is_empty()).then(|| AgentFiles {
            count: self.files.len(),
            failing: failing.count(),
        })
    }

    /// True once a pass has tried to make the file agree.
    pub(crate) fn is_after_a_pass(&self) -> bool {
        self.published.is_some() || self.failure.is_some()
    }
}

/// Keeps one hosts file.
#[derive(Debug)]
pub struct Agent {
    hosts_file: HostsFile,
    watch: Watch,
    common: Common,
    /// When they were last selected anew.
    checked: Instant,
    /// What was last made to be in the file.
    written: Hosts,
    /// The same without what was left to foreign lines: by that our lines are known in any form.
    known: Hosts,
    view: watch::Receiver<View>,
    /// Local names, beside those of the snapshot.
    bound: watch::Receiver<Arc<Bound>>,
    /// Those of them that are in the file.
    applied_bound: Arc<Bound>,
    /// What was kept on disk of an earlier run.
    kept: Option<Arc<Published>>,
    applied: watch::Sender<Applied>,
    report: Report,
    backoff: Backoff,
    fight: Fight,
    /// Who writes the file, while it is fought for, as far as that can be known.
    rivals: Rivals,
    /// Since when a file that another process keeps does not say what it should.
    kept_since: Option<Instant>,
    /// When to make a pass even if nothing wakes us.
    next: Option<Instant>,
}

impl Agent {
    /// An agent that starts from what `view` and `bound` hold now, which was kept of an earlier run and of
    /// which the file was made to say all but what is `unwritten`.
    pub fn new(
        hosts_file: HostsFile,
        selection: Selection,
        view: watch::Receiver<View>,
        bound: watch::Receiver<Arc<Bound>>,
        unwritten: &Unwritten,
    ) -> Self {
        let (common, watch) = (Common::new(selection), Watch::default());
        Self::with(hosts_file, common, watch, (view, bound), unwritten)
    }

    /// The same for one of many files. Where it holds no block of ours, nothing is known to have been written.
    pub(crate) fn of_many(
        hosts_file: HostsFile,
        common: Common,
        watch: Watch,
        sources: (watch::Receiver<View>, watch::Receiver<Arc<Bound>>),
        unwritten: &Unwritten,
    ) -> Self {
        let is_new = !hosts_file.holds_block();
        let mut agent = Self::with(hosts_file, common, watch, sources, unwritten);
        agent.report = Report::of_many();
        if is_new {
            (agent.known, agent.written) = (Hosts::new(), Hosts::new());
        }
        agent
    }

    fn with(
        hosts_file: HostsFile,
        common: Common,
        watch: Watch,
        (view, bound): (watch::Receiver<View>, watch::Receiver<Arc<Bound>>),
        unwritten: &Unwritten,
    ) -> Self {
        let kept = view.borrow().snapshot.clone();
        let applied_bound = Arc::clone(&bound.borrow());
        let written = kept.as_ref().map(|kept| &kept.snapshot.hosts);
        let known = written.map(|hosts| Selection::written(hosts, unwritten));
        let known = with_bound(known.unwrap_or_default(), &applied_bound);
        let written = written.map(|hosts| common.entries().follow(hosts).clone());
        Self {
            hosts_file,
            watch,
            common,
            checked: Instant::now(),
            written: with_bound(written.unwrap_or_default(), &applied_bound),
            known: without(known, &unwritten.shadowed),
            view,
            bound,
            applied_bound,
            kept,
            applied: watch::Sender::default(),
            report: Report::default(),
            backoff: Backoff::new(RETRY.0, RETRY.1),
            fight: Fight::default(),
            rivals: Rivals::default(),
            kept_since: None,
            next: None,
        }
    }

    /// Tells at `applied` what it has done, where an agent before it may have told.
    #[must_use]
    pub fn telling(mut self, applied: watch::Sender<Applied>) -> Self {
        self.applied = applied;
        self
    }

    /// What it has done, now and from now on.
    pub fn applied(&self) -> watch::Receiver<Applied> {
        self.applied.subscribe()
    }

    /// Works for ever, as the only agent of its file. Notify `pass` to have the file looked at now.
    pub async fn run(&mut self, pass: &Notify) -> Infallible {
        for path in self.hosts_file.remove_leftovers() {
            log::debug!("removed {}, left by a killed hostsync", path.display());
        }
        if self.kept.is_some() {
            let grace = if self.hosts_file.holds_block() {
                GRACE
            } else {
                Duration::ZERO
            };
            self.next = Some(Instant::now() + grace);
        }
        loop {
            let mut is_asked_for = false;
            tokio::select! {
                biased;
                () = pass.notified() => is_asked_for = true,
                // The sender lives as long as the process.
                _ = self.view.changed() => {}
                Ok(()) = self.bound.changed() => {}
                () = self.watch.changed() => {}
                () = at(self.next) => {}
            }
            self.pass();
            if is_asked_for || self.checked.elapsed() >= CHECK {
                self.check();
            }
        }
    }

    /// Sees to it that the changes ended where all of it would.
    fn check(&mut self) {
        self.checked = Instant::now();
        let is_right = self.common.entries().check();
        if is_right {
            return;
        }
        log::warn!(
            "the names that are selected were not what following their changes led to; put them right"
        );
        self.applied.send_modify(|applied| applied.repairs += 1);
        let published = self.applied.borrow().published.clone();
        if let Some(published) = published {
            let bound = Arc::clone(&self.bound.borrow());
            self.reconcile(&published, &bound);
        }
    }

    fn pass(&mut self) {
        self.next = self.next.filter(|at| *at > Instant::now());
        let snapshot = self.view.borrow_and_update().snapshot.clone();
        let bound = Arc::clone(&self.bound.borrow_and_update());
        let Some(wanted) = snapshot else { return };
        if self.has_applied(&wanted, &bound) {
            let now = Instant::now().into_std();
            if let Some(until) = self.fight.pause(now) {
                self.next = Some(until.into());
                return;
            }
            // A write of our own wakes us too.
            if self.hosts_file.still_agrees() {
                self.calm(now);
                return;
            }
        }
        self.reconcile(&wanted, &bound);
        if self.watch.follow(self.hosts_file.watch_set()) {
            // What changed before the watch stood was not noticed.
            self.reconcile(&wanted, &bound);
        }
    }

    /// The file is right; so it may be that it is no longer fought for.
    fn calm(&mut self, now: std::time::Instant) {
        if self.fight.is_over(now) {
            self.rivals = Rivals::default();
            log::info!("{} stays right again", self.hosts_file.path().display());
            self.applied.send_modify(|applied| applied.trouble = None);
        }
        self.wake_after_the_fight();
    }

    fn wake_after_the_fight(&mut self) {
        let ends = self.fight.ends().map(Instant::from_std);
        self.next = self.next.into_iter().chain(ends).min();
    }

    /// Why a file that is fought for is not in step.
    fn fought(&self, target: &Path) -> Option<String> {
        self.fight.ends()?;
        let (file, rivals) = (target.display(), &self.rivals);
        Some(format!(
            "{file} is changed as fast as it is put right, by {rivals}"
        ))
    }

    /// Counts that a file was put right; how often that was, where it is to be told now.
    fn repaired(&mut self, target: &Path) -> Option<u32> {
        let repair = self.fight.repaired(Instant::now().into_std());
        let file = target.display();
        if repair.begins {
            self.rivals = Rivals::of(target);
            log::warn!(
                "{file} is changed by others as fast as it is put right; that is done once a second from now on"
            );
        } else if self.rivals.look() {
            log::warn!(
                "{file} is written by {}; stop that, or give it a file of its own",
                self.rivals
            );
        }
        repair.told
    }

    fn has_applied(&self, wanted: &Arc<Published>, bound: &Arc<Bound>) -> bool {
        let applied = self.applied.borrow();
        let same =
            is(applied.published.as_ref(), wanted) && Arc::ptr_eq(&self.applied_bound, bound);
        applied.failure.is_none() && same
    }

    fn reconcile(&mut self, wanted: &Arc<Published>, bound: &Arc<Bound>) {
        let before = self.applied.borrow().published.clone();
        let entries = self.common.entries().follow(&wanted.snapshot.hosts).clone();
        let entries = with_bound(entries, bound);
        self.next = None;
        match self.hosts_file.reconcile(&entries, &self.known) {
            Ok(Outcome::Done(pass)) => {
                let is_bound = Arc::ptr_eq(&self.applied_bound, bound);
                let is_news = !is(before.as_ref(), wanted) || !is_bound;
                self.applied_bound = Arc::clone(bound);
                let written = std::mem::replace(&mut self.written, entries.clone());
                self.common.former().note(&written, &entries);
                self.known = without(entries.clone(), pass.shadowed.iter());
                let is_repair = !is_news && pass.repaired;
                let repairs = is_repair.then(|| self.repaired(&pass.target));
                let change = Change {
                    repairs: repairs.flatten(),
                    generation: wanted.snapshot.generation,
                    before: is_news.then_some(&written),
                    wanted: &entries,
                    kept: is(self.kept.as_ref(), wanted),
                };
                self.done(wanted, &change, pass);
            }
            Ok(Outcome::Unsettled(wait)) => self.next = Some(Instant::now() + wait),
            Err(error) => self.follow(wanted, bound, entries, error),
        }
    }

    /// What cannot be written here may be written by somebody else: what counts is what the file says.
    fn follow(
        &mut self,
        wanted: &Arc<Published>,
        bound: &Arc<Bound>,
        entries: Hosts,
        error: hosts_file::Error,
    ) {
        if matches!(error, hosts_file::Error::Gone(_)) {
            // Who follows which files there are will notice.
            self.next = Some(Instant::now() + RETRY.1);
            return;
        }
        let text = self.hosts_file.read().unwrap_or_default();
        let shadowed = shared::says(&text, &entries, &self.known);
        let is_kept = matches!(error, hosts_file::Error::Locked(_));
        let Some(shadowed) = shadowed else {
            let since = *self.kept_since.get_or_insert_with(Instant::now);
            if is_kept && since.elapsed() < PATIENCE {
                self.next = Some(Instant::now() + self.backoff.delay().min(TAKE_OVER));
                return;
            }
            return self.failed(error);
        };
        self.backoff.reset();
        self.kept_since = None;
        self.next = Some(Instant::now() + TAKE_OVER);
        self.applied_bound = Arc::clone(bound);
        self.known = without(entries.clone(), &shadowed);
        self.written = entries.clone();
        self.kept = self.kept.take().filter(|kept| Arc::ptr_eq(kept, wanted));
        let why = format!("{:#}", anyhow::Error::new(error));
        if let Some((level, line)) = self.report.followed(&why) {
            log::log!(level, "{line}");
        }
        self.applied.send_modify(|applied| {
            *applied = Applied {
                published: Some(Arc::clone(wanted)),
                since: applied.since_of(wanted),
                names: entries.len() - shadowed.len(),
                shadowed,
                target: Some(hosts_file::target(self.hosts_file.path())),
                followed: Some(why),
                repairs: applied.repairs,
                writes: applied.writes,
                mended: applied.mended,
                ..Applied::default()
            };
        });
    }

    fn done(&mut self, wanted: &Arc<Published>, change: &Change<'_>, pass: Pass) {
        self.backoff.reset();
        self.kept_since = None;
        self.next = pass.wake.map(|wait| Instant::now() + wait);
        // From now on, what is applied is known better; a snapshot is not held without need.
        if !change.kept {
            self.kept = None;
        }
        for (level, line) in self.report.done(change, &pass) {
            log::log!(level, "{line}");
        }
        self.wake_after_the_fight();
        let trouble = self.fought(&pass.target);
        let own = self.common.entries().own().cloned();
        if let Some((level, line)) = self.report.own(own.as_ref()) {
            log::log!(level, "{line}");
        }
        let (before, since) = {
            let applied = self.applied.borrow();
            let counts = (applied.repairs, applied.writes, applied.mended);
            (counts, applied.since_of(wanted))
        };
        // What cannot be read any more is told by the next pass.
        let text = || hosts_file::read(&pass.target).unwrap_or_default();
        let stale = self
            .common
            .former()
            .stale(&pass.shadowed, change.wanted, text);
        self.applied.send_replace(Applied {
            published: Some(Arc::clone(wanted)),
            since,
            names: change.wanted.len() - pass.shadowed.len(),
            shadowed: pass.shadowed.iter().cloned().chain(own).collect(),
            stale,
            target: Some(pass.target),
            method: Some(pass.method),
            followed: None,
            slots: pass.slots,
            failure: None,
            trouble,
            files: Vec::new(),
            repairs: before.0,
            writes: before.1 + u64::from(pass.wrote),
            mended: before.2 + u64::from(pass.repaired && change.before.is_none()),
        });
    }

    fn failed(&mut self, error: hosts_file::Error) {
        self.next = Some(Instant::now() + self.backoff.delay());
        let failure = format!("{:#}", anyhow::Error::new(Remedied::from(error)));
        if let Some((level, line)) = self.report.failed(failure.clone()) {
            log::log!(level, "{line}");
        }
        self.applied
            .send_modify(|applied| applied.failure = Some(failure));
    }
}

fn is(some: Option<&Arc<Published>>, wanted: &Arc<Published>) -> bool {
    some.is_some_and(|some| Arc::ptr_eq(some, wanted))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
