//! Signals of a terminal and of an engine, told from each other, around a command.

use std::fs;
use std::path::PathBuf;

use lab::{
    Container, HostsFile, Image, Need, Network, PATIENCE, Program, Running, Scratch, Tree, docker,
    hostsync, needs, tree, wait_until,
};
use nix::sys::signal::Signal;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
/// A terminal around a command; its keys come through a named pipe. It ends as the command does.
const TERMINAL: &str = "
import os, pty, sys, threading
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
keys = os.open(sys.argv[1], os.O_RDWR)
def type():
    while True:
        os.write(terminal, os.read(keys, 64))
threading.Thread(target=type, daemon=True).start()
try:
    while text := os.read(terminal, 1024):
        os.write(1, text)
except OSError:
    pass
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
";
const INTERRUPT: &str = "\x03";
const QUIT: &str = "\x1c";
const SUSPEND: &str = "\x1a";

/// A command at a terminal, and what it wrote.
struct Terminal {
    scratch: Scratch,
    tree: Tree,
    hosts: HostsFile,
}

impl Terminal {
    fn new(name: &str) -> Self {
        let (scratch, tree) = (Scratch::new("terminal"), tree(name));
        let made = nix::unistd::mkfifo(&scratch.join("keys"), nix::sys::stat::Mode::S_IRWXU);
        made.expect("a named pipe");
        Self {
            scratch,
            tree,
            hosts: HostsFile::with(LOCALHOST),
        }
    }

    /// hostsync around a script, at the terminal, with words between.
    fn run(&self, between: &[&str], flags: &[&str], script: &str) -> Running {
        let keys = self.scratch.join("keys").display().to_string();
        let around = [&["python3", "-c", TERMINAL, &keys], between].concat();
        let program = self.program().inside(&around);
        let args = [flags, &["--", "sh", "-c", script]].concat();
        program.start("exec", &args)
    }

    fn program(&self) -> Program {
        hostsync(&self.tree, &self.hosts)
            .flag("id", "c1")
            .flag("register", "web")
            .flag("address", "10.9.8.7")
    }

    fn publish(&self) {
        self.tree
            .publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    }

    fn press(&self, keys: &str) {
        fs::write(self.scratch.join("keys"), keys).expect("somebody reads");
    }

    fn said(&self) -> PathBuf {
        self.scratch.join("said")
    }

    fn soon_said(&self, text: &str) {
        wait_until(&format!("{text:?}"), PATIENCE, || {
            fs::read_to_string(self.said()).is_ok_and(|said| said == text)
        });
    }

    fn soon_registered(&self, is_there: bool) {
        wait_until(&format!("a registration: {is_there}"), PATIENCE, || {
            self.tree.stat("/web/c1").is_some() == is_there
        });
    }

    /// A script that says which signals it gets, and takes a moment to end.
    fn script(&self) -> String {
        format!(
            "said={}; trap 'echo int >>$said; sleep 0.5; exit 7' INT; trap 'echo quit >>$said; exit 8' QUIT; \
             echo ready >>$said; while :; do sleep 0.05; done",
            self.said().display()
        )
    }
}

/// Most programs do not ask which signals are blocked when they begin.
#[test]
fn a_command_begins_with_no_signal_blocked() {
    let (tree, hosts) = (tree("mask"), HostsFile::with(LOCALHOST));
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    let program = hostsync(&tree, &hosts);
    let show = ["exec", "--", "grep", "SigBlk", "/proc/self/status"];
    let outcome = program.call(&show).expect_code(0);
    assert!(
        outcome.stdout.contains("SigBlk:\t0000000000000000"),
        "{}",
        outcome.stdout
    );
    // Nor is any in what is started later, by another thread.
    let program = program
        .flag("id", "c1")
        .flag("register", "web")
        .flag("address", "10.9.8.7");
    let check = "grep -q 'SigBlk:.*0000000000000000' /proc/self/status";
    let running = program.start("exec", &["--check", check, "--", "sleep", "1000"]);
    running.soon_says("registered web");
}

#[test]
fn a_key_reaches_the_command_once_and_hostsync_waits_for_it() {
    for (name, key, word, code) in [
        ("key-int", INTERRUPT, "int", 7),
        ("key-quit", QUIT, "quit", 8),
    ] {
        // Neither as the first process nor alone; as the first one; and without standard input of the terminal.
        for between in [
            &["sh", "-c", "trap : INT QUIT; \"$@\"; exit $?", "sh"][..],
            &["unshare", "--pid", "--fork", "--kill-child"],
            &[
                "sh",
                "-c",
                "trap : INT QUIT; \"$@\" </dev/null; exit $?",
                "sh",
            ],
        ] {
            if key == QUIT && between[0] == "unshare" {
                // It would end itself.
                continue;
            }
            let terminal = Terminal::new(name);
            terminal.publish();
            let mut running = terminal.run(between, &[], &terminal.script());
            terminal.soon_said("ready\n");
            terminal.soon_registered(true);
            terminal.press(key);
            terminal.soon_registered(false);
            let ended = running.wait_end(PATIENCE);
            assert_eq!(
                fs::read_to_string(terminal.said()).unwrap(),
                format!("ready\n{word}\n")
            );
            assert_eq!(ended.code(), Some(code), "{}", running.log());
        }
    }
}

