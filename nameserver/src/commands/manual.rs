//! What the man pages have beyond the definition of the command line.

use daemon::Manual;

/// The sections of the page of one subcommand; of the program itself for an empty name.
pub(super) fn manual(command: &str) -> Manual {
    let manual = Manual::default();
    let manual = match command {
        "" => manual.text(
            "EXIT STATUS",
            "0 for done or yes, 1 for failed or no, 2 for wrong usage or, of a command that asks, where there is no answer; see the page of each command.",
        ),
        "list" | "lookup" => status(manual, "there is some name", "there is none", ASKED),
        "check" => status(manual, "nothing is to be mended", "something is", ASKED),
        "agents" => status(manual, "there are some, all in step", "there are none, or one is not in step", ASKED),
        "status" => status(manual, "healthy", "not healthy, or ZooKeeper does not answer", USAGE),
        "validate" => status(manual, "no mistake", "mistakes, a line each", "a file cannot be read, or wrong usage"),
        "purge" => status(manual, "all is deleted", "nothing is deleted, and why", USAGE),
        _ => status(manual, "done", "failed, and why", USAGE),
    };
    let manual = match command {
        "run" => manual.terms(
            "SIGNALS",
            &[
                (
                    "SIGTERM, SIGINT, SIGQUIT",
                    "End cleanly: another replica leads at once.",
                ),
                (
                    "SIGHUP",
                    "Read the whole tree again, and open the log file again.",
                ),
            ],
        ),
        "monitor" | "top" => {
            manual.terms("SIGNALS", &[("SIGTERM, SIGINT, SIGQUIT", "End, with 0.")])
        }
        _ => manual,
    };
    match command {
        "run" => manual
            .terms(
                "FILES",
                &[
                    (
                        "/run/nameserver.pid",
                        "With --daemon, the process id; see --pid-file.",
                    ),
                    (
                        "/var/log/nameserver.log",
                        "With --daemon, the log; see --log-file.",
                    ),
                    (
                        "/etc/default/nameserver",
                        "The variables that the Debian package starts it with.",
                    ),
                ],
            )
            .verbatim(
                "EXAMPLES",
                "nameserver run -z zk1:2181,zk2:2181 --root /services --domain zk.internal",
            ),
        "list" => manual.verbatim(
            "EXAMPLES",
            "nameserver list -z zk1:2181 '*.db'\nnameserver list --watch --json",
        ),
        "monitor" => manual.verbatim("EXAMPLES", "nameserver monitor -z zk1:2181 '*.db'"),
        "lookup" => manual.verbatim("EXAMPLES", "nameserver lookup -z zk1:2181 primary.db"),
        "check" => manual.verbatim(
            "EXAMPLES",
            "nameserver check -z zk1:2181 --explain /kafka/brokers/ids/1",
        ),
        "purge" => manual.verbatim("EXAMPLES", "nameserver purge -z zk1:2181 --state /old"),
        _ => manual,
    }
}

const ASKED: &str = "ZooKeeper does not answer, or wrong usage";
const USAGE: &str = "wrong usage";

fn status(manual: Manual, yes: &str, no: &str, none: &str) -> Manual {
    manual.terms("EXIT STATUS", &[("0", yes), ("1", no), ("2", none)])
}
