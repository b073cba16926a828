//! The hostsync daemon.

use std::process::ExitCode;

use hostsync::commands::cli::PROGRAM;

/// Ours. The client of ZooKeeper is not: while no server answers, it says so again and again.
const CRATES: [&str; 4] = ["daemon", "hostsync", "zookeeper", "contract"];

fn main() -> ExitCode {
    daemon::logging::show_only(&CRATES);
    let cli = daemon::command_line::parse(PROGRAM);
    daemon::exit(PROGRAM, hostsync::commands::execute(cli))
}
