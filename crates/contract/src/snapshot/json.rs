//! How single fields are written and read.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{MAX_ADDRESSES_PER_NAME, PRESENCE};
use crate::{Address, Addresses, Hosts, Name};

/// All names, as an object.
#[derive(Debug)]
pub(super) struct HostsJson(pub(super) Hosts);

/// The names of an iterator, as an object.
pub(super) struct Entries<I>(pub(super) I);

/// The addresses of a name, as a list; any number of them.
#[derive(Debug)]
pub(super) struct List(pub(super) Addresses);

/// The longest time that is believed, in seconds: what somebody writes must not silence agents for
/// ever.
const MAX_PRESENCE: u64 = 3_600;

impl<'a, I: Iterator<Item = (&'a Name, &'a Addresses)> + Clone> Serialize for Entries<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, addresses) in self.0.clone() {
            map.serialize_entry(name, &addresses[..])?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for HostsJson {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Hosts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with lists of addresses")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hosts, A::Error> {
                let mut hosts = Hosts::new();
                while let Some((name, List(addresses))) = map.next_entry::<Name, List>()? {
                    check(&name, &addresses).map_err(A::Error::custom)?;
                    hosts.insert(name, addresses);
                }
                Ok(hosts)
            }
        }
        from.deserialize_map(Object).map(Self)
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Sequence;
        impl<'de> Visitor<'de> for Sequence {
            type Value = Addresses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of addresses")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Addresses, A::Error> {
                let mut addresses: smallvec::SmallVec<[Address; 8]> = smallvec::SmallVec::new();
                while let Some(address) = list.next_element()? {
                    addresses.push(address);
                }
                Ok(Addresses::from(&addresses[..]))
            }
        }
        from.deserialize_seq(Sequence).map(Self)
    }
}

/// How many addresses a name may have.
pub(super) fn check(name: &Name, addresses: &[Address]) -> Result<(), super::DecodeError> {
    match addresses.len() {
        1..=MAX_ADDRESSES_PER_NAME => Ok(()),
        count => Err(super::DecodeError::Addresses(name.clone(), count)),
    }
}

/// A name that may be missing, as text that may be empty.
pub(super) mod empty_for_none {
    use super::{Deserialize, Deserializer, Error, Name, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        name: &Option<Name>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_ref().map_or("", Name::as_str))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Name>, D::Error> {
        match String::deserialize(from)? {
            text if text.is_empty() => Ok(None),
            text => text.try_into().map(Some).map_err(D::Error::custom),
        }
    }
}

/// A time in whole seconds, left out where it is [`PRESENCE`].
pub(super) mod presence {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, MAX_PRESENCE, PRESENCE, Serializer};

    pub(in super::super) fn is_default(presence: &Duration) -> bool {
        presence.as_secs() <= PRESENCE.as_secs()
    }

    pub(in super::super) fn default() -> Duration {
        PRESENCE
    }

    pub(in super::super) fn serialize<S: Serializer>(
        presence: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(presence.as_secs())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let seconds = u64::deserialize(from)?;
        Ok(Duration::from_secs(
            seconds.clamp(PRESENCE.as_secs(), MAX_PRESENCE),
        ))
    }
}
