//! What every kind of question gets.

use std::net::UdpSocket;

use lab::{Dns, PATIENCE, Response, Tree, tree};

use super::{answering, run};
use crate::http::{get, status};

/// Of every kind of znode one.
fn load(tree: &Tree) {
    tree.create_many([
        ("/db", ""),
        ("/db/primary", "10.0.0.5:5432"),
        ("/db/second", "10.0.0.6"),
        ("/db/six", "[fd00::5]:5433"),
        ("/db/empty", ""),
        ("/db/deep", ""),
        ("/db/deep/er", ""),
        ("/db/deep/er/one", "10.0.2.1"),
        ("/queue", ""),
        ("/queue/n_0000000003", "10.0.3.3:80"),
        ("/queue/n_0000000007", "10.0.3.7:80"),
        ("/www", ""),
        (
            "/www/10.0.4.1:49153",
            r#"{"Name":"www","IP":"10.0.4.1","PublicPort":49153,"PrivatePort":80,"ContainerID":"9124853ff0d1","Tags":[],"Attrs":{}}"#,
        ),
        ("/www/host", r#"{"address":"10.0.0.5"}"#),
    ]);
}

/// The SRV data as `PORT TARGET`, sorted: priorities and weights are our own business.
fn services(response: &Response) -> Vec<String> {
    let of_record = |data: &str| data.split(' ').skip(2).collect::<Vec<_>>().join(" ");
    let mut services: Vec<String> = response.data().into_iter().map(of_record).collect();
    services.sort_unstable();
    services
}

/// That the name has nothing of that kind, and that this may be kept for a few seconds only.
fn is_absent(dns: Dns, words: &str, status: &str) {
    let response = dns.dig(words);
    assert_eq!(response.status(), status, "{words}: {response:?}");
    assert!(response.data().is_empty(), "{words}: {response:?}");
    assert!(response.has_flag("aa"), "{words}: {response:?}");
    let authority = response.section("AUTHORITY");
    let [soa] = authority[..] else {
        panic!("{words}: one SOA in {response:?}");
    };
    assert_eq!(soa.kind, "SOA", "{words}");
    let minimum: u32 = soa
        .data
        .rsplit(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a minimum");
    assert!(minimum <= 5 && soa.ttl <= 5, "{words}: {response:?}");
}

#[test]
fn every_type_of_record_has_its_answer() {
    let tree = tree("dns-types");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "primary.db");
    for (words, data) in [
        ("db A", &["10.0.0.5", "10.0.0.6"][..]),
        ("db AAAA", &["fd00::5"]),
        ("primary.db A", &["10.0.0.5"]),
        ("six.db AAAA", &["fd00::5"]),
        ("er.deep.db A", &["10.0.2.1"]),
        ("leader.queue A", &["10.0.3.3"]),
        ("-x 10.0.2.1", &["er.deep.db.", "one.er.deep.db."]),
        (
            "primary.db TXT",
            &[r#""znode=/db/primary" "format=plain text""#],
        ),
        ("db NS", &["nameserver.db."]),
        ("nameserver.db A", &["127.0.0.1"]),
        ("primary.db ANY", &[r#""RFC8482" """#]),
        // Their case is the client's.
        ("DB AAAA", &["fd00::5"]),
        ("PrImArY.dB A", &["10.0.0.5"]),
        // By TCP, and without EDNS, it is all the same.
        ("primary.db A +tcp", &["10.0.0.5"]),
        ("primary.db A +noedns", &["10.0.0.5"]),
        ("primary.db A +dnssec +bufsize=4096", &["10.0.0.5"]),
    ] {
        let response = dns.dig(words);
        assert_eq!(response.status(), "NOERROR", "{words}: {response:?}");
        assert_eq!(response.data(), data, "{words}: {response:?}");
        assert!(response.has_flag("aa"), "{words}: {response:?}");
        assert!(!response.has_flag("ra"), "{words}: {response:?}");
    }
    let question = dns.dig("PrImArY.dB A");
    assert!(question.text().contains("\n;PrImArY.dB."), "{question:?}");
    let soa = dns.dig("db SOA");
    assert!(soa.data()[0].starts_with("nameserver.db. "), "{soa:?}");
}

#[test]
fn an_address_leads_back_to_all_its_names_the_hosts_own_first() {
    let tree = tree("dns-reverse");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "primary.db");
    let names = dns.dig("-x 10.0.0.5");
    let expected = ["db.", "host.www.", "primary.db.", "www."];
    assert_eq!(names.data(), expected, "{names:?}");
    let first = &names.data_in_order()[..2];
    assert!(
        first
            .iter()
            .all(|name| ["host.www.", "primary.db."].contains(name)),
        "{names:?}"
    );
    let six = dns.dig("-x fd00::5");
    assert_eq!(six.data_in_order(), ["six.db.", "db."], "{six:?}");
    assert_eq!(dns.dig("-x 10.9.9.9").status(), "REFUSED");
    assert_eq!(dns.dig("-x fd00::9").status(), "REFUSED");
}

#[test]
fn ports_are_told_by_srv_with_the_addresses_of_their_targets() {
    let tree = tree("dns-srv");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "primary.db");
    for (words, wanted) in [
        (
            "_any._tcp.db SRV",
            &["5432 primary.db.", "5433 six.db."][..],
        ),
        ("_any._udp.primary.db SRV", &["5432 primary.db."]),
        ("_http._tcp.www SRV", &["49153 ip-10-0-4-1.www."]),
        (
            "_http._tcp.queue SRV",
            &["80 n_0000000003.queue.", "80 n_0000000007.queue."],
        ),
    ] {
        let response = dns.dig(words);
        let found = services(&response);
        // A name may not begin with a `_` that is no `_SERVICE` or `_PROTO`; the others are as they are.
        assert_eq!(found, wanted, "{words}: {response:?}");
        let additional = response.section("ADDITIONAL");
        for target in wanted.iter().filter_map(|record| record.split(' ').nth(1)) {
            assert!(
                additional.iter().any(|record| record.name == target),
                "the address of {target} in {response:?}"
            );
        }
    }
    assert_eq!(dns.dig("ip-10-0-4-1.www A").data(), ["10.0.4.1"]);
    is_absent(dns, "ip-10-0-4-1.www AAAA", "NOERROR");
    is_absent(dns, "_any._tcp.second.db SRV", "NXDOMAIN");
}

#[test]
fn what_is_not_there_is_said_so_and_what_is_not_ours_is_refused() {
    let tree = tree("dns-absent");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "primary.db");
    for words in [
        "primary.db AAAA",
        "primary.db MX",
        "db TYPE65",
        // A znode without an address, and one that is only on the way to another.
        "empty.db A",
        "deep.db A",
        "_tcp.db A",
    ] {
        is_absent(dns, words, "NOERROR");
    }
    for words in ["nobody.db A", "nobody.db SRV", "under.primary.db AAAA"] {
        is_absent(dns, words, "NXDOMAIN");
    }
    for words in [
        "example.com A",
        "com SOA",
        ". NS",
        "primary A",
        "db CH A",
        "primary.db.zk.internal A",
    ] {
        let response = dns.dig(words);
        assert_eq!(response.status(), "REFUSED", "{words}: {response:?}");
        assert!(!response.has_flag("aa"), "{words}: {response:?}");
        assert!(!response.has_flag("ra"), "{words}: {response:?}");
    }
}

#[test]
fn a_domain_is_the_one_zone() {
    let tree = tree("dns-domain");
    load(&tree);
    let server = answering(&tree).flag("domain", "zk.internal");
    let (_server, dns) = run(&server, "primary.db.zk.internal");
    assert_eq!(
        dns.dig("zk.internal NS").data(),
        ["nameserver.zk.internal."]
    );
    assert_eq!(dns.dig("-x 10.0.2.1").data()[0], "er.deep.db.zk.internal.");
    is_absent(dns, "zk.internal A", "NOERROR");
    is_absent(dns, "nobody.zk.internal A", "NXDOMAIN");
    for words in ["primary.db A", "internal SOA", "db A"] {
        assert_eq!(dns.dig(words).status(), "REFUSED", "{words}");
    }
}

#[test]
fn the_addresses_of_a_service_take_turns() {
    let tree = tree("dns-turns");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "db");
    let first = || dns.dig("db A").data_in_order()[0].to_owned();
    let mut seen: Vec<String> = (0..4).map(|_| first()).collect();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, ["10.0.0.5", "10.0.0.6"]);
}

