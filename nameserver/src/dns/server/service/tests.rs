use std::net::{Ipv4Addr, UdpSocket};
use std::time::SystemTime;

use contract::ZnodePath;
use hickory_proto::op::{Message, Query as Asked};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use ipnet::IpNet;

use super::*;
use crate::dns::{Freshness, Settings};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::records;

const NEAR: &str = "10.0.0.1";
const FAR: &str = "192.0.2.1";

/// A service whose tree has `instances` below `/zk/db`, and one that never read a tree.
fn service(instances: Option<u32>, forward: bool) -> Service {
    let zones = SharedZones::new(Settings {
        domain: None,
        ttl: None,
        addresses: Vec::new(),
    });
    if let Some(instances) = instances {
        let (root, state) = ("/".parse().unwrap(), "/nameserver".parse().unwrap());
        let scope = Scope::new(root, state, None, &[]).unwrap();
        let znode = |path: &str, data: &str| {
            let path: ZnodePath = path.parse().unwrap();
            let reading = records::read(path.component(), data.as_bytes());
            (path, reading)
        };
        let parents = ["/zk", "/zk/db"].map(|path| znode(path, ""));
        let instance = |number| {
            let address = Ipv4Addr::from_bits(0x0A01_0000 + number).to_string();
            znode(&format!("/zk/db/i{number}"), &address)
        };
        let znodes = parents.into_iter().chain((0..instances).map(instance));
        zones.replace(&Namespace::new(scope, znodes));
        zones.note(Freshness {
            follows: true,
            since: SystemTime::now(),
            zxid: 7,
            generation: 1,
        });
    }
    let recursion = forward.then(|| {
        // It is never sent anything: what is to be looked up is only counted here.
        let unused = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr();
        Recursion {
            forwarder: Forwarder::new(&[unused.unwrap()]).unwrap(),
            allowed: networks("10.0.0.0/8"),
            stops_rebinding: false,
        }
    });
    let secondaries = networks("10.0.0.0/8");
    Service::new(zones, recursion, secondaries, Arc::default())
}

fn networks(text: &str) -> Networks {
    vec![text.parse::<IpNet>().unwrap()].into()
}

fn ask(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Asked::query(Name::from_ascii(name).unwrap(), record_type));
    message
}

struct Asker<'a> {
    service: &'a Service,
    source: &'a str,
    transport: Transport,
}

impl Asker<'_> {
    fn step(&self, query: &Message, out: &mut Vec<u8>) -> Step {
        let (query, source) = (query.to_vec().unwrap(), self.source.parse().unwrap());
        self.service.take(&query, source, self.transport, out)
    }

    fn response(&self, query: &Message) -> Message {
        let mut out = Vec::new();
        let step = self.step(query, &mut out);
        assert!(matches!(step, Step::Respond), "{step:?}");
        Message::from_vec(&out).unwrap()
    }

    fn code(&self, name: &str, record_type: RecordType) -> ResponseCode {
        let response = self.response(&ask(name, record_type));
        response.metadata.response_code
    }
}

fn udp<'a>(service: &'a Service, source: &'a str) -> Asker<'a> {
    let transport = Transport::Udp;
    Asker {
        service,
        source,
        transport,
    }
}

fn tcp<'a>(service: &'a Service, source: &'a str) -> Asker<'a> {
    let transport = Transport::Tcp;
    Asker {
        service,
        source,
        transport,
    }
}

#[test]
fn the_tree_answers() {
    let service = service(Some(3), false);
    let response = udp(&service, FAR).response(&ask("db.ZK.", RecordType::A));
    let metadata = response.metadata;
    assert_eq!(metadata.response_code, ResponseCode::NoError);
    assert!(metadata.authoritative && !metadata.recursion_available);
    assert_eq!(response.answers.len(), 3);
    let code = udp(&service, FAR).code("no.zk.", RecordType::A);
    assert_eq!(code, ResponseCode::NXDomain);
    udp(&service, FAR).code("db.zk.", RecordType::AAAA);
    let counted: Vec<_> = service.statistics().queries().collect();
    assert_eq!(
        counted,
        [
            ("A", "NOERROR", 1),
            ("A", "NXDOMAIN", 1),
            ("AAAA", "NODATA", 1)
        ]
    );
}

#[test]
fn a_service_takes_turns() {
    let service = service(Some(3), false);
    let first = || {
        udp(&service, FAR)
            .response(&ask("db.zk.", RecordType::A))
            .answers
            .remove(0)
    };
    let (one, two) = (first(), first());
    assert_ne!(one, two);
}

#[test]
fn nobody_knows_before_the_tree_was_read() {
    let service = service(None, false);
    for record_type in [RecordType::A, RecordType::AXFR] {
        let code = tcp(&service, NEAR).code("db.zk.", record_type);
        assert_eq!(code, ResponseCode::ServFail);
    }
}

