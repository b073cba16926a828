//! What the lines of the cache say: all names of one generation, and then what each later one changed.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::{Duration, SystemTime};

use contract::{Address, Addresses, Hosts, Name, Snapshot, Sum, ZnodePath};
use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

use super::lines::{Lines, Position, line};
use super::{CacheError, Source};
use crate::follow::published::Published;

/// The format number of this layout.
pub(super) const FORMAT: u64 = 2;
/// How many names a line has.
const NAMES: usize = 500;
/// More changes than this are no longer a small part of a file; then all is written anew.
const MAX_CHANGES: usize = 5_000;

/// The first line.
#[derive(Serialize, Deserialize)]
struct First<S> {
    format: u64,
    #[serde(flatten)]
    source: S,
    #[serde(flatten)]
    about: About,
}

/// The little that is read of a file that may be of another format.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// Names of the first generation.
#[derive(Serialize)]
struct Names<'a> {
    hosts: BTreeMap<&'a Name, &'a [Address]>,
}

#[derive(Deserialize)]
struct NamesRead {
    hosts: BTreeMap<Name, Vec<Address>>,
}

/// A later generation.
#[derive(Serialize)]
struct Change<'a> {
    #[serde(flatten)]
    about: About,
    changes: BTreeMap<&'a Name, Option<&'a [Address]>>,
}

#[derive(Deserialize)]
struct ChangeRead {
    #[serde(flatten)]
    about: About,
    changes: BTreeMap<Name, Option<Vec<Address>>>,
}

/// What is known of a snapshot besides its names.
#[derive(Serialize, Deserialize)]
struct About {
    czxid: i64,
    mzxid: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<Name>,
    generation: u64,
    leader: String,
    names: usize,
    /// Seconds.
    presence: u64,
    /// Milliseconds since 1970.
    published: u64,
    root: ZnodePath,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Sum>,
    zxid: i64,
}

/// What a file holds, and where it can be gone on with.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) published: Published,
    /// Where the names of the first generation end.
    pub(super) base: u64,
    /// Behind the last line of use.
    pub(super) end: Position,
}

/// Writes all names; where they end.
pub(super) fn write_base(
    source: &Source,
    published: &Published,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Position> {
    let first = First {
        format: FORMAT,
        source,
        about: About::of(published),
    };
    let (text, mut at) = line(Position::default(), &first)?;
    write(&text)?;
    let mut names = published.snapshot.hosts.iter().peekable();
    while names.peek().is_some() {
        let some = names.by_ref().take(NAMES);
        let hosts = some.map(|(name, list)| (name, &list[..])).collect();
        let (text, next) = line(at, &Names { hosts })?;
        write(&text)?;
        at = next;
    }
    Ok(at)
}

/// The line that leads from the names `before` to a snapshot; none where that is no small change.
pub(super) fn change(
    at: Position,
    before: &Hosts,
    published: &Published,
) -> io::Result<Option<(Vec<u8>, Position)>> {
    let mut changes = BTreeMap::new();
    for item in before.diff(&published.snapshot.hosts) {
        match item {
            DiffItem::Add(name, list)
            | DiffItem::Update {
                new: (name, list), ..
            } => changes.insert(name, Some(&list[..])),
            DiffItem::Remove(name, _) => changes.insert(name, None),
        };
        if changes.len() > MAX_CHANGES {
            return Ok(None);
        }
    }
    let about = About::of(published);
    line(at, &Change { about, changes }).map(Some)
}

/// Reads all of a file.
pub(super) fn read(from: impl BufRead, source: Option<&Source>) -> Result<Loaded, CacheError> {
    let mut lines = Lines::new(from);
    let first = lines.next()?.ok_or(CacheError::Damaged)?;
    let Format { format } = serde_json::from_slice(first)?;
    if format != FORMAT {
        return Err(CacheError::Format(format));
    }
    let First {
        source: of, about, ..
    } = serde_json::from_slice::<First<Source>>(first)?;
    if source.is_some_and(|source| *source != of) {
        return Err(CacheError::Source(of));
    }
    let mut hosts = Hosts::new();
    while hosts.len() < about.names {
        let names = lines.next()?.ok_or(CacheError::Damaged)?;
        let NamesRead { hosts: some } = serde_json::from_slice(names)?;
        if some.is_empty() {
            return Err(CacheError::Damaged);
        }
        hosts.extend(
            some.into_iter()
                .map(|(name, list)| (name, Addresses::from(list))),
        );
    }
    let mut published = about.with(hosts).ok_or(CacheError::Damaged)?;
    let base = lines.position().length;
    let mut end = lines.position();
    while let Some(text) = lines.next()? {
        // What a later release may add is no change that this one could follow.
        let Ok(ChangeRead { about, changes }) = serde_json::from_slice(text) else {
            break;
        };
        let mut hosts = published.snapshot.hosts.clone();
        for (name, list) in changes {
            match list {
                Some(list) => hosts.insert(name, Addresses::from(list)),
                None => hosts.remove(&name),
            };
        }
        let Some(next) = about.with(hosts) else { break };
        published = next;
        end = lines.position();
    }
    Ok(Loaded {
        published,
        base,
        end,
    })
}

impl About {
    fn of(published: &Published) -> Self {
        let Published {
            czxid,
            mzxid,
            snapshot,
        } = published;
        let since = snapshot.published.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            czxid: *czxid,
            mzxid: *mzxid,
            domain: snapshot.domain.clone(),
            generation: snapshot.generation,
            leader: snapshot.leader.clone(),
            names: snapshot.hosts.len(),
            presence: snapshot.presence.as_secs(),
            published: since.map_or(0, |since| since.as_millis() as u64),
            root: snapshot.root.clone(),
            sum: snapshot.sum,
            zxid: snapshot.zxid,
        }
    }

    /// The snapshot of these names; none where they are others.
    fn with(self, hosts: Hosts) -> Option<Published> {
        let since = Duration::from_millis(self.published);
        let snapshot = Snapshot {
            domain: self.domain,
            generation: self.generation,
            leader: self.leader,
            presence: Duration::from_secs(self.presence),
            published: SystemTime::UNIX_EPOCH.checked_add(since)?,
            root: self.root,
            sum: self.sum,
            zxid: self.zxid,
            hosts,
        };
        let is_whole = snapshot.hosts.len() == self.names && snapshot.generation > 0;
        is_whole.then_some(Published {
            czxid: self.czxid,
            mzxid: self.mzxid,
            snapshot,
        })
    }
}