#[test]
fn ttls_are_the_records_or_the_flags_or_short_where_things_come_and_go() {
    let tree = tree("dns-ttl");
    load(&tree);
    tree.create("/own", r#"{"host":"10.0.5.1","ttl":77}"#);
    tree.create("/live", "");
    tree.create_ephemeral("/live/n_0000000001", "10.0.5.2");
    let (_plain, dns) = run(&answering(&tree), "live");
    for (name, ttl) in [("db", 30), ("own", 77), ("live", 5), ("leader.live", 5)] {
        assert_eq!(dns.dig(name).ttls(), [ttl], "{name}");
    }
    let (_flagged, dns) = run(&answering(&tree).flag("ttl", "7s"), "live");
    for (name, ttl) in [("db", 7), ("own", 77), ("live", 7)] {
        assert_eq!(dns.dig(name).ttls(), [ttl], "{name} with --ttl 7s");
    }
}

#[test]
fn an_answer_too_large_is_cut_and_comes_whole_over_tcp() {
    const INSTANCES: usize = 200;
    let tree = tree("dns-large");
    let paths = (0..INSTANCES).map(|number| format!("/big/n{number}"));
    let addresses = (0..INSTANCES).map(|number| format!("10.1.0.{number}"));
    let znodes: Vec<(String, String)> = paths.zip(addresses).collect();
    tree.create("/big", "");
    tree.create_many(znodes.iter().map(|(path, data)| (&**path, &**data)));
    let (_server, dns) = run(&answering(&tree), "n199.big");

    for (words, limit) in [
        ("big A +notcp +ignore", 1232),
        ("big A +notcp +ignore +bufsize=4096", 1232),
        ("big A +notcp +ignore +bufsize=700", 700),
        ("big A +notcp +ignore +bufsize=100", 512),
        ("big A +notcp +ignore +noedns", 512),
    ] {
        let cut = dns.dig(words);
        assert!(cut.has_flag("tc"), "{words}: {cut:?}");
        assert!((1..=limit).contains(&cut.size()), "{words}: {cut:?}");
        assert!(!cut.text().contains("malformed"), "{words}: {cut:?}");
    }
    // dig asks again over TCP by itself.
    for words in ["big A", "big A +noedns", "big A +tcp"] {
        let whole = dns.dig(words);
        assert_eq!(whole.data().len(), INSTANCES, "{words}: {whole:?}");
        assert!(!whole.has_flag("tc"), "{words}: {whole:?}");
    }
    assert_eq!(dns.dig("big A").text().matches("(TCP)").count(), 1);
}

#[test]
fn joyent_trees_answer_as_their_own_server_does() {
    let tree = tree("dns-joyent");
    tree.create_many([
        ("/com", ""),
        ("/com/foo", ""),
        (
            "/com/foo/bar",
            r#"{"type":"service","service":{"type":"service","service":{"srvce":"_http","proto":"_tcp","port":80,"ttl":60},"ttl":60}}"#,
        ),
        (
            "/com/foo/bar/one",
            r#"{"type":"load_balancer","address":"10.0.0.1","ttl":30,"load_balancer":{"address":"10.0.0.1"}}"#,
        ),
        (
            "/com/foo/bar/two",
            r#"{"type":"load_balancer","address":"10.0.0.2","ttl":30,"load_balancer":{"address":"10.0.0.2"}}"#,
        ),
        // This type counts for no service.
        (
            "/com/foo/bar/apart",
            r#"{"type":"host","address":"10.0.0.3","ttl":30,"host":{"address":"10.0.0.3"}}"#,
        ),
    ]);
    let (_server, dns) = run(&answering(&tree).switch("allow-public"), "bar.foo.com");
    let service = dns.dig("bar.foo.com A");
    assert_eq!(service.data(), ["10.0.0.1", "10.0.0.2"], "{service:?}");
    assert_eq!(service.ttls(), [60], "{service:?}");
    let ports = dns.dig("_http._tcp.bar.foo.com SRV");
    assert_eq!(
        services(&ports),
        ["80 one.bar.foo.com.", "80 two.bar.foo.com."],
        "{ports:?}"
    );
    for (name, address) in [
        ("one", "10.0.0.1"),
        ("two", "10.0.0.2"),
        ("apart", "10.0.0.3"),
    ] {
        let child = dns.dig(&format!("{name}.bar.foo.com A"));
        assert_eq!(child.data(), [address], "{child:?}");
        assert_eq!(child.ttls(), [30], "{child:?}");
        let back = dns.dig(&format!("-x {address}"));
        assert_eq!(
            back.data_in_order()[0],
            format!("{name}.bar.foo.com."),
            "{back:?}"
        );
    }
    // A service record tells all there is, and how it is called.
    assert!(dns.dig("_https._tcp.bar.foo.com SRV").data().is_empty());
    assert_eq!(dns.dig("bar.foo.org A").status(), "REFUSED");
}

/// Sends a datagram; the response, if there is one before the next datagram's.
fn exchange(dns: Dns, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(PATIENCE * 3))
        .expect("a time limit");
    socket.connect(dns.address()).expect("an address");
    socket.send(message).expect("it is sent");
    let mut response = vec![0; 4096];
    let length = socket.recv(&mut response).expect("a response");
    response.truncate(length);
    response
}

