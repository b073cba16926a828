//! Ensembles that speak TLS, and ask who we are.

use std::fs;
use std::path::Path;

use lab::{
    Authority, Certificate, Client, HostsFile, Options, PATIENCE, Program, Scratch, Tree,
    ZooKeeper, hostsync, nameserver, wait_until,
};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const HERE: &str = "DNS:localhost,IP:127.0.0.1";

/// The same tree as it is reached with TLS, at a server that is called `host`.
fn secured(program: Program, server: &ZooKeeper, tree: &Tree, host: &str, ca: &Path) -> Program {
    let servers = format!("{host}:{}", server.secure_port());
    program
        .flag("zookeeper", tree.address_at(&servers))
        .switch("tls")
        .flag("tls-ca", ca)
}

fn named(program: Program, own: &Certificate) -> Program {
    program
        .flag("tls-cert", &own.cert)
        .flag("tls-key", &own.key)
}

fn mutual(authority: &Authority, own: &Certificate) -> ZooKeeper {
    Options::default()
        .secure(&own.both, &authority.ca(), "need")
        .start()
}

/// Both daemons and their commands, by a literal address and by a name; the certificate is the identity that
/// may write STATE, and the connection comes back after the server did.
#[test]
fn names_come_over_tls_and_state_belongs_to_the_certificate() {
    let authority = Authority::new("lab");
    let mut server = mutual(&authority, &authority.issue("server", HERE));
    let tree = server.tree("secured");
    tree.create("/db", "10.0.0.1");
    let hosts = HostsFile::with(LOCALHOST);
    let own = authority.issue("ns", "DNS:ns");
    let publisher = secured(
        nameserver(&tree),
        &server,
        &tree,
        "127.0.0.1",
        &authority.ca(),
    );
    let publisher = named(publisher, &own);
    let agent = secured(
        hostsync(&tree, &hosts),
        &server,
        &tree,
        "localhost",
        &authority.ca(),
    );
    let agent = named(agent, &authority.issue("agent", "DNS:agent"));
    let replica = publisher.run();
    let running = agent.run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    assert!(!tree.may_write("/nameserver/hosts") && !tree.may_write("/nameserver"));
    publisher.call(&["check"]).expect_words(&["1 name"]);
    publisher
        .call(&["lookup", "db"])
        .expect_code(0)
        .expect_words(&["10.0.0.1"]);
    let _ = agent.call(&["once", "--dry-run"]).expect_code(0);
    // Nobody is warned of a certificate with years to go.
    agent
        .soon_well()
        .expect_words(&["in step\n", "our certificate ends: 2100-01-01T00:00:00Z"]);
    server.kill();
    replica.soon_says("lost the connection");
    running.soon_says("lost the connection");
    server.restart();
    let client = Client::connect(tree.address());
    client.set("/db", "10.0.0.2");
    hosts.soon_maps("db", &["10.0.0.2"]);
}

/// A client has to know what is wrong from what is said, since every one of these ends in 'no connection'.
#[test]
fn each_mistake_with_tls_has_its_own_message() {
    let (authority, stranger) = (Authority::new("lab"), Authority::new("stranger"));
    let good = authority.issue("server", HERE);
    let own = authority.issue("own", "DNS:own");
    let server = mutual(&authority, &good);
    let tree = server.tree("mistakes");
    let says = |program: &Program, words: &[&str]| {
        // The second message of the first round: what the client says in one is lost.
        program.call(&["check"]).expect_code(2).expect_words(words);
    };
    let program = nameserver(&tree).flag("session-timeout", "2s");
    let tls = |ca: &Path| secured(program.clone(), &server, &tree, "127.0.0.1", ca);
    says(
        &tls(&authority.ca()),
        &["no TLS", "demands a client certificate", "--tls-cert"],
    );
    let foreign = stranger.issue("own", "DNS:own");
    says(
        &named(tls(&authority.ca()), &foreign),
        &[
            "no TLS",
            "refuses our certificate",
            foreign.cert.to_str().unwrap(),
        ],
    );
    says(
        &named(tls(&stranger.ca()), &own),
        &["no TLS", "comes from no authority in", "--tls-ca"],
    );
    // Reached without TLS at the port for TLS, and with TLS at the other.
    let servers = format!("127.0.0.1:{}", server.secure_port());
    let plain = program.clone().flag("zookeeper", tree.address_at(&servers));
    says(&plain, &["speaks TLS on this port", "--tls"]);
    let other = named(tls(&authority.ca()), &own).flag("zookeeper", tree.address());
    says(
        &other,
        &["does not speak TLS on this port", "secureClientPort"],
    );
    for (cert, words) in [
        (
            authority.issue_until("old", HERE, "20210101000000Z"),
            ["has ended at 2021-01-01", "renew"],
        ),
        (
            authority.issue("elsewhere", "DNS:zk1.example.com"),
            ["is for", "zk1.example.com"],
        ),
    ] {
        let server = mutual(&authority, &cert);
        let tree = server.tree("mistakes");
        let program = nameserver(&tree).flag("session-timeout", "2s");
        let program = secured(program, &server, &tree, "127.0.0.1", &authority.ca());
        says(&named(program, &own), &["no TLS", words[0], words[1]]);
    }
}

