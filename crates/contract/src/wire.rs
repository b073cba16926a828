//! The snapshot and its JSON.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Address, Name, ZnodePath, rfc3339};

/// The format number that this crate writes and reads.
pub const FORMAT: u64 = 1;

/// The largest snapshot that fits one znode, in bytes.
///
/// ZooKeeper refuses a request above `jute.maxbuffer` (1,048,575 bytes unless configured) and shows
/// the refusal as a lost connection; the difference leaves room for the path and the transaction
/// around the data.
pub const MAX_ENCODED_BYTES: usize = 1_048_575 - 2_048;

/// The most addresses that one name may have. A hosts file with more of them for one name serves no
/// resolver: glibc reads them all for each lookup.
pub const MAX_ADDRESSES_PER_NAME: usize = 16_384;

/// Names and their addresses: sorted by name, addresses in the order of the instances.
pub type Hosts = BTreeMap<Name, Vec<Address>>;

/// All names of a tree at one moment, as published at `STATE/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What is appended to every name; none for plain names.
    pub domain: Option<Name>,
    /// Rises by one with each publish and never goes back, whoever leads. At least 1.
    pub generation: u64,
    /// Every name with its addresses; never an empty list.
    pub hosts: Hosts,
    /// The id of the nameserver that published this.
    pub leader: String,
    /// When it was published, to the millisecond, by the publisher's clock.
    pub published: SystemTime,
    /// The znode below which the names were found.
    pub root: ZnodePath,
    /// The newest ZooKeeper transaction that this reflects.
    pub zxid: i64,
}

/// Why bytes are no snapshot that this version may apply.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More than [`MAX_ENCODED_BYTES`].
    #[error("it is {0} bytes long, more than the {MAX_ENCODED_BYTES} that fit a znode")]
    TooLarge(usize),
    /// The bytes are no JSON, or a field is missing, of another type or has a refused value.
    #[error("it is not a valid snapshot: {0}")]
    Invalid(#[from] serde_json::Error),
    /// Another format number than [`FORMAT`].
    #[error(
        "it has format {0}, and this version reads format {FORMAT}; use the release that wrote it"
    )]
    Format(u64),
    /// Written in pages.
    #[error(
        "it is spread over pages, which this version does not read; use the release that wrote it"
    )]
    Pages,
    /// `names` is not the number of entries in `hosts`.
    #[error("it says {said} names and holds {held}")]
    Count {
        /// The value of `names`.
        said: usize,
        /// The entries of `hosts`.
        held: usize,
    },
    /// A name with no address, or with more than [`MAX_ADDRESSES_PER_NAME`].
    #[error("name {0} has {1} addresses; 1 to {MAX_ADDRESSES_PER_NAME} are allowed")]
    Addresses(Name, usize),
    /// Generation 0 is never published.
    #[error("it has generation 0; the first is 1")]
    Generation,
}

/// The JSON object; its fields are in alphabetical order, which is the order of the text.
#[derive(Serialize, Deserialize)]
struct Wire<H> {
    #[serde(with = "empty_for_none")]
    domain: Option<Name>,
    format: u64,
    generation: u64,
    #[serde(
        bound(deserialize = "H: From<Hosts>"),
        deserialize_with = "hosts::deserialize"
    )]
    hosts: H,
    leader: String,
    names: usize,
    #[serde(with = "rfc3339::milliseconds")]
    published: SystemTime,
    root: ZnodePath,
    zxid: i64,
}

/// The little that is read of a snapshot that may be of another format.
#[derive(Deserialize)]
struct Head {
    format: u64,
    pages: Option<serde::de::IgnoredAny>,
}

impl Snapshot {
    /// The JSON text. Equal values give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            domain: self.domain.clone(),
            format: FORMAT,
            generation: self.generation,
            hosts: &self.hosts,
            leader: self.leader.clone(),
            names: self.hosts.len(),
            published: self.published,
            root: self.root.clone(),
            zxid: self.zxid,
        };
        serde_json::to_vec(&wire).expect("strings and numbers always become JSON")
    }

    /// Reads a snapshot and checks every part of it.
    ///
    /// # Errors
    /// The first rule that the bytes break. Nothing of a snapshot that breaks one is used.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_ENCODED_BYTES {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let wire: Wire<Hosts> = serde_json::from_slice(bytes).map_err(|error| {
            match serde_json::from_slice::<Head>(bytes) {
                Ok(head) if head.format != FORMAT => DecodeError::Format(head.format),
                Ok(head) if head.pages.is_some() => DecodeError::Pages,
                _ => DecodeError::Invalid(error),
            }
        })?;
        if wire.format != FORMAT {
            return Err(DecodeError::Format(wire.format));
        }
        if wire.generation == 0 {
            return Err(DecodeError::Generation);
        }
        if wire.names != wire.hosts.len() {
            return Err(DecodeError::Count {
                said: wire.names,
                held: wire.hosts.len(),
            });
        }
        let refused = |addresses: &Vec<Address>| {
            addresses.is_empty() || addresses.len() > MAX_ADDRESSES_PER_NAME
        };
        if let Some((name, addresses)) = wire.hosts.iter().find(|(_, addresses)| refused(addresses))
        {
            return Err(DecodeError::Addresses(name.clone(), addresses.len()));
        }
        Ok(Self {
            domain: wire.domain,
            generation: wire.generation,
            hosts: wire.hosts,
            leader: wire.leader,
            published: wire.published,
            root: wire.root,
            zxid: wire.zxid,
        })
    }
}

