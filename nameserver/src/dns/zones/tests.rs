use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use contract::ZnodePath;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};
use proptest::prelude::*;

use crate::dns::zones::Given;
use crate::dns::*;
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::records::{self, Reading};

const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;
const JOYENT_HOST: &str =
    r#"{"type":"load_balancer","load_balancer":{"address":"10.0.0.1"},"ttl":30}"#;
const JOYENT_SERVICE: &str = r#"{"type":"service","service":{"type":"service","service":{"srvce":"_http","proto":"_tcp","port":80,"ttl":60},"ttl":60}}"#;

fn settings(domain: Option<&str>) -> Settings {
    Settings {
        domain: domain.map(|domain| domain.parse().unwrap()),
        ttl: None,
        addresses: vec!["10.9.9.9".parse().unwrap()],
    }
}

fn scope(domain: Option<&str>) -> Scope {
    let domain = domain.map(|domain| domain.parse().unwrap());
    Scope::new(
        "/".parse().unwrap(),
        "/nameserver".parse().unwrap(),
        domain,
        &[],
    )
    .unwrap()
    .allowing_public(true)
}

/// What the znode at a path says; ephemeral where the data begin with `~`.
fn reading(path: &ZnodePath, data: &str) -> Reading {
    let stable = data.trim_start_matches('~');
    let reading = records::read(path.component(), stable.as_bytes());
    reading.of_ephemeral(stable != data)
}

fn given(zone: &Namespace, touched: &HashSet<ZnodePath>) -> Vec<Given> {
    touched.iter().map(|path| Given::new(zone, path)).collect()
}

fn catalog_in(domain: Option<&str>, znodes: &[(&str, &str)]) -> Zones {
    let read = |(path, data): &(&str, &str)| {
        let path: ZnodePath = path.parse().unwrap();
        let reading = reading(&path, data);
        (path, reading)
    };
    let zone = Namespace::new(scope(domain), znodes.iter().map(read));
    let mut zones = Zones::new(settings(domain));
    zones.replace(&zone, EPOCH + Duration::from_secs(7));
    zones
}

fn zones(znodes: &[(&str, &str)]) -> Zones {
    catalog_in(None, znodes)
}

fn ask(zones: &Zones, name: &str, record_type: RecordType, turn: usize) -> Reply {
    let name = DnsName::from_ascii(format!("{name}.")).unwrap();
    zones.answer(
        Question {
            name: &name,
            record_type,
        },
        turn,
    )
}

fn lines(records: &[Record]) -> Vec<String> {
    let line = |record: &Record| {
        let (owner, ttl, kind) = (&record.name, record.ttl, record.record_type());
        let data = match &record.data {
            RData::TXT(txt) => {
                let texts = txt
                    .txt_data
                    .iter()
                    .map(|text| String::from_utf8_lossy(text));
                texts.collect::<Vec<_>>().join(" ")
            }
            RData::HINFO(hinfo) => String::from_utf8_lossy(&hinfo.cpu).into_owned(),
            data => data.to_string(),
        };
        format!("{owner} {ttl} {kind} {data}")
    };
    records.iter().map(line).collect()
}

