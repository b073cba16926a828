//! The forwarder against a real dnsmasq.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, Record, RecordType};
use lab::{Dnsmasq, PATIENCE, Stopwatch};
use nameserver::dns::forward::{Forwarded, Forwarder};

/// The zone `lab.test`, whose SOA comes with every negative answer.
const ZONE: [&str; 8] = [
    "--auth-zone=lab.test",
    "--auth-server=ns.lab.test,lo",
    "--auth-ttl=60",
    "--host-record=www.lab.test,192.0.2.1,2001:db8::1",
    "--cname=alias.lab.test,www.lab.test",
    "--txt-record=www.lab.test,one,two",
    "--mx-host=lab.test,www.lab.test,10",
    "--srv-host=_http._tcp.lab.test,www.lab.test,80",
];
/// How long a lookup may take when nobody answers.
const LIMIT: Duration = Duration::from_secs(5);

struct Asked {
    forwarder: Forwarder,
}

impl Asked {
    fn at(resolvers: &[SocketAddr]) -> Self {
        let forwarder = Forwarder::new(resolvers).expect("a forwarder");
        Self { forwarder }
    }

    async fn ask(&self, name: &str, record_type: RecordType) -> Forwarded {
        let name = Name::from_ascii(name).expect("a name");
        self.forwarder.lookup(&name, record_type).await
    }
}

/// `OWNER TTL TYPE DATA` of each.
fn lines(records: &[Record]) -> Vec<String> {
    let line = |record: &Record| {
        let (kind, data) = (record.record_type(), &record.data);
        format!("{} {} {kind} {data}", record.name, record.ttl)
    };
    records.iter().map(line).collect()
}

/// An address where questions arrive and nobody answers.
fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("its address");
    (socket, address)
}

#[tokio::test]
async fn answers_of_every_type_with_their_aliases() {
    let dnsmasq = Dnsmasq::start(&ZONE);
    let asked = Asked::at(&[dnsmasq.address()]);
    for (name, kind, answers) in [
        (
            "www.lab.test.",
            RecordType::A,
            &["www.lab.test. 60 A 192.0.2.1"][..],
        ),
        (
            "www.lab.test.",
            RecordType::AAAA,
            &["www.lab.test. 60 AAAA 2001:db8::1"],
        ),
        (
            "www.lab.test.",
            RecordType::TXT,
            &["www.lab.test. 60 TXT onetwo"],
        ),
        (
            "lab.test.",
            RecordType::MX,
            &["lab.test. 60 MX 10 www.lab.test."],
        ),
        (
            "_http._tcp.lab.test.",
            RecordType::SRV,
            &["_http._tcp.lab.test. 60 SRV 0 0 80 www.lab.test."],
        ),
        (
            "alias.lab.test.",
            RecordType::A,
            &[
                "alias.lab.test. 60 CNAME www.lab.test.",
                "www.lab.test. 60 A 192.0.2.1",
            ],
        ),
        (
            "alias.lab.test.",
            RecordType::CNAME,
            &["alias.lab.test. 60 CNAME www.lab.test."],
        ),
    ] {
        let said = asked.ask(name, kind).await;
        assert_eq!(said.code, ResponseCode::NoError, "{name} {kind}");
        assert_eq!(lines(&said.answers), answers, "{name} {kind}");
    }
}

#[tokio::test]
async fn what_is_not_there_comes_with_the_soa() {
    let dnsmasq = Dnsmasq::start(&ZONE);
    let asked = Asked::at(&[dnsmasq.address()]);
    for (name, kind, code) in [
        ("nothing.lab.test.", RecordType::A, ResponseCode::NXDomain),
        ("nothing.lab.test.", RecordType::SOA, ResponseCode::NXDomain),
        ("www.lab.test.", RecordType::MX, ResponseCode::NoError),
    ] {
        // The second time it comes from the cache.
        for time in ["asked", "cached"] {
            let said = asked.ask(name, kind).await;
            assert_eq!(said.code, code, "{name} {kind} {time}");
            assert!(said.answers.is_empty(), "{said:?}");
            let authorities = said.authorities.iter().map(Record::record_type);
            assert_eq!(
                authorities.collect::<Vec<_>>(),
                [RecordType::SOA],
                "{name} {kind} {time}"
            );
        }
    }
    let alias = asked.ask("alias.lab.test.", RecordType::MX).await;
    assert_eq!(alias.code, ResponseCode::NoError);
    assert_eq!(
        lines(&alias.answers),
        ["alias.lab.test. 60 CNAME www.lab.test."]
    );
}

