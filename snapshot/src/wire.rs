//! The snapshot and its JSON.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Address, Name, ZnodePath};

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
    domain: String,
    format: u64,
    generation: u64,
    hosts: H,
    leader: String,
    names: usize,
    #[serde(with = "rfc3339")]
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
            domain: self
                .domain
                .as_ref()
                .map(Name::to_string)
                .unwrap_or_default(),
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
        let domain = match wire.domain {
            domain if domain.is_empty() => None,
            domain => Some(Name::try_from(domain).map_err(serde::de::Error::custom)?),
        };
        Ok(Self {
            domain,
            generation: wire.generation,
            hosts: wire.hosts,
            leader: wire.leader,
            published: wire.published,
            root: wire.root,
            zxid: wire.zxid,
        })
    }
}

/// Times as RFC 3339 text in UTC with milliseconds.
mod rfc3339 {
    use super::SystemTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text)
            .map_err(|_| D::Error::custom("'published' is no RFC 3339 time"))
    }
}
