//! The last good snapshot on disk, so that names are served from the start, also without ZooKeeper.
//!
//! * `format` says what the file holds: all names of one generation, and a line for each later one; `lines`
//!   binds each line to those before it, so that whatever a lost power leaves, what is read is one
//!   generation. `old` is what earlier releases wrote. All pure.
//! * `journal` adds lines, and writes all anew when they have become too many, over a `disk` in single
//!   steps; a property test ends at each of them.

mod disk;
mod format;
mod journal;
mod lines;
#[cfg(test)]
mod model;
mod old;

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use contract::{DecodeError, Hosts, MAX_ENCODED_BYTES, ZnodePath};
use daemon::own_file::open_believed;
use serde::{Deserialize, Serialize};

use crate::follow::published::Published;
use crate::store::temporary;
use disk::FileDisk;
use format::Loaded;
use journal::{Journal, SLACK};

/// The largest file of an earlier release that is read: a snapshot and what stands around it.
const MAX_OLD_BYTES: u64 = MAX_ENCODED_BYTES as u64 + 64 * 1024;

/// Where a snapshot came from. One from elsewhere says nothing about the names of here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The servers and the chroot, as they were given.
    pub zookeeper: String,
    /// The znode below which nameserver keeps its own.
    pub state: ZnodePath,
}

/// A file that keeps the last snapshot.
#[derive(Debug, Clone)]
pub struct Cache {
    path: PathBuf,
    source: Source,
}

/// Writes to the file of a cache. One at a time.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    journal: Journal<FileDisk>,
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
    /// A line is missing, or not the one that was written.
    #[error("it is damaged")]
    Damaged,
    /// Another version wrote it.
    #[error("it has format {0}, and this version reads formats {old} and {new}", old = old::FORMAT, new = format::FORMAT)]
    Format(u64),
    /// It was read from another ensemble or another znode.
    #[error("it is of {} at {}", .0.state, .0.zookeeper)]
    Source(Source),
    /// The snapshot in it is not valid.
    #[error("its snapshot is refused")]
    Snapshot(#[from] DecodeError),
}

/// What was read of a file; of an earlier release's there is no place to go on at.
#[derive(Debug)]
enum Kept {
    Lines(Loaded),
    Old(Published),
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

    /// The snapshot that is kept, and what keeps the next ones; none when there is no file, or one that
    /// is of no use here, which is logged.
    pub fn open(&self) -> (Option<Published>, Keeper) {
        let kept = self.read().unwrap_or_else(|error| {
            let error = anyhow::Error::new(error);
            log::warn!("ignoring the cache {}: {error:#}", self.path.display());
            None
        });
        let loaded = match &kept {
            Some(Kept::Lines(loaded)) => Some(loaded),
            _ => None,
        };
        let disk = FileDisk::new(&self.path);
        let keeper = Keeper {
            path: self.path.clone(),
            journal: Journal::new(disk, self.source.clone(), loaded, SLACK),
        };
        (kept.map(Kept::published), keeper)
    }

    /// Removes what killed predecessors left beside it. Only for the one agent that keeps it: a
    /// living one may be writing there.
    pub fn remove_leftovers(&self) {
        temporary::remove_leftovers(&self.path);
    }

    fn read(&self) -> Result<Option<Kept>, CacheError> {
        read(&self.path, Some(&self.source))
    }

    /// The names of the snapshot that is kept at `path`, wherever they came from; none when there
    /// is none of use.
    pub fn names(path: &Path) -> Option<Hosts> {
        let kept = read(path, None).ok()??;
        Some(kept.published().snapshot.hosts)
    }
}

impl Kept {
    fn published(self) -> Published {
        match self {
            Self::Lines(loaded) => loaded.published,
            Self::Old(published) => published,
        }
    }
}

impl Keeper {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a snapshot in place of the last one, at once or not at all; at the cost of what changed.
    ///
    /// # Errors
    /// The file or its directory cannot be written.
    pub fn keep(&mut self, published: &Published) -> io::Result<()> {
        self.journal.keep(published)
    }
}

