//! Which hosts files: one path, or a glob of those of many containers.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

/// The most files that are kept.
pub const MOST: usize = 4096;

/// A path, or a glob.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What `--select` calls it.
    words: Arc<[String]>,
    path: PathBuf,
    /// What comes before the first component with a wildcard: all that is trusted.
    base: PathBuf,
    rest: Vec<Part>,
}

/// One component of a glob.
#[derive(Debug, Clone)]
enum Part {
    Name(OsString),
    Wildcard(GlobMatcher),
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Each file.
    pub files: BTreeMap<PathBuf, Place>,
    /// The directories in which others may appear.
    pub directories: BTreeSet<PathBuf>,
    /// Some were left out, since there are more than [`MOST`].
    pub is_cut: bool,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory up to which its path is trusted; none for a file that was named.
    pub base: Option<PathBuf>,
    /// What `--select` calls the pattern that it was first found by.
    pub words: Arc<[String]>,
}

impl Pattern {
    /// A path that is absolute, in which `*`, `?`, `[…]` and `{…}` stand for names. `--select` calls it by
    /// these words, and by the path.
    ///
    /// # Errors
    /// A wildcard is malformed, or `**`.
    pub fn new(path: &Path, words: &[String]) -> Result<Self, String> {
        let has_wildcard = |part: &Component<'_>| {
            part.as_os_str()
                .to_string_lossy()
                .contains(['*', '?', '[', '{'])
        };
        let parts: Vec<_> = path.components().collect();
        let fixed = parts.iter().position(has_wildcard).unwrap_or(parts.len());
        let rest = parts[fixed..].iter().map(|part| {
            let text = part.as_os_str().to_string_lossy();
            if !has_wildcard(part) {
                return Ok(Part::Name(part.as_os_str().to_owned()));
            }
            if text.contains("**") {
                return Err("'**' is not understood; write one '*' for each folder".to_owned());
            }
            let glob = GlobBuilder::new(&text).literal_separator(true).build();
            let glob = glob.map_err(|error| error.to_string())?;
            Ok(Part::Wildcard(glob.compile_matcher()))
        });
        let path_word = path.to_string_lossy().into_owned();
        Ok(Self {
            words: words.iter().cloned().chain([path_word]).collect(),
            path: path.to_owned(),
            base: parts[..fixed].iter().collect(),
            rest: rest.collect::<Result<_, _>>()?,
        })
    }

    /// What `--select` calls it.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// True where it stands for more than one file.
    pub fn is_glob(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Adds what is there now and was found by none before. A file that was named is there in any case.
    pub fn find(&self, found: &mut Found) {
        if !self.is_glob() {
            let file = found.files.entry(self.path.clone());
            file.or_insert_with(|| self.place()).base = None;
            return;
        }
        // Where there is no such directory yet, it is awaited.
        let mut ancestors = self.base.ancestors();
        let nearest = ancestors.find(|directory| directory.is_dir());
        match nearest {
            Some(nearest) if nearest == self.base => self.below(&self.base, &self.rest, found),
            nearest => found.directories.extend(nearest.map(Path::to_owned)),
        }
    }

    fn place(&self) -> Place {
        Place {
            base: self.is_glob().then(|| self.base.clone()),
            words: Arc::clone(&self.words),
        }
    }

    fn below(&self, here: &Path, rest: &[Part], found: &mut Found) {
        let Some((part, rest)) = rest.split_first() else {
            if found.files.len() >= MOST {
                found.is_cut = true;
                return;
            }
            let file = found.files.entry(here.to_owned());
            file.or_insert_with(|| self.place());
            return;
        };
        found.directories.insert(here.to_owned());
        let mut enter = |path: PathBuf| {
            let kind = fs::symlink_metadata(&path).map(|metadata| metadata.file_type());
            // What a link leads to is not looked at; a file is refused later, with the reason.
            if kind.is_ok_and(|kind| rest.is_empty() || kind.is_dir()) {
                self.below(&path, rest, found);
            }
        };
        match part {
            Part::Name(name) => enter(here.join(name)),
            Part::Wildcard(glob) => {
                let Ok(entries) = fs::read_dir(here) else {
                    return;
                };
                let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
                for name in names.filter(|name| glob.is_match(name)) {
                    enter(here.join(name));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn found(pattern: &Path) -> Found {
        let mut found = Found::default();
        let pattern = Pattern::new(pattern, &["engine".to_owned()]).unwrap();
        pattern.find(&mut found);
        found
    }

    #[test]
    fn a_path_is_itself_and_need_not_be_there() {
        let path = Path::new("/nonexistent/hosts");
        assert!(!Pattern::new(path, &[]).unwrap().is_glob());
        let place = Place {
            base: None,
            words: ["engine", "/nonexistent/hosts"].map(str::to_owned).into(),
        };
        assert_eq!(found(path).files, [(path.to_owned(), place)].into());
    }

    #[test]
    fn a_glob_finds_what_is_there_and_says_where_more_may_appear() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("lib/containers");
        let glob = base.join("*/userdata/hosts");
        // Nothing is there yet but the folder in which all of it may appear.
        let nothing = found(&glob);
        assert_eq!(nothing.directories, [directory.path().to_owned()].into());
        for container in ["a", "b", "c"] {
            fs::create_dir_all(base.join(container).join("userdata")).unwrap();
        }
        fs::write(base.join("a/userdata/hosts"), "").unwrap();
        symlink("/etc/passwd", base.join("b/userdata/hosts")).unwrap();
        symlink(base.join("a"), base.join("link")).unwrap();
        fs::write(base.join("file"), "").unwrap();
        let now = found(&glob);
        let expected = ["a", "b"].map(|container| {
            let path = base.join(container).join("userdata/hosts");
            (path, Some(base.clone()))
        });
        let files = now.files.iter();
        let files = files.map(|(path, place)| (path.clone(), place.base.clone()));
        assert_eq!(files.collect::<Vec<_>>(), expected);
        let userdata = |container: &str| base.join(container).join("userdata");
        for directory in [base.clone(), base.join("a"), userdata("a"), userdata("c")] {
            assert!(now.directories.contains(&directory), "{directory:?}");
        }
        assert!(!now.directories.contains(&base.join("link")));
    }

    #[test]
    fn a_file_of_two_patterns_is_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        let (path, mut found) = (directory.path().join("a/hosts"), Found::default());
        fs::write(&path, "").unwrap();
        for (pattern, word) in [("a/hosts", "named"), ("*/hosts", "globbed")] {
            let pattern = directory.path().join(pattern);
            let pattern = Pattern::new(&pattern, &[word.to_owned()]).unwrap();
            pattern.find(&mut found);
        }
        assert_eq!(found.files[&path].base, None);
        assert_eq!(found.files[&path].words[0], "named");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for glob in ["/a/**/hosts", "/a/[/hosts"] {
            assert!(Pattern::new(Path::new(glob), &[]).is_err(), "{glob}");
        }
    }
}
