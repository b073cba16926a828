//! `hostsync run`, and what it shares with `exec`: puts the parts of the agent together.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use contract::{State, ZnodePath};
use daemon::{HeldSignals, Histogram, Http, Signal, Signals, Tasks};
use hosts_file::HostsFile;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::{Notify, watch};
use zookeeper::{Options, Session};

use crate::apply::agent::{Agent, Applied};
use crate::apply::cache_writer::CacheWriter;
use crate::apply::fleet::{Files, Fleet};
use crate::apply::remedy::Remedied;
use crate::apply::selection::Selection;
use crate::bind::{Binders, Binding};
use crate::children::Children;
use crate::commands::cli::{PROGRAM, RunArgs};
use crate::follow::subscription::Subscription;
use crate::health::{self, Check, CheckSchedule, Checks, Prober};
use crate::observe::control_socket::{self, Socket};
use crate::observe::findings::{Binds, Registering};
use crate::observe::metrics::{self, StatusSource};
use crate::observe::presence::{self, Presence};
use crate::observe::status::{Facts, Status};
use crate::observe::systemd;
use crate::register::{Desired, Instance, Registrars, Registration};
use crate::store::UnwrittenFile;
use crate::store::bindings::Bindings;
use crate::store::cache::Cache;
use crate::store::paths::{self, User};

/// How long an end waits for the last snapshot to be kept.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What is checked while there is still a terminal to complain at.
pub(super) struct Setup {
    user: User,
    options: Options,
    znode: ZnodePath,
    selection: Selection,
    select: Vec<String>,
    cache: Cache,
    unwritten: UnwrittenFile,
    presence: Presence,
    registrations: Vec<Registration>,
    instance: Instance,
    check: Option<(Check, CheckSchedule)>,
    bindings: Vec<Binding>,
    state: State,
    kept_bindings: Bindings,
    target: Target,
    http: Option<Http>,
    facts: Facts,
}

/// What is kept.
enum Target {
    /// One file, opened anew whenever its agent is.
    One(Box<dyn Fn() -> HostsFile + Send>),
    Many(Files),
}

/// What whoever decides about the end can see and do meanwhile.
pub(super) struct Controls {
    /// What the agent has done.
    pub(super) applied: watch::Receiver<Applied>,
    /// The registrations of this container.
    pub(super) registrars: Registrars,
    /// The processes of ours.
    pub(super) children: Children,
    /// Why the agent is not in step, if so.
    pub(super) why: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Whether what is registered works at all.
    works: watch::Sender<bool>,
    /// Has the snapshot read again.
    again: Arc<Notify>,
    /// Has the hosts file looked at.
    pass: Arc<Notify>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The session is closed, and what belongs to it goes at once.
    Close,
    /// The session stays open until it times out, for a successor to take over from.
    Leave,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let held = HeldSignals::new().context("cannot listen to signals")?;
    let setup = Setup::new(args)?;
    let _guard = args.daemon.start(PROGRAM)?;
    args.names.zookeeper.warn();
    let runtime = daemon::runtime()?;
    let end = runtime.block_on(async {
        let what = "cannot listen to signals";
        let signals = Signals::new().context(what)?;
        let leave = signal(SignalKind::user_defined1()).context(what)?;
        held.release().context(what)?;
        setup
            .run(async |mut controls| follow_signals(signals, leave, &mut controls).await)
            .await
    })?;
    if end == End::Leave {
        // Dropping it would close the session.
        std::mem::forget(runtime);
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps the container registered until a signal says otherwise.
async fn follow_signals(
    mut signals: Signals,
    mut leave: unix::Signal,
    controls: &mut Controls,
) -> anyhow::Result<End> {
    controls.work(true);
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            _ = leave.recv() => {
                log::info!("SIGUSR1: ending; what is registered stays for a successor to take over");
                return Ok(End::Leave);
            }
        };
        match signal {
            Signal::Hangup => controls.pass_again(),
            Signal::Stop(name) => {
                // First of all, so that nobody is sent here any more.
                controls.registrars.withdraw().await;
                log::info!("{name}: ending; the names stay in the file");
                return Ok(End::Close);
            }
        }
    }
}

impl Controls {
    /// What is registered works from now on, or no longer.
    pub(super) fn work(&self, works: bool) {
        self.works.send_replace(works);
    }

    /// Has everything looked at now.
    pub(super) fn pass_again(&self) {
        self.again.notify_one();
        self.pass.notify_one();
    }
}

