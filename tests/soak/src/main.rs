//! See the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> anyhow::Result<ExitCode> {
    soak::run(&soak::Arguments::parse())
}
