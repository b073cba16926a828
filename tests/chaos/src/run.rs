//! One run from the start to the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lab::Client;

use crate::Arguments;
use crate::check::election::{self, Replay};
use crate::check::past::Past;
use crate::check::transactions::{self, Transaction};
use crate::history::{self, Event, Fault, SESSIONS, Step};
use crate::journal::Journal;
use crate::readers::{self, Older};
use crate::report::{self, Progress};
use crate::rest::{self, Times};
use crate::sessions::{self, Order};
use crate::watched::Watched;
use crate::world::World;

/// Where the nameservers keep their own.
const STATE: &str = "/nameserver";
const HOSTS: &str = "/nameserver/hosts";

/// Plays the history that is asked for, and prints what came of it.
///
/// # Errors
/// The machine lacks something, such as the rights of root.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let steps = history::plan(seed, arguments.seconds);
    println!(
        "seed {seed}: {} s, {} steps, history {:016x}",
        arguments.seconds,
        steps.len(),
        history::digest(&steps)
    );
    lab::leave_the_mounts_of_others().context(
        "cannot have a mount namespace, in which hosts files are mounted; run this as root",
    )?;
    let journal = Journal::new();
    let mut world = World::new(arguments.names)?;
    let setup = history::setup();
    for change in &setup {
        sessions::apply(&world.tree, &change.kind).context("the first znodes")?;
    }
    let bulk: Vec<_> = history::bulk(arguments.names)
        .map(|(path, address)| (path, address.to_string()))
        .collect();
    let znodes = bulk.iter().map(|(path, data)| (&**path, &**data));
    world.tree.create_many(znodes);
    let past = Past::new(&setup, arguments.names, &steps);
    world.start();
    let mut play = Play {
        names: arguments.names,
        steps: &steps,
        past: &past,
        journal: &journal,
        progress: Progress::new(arguments.seconds),
        done: 0,
        rests: Vec::new(),
    };
    play.all(&mut world)?;
    let Play { done, rests, .. } = play;
    let replay = replayed(&world, &journal)?;
    report::print(seed, &steps, done, &rests, Some(&replay), &journal);
    if journal.violations().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    report::tell(seed, world.scratch.path(), &journal)?;
    Ok(ExitCode::FAILURE)
}

/// A history under way.
struct Play<'a> {
    /// How many names there are that nobody ever touches.
    names: u32,
    steps: &'a [Step],
    past: &'a Past,
    journal: &'a Journal,
    progress: Progress,
    /// How many steps were made.
    done: usize,
    rests: Vec<Times>,
}

/// Those who change the tree; one more of them only writes what is not for it to write.
struct Workers<'a> {
    orders: Vec<Sender<Order>>,
    pending: &'a AtomicUsize,
}

impl Workers<'_> {
    fn tell(&self, worker: usize, order: Order) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        // One that has ended has panicked, and the scope will tell.
        let _ = self.orders[worker].send(order);
    }
}

impl Play<'_> {
    fn all(&mut self, world: &mut World) -> anyhow::Result<()> {
        let (journal, past) = (self.journal, self.past);
        let bulk = history::bulk(self.names).map(|(path, _)| path[1..].to_owned());
        let pinned: &BTreeSet<String> = &history::pinned().chain(bulk).collect();
        let (older, pending) = (&Older::default(), &AtomicUsize::new(0));
        let servers = world.tree.address().to_owned();
        let client = &Client::connect(&servers);
        let files = world.files.clone();
        self.rest(world, client, pending)?;
        thread::scope(|scope| {
            // Also where this thread panics: the scope waits for the others.
            let _at_end = Stop(journal);
            let mut orders = Vec::new();
            for _ in 0..=SESSIONS {
                let (sender, receiver) = mpsc::channel();
                orders.push(sender);
                let servers = &servers;
                scope.spawn(move || {
                    sessions::work(servers, HOSTS, &receiver, pending, older, journal);
                });
            }
            for file in &files {
                scope.spawn(move || readers::read_file(file, pinned, past, journal));
            }
            let servers = &servers;
            scope.spawn(move || {
                let client = Client::connect(servers);
                readers::read_snapshot(&client, HOSTS, pinned, past, older, journal);
            });
            let workers = Workers { orders, pending };
            let played = self.steps(world, client, &workers);
            self.progress.finish();
            played
        })
    }

    fn steps(
        &mut self,
        world: &mut World,
        client: &Client,
        workers: &Workers<'_>,
    ) -> anyhow::Result<()> {
        // Moves on with each rest, in which the time of the history stands still.
        let mut zero = Instant::now();
        for (number, step) in (1..).zip(self.steps) {
            let due = zero + Duration::from_millis(step.at);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Some(ended) = world.ended() {
                self.journal.violation(&ended);
            }
            if self.journal.is_over() {
                return Ok(());
            }
            self.journal.note(&step.to_string());
            self.past.begin(number);
            self.progress.at(step.at);
            self.done = number;
            match &step.event {
                Event::Change(change) => {
                    workers.tell(change.session, Order::Change(change.clone()))
                }
                Event::Begin(Fault::Tamper(what)) => workers.tell(SESSIONS, Order::Tamper(*what)),
                Event::Begin(fault) => {
                    if let Err(error) = world.begin(fault, self.journal) {
                        self.journal.violation(&format!("{error:#}"));
                    }
                }
                Event::End(fault) => world.end(fault)?,
                Event::Rest => {
                    let begun = Instant::now();
                    self.rest(world, client, workers.pending)?;
                    zero += begun.elapsed();
                }
            }
        }
        Ok(())
    }

    fn rest(
        &mut self,
        world: &mut World,
        client: &Client,
        pending: &AtomicUsize,
    ) -> anyhow::Result<()> {
        for fault in world.mend()? {
            self.journal.note(&format!("mended: {fault}"));
        }
        let is_done = || pending.load(Ordering::SeqCst) == 0;
        let files = world.files.iter().map(|file| -> &Watched { file });
        let times = rest::rest(client, STATE, self.names, files, is_done, self.journal);
        if let Some(times) = times {
            self.journal.note(&format!("in step after {times:.2?}"));
            let at = self.steps[..self.done].last().map_or(0, |step| step.at);
            self.progress.rested(self.rests.len(), at, &times);
            self.rests.push(times);
        }
        if let Some(ended) = world.ended() {
            self.journal.violation(&ended);
        }
        Ok(())
    }
}

/// Ends all threads when dropped.
struct Stop<'a>(&'a Journal);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Reads the servers' logs and looks at each publish that there ever was.
fn replayed(world: &World, journal: &Journal) -> anyhow::Result<Replay> {
    let mut all = BTreeMap::<i64, Transaction>::new();
    for member in &world.ensemble.members {
        let directory = member.directory().join("version-2");
        for entry in fs::read_dir(&directory).context("the data of a server")? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("log.") {
                let log = transactions::read(&fs::read(&path)?).map_err(anyhow::Error::msg)?;
                all.extend(
                    log.into_iter()
                        .map(|transaction| (transaction.zxid, transaction)),
                );
            }
        }
    }
    let state = format!("{}{STATE}", world.tree.chroot());
    let replay = election::replay(all.values(), &state);
    for violation in &replay.violations {
        journal.violation(violation);
    }
    Ok(replay)
}