impl Setup {
    pub(super) fn new(args: &RunArgs) -> anyhow::Result<Self> {
        let (names, user) = (&args.names, User::current());
        let (path, many) = (&args.key(), args.many()?);
        let select = match &many {
            Some(_) => names.select.clone(),
            None => names.globs(),
        };
        let selection = many.is_none().then(|| names.selection()).transpose()?;
        let (znode, cache) = (names.state().hosts(), names.cache(&user, path)?);
        let options = names.zookeeper.options()?.of_agent();
        let target = match many {
            Some(files) => Target::Many(files),
            None => {
                let (path, write) = (path.clone(), names.write.clone());
                let text = hosts_file::read(&path).map(drop);
                match text.and_then(|()| write.open(&path).method().map(drop)) {
                    Err(error) if error.is_about_the_path() => bail!(Remedied::from(error)),
                    // The agent tries again until it works.
                    _ => {}
                }
                Target::One(Box::new(move || write.open(&path)))
            }
        };
        if let Some(agent) = control_socket::ask(&user, path) {
            let (file, pid) = (path.display(), agent.pid);
            bail!("{file} is kept by the hostsync with pid {pid} already; stop that one first");
        }
        let cache_file = cache.path().to_owned();
        let unwritten = UnwrittenFile::new(paths::unwritten_file(&cache_file));
        let instance = args.instance(&cache_file)?;
        let kept_bindings = args.kept_bindings(&cache_file);
        let facts = Facts {
            started: SystemTime::now(),
            servers: names.zookeeper.zookeeper.to_string(),
            znode: znode.to_string(),
            hosts_file: path.clone(),
            cache: cache_file,
            tls: options.tls.clone(),
        };
        Ok(Self {
            user,
            options,
            znode,
            selection: selection.unwrap_or_default(),
            select,
            cache,
            unwritten,
            presence: args.presence(&instance.sessions)?,
            registrations: args.registering.register.clone(),
            check: args.registering.check()?,
            bindings: args.binding.bind.clone(),
            state: names.state(),
            kept_bindings,
            instance,
            target,
            http: args.http.listen()?,
            facts,
        })
    }

