//! An operator's day, by the very commands of docs/operating.md.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::{Need, Outcome, PATIENCE, Process, Scratch, Tree, binary, needs, tree, wait_for};

/// A machine of its own, as far as files and processes go.
struct Machine {
    /// The first process in it: with it, all end.
    first: Process,
    path: String,
    servers: String,
}

const FOREIGN: &str = "127.0.0.1\tlocalhost\n";

impl Machine {
    fn new(scratch: &Scratch, tree: &Tree) -> Self {
        let hosts = scratch.write("hosts", FOREIGN);
        let script = format!(
            "for each in /run /srv /var/log /var/cache; do mount -t tmpfs none $each; done
            cp -a /etc /run/etc; mount --bind /run/etc /etc; cp {} /etc/hosts
            echo ready; exec sleep 1000",
            hosts.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation=private", "--pid", "--fork"]);
        command.args(["--mount-proc", "--kill-child", "sh", "-ec", &script]);
        let first = Process::spawn("unshare", command, &scratch.join("log"));
        wait_for(
            "the machine",
            PATIENCE,
            || first.log(),
            |log| log.contains("ready"),
        );
        let programs = binary("nameserver");
        let programs = programs.parent().expect("a folder").display();
        Self {
            first,
            path: format!("{programs}:/usr/share/zookeeper/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            servers: tree.address().to_owned(),
        }
    }

    /// Runs a script in it.
    fn call(&self, script: &str) -> Outcome {
        // The machine's own first process is a child of what was started.
        let children = format!("/proc/{0}/task/{0}/children", self.first.pid());
        let inside = fs::read_to_string(children).expect("it runs");
        let mut command = Command::new("nsenter");
        command.args([
            "--mount",
            "--pid",
            "--target",
            inside.trim(),
            "sh",
            "-ec",
            script,
        ]);
        command.env("PATH", &self.path);
        for variable in ["NAMESERVER_ZOOKEEPER", "HOSTSYNC_ZOOKEEPER"] {
            command.env(variable, &self.servers);
        }
        command.current_dir("/").stdin(Stdio::null());
        Outcome::of(command)
    }

    /// Runs a script until its output has all of this.
    fn soon(&self, script: &str, words: &[&str]) {
        wait_for(
            &format!("{script} to say {words:?}"),
            PATIENCE,
            || self.call(script),
            |said| words.iter().all(|word| said.stdout.contains(word)),
        );
    }
}

/// The commands under a heading, block by block.
fn blocks(heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let text = fs::read_to_string(path).expect("the document");
    let (_, section) = text
        .split_once(&format!("\n{heading}\n"))
        .expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_day_goes_as_the_document_says() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let (tree, scratch) = (tree("day"), Scratch::new("day"));
    for folder in ["/services", "/services/db", "/services/web"] {
        tree.create(folder, "");
    }
    tree.create("/services/db/primary", "10.0.0.5");
    for number in 1..=9 {
        tree.create(
            &format!("/services/web/{number}"),
            format!("10.0.1.{number}"),
        );
    }
    let machine = Machine::new(&scratch, &tree);
    let blocks = blocks("## A day");
    let [
        deploy,
        look,
        watch,
        stick,
        mend,
        lose,
        release,
        upgrade,
        settings,
        remove,
    ] = &blocks[..]
    else {
        panic!("{blocks:#?}");
    };
    let done = |script: &str| machine.call(script).expect_code(0);
    let both_have = |address: &str, name: &str| {
        machine.soon(&format!("getent hosts {name}"), &[address]);
        machine.soon("cat /srv/hosts", &[&format!("{address} {name}")]);
    };

    let _ = done(deploy);
    both_have("10.0.0.5", "primary.db");
    machine.soon("nameserver agents", &["host1", "host2"]);
    machine.soon("nameserver status", &["healthy", "ns1", "ns2"]);
    done(look).expect_words(&[
        "healthy",
        "primary.db",
        "/services/db/primary",
        "host2",
        "in step",
    ]);

    let _ = done(watch);
    both_have("10.0.0.7", "primary.db");
    let moved = "primary.db 10.0.0.5 → 10.0.0.7  /services/db/primary";
    machine.soon("cat /run/moves", &[moved, "applied by 2 of 2 after"]);

    let _ = done(stick);
    machine.soon(
        "nameserver agents || true",
        &["host2", "(-1)", "is a directory"],
    );
    assert_eq!(machine.call("nameserver agents").code(), 1);
    let _ = done(mend);
    both_have("10.0.0.8", "primary.db");
    machine.soon("nameserver agents", &["host2"]);

    let _ = done(lose);
    machine.soon("nameserver status", &["held"]);
    both_have("10.0.1.4", "4.web");
    let _ = done(release);
    machine.soon("nameserver lookup 4.web || echo gone", &["gone"]);

    done(upgrade).expect_words(&["healthy"]);
    both_have("10.0.0.8", "primary.db");

    let _ = done(settings);
    both_have("10.0.0.8", "primary.db.zk.internal");
    machine.soon("nameserver status", &["healthy"]);

    let _ = done(remove);
    assert_eq!(done("cat /etc/hosts").stdout, FOREIGN);
    assert!(tree.stat("/nameserver").is_none());
    assert_eq!(tree.get("/services/db/primary"), Some(b"10.0.0.8".to_vec()));
}