/// What cannot work is said before anything starts.
#[test]
fn files_that_are_no_certificates_are_refused_at_the_start() {
    let authority = Authority::new("lab");
    let (own, other) = (
        authority.issue("own", "DNS:own"),
        authority.issue("other", "DNS:other"),
    );
    let program = Program::new("nameserver")
        .switch("tls")
        .flag("zookeeper", "127.0.0.1:1");
    let says = |program: Program, words: &[&str]| {
        program.call(&["check"]).expect_code(2).expect_words(words);
    };
    says(
        program.clone().flag("tls-ca", "/nowhere/ca.pem"),
        &["/nowhere/ca.pem", "No such file"],
    );
    let program = program.flag("tls-ca", authority.ca());
    says(
        program.clone().flag("tls-ca", &own.key),
        &["own.key", "no certificate"],
    );
    let mixed = Certificate {
        key: other.key.clone(),
        ..own.clone()
    };
    says(
        named(program.clone(), &mixed),
        &[
            "other.key",
            "is not the key of the certificate in",
            "own.pem",
        ],
    );
    let swapped = Certificate {
        key: own.cert.clone(),
        ..own.clone()
    };
    says(
        named(program.clone(), &swapped),
        &["own.pem", "no private key"],
    );
    says(
        program.flag("zookeeper", "-zk-:2281"),
        &["no certificate can be for a server called"],
    );
}

/// An authority is replaced, and so are all certificates: nobody restarts anything but the server.
#[test]
fn replaced_files_are_read_again() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = Scratch::new("rotated");
    let put = |authority: &Authority| {
        let own = authority.issue("agent", "DNS:agent");
        for (name, from) in [
            ("ca", &authority.ca()),
            ("cert", &own.cert),
            ("key", &own.key),
        ] {
            // As Kubernetes and certbot do it: under another name first.
            files.write("new", fs::read(from).expect("a file of the authority"));
            fs::rename(files.join("new"), files.join(name)).expect("a rename in one directory");
        }
    };
    put(&old);
    // The files of the server, too.
    let served = Scratch::new("served");
    let serve = |authority: &Authority| {
        let both = authority.issue("server", HERE).both;
        served.write("both.pem", fs::read(both).expect("a certificate"));
        served.write("ca.pem", fs::read(authority.ca()).expect("a certificate"));
    };
    serve(&old);
    let options = Options::default();
    let mut server = options
        .secure(&served.join("both.pem"), &served.join("ca.pem"), "need")
        .start();
    let tree = server.tree("rotated");
    tree.publish(1, &serde_json::json!({"db": ["10.0.0.1"]}));
    let hosts = HostsFile::with(LOCALHOST);
    let agent = secured(
        hostsync(&tree, &hosts),
        &server,
        &tree,
        "127.0.0.1",
        &files.join("ca"),
    );
    let agent = agent
        .flag("tls-cert", files.join("cert"))
        .flag("tls-key", files.join("key"));
    let running = agent.run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    // Half of it is there: the old certificate and a key that is not its own. What was read before stays.
    files.write("key", fs::read(new.issue("x", "DNS:x").key).expect("a key"));
    running.soon_says("the certificates stay as they were read before");
    put(&new);
    running.soon_says("read the certificates again");
    server.stop();
    serve(&new);
    server.restart();
    tree.publish(2, &serde_json::json!({"db": ["10.0.0.2"]}));
    hosts.soon_maps("db", &["10.0.0.2"]);
}

