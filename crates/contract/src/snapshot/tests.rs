//! What is read and what is refused, in either format.

use super::*;
use crate::Address;
use proptest::prelude::*;
use std::time::Duration;

const EXAMPLE: &str = concat!(
    r#"{"domain":"","format":1,"generation":7,"hosts":{"db":["10.0.0.5","10.0.0.6"],"#,
    r#""primary.db":["10.0.0.5"]},"leader":"ns1","names":2,"#,
    r#""published":"2026-11-20T10:00:00.123Z","root":"/services","sum":"75518e50b815da61","zxid":4294967338}"#
);

fn refusal(text: &str) -> String {
    Snapshot::decode(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_contract_s_example_byte_for_byte() {
    let snapshot = Snapshot::decode(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(snapshot.generation, 7);
    assert_eq!(snapshot.hosts["db"].len(), 2);
    assert_eq!(snapshot.domain, None);
    assert_eq!(String::from_utf8(snapshot.encode()).unwrap(), EXAMPLE);
}

/// Whoever alters a bit on the way, of what a machine is to look up, alters nothing that is used.
#[test]
fn a_flipped_bit_of_the_names_is_never_used() {
    let published = Snapshot::decode(EXAMPLE.as_bytes()).unwrap();
    let (begin, end) = (
        EXAMPLE.find("\"hosts\"").unwrap(),
        EXAMPLE.find(",\"leader\"").unwrap(),
    );
    let mut refused = 0;
    for bit in begin * 8..end * 8 {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Snapshot::decode(&bytes) {
            // Another spelling of the same.
            Ok(snapshot) => assert_eq!(snapshot.hosts, published.hosts, "bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 400, "{refused}");
    // An older release tells no checksum.
    let old = EXAMPLE.replace(",\"sum\":\"75518e50b815da61\"", "");
    assert_eq!(Snapshot::decode(old.as_bytes()).unwrap(), published);
    let other = EXAMPLE.replace("75518e50b815da61", "75518e50b815da62");
    assert!(refusal(&other).contains("their checksum differs"));
}

#[test]
fn each_broken_rule_is_named() {
    for (from, to, said) in [
        (
            "\"format\":1",
            "\"format\":3",
            "format 3, and this version reads formats 1 and 2",
        ),
        ("\"names\":2", "\"names\":3", "says 3 names and holds 2"),
        ("\"generation\":7", "\"generation\":0", "generation 0"),
        (
            "\"generation\":7",
            "\"generation\":9007199254740992",
            "it is forged",
        ),
        (
            "\"generation\":7",
            "\"generation\":18446744073709551615",
            "it is forged",
        ),
        (
            "\"generation\":7",
            "\"generation\":-7",
            "invalid value: integer `-7`",
        ),
        (
            "10.0.0.6",
            "1.2.3.4\\nevil",
            "\"1.2.3.4\\nevil\" is not an IP address",
        ),
        ("10.0.0.6", "127.0.0.1", "loopback"),
        ("primary.db", "localhost", "every machine has for itself"),
        ("primary.db", "a b", "holds ' '"),
        ("[\"10.0.0.5\"]", "[]", "name primary.db has 0 addresses"),
        (
            "\"format\":1",
            "\"format\":2",
            "format 2 and no \"changes\"",
        ),
        (
            "\"hosts\":{\"db\":[\"10.0.0.5\",\"10.0.0.6\"],\"primary.db\":[\"10.0.0.5\"]}",
            "\"pages\":[]",
            "format 1 and no \"hosts\"",
        ),
        ("2026-11-20", "yesterday", "is no RFC 3339 time"),
        ("/services", "services", "does not begin with '/'"),
    ] {
        let text = EXAMPLE.replace(from, to);
        assert_ne!(text, EXAMPLE);
        let message = refusal(&text);
        assert!(message.contains(said), "{message}");
    }
    for (from, to, said) in [
        (
            "{\"db\":[\"10.0.0.5\",\"10.0.0.6\"],\"primary.db\":[\"10.0.0.5\"]}",
            "7",
            "expected names with lists",
        ),
        ("[\"10.0.0.5\"]", "7", "expected a list of addresses"),
    ] {
        let message = refusal(&EXAMPLE.replace(from, to));
        assert!(message.contains(said), "{message}");
    }
    assert!(refusal("").contains("EOF"));
    assert!(refusal(&"{\"x\":".repeat(100_000)).contains("EOF"));
    assert!(refusal(&" ".repeat(MAX_ENCODED_BYTES + 1)).contains("more than the"));
}

#[test]
fn the_longest_that_fits_is_read() {
    let text = format!("{EXAMPLE}{}", " ".repeat(MAX_ENCODED_BYTES - EXAMPLE.len()));
    assert!(Snapshot::decode(text.as_bytes()).is_ok());
    assert!(refusal(&format!("{text} ")).contains("more than the"));
}

#[test]
fn a_format_to_come_is_told_whatever_it_holds() {
    let message = refusal(r#"{"format":3}"#);
    assert!(message.contains("format 3, and"), "{message}");
    for known in [FORMAT, PAGED_FORMAT] {
        let message = refusal(&format!(r#"{{"format":{known}}}"#));
        assert!(message.contains("missing field"), "{message}");
    }
}

#[test]
fn a_head_is_what_it_holds() {
    let head = Head::decode(EXAMPLE.as_bytes()).unwrap();
    assert_eq!((head.generation(), head.names()), (7, 2));
    assert_eq!((head.leader(), head.zxid()), ("ns1", 4_294_967_338));
    assert_eq!((head.domain(), head.presence()), (None, PRESENCE));
    assert_eq!(head.root().as_str(), "/services");
    let published = head.published().duration_since(SystemTime::UNIX_EPOCH);
    assert_eq!(published.unwrap(), Duration::from_millis(1_795_168_800_123));
}

#[test]
fn a_digest_is_the_beginning_of_the_sha_256() {
    assert_eq!(Digest::of(b"").to_string(), "e3b0c44298fc1c14");
}

#[test]
fn a_huge_list_is_refused() {
    let list = vec!["\"10.0.0.5\""; MAX_ADDRESSES_PER_NAME + 1].join(",");
    let message = refusal(&EXAMPLE.replace("\"10.0.0.5\",\"10.0.0.6\"", &list));
    assert!(message.contains("name db has 16385 addresses"), "{message}");
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        entries in prop::collection::btree_map("[a-z0-9]{1,9}(\\.[a-z0-9_]{1,9}){0,3}", prop::collection::vec(1u32..0x7eff_ffff, 1..4), 0..20),
        generation in 1..=MAX_GENERATION,
        millis in 0u64..4_000_000_000_000,
        zxid: i64,
    ) {
        let hosts: Hosts = entries
            .into_iter()
            .map(|(name, ips)| {
                let addresses = ips.into_iter().map(|ip| std::net::Ipv6Addr::from(u128::from(ip) << 96 | 7));
                (name.parse::<Name>().unwrap(), addresses.map(|ip| Address::try_from(std::net::IpAddr::V6(ip)).unwrap()).collect::<crate::Addresses>())
            })
            .collect();
        let snapshot = Snapshot {
            domain: None,
            generation,
            hosts,
            leader: "ns \"1\"".into(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
            root: ZnodePath::root(),
            sum: None,
            zxid,
        };
        prop_assert_eq!(Snapshot::decode(&snapshot.encode()).unwrap(), snapshot);
    }
}

/// What may stand where something else stood. The first one leaves nothing.
const TOKENS: [&str; 7] = ["", "0", "null", "[]", "\"127.0.0.1\"", "\"a b\"", "\"db\""];

/// One change of a text, somewhere.
#[derive(Debug, Clone)]
enum Change {
    Token(prop::sample::Index, &'static str),
    Byte(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        16 => (at(), prop::sample::select(&TOKENS)).prop_map(|(at, to)| Change::Token(at, to)),
        16 => (at(), any::<u8>()).prop_map(|(at, to)| Change::Byte(at, to)),
        1 => at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self {
            Self::Token(at, to) => {
                let mut begin = 0;
                let mut tokens = Vec::new();
                for token in text.split(|byte| b",:[]{}".contains(byte)) {
                    tokens.push(begin..begin + token.len());
                    begin += token.len() + 1;
                }
                text.splice(at.get(&tokens).clone(), to.bytes());
            }
            Self::Byte(at, to) => {
                let at = at.index(text.len());
                text[at] = *to;
            }
            Self::Cut(at) => text.truncate(at.index(text.len())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bytes by chance hardly get past the first of JSON, so these are a valid text with changes.
    #[test]
    fn what_is_decoded_keeps_the_rules(changes in prop::collection::vec(change(), 1..4)) {
        let mut text = EXAMPLE.as_bytes().to_vec();
        changes.iter().for_each(|change| change.apply(&mut text));
        if let Ok(snapshot) = Snapshot::decode(&text) {
            prop_assert!(snapshot.generation > 0);
            prop_assert!(snapshot.hosts.values().all(|addresses| !addresses.is_empty()));
            prop_assert_eq!(Snapshot::decode(&snapshot.encode()).unwrap(), snapshot);
        }
    }
}
