//! hostsync as the entrypoint of a container.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use lab::{
    HostsFile, PATIENCE, Program, Running, Scratch, Tree, hostsync, nameserver, tree, wait_until,
};
use nix::sys::signal::Signal;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// `hostsync exec` around a shell script, with these flags before it.
fn exec(program: &Program, flags: &[&str], script: &str) -> Running {
    let mut args = flags.to_vec();
    args.extend(["--", "sh", "-c", script]);
    program.start("exec", &args)
}

fn services(name: &str) -> (Tree, HostsFile, Running) {
    let tree = tree(name);
    let server = nameserver(&tree).run();
    (tree, HostsFile::with(LOCALHOST), server)
}

fn registering(tree: &Tree, hosts: &HostsFile) -> Program {
    hostsync(tree, hosts)
        .flag("id", "c1")
        .flag("register", "web")
        .flag("address", "10.9.8.7")
}

fn is_registered(tree: &Tree) -> bool {
    tree.stat("/web/c1").is_some()
}

/// The lines that a script wrote into a file.
fn soon_wrote(scratch: &Scratch, name: &str, text: &str) {
    let path = scratch.join(name);
    wait_until(&format!("{text:?} in {}", path.display()), PATIENCE, || {
        std::fs::read_to_string(&path).is_ok_and(|written| written.contains(text))
    });
}

#[test]
fn first_the_names_then_the_command_then_the_registration() {
    let (tree, hosts, _server) = services("exec-order");
    let scratch = Scratch::new("exec");
    let script = format!(
        "cp {} {}; trap 'exit 7' TERM; while :; do sleep 0.05; done",
        hosts.path().display(),
        scratch.join("seen").display()
    );
    let flags = ["--wait", "db", "--wait", "primary.cache."];
    let mut agent = exec(&registering(&tree, &hosts), &flags, &script);
    tree.create("/db", "10.0.0.1");
    hosts.soon_maps("db", &["10.0.0.1"]);
    assert!(!scratch.join("seen").exists() && !is_registered(&tree));
    tree.create("/cache", "");
    tree.create("/cache/primary", "10.0.0.2");
    soon_wrote(&scratch, "seen", "primary.cache");
    wait_until("the registration", PATIENCE, || is_registered(&tree));
    hosts.soon_maps("web", &["10.9.8.7"]);

    agent.signal(Signal::SIGTERM);
    let status = agent.wait_end(PATIENCE);
    assert_eq!(status.code(), Some(7), "{}", agent.log());
    assert!(!is_registered(&tree));
}

#[test]
fn a_name_that_only_its_own_registration_gives_is_registered_before_the_command() {
    let (tree, hosts, _server) = services("exec-own");
    tree.put("/web", "");
    let program = registering(&tree, &hosts);
    let mut agent = exec(
        &program,
        &["--sequential", "--wait=leader.web", "--wait-timeout=20s"],
        "exit 7",
    );
    agent.soon_says("registering web before the command, since --wait leader.web needs it");
    assert_eq!(agent.wait_end(PATIENCE).code(), Some(7), "{}", agent.log());

    // Behind a check that needs the command, nothing helps: it is told at once.
    let flags = ["--wait=web", "--check=true", "--wait-timeout=1s"];
    let mut agent = exec(&program, &flags, "exit 7");
    agent.soon_says("--wait web may wait for ever");
    assert_eq!(agent.wait_end(PATIENCE).code(), Some(1), "{}", agent.log());
}

#[test]
fn a_wait_that_times_out_says_what_is_missing() {
    let (tree, hosts, _server) = services("exec-missing");
    tree.create("/db", "10.0.0.1");
    let outcome = hostsync(&tree, &hosts)
        .call(&[
            "exec",
            "--wait=db",
            "--wait=cache",
            "--wait-timeout=1s",
            "--",
            "true",
        ])
        .expect_code(1);
    outcome.expect_words(&["still missing after 1s: cache;", "--wait-timeout"]);
}

#[test]
fn exit_codes_are_those_of_a_shell() {
    let (tree, hosts, _server) = services("exec-codes");
    let program = hostsync(&tree, &hosts);
    for (command, code) in [
        (&["sh", "-c", "exit 3"][..], 3),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["/no/such/command"], 127),
        (&["/etc/hosts"], 126),
    ] {
        let mut args = vec!["exec", "--"];
        args.extend(command);
        let _ = program.call(&args).expect_code(code);
    }
    let _ = program.call(&["exec"]).expect_code(2);
}