/// In status and in metrics, and as a remark before it is too late.
#[test]
fn the_end_of_a_certificate_is_told() {
    let authority = Authority::new("lab");
    let server = mutual(&authority, &authority.issue("server", HERE));
    let tree = server.tree("ends");
    let hosts = HostsFile::with(LOCALHOST);
    let in_days = |days: u64| {
        let time = std::time::SystemTime::now() + std::time::Duration::from_secs(days * 86_400);
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let output = std::process::Command::new("date")
            .args(["-u", "-d", &format!("@{since}"), "+%Y%m%d%H%M%SZ"])
            .output()
            .expect("date");
        (
            since,
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let (since, end) = in_days(5);
    let own = authority.issue_until("own", "DNS:own", &end);
    let publisher = secured(
        nameserver(&tree),
        &server,
        &tree,
        "localhost",
        &authority.ca(),
    );
    let publisher = named(publisher, &own).flag("http", "127.0.0.1:0");
    let replica = publisher.run();
    let agent = secured(
        hostsync(&tree, &hosts),
        &server,
        &tree,
        "localhost",
        &authority.ca(),
    );
    let agent = named(agent, &own);
    let _agent = agent.run();
    agent.soon_well().expect_words(&[
        "in step, but our certificate for ZooKeeper ends at",
        "renew",
    ]);
    wait_until("the replica to tell of the end", PATIENCE, || {
        let (_, status) = crate::http::get(&replica, "/status");
        let (_, metrics) = crate::http::get(&replica, "/metrics");
        let line = format!("nameserver_certificate_end_timestamp_seconds{{of=\"own\"}} {since}.0");
        status.contains("our certificate for ZooKeeper ends at") && metrics.contains(&line)
    });
}

/// A user and a file with the password: the identity that may write STATE.
#[test]
fn state_belongs_to_the_user_of_sasl() {
    let scratch = Scratch::new("sasl");
    let server = Options::default()
        .sasl(&scratch, &[("ops", "s3cret")])
        .start();
    let tree = server.tree("sasl");
    tree.create("/db", "10.0.0.1");
    let hosts = HostsFile::with(LOCALHOST);
    scratch.write("password", "s3cret\n");
    scratch.allow("password", 0o600);
    let publisher = nameserver(&tree)
        .flag("sasl-user", "ops")
        .flag("sasl-password-file", scratch.join("password"));
    let replica = publisher.run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    assert!(!tree.may_write("/nameserver/hosts") && !tree.may_write("/nameserver"));
    assert!(!replica.log().contains("s3cret"));
    // Another user of the same server is a stranger.
    let stranger = nameserver(&tree).call(&["run"]).expect_code(1);
    stranger.expect_words(&["/nameserver", "--sasl-user"]);
    let wrong = scratch.write("wrong", "guess\n");
    let wrong = publisher
        .flag("sasl-password-file", wrong)
        .flag("session-timeout", "2s");
    wrong
        .call(&["check"])
        .expect_code(2)
        .expect_words(&["refuses the identity", "--sasl-user"]);
}

/// TLS and SASL at once, at a server that opens no session without SASL.
#[test]
fn tls_and_sasl_go_together() {
    let (authority, scratch) = (Authority::new("lab"), Scratch::new("sasl"));
    let server = Options::default()
        .sasl(&scratch, &[("ops", "s3cret")])
        .property("zookeeper.sessionRequireClientSASLAuth", true)
        .secure(
            &authority.issue("server", HERE).both,
            &authority.ca(),
            "none",
        )
        .start();
    let password = scratch.write("password", "s3cret\n");
    let servers = format!("127.0.0.1:{}", server.secure_port());
    let program = Program::new("nameserver")
        .flag("zookeeper", servers)
        .flag("session-timeout", "3s")
        .switch("tls")
        .flag("tls-ca", authority.ca());
    let nobody = program.call(&["check"]).expect_code(2);
    nobody.expect_words(&["only to who says who it is", "--sasl-user"]);
    let ops = program
        .flag("sasl-user", "ops")
        .flag("sasl-password-file", password);
    ops.call(&["check"])
        .expect_code(0)
        .expect_words(&["0 names"]);
}

/// What is created gets the ACL that is asked for, and one that shuts ourselves out is an error at the start.
#[test]
fn state_is_created_with_the_acl_that_is_asked_for() {
    let tree = lab::tree("acl");
    tree.create("/db", "10.0.0.1");
    let program = nameserver(&tree).flag("acl", "ip:127.0.0.1:cdrwa");
    let _replica = program.run_with(&["--acl", "world:anyone:r"]);
    tree.soon_maps("db", &["10.0.0.1"]);
    for znode in ["/nameserver", "/nameserver/hosts"] {
        assert_eq!(tree.acl(znode), ["ip:127.0.0.1", "world:anyone"], "{znode}");
    }
    let other = lab::tree("acl-of-others");
    let shut_out = nameserver(&other)
        .flag("acl", "ip:10.9.9.9:cdrwa")
        .call(&["run"])
        .expect_code(1);
    shut_out.expect_words(&["/nameserver", "its ACL"]);
    let nonsense = nameserver(&other)
        .flag("acl", "ip:10.9.9.9")
        .call(&["check"])
        .expect_code(2);
    nonsense.expect_words(&["SCHEME:ID:PERMISSIONS"]);
}
