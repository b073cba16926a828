//! What every name answers with, kept in step with the zone.

use std::net::IpAddr;
use std::time::SystemTime;

use snapshot::{Name, ZnodePath};

use crate::zone::Zone;

/// What does not change while a replica runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is appended to every name, which makes it the one zone.
    pub domain: Option<Name>,
    /// The TTL where no record says one, in seconds; none for the defaults.
    pub ttl: Option<u32>,
    /// Where this replica answers, as far as its flags tell.
    pub addresses: Vec<IpAddr>,
}

/// How fresh the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Whether the tree is followed now.
    pub follows: bool,
    /// Since when that is so.
    pub since: SystemTime,
    /// The newest transaction that the tree reflects.
    pub zxid: i64,
    /// The newest generation that this replica knows of.
    pub generation: u64,
}

/// What every name answers with.
#[derive(Debug, Clone)]
pub struct Catalog {
    settings: Settings,
}

impl Catalog {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes over a whole tree.
    pub fn replace(&mut self, zone: &Zone, now: SystemTime) {
        let _ = (zone, now, &self.settings);
    }

    /// Takes over what the given znodes give now.
    pub fn update<'a>(
        &mut self,
        zone: &Zone,
        touched: impl IntoIterator<Item = &'a ZnodePath>,
        now: SystemTime,
    ) {
        let _ = (zone, touched.into_iter().count(), now);
    }

    /// Takes note of how fresh the tree is.
    pub fn note(&mut self, freshness: Freshness) {
        let _ = freshness;
    }
}
