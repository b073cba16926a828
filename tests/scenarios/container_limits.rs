//! hostsync in a container that runs into its limits: of processes, and of memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use lab::{Container, Image, Need, Network, PATIENCE, Tree, docker, needs, tree, wait_until};

/// Takes all processes that it gets for some seconds, also those that others get in between, and then does
/// without.
const GREEDY: &str = "for from in 0 .4 .8 1.2 1.6 2; do (sleep $from; while :; do sleep 4 & done) 2>/dev/null & \
                      done; exec sleep 1000";
const PORT: u16 = 8080;

/// A container whose command is registered as `pp` and waits for the file `/tmp/go` before it is greedy.
struct Limited<'a> {
    container: Container,
    tree: &'a Tree,
    znode: String,
}

impl<'a> Limited<'a> {
    fn start(
        (image, network): (&Image, &Network),
        (tree, id): (&'a Tree, &str),
        (limit, flags): (&str, &[&str]),
        command: &str,
    ) -> Self {
        let servers = network.reach(tree);
        let (http, command) = (
            format!("0.0.0.0:{PORT}"),
            format!("until [ -e /tmp/go ]; do sleep 0.1; done; {command}"),
        );
        let around = ["hostsync", "exec", "-z", &servers, "--id", id];
        let registering = ["--register", "pp:80", "--http", &http];
        let command = ["--", "sh", "-c", &command];
        let words = [&around[..], &registering, flags, &command].concat();
        let container = Container::run_with(&[limit], image, network, &words);
        let znode = format!("/pp/{id}");
        Self {
            container,
            tree,
            znode,
        }
    }

    fn is_there(&self) -> bool {
        let stat = self.tree.stat(&self.znode);
        stat.is_some_and(|stat| stat.ephemeral_owner != 0)
    }

    fn soon(&self, is_there: bool) {
        let what = format!("{} to be there: {is_there}", self.znode);
        wait_until(&what, PATIENCE, || self.is_there() == is_there);
    }

    /// A page, asked for from outside: nothing more can be started in there.
    fn get(&self, page: &str) -> String {
        let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = self.container.inspect(address);
        let mut stream = TcpStream::connect((&*address, PORT)).expect("it listens");
        write!(stream, "GET {page} HTTP/1.1\r\nHost: pp\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn go(&self) {
        let _ = self
            .container
            .call(&["sh", "-c", "echo >/tmp/go"])
            .expect_code(0);
    }

    /// The engine itself puts a process in there whatever the limit says.
    fn forks(&self) -> bool {
        self.container.call(&["sh", "-c", "sleep 0; :"]).code() == 0
    }

    /// Until nothing more can be started.
    fn wait_short(&self) {
        wait_until("a shortage", PATIENCE, || !self.forks());
    }

    fn wait_well(&self) {
        wait_until("the shortage to end", PATIENCE, || {
            self.forks() && self.container.call(&["hostsync", "status"]).code() == 0
        });
    }

    /// Deleted, it is there again.
    fn is_looked_after(&self) {
        self.tree.delete(&self.znode);
        self.soon(true);
    }
}

#[test]
fn a_command_that_takes_all_processes_for_a_while_costs_nothing_for_good() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("pids");
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    let place = (&image, &network);
    let check = ["--check", "true", "--check-interval", "500ms"];
    let alone = Limited::start(place, (&tree, "alone"), ("--pids-limit=40", &[]), GREEDY);
    let checked = Limited::start(
        place,
        (&tree, "checked"),
        ("--pids-limit=40", &check),
        GREEDY,
    );
    for limited in [&alone, &checked] {
        limited.soon(true);
        limited.go();
        limited.wait_short();
    }
    // What needs no process of its own goes on.
    alone.is_looked_after();
    assert!(alone.get("/healthz").starts_with("HTTP/1.1 200"));
    // What does is told, for as long as it lasts.
    checked.soon(false);
    let status = checked.get("/status");
    for words in ["\"in_step\":false", "--check does not pass"] {
        assert!(status.contains(words), "{status}");
    }
    assert!(checked.get("/healthz").starts_with("HTTP/1.1 503"));
    assert!(checked.get("/metrics").contains("hostsync_in_step 0"));
    checked.soon(true);
    for limited in [&alone, &checked] {
        limited.wait_well();
        limited.is_looked_after();
        let log = limited.container.log();
        assert!(!log.contains("panicked"), "{log}");
        let _ = docker(&["stop", "--time", "5", limited.container.name()]);
        limited.soon(false);
    }
}

#[test]
fn a_command_that_takes_all_memory_is_killed_and_withdrawn_and_its_code_is_told() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("memory");
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    let limited = Limited::start(
        (&image, &network),
        (&tree, "greedy"),
        ("--memory=64m", &[]),
        "a=aaaaaaaa; while :; do a=$a$a; done",
    );
    limited.soon(true);
    limited.go();
    limited.soon(false);
    let ended = || limited.container.inspect("{{.State.Status}}") == "exited";
    wait_until("the end", Duration::from_secs(20), ended);
    assert_eq!(limited.container.inspect("{{.State.ExitCode}}"), "137");
    let log = limited.container.log();
    assert!(log.contains("ended with 137"), "{log}");
}
