//! The subcommands, each from its arguments to an exit code.

mod clean;
pub mod cli;
mod dry_run;
mod exec;
mod faults;
mod files;
mod lookup;
mod manual;
mod monitor;
mod once;
mod run;
mod status;

use std::process::ExitCode;

use cli::{Cli, Command, PROGRAM};
use daemon::Unanswered;

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    faults::arm();
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::exec(&args),
        Command::Once(args) if args.dry_run => once::once(&args).map_err(Unanswered::because),
        Command::Once(args) => once::once(&args),
        Command::Lookup(args) => lookup::lookup(&args),
        Command::Monitor(args) => monitor::monitor(&args),
        Command::Status(args) => status::status(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Validate(args) => args.run::<Cli>(PROGRAM, |cli| match cli.command {
            Command::Run(args) => Ok(args.registering.check().map(drop)?),
            _ => Ok(()),
        }),
        Command::Generate(args) => args
            .run::<Cli>(PROGRAM, manual::manual)
            .map(|()| ExitCode::SUCCESS),
    }
}
