//! The choices on disk: a restart stays with them, also without ZooKeeper.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::{Address, Name};
use daemon::own_file::read_believed;

use crate::store::temporary;

/// Local names, each with the address of the one instance that it stands for.
pub type Bound = BTreeMap<Name, Address>;

/// A file with the choices.
#[derive(Debug, Clone)]
pub struct Bindings {
    path: PathBuf,
}

impl Bindings {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was kept; nothing when it cannot be read.
    pub fn load(&self) -> Bound {
        let text = read_believed(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps the choices.
    pub fn keep(&self, bound: &Bound) {
        if let Err(error) = self.write(bound) {
            // Then a restart chooses anew.
            log::debug!(
                "cannot keep the bindings in {}: {error}",
                self.path.display()
            );
        }
    }

    fn write(&self, bound: &Bound) -> std::io::Result<()> {
        temporary::make_directory(temporary::directory(&self.path))?;
        let file = temporary::create(&self.path)?;
        serde_json::to_writer(&file, bound)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_kept_is_found_again_and_junk_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("bindings");
        let bindings = Bindings::new(path.clone());
        assert!(bindings.load().is_empty());
        let bound = Bound::from([("mqtt".parse().unwrap(), "10.0.0.1".parse().unwrap())]);
        bindings.keep(&bound);
        assert_eq!(bindings.load(), bound);
        fs::write(&path, r#"{"localhost":"10.0.0.1"}"#).unwrap();
        assert!(bindings.load().is_empty());
    }
}