#[test]
fn signals_are_passed_on_and_the_withdrawal_comes_before_the_end() {
    let (tree, hosts, _server) = services("exec-signals");
    let scratch = Scratch::new("exec");
    let said = scratch.join("said");
    // The trap for TERM runs after the drain.
    let script = format!(
        "said={}; trap 'echo hup >>$said' HUP; trap 'echo usr1 >>$said' USR1; \
         trap 'echo term >>$said; exit 0' TERM; echo ready >>$said; while :; do sleep 0.05; done",
        said.display()
    );
    let mut agent = exec(&registering(&tree, &hosts), &["--drain", "3s"], &script);
    soon_wrote(&scratch, "said", "ready");
    for (signal, word) in [(Signal::SIGHUP, "hup"), (Signal::SIGUSR1, "usr1")] {
        agent.signal(signal);
        soon_wrote(&scratch, "said", word);
    }
    wait_until("the registration", PATIENCE, || is_registered(&tree));
    let begun = std::time::Instant::now();
    agent.signal(Signal::SIGTERM);
    wait_until("the withdrawal", PATIENCE, || !is_registered(&tree));
    assert!(
        !scratch.read("said").contains("term"),
        "only after the drain"
    );
    assert!(agent.wait_end(PATIENCE).success());
    assert!(scratch.read("said").contains("term"));
    assert!(begun.elapsed() > Duration::from_secs(3), "the drain");
}

/// Images have stop signals of their own, such as WINCH of httpd.
#[test]
fn a_stop_signal_of_the_image_withdraws_before_it_is_passed_on() {
    let (tree, hosts, _server) = services("exec-stop-signal");
    let scratch = Scratch::new("exec");
    let script = format!(
        "said={}; trap 'echo stop >>$said; exit 0' WINCH USR1; echo ready >>$said; \
         while :; do sleep 0.05; done",
        scratch.join("said").display()
    );
    for (given, signal) in [("winch", Signal::SIGWINCH), ("10", Signal::SIGUSR1)] {
        let flags = ["--stop-signal", given, "--drain", "60s"];
        let mut agent = exec(&registering(&tree, &hosts), &flags, &script);
        soon_wrote(&scratch, "said", "ready");
        wait_until("the registration", PATIENCE, || is_registered(&tree));
        agent.signal(signal);
        wait_until("the withdrawal", PATIENCE, || !is_registered(&tree));
        assert!(!scratch.read("said").contains("stop"), "the drain");
        // Somebody is in a hurry.
        agent.signal(signal);
        assert!(agent.wait_end(PATIENCE).success(), "{}", agent.log());
        assert_eq!(scratch.read("said"), "ready\nstop\n");
        scratch.write("said", "");
    }
    let program = registering(&tree, &hosts).flag("stop-signal", "KILL");
    let refused = program.call(&["exec", "--", "true"]).expect_code(2);
    refused.expect_words(&["no program can catch KILL"]);
}

#[test]
fn names_with_blanks_between_them_are_not_waited_for() {
    let (tree, hosts, _server) = services("exec-blanks");
    let program = hostsync(&tree, &hosts).flag("wait", "db web");
    let refused = program.call(&["exec", "--", "true"]).expect_code(2);
    refused.expect_words(&["db web", "commas between them"]);
}

#[test]
fn the_secret_is_neither_the_commands_nor_the_checks() {
    let (tree, hosts, _server) = services("exec-secret");
    let scratch = Scratch::new("exec");
    let tell = |name: &str| format!("env >{}", scratch.join(name).display());
    let around = ["env", "HOSTSYNC_AUTH=user:secret", "OTHER=kept"];
    let program = registering(&tree, &hosts).inside(&around);
    let flags = ["--check", &tell("check")];
    let script = format!("{}; while :; do sleep 0.05; done", tell("command"));
    let _agent = exec(&program, &flags, &script);
    for name in ["command", "check"] {
        soon_wrote(&scratch, name, "OTHER=kept");
        let environment = scratch.read(name);
        assert!(!environment.contains("secret"), "{environment}");
    }
}

