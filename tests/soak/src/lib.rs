//! Does a reader ever see half of a change? Readers of four kinds against a hosts file that is bind
//! mounted, as in every container, while it changes a thousand times a second.
//!
//! * `load` says what is wanted at any time, and so what a reader may see;
//! * `writer` makes the file say it: a real `hostsync` that follows a real ZooKeeper, or the naive
//!   way, truncate and write, which must tear: a tool that finds nothing there could not fail;
//! * `readers` read at full speed, and `check` counts what is torn and what is missing;
//! * `place` puts the file over `/etc/hosts` in a mount namespace that only this process sees.

mod check;
mod load;
mod place;
mod readers;
mod report;
mod writer;

use std::fs::File;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use check::Tally;
use lab::{Need, needs};
use load::Load;
use place::{Kind, Place};
use readers::Reader;
use writer::{Hostsync, Naive, Writer};

/// Read a bind-mounted hosts file at full speed while it changes; count torn lines and missing
/// names.
///
/// Exits with 1 when a reader of hostsync's file sees a torn line, misses a name, or finds an address
/// that has not been wanted for ten seconds, or when no reader of the naive writer's file does.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// How long to read on each file system; the naive writer runs for at most ten seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Names that are changed, added or removed a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub updates: u64,
    /// Names in all
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(20..=50_000))]
    pub names: u64,
    /// Who writes the file
    #[arg(long, value_enum, default_value_t)]
    pub writer: Who,
}

/// Who writes the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// One after the other
    #[default]
    Both,
    /// The product
    Hostsync,
    /// Truncate and write, as scripts do
    Naive,
}

/// The longest run of the naive writer: it tears within the first second.
const NAIVE: Duration = Duration::from_secs(10);

/// Runs what is asked for, and prints a table of it.
///
/// # Errors
/// The machine lacks something, such as the rights of root.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::leave_the_mounts_of_others()?;
    let length = Duration::from_secs(arguments.seconds);
    let mut is_good = true;
    if arguments.writer != Who::Naive {
        let mut faults = on_both(arguments, length, "hostsync", |place, load| {
            Ok(Box::new(Hostsync::start(place, load)?))
        })?;
        if needs(Need::Docker) {
            faults += in_container(arguments, length)?;
            faults += from_outside(arguments, length)?;
        }
        if faults > 0 {
            println!(
                "FAILED: readers of hostsync's file saw {faults} torn or stale lines and missing names\n"
            );
            is_good = false;
        }
    }
    if arguments.writer != Who::Hostsync {
        let faults = on_both(arguments, length.min(NAIVE), "naive", |place, load| {
            Ok(Box::new(Naive::start(place, load)?))
        })?;
        if faults == 0 {
            println!(
                "FAILED: readers of the naive writer's file saw nothing wrong, so this proves nothing\n"
            );
            is_good = false;
        }
    }
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Soaks hostsync in a container, whose file is read from outside; how many faults the readers saw.
fn in_container(arguments: &Arguments, length: Duration) -> anyhow::Result<u64> {
    let load = Load::new(arguments.names, arguments.updates);
    let (place, mut writer) = Hostsync::in_container(&load)?;
    let title = format!(
        "hostsync in a container on a bind mount of {}",
        place.file_system()?
    );
    finish(&load, length, &title, &[], &mut writer)
}

/// Soaks one hostsync outside of several containers, which know nothing of it, with readers in each; how many
/// faults these saw.
fn from_outside(arguments: &Arguments, length: Duration) -> anyhow::Result<u64> {
    let load = Load::new(arguments.names, arguments.updates);
    let (containers, mut writer) = Hostsync::outside(&load)?;
    let title = format!("one hostsync outside of {} containers", containers.len());
    finish(&load, length, &title, &containers, &mut writer)
}

/// Soaks one writer on both file systems; how many faults the readers saw.
fn on_both(
    arguments: &Arguments,
    length: Duration,
    writer: &str,
    start: impl Fn(&Place, &Load) -> anyhow::Result<Box<dyn Writer>>,
) -> anyhow::Result<u64> {
    let mut faults = 0;
    for kind in [Kind::Disk, Kind::Memory] {
        let load = Load::new(arguments.names, arguments.updates);
        let place = Place::new(kind, load::FOREIGN)?;
        let mut writer_of_file = start(&place, &load)?;
        let title = format!("{writer} on a bind mount of {}", place.file_system()?);
        faults += finish(&load, length, &title, &[], &mut *writer_of_file)?;
    }
    Ok(faults)
}

/// Soaks a writer that is at work already, and says what was found by readers here, or in each of these mount
/// namespaces; how many faults.
fn finish(
    load: &Load,
    length: Duration,
    title: &str,
    inside: &[File],
    writer: &mut dyn Writer,
) -> anyhow::Result<u64> {
    let tallies = soak(load, length, inside, writer)?;
    report::print(title, length, &tallies);
    writer.report(load, length)?;
    println!();
    Ok(tallies.iter().map(|(_, tally)| tally.faults()).sum())
}

/// Readers and the load side by side for so long.
fn soak(
    load: &Load,
    length: Duration,
    inside: &[File],
    writer: &mut dyn Writer,
) -> anyhow::Result<Vec<(Reader, Tally)>> {
    let stop = &AtomicBool::new(false);
    let places: Vec<Option<&File>> = match inside {
        [] => vec![None],
        inside => inside.iter().map(Some).collect(),
    };
    thread::scope(|scope| {
        // Also where the writer panics: the scope waits for the readers.
        let at_end = Stop(stop);
        let readers: Vec<_> = Reader::ALL
            .into_iter()
            .map(|reader| {
                let start = |place| {
                    scope.spawn(move || {
                        Option::map_or(place, Ok(()), readers::enter)?;
                        readers::read(reader, load, stop)
                    })
                };
                (
                    reader,
                    places.iter().copied().map(start).collect::<Vec<_>>(),
                )
            })
            .collect();
        let written = drive(load, length, writer);
        drop(at_end);
        let tallies = readers
            .into_iter()
            .map(|(reader, threads)| {
                let mut all = Tally::default();
                for thread in threads {
                    all = all.join(thread.join().ok().context("a reader panicked")??);
                }
                Ok((reader, all))
            })
            .collect();
        written.and(tallies)
    })
}

/// Stops the readers when dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Hands the writer one round after the other, each at its time.
fn drive(load: &Load, length: Duration, writer: &mut dyn Writer) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < length {
        let round = load.advance();
        writer.write(load, round)?;
        let due = started + load::PERIOD.mul_f64(load.rounds_since_start() as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
