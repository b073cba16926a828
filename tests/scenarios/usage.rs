//! Command lines and settings, right and wrong, and what the commands answer to them.

use lab::{HostsFile, PATIENCE, Program, Scratch, Tree, hostsync, nameserver, tree, wait_for};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Both programs on a tree of their own.
fn both(name: &str) -> (Tree, HostsFile, [Program; 2]) {
    let (tree, hosts) = (tree(name), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let programs = [nameserver(&tree), hostsync(&tree, &hosts)];
    (tree, hosts, programs)
}

#[test]
fn settings_come_from_a_file_and_flags_win() {
    let (tree, hosts) = (tree("config"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    let scratch = Scratch::new("config");
    let address = tree.address();
    let server = scratch.write(
        "nameserver.toml",
        format!("zookeeper = \"{address}\"\nroot = \"/nowhere\"\ndomain = \"zk.internal\"\n"),
    );
    let agent = scratch.write(
        "hostsync.toml",
        format!(
            "zookeeper = \"{address}\"\nhosts-file = \"{}\"\n",
            hosts.path().display()
        ),
    );
    let cache = scratch.join("cache");
    let _server = Program::new("nameserver")
        .flag("config", server)
        .flag("root", "/services")
        .run();
    let _agent = Program::new("hostsync")
        .flag("config", agent)
        .flag("cache", cache)
        .run();
    hosts.soon_maps("db.zk.internal", &["10.0.0.1"]);
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    let (_tree, _hosts, programs) = both("usage");
    let scratch = Scratch::new("usage");
    let unknown = scratch.write("unknown.toml", "zokeeper = \"127.0.0.1:2181\"\n");
    let broken = scratch.write("broken.toml", "zookeeper = [\n");
    for program in &programs {
        program
            .call(&["run", "--zokeeper", "x"])
            .expect_code(2)
            .expect_words(&["--zokeeper"]);
        program
            .call(&["run", "--zookeeper", "a b"])
            .expect_code(2)
            .expect_words(&["a b"]);
        program
            .call(&["run", "--state", "no/slash"])
            .expect_code(2)
            .expect_words(&["no/slash"]);
        program
            .call(&["run", "--log-level", "loud"])
            .expect_code(2)
            .expect_words(&["loud"]);
        program
            .call(&["no-such-command"])
            .expect_code(2)
            .expect_words(&["no-such-command"]);
        let unknown = unknown.to_str().expect("a path");
        program
            .call(&["run", "--config", unknown])
            .expect_code(2)
            .expect_words(&["zokeeper", unknown]);
        let broken = broken.to_str().expect("a path");
        program
            .call(&["run", "--config", broken])
            .expect_code(2)
            .expect_words(&[broken]);
        program
            .call(&["--help"])
            .expect_code(0)
            .expect_words(&["run", "lookup"]);
        let _ = program.call(&["--version"]).expect_code(0);
    }
    let all = programs[0]
        .clone()
        .flag("root", "bad")
        .flag("domain", "-bad-");
    all.call(&["check"])
        .expect_code(2)
        .expect_words(&["NAMESERVER_ROOT", "NAMESERVER_DOMAIN"]);
}

#[test]
fn commands_without_zookeeper_fail_with_one_line() {
    let (_tree, hosts, [server, agent]) = both("no-zookeeper");
    let away = "127.0.0.1:9";
    let server = server.flag("zookeeper", away).flag("session-timeout", "2s");
    let agent = agent.flag("zookeeper", away).flag("session-timeout", "2s");
    for (outcome, code) in [
        (server.call(&["check"]), 2),
        (server.call(&["lookup", "db"]), 2),
        (agent.call(&["once"]), 1),
    ] {
        let outcome = outcome.expect_code(code);
        outcome.expect_words(&[away]);
        let errors = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("error"))
            .count();
        assert!(errors <= 1, "{}", outcome.stderr);
    }
    assert_eq!(hosts.text(), LOCALHOST);
}

#[test]
fn a_root_that_is_not_there_is_named() {
    let (tree, hosts) = (tree("wrong-root"), HostsFile::with(LOCALHOST));
    let program = nameserver(&tree).flag("root", "/services");
    program
        .call(&["check"])
        .expect_code(1)
        .expect_words(&["/services"]);
    let server = program.run();
    server.soon_says("/services");
    // It may come later.
    let _agent = hostsync(&tree, &hosts).run();
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    hosts.soon_maps("db", &["10.0.0.1"]);
}

/// As `hostsync lookup db | head -1` leaves it.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (tree, _hosts, [server, _]) = both("head");
    let znodes: Vec<String> = (0..3_000).map(|number| format!("/bad {number}")).collect();
    tree.create_many(znodes.iter().map(|path| (path.as_str(), "10.0.0.1")));
    let script = "set -o pipefail; \"$@\" | head -n 1 >/dev/null";
    let outcome = server
        .inside(&["bash", "-c", script, "bash"])
        .call(&["check"]);
    assert!(matches!(outcome.code(), 0 | 1), "{outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
}

/// How often a text says this.
fn times(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_misspelt_variable_is_named_with_the_nearest_and_changes_nothing() {
    let (_tree, _hosts, programs) = both("misspelt");
    let commands: [&[&[&str]]; 2] = [
        &[&["check"], &["lookup", "db"], &["status"], &["release"]],
        &[&["once"], &["lookup", "db"], &["status"], &["clean"]],
    ];
    let misspelt = [
        ("NAMESERVER_ZOKEEPER", "NAMESERVER_ZOOKEEPER"),
        ("HOSTSYNC_AUTHFILE", "HOSTSYNC_AUTH_FILE"),
    ];
    for ((program, commands), (name, meant)) in programs.iter().zip(commands).zip(misspelt) {
        let astray = program.clone().inside(&[
            "env",
            &format!("{name}=s3cret"),
            // What Kubernetes tells of a service with our name, or of another one's.
            "NAMESERVER_PORT=tcp://10.96.0.7:8080",
            "HOSTSYNC_PORT=tcp://10.96.0.7:8080",
            "HOSTSYNC_WEB_SERVICE_HOST=10.96.0.7",
            // Another subcommand's.
            "NAMESERVER_JSON=no",
            "HOSTSYNC_WAIT_TIMEOUT=3s",
        ]);
        for command in commands {
            let right = program.call(command);
            let outcome = astray.call(command).expect_code(right.code());
            let warning = format!(
                "warning: the variable {name} is unknown and ignored; did you mean {meant}?"
            );
            assert_eq!(times(&outcome.stderr, &warning), 1, "{outcome:#?}");
            assert_eq!(times(&outcome.stderr, " is unknown"), 1, "{outcome:#?}");
            assert_eq!(times(&outcome.stdout, "unknown"), 0, "{outcome:#?}");
            assert_eq!(times(&outcome.stderr, "s3cret"), 0, "{outcome:#?}");
        }
        let refused = astray.call(&["run", "--no-such-flag"]).expect_code(2);
        refused.expect_words(&[name]);
        let help = astray.call(&["run", "--help"]).expect_code(0);
        assert_eq!(help.stderr, "");
    }
}

#[test]
fn a_daemon_warns_of_a_misspelt_variable_once_in_its_log() {
    let (_tree, _hosts, programs) = both("misspelt-run");
    let misspelt = [
        ("NAMESERVER_ROT", "NAMESERVER_ROOT"),
        ("HOSTSYNC_SELCT", "HOSTSYNC_SELECT"),
    ];
    for (program, (name, meant)) in programs.iter().zip(misspelt) {
        let scratch = Scratch::new("misspelt-log");
        let astray = program
            .clone()
            .inside(&["env", &format!("{name}=/services")]);
        let warning = format!("{name} is unknown and ignored; did you mean {meant}?");
        let running = astray.run();
        running.soon_says(&warning);
        drop(running);
        let log = scratch.join("log");
        let to_file = astray.flag("log-file", &log).run();
        to_file.soon_says(&warning);
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        let text = wait_for("the log file to warn", PATIENCE, read, |text| {
            text.contains(&warning)
        });
        assert_eq!(times(&text, name), 1, "{text:?}");
        assert_eq!(times(&text, "/services"), 0, "{text:?}");
    }
}
