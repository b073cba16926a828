//! See the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    chaos::run(&chaos::Arguments::parse())
}
