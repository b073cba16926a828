//! The cache of earlier releases: one JSON object with the snapshot in it.

use contract::Snapshot;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{CacheError, Source};
use crate::follow::published::Published;

/// Its format number.
pub(super) const FORMAT: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u64,
    #[serde(flatten)]
    source: Source,
    czxid: i64,
    mzxid: i64,
    #[serde(borrow)]
    snapshot: &'a RawValue,
}

/// The little that is read of a file that may be of another format.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

/// Reads all of a file.
pub(super) fn read(text: &[u8], source: Option<&Source>) -> Result<Published, CacheError> {
    let Head { format } = serde_json::from_slice(text)?;
    if format != FORMAT {
        return Err(CacheError::Format(format));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(text)?;
    if source.is_some_and(|source| *source != envelope.source) {
        return Err(CacheError::Source(envelope.source));
    }
    Ok(Published {
        czxid: envelope.czxid,
        mzxid: envelope.mzxid,
        snapshot: Snapshot::decode(envelope.snapshot.get().as_bytes())?,
    })
}