#[test]
fn questions_are_passed_on_for_whom_it_is_meant() {
    let (closed, open) = (service(Some(1), false), service(Some(1), true));
    let query = ask("example.com.", RecordType::A);
    for (service, source, rd) in [
        (&closed, NEAR, true),
        (&open, FAR, true),
        (&open, NEAR, false),
    ] {
        let mut query = query.clone();
        query.metadata.recursion_desired = rd;
        let response = udp(service, source).response(&query);
        assert_eq!(response.metadata.response_code, ResponseCode::Refused);
        // Recursion is offered to those who may use it, whether they want it or not.
        assert_eq!(response.metadata.recursion_available, !rd);
    }
    assert_eq!(open.statistics().forwarded(), 0);
    let near = udp(&open, NEAR);
    let answered = near.response(&ask("db.zk.", RecordType::A)).metadata;
    assert!(answered.recursion_available && answered.authoritative);

    let mut out = Vec::new();
    let steps: Vec<_> = (0..LOOKUPS).map(|_| near.step(&query, &mut out)).collect();
    let is_forward = |step: &Step| matches!(step, Step::Forward(_));
    assert!(steps.iter().all(is_forward), "{:?}", steps.last());
    assert_eq!(
        near.code("example.com.", RecordType::A),
        ResponseCode::ServFail
    );
    drop(steps);
    assert!(is_forward(&near.step(&query, &mut out)));
    assert_eq!(open.statistics().forwarded(), 258);
}

#[test]
fn zones_go_over_tcp_to_secondaries_only() {
    let service = service(Some(2000), false);
    let codes = [
        (udp(&service, NEAR), "zk.", ResponseCode::FormErr),
        (tcp(&service, FAR), "zk.", ResponseCode::Refused),
        (tcp(&service, FAR), "com.", ResponseCode::Refused),
        (tcp(&service, NEAR), "com.", ResponseCode::NotAuth),
        (tcp(&service, NEAR), "db.zk.", ResponseCode::NotAuth),
    ];
    for (asker, name, code) in codes {
        assert_eq!(asker.code(name, RecordType::AXFR), code, "{name}");
    }
    let mut out = Vec::new();
    let mut begin = || match tcp(&service, NEAR).step(&ask("zk.", RecordType::AXFR), &mut out) {
        Step::Transfer(transfer) => *transfer,
        step => panic!("{step:?}"),
    };
    let (first, second) = (begin(), begin());
    let code = tcp(&service, NEAR).code("zk.", RecordType::AXFR);
    assert_eq!(code, ResponseCode::ServFail);
    drop(second);

    let mut messages = first.load().unwrap();
    let (mut records, mut out, mut count) = (Vec::new(), Vec::new(), 0);
    while messages.next(&mut out).unwrap() {
        let mut decoder = BinDecoder::new(&out);
        let message = Message::read(&mut decoder).unwrap();
        assert!(decoder.is_empty() && !message.metadata.truncation);
        records.extend(message.answers);
        count += 1;
    }
    let zone = service
        .zones
        .read()
        .transfer(&Name::from_ascii("zk.").unwrap());
    assert_eq!(Some(records), zone);
    assert!(count > 2, "{count}");
    begin();
    drop(messages);
    begin();
}

#[test]
fn a_secondary_that_is_current_gets_the_soa_alone() {
    let service = service(Some(3), false);
    let apex = Name::from_ascii("zk.").unwrap();
    let soa = service.zones.read().soa(&apex).unwrap();
    let held = |serial| {
        let mut query = ask("zk.", RecordType::IXFR);
        let soa = SOA::new(apex.clone(), apex.clone(), serial, 1, 1, 1, 1);
        query.add_authority(Record::from_rdata(apex.clone(), 0, RData::SOA(soa)));
        query
    };
    let current = held(wire::serial(&soa).unwrap());
    let alone = [soa];
    for asker in [udp(&service, NEAR), tcp(&service, NEAR)] {
        assert_eq!(asker.response(&current).answers, alone);
    }
    assert_eq!(udp(&service, NEAR).response(&held(0)).answers, alone);
    let step = tcp(&service, NEAR).step(&held(0), &mut Vec::new());
    assert!(matches!(step, Step::Transfer(_)), "{step:?}");
    let refused = udp(&service, FAR).response(&current).metadata;
    assert_eq!(refused.response_code, ResponseCode::Refused);
}

/// What is too much for a stranger is a question back over TCP, or nothing; nearby, and over TCP, there is no limit.
#[test]
fn strangers_get_so_many_responses_over_udp() {
    let rate = ResponseRate::new(2, vec![Networks::private()]);
    let service = service(Some(3), false).limited(Some(rate));
    let query = ask("db.zk.", RecordType::A);
    for _ in 0..2 {
        assert_eq!(udp(&service, FAR).response(&query).answers.len(), 3);
    }
    let step = udp(&service, FAR).step(&query, &mut Vec::new());
    assert!(matches!(step, Step::Ignore), "{step:?}");
    let cut = udp(&service, FAR).response(&query);
    assert!(cut.metadata.truncation && cut.answers.is_empty(), "{cut:?}");
    assert_eq!(cut.queries, query.queries);
    assert_eq!(service.statistics().limited(), 2);
    for asker in [tcp(&service, FAR), udp(&service, NEAR)] {
        for _ in 0..10 {
            assert_eq!(asker.response(&query).answers.len(), 3);
        }
    }
}
