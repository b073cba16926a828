//! One page of the names.

use serde::{Deserialize, Serialize};

use super::json::{Entries, HostsJson};
use super::{DecodeError, Digest, MAX_ENCODED_BYTES, PageEntry};
use crate::{Addresses, Hosts, Name};

/// The names of a range, as they were in one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the index says of it.
    pub entry: PageEntry,
    /// Its JSON.
    pub bytes: Vec<u8>,
}

/// The JSON object, its fields in alphabetical order.
#[derive(Serialize, Deserialize)]
struct Wire<F, H> {
    first: F,
    generation: u64,
    hosts: H,
}

impl Page {
    /// The page of these names, which begins at `first`, as of a generation.
    pub fn encode<'a>(
        first: &str,
        generation: u64,
        names: impl Iterator<Item = (&'a Name, &'a Addresses)> + Clone,
    ) -> Self {
        let wire = Wire {
            first,
            generation,
            hosts: Entries(names),
        };
        let bytes = serde_json::to_vec(&wire).expect("strings and numbers always become JSON");
        let entry = PageEntry {
            first: first.into(),
            generation,
            digest: Digest::of(&bytes),
        };
        Self { entry, bytes }
    }

    /// The names of the page that the index names with `entry`, and which ends before `end`.
    ///
    /// # Errors
    /// It is another page, or none.
    pub fn decode(
        bytes: &[u8],
        entry: &PageEntry,
        end: Option<&str>,
    ) -> Result<Hosts, DecodeError> {
        if bytes.len() > MAX_ENCODED_BYTES {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let other = || DecodeError::Page(entry.digest);
        if Digest::of(bytes) != entry.digest {
            return Err(other());
        }
        let wire: Wire<Box<str>, HostsJson> = serde_json::from_slice(bytes)?;
        let HostsJson(hosts) = wire.hosts;
        let begins = hosts
            .get_min()
            .is_none_or(|(name, _)| name.as_str() >= &*entry.first);
        let ends = hosts
            .get_max()
            .is_none_or(|(name, _)| end.is_none_or(|end| name.as_str() < end));
        let is_named = wire.first == entry.first && wire.generation == entry.generation;
        if is_named && begins && ends {
            Ok(hosts)
        } else {
            Err(other())
        }
    }
}
