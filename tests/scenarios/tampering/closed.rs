//! Somebody closes, deletes or takes what agents write to.

use lab::{
    Client, HostsFile, PATIENCE, Program, Scratch, Tree, hostsync, nameserver, tree, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const OPEN: [&str; 2] = ["/nameserver/agents", "/nameserver/bindings"];

fn broker(tree: &Tree) {
    tree.create("/broker", "");
    tree.create("/broker/b1", "10.0.0.7");
}

fn binding(tree: &Tree, hosts: &HostsFile, id: &str) -> Program {
    let program = hostsync(tree, hosts).flag("id", id);
    program.flag("bind", "mqtt=broker")
}

/// The agent tells what it has applied, and is bound.
fn soon_works(tree: &Tree, hosts: &HostsFile, id: &str) {
    hosts.soon_maps("mqtt", &["10.0.0.7"]);
    wait_until("the agent to tell", PATIENCE, || {
        tree.children("/nameserver/agents").contains(&id.to_owned())
    });
    wait_until("everybody to see the binding", PATIENCE, || {
        let bound = "/nameserver/bindings/broker/10.0.0.7";
        tree.children(bound).contains(&id.to_owned())
    });
}

/// What agents write to belongs to nobody else for longer than a look, whoever deletes or takes it: no operator is needed.
#[test]
fn what_agents_write_to_is_open_again_by_itself() {
    let tree = tree("taken");
    broker(&tree);
    let server = nameserver(&tree).run();
    tree.soon_maps("b1.broker", &["10.0.0.7"]);
    let stranger = Client::connect_as(tree.address(), "eve:3vil");
    for kind in [
        "deleted",
        "taken",
        "ephemeral",
        "of an earlier release, and closed",
    ] {
        for path in OPEN {
            wait_until("it to be there", PATIENCE, || tree.stat(path).is_some());
            tree.delete_all(path);
            match kind {
                "deleted" => {}
                "taken" => drop(stranger.try_create_private(path)),
                "ephemeral" => drop(stranger.try_create_ephemeral(path)),
                _ => {
                    if tree.try_create(path, "") {
                        tree.give_away(path);
                    }
                }
            }
        }
        let hosts = HostsFile::with(LOCALHOST);
        let agent = binding(&tree, &hosts, "a1").run();
        soon_works(&tree, &hosts, "a1");
        drop(agent);
    }
    for path in OPEN {
        wait_until("nobody to be able to close it", PATIENCE, || {
            // Whoever was quicker has created it, the leader or the agent.
            let rights = tree.rights(path);
            rights.len() == 1
                && rights[0].starts_with("world:anyone:READ")
                && rights[0].ends_with("CREATE|DELETE")
        });
    }
    server.soon_says("/nameserver/bindings was closed to those who are to write there: it is as it should be again");
}

/// What may not be mended is told once, in the log and in the status, with what to do; and no longer when that was done.
#[test]
fn what_may_not_be_mended_is_told_once() {
    let tree = tree("closed");
    broker(&tree);
    let scratch = Scratch::new("closed");
    scratch.write("auth", "ops:s3cret\n");
    scratch.allow("auth", 0o600);
    let eve = Client::connect_as(tree.address(), "eve:3vil");
    tree.create("/nameserver", "");
    eve.create_private("/nameserver/bindings", "");
    eve.create_private("/nameserver/bindings/full", "");
    let program = nameserver(&tree).flag("auth-file", scratch.join("auth"));
    let server = program.run();
    server.soon_says("/nameserver/bindings is closed, and this identity may neither");
    wait_until("the status to tell", PATIENCE, || {
        let told = program.call(&["status"]);
        told.stdout.contains("/nameserver/bindings is closed") && told.stdout.contains("setAcl")
    });
    let hosts = HostsFile::with(LOCALHOST);
    let _agent = binding(&tree, &hosts, "a1").run();
    eve.delete_all("/nameserver/bindings");
    soon_works(&tree, &hosts, "a1");
    wait_until("the status to be well", PATIENCE, || {
        !program.call(&["status"]).stdout.contains("is closed")
    });
    assert_eq!(
        server.log().matches("is closed, and").count(),
        1,
        "{}",
        server.log()
    );
}

/// With identities, a stranger can neither close what agents write to, nor write there at all; and an agent has no
/// more rights than it needs.
#[test]
fn agents_with_an_identity_are_alone_where_they_write() {
    let tree = tree("agents-identity");
    broker(&tree);
    let scratch = Scratch::new("agents-identity");
    for (file, text) in [
        ("auth", "ops:s3cret\n"),
        ("agents", "agents:w0rd\n"),
        ("own", "reg:own\n"),
    ] {
        scratch.write(file, text);
        scratch.allow(file, 0o600);
    }
    let server = nameserver(&tree)
        .flag("auth-file", scratch.join("auth"))
        .flag("agent-auth", scratch.join("agents"));
    let mut running = server.run();
    tree.soon_maps("b1.broker", &["10.0.0.7"]);
    wait_until("all to be there", PATIENCE, || tree.stat(OPEN[1]).is_some());
    for path in OPEN {
        assert!(!tree.try_create(&format!("{path}/squatter"), ""), "{path}");
        assert_eq!(
            tree.rights(path),
            [
                "digest:ops:ALL",
                "digest:agents:READ|CREATE|DELETE",
                "world:anyone:READ"
            ]
        );
    }
    let hosts = HostsFile::with(LOCALHOST);
    let mut agent = binding(&tree, &hosts, "a1")
        .flag("agent-auth", scratch.join("agents"))
        .flag("auth-file", scratch.join("own"))
        .flag("register", "web")
        .flag("address", "10.9.8.7")
        .run();
    soon_works(&tree, &hosts, "a1");
    assert_eq!(
        tree.rights("/nameserver/agents/a1"),
        ["digest:agents:READ|WRITE", "world:anyone:READ"]
    );
    assert_eq!(
        tree.rights("/nameserver/bindings/broker"),
        [
            "digest:agents:READ|WRITE|CREATE|DELETE",
            "world:anyone:READ"
        ]
    );
    wait_until("the registration", PATIENCE, || {
        tree.stat("/web/a1").is_some()
    });
    assert_eq!(
        tree.rights("/web/a1"),
        ["digest:reg:ALL", "world:anyone:READ"]
    );
    assert!(!agent.log().contains("w0rd"), "{}", agent.log());
    let other = HostsFile::with(LOCALHOST);
    let mut without = binding(&tree, &other, "a2").run();
    without.soon_says("cannot tell at /nameserver/agents/a2");
    // What agents have left below STATE goes with it, for who has the password of agents too.
    without.stop();
    agent.stop();
    running.stop();
    let _ = server.call(&["purge", "--yes"]).expect_code(0);
    assert_eq!(tree.stat("/nameserver").map(drop), None);
}
