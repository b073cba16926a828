//! What of the kept snapshot the hosts file was not made to say, on disk: by that our lines are known
//! again, also where another program has dropped our markers.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use contract::Name;
use daemon::own_file::read_believed;
use serde::{Deserialize, Serialize};

use crate::store::temporary;

/// What of a snapshot was not written. Nothing, for most agents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwritten {
    /// What `--select` says; nothing where all names were written.
    pub select: Vec<String>,
    /// Names that were left to lines of others.
    pub shadowed: BTreeSet<Name>,
}

/// A file that keeps it; there is none where all was written.
#[derive(Debug, Clone)]
pub struct UnwrittenFile {
    path: PathBuf,
}

impl UnwrittenFile {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was kept; nothing where there is no file, or one of no use.
    pub fn load(&self) -> Unwritten {
        let text = read_believed(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps it.
    pub fn keep(&self, unwritten: &Unwritten) {
        if let Err(error) = self.write(unwritten) {
            // What the cache writer says of the same directory is enough.
            log::debug!("cannot keep {}: {error}", self.path.display());
        }
    }

    fn write(&self, unwritten: &Unwritten) -> io::Result<()> {
        if *unwritten == Unwritten::default() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            };
        }
        temporary::make_directory(temporary::directory(&self.path))?;
        let file = temporary::create(&self.path)?;
        serde_json::to_writer(&file, unwritten)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_nothing_needs_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("unwritten");
        let file = UnwrittenFile::new(path.clone());
        assert_eq!(file.load(), Unwritten::default());
        let unwritten = Unwritten {
            select: vec!["*.db".to_owned()],
            shadowed: BTreeSet::from(["web".parse().unwrap()]),
        };
        file.keep(&unwritten);
        assert_eq!(file.load(), unwritten);
        file.keep(&Unwritten::default());
        assert!(!path.exists());
        fs::create_dir_all(folder.path().join("new")).unwrap();
        fs::write(&path, "junk").unwrap();
        assert_eq!(file.load(), Unwritten::default());
    }
}
