//! The log file, and how it is opened again.

use std::fs::{File, OpenOptions};
use std::io::{self, LineWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;

use crate::own_file;

/// The log file. Whole lines are written at once, so that several writers do not mix theirs.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    writer: Mutex<LineWriter<File>>,
    holds_stderr: bool,
}

impl LogFile {
    /// Opens the file at an absolute path. With `holds_stderr`, stderr follows when it is reopened.
    pub(crate) fn open(path: PathBuf, holds_stderr: bool) -> anyhow::Result<Self> {
        let file = append(&path).with_context(|| {
            format!(
                "cannot open the log file {} (--log-file names another)",
                path.display()
            )
        })?;
        Ok(LogFile {
            path,
            writer: Mutex::new(LineWriter::new(file)),
            holds_stderr,
        })
    }

    pub(super) fn holds_stderr(&self) -> bool {
        self.holds_stderr
    }

    /// Another handle of the same open file.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.writer().get_ref().try_clone()
    }

    fn writer(&self) -> MutexGuard<'_, LineWriter<File>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reopen(&self) -> anyhow::Result<()> {
        let context = || format!("cannot reopen the log file {}", self.path.display());
        let file = append(&self.path).with_context(context)?;
        if self.holds_stderr {
            nix::unistd::dup2_stderr(&file).with_context(context)?;
        }
        *self.writer() = LineWriter::new(file);
        Ok(())
    }
}

impl Write for &LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    own_file::open_to_append(&options, path)
}
