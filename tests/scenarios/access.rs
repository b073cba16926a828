//! Trees that not everybody may read.

use std::io::Write as _;
use std::process::{Command, Stdio};

use lab::{Client, HostsFile, PATIENCE, Scratch, Tree, hostsync, nameserver, tree, wait_until};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A tree at `/private` that only `ops:s3cret` may read, and a file with that identity.
fn private(name: &str) -> (Tree, Scratch, Client) {
    let tree = tree(name);
    let owner = Client::connect_as(tree.address(), "ops:s3cret");
    owner.create_private("/private", "");
    owner.create_private("/private/db", "10.0.0.1");
    let scratch = Scratch::new("auth");
    scratch.write("auth", "ops:s3cret\n");
    scratch.allow("auth", 0o600);
    (tree, scratch, owner)
}

#[test]
fn a_tree_behind_a_password_needs_the_password() {
    let (tree, scratch, _owner) = private("private");
    let hosts = HostsFile::with(LOCALHOST);
    let stranger = nameserver(&tree).flag("root", "/private");
    let friend = stranger.clone().flag("auth-file", scratch.join("auth"));
    let server = friend.run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    // A variable does as well, and nothing shows the password.
    let known = stranger
        .flag("auth", "ops:s3cret")
        .call(&["lookup", "db"])
        .expect_code(0);
    let shown = format!("{}{}{}", server.log(), known.stdout, known.stderr);
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// Whoever may not read the root knows nothing of the tree: least of all that it is empty.
#[test]
fn a_root_that_may_not_be_read_is_no_empty_tree() {
    let (tree, _scratch, _owner) = private("unreadable-root");
    tree.publish(3, &serde_json::json!({"db": ["10.0.0.1"]}));
    let stranger = nameserver(&tree).flag("root", "/private");
    let server = stranger.run();
    server.soon_says("auth");
    let snapshot = tree.snapshot().expect("a snapshot");
    assert_eq!(snapshot.addresses("db"), ["10.0.0.1"]);
    let outcome = stranger.call(&["check"]).expect_code(2);
    outcome.expect_words(&["/private", "--auth"]);
}

/// Below the root it is one problem among the names of the others.
#[test]
fn a_znode_that_may_not_be_read_is_reported() {
    let tree = tree("unreadable");
    let owner = Client::connect_as(tree.address(), "ops:s3cret");
    owner.create_private("/secret", "10.0.0.1");
    tree.create("/db", "10.0.0.2");
    let program = nameserver(&tree);
    program
        .call(&["check"])
        .expect_code(1)
        .expect_words(&["/secret", "--auth"]);
    let _server = program.run();
    tree.soon_maps("db", &["10.0.0.2"]);
}

/// Found out at the start, and not when this replica is to take over.
#[test]
fn a_state_that_may_not_be_written_is_an_error_at_the_start() {
    let (tree, scratch, owner) = private("not-our-state");
    let friend = nameserver(&tree).flag("auth-file", scratch.join("auth"));
    let _server = friend.run();
    tree.soon_publishes("a snapshot", |_| true);
    // The first lets in only its own identity.
    assert!(!tree.may_write("/nameserver/hosts") && !tree.may_write("/nameserver"));
    assert!(owner.may_write("/nameserver/hosts"));
    let stranger = nameserver(&tree).call(&["run"]).expect_code(1);
    stranger.expect_words(&[
        "nobody without an identity may",
        "/nameserver",
        "--auth-file",
    ]);
    scratch.write("other", "else:h1dden\n");
    let other = nameserver(&tree).flag("auth-file", scratch.join("other"));
    let other = other.call(&["run"]).expect_code(1);
    other.expect_words(&["our identity may not", "/nameserver", "--state"]);
    assert!(!other.stderr.contains("h1dden"), "{other:?}");

    let half = self::tree("not-our-hosts");
    half.create("/nameserver", "");
    half.create_read_only("/nameserver/hosts", "not ours");
    let half = nameserver(&half).call(&["run"]).expect_code(1);
    half.expect_words(&["write /nameserver/hosts", "ACL", "--state"]);
}

/// An identity does not close what stood open before; its owner is told.
#[test]
fn a_state_that_stands_open_is_reported() {
    let (tree, scratch, owner) = private("open-state");
    tree.create("/nameserver", "");
    // An earlier release, or a start without --auth.
    for open in ["hosts", "election", "agents", "bindings"] {
        tree.create(&format!("/nameserver/{open}"), "");
    }
    let server = nameserver(&tree)
        .flag("root", "/private")
        .flag("auth-file", scratch.join("auth"))
        .run();
    let advice = server.soon_says("everybody may change /nameserver");

    // Whoever follows the advice has closed it, and every agent goes on working.
    let mut script = "addauth digest ops:s3cret\n".to_owned();
    for command in advice.split('`').filter(|text| text.starts_with("setAcl ")) {
        script += &format!("{command}\n");
    }
    assert_eq!(script.lines().count(), 4, "{script}");
    zkcli(&tree, &script);
    wait_until("STATE to be closed", PATIENCE, || {
        !tree.may_write("/nameserver/hosts") && !tree.may_write("/nameserver")
    });
    owner.create_private("/private/broker", "");
    owner.create_private("/private/broker/b1", "10.0.0.7");
    let hosts = HostsFile::with(LOCALHOST);
    let agent = hostsync(&tree, &hosts).flag("bind", "mqtt=broker").run();
    hosts.soon_maps("mqtt", &["10.0.0.7"]);
    wait_until("the agent to tell", PATIENCE, || {
        tree.children("/nameserver/agents").len() == 1
    });
    assert!(!agent.log().contains("not authorised"), "{}", agent.log());
}

/// Runs ZooKeeper's own shell with these commands, in this tree.
fn zkcli(tree: &Tree, script: &str) {
    let mut shell = Command::new("java")
        .args(["-cp", "/usr/share/java/*:/etc/zookeeper/conf"])
        .args([
            "org.apache.zookeeper.ZooKeeperMain",
            "-server",
            tree.address(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("java runs");
    let mut input = shell.stdin.take().expect("a pipe");
    input.write_all(script.as_bytes()).expect("it reads");
    drop(input);
    let status = shell.wait().expect("a child can be waited for");
    assert!(status.success(), "{status}");
}

#[test]
fn a_snapshot_that_may_no_longer_be_written_is_said_once_and_written_when_it_may() {
    let tree = tree("may-not-write");
    tree.create("/db", "10.0.0.5");
    let server = nameserver(&tree).run();
    tree.soon_maps("db", &["10.0.0.5"]);
    tree.delete("/nameserver/hosts");
    tree.soon_maps("db", &["10.0.0.5"]);
    tree.make_read_only("/nameserver/hosts");
    tree.set("/db", "10.0.0.6");
    server.soon_says("cannot write /nameserver/hosts: not authorised");
    tree.delete("/nameserver/hosts");
    tree.soon_maps("db", &["10.0.0.6"]);
    let complaints = server.log().matches("cannot write").count();
    assert_eq!(complaints, 1, "{}", server.log());
}

/// Neither a file nor the environment nor the command line has it, and no process that is started gets it.
#[test]
fn a_secret_comes_from_a_descriptor_and_stays_with_the_daemon() {
    let (tree, hosts) = (tree("descriptor"), HostsFile::with(LOCALHOST));
    let scratch = Scratch::new("descriptor");
    scratch.write("auth", "ops:s3cret\n");
    let path = scratch.join("auth").display().to_string();
    let (open, pipe) = (
        format!("exec \"$@\" 3<{path}"),
        format!("cat {path} | {{ exec \"$@\" 3<&0 </dev/null; }}"),
    );
    for (id, script) in [("c1", &open), ("c2", &pipe)] {
        let seen = scratch.join(id);
        let script_inside = format!(
            "{{ (: <&3) 2>/dev/null && echo leaked; env; }} >{0}.new; mv {0}.new {0}; while :; do sleep 0.05; done",
            seen.display()
        );
        let program = hostsync(&tree, &hosts)
            .flag("auth-fd", "3")
            .flag("id", id)
            .flag("register", "web")
            .flag("address", "10.9.8.7")
            .inside(&["sh", "-c", script, "sh"]);
        tree.publish(1, &serde_json::json!({"db": ["10.0.0.5"]}));
        let agent = program.start("exec", &["--", "sh", "-c", &script_inside]);
        wait_until("the command", PATIENCE, || seen.exists());
        let told = scratch.read(id);
        assert!(
            !told.contains("leaked") && told.contains("PATH=") && !told.contains("s3cret"),
            "{told}"
        );
        wait_until("the registration", PATIENCE, || {
            tree.stat(&format!("/web/{id}")).is_some()
        });
        let acl = tree.acl(&format!("/web/{id}")).join(" ");
        assert!(acl.contains("ops:"), "{acl}");
        assert!(!agent.log().contains("s3cret"), "{}", agent.log());
    }
    // Replicas read their options twice.
    let server = nameserver(&tree)
        .flag("auth-fd", "3")
        .inside(&["sh", "-c", &pipe, "sh"]);
    server.run().soon_says("leading");
    let refused = hostsync(&tree, &hosts)
        .flag("auth-fd", "7")
        .call(&["once"])
        .expect_code(1);
    refused.expect_words(&["file descriptor 7", "it is not open"]);
}

#[test]
fn a_secret_that_others_can_read_is_warned_of() {
    let (tree, hosts) = (tree("open-secret"), HostsFile::with(LOCALHOST));
    let scratch = Scratch::new("open-auth");
    scratch.write("auth", "ops:s3cret\n");
    for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
        scratch.allow("auth", 0o644);
        let by_file = program.clone().flag("auth-file", scratch.join("auth"));
        by_file.run().soon_says("everyone can read it");
        scratch.allow("auth", 0o600);
        let guarded = by_file.run();
        guarded.soon_says("connected to ZooKeeper");
        assert!(!guarded.log().contains("can read it"), "{}", guarded.log());
        drop(guarded);
        let said = program.flag("auth", "ops:s3cret").run();
        said.soon_says("everyone on this machine can read it");
        assert!(!said.log().contains("s3cret"), "{}", said.log());
    }
}
