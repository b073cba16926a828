//! What a run prints: a line for each rest or a bar at a terminal, and a table at the end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::check::election::Replay;
use crate::history::{self, Event, PLACES, Step};
use crate::journal::Journal;
use crate::readers;
use crate::rest::Times;
use crate::sessions;
use crate::world;

/// How far the history is.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(seconds: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} s  {msg}");
        let bar = ProgressBar::new(seconds);
        Self(bar.with_style(style.expect("a valid template")))
    }

    /// So much activity is over.
    pub(crate) fn at(&self, milliseconds: u64) {
        self.0.set_position(milliseconds / 1000);
    }

    /// All agree again.
    pub(crate) fn rested(&self, number: usize, milliseconds: u64, times: &Times) {
        let worst = times.iter().max().copied().unwrap_or_default();
        let text = format!("rest {number}: in step after {worst:.2?}");
        if self.0.is_hidden() {
            println!("{:6.1} s  {text}", milliseconds as f64 / 1000.0);
        } else {
            self.0.set_message(text);
        }
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Prints what was done until step number `done`, and what was found.
pub(crate) fn print(
    seed: u64,
    steps: &[Step],
    done: usize,
    rests: &[Times],
    replay: Option<&Replay>,
    journal: &Journal,
) {
    let (mut changes, mut faults) = (BTreeMap::new(), BTreeMap::new());
    for step in &steps[..done] {
        match &step.event {
            Event::Change(change) => *changes.entry(change.kind_name()).or_insert(0) += 1,
            Event::Begin(fault) => *faults.entry(fault.kind()).or_insert(0) += 1,
            Event::End(_) | Event::Rest => {}
        }
    }
    counts("operations", &changes);
    counts("faults", &faults);
    let counted = |what| journal.counted(what);
    print!(
        "generations  {} seen by a reader",
        counted(readers::GENERATIONS)
    );
    if let Some(replay) = replay {
        let Replay {
            publishes,
            successions,
            ..
        } = replay;
        print!("; in the servers' logs: {publishes}, and {successions} times another leader");
    }
    println!();
    println!(
        "reads        {} of hosts files, {} beside a write in place, {} of the snapshot",
        counted(readers::FILE_READS),
        counted(readers::DISTURBED),
        counted(readers::SNAPSHOT_READS)
    );
    println!(
        "by the way   {} changes given up in an outage; {} foreign writes repeated",
        counted(sessions::LOST),
        counted(world::AGAIN)
    );
    for (slots, name) in [(false, "by replacing"), (true, "in slots")] {
        let of_way = |times: &Times| -> Vec<Duration> {
            let all = times.iter().zip(&PLACES);
            all.filter(|(_, place)| place.slots == slots)
                .map(|(time, _)| *time)
                .collect()
        };
        let mut times: Vec<_> = rests.iter().flat_map(of_way).collect();
        times.sort_unstable();
        if let (Some(median), Some(worst)) = (times.get(times.len() / 2), times.last()) {
            println!("in step      {name}: median {median:.2?}, worst {worst:.2?}");
        }
    }
    let digest = history::digest(steps);
    let violations = journal.violations();
    println!(
        "violations   {}  (seed {seed}, history {digest:016x}, {} rests)",
        violations.len(),
        rests.len()
    );
}

fn counts(title: &str, counts: &BTreeMap<&str, u64>) {
    let total: u64 = counts.values().sum();
    let all: Vec<_> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let mut line = format!("{title:12} {total}:");
    for word in all.join(", ").split(' ') {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            println!("{line}");
            line = format!("{:12}", "");
        }
        line = format!("{line} {word}");
    }
    println!("{line}");
}

/// Says what does not hold, and keeps what there is to read about it.
pub(crate) fn tell(seed: u64, scratch: &Path, journal: &Journal) -> io::Result<()> {
    println!();
    for violation in journal.violations() {
        println!("VIOLATION {violation}");
    }
    println!("\nWhat came before it:");
    for line in journal.last() {
        println!("{line}");
    }
    let kept = std::env::temp_dir().join(format!("chaos-{seed}-{}", std::process::id()));
    keep(scratch, &kept)?;
    fs::write(kept.join("history"), journal.text())?;
    println!(
        "\nThe whole history, the logs, the hosts files: {}",
        kept.display()
    );
    let began = journal.began().duration_since(std::time::UNIX_EPOCH);
    println!(
        "The history counts from {} s since 1970.",
        began.unwrap_or_default().as_secs_f64()
    );
    Ok(())
}

fn keep(from: &Path, to: &PathBuf) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, target) = (entry?.path(), to);
        let target = target.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            keep(&entry, &target)?;
        } else if entry
            .extension()
            .is_none_or(|extension| extension != "filler")
        {
            fs::copy(&entry, &target)?;
        }
    }
    Ok(())
}