/// The names, each list of addresses no larger than it must be, and all of them in one go.
mod hosts {
    use super::{Address, Hosts, Name};
    use serde::Deserializer;
    use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
    use std::fmt;

    pub(super) fn deserialize<'de, H: From<Hosts>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<H, D::Error> {
        from.deserialize_map(Entries).map(H::from)
    }

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Hosts;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("names with lists of addresses")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hosts, A::Error> {
            let mut entries: Vec<(Name, Vec<Address>)> = Vec::new();
            while let Some(name) = map.next_key()? {
                entries.push((name, map.next_value_seed(List)?));
            }
            Ok(entries.into_iter().collect())
        }
    }

    struct List;

    impl<'de> DeserializeSeed<'de> for List {
        type Value = Vec<Address>;

        fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<Address>, D::Error> {
            from.deserialize_seq(self)
        }
    }

    impl<'de> Visitor<'de> for List {
        type Value = Vec<Address>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of addresses")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Address>, A::Error> {
            // Nearly every name has one address.
            let mut addresses = Vec::with_capacity(1);
            while let Some(address) = list.next_element::<Address>()? {
                addresses.push(address);
            }
            addresses.shrink_to_fit();
            Ok(addresses)
        }
    }
}

/// A name that may be missing, as text that may be empty.
mod empty_for_none {
    use super::Name;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(name: &Option<Name>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_ref().map_or("", Name::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Name>, D::Error> {
        match String::deserialize(from)? {
            text if text.is_empty() => Ok(None),
            text => text.try_into().map(Some).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const EXAMPLE: &str = concat!(
        r#"{"domain":"","format":1,"generation":7,"hosts":{"db":["10.0.0.5","10.0.0.6"],"#,
        r#""primary.db":["10.0.0.5"]},"leader":"ns1","names":2,"#,
        r#""published":"2026-11-20T10:00:00.123Z","root":"/services","zxid":4294967338}"#
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

    #[test]
    fn each_broken_rule_is_named() {
        for (from, to, said) in [
            (
                "\"format\":1",
                "\"format\":2",
                "format 2, and this version reads format 1",
            ),
            ("\"names\":2", "\"names\":3", "says 3 names and holds 2"),
            ("\"generation\":7", "\"generation\":0", "generation 0"),
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
                "\"hosts\":{\"db\":[\"10.0.0.5\",\"10.0.0.6\"],\"primary.db\":[\"10.0.0.5\"]}",
                "\"pages\":[\"0\"]",
                "pages",
            ),
            ("2026-11-20", "yesterday", "is no RFC 3339 time"),
            ("/services", "services", "does not begin with '/'"),
        ] {
            let text = EXAMPLE.replace(from, to);
            assert_ne!(text, EXAMPLE);
            let message = refusal(&text);
            assert!(message.contains(said), "{message}");
        }
        assert!(refusal("").contains("EOF"));
        assert!(refusal(&"{\"x\":".repeat(100_000)).contains("EOF"));
        assert!(refusal(&" ".repeat(MAX_ENCODED_BYTES + 1)).contains("more than the"));
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
            generation in 1u64..,
            millis in 0u64..4_000_000_000_000,
            zxid: i64,
        ) {
            let hosts: Hosts = entries
                .into_iter()
                .map(|(name, ips)| {
                    let addresses = ips.into_iter().map(|ip| std::net::Ipv6Addr::from(u128::from(ip) << 96 | 7));
                    (name.parse().unwrap(), addresses.map(|ip| Address::try_from(std::net::IpAddr::V6(ip)).unwrap()).collect())
                })
                .collect();
            let snapshot = Snapshot {
                domain: None,
                generation,
                hosts,
                leader: "ns \"1\"\n".into(),
                published: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
                root: ZnodePath::root(),
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
}
