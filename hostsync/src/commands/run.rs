//! `hostsync run`: puts the parts of the agent together.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use daemon::Signals;
use session::{Options, Session};
use snapshot::ZnodePath;

use crate::agent::Agent;
use crate::cache::Cache;
use crate::cli::{PROGRAM, RunArgs};
use crate::entries::Selection;
use crate::hosts_file::{Choice, HostsFile};
use crate::keeper::Keeper;
use crate::places::User;
use crate::presence::Presence;
use crate::socket::{self, Socket};
use crate::status::{Facts, Status};
use crate::subscription::Subscription;

/// How long an end waits for the last snapshot to be kept.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What is checked while there is still a terminal to complain at.
struct Setup {
    user: User,
    options: Options,
    znode: ZnodePath,
    selection: Selection,
    cache: Cache,
    presence: Presence,
    write: Choice,
    facts: Facts,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let setup = Setup::new(args)?;
    let _guard = args.daemon.start(PROGRAM)?;
    daemon::runtime()?.block_on(setup.run())?;
    Ok(ExitCode::SUCCESS)
}

impl Setup {
    fn new(args: &RunArgs) -> anyhow::Result<Self> {
        let (names, user) = (&args.names, User::current());
        let path = &names.hosts_file.hosts_file;
        let selection = names.selection();
        let (znode, cache) = (names.znode()?, names.cache(&user)?);
        let options = names.zookeeper.options()?;
        match HostsFile::new(path, names.write.write).read() {
            Err(error) if error.is_about_the_path() => bail!(error),
            // The agent tries again until it works.
            _ => {}
        }
        if let Some(agent) = socket::ask(&user, path) {
            let (file, pid) = (path.display(), agent.pid);
            bail!("{file} is kept by the hostsync with pid {pid} already; stop that one first");
        }
        let facts = Facts {
            started: SystemTime::now(),
            servers: names.zookeeper.zookeeper.to_string(),
            znode: znode.to_string(),
            hosts_file: path.clone(),
            cache: cache.path().to_owned(),
        };
        Ok(Self {
            user,
            options,
            znode,
            selection,
            cache,
            presence: args.presence()?,
            write: names.write.write,
            facts,
        })
    }

    async fn run(self) -> anyhow::Result<()> {
        let signals = Signals::new().context("cannot listen to signals")?;
        let session = Session::start(self.options);
        let kept = self.cache.load().map(Arc::new);
        let keeper = Keeper::new(self.cache, kept.as_deref());
        let subscription = Subscription::new(self.znode, kept);
        let (view, again) = (subscription.view(), subscription.again());
        let hosts_file = HostsFile::new(&self.facts.hosts_file, self.write);
        let mut agent = Agent::new(hosts_file, self.selection, view.clone());

        let (states, applied, cache) = (session.states(), agent.applied(), keeper.failure());
        let facts = self.facts.clone();
        let status = move || {
            let (state, view, applied) = (states.borrow(), view.borrow(), applied.borrow());
            Status::new(&facts, &state, &view, &applied, cache.borrow().clone())
        };
        let answering = match Socket::bind(&self.user, &self.facts.hosts_file) {
            Ok(socket) => Some(tokio::spawn(async move { socket.serve(status).await })),
            Err(error) => {
                log::warn!("`hostsync status` will not find this agent: {error}");
                None
            }
        };
        let telling = tokio::spawn(self.presence.follow(session.clone(), agent.applied()));
        let keeping = tokio::spawn(keeper.follow(agent.applied()));
        // In one task, so that a snapshot goes from one to the other without a change of threads.
        let signal = tokio::select! {
            signal = agent.run(signals, again) => signal,
            () = subscription.follow(session.clone()) => unreachable!("it follows for ever"),
        };
        log::info!("{signal}: ending; the names stay in the file");
        drop(agent);
        telling.abort();
        if let Some(answering) = answering {
            answering.abort();
            let _ = answering.await;
        }
        let _ = tokio::time::timeout(LAST_WRITE, keeping).await;
        session.close().await;
        Ok(())
    }
}