#[tokio::test]
async fn a_refusal_is_handed_on() {
    let dnsmasq = Dnsmasq::start(&ZONE);
    let said = Asked::at(&[dnsmasq.address()])
        .ask("example.net.", RecordType::A)
        .await;
    assert_eq!(said.code, ResponseCode::Refused);
    assert!(said.answers.is_empty() && said.authorities.is_empty());
}

#[tokio::test]
async fn no_name_is_special_and_none_is_completed() {
    let dnsmasq = Dnsmasq::start(&[
        "--address=/localhost/192.0.2.9",
        "--host-record=www,192.0.2.10",
    ]);
    let asked = Asked::at(&[dnsmasq.address()]);
    for (name, address) in [("localhost", "192.0.2.9"), ("www", "192.0.2.10")] {
        let said = asked.ask(name, RecordType::A).await;
        assert_eq!(lines(&said.answers), [format!("{name}. 0 A {address}")]);
    }
}

#[tokio::test]
async fn ttls_count_down_and_the_spelling_is_the_asker_s() {
    let dnsmasq = Dnsmasq::start(&ZONE);
    let asked = Asked::at(&[dnsmasq.address()]);
    assert_eq!(
        asked.ask("www.lab.test.", RecordType::A).await.answers[0].ttl,
        60
    );
    drop(dnsmasq);
    let begun = Stopwatch::start();
    loop {
        let said = asked.ask("wWw.LaB.test.", RecordType::A).await;
        assert_eq!(said.answers[0].name.to_string(), "wWw.LaB.test.");
        if said.answers[0].ttl < 60 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{said:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn long_answers_come_over_tcp() {
    let texts: Vec<_> = (0..100)
        .map(|i| format!("--txt-record=long.lab.test,number {i} of a hundred texts"))
        .collect();
    let mut flags = ZONE.to_vec();
    flags.extend(texts.iter().map(String::as_str));
    let dnsmasq = Dnsmasq::start(&flags);
    let said = Asked::at(&[dnsmasq.address()])
        .ask("long.lab.test.", RecordType::TXT)
        .await;
    assert_eq!(said.code, ResponseCode::NoError);
    assert_eq!(said.answers.len(), 100);
}

#[tokio::test]
async fn one_resolver_that_answers_is_enough() {
    let dnsmasq = Dnsmasq::start(&ZONE);
    let silent = [silent(), silent(), silent()];
    let mut resolvers: Vec<_> = silent.iter().map(|(_, address)| *address).collect();
    resolvers.push(dnsmasq.address());
    // Which ones are asked first is up to chance.
    let lookups = (0..8).map(async |_| {
        let begun = Stopwatch::start();
        let asked = Asked::at(&resolvers);
        let said = asked.ask("www.lab.test.", RecordType::A).await;
        assert_eq!(lines(&said.answers), ["www.lab.test. 60 A 192.0.2.1"]);
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    });
    futures::future::join_all(lookups).await;
}

#[tokio::test]
async fn where_nobody_answers_the_lookup_fails_in_time() {
    let (_silent, nobody) = silent();
    let (gone, closed) = silent();
    drop(gone);
    let resolvers = [vec![nobody], vec![closed], vec![nobody, closed]];
    let lookups = resolvers.map(async |resolvers| {
        let begun = Stopwatch::start();
        let asked = Asked::at(&resolvers);
        let said = asked.ask("www.lab.test.", RecordType::A).await;
        assert_eq!(said.code, ResponseCode::ServFail);
        assert!(said.answers.is_empty() && said.authorities.is_empty());
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    });
    futures::future::join_all(lookups).await;
}
