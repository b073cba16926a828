//! The pid file: its lock says that a daemon runs, its text says which.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::own_file;

/// A locked pid file, removed on drop. The kernel drops the lock with the process, so that a pid
/// file left behind by a crash is in nobody's way.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Locks the file, creating it where it is missing; `program` is for the message.
    pub(crate) fn lock(path: &Path, program: &str) -> anyhow::Result<Self> {
        loop {
            let file = open(path).with_context(|| {
                let path = path.display();
                format!("cannot open the pid file {path} (--pid-file names another)")
            })?;
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((file, Errno::EWOULDBLOCK)) => bail!(already_running(path, &file, program)),
                Err((_, error)) => {
                    return Err(error)
                        .with_context(|| format!("cannot lock the pid file {}", path.display()));
                }
            };
            // The process that held the lock may have removed the file between open and lock.
            if is_at(path, &file) {
                return Ok(PidFile {
                    path: path.to_owned(),
                    file,
                });
            }
        }
    }

    /// Writes this process's id. The length is set last: who reads meanwhile finds digits.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", std::process::id());
        let written = self.file.write_all_at(text.as_bytes(), 0);
        written
            .and_then(|()| self.file.set_len(text.len() as u64))
            .with_context(|| format!("cannot write the pid file {}", self.path.display()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Still locked here, so no other daemon can be using it.
        if is_at(&self.path, &self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644);
    own_file::open_alone(&options, path)
}

fn is_at(path: &Path, file: &File) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(here)) => identity(there) == identity(here),
        _ => false,
    }
}

fn already_running(path: &Path, file: &File, program: &str) -> String {
    let mut bytes = [0; 20];
    let length = file.read_at(&mut bytes, 0).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[..length]);
    let process = match text.trim().parse::<u32>() {
        Ok(pid) => format!(" as process {pid}"),
        Err(_) => String::new(),
    };
    format!(
        "{program}: already running{process} ({} is locked)",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_excludes_and_the_text_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        fs::write(&path, "a longer text than any pid\n").unwrap();
        let first = PidFile::lock(&path, "x").unwrap();
        first.write().unwrap();
        let pid = std::process::id();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{pid}\n"));
        let second = PidFile::lock(&path, "x").unwrap_err().to_string();
        let expected = format!(
            "x: already running as process {pid} ({} is locked)",
            path.display()
        );
        assert_eq!(second, expected);
        drop(first);
        assert!(!path.exists());
        PidFile::lock(&path, "x").unwrap();
    }

    #[test]
    fn a_foreign_file_at_the_path_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        let ours = PidFile::lock(&path, "x").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "foreign").unwrap();
        drop(ours);
        assert_eq!(fs::read_to_string(&path).unwrap(), "foreign");
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/x.pid");
        let refusal = format!("{:#}", PidFile::lock(&path, "x").unwrap_err());
        assert!(refusal.contains(path.to_str().unwrap()), "{refusal}");
        assert!(refusal.contains("--pid-file"), "{refusal}");
    }
}
