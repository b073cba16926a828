//! The last good snapshot on disk, so that names are served from the start, also without ZooKeeper.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use contract::{DecodeError, Hosts, MAX_ENCODED_BYTES, Snapshot, ZnodePath};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::follow::published::Published;
use crate::store::temporary;

/// The format number that this version writes and reads.
const FORMAT: u64 = 1;
/// The largest file that is read: a snapshot and what stands around it.
const MAX_BYTES: u64 = MAX_ENCODED_BYTES as u64 + 64 * 1024;

/// Where a snapshot came from. One from elsewhere says nothing about the names of here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The servers and the chroot, as they were given.
    pub zookeeper: String,
    /// The znode below which nameserver keeps its own.
    pub state: ZnodePath,
}

/// A file that keeps one snapshot.
#[derive(Debug, Clone)]
pub struct Cache {
    path: PathBuf,
    source: Source,
}

/// Why there is nothing to use in a file that exists.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The system refused to read it.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// It is no file of ours, or a damaged one.
    #[error("it is damaged")]
    Syntax(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("it has format {0}, and this version reads format {FORMAT}")]
    Format(u64),
    /// It was read from another ensemble or another znode.
    #[error("it is of {} at {}", .0.state, .0.zookeeper)]
    Source(Source),
    /// The snapshot in it is not valid.
    #[error("its snapshot is refused")]
    Snapshot(#[from] DecodeError),
}

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

impl Cache {
    /// The file at `path` for snapshots of `source`.
    pub fn new(path: PathBuf, source: Source) -> Self {
        Self { path, source }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshot that is kept; none when there is no file, or one that is of no use here, which
    /// is logged.
    pub fn load(&self) -> Option<Published> {
        match self.read() {
            Ok(published) => published,
            Err(error) => {
                let error = anyhow::Error::new(error);
                log::warn!("ignoring the cache {}: {error:#}", self.path.display());
                None
            }
        }
    }

    /// Removes what killed predecessors left beside it. Only for the one agent that keeps it: a
    /// living one may be writing there.
    pub fn remove_leftovers(&self) {
        temporary::remove_leftovers(&self.path);
    }

    /// Like [`Self::load`], with the reason.
    ///
    /// # Errors
    /// Why the file is of no use.
    pub fn read(&self) -> Result<Option<Published>, CacheError> {
        let Some(text) = read(&self.path)? else {
            return Ok(None);
        };
        let head: Head = serde_json::from_slice(&text)?;
        if head.format != FORMAT {
            return Err(CacheError::Format(head.format));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(&text)?;
        if envelope.source != self.source {
            return Err(CacheError::Source(envelope.source));
        }
        Ok(Some(Published {
            czxid: envelope.czxid,
            mzxid: envelope.mzxid,
            snapshot: Snapshot::decode(envelope.snapshot.get().as_bytes())?,
        }))
    }

    /// The names of the snapshot that is kept at `path`, wherever they came from; none when there
    /// is none of use.
    pub fn names(path: &Path) -> Option<Hosts> {
        let text = read(path).ok()??;
        let envelope: Envelope<'_> = serde_json::from_slice(&text).ok()?;
        let snapshot = Snapshot::decode(envelope.snapshot.get().as_bytes());
        snapshot.ok().map(|snapshot| snapshot.hosts)
    }

    /// Keeps a snapshot in place of the last one, at once or not at all.
    ///
    /// # Errors
    /// The file or its directory cannot be written.
    pub fn write(&self, published: &Published) -> io::Result<()> {
        let directory = temporary::directory(&self.path);
        fs::create_dir_all(directory)?;
        let envelope = Envelope {
            format: FORMAT,
            source: self.source.clone(),
            czxid: published.czxid,
            mzxid: published.mzxid,
            snapshot: RawValue::NULL,
        };
        let temporary = temporary::create(&self.path)?;
        let mut file = temporary.as_file();
        // The snapshot is the last field; it is put in its place without another copy of it.
        let text = serde_json::to_string(&envelope)?;
        let (head, tail) = text.rsplit_once("null").expect("the last field is null");
        file.write_all(head.as_bytes())?;
        file.write_all(&published.snapshot.encode())?;
        file.write_all(tail.as_bytes())?;
        file.sync_data()?;
        temporary.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?.take(MAX_BYTES).read_to_end(&mut text)?,
    };
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;

    fn cache(directory: &Path) -> Cache {
        let source = Source {
            zookeeper: "zk1:2181/root".into(),
            state: "/nameserver".parse().unwrap(),
        };
        Cache::new(directory.join("made/cache.json"), source)
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        assert_eq!(cache.read().unwrap(), None);
        for generation in [7, 8] {
            let kept = published(5, 50, generation, &[("db", 1), ("web", 2)]);
            cache.write(&kept).unwrap();
            assert_eq!(cache.read().unwrap(), Some(kept.clone()));
            assert_eq!(Cache::names(cache.path()), Some(kept.snapshot.hosts));
        }
        let files = fs::read_dir(directory.path().join("made")).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn what_is_of_no_use_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        cache.write(&published(5, 50, 7, &[("db", 1)])).unwrap();
        let text = fs::read_to_string(cache.path()).unwrap();
        for (from, to, said) in [
            ("{\"format\":1", "{\"format\":2", "format 2"),
            ("zk1:2181", "zk9:2181", "/nameserver at zk9:2181/root"),
            ("\"/nameserver\"", "\"/other\"", "/other at"),
            ("10.0.0.1", "127.0.0.1", "its snapshot is refused"),
            ("\"czxid\"", "\"zxid\"", "damaged"),
            (&text, "", "damaged"),
            (&text[20..], "", "damaged"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            fs::write(cache.path(), changed).unwrap();
            let message = cache.read().unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
            assert_eq!(cache.load(), None);
        }
        fs::remove_file(cache.path()).unwrap();
        fs::create_dir(cache.path()).unwrap();
        assert!(matches!(cache.read(), Err(CacheError::Read(_))));
        assert!(cache.write(&published(5, 50, 8, &[])).is_err());
    }
}
