//! The nameserver daemon.

use std::process::ExitCode;

use nameserver::commands::cli::PROGRAM;

fn main() -> ExitCode {
    let cli = daemon::command_line::parse(PROGRAM);
    daemon::exit(PROGRAM, nameserver::commands::execute(cli))
}