fn read(path: &Path, source: Option<&Source>) -> Result<Option<Kept>, CacheError> {
    let file = match open_believed(OpenOptions::new().read(true), path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut file = BufReader::with_capacity(32 * 1024, file);
    if file.fill_buf()?.first() != Some(&b'{') {
        return Ok(Some(Kept::Lines(format::read(file, source)?)));
    }
    let mut text = Vec::new();
    file.take(MAX_OLD_BYTES).read_to_end(&mut text)?;
    old::read(&text, source).map(|published| Some(Kept::Old(published)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;
    use std::fs;

    fn cache(directory: &Path) -> Cache {
        let source = Source {
            zookeeper: "zk1:2181/root".into(),
            state: "/nameserver".parse().unwrap(),
        };
        Cache::new(directory.join("made/cache.json"), source)
    }

    fn kept(cache: &Cache) -> Option<Published> {
        cache.read().unwrap().map(Kept::published)
    }

    #[test]
    fn what_is_written_is_read_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        assert_eq!(kept(&cache), None);
        let mut keeper = cache.open().1;
        for generation in 7..20 {
            let last = generation as u8;
            let next = published(5, 50, generation, &[("db", last), ("web", 2)]);
            keeper.keep(&next).unwrap();
            assert_eq!(kept(&cache), Some(next.clone()));
            assert_eq!(Cache::names(cache.path()), Some(next.snapshot.hosts));
            if generation.is_multiple_of(3) {
                keeper = cache.open().1;
            }
        }
        let text = fs::read_to_string(cache.path()).unwrap();
        assert_eq!(text.lines().count(), 2 + 12, "a line each: {text}");
        let files = fs::read_dir(directory.path().join("made")).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn lines_that_became_too_many_go_and_so_does_a_file_of_somebody_else() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let mut keeper = cache.open().1;
        let mut most = 0;
        for generation in 1..1_000 {
            let next = published(5, 50, generation, &[("db", (generation % 250) as u8)]);
            keeper.keep(&next).unwrap();
            most = most.max(fs::metadata(cache.path()).unwrap().len());
            if generation == 700 {
                fs::write(cache.path(), "junk").unwrap();
            }
            if generation == 710 {
                fs::remove_file(cache.path()).unwrap();
            }
            if !matches!(generation, 700 | 710) {
                assert_eq!(kept(&cache), Some(next));
            }
        }
        assert!((SLACK..SLACK + 1024).contains(&most), "{most}");
    }

    #[test]
    fn the_cache_of_an_earlier_release_is_read_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let seven = published(5, 50, 7, &[("db", 1)]);
        let snapshot = String::from_utf8(seven.snapshot.encode()).unwrap();
        let text = format!(
            r#"{{"format":1,"zookeeper":"zk1:2181/root","state":"/nameserver","czxid":5,"mzxid":50,"snapshot":{snapshot}}}"#
        );
        fs::create_dir(directory.path().join("made")).unwrap();
        fs::write(cache.path(), &text).unwrap();
        let (read, mut keeper) = cache.open();
        assert_eq!(read, Some(seven));
        let eight = published(5, 51, 8, &[("db", 2)]);
        keeper.keep(&eight).unwrap();
        assert_eq!(kept(&cache), Some(eight));
        for (from, to, said) in [
            ("{\"format\":1", "{\"format\":3", "format 3"),
            ("zk1:2181", "zk9:2181", "/nameserver at zk9:2181/root"),
            ("10.0.0.1", "127.0.0.1", "its snapshot is refused"),
            ("\"czxid\"", "\"zxid\"", "damaged"),
        ] {
            fs::write(cache.path(), text.replace(from, to)).unwrap();
            let message = cache.read().unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
            assert_eq!(cache.open().0, None);
        }
    }

    /// As where the disk took a line in the place of a torn one, and those behind it are still the old
    /// ones.
    #[test]
    fn a_line_that_followed_another_one_is_of_no_use() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let history = |second: u8| {
            let _ = fs::remove_file(cache.path());
            let mut keeper = cache.open().1;
            for (generation, names) in [
                (7, [("db", 1), ("web", 1)]),
                (8, [("db", second), ("web", 1)]),
                (9, [("db", second), ("web", 3)]),
            ] {
                keeper.keep(&published(5, 50, generation, &names)).unwrap();
            }
            let text = fs::read_to_string(cache.path()).unwrap();
            text.lines()
                .map(|line| line.to_owned() + "\n")
                .collect::<Vec<_>>()
        };
        let (one, other) = (history(2), history(4));
        assert_eq!(one.len(), 4);
        fs::write(cache.path(), [&one[..3], &other[3..]].concat().concat()).unwrap();
        let eight = published(5, 50, 8, &[("db", 2), ("web", 1)]);
        assert_eq!(kept(&cache), Some(eight));
    }

    #[test]
    fn what_is_of_no_use_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let keep = || cache.open().1.keep(&published(5, 50, 7, &[("db", 1)]));
        keep().unwrap();
        let other = Source {
            zookeeper: "zk9:2181/root".into(),
            ..cache.source.clone()
        };
        let elsewhere = Cache::new(cache.path().to_owned(), other);
        let message = elsewhere.read().unwrap_err().to_string();
        assert!(
            message.contains("/nameserver at zk1:2181/root"),
            "{message}"
        );
        let text = fs::read_to_string(cache.path()).unwrap();
        let without_names = text.lines().next().unwrap().to_owned() + "\n";
        for changed in [
            text.replace("10.0.0.1", "10.0.0.2"),
            text.replace("\"generation\":7", "\"generation\":8"),
            without_names,
            String::new(),
            text[20..].to_owned(),
            "x".repeat(100),
        ] {
            assert_ne!(changed, text);
            fs::write(cache.path(), changed).unwrap();
            let message = cache.read().unwrap_err().to_string();
            assert!(message.contains("damaged"), "{message}");
            assert_eq!(cache.open().0, None);
        }
        // Where nothing is of use, all is written anew.
        keep().unwrap();
        assert!(kept(&cache).is_some());
        fs::remove_file(cache.path()).unwrap();
        fs::create_dir(cache.path()).unwrap();
        assert!(matches!(cache.read(), Err(CacheError::Read(_))));
        assert!(keep().is_err());
    }
}
