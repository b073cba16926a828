//! What the man pages have beyond the definition of the command line.

use daemon::Manual;

/// The sections of the page of one subcommand; of the program itself for an empty name.
pub(super) fn manual(command: &str) -> Manual {
    let manual = Manual::default();
    let manual = match command {
        "" => manual.text(
            "EXIT STATUS",
            "0 for done or yes, 1 for failed or no, 2 for wrong usage; of exec that of the command; see the page of each command.",
        ),
        "exec" => manual.terms(
            "EXIT STATUS",
            &[
                ("N", "That of the command; 128 and the number of the signal that ended it."),
                ("127", "There is no such command."),
                ("1", "A name that is waited for did not come in time, or another failure before the command started."),
                ("2", USAGE),
            ],
        ),
        "lookup" => status(manual, "the file has the name", "it has not, or cannot be read", USAGE),
        "status" => status(manual, "in step", "not in step, and why", USAGE),
        "validate" => status(manual, "no mistake", "mistakes, a line each", "a file cannot be read, or wrong usage"),
        "once" => status(
            manual,
            "done; with --dry-run, nothing would change",
            "failed, and why; with --dry-run, something would change",
            "wrong usage; with --dry-run also where it could not be told",
        ),
        _ => status(manual, "done", "failed, and why", USAGE),
    };
    let manual = match command {
        "run" | "exec" => manual
            .terms(
                "SIGNALS",
                &[
                    ("SIGTERM, SIGINT, SIGQUIT", "End cleanly: what is registered goes first, and the names stay in the file. Of exec, they are passed on to the command after that."),
                    ("SIGHUP", "Make a full pass, and open the log file again."),
                    ("SIGUSR1", "Of run, end, and leave what is registered to the next agent on this machine."),
                ],
            )
            .terms(
                "FILES",
                &[
                    ("/etc/hosts", "The hosts file; see --hosts-file."),
                    ("/var/cache/hostsync/", "The last snapshot of each hosts file, to start without ZooKeeper; see --cache."),
                    ("/run/hostsync/", "The sockets at which agents answer status."),
                    ("/etc/default/hostsync", "The variables that the Debian package starts it with."),
                ],
            ),
        "monitor" => manual.terms("SIGNALS", &[("SIGTERM, SIGINT, SIGQUIT", "End, with 0.")]),
        _ => manual,
    };
    match command {
        "run" => manual.verbatim(
            "EXAMPLES",
            "hostsync run -z zk1:2181,zk2:2181 --select '*.db'",
        ),
        "exec" => manual.verbatim(
            "EXAMPLES",
            "hostsync exec -z zk1:2181 --register web:8080 --wait db -- /srv/web",
        ),
        "once" => manual.verbatim("EXAMPLES", "hostsync once -z zk1:2181 --dry-run"),
        "monitor" => manual.verbatim("EXAMPLES", "hostsync monitor '*.db'"),
        "lookup" => manual.verbatim("EXAMPLES", "hostsync lookup primary.db"),
        _ => manual,
    }
}

const USAGE: &str = "wrong usage";

fn status(manual: Manual, yes: &str, no: &str, none: &str) -> Manual {
    manual.terms("EXIT STATUS", &[("0", yes), ("1", no), ("2", none)])
}
