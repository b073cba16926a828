use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RecordType};
use proptest::prelude::*;

use super::*;

/// A query with RD for `name`, in the given class, and an OPT record of some version and payload.
fn query(name: &str, record_type: u16, class: u16, edns: Option<(u8, u16)>) -> Vec<u8> {
    let mut bytes = vec![0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns.is_some().into()];
    for label in name.split('.') {
        bytes.push(label.len().try_into().unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend([record_type.to_be_bytes(), class.to_be_bytes()].concat());
    if let Some((version, payload)) = edns {
        bytes.extend([0, 0, 41]);
        bytes.extend(payload.to_be_bytes());
        bytes.extend([0, version, 0, 0, 0, 0]);
    }
    bytes
}

fn parsed(bytes: &[u8]) -> Query {
    Query::parse(bytes, Transport::Udp).unwrap()
}

/// The response, which must be well-formed and as long as it says.
fn response(query: &Query, content: &Content) -> (Message, usize) {
    let mut out = vec![1, 2, 3];
    query.respond(content, &mut out);
    (whole(&out), out.len())
}

/// Reads a message and makes sure that nothing comes after it.
fn whole(bytes: &[u8]) -> Message {
    let mut decoder = BinDecoder::new(bytes);
    let message = Message::read(&mut decoder).unwrap();
    assert!(decoder.is_empty(), "{} bytes too many", decoder.len());
    message
}

fn addresses(name: &str, count: u32) -> Vec<Record> {
    let name = Name::from_ascii(name).unwrap();
    let ips = (0..count).map(|number| Ipv4Addr::from_bits(0x0A00_0000 + number));
    ips.map(|ip| Record::from_rdata(name.clone(), 30, RData::A(A(ip))))
        .collect()
}

fn answer(answers: Vec<Record>) -> Content {
    Content {
        authoritative: true,
        answers,
        ..Content::empty(ResponseCode::NoError)
    }
}

#[test]
fn what_is_no_query() {
    let good = query("db.zk", 1, 1, None);
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            bytes[*at] = *byte;
        }
        bytes
    };
    let two_opts = {
        let mut bytes = query("db.zk", 1, 1, Some((0, 1232)));
        bytes[11] = 2;
        bytes.extend([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    };
    let refused = [
        (with(&[(2, 0x21)]), ResponseCode::NotImp), // NOTIFY
        (with(&[(2, 0x28)]), ResponseCode::NotImp), // UPDATE
        (with(&[(2, 0x79)]), ResponseCode::NotImp), // opcode 15
        (with(&[(5, 0)]), ResponseCode::FormErr),   // no question
        (with(&[(5, 2)]), ResponseCode::FormErr),   // two questions, of which one is there
        (with(&[(4, 255), (5, 255)]), ResponseCode::FormErr),
        (with(&[(7, 1)]), ResponseCode::FormErr), // an answer that is not there
        (with(&[(12, 9)]), ResponseCode::FormErr), // a label that is too long for the rest
        (with(&[(12, 0xC0), (13, 12)]), ResponseCode::FormErr), // a pointer to itself
        (with(&[(12, 0xC0), (13, 4)]), ResponseCode::FormErr), // a pointer into the header
        (with(&[(15, 0xC0), (16, 12)]), ResponseCode::FormErr), // one later in the name
        (with(&[(12, 0x41)]), ResponseCode::FormErr), // a kind of label that nobody uses
        (good[..good.len() - 1].to_vec(), ResponseCode::FormErr),
        (good[..12].to_vec(), ResponseCode::FormErr),
        (two_opts, ResponseCode::FormErr),
    ];
    for (bytes, code) in refused {
        let NoQuery::Refused(metadata) = Query::parse(&bytes, Transport::Udp).unwrap_err() else {
            panic!("{bytes:?}");
        };
        let mut out = vec![7; 99];
        refuse(metadata, &mut out);
        let rd = bytes[2] & 1;
        let expected = [0xAB, 0xCD, 0x80 | bytes[2] & 0x78 | rd, code.low()];
        assert_eq!(out[..4], expected, "{bytes:?}");
        assert_eq!(out[4..], [0; 8], "{bytes:?}");
    }
    for ignored in [&[][..], &good[..11], &with(&[(2, 0x81)])] {
        let error = Query::parse(ignored, Transport::Udp).unwrap_err();
        assert_eq!(error, NoQuery::Ignored, "{ignored:?}");
    }
}

#[test]
fn what_is_refused_with_its_question() {
    let refusal = |class, version| parsed(&query("a", 1, class, Some((version, 512)))).refusal();
    assert_eq!(refusal(1, 0), None);
    assert_eq!(refusal(3, 0), Some(ResponseCode::Refused));
    assert_eq!(refusal(255, 0), Some(ResponseCode::Refused));
    assert_eq!(refusal(1, 1), Some(ResponseCode::BADVERS));

    let query = parsed(&query("a", 1, 1, Some((1, 512))));
    let (message, _) = response(&query, &Content::empty(ResponseCode::BADVERS));
    let edns = message.edns.unwrap();
    assert_eq!((edns.rcode_high(), edns.version()), (1, 0));
    // BADSIG has the same number.
    assert_eq!(u16::from(message.metadata.response_code), 16);
    assert_eq!(message.queries.len(), 1);
}

#[test]
fn the_response_keeps_what_was_asked() {
    let mut bytes = query("Db.ZK.iNternal", 1, 1, None);
    let (message, length) = response(&parsed(&bytes), &answer(addresses("db.zk.internal.", 1)));
    let metadata = message.metadata;
    assert_eq!(
        (metadata.id, metadata.message_type),
        (0xABCD, MessageType::Response)
    );
    assert!(metadata.authoritative && metadata.recursion_desired);
    assert!(!metadata.recursion_available && !metadata.truncation);
    assert_eq!(message.queries[0].name().to_ascii(), "Db.ZK.iNternal.");
    assert_eq!(message.answers, addresses("db.zk.internal.", 1));
    assert_eq!(message.edns, None);
    // Spelled alike, the name stands there once.
    let (_, shorter) = response(&parsed(&bytes), &answer(addresses("Db.ZK.iNternal.", 1)));
    assert_eq!(length - shorter, "Db.ZK.iNternal.".len() + 1 - 2);

    bytes[2] = 0;
    let offering = parsed(&bytes).offering_recursion(true);
    assert!(!offering.wants_recursion());
    let (message, _) = response(&offering, &Content::empty(ResponseCode::Refused));
    assert!(message.metadata.recursion_available && !message.metadata.recursion_desired);
    assert!(!message.metadata.authoritative);
}

#[test]
fn a_response_is_as_long_as_the_client_can_take() {
    let content = answer(addresses("db.zk.", 500));
    let cases = [
        (None, 512),
        (Some(100), 512),
        (Some(512), 512),
        (Some(900), 900),
        (Some(1232), 1232),
        (Some(4096), 1232),
    ];
    for (payload, limit) in cases {
        let bytes = query("db.zk", 1, 1, payload.map(|payload| (0, payload)));
        let (message, length) = response(&parsed(&bytes), &content);
        assert!(message.metadata.truncation);
        // Not one more would have fitted.
        assert!(
            length <= limit && length + 16 > limit,
            "{length} of {limit}"
        );
        assert_eq!(message.answers, content.answers[..message.answers.len()]);
        assert_eq!(message.edns.is_some(), payload.is_some());

        let over_tcp = Query::parse(&bytes, Transport::Tcp).unwrap();
        let (message, _) = response(&over_tcp, &content);
        assert!(!message.metadata.truncation);
        assert_eq!(message.answers, content.answers);
    }
}

#[test]
fn additional_records_just_go() {
    let query = parsed(&query("db.zk", 33, 1, None));
    let content = Content {
        additionals: addresses("a.db.zk.", 50),
        ..answer(addresses("db.zk.", 2))
    };
    let (message, _) = response(&query, &content);
    assert!(!message.metadata.truncation);
    assert_eq!((message.answers.len(), message.additionals.len()), (2, 0));
}

#[test]
fn a_zone_goes_in_parts() {
    let query = Query::parse(&query("zk", 252, 1, Some((0, 512))), Transport::Tcp).unwrap();
    let records = addresses("a.zk.", 3000);
    let (mut taken, mut parts, mut out) = (Vec::new(), 0, Vec::new());
    while taken.len() < records.len() {
        let count = query
            .transfer(&records[taken.len()..], parts == 0, &mut out)
            .unwrap();
        let message = whole(&out);
        assert!(out.len() <= PART.into() && message.answers.len() == count);
        assert!(message.metadata.authoritative && !message.metadata.truncation);
        assert_eq!(message.metadata.id, 0xABCD);
        assert_eq!(message.queries.len(), usize::from(parts == 0));
        taken.extend(message.answers);
        parts += 1;
    }
    assert_eq!(taken, records);
    assert!(parts > 2, "{parts}");
}

#[test]
fn a_record_that_is_longer_than_a_part_is_a_message_of_its_own() {
    let query = Query::parse(&query("zk", 252, 1, None), Transport::Tcp).unwrap();
    let name = Name::from_ascii("zk.").unwrap();
    let long = |length| {
        let data = hickory_proto::rr::rdata::NULL::with(vec![0; length]);
        Record::from_rdata(name.clone(), 0, RData::NULL(data))
    };
    let mut out = Vec::new();
    let count = query.transfer(&[long(20_000), long(20_000)], true, &mut out);
    assert_eq!((count.unwrap(), whole(&out).answers.len()), (1, 1));
    assert!(query.transfer(&[long(65_530)], true, &mut out).is_err());
}

#[test]
fn a_secondary_says_which_serial_it_has() {
    let name = Name::from_ascii("zk.").unwrap();
    let soa = SOA::new(name.clone(), name.clone(), 77, 1, 1, 1, 1);
    let mut message = Message::query();
    message.add_query(Asked::query(name.clone(), RecordType::IXFR));
    message.add_authority(Record::from_rdata(name, 0, RData::SOA(soa)));
    assert_eq!(parsed(&message.to_vec().unwrap()).held(), Some(77));
    assert_eq!(parsed(&query("zk", 251, 1, None)).held(), None);
}

proptest! {
    /// Junk and mutated queries alike: no panic, no response to a response, none that is too long
    /// or malformed.
    #[test]
    fn any_bytes_get_a_fitting_response(
        junk in prop::collection::vec(any::<u8>(), 0..100),
        is_query in any::<bool>(),
        // Pointers and short lengths do the most harm.
        changes in prop::collection::vec(
            (0..40_usize, prop_oneof![any::<u8>(), Just(0xC0), 0..16_u8]),
            0..5,
        ),
    ) {
        let mut bytes = if is_query { query("db.Zk", 1, 1, Some((0, 700))) } else { junk };
        for (at, byte) in changes {
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        let mut out = Vec::new();
        let limit = match Query::parse(&bytes, Transport::Udp) {
            Ok(query) => {
                let code = query.refusal().unwrap_or(ResponseCode::NoError);
                let content = Content { code, ..answer(addresses("db.zk.", 100)) };
                query.respond(&content, &mut out);
                let message = whole(&out);
                prop_assert_eq!(message.queries[0].name(), query.question().name);
                query.limit().into()
            }
            Err(NoQuery::Refused(metadata)) => {
                refuse(metadata, &mut out);
                HEADER
            }
            Err(NoQuery::Ignored) => return Ok(()),
        };
        prop_assert!(bytes[2] & 0x80 == 0 && out[2] & 0x80 != 0);
        prop_assert_eq!(&out[..2], &bytes[..2]);
        prop_assert!((HEADER..=limit).contains(&out.len()));
        whole(&out);
    }
}
