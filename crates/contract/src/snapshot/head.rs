//! What stands in `STATE/hosts` itself, in either format.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::json::{Entries, HostsJson, empty_for_none, presence};
use super::{
    Change, DecodeError, FORMAT, Index, MAX_ENCODED_BYTES, MAX_GENERATION, PAGED_FORMAT, PageEntry,
    Snapshot, Sum,
};
use crate::{Name, ZnodePath, plain, rfc3339};

/// What `STATE/hosts` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// All names (format 1).
    Whole(Snapshot),
    /// Where the names are (format 2).
    Paged(Index),
}

/// The JSON object; its fields are in alphabetical order, which is the order of the text. `H` is an
/// object of names.
#[derive(Serialize, Deserialize)]
struct Wire<'a, H> {
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Cow<'a, [Change]>>,
    #[serde(with = "empty_for_none")]
    domain: Option<Name>,
    format: u64,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<H>,
    leader: Cow<'a, str>,
    names: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<Cow<'a, [PageEntry]>>,
    #[serde(
        with = "presence",
        default = "presence::default",
        skip_serializing_if = "presence::is_default"
    )]
    presence: Duration,
    #[serde(with = "rfc3339::milliseconds")]
    published: SystemTime,
    root: Cow<'a, ZnodePath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Sum>,
    zxid: i64,
}

/// The little that is read of what may be of another format.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Head {
    /// Reads what `STATE/hosts` holds, and checks every part of it.
    ///
    /// # Errors
    /// The first rule that the bytes break. Nothing of what breaks one is used.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_ENCODED_BYTES {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let wire: Wire<'static, HostsJson> = serde_json::from_slice(bytes).map_err(|error| {
            match serde_json::from_slice::<Format>(bytes) {
                Ok(Format { format }) if format != FORMAT && format != PAGED_FORMAT => {
                    DecodeError::Format(format)
                }
                _ => DecodeError::Invalid(error),
            }
        })?;
        if wire.generation == 0 {
            return Err(DecodeError::Generation);
        }
        if wire.generation > MAX_GENERATION {
            return Err(DecodeError::Forged(wire.generation));
        }
        match wire.format {
            FORMAT => whole(wire).map(Self::Whole),
            PAGED_FORMAT => paged(wire).map(Self::Paged),
            format => Err(DecodeError::Format(format)),
        }
    }

    /// Its generation.
    pub fn generation(&self) -> u64 {
        match self {
            Self::Whole(snapshot) => snapshot.generation,
            Self::Paged(index) => index.generation,
        }
    }

    /// The id of the nameserver that published this.
    pub fn leader(&self) -> &str {
        match self {
            Self::Whole(snapshot) => &snapshot.leader,
            Self::Paged(index) => &index.leader,
        }
    }

    /// How many names there are.
    pub fn names(&self) -> usize {
        match self {
            Self::Whole(snapshot) => snapshot.hosts.len(),
            Self::Paged(index) => index.names,
        }
    }

    /// When it was published.
    pub fn published(&self) -> SystemTime {
        match self {
            Self::Whole(snapshot) => snapshot.published,
            Self::Paged(index) => index.published,
        }
    }

    /// The shortest time between two words of an agent that is in step.
    pub fn presence(&self) -> Duration {
        match self {
            Self::Whole(snapshot) => snapshot.presence,
            Self::Paged(index) => index.presence,
        }
    }

    /// The newest ZooKeeper transaction that this reflects.
    pub fn zxid(&self) -> i64 {
        match self {
            Self::Whole(snapshot) => snapshot.zxid,
            Self::Paged(index) => index.zxid,
        }
    }

    /// The znode below which the names were found.
    pub fn root(&self) -> &ZnodePath {
        match self {
            Self::Whole(snapshot) => &snapshot.root,
            Self::Paged(index) => &index.root,
        }
    }

    /// What is appended to every name.
    pub fn domain(&self) -> Option<&Name> {
        match self {
            Self::Whole(snapshot) => snapshot.domain.as_ref(),
            Self::Paged(index) => index.domain.as_ref(),
        }
    }
}

impl Snapshot {
    /// The JSON of format 1. Equal values give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            changes: None,
            domain: self.domain.clone(),
            format: FORMAT,
            generation: self.generation,
            hosts: Some(Entries(self.hosts.iter())),
            leader: Cow::Borrowed(&*self.leader),
            names: self.hosts.len(),
            pages: None,
            presence: self.presence,
            published: self.published,
            root: Cow::Borrowed(&self.root),
            since: None,
            sum: Some(self.sum.unwrap_or_else(|| Sum::of(&self.hosts))),
            zxid: self.zxid,
        };
        serde_json::to_vec(&wire).expect("strings and numbers always become JSON")
    }

    /// Reads a snapshot of format 1 and checks every part of it.
    ///
    /// # Errors
    /// The first rule that the bytes break; an index is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match Head::decode(bytes)? {
            Head::Whole(snapshot) => Ok(snapshot),
            Head::Paged(_) => Err(DecodeError::Missing(PAGED_FORMAT, "hosts")),
        }
    }
}

impl Index {
    /// The JSON of format 2. Equal values give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let wire: Wire<'_, ()> = Wire {
            changes: Some(Cow::Borrowed(&self.changes)),
            domain: self.domain.clone(),
            format: PAGED_FORMAT,
            generation: self.generation,
            hosts: None,
            leader: Cow::Borrowed(&*self.leader),
            names: self.names,
            pages: Some(Cow::Borrowed(&self.pages)),
            presence: self.presence,
            published: self.published,
            root: Cow::Borrowed(&self.root),
            since: Some(self.since),
            sum: self.sum,
            zxid: self.zxid,
        };
        serde_json::to_vec(&wire).expect("strings and numbers always become JSON")
    }
}

fn whole(wire: Wire<'static, HostsJson>) -> Result<Snapshot, DecodeError> {
    let HostsJson(hosts) = wire.hosts.ok_or(DecodeError::Missing(FORMAT, "hosts"))?;
    if wire.names != hosts.len() {
        return Err(DecodeError::Count {
            said: wire.names,
            held: hosts.len(),
        });
    }
    // What was altered on the way, or by hand. An older release tells none.
    if wire.sum.is_some_and(|sum| sum != Sum::of(&hosts)) {
        return Err(DecodeError::Sum);
    }
    Ok(Snapshot {
        domain: wire.domain,
        generation: wire.generation,
        hosts,
        leader: plain(&wire.leader).into_owned(),
        presence: wire.presence,
        published: wire.published,
        root: wire.root.into_owned(),
        sum: None,
        zxid: wire.zxid,
    })
}

fn paged(wire: Wire<'static, HostsJson>) -> Result<Index, DecodeError> {
    let missing = |field| DecodeError::Missing(PAGED_FORMAT, field);
    let changes = wire.changes.ok_or(missing("changes"))?.into_owned();
    let pages = wire.pages.ok_or(missing("pages"))?.into_owned();
    // Whoever does not say how far back the changes reach has nothing left out between them.
    let first = changes.first();
    let told = first.map_or(wire.generation, |change| {
        change.generation.saturating_sub(1)
    });
    let index = Index {
        changes,
        domain: wire.domain,
        generation: wire.generation,
        leader: plain(&wire.leader).into_owned(),
        names: wire.names,
        pages,
        presence: wire.presence,
        published: wire.published,
        root: wire.root.into_owned(),
        since: wire.since.unwrap_or(told),
        sum: wire.sum,
        zxid: wire.zxid,
    };
    index.check().map(|()| index)
}