/// As the first process of a pid namespace: whoever loses its parent is reaped by it.
#[test]
fn orphans_are_reaped_by_the_first_process() {
    let (tree, hosts, _server) = services("exec-orphans");
    let scratch = Scratch::new("exec");
    // Fifty orphans; then count the zombies among all processes of the namespace.
    let script = format!(
        "for i in $(seq 50); do (sleep 0.01 & ) ; done; \
         while [ \"$(cat /proc/[0-9]*/stat | grep -c '(sleep)')\" != 0 ]; do sleep 0.05; done; \
         echo none >{}; exit 0",
        scratch.join("zombies").display()
    );
    let program = hostsync(&tree, &hosts).inside(&["unshare", "--pid", "--fork", "--mount-proc"]);
    let mut agent = exec(&program, &[], &script);
    soon_wrote(&scratch, "zombies", "none");
    assert!(agent.wait_end(PATIENCE).success());
}

#[test]
fn it_is_registered_only_while_the_check_passes() {
    let (tree, hosts, _server) = services("exec-check");
    let scratch = Scratch::new("exec");
    let check = format!("cat {}", scratch.join("well").display());
    let flags = [
        "--check",
        &check,
        "--check-interval=100ms",
        "--check-fall=2",
        "--check-rise=2",
    ];
    let script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let agent = exec(&registering(&tree, &hosts), &flags, script);
    agent.soon_says("fails: exit code 1");
    assert!(!is_registered(&tree));
    for _ in 0..2 {
        scratch.write("well", "");
        wait_until("the registration", PATIENCE, || is_registered(&tree));
        std::fs::remove_file(scratch.join("well")).expect("it was there");
        wait_until("the withdrawal", PATIENCE, || !is_registered(&tree));
    }
    // Once for each change, not once for each look.
    let failures = agent.log().matches("fails: exit code 1").count();
    assert_eq!(failures, 3, "{}", agent.log());
}

#[test]
fn a_port_can_be_the_check() {
    let (tree, hosts, _server) = services("exec-tcp");
    let program = hostsync(&tree, &hosts).flag("id", "c1");
    let wrong = program.call(&["run", "--register=web", "--check=tcp"]);
    wrong
        .expect_code(2)
        .expect_words(&["needs a port", "web:8080"]);
    // Anything that listens on all addresses of this machine.
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let register = format!("web:{port}");
    let agent = program
        .flag("register", &register)
        .flag("check", "tcp")
        .flag("check-interval", "100ms")
        .flag("check-fall", "1");
    let agent = agent.run();
    agent.soon_says("the check tcp passes");
    wait_until("the registration", PATIENCE, || is_registered(&tree));
    drop(listener);
    wait_until("the withdrawal", PATIENCE, || !is_registered(&tree));
    agent.soon_says("the check tcp failed 1 times in a row");
}

#[test]
fn a_page_can_be_the_check() {
    let (tree, hosts, _server) = services("exec-http");
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let status = Arc::new(AtomicU16::new(503));
    let answered = Arc::clone(&status);
    // Ends with the process: nobody can be waiting for it.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, answered.load(Ordering::Relaxed));
        }
    });
    let agent = hostsync(&tree, &hosts)
        .flag("id", "c1")
        .flag("register", format!("web:{port}"))
        .flag("check", "http:/healthz?x=1")
        .flag("check-interval", "100ms")
        .flag("check-fall", "1")
        .run();
    agent.soon_says("/healthz?x=1 answers 503");
    assert!(!is_registered(&tree));
    status.store(204, Ordering::Relaxed);
    wait_until("the registration", PATIENCE, || is_registered(&tree));
    status.store(500, Ordering::Relaxed);
    wait_until("the withdrawal", PATIENCE, || !is_registered(&tree));
}

/// Answers one request with this status, if it is for the page.
fn answer(mut stream: TcpStream, status: u16) {
    let mut request = [0; 1024];
    let length = stream.read(&mut request).unwrap_or(0);
    let is_page = request[..length].starts_with(b"GET /healthz?x=1 HTTP/1.1\r\n");
    let status = if is_page { status } else { 404 };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} As told\r\nContent-Length: 0\r\n\r\n"
    );
}