/// A query for `db A` with this id and these bytes of flags, up to the count of questions.
fn query(id: u16, flags: [u8; 2]) -> Vec<u8> {
    let header = [&id.to_be_bytes()[..], &flags, &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    [&header[..], b"\x02db\0", &[0, 1, 0, 1]].concat()
}

#[test]
fn what_is_no_query_gets_an_error_or_nothing() {
    const FORMERR: u8 = 1;
    const NOTIMP: u8 = 4;
    let tree = tree("dns-malformed");
    load(&tree);
    let (_server, dns) = run(&answering(&tree), "primary.db");
    let ordinary = query(7, [1, 0]);
    let mut two_questions = ordinary.clone();
    two_questions[5] = 2;
    let mut no_question = ordinary[..12].to_vec();
    no_question[5] = 0;
    let mut loops = ordinary.clone();
    loops[12..14].copy_from_slice(&[0xc0, 12]);
    for (what, message, code) in [
        ("cut in the question", ordinary[..15].to_vec(), FORMERR),
        ("without its questions", ordinary[..12].to_vec(), FORMERR),
        ("no question", no_question, FORMERR),
        (
            "two questions, of which one is there",
            two_questions,
            FORMERR,
        ),
        ("a name that points to itself", loops, FORMERR),
        ("opcode STATUS", query(7, [2 << 3, 0]), NOTIMP),
        ("opcode UPDATE", query(7, [5 << 3, 0]), NOTIMP),
        ("opcode NOTIFY", query(7, [4 << 3, 0]), NOTIMP),
    ] {
        let response = exchange(dns, &message);
        assert_eq!(&response[..2], [0, 7], "the id of {what}: {response:?}");
        assert_ne!(response[2] & 0x80, 0, "{what}: {response:?}");
        assert_eq!(response[3] & 0x0f, code, "{what}: {response:?}");
    }
    // These get nothing, so that the next datagram of the same socket has the first response.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(PATIENCE * 3))
        .expect("a limit");
    socket.connect(dns.address()).expect("an address");
    for silent in [&b""[..], b"\0", &ordinary[..11], &query(8, [0x80, 0])] {
        socket.send(silent).expect("it is sent");
    }
    socket.send(&query(9, [1, 0])).expect("it is sent");
    let mut response = [0; 4096];
    socket.recv(&mut response).expect("a response");
    assert_eq!(response[..2], [0, 9]);
    assert_eq!(
        dns.dig("primary.db +edns=1 +noednsnegotiation").status(),
        "BADVERS"
    );
}

#[test]
fn queries_are_counted_by_type_and_result() {
    let tree = tree("dns-metrics");
    load(&tree);
    // Not asked before the count.
    let server = answering(&tree).flag("http", super::ANY_PORT).run();
    let dns = Dns::of(&server);
    tree.soon_maps("primary.db", &["10.0.0.5"]);
    for words in [
        "primary.db A",
        "primary.db A +tcp",
        "db A",
        "six.db AAAA",
        "primary.db AAAA",
        "nobody.db A",
        "example.com A",
        "_x._tcp.db SRV",
        "-x 10.0.0.5",
        "-x 10.9.9.9",
        "db TXT",
        "db SOA",
        "db NS",
        "db ANY +notcp",
        "db MX",
    ] {
        assert!(!dns.dig(words).status().is_empty(), "{words}");
    }
    exchange(dns, &query(7, [5 << 3, 0]));
    exchange(dns, &query(7, [1, 0])[..15]);
    let metrics = get(&server, "/metrics").1;
    let mut counted: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver_dns_queries_total"))
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            r#"{type="A",result="NOERROR"} 3"#,
            r#"{type="A",result="NXDOMAIN"} 1"#,
            r#"{type="A",result="REFUSED"} 1"#,
            r#"{type="AAAA",result="NODATA"} 1"#,
            r#"{type="AAAA",result="NOERROR"} 1"#,
            r#"{type="ANY",result="NOERROR"} 1"#,
            r#"{type="NS",result="NOERROR"} 1"#,
            r#"{type="PTR",result="NOERROR"} 1"#,
            r#"{type="PTR",result="REFUSED"} 1"#,
            r#"{type="SOA",result="NOERROR"} 1"#,
            r#"{type="SRV",result="NOERROR"} 1"#,
            r#"{type="TXT",result="NOERROR"} 1"#,
            r#"{type="other",result="FORMERR"} 1"#,
            r#"{type="other",result="NODATA"} 1"#,
            r#"{type="other",result="NOTIMP"} 1"#,
        ],
        "{metrics}"
    );
    assert!(status(&server)["dns"].is_object());
}