/// The answer as text, a line for each record; else the code, or that there is none.
fn answers(zones: &Zones, name: &str, record_type: RecordType) -> Vec<String> {
    match ask(zones, name, record_type, 0) {
        Reply::Answer {
            code: ResponseCode::NoError,
            answers,
            authorities,
            ..
        } if answers.is_empty() => {
            assert_eq!(authorities[0].record_type(), RecordType::SOA);
            vec!["NODATA".to_owned()]
        }
        Reply::Answer {
            code: ResponseCode::NoError,
            answers,
            ..
        } => lines(&answers),
        Reply::Answer {
            code, authorities, ..
        } => {
            assert_eq!(authorities[0].record_type(), RecordType::SOA);
            vec![format!("{code:?}").to_uppercase()]
        }
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn names_have_addresses_of_the_type_that_is_asked_for() {
    let zones = zones(&[
        ("/db", ""),
        ("/db/primary", "10.0.0.5"),
        ("/db/replica", "fd00::6"),
        ("/empty", ""),
    ]);
    for (name, record_type, expected) in [
        ("primary.db", RecordType::A, "primary.db. 30 A 10.0.0.5"),
        ("PriMary.dB", RecordType::A, "PriMary.dB. 30 A 10.0.0.5"),
        ("primary.db", RecordType::AAAA, "NODATA"),
        ("primary.db", RecordType::MX, "NODATA"),
        (
            "replica.db",
            RecordType::AAAA,
            "replica.db. 30 AAAA fd00::6",
        ),
        ("db", RecordType::A, "db. 30 A 10.0.0.5"),
        ("empty", RecordType::A, "NODATA"),
        ("none.db", RecordType::A, "NXDOMAIN"),
        ("none.db", RecordType::ANY, "NXDOMAIN"),
        ("a.primary.db", RecordType::A, "NXDOMAIN"),
        ("primary.db.org", RecordType::A, "Outside"),
        ("org", RecordType::SOA, "Outside"),
        ("primary.db", RecordType::ANY, "primary.db. 5 HINFO RFC8482"),
        (
            "nameserver.db",
            RecordType::A,
            "nameserver.db. 5 A 10.9.9.9",
        ),
        ("nameserver.db", RecordType::AAAA, "NODATA"),
        ("nameserver.primary.db", RecordType::A, "NXDOMAIN"),
        ("db", RecordType::NS, "db. 5 NS nameserver.db."),
        (
            "db",
            RecordType::SOA,
            "db. 5 SOA nameserver.db. hostmaster.db. 7 60 10 86400 5",
        ),
        ("primary.db", RecordType::NS, "NODATA"),
        (
            "primary.db",
            RecordType::TXT,
            "primary.db. 30 TXT znode=/db/primary format=plain text",
        ),
        (
            "empty",
            RecordType::TXT,
            "empty. 5 TXT znode=/empty no address",
        ),
    ] {
        let shown = answers(&zones, name, record_type).join("|");
        assert_eq!(shown, expected, "{name} {record_type}");
    }
}

#[test]
fn a_label_that_no_name_has_is_no_other_name() {
    let zones = zones(&[("/db", ""), ("/db/primary", "10.0.0.5")]);
    for labels in [
        &[&b"primary.db"[..]][..],
        &[b"primary\0", b"db"],
        &[b"\xff\xfe", b"db"],
        &[b"*", b"db"],
    ] {
        let name = DnsName::from_labels(labels.iter().copied()).unwrap();
        let reply = zones.answer(
            Question {
                name: &name,
                record_type: RecordType::A,
            },
            0,
        );
        let is_none = match reply {
            Reply::Outside => labels.len() == 1,
            Reply::Answer { code, .. } => code == ResponseCode::NXDomain,
            Reply::Unknown => false,
        };
        assert!(is_none, "{name}");
    }
    let reply = zones.answer(
        Question {
            name: &DnsName::root(),
            record_type: RecordType::NS,
        },
        0,
    );
    assert_eq!(reply, Reply::Outside);
}

#[test]
fn with_a_domain_that_is_the_zone() {
    let zones = catalog_in(
        Some("zk.internal"),
        &[("/db", "10.0.0.5"), ("/a", ""), ("/a/b", "")],
    );
    for (name, record_type, expected) in [
        (
            "db.zk.internal",
            RecordType::A,
            "db.zk.internal. 30 A 10.0.0.5",
        ),
        ("db", RecordType::A, "Outside"),
        ("internal", RecordType::A, "Outside"),
        ("xzk.internal", RecordType::A, "Outside"),
        ("zk.internal", RecordType::A, "NODATA"),
        (
            "zk.internal",
            RecordType::NS,
            "zk.internal. 5 NS nameserver.zk.internal.",
        ),
        ("a.zk.internal", RecordType::A, "NODATA"),
        ("c.zk.internal", RecordType::A, "NXDOMAIN"),
        ("_status.zk.internal", RecordType::A, "NODATA"),
        (
            "_status.zk.internal",
            RecordType::TXT,
            "_status.zk.internal. 0 TXT state=starting",
        ),
        ("_status", RecordType::TXT, "Outside"),
    ] {
        let shown = answers(&zones, name, record_type).join("|");
        assert_eq!(shown, expected, "{name} {record_type}");
    }
}

#[test]
fn a_joyent_tree_answers_as_binder_does() {
    let zones = zones(&[
        ("/com", ""),
        ("/com/foo", ""),
        ("/com/foo/bar", JOYENT_SERVICE),
        ("/com/foo/bar/lb0", JOYENT_HOST),
        ("/com/foo/bar/lb1", &JOYENT_HOST.replace(".1", ".2")),
        (
            "/com/foo/bar/box",
            r#"{"type":"host","host":{"address":"10.0.0.9"}}"#,
        ),
    ]);
    assert_eq!(
        answers(&zones, "bar.foo.com", RecordType::A),
        ["bar.foo.com. 60 A 10.0.0.1", "bar.foo.com. 60 A 10.0.0.2"]
    );
    assert_eq!(
        answers(&zones, "_http._tcp.bar.foo.com", RecordType::SRV),
        [
            "_http._tcp.bar.foo.com. 60 SRV 0 0 80 lb0.bar.foo.com.",
            "_http._tcp.bar.foo.com. 60 SRV 0 0 80 lb1.bar.foo.com.",
        ]
    );
    let Reply::Answer { additionals, .. } =
        ask(&zones, "_http._tcp.bar.foo.com", RecordType::SRV, 0)
    else {
        panic!("an answer");
    };
    assert_eq!(
        lines(&additionals),
        [
            "lb0.bar.foo.com. 30 A 10.0.0.1",
            "lb1.bar.foo.com. 30 A 10.0.0.2"
        ]
    );
    for (name, record_type, expected) in [
        (
            "lb0.bar.foo.com",
            RecordType::A,
            "lb0.bar.foo.com. 30 A 10.0.0.1",
        ),
        (
            "box.bar.foo.com",
            RecordType::A,
            "box.bar.foo.com. 30 A 10.0.0.9",
        ),
        ("_tcp.bar.foo.com", RecordType::SRV, "NODATA"),
        ("_udp.bar.foo.com", RecordType::SRV, "NXDOMAIN"),
        ("_https._tcp.bar.foo.com", RecordType::SRV, "NXDOMAIN"),
        ("_http._tcp.bar.foo.com", RecordType::A, "NODATA"),
        ("_http._tcp.lb0.bar.foo.com", RecordType::SRV, "NXDOMAIN"),
        ("foo.com", RecordType::A, "NODATA"),
        ("com", RecordType::A, "NODATA"),
        ("nobody.com", RecordType::A, "NXDOMAIN"),
        ("example.org", RecordType::A, "Outside"),
        (
            "1.0.0.10.in-addr.arpa",
            RecordType::PTR,
            "1.0.0.10.in-addr.arpa. 30 PTR lb0.bar.foo.com.|1.0.0.10.in-addr.arpa. 60 PTR bar.foo.com.",
        ),
        ("1.0.0.10.in-addr.arpa", RecordType::A, "NODATA"),
        ("7.0.0.10.in-addr.arpa", RecordType::PTR, "Outside"),
    ] {
        let shown = answers(&zones, name, record_type).join("|");
        assert_eq!(shown, expected, "{name} {record_type}");
    }
}

#[test]
fn ports_of_records_are_services_of_any_label() {
    let zones = zones(&[
        ("/web", ""),
        ("/web/a", "10.0.0.1:8080"),
        ("/web/b", "10.0.0.2"),
        ("/live_nodes", ""),
        ("/live_nodes/10.0.0.7:8983_solr", ""),
        ("/six", ""),
        ("/six/fd00--7_80", "[fd00::7]:80"),
        ("/six/no label!", "[fd00::8]:80"),
        ("/q", ""),
        ("/q/n_0000000002", "10.0.0.4:90"),
        ("/q/n_0000000001", "10.0.0.3:90"),
    ]);
    for (name, record_type, expected) in [
        (
            "_http._tcp.web",
            RecordType::SRV,
            "_http._tcp.web. 30 SRV 0 0 8080 a.web.",
        ),
        (
            "_any._udp.web",
            RecordType::SRV,
            "_any._udp.web. 30 SRV 0 0 8080 a.web.",
        ),
        ("_http._sctp.web", RecordType::SRV, "NXDOMAIN"),
        ("http._tcp.web", RecordType::SRV, "NXDOMAIN"),
        ("_tcp.web", RecordType::A, "NODATA"),
        (
            "_x._tcp.a.web",
            RecordType::SRV,
            "_x._tcp.a.web. 30 SRV 0 0 8080 a.web.",
        ),
        ("_x._tcp.b.web", RecordType::SRV, "NXDOMAIN"),
        (
            "_x._tcp.live_nodes",
            RecordType::SRV,
            "_x._tcp.live_nodes. 30 SRV 0 0 8983 ip-10-0-0-7.live_nodes.",
        ),
        (
            "ip-10-0-0-7.live_nodes",
            RecordType::A,
            "ip-10-0-0-7.live_nodes. 30 A 10.0.0.7",
        ),
        ("ip-10-0-0-8.live_nodes", RecordType::A, "NXDOMAIN"),
        ("ip-10-0-0-7.live_nodes", RecordType::AAAA, "NODATA"),
        (
            "ip-fd00-0-0-0-0-0-0-8.six",
            RecordType::AAAA,
            "ip-fd00-0-0-0-0-0-0-8.six. 30 AAAA fd00::8",
        ),
        (
            "_x._tcp.leader.q",
            RecordType::SRV,
            "_x._tcp.leader.q. 30 SRV 0 0 90 n_0000000001.q.",
        ),
        (
            "leader.q",
            RecordType::TXT,
            "leader.q. 30 TXT znode=/q/n_0000000001 format=plain text",
        ),
    ] {
        let shown = answers(&zones, name, record_type).join("|");
        assert_eq!(shown, expected, "{name} {record_type}");
    }
}

#[test]
fn a_target_is_never_the_name_of_somebody_else() {
    // Both would be a.web; the first path in byte order has it, where both are of one age.
    let zones = zones(&[
        ("/web", ""),
        ("/web/A", "10.0.0.1:80"),
        ("/web/a", "10.0.0.2:80"),
    ]);
    assert_eq!(
        answers(&zones, "_http._tcp.web", RecordType::SRV),
        [
            "_http._tcp.web. 30 SRV 0 0 80 a.web.",
            "_http._tcp.web. 30 SRV 0 0 80 ip-10-0-0-2.web.",
        ]
    );
}

#[test]
fn services_take_turns_and_hosts_do_not() {
    let zones = zones(&[
        ("/web", ""),
        ("/web/a", "10.0.0.1:80"),
        ("/web/b", "10.0.0.2:80"),
        ("/web/c", "10.0.0.3:80"),
        // Those of the other type take no turn.
        ("/web/d", "fd00::1"),
        ("/two", r#"{"ip":"10.0.0.9"}"#),
    ]);
    let first = |name: &str, record_type, turn| {
        let Reply::Answer { answers, .. } = ask(&zones, name, record_type, turn) else {
            panic!("an answer");
        };
        answers[0].data.to_string()
    };
    let firsts = (0..5).map(|turn| first("web", RecordType::A, turn));
    let firsts: Vec<_> = firsts.collect();
    let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    assert_eq!(firsts, [a, b, c, a, b]);
    assert_eq!(first("_x._tcp.web", RecordType::SRV, 4), "0 0 80 b.web.");
    assert_eq!(first("1.0.0.10.in-addr.arpa", RecordType::PTR, 1), "a.web.");
}

#[test]
fn how_long_an_answer_may_be_kept() {
    let mut zones = zones(&[
        ("/web", ""),
        ("/web/a", "~10.0.0.1"),
        ("/web/b_0000000001", "10.0.0.2"),
        ("/sky", ""),
        ("/sky/x", r#"{"host":"10.1.1.1","ttl":90}"#),
        ("/sky/y", r#"{"host":"10.1.1.2","ttl":60}"#),
        ("/sky/z", r#"{"host":"10.1.1.3"}"#),
        ("/long", r#"{"host":"10.1.1.4","ttl":4000000000}"#),
    ]);
    let ttl = |zones: &Zones, name: &str| {
        let Reply::Answer { answers, .. } = ask(zones, name, RecordType::A, 0) else {
            panic!("an answer");
        };
        answers[0].ttl
    };
    for (name, expected) in [
        ("web", 5),
        ("a.web", 30),
        ("leader.web", 30),
        ("sky", 60),
        ("x.sky", 90),
        ("z.sky", 30),
    ] {
        assert_eq!(ttl(&zones, name), expected, "{name}");
    }
    zones.settings.ttl = Some(2);
    for (name, expected) in [("web", 2), ("a.web", 2), ("sky", 60)] {
        assert_eq!(ttl(&zones, name), expected, "{name} with --ttl 2");
    }
    assert_eq!(zones.negative_ttl(), 2);
}

#[test]
fn how_fresh_the_tree_is() {
    let mut zones = zones(&[("/db", "10.0.0.5")]);
    let fresh = Freshness {
        follows: true,
        since: EPOCH,
        zxid: 9,
        generation: 4,
    };
    zones.note(fresh.clone());
    assert_eq!(
        answers(&zones, "_status.db", RecordType::TXT),
        ["_status.db. 0 TXT state=live since=1970-01-01T00:00:00Z zxid=9 generation=4"]
    );
    zones.note(Freshness {
        follows: false,
        ..fresh
    });
    let text = answers(&zones, "_status", RecordType::TXT).join("");
    assert!(text.contains("state=stale"), "{text}");
}

#[test]
fn before_the_tree_was_read_nobody_knows() {
    let zones = Zones::new(settings(None));
    assert_eq!(ask(&zones, "db", RecordType::A, 0), Reply::Unknown);
    assert_eq!(
        ask(&zones, "5.0.0.10.in-addr.arpa", RecordType::PTR, 0),
        Reply::Unknown
    );
    assert_eq!(
        answers(&zones, "_status", RecordType::TXT),
        ["_status. 0 TXT state=starting"]
    );
    let zones = Zones::new(settings(Some("zk")));
    assert_eq!(ask(&zones, "db.zk", RecordType::A, 0), Reply::Unknown);
    assert_eq!(ask(&zones, "example.org", RecordType::A, 0), Reply::Outside);
    assert!(
        zones
            .transfer(&DnsName::from_ascii("zk.").unwrap())
            .is_none()
    );
}

#[test]
fn a_transfer_has_every_record_of_its_zone_between_two_soa() {
    let zones = zones(&[
        ("/web", ""),
        ("/web/a", "10.0.0.1:80"),
        ("/web/no label!", "[fd00::8]:81"),
        ("/webs", "10.0.0.2"),
    ]);
    let apex = DnsName::from_ascii("WEB.").unwrap();
    let soa = "web. 5 SOA nameserver.web. hostmaster.web. 7 60 10 86400 5";
    assert_eq!(
        lines(&zones.transfer(&apex).unwrap()),
        [
            soa,
            "web. 5 NS nameserver.web.",
            "nameserver.web. 5 A 10.9.9.9",
            "a.web. 30 A 10.0.0.1",
            "a.web. 30 TXT znode=/web/a format=plain text",
            "*._tcp.a.web. 30 SRV 0 0 80 a.web.",
            "*._udp.a.web. 30 SRV 0 0 80 a.web.",
            "web. 30 A 10.0.0.1",
            "web. 30 AAAA fd00::8",
            "web. 30 TXT znode=/web addresses=2",
            "*._tcp.web. 30 SRV 0 0 80 a.web.",
            "*._tcp.web. 30 SRV 0 0 81 ip-fd00-0-0-0-0-0-0-8.web.",
            "*._udp.web. 30 SRV 0 0 80 a.web.",
            "*._udp.web. 30 SRV 0 0 81 ip-fd00-0-0-0-0-0-0-8.web.",
            "ip-fd00-0-0-0-0-0-0-8.web. 30 AAAA fd00::8",
            soa,
        ]
    );
    assert!(
        zones
            .transfer(&DnsName::from_ascii("a.web.").unwrap())
            .is_none()
    );
    assert!(zones.transfer(&DnsName::root()).is_none());
}

#[test]
fn the_serial_number_rises_with_each_change_and_only_then() {
    let mut zone = Namespace::new(scope(None), []);
    let mut zones = Zones::new(settings(None));
    let now = EPOCH + Duration::from_secs(1_000);
    zones.replace(&zone, now);
    let mut serials = vec![zones.serial];
    for (data, later) in [
        ("10.0.0.1", 0),
        ("10.0.0.1", 1),
        ("10.0.0.2", 0),
        ("10.0.0.3", 60),
    ] {
        let path: ZnodePath = "/db".parse().unwrap();
        let touched = zone.update([(path.clone(), Some(reading(&path, data)))]);
        zones.update(given(&zone, &touched), now + Duration::from_secs(later));
        serials.push(zones.serial);
    }
    assert_eq!(serials, [1_000, 1_001, 1_001, 1_002, 1_060]);
    // A clock that goes back does not take it along.
    zones = zones.emptied();
    zones.replace(&zone, EPOCH);
    assert_eq!(zones.serial, 1_061);
}

fn any_change() -> impl Strategy<Value = (ZnodePath, Option<String>)> {
    let component =
        || prop::sample::select(vec!["a", "B", "b", "x.y", "n_0000000001", "no!", "leader"]);
    let path = prop::collection::vec(component(), 1..4)
        .prop_map(|components| format!("/{}", components.join("/")).parse().unwrap());
    let data = prop::sample::select(vec![
        "",
        "10.0.0.1",
        "10.0.0.1:80",
        "~10.0.0.2:81",
        "fd00::1",
        "junk!",
        "b",
        "a.b:90",
        JOYENT_HOST,
        JOYENT_SERVICE,
        r#"{"host":"10.1.1.1","ttl":90}"#,
    ]);
    (
        path,
        prop::option::weighted(0.8, data.prop_map(str::to_owned)),
    )
}

proptest! {
    #[test]
    fn an_update_ends_where_replacing_would(
        domain in prop::option::of(prop::sample::select(vec!["zk", "a", "a.zk"])),
        batches in prop::collection::vec(prop::collection::vec(any_change(), 1..6), 1..8)
    ) {
        let scope = scope(domain);
        let mut zone = Namespace::new(scope.clone(), []);
        let mut live = Zones::new(settings(domain));
        live.replace(&zone, EPOCH);
        for batch in batches {
            let changes = batch.into_iter().map(|(path, data)| {
                let reading = data.map(|data| reading(&path, &data));
                (path, reading)
            });
            let touched = zone.update(changes);
            live.update(given(&zone, &touched), EPOCH);
            let mut anew = Zones::new(settings(domain));
            anew.replace(&zone, EPOCH);
            anew.serial = live.serial;
            prop_assert_eq!(live.sorted(), anew.sorted());
        }
    }

    /// Whatever is asked, what comes back says nothing of other names, and no target is a dead end.
    #[test]
    fn targets_have_the_addresses_that_come_with_them(
        changes in prop::collection::vec(any_change(), 1..12)
    ) {
        let changes = changes.into_iter().map(|(path, data)| {
            let reading = data.map(|data| reading(&path, &data));
            (path, reading)
        });
        let mut zone = Namespace::new(scope(None), []);
        zone.update(changes);
        let mut zones = Zones::new(settings(None));
        zones.replace(&zone, EPOCH);
        for name in zone.hosts().keys() {
            let addresses = |of: &str| {
                let types = [RecordType::A, RecordType::AAAA];
                let all = types.map(|record_type| match ask(&zones, of, record_type, 0) {
                    Reply::Answer { answers, .. } => answers,
                    _ => Vec::new(),
                });
                let ips = all.concat().into_iter().filter_map(|record| record.data.ip_addr());
                ips.collect::<Vec<IpAddr>>()
            };
            prop_assert_eq!(addresses(name.as_str()).len(), zone.addresses(name).unwrap().len());
            if let Reply::Answer { additionals, .. } =
                ask(&zones, &format!("_x._tcp.{name}"), RecordType::SRV, 0)
            {
                for record in additionals {
                    let host = record.name.to_string();
                    let ip = record.data.ip_addr().unwrap();
                    prop_assert!(addresses(host.trim_end_matches('.')).contains(&ip), "{}", host);
                }
            }
        }
    }
}
