//! Texts that are never shown, and files and descriptors that hold them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::own_file::open_secret;

/// Standard input, output and error stay open.
const STANDARD: RawFd = 2;
/// The most that a line with a secret may have.
const MOST: u64 = 4_096;
/// What was read of descriptors, which can be read once.
static READ: Mutex<BTreeMap<RawFd, String>> = Mutex::new(BTreeMap::new());

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

/// The first line of what can be read from a descriptor that whoever started us has opened. It is closed then, so that
/// no process that we start has it; asked for again, the line is remembered.
///
/// # Errors
/// It is not open, or cannot be read.
pub fn line_of_descriptor(descriptor: RawFd) -> io::Result<String> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = read.get(&descriptor) {
        return Ok(line.clone());
    }
    let file = File::open(format!("/dev/fd/{descriptor}")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "it is not open"),
        _ => error,
    })?;
    let mut line = String::new();
    BufReader::new(file).read_line(&mut line)?;
    if descriptor > STANDARD {
        nix::unistd::close(descriptor)?;
    }
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    read.insert(descriptor, line.clone());
    Ok(line)
}

/// The first line of a file with a secret, or of a pipe without a name, such as a shell's `<(…)`: that is read once, and
/// the line remembered. Only the line's end is cut off: a password may end in a blank.
///
/// # Errors
/// It cannot be read, is something else, or has no end of a line soon.
pub fn line_of_file(path: &Path) -> io::Result<String> {
    static PIPES: Mutex<BTreeMap<(u64, u64), String>> = Mutex::new(BTreeMap::new());
    let file = open_secret(path)?;
    let metadata = file.metadata()?;
    let pipe = metadata.file_type().is_fifo();
    let pipe = pipe.then(|| (metadata.dev(), metadata.ino()));
    let mut read = PIPES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = pipe.and_then(|pipe| read.get(&pipe)) {
        return Ok(line.clone());
    }
    let mut line = String::new();
    BufReader::new(file.take(MOST + 1)).read_line(&mut line)?;
    if line.len() as u64 > MOST {
        let text = format!("its first line is longer than {MOST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    if let Some(pipe) = pipe {
        read.insert(pipe, line.clone());
    }
    Ok(line)
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