    /// Works until `conduct` says how to end.
    pub(super) async fn run<T>(
        self,
        conduct: impl AsyncFnOnce(Controls) -> anyhow::Result<T>,
    ) -> anyhow::Result<T>
    where
        T: Into<End> + Copy,
    {
        let (session, tasks) = (Session::start(self.options), Tasks::default());
        self.cache.remove_leftovers();
        let (kept, keeper) = self.cache.open();
        let kept = kept.map(Arc::new);
        let is_new = match &self.target {
            Target::One(open) => !open().holds_block(),
            Target::Many(_) => false,
        };
        let is_first = kept.is_some() && is_new;
        let unwritten = self.unwritten;
        let cache_writer =
            CacheWriter::new(keeper, kept.as_deref(), unwritten.clone(), &self.select);
        let failing = watch::Sender::<Option<String>>::default();
        let cache_failure = failing.subscribe();
        let subscription = Subscription::new(self.znode, kept);
        let view = subscription.view();
        let binders = Binders::start(
            &self.bindings,
            &self.state,
            (&self.instance.id, &self.instance.sessions),
            &self.kept_bindings,
            &session,
            &view,
            &tasks,
        )?;
        let applying = watch::Sender::default();
        let applied = applying.subscribe();
        let (registrations, instance) = (&self.registrations, &self.instance);
        let registrars = Registrars::start(registrations, instance, &session, &view, &tasks);

        let children = Children::new(&tasks).context("cannot listen to signals")?;
        let works = watch::Sender::new(false);
        let healthy = watch::Sender::new(self.check.is_none());
        let check_failure = watch::Sender::default();
        let registering = Registering {
            outcomes: registrars.outcomes(),
            works: works.subscribe(),
            healthy: healthy.subscribe(),
            failure: check_failure.subscribe(),
        };
        let (working, passing, desired) =
            (works.subscribe(), healthy.subscribe(), registrars.desired());
        let make = move || desire(working.clone(), passing.clone(), desired.clone());
        tokio::spawn(tasks.clone().keep("what is to be registered", make));
        let checks = Checks::default();
        if let Some((check, schedule)) = self.check {
            let ports = self
                .registrations
                .iter()
                .filter_map(|registration| registration.port);
            let prober = Prober::new(check, self.instance.address, ports.collect(), children);
            let prober = prober.counting(checks.clone());
            let (works, healthy) = (works.subscribe(), healthy);
            let make = move || {
                let (healthy, failure) = (healthy.clone(), check_failure.clone());
                health::watch_over(prober.clone(), schedule, works.clone(), healthy, failure)
            };
            tokio::spawn(tasks.clone().keep("--check", make));
        }

        let sources = systemd::Sources {
            states: session.states(),
            view: view.clone(),
            applied: applied.clone(),
        };
        let told_of = presence::Sources {
            view: view.clone(),
            applied: applied.clone(),
        };
        let (states, seen) = (session.states(), view.clone());
        let (done, cache) = (applied.clone(), cache_failure);
        let (facts, wanted) = (self.facts.clone(), self.bindings.clone());
        let (bound, troubles, twin) = (binders.bound(), binders.troubles(), self.presence.twin());
        let supervised = tasks.clone();
        let status = move || {
            let (state, view, applied) = (states.borrow(), seen.borrow(), done.borrow());
            let status = Status::new(&facts, &state, &view, &applied, cache.borrow().clone());
            let binds = Binds {
                wanted: &wanted,
                bound: &bound.borrow(),
                troubles: &troubles.borrow(),
            };
            status
                .with_registrations(&registering)
                .with_bindings(&binds)
                .with_twin(twin.borrow().as_ref())
                .with_tasks(&supervised)
        };
        if let Some(http) = self.http {
            let propagation = Histogram::default();
            let (times, told) = (propagation.clone(), applied.clone());
            let make = move || metrics::observe(told.clone(), times.clone());
            tokio::spawn(tasks.clone().keep("how long names take", make));
            let source = StatusSource {
                status: status.clone(),
                propagation,
                reconnects: session.reconnects(),
                checks,
            };
            http.serve(source, &tasks)?;
        }
        let (to_tell, reasons) = (status.clone(), status.clone());
        let make = move || systemd::tell(sources.clone(), is_first, to_tell.clone());
        let informing = tokio::spawn(tasks.clone().keep("service manager", make));
        let socket = Socket::bind(&self.user, &self.facts.hosts_file).map(Arc::new);
        let answering = match &socket {
            Ok(socket) => {
                let socket = Arc::clone(socket);
                let make = move || socket.serve(status.clone());
                Some(tokio::spawn(tasks.clone().keep("`hostsync status`", make)))
            }
            Err(error) => {
                log::warn!("`hostsync status` will not find this agent: {error}");
                None
            }
        };
        let (presence, following) = (self.presence, session.clone());
        let make = move || presence.clone().follow(following.clone(), told_of.clone());
        let telling = tokio::spawn(tasks.clone().keep("presence", make));
        let mut cache_writer = Some(cache_writer);
        let (cache, select, to_keep) = (self.cache, self.select, applied.clone());
        let unwritten_file = unwritten.clone();
        let make = move || {
            let writer = cache_writer.take().unwrap_or_else(|| {
                let (kept, keeper) = cache.open();
                CacheWriter::new(keeper, kept.as_ref(), unwritten_file.clone(), &select)
            });
            writer.telling(failing.clone()).follow(to_keep.clone())
        };
        let keeping = tokio::spawn(tasks.clone().keep("cache", make));
        let pass = Arc::new(Notify::new());
        let controls = Controls {
            applied,
            registrars,
            children,
            why: Box::new(move || reasons().reasons),
            works,
            again: subscription.again(),
            pass: Arc::clone(&pass),
        };
        // In one task, so that a snapshot goes from one to the other without a change of threads.
        let (following, bound, selection) = (session.clone(), binders.bound(), self.selection);
        let (target, kept_by) = (self.target, tasks.clone());
        let make = move || {
            let unwritten = unwritten.load();
            let (view, bound, selection) = (view.clone(), bound.clone(), selection.clone());
            let mut keeper = match &target {
                Target::One(open) => {
                    let agent = Agent::new(open(), selection, view, bound, &unwritten);
                    Keeper::One(Box::new(agent.telling(applying.clone())))
                }
                Target::Many(files) => {
                    let files = files.clone();
                    let fleet = Fleet::new(files, view, bound, unwritten, &kept_by);
                    Keeper::Many(Box::new(fleet.telling(applying.clone())))
                }
            };
            let (subscription, session) = (subscription.clone(), following.clone());
            let pass = Arc::clone(&pass);
            daemon::systemd::watched(async move {
                tokio::select! {
                    never = keeper.run(&pass) => match never {},
                    () = subscription.follow(session) => {}
                }
            })
        };
        let work = tokio::spawn(tasks.clone().keep("names", make));
        let end = conduct(controls).await;
        work.abort();
        drop(binders);
        telling.abort();
        // It has a connection, and the client says goodbye when the last user is gone.
        let _ = telling.await;
        informing.abort();
        if let Some(answering) = answering {
            answering.abort();
            let _ = answering.await;
        }
        // Its name goes with it.
        drop(socket);
        let _ = tokio::time::timeout(LAST_WRITE, keeping).await;
        match end.as_ref().map_or(End::Close, |end| (*end).into()) {
            End::Close => session.close().await,
            // It is closed once nobody holds it any more.
            End::Leave => std::mem::forget(session),
        }
        end
    }
}

/// Who makes files say what is published.
enum Keeper {
    One(Box<Agent>),
    Many(Box<Fleet>),
}

impl Keeper {
    async fn run(&mut self, pass: &Notify) -> Infallible {
        match self {
            Self::One(agent) => agent.run(pass).await,
            Self::Many(fleet) => fleet.run(pass).await,
        }
    }
}

/// Desires the registrations while the thing works and is healthy.
async fn desire(
    mut works: watch::Receiver<bool>,
    mut healthy: watch::Receiver<bool>,
    desired: watch::Sender<Desired>,
) {
    loop {
        let now = if *works.borrow_and_update() && *healthy.borrow_and_update() {
            Desired::Present
        } else {
            Desired::Absent
        };
        // The end is final.
        desired.send_if_modified(|desired| {
            *desired != Desired::End && std::mem::replace(desired, now) != now
        });
        tokio::select! {
            Ok(()) = works.changed() => {}
            Ok(()) = healthy.changed() => {}
            else => return,
        }
    }
}
