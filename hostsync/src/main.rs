//! The hostsync daemon.

use std::process::ExitCode;

use hostsync::commands::cli::PROGRAM;

fn main() -> ExitCode {
    let cli = daemon::command_line::parse(PROGRAM);
    daemon::exit(PROGRAM, hostsync::commands::execute(cli))
}
