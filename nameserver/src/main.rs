//! The nameserver daemon.

use std::process::ExitCode;

use nameserver::commands::cli::PROGRAM;

/// Ours. The client of ZooKeeper is not: while no server answers, it says so again and again.
const CRATES: [&str; 5] = [
    "daemon",
    "nameserver",
    "zookeeper",
    "zookeeper_args",
    "contract",
];

fn main() -> ExitCode {
    daemon::logging::show_only(&CRATES);
    let cli = daemon::command_line::parse(PROGRAM);
    daemon::exit(PROGRAM, nameserver::commands::execute(cli))
}
