//! Random histories of a tree, and of faults, against both daemons and a real ensemble; and what must
//! hold all the while.
//!
//! * `history` plans what happens and when, from a seed and nothing else;
//! * `world` has the servers, the daemons, the proxies between them and the hosts files, and breaks and
//!   mends them; `sessions` change the tree; `foreign` changes the files as somebody else would;
//! * `readers` look at everything at all times, and `check` judges what they see;
//! * `rest` waits until everybody agrees with `model`, the contract's rules once more.

mod check;
mod foreign;
mod history;
mod journal;
mod model;
mod readers;
mod report;
mod rest;
mod run;
mod sessions;
mod watched;
mod world;

use clap::Parser;

pub use run::run;

/// Break everything at random while a tree changes, and look whether anything goes wrong that should
/// not.
///
/// Exits with 1 when something does; what there is to be read then stays in a directory that is
/// printed. The same seed gives the same history.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    /// What the history follows from [default: a new one]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long the history is; the rests come on top
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// So many names more that nobody touches
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=500_000))]
    pub names: u32,
}
