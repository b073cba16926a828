//! The programs that people have: `host`, `nslookup`, `getent` and `ping`, and Python's dnspython.

use std::process::Command;

use lab::{Dns, Outcome, PATIENCE, Program, Scratch, ZooKeeper, nameserver, tree};

use super::{answering, run};
use crate::network;

#[test]
fn host_and_nslookup_find_what_dig_finds() {
    let tree = tree("dns-host");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5:5432");
    tree.create("/db/six", "fd00::5");
    let (_server, dns) = run(&answering(&tree), "primary.db");
    for (words, found) in [
        ("db", "db has address 10.0.0.5\n"),
        ("db", "db has IPv6 address fd00::5\n"),
        ("-t SRV _any._tcp.db", " 5432 primary.db.\n"),
        ("-t NS db", "db name server nameserver.db.\n"),
        ("-T primary.db", "primary.db has address 10.0.0.5\n"),
        ("10.0.0.5", " domain name pointer primary.db.\n"),
        ("fd00::5", " domain name pointer six.db.\n"),
    ] {
        dns.host(words).expect_code(0).expect_words(&[found]);
    }
    dns.host("nobody.db")
        .expect_code(1)
        .expect_words(&["not found: 3(NXDOMAIN)"]);
    for (words, found) in [
        ("primary.db", "Name:\tprimary.db\nAddress: 10.0.0.5\n"),
        ("six.db", "Name:\tsix.db\nAddress: fd00::5\n"),
        ("10.0.0.5", "name = primary.db.\n"),
        ("-type=TXT primary.db", "\"znode=/db/primary\""),
    ] {
        dns.nslookup(words).expect_code(0).expect_words(&[found]);
    }
    dns.nslookup("nobody.db")
        .expect_code(1)
        .expect_words(&["can't find nobody.db: NXDOMAIN"]);
}

/// Addresses that a ping can reach. With none but those of loopback, the system's resolver would not
/// even ask for IPv6.
const ADDRESSES: [&str; 2] = ["10.0.0.9", "fd00::9"];