#[test]
fn a_key_ends_the_wait_for_a_name_and_the_command_never_starts() {
    let terminal = Terminal::new("key-wait");
    // There is no ZooKeeper.
    let flags = [
        "--zookeeper",
        "127.0.0.1:1",
        "--wait",
        "db",
        "--wait-timeout",
        "60s",
    ];
    let script = format!("echo started >>{}", terminal.said().display());
    for between in [
        &["unshare", "--pid", "--fork", "--kill-child"][..],
        &["env"],
    ] {
        let keys = terminal.scratch.join("keys").display().to_string();
        let around = [&["python3", "-c", TERMINAL, &keys], between].concat();
        let program = Program::new("hostsync")
            .flag("hosts-file", terminal.hosts.path())
            .flag("cache", terminal.scratch.join("cache"))
            .inside(&around);
        let args = [&flags[..], &["--", "sh", "-c", &script]].concat();
        let mut running = program.start("exec", &args);
        running.soon_says("trying again until it works");
        terminal.press(INTERRUPT);
        assert_eq!(
            running.wait_end(PATIENCE).code(),
            Some(130),
            "{}",
            running.log()
        );
        assert!(!terminal.said().exists());
    }
}

/// A shell with job control stops both, and has both go on.
#[test]
fn what_a_key_stops_is_not_registered_until_it_goes_on() {
    let terminal = Terminal::new("key-stop");
    terminal.publish();
    let around = [
        "bash",
        "-c",
        "set -m; \"$@\"; echo stopped; read x; fg >/dev/null; exit $?",
        "bash",
    ];
    let mut running = terminal.run(&around, &[], &terminal.script());
    terminal.soon_said("ready\n");
    terminal.soon_registered(true);
    terminal.press(SUSPEND);
    running.soon_says("stopped");
    terminal.soon_registered(false);
    terminal.press("\n");
    terminal.soon_registered(true);
    terminal.press(INTERRUPT);
    terminal.soon_registered(false);
    terminal.soon_said("ready\nint\n");
    let _ = running.wait_end(PATIENCE);

    // Where nobody would have it go on, nothing is stopped.
    let terminal = Terminal::new("key-no-stop");
    terminal.publish();
    let mut running = terminal.run(&[], &[], &terminal.script());
    terminal.soon_said("ready\n");
    terminal.soon_registered(true);
    terminal.press(SUSPEND);
    terminal.press(INTERRUPT);
    assert_eq!(
        running.wait_end(PATIENCE).code(),
        Some(7),
        "{}",
        running.log()
    );
}

#[test]
fn an_engine_stops_a_container_with_a_terminal_by_whatever_signal_it_has() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("stop-tty");
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    let servers = network.reach(&tree);
    let script = "trap 'exit 7' INT; trap 'exit 8' QUIT; trap 'exit 9' TERM; trap 'exit 10' RTMIN+3; trap 'exit 10' 37; \
                  while :; do sleep 0.05; done";
    for (signal, code) in [
        ("SIGINT", "7"),
        ("SIGQUIT", "8"),
        ("SIGTERM", "9"),
        ("RTMIN+3", "10"),
    ] {
        let around = [
            "hostsync",
            "exec",
            "-z",
            &servers,
            "--id",
            "c1",
            "--register",
            "pp:80",
        ];
        let own = ["--stop-signal", "RTMIN+3", "--", "sh", "-c", script];
        let stop = format!("--stop-signal={signal}");
        let container = Container::run_with(
            &["-t", &stop],
            &image,
            &network,
            &[&around[..], &own].concat(),
        );
        wait_until("a registration", PATIENCE, || tree.stat("/pp/c1").is_some());
        let _ = docker(&["stop", "--time", "10", container.name()]);
        assert!(tree.stat("/pp/c1").is_none(), "{signal}: withdrawn");
        let log = container.log();
        assert_eq!(
            container.inspect("{{.State.ExitCode}}"),
            code,
            "{signal}: {log}"
        );
        assert!(log.contains("withdrew pp:80"), "{signal}: {log}");
    }
}

#[test]
fn real_time_signals_are_passed_on_and_can_ask_for_the_end() {
    let terminal = Terminal::new("real-time");
    terminal.publish();
    let script = format!(
        "said={}; trap 'echo one >>$said' 35; trap 'echo end >>$said; exit 9' 37; echo ready >>$said; \
         while :; do sleep 0.05; done",
        terminal.said().display()
    );
    let args = ["--stop-signal=RTMIN+3", "--", "sh", "-c", &script];
    let mut running = terminal.program().start("exec", &args);
    let send = |number: &str| {
        let pid = running.pid().to_string();
        let sent = std::process::Command::new("sh")
            .args(["-c", "kill -$0 $1", number, &pid])
            .status();
        assert!(sent.is_ok_and(|sent| sent.success()));
    };
    terminal.soon_said("ready\n");
    terminal.soon_registered(true);
    send("35");
    terminal.soon_said("ready\none\n");
    terminal.soon_registered(true);
    send("37");
    terminal.soon_said("ready\none\nend\n");
    assert_eq!(
        running.wait_end(PATIENCE).code(),
        Some(9),
        "{}",
        running.log()
    );
    terminal.soon_registered(false);
}

#[test]
fn a_signal_reaches_the_whole_group_where_that_is_wished() {
    let terminal = Terminal::new("group");
    terminal.publish();
    // A shell that waits for a child passes nothing on.
    let script = format!(
        "said={}; trap 'echo shell >>$said' TERM; \
         sh -c 'trap \"echo child >>$0; exit 0\" TERM; echo ready >>$0; while :; do sleep 0.05; done' $said; exit 5",
        terminal.said().display()
    );
    let mut running = terminal
        .program()
        .start("exec", &["-g", "--", "sh", "-c", &script]);
    terminal.soon_said("ready\n");
    running.signal(Signal::SIGTERM);
    assert_eq!(
        running.wait_end(PATIENCE).code(),
        Some(5),
        "{}",
        running.log()
    );
    let said = fs::read_to_string(terminal.said()).unwrap();
    assert!(said.contains("child") && said.contains("shell"), "{said}");
}
