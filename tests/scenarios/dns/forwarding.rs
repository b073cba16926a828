//! What lies outside of our zones, with and without a resolver to ask.

use lab::{Dnsmasq, tree};

use super::{answering, run};

#[test]
fn only_names_of_others_are_forwarded_and_only_for_those_allowed() {
    let tree = tree("dns-forward");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5");
    let resolver = Dnsmasq::start(&[
        "--host-record=www.example,192.0.2.7,2001:db8::7",
        "--cname=alias.example,www.example",
        "--local=/example/",
        // Nobody must ever be told this.
        "--host-record=primary.db,192.0.2.99",
        "--host-record=nobody.db,192.0.2.99",
    ]);
    let resolver = resolver.address().to_string();
    let server = answering(&tree).flag("forward", &resolver);
    let (_server, dns) = run(&server, "db");
    for (words, code, data) in [
        ("www.example", "NOERROR", &["192.0.2.7"][..]),
        ("www.example AAAA", "NOERROR", &["2001:db8::7"]),
        ("www.example +tcp", "NOERROR", &["192.0.2.7"]),
        ("alias.example", "NOERROR", &["192.0.2.7", "www.example."]),
        ("nobody.example", "NXDOMAIN", &[]),
        ("-x 192.0.2.7", "NOERROR", &["www.example."]),
    ] {
        let response = dns.dig(words);
        assert_eq!(response.status(), code, "{words}: {response:?}");
        assert_eq!(response.data(), data, "{words}: {response:?}");
        assert!(response.has_flag("ra"), "{words}: {response:?}");
        assert!(!response.has_flag("aa"), "{words}: {response:?}");
    }
    for (words, code, data) in [
        ("primary.db", "NOERROR", &["10.0.0.5"][..]),
        ("nobody.db", "NXDOMAIN", &[]),
        ("-x 10.0.0.5", "NOERROR", &["primary.db.", "db."]),
    ] {
        let response = dns.dig(words);
        assert_eq!(response.status(), code, "{words}: {response:?}");
        assert_eq!(response.data_in_order(), data, "{words}: {response:?}");
        assert!(response.has_flag("aa"), "{words}: {response:?}");
    }
    assert_eq!(dns.dig("www.example +norecurse").status(), "REFUSED");

    let narrow = server.flag("allow-recursion", "127.0.0.1");
    let (_narrow, dns) = run(&narrow, "db");
    assert_eq!(dns.dig("www.example").data(), ["192.0.2.7"]);
    let stranger = dns.dig("-b 127.0.0.2 www.example");
    assert_eq!(stranger.status(), "REFUSED", "{stranger:?}");
    assert!(!stranger.has_flag("ra"), "{stranger:?}");
    assert_eq!(dns.dig("-b 127.0.0.2 primary.db").data(), ["10.0.0.5"]);

    let (_closed, dns) = run(&answering(&tree), "db");
    assert_eq!(dns.dig("www.example").status(), "REFUSED");
}

/// A name of theirs tells nobody of ours, whatever its alias leads to; and of private addresses neither, where that is asked for.
#[test]
fn what_others_say_of_our_names_and_of_private_addresses_is_left_out() {
    let tree = tree("dns-rebinding");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5");
    let resolver = Dnsmasq::start(&[
        "--local=/example/",
        "--local=/db/",
        "--host-record=primary.db,192.0.2.99",
        "--cname=trap.example,primary.db",
        "--host-record=inside.example,10.0.0.9",
        "--host-record=loop.example,127.0.0.1",
        "--host-record=www.example,192.0.2.7",
    ]);
    let server = answering(&tree).flag("forward", resolver.address().to_string());
    let (_server, dns) = run(&server, "db");
    assert_eq!(dns.dig("trap.example").data(), ["primary.db."]);
    assert_eq!(dns.dig("inside.example").data(), ["10.0.0.9"]);
    let careful = server.switch("stop-rebinding");
    let (_careful, dns) = run(&careful, "db");
    for inside in ["inside.example", "loop.example"] {
        let response = dns.dig(inside);
        assert_eq!(
            (response.status(), response.data().len()),
            ("NOERROR", 0),
            "{response:?}"
        );
    }
    assert_eq!(dns.dig("www.example").data(), ["192.0.2.7"]);
}

#[test]
fn a_resolver_that_is_silent_is_a_failure_within_seconds_and_ours_are_answered_meanwhile() {
    let tree = tree("dns-silent");
    tree.create("/db", "10.0.0.5");
    // Takes queries and says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = silent.local_addr().expect("an address").to_string();
    let (_server, dns) = run(&answering(&tree).flag("forward", address), "db");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| dns.dig("www.example +tries=1 +timeout=30"));
        let mut meanwhile = 0;
        loop {
            let ours = dns.dig("db +tries=1 +timeout=30");
            assert_eq!(ours.data(), ["10.0.0.5"], "{ours:?}");
            if asked.is_finished() {
                break;
            }
            meanwhile += 1;
        }
        assert!(meanwhile > 0, "ours wait for theirs");
        let asked = asked.join().expect("dig ends");
        assert_eq!(asked.status(), "SERVFAIL", "{asked:?}");
    });
}
