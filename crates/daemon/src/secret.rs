//! Texts that are never shown, and files that hold them.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A text from the command line that is never shown.
///
/// It takes every text, because clap's message about a text that it refuses would show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What to say of a file with a secret, such as `a password`, that everyone on the machine can read. Reading by a group is
/// a common arrangement.
pub fn readable_by_others(path: &Path, secret: &str) -> Option<String> {
    let readable = fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    let path = path.display();
    readable.then(|| format!("{path} holds {secret} and everyone can read it; chmod o-rwx {path}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_everyone_can_read_is_reported() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, reported) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                readable_by_others(file.path(), "a password").is_some(),
                reported,
                "{mode:o}"
            );
        }
        assert_eq!(readable_by_others(Path::new("/does/not/exist"), ""), None);
    }
}