/// Runs a command that resolves names at this server, in mounts of its own.
fn resolving_at(server: &str, command: &str) -> Outcome {
    let files = Scratch::new("resolv");
    let resolver = format!("nameserver {server}\nsearch zk.internal\noptions ndots:2\n");
    let resolver = files.write("resolv.conf", resolver);
    let switch = files.write("nsswitch.conf", "hosts: dns\n");
    let script = format!(
        "mount --bind {} /etc/resolv.conf && mount --bind {} /etc/nsswitch.conf && exec {command}",
        resolver.display(),
        switch.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-c", &script]);
    Outcome::of(command)
}

#[test]
fn the_systems_resolver_finds_names_through_resolv_conf() {
    // Port 53 of a loopback that is nobody else's.
    if !network::enter("dns::programs::the_systems_resolver_finds_names_through_resolv_conf") {
        return;
    }
    for address in ADDRESSES {
        network::ip(&format!("address add {address} dev lo"));
    }
    let zookeeper = ZooKeeper::start();
    let tree = zookeeper.tree("resolv");
    tree.create("/db", "");
    tree.create("/db/primary", ADDRESSES[0]);
    tree.create("/db/six", ADDRESSES[1]);
    let server = nameserver(&tree).flag("domain", "zk.internal");
    let server = server.run_with(&["--dns", "127.0.0.1:53", "--dns", "[::1]:53"]);
    server.soon_says("answering DNS at [::1]:53 (UDP and TCP)");
    let dns = Dns::of(&server);
    assert_eq!(dns.address(), ([127, 0, 0, 1], 53).into());
    dns.soon_has("primary.db.zk.internal", &ADDRESSES[..1]);

    for server in ["127.0.0.1", "::1"] {
        for (command, found) in [
            ("getent ahosts primary.db.zk.internal", &ADDRESSES[..1]),
            ("getent ahosts primary.db", &ADDRESSES[..1]),
            ("getent ahosts db", &ADDRESSES),
            ("getent hosts 10.0.0.9", &["primary.db.zk.internal"]),
            ("getent hosts fd00::9", &["six.db.zk.internal"]),
            ("ping -c1 -W5 primary.db", &["64 bytes from"]),
            ("ping -c1 -W5 six.db", &["64 bytes from"]),
        ] {
            let outcome = resolving_at(server, command);
            outcome.expect_code(0).expect_words(found);
        }
        let _ = resolving_at(server, "getent ahosts nobody.db").expect_code(2);
    }
}

/// What dnspython gets, which checks every message more strictly than most.
const DNSPYTHON: &str = r#"
for over in dns.query.udp, dns.query.tcp:
    response = ask("primary.db", "A", over)
    assert response.rcode() == dns.rcode.NOERROR and response.flags & dns.flags.AA, response
    assert data(response.answer) == ["10.0.0.5"], response
    assert data(ask("_http._tcp.db", "SRV", over).answer) == ["0 0 5432 primary.db.", "0 0 80 other.db."]
    assert ask("nobody.db", "A", over).rcode() == dns.rcode.NXDOMAIN

assert ask("db", "A").edns == -1
response = ask("db", "A", use_edns=0, payload=4096, want_dnssec=True)
assert response.edns == 0 and response.payload == 1232, response

zone = dns.zone.from_xfr(dns.query.xfr(where, "db", port=port, relativize=False), relativize=False)
assert zone.get_rdataset("primary.db.", "A").to_text().endswith("A 10.0.0.5"), zone.to_text()
assert len(zone.get_rdataset("db.", "A")) == 2, zone.to_text()
assert zone.get_rdataset("db.", "SOA")[0].serial > 0, zone.to_text()

# Several questions in one go, and one of them in two pieces.
names = ["primary.db", "nobody.db", "other.db", "db", "elsewhere.example"]
queries = [dns.message.make_query(name, "A") for name in names]
wires = [query.to_wire() for query in queries]
stream = b"".join(struct.pack("!H", len(wire)) + wire for wire in wires)
connection = socket.create_connection((where, port), timeout=60)
connection.sendall(stream[:-5])
connection.sendall(stream[-5:])
for query in queries:
    response, _ = dns.query.receive_tcp(connection)
    assert query.is_response(response), (query, response)
print("as expected")
"#;

#[test]
fn dnspython_asks_transfers_and_pipelines() {
    let tree = tree("dns-python");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5:5432");
    tree.create("/db/other", "10.0.0.6:80");
    let server = answering(&tree).flag("allow-transfer", "127.0.0.1");
    let (_server, dns) = run(&server, "db");
    dns.soon_has("db", &["10.0.0.5", "10.0.0.6"]);
    dns.python(DNSPYTHON)
        .expect_code(0)
        .expect_words(&["as expected"]);
}

#[test]
fn an_address_that_cannot_be_had_is_an_error_at_the_start() {
    let tree = tree("dns-taken");
    let taken = answering(&tree).run();
    let address = Dns::of(&taken).address().to_string();
    answering(&tree)
        .flag("dns", &address)
        .call(&["run"])
        .expect_code(1)
        .expect_words(&[&address, "in use"]);
    for nowhere in ["here", "127.0.0.1", "127.0.0.1:70000"] {
        answering(&tree)
            .flag("dns", nowhere)
            .call(&["run"])
            .expect_code(2)
            .expect_words(&["NAMESERVER_DNS", nowhere]);
    }
    // What only makes sense with it.
    for (flag, value) in [
        ("ttl", "5s"),
        ("forward", "127.0.0.1"),
        ("allow-transfer", "127.0.0.1"),
    ] {
        let mut wrong = nameserver(&tree).run_with(&[&format!("--{flag}"), value]);
        assert_eq!(wrong.wait_end(PATIENCE).code(), Some(2), "--{flag}");
        wrong.soon_says("--dns");
    }
}

#[test]
fn a_port_that_needs_a_right_names_the_right() {
    // A namespace, where port 53 is free and special, whatever the machine's own settings are.
    if !network::enter("dns::programs::a_port_that_needs_a_right_names_the_right") {
        return;
    }
    let outcome = Program::new("nameserver")
        .flag("dns", "127.0.0.1:53")
        .inside(&["setpriv", "--reuid=65534", "--clear-groups"])
        .call(&["run"]);
    outcome
        .expect_code(1)
        .expect_words(&["127.0.0.1:53", "CAP_NET_BIND_SERVICE"]);
}
