//! A server of another make that follows our zones.

use lab::{Dns, Need, Nsd, needs, tree};

use super::{answering, run};

/// What `dig` says of a transfer that fails, whyever.
const FAILED: &str = "; Transfer failed.";

#[test]
fn nsd_follows_as_a_secondary_and_answers_the_same() {
    // Its processes end with their namespace.
    if !needs(Need::Root) {
        return;
    }
    let tree = tree("dns-secondary");
    tree.create_many([
        ("/db", ""),
        ("/db/primary", "10.0.0.5:5432"),
        ("/db/second", "10.0.0.6:5432"),
        ("/db/six", "[fd00::5]:5433"),
        ("/db/10.0.4.1:49153", "10.0.4.1:49153"),
        ("/db/deep", ""),
        ("/db/deep/er", ""),
        ("/db/deep/er/one", "10.0.2.1"),
        ("/web", ""),
        ("/web/one", "10.0.3.1"),
    ]);
    let server = answering(&tree).flag("allow-transfer", "127.0.0.1");
    let (_server, primary) = run(&server, "er.deep.db");
    primary.soon("web", |response| response.data() == ["10.0.3.1"]);
    let secondary = Nsd::secondary(primary, &["db", "web"]);
    let copy = secondary.dns();
    copy.soon_has("one.web", &["10.0.3.1"]);
    copy.soon("primary.db", |response| !response.data().is_empty());
    for words in [
        "db A",
        "db AAAA",
        "db SOA",
        "db NS",
        "primary.db A",
        "primary.db TXT",
        "_postgres._tcp.db SRV",
        "_postgres._tcp.primary.db SRV",
        "ip-10-0-4-1.db A",
        "er.deep.db A",
        "nameserver.db A",
        "primary.db AAAA",
        "deep.db A",
        "nobody.db A",
        "web A",
    ] {
        let (ours, theirs) = (primary.dig(words), copy.dig(words));
        assert_eq!(
            theirs.status(),
            ours.status(),
            "{words}: {theirs:?} {ours:?}"
        );
        assert_eq!(theirs.data(), ours.data(), "{words}: {theirs:?} {ours:?}");
    }

    tree.set("/db/primary", "10.0.0.7:5432");
    tree.delete("/db/second");
    copy.soon_has("primary.db", &["10.0.0.7"]);
    copy.soon("second.db", |response| response.status() == "NXDOMAIN");
}

#[test]
fn only_those_that_are_listed_get_a_zone() {
    let tree = tree("dns-transfer");
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5");
    let fails = |dns: Dns, words: &str| {
        let response = dns.dig(words);
        assert!(response.text().contains(FAILED), "{words}: {response:?}");
    };
    let (_closed, closed) = run(&answering(&tree), "db");
    fails(closed, "db AXFR");
    let (_open, open) = run(
        &answering(&tree).flag("allow-transfer", "127.0.0.0/30"),
        "db",
    );
    let zone = open.dig("db AXFR");
    assert!(zone.text().contains("\nprimary.db."), "{zone:?}");
    assert!(open.dig("db IXFR=1").text().contains("\nprimary.db."));
    fails(open, "-b 127.0.0.9 db AXFR");
    // No zone of ours, or none at all.
    fails(open, "primary.db AXFR");
    fails(open, "example.com AXFR");
}
