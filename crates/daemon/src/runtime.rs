//! The runtime that both daemons run in.

use std::io;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::tasks::said;

/// Two, so that a busy task does not hold up the rest.
const WORKERS: usize = 2;
/// Threads for what blocks (host names, files) that are made at the start and stay: later, a limit
/// of processes or of memory may refuse new ones, and the runtime panics where it has none at all.
const READY: usize = 4;
/// How many there may be, so that names which do not resolve do not hold up files.
const MOST: usize = 16;
const STACK: usize = 1 << 20;
/// Threads that others make when they are first needed, and panic without: one of ZooKeeper's client, two that watch
/// files, one for signals.
const OTHERS: usize = 4;
/// What Rust gives a thread that asks for nothing.
const USUAL_STACK: usize = 2 << 20;
/// As good as for ever, and no overflow of any clock.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Descriptors that either daemon needs to work at all: sockets and pipes of the runtime and of ZooKeeper's
/// client, which panic without, the log, the files that are written.
const DESCRIPTORS: usize = 24;
/// How long the threads may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the runtime, and all threads that it needs in the long run, with small stacks since
/// memory matters more than the last bit of speed.
///
/// # Errors
/// The system refuses threads or file descriptors.
pub fn runtime() -> anyhow::Result<Runtime> {
    let what = "cannot start the threads that a daemon needs; the limits of processes (ulimit -u, \
                the container's pids), of open files and of memory say how many there may be";
    try_descriptors().context(
        "cannot open the files and sockets that a daemon needs at least; raise the limit of open \
         files (ulimit -n, LimitNOFILE of systemd, --ulimit nofile of a container)",
    )?;
    // The runtime panics where it gets no thread, so that is asked for before.
    try_threads(WORKERS + READY, OTHERS).context(what)?;
    let started = catch_unwind(|| -> anyhow::Result<Runtime> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(MOST)
            .thread_keep_alive(FOR_EVER)
            .thread_stack_size(STACK)
            .thread_name("worker")
            .enable_all()
            .build()?;
        make_ready(&runtime)?;
        Ok(runtime)
    });
    match started {
        Ok(started) => started.context(what),
        Err(_) => bail!(what),
    }
}

/// Does the main work of a daemon as one of the runtime's tasks, rather than on the thread that waits for
/// it: what other tasks have for it, as ZooKeeper's client has, it gets without a change of threads. Ends
/// with the future.
///
/// # Errors
/// It panicked, and the process had better end.
pub async fn main_task<F>(work: F) -> anyhow::Result<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(output)) => Ok(output),
        Some(Err(error)) => {
            let why = error.try_into_panic().map(|panic| said(&*panic));
            let why = why.unwrap_or_else(|error| error.to_string());
            Err(anyhow!(
                "the main task is down: {why}; this process ends, to be started again"
            ))
        }
        None => unreachable!("it was just spawned"),
    }
}

/// Whether enough descriptors can be had at the same time.
fn try_descriptors() -> io::Result<()> {
    let pipes: io::Result<Vec<_>> = (0..DESCRIPTORS / 2).map(|_| io::pipe()).collect();
    pipes.map(drop)
}

/// Whether so many threads can be had at the same time, ours and those of others.
fn try_threads(ours: usize, others: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let threads: io::Result<Vec<_>> = (0..ours + others)
            .map(|number| {
                let wait = || drop(gate.lock());
                let stack = if number < ours { STACK } else { USUAL_STACK };
                let builder = thread::Builder::new().stack_size(stack);
                builder.spawn_scoped(scope, wait)
            })
            .collect();
        drop(closed);
        threads.map(drop)
    })
}

/// Keeps `READY` threads busy at the same time, so that there are so many.
fn make_ready(runtime: &Runtime) -> anyhow::Result<()> {
    let gate = Arc::new(Mutex::new(()));
    let (sender, arrived) = mpsc::channel();
    let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..READY {
        let (gate, sender) = (Arc::clone(&gate), sender.clone());
        runtime.spawn_blocking(move || {
            // Whoever counts them may have given up.
            let _ = sender.send(());
            drop(gate.lock());
        });
    }
    for _ in 0..READY {
        arrived
            .recv_timeout(PATIENCE)
            .context("a thread does not start")?;
    }
    Ok(())
}
