//! The commands that answer an operator's questions: what names are there, who has them, and why is mine not there.

use std::time::Duration;

use lab::{
    HostsFile, PATIENCE, Program, Running, Scratch, hostsync, nameserver, tree, wait_for,
    wait_until,
};
use nix::sys::signal::Signal;
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Who follows is there once something has moved that it tells of: changes go on until then, some twenty a second.
fn change_until(mut change: impl FnMut(), done: impl Fn() -> bool) {
    wait_until("who follows to tell of a change", PATIENCE, || {
        change();
        std::thread::sleep(Duration::from_millis(50));
        done()
    });
}

/// Waits for the end of what was interrupted, or ends by itself, and that is no failure.
fn ends_well(running: &mut Running, signal: Option<Signal>) {
    if let Some(signal) = signal {
        running.signal(signal);
    }
    let code = running.wait_end(PATIENCE).code();
    assert_eq!(code, Some(0), "{}", running.log());
}

#[test]
fn names_are_listed_with_what_gives_them_and_nothing_drives_the_terminal() {
    let tree = tree("list");
    tree.create("/db", "");
    tree.create("/db/primary", r#"{"host":"10.0.0.5","port":5432}"#);
    tree.create_ephemeral("/db/replica", r#"{"host":"10.0.0.6","port":5433}"#);
    tree.create("/x\u{202e} forged 10.9.9.9", "10.0.0.9");
    let program = nameserver(&tree);

    let all = program.call(&["list"]).expect_code(0);
    let lines: Vec<_> = all.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{all:#?}");
    assert!(lines[0].starts_with("NAME "), "{all:#?}");
    for (line, words) in lines[1..].iter().zip([
        ["db ", "10.0.0.5,10.0.0.6", "service of 2", "/db"],
        ["primary.db ", "5432", "persistent", "/db/primary"],
        ["replica.db ", "5433", "ephemeral", "/db/replica"],
    ]) {
        assert!(
            words.iter().all(|word| line.contains(word)),
            "{line} {words:?}"
        );
    }
    tree.create("/db/\u{202e}forged", r#"{"host":"10.0.0.7","port":1}"#);
    let rows = program.call(&["list", "db"]).expect_code(0);
    rows.expect_words(&["10.0.0.5,10.0.0.6,10.0.0.7"]);
    assert!(!rows.stdout.contains('\u{202e}'), "{rows:#?}");

    let some = program
        .call(&["list", "*.DB", "--json"])
        .expect_code(0)
        .json();
    let names: Vec<_> = some
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, ["primary.db", "replica.db"]);
    assert_eq!(some[1]["ephemeral"], true);
    assert_eq!(some[1]["ports"], json!([5433]));
    assert_eq!(some[0]["znode"], "/db/primary");

    let none = program.call(&["list", "nothing"]).expect_code(1);
    none.expect_words(&["no name matches"]);
    assert_eq!(none.stdout, "");
    program
        .call(&["list", "["])
        .expect_code(2)
        .expect_words(&["["]);
    let listed = program.call(&["check", "--names"]);
    listed.expect_words(&["primary.db  10.0.0.5", "5 znodes: 3 names"]);
}

#[test]
fn a_list_is_followed_until_the_interrupt() {
    let tree = tree("list-watch");
    tree.create("/db", "10.0.0.1");
    let mut list = nameserver(&tree).start("list", &["--watch", "--json"]);
    list.soon_says(r#""name":"db""#);
    let lines = list.lines();
    tree.set("/db", "10.0.0.2");
    list.soon_says(r#""addresses":["10.0.0.2"]"#);
    tree.create("/web", "10.0.0.3");
    list.soon_says(r#""name":"web""#);
    tree.delete("/db");
    list.soon_says(r#""addresses":[]"#);
    assert_eq!(list.lines(), lines + 3, "{}", list.log());
    list.signal(Signal::SIGINT);
    ends_well(&mut list, None);
}

#[test]
fn a_lookup_goes_by_what_is_published_and_says_what_may_have_been_meant() {
    let (tree, hosts) = (tree("lookup-published"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "");
    tree.create("/services/db/primary", "10.0.0.5");
    let server = nameserver(&tree)
        .flag("root", "/services/")
        .flag("domain", "zk.internal");
    let _server = server.run();
    tree.soon_maps("primary.db.zk.internal", &["10.0.0.5"]);
    let asked = nameserver(&tree);
    let found = asked
        .call(&["lookup", "primary.db.zk.internal"])
        .expect_code(0);
    assert_eq!(found.stdout, "10.0.0.5\n");
    let listed = asked.call(&["list"]).expect_code(0);
    listed.expect_words(&["primary.db.zk.internal", "/services/db/primary"]);
    for (name, meant) in [
        ("primary.db", "did you mean primary.db.zk.internal?"),
        (
            "primry.db.zk.internal",
            "did you mean primary.db.zk.internal?",
        ),
    ] {
        let outcome = asked.call(&["lookup", name]).expect_code(1);
        outcome.expect_words(&[meant, "/services below the chroot", tree.chroot()]);
    }
    drop(hosts);
}

/// As grep: 0 for yes, 1 for no, 2 for a question that could not be answered.
#[test]
fn no_and_no_answer_are_told_apart() {
    let tree = tree("exit-codes");
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree);
    let _ = server.call(&["lookup", "db"]).expect_code(0);
    let _ = server.call(&["lookup", "web"]).expect_code(1);
    let _ = server.call(&["lookup", "no name"]).expect_code(2);
    let away = server
        .flag("zookeeper", "127.0.0.1:9")
        .flag("session-timeout", "2s");
    for asked in [&["lookup", "db"][..], &["check"], &["list"]] {
        let outcome = away.call(asked).expect_code(2);
        // Whoever waits is told for what, before it is given up.
        outcome.expect_words(&["note: waiting for ZooKeeper 127.0.0.1:9", "error: "]);
    }
}

#[test]
fn what_people_write_is_understood() {
    let tree = tree("words");
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.1");
    let servers = format!("zookeeper://{}", tree.address());
    let program = Program::new("nameserver");
    let outcome = program.call(&["-z", &servers, "--root", "/services/", "lookup", "db"]);
    assert_eq!(outcome.expect_code(0).stdout, "10.0.0.1\n");
    program
        .call(&["rnu"])
        .expect_code(2)
        .expect_words(&["'rnu'", "'run'"]);
    let hosts = HostsFile::with(LOCALHOST);
    let agent = hostsync(&tree, &hosts);
    agent
        .call(&["stauts"])
        .expect_code(2)
        .expect_words(&["'status'"]);
    let port = lab::free_port();
    let server = nameserver(&tree).flag("http", format!(":{port}")).run();
    server.soon_says(&format!("http://0.0.0.0:{port}"));
}

#[test]
fn what_moves_is_told_once_the_agents_have_it() {
    let (tree, hosts) = (tree("monitor"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "");
    tree.create("/services/db/primary", "10.0.0.5");
    let program = nameserver(&tree);
    let _server = program.clone().flag("root", "/services").run();
    tree.soon_maps("primary.db", &["10.0.0.5"]);
    let mut agent = hostsync(&tree, &hosts).flag("id", "web-1").run();
    hosts.soon_maps("primary.db", &["10.0.0.5"]);
    wait_until("the agent to be told of", PATIENCE, || {
        tree.stat("/nameserver/agents/web-1").is_some()
    });

    let mut some = program.start("monitor", &["primary.*"]);
    let mut all = program.start("monitor", &["--json"]);
    // Each is there once it has told of something.
    change_until(
        || {
            let last = tree.stat("/services/db/primary");
            let last = last.map_or(0, |stat| stat.version);
            tree.set("/services/db/primary", format!("10.0.1.{}", last % 200 + 1));
        },
        || some.lines() > 0 && all.lines() > 0,
    );
    tree.set("/services/db/primary", "10.0.0.7");
    let line = some.soon_says("→ 10.0.0.7  /services/db/primary  generation ");
    assert!(line.contains(", applied by 1 of 1 after "), "{line}");
    tree.delete("/services/db/primary");
    let line = some.soon_says("primary.db 10.0.0.7 → gone  /services/db/primary");
    assert!(line.starts_with("primary.db "), "{line}");
    agent.stop();
    all.soon_says(r#"{"agent":"web-1","runs":false}"#);
    assert!(
        !some.log().contains("web-1") && !some.log().contains("\ndb "),
        "{}",
        some.log()
    );
    all.soon_says(r#""name":"db","before":["10.0.0.7"],"after":null"#);
    for monitor in [&mut some, &mut all] {
        ends_well(monitor, Some(Signal::SIGINT));
    }
}

/// As `nameserver monitor | head -n 1` leaves it, with nothing moving any more.
#[test]
fn a_monitor_that_nobody_reads_ends() {
    let tree = tree("monitor-pipe");
    tree.create("/db", "10.0.0.1");
    let _server = nameserver(&tree).run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let early = nameserver(&tree).start("monitor", &["--state", "/elsewhere"]);
    early.soon_says("nothing is published at /elsewhere/hosts yet");
    let scratch = Scratch::new("monitor");
    let missing = Program::new("hostsync").flag("hosts-file", scratch.join("hosts"));
    let missing = missing.start("monitor", &[]);
    missing.soon_says("/hosts does not exist yet");
    drop((early, missing));
    let script = "set -o pipefail; \"$@\" | head -n 1";
    let monitor = nameserver(&tree).inside(&["bash", "-c", script, "bash"]);
    let mut monitor = monitor.start("monitor", &["db"]);
    change_until(
        || {
            let last = tree.stat("/db").map_or(0, |stat| stat.version);
            tree.set("/db", format!("10.0.1.{}", last % 200 + 1));
        },
        || monitor.lines() > 0,
    );
    ends_well(&mut monitor, None);
    assert_eq!(monitor.lines(), 1, "{}", monitor.log());
}

#[test]
fn agents_are_listed_and_who_is_not_in_step_says_why() {
    let (tree, hosts) = (tree("agents"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.5");
    let program = nameserver(&tree);
    program
        .call(&["agents"])
        .expect_code(1)
        .expect_words(&["no agent runs"]);
    let _server = program.run();
    let _agent = hostsync(&tree, &hosts).flag("id", "web-1").run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let look = || program.call(&["agents"]);
    let all = wait_for("the agent", PATIENCE, look, |all| all.code() == 0);
    let file = hosts.path().display().to_string();
    all.expect_words(&["web-1 ", env!("CARGO_PKG_VERSION"), &file]);
    // Whoever may, writes what he likes.
    let hostile = json!({"applied": 0, "complaint": "no\n\u{1b}[2Jroom", "id": "x\u{202e}"});
    tree.create("/nameserver/agents/\u{202e}gnp", hostile.to_string());
    let all = program.call(&["agents"]).expect_code(1);
    assert_eq!(all.stdout.lines().count(), 3, "{all:#?}");
    assert!(!all.stdout.contains(['\u{202e}', '\u{1b}']), "{all:#?}");
    let json = program.call(&["agents", "--json"]).expect_code(1).json();
    assert_eq!(json["behind"], 1);
    assert_eq!(json["agents"][0]["in_step"], false);
    assert_eq!(json["agents"][1]["id"], "web-1");
    assert!(json["agents"][1]["host"].is_string(), "{json}");
}

#[test]
fn what_a_dead_system_left_is_removed_and_a_living_one_is_not() {
    let tree = tree("purge");
    tree.create("/db", "10.0.0.1");
    let program = nameserver(&tree);
    let mut server = program.clone().flag("id", "ns1").run();
    tree.soon_maps("db", &["10.0.0.1"]);
    program.call(&["purge"]).expect_code(1).expect_words(&[
        "is in use",
        "nameserver ns1",
        "--force",
    ]);
    server.stop();
    // There is no terminal to ask at.
    program
        .call(&["purge"])
        .expect_code(2)
        .expect_words(&["--yes"]);
    assert!(tree.snapshot().is_some());
    tree.create("/nameserver/mine", "");
    program
        .call(&["purge", "--yes"])
        .expect_code(1)
        .expect_words(&["/nameserver/mine"]);
    tree.delete("/nameserver/mine");
    program
        .call(&["purge", "--yes"])
        .expect_code(0)
        .expect_words(&["deleted /nameserver"]);
    assert!(tree.stat("/nameserver").is_none() && tree.stat("/db").is_some());
    program
        .call(&["purge", "--yes"])
        .expect_code(0)
        .expect_words(&["there is no znode"]);
}

#[test]
fn settings_files_are_looked_at_without_being_used() {
    let scratch = Scratch::new("validate");
    let text =
        "# ours\nzookeeper = 'zk1'\nrot = '/services'\n\nsession-timeout = '1'\nlog-level = 3\n";
    let wrong = scratch.write("wrong.toml", text).display().to_string();
    let right = scratch
        .write("right.toml", "zookeeper = 'zk1:2181'\n")
        .display()
        .to_string();
    let missing = scratch.join("missing.toml").display().to_string();
    for name in ["nameserver", "hostsync"] {
        let program = Program::new(name);
        program
            .call(&["validate", &right])
            .expect_code(0)
            .expect_words(&["no mistake"]);
        program
            .call(&["validate", &right, &wrong])
            .expect_code(1)
            .expect_words(&[
                &format!("{right}: no mistake"),
                &format!("{wrong}: line 3: unknown key 'rot'"),
                &format!("{wrong}: line 5: session-timeout: "),
                &format!("{wrong}: line 6: log-level: "),
            ]);
        program
            .call(&["validate", &missing, &wrong])
            .expect_code(2)
            .expect_words(&[&missing, "line 3"]);
        let _ = program.call(&["validate"]).expect_code(2);
    }
    let glob = scratch
        .write("glob.toml", "exclude = ['[']\n")
        .display()
        .to_string();
    Program::new("nameserver")
        .call(&["validate", &glob])
        .expect_code(1)
        .expect_words(&[&glob, "--exclude"]);
}

#[test]
fn what_once_would_change_is_shown_and_not_done() {
    let (tree, hosts) = (tree("dry-run"), HostsFile::with(LOCALHOST));
    tree.publish(1, &json!({"db": ["10.0.0.1"], "web": ["10.0.0.2"]}));
    let program = hostsync(&tree, &hosts);
    let dry = program.call(&["once", "--dry-run"]).expect_code(1);
    dry.expect_words(&["--- ", "+10.0.0.1 db\n", " 127.0.0.1 localhost\n"]);
    assert_eq!(hosts.text(), LOCALHOST);
    assert_eq!(
        std::fs::read_dir(hosts.directory().path())
            .expect("a folder")
            .count(),
        1
    );
    let _ = program.call(&["once"]).expect_code(0);
    let same = program.call(&["once", "--dry-run"]).expect_code(0);
    assert_eq!(same.stdout, "");
    tree.publish(2, &json!({"db": ["10.0.0.9"], "web": ["10.0.0.2"]}));
    let dry = program.call(&["once", "-n"]).expect_code(1);
    dry.expect_words(&["-10.0.0.1 db\n", "+10.0.0.9 db\n", " 10.0.0.2 web\n"]);
    let agent = program.run();
    hosts.soon_maps("db", &["10.0.0.9"]);
    program.soon_well();
    let once = program.call(&["once"]).expect_code(0);
    once.expect_words(&["nothing to do: the agent with pid "]);
    drop(agent);
    let away = program
        .flag("zookeeper", "127.0.0.1:9")
        .flag("timeout", "1s");
    let _ = away.call(&["once", "--dry-run"]).expect_code(2);
}

#[test]
fn what_moves_in_the_file_is_told_where_it_is_replaced_and_where_it_is_not() {
    for write in ["replace", "slots"] {
        let (tree, hosts) = (tree("monitor-file"), HostsFile::with(LOCALHOST));
        tree.publish(1, &json!({"db": ["10.0.0.1"]}));
        let program = hostsync(&tree, &hosts);
        let agent = program.clone().flag("write", write).run();
        hosts.soon_maps("db", &["10.0.0.1"]);
        let mut monitor = Program::new("hostsync")
            .flag("hosts-file", hosts.path())
            .start("monitor", &[]);
        let mut generation = 1;
        wait_until("a first line", PATIENCE, || {
            generation += 1;
            tree.publish(
                generation,
                &json!({"db": [format!("10.0.1.{}", generation % 200)]}),
            );
            monitor.lines() > 0
        });
        generation += 1;
        tree.publish(
            generation,
            &json!({"db": ["10.0.0.7"], "web": ["10.0.0.8"]}),
        );
        let file = hosts.path().display();
        monitor.soon_says(&format!(
            "web new → 10.0.0.8  {file}  generation {generation}"
        ));
        monitor.soon_says("→ 10.0.0.7  ");
        drop(agent);
        hosts.put(LOCALHOST);
        monitor.soon_says(&format!("web 10.0.0.8 → gone  {file}"));
        ends_well(&mut monitor, Some(Signal::SIGINT));
    }
}

#[test]
fn the_log_answers_what_moved_when_and_where() {
    let (tree, hosts) = (tree("log"), HostsFile::with(LOCALHOST));
    tree.create("/services", "");
    tree.create("/services/db", "10.0.0.5");
    // Two ways to the one server, as of an ensemble.
    let twice = {
        let (server, chroot) = tree.address().split_once('/').expect("a chroot");
        format!("{server},{server}/{chroot}")
    };
    let program = nameserver(&tree)
        .flag("zookeeper", &twice)
        .flag("root", "/services");
    let leader = program.clone().flag("id", "ops1").run();
    let line = leader.soon_says("nameserver 0.");
    assert!(
        line.contains("--root /services") && line.contains(&twice),
        "{line}"
    );
    let line = leader.soon_says("connected to ZooKeeper");
    assert!(line.contains(" at 127.0.0.1:"), "{line}");
    tree.soon_maps("db", &["10.0.0.5"]);
    let agent = hostsync(&tree, &hosts).flag("log-format", "json").run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let standby = program
        .flag("id", "ops2")
        .flag("log-format", "journald")
        .run();
    let line = standby.soon_says("standing by: ops1 leads");
    assert!(line.starts_with("<6>standing by"), "{line}");
    tree.set("/services/db", "10.0.0.7");
    leader.soon_says(
        "0 added, 1 changed (db), 0 removed; 1 name; db 10.0.0.5 → 10.0.0.7 (/services/db)",
    );
    let line = agent.soon_says("db 10.0.0.5 → 10.0.0.7");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&line["level"], &line["target"]),
        (&json!("info"), &json!("hostsync::apply::agent"))
    );
}

/// A terminal of tmux's, which shows what a person would see.
struct Screen {
    socket: String,
}

impl Screen {
    fn run(command: &str) -> Self {
        let screen = Self {
            socket: format!("hostsync-{}", std::process::id()),
        };
        screen.tmux(&[
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
            &format!("{command}; echo \"ended with $?\"; cat"),
        ]);
        screen
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = std::process::Command::new("tmux");
        let out = command
            .args(["-f", "/dev/null", "-L", &self.socket])
            .args(words)
            .output();
        let out = out.expect("tmux");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn soon_shows(&self, words: &[&str]) {
        let look = || self.tmux(&["capture-pane", "-p"]);
        let shows = |text: &String| words.iter().all(|word| text.contains(word));
        wait_for(
            &format!("the terminal to show {words:?}"),
            PATIENCE,
            look,
            shows,
        );
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn the_page_at_the_terminal_is_live_and_leaves_it_as_it_was() {
    let tree = tree("top");
    tree.create("/db", "10.0.0.1");
    let program = nameserver(&tree).flag("id", "ns1");
    program
        .call(&["top"])
        .expect_code(2)
        .expect_words(&["needs a terminal"]);
    let _server = program.run();
    tree.soon_maps("db", &["10.0.0.1"]);
    let path = lab::binary("nameserver").display().to_string();
    let screen = Screen::run(&format!("{path} top -z {}", tree.address()));
    screen.soon_shows(&["ns1 leads", "1 name", "healthy"]);
    tree.set("/db", "10.0.0.7");
    screen.soon_shows(&["db 10.0.0.1 → 10.0.0.7"]);
    let hostile = json!({"applied": 0, "complaint": "no \u{1b}[2Jroom", "id": "x"});
    tree.create("/nameserver/agents/x", hostile.to_string());
    screen.soon_shows(&["x at 0: no \\u001b[2Jroom", "0 of 1 agents in step"]);
    screen.tmux(&["resize-window", "-x", "40", "-y", "12"]);
    screen.soon_shows(&["ns1 leads"]);
    screen.tmux(&["send-keys", "q"]);
    screen.soon_shows(&["ended with 0"]);
}

#[test]
fn the_man_pages_are_clean_and_have_what_an_operator_looks_for() {
    let scratch = Scratch::new("man");
    for name in ["nameserver", "hostsync"] {
        let folder = scratch.join(name).display().to_string();
        let _ = Program::new(name)
            .call(&["generate", "man", "--dir", &folder])
            .expect_code(0);
        let pages = std::fs::read_dir(&folder).expect("pages");
        for page in pages.map(|page| page.expect("a page").path()) {
            let mut groff = std::process::Command::new("groff");
            let out = groff.args(["-ww", "-man", "-Tutf8"]).arg(&page).output();
            let out = out.expect("groff");
            assert!(
                out.status.success() && out.stderr.is_empty(),
                "{page:?}: {out:?}"
            );
            let text = std::fs::read_to_string(&page).expect("a page");
            for section in ["EXIT STATUS", "SEE ALSO"] {
                assert!(text.contains(section), "{section} is not in {page:?}");
            }
        }
        let run = std::fs::read_to_string(scratch.join(name).join(format!("{name}-run.8")));
        let run = run.expect("the page of run");
        for section in ["SIGNALS", "FILES", "EXAMPLES"] {
            assert!(run.contains(section), "{section} is not in {name}-run.8");
        }
    }
}
