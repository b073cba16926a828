//! The file below a journal, in single steps, each of which can be the last one of this process.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use daemon::own_file::open_believed;
use tempfile::NamedTempFile;

use crate::store::temporary;

/// What a journal needs of a disk.
pub(super) trait Disk {
    /// Tells one file from another that had its name before.
    type Id: Copy + PartialEq;

    /// Opens the file that has the name now; which one it is, and how long; none without one.
    fn open(&mut self) -> io::Result<Option<(Self::Id, u64)>>;
    /// Cuts what is open to a length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Adds to the end of what is open.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until what was added to what is open is on disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Begins a new file, without the name.
    fn create(&mut self) -> io::Result<()>;
    /// Adds to the new file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until the new file is on disk.
    fn sync_new(&mut self) -> io::Result<()>;
    /// Gives the new file the name.
    fn rename(&mut self) -> io::Result<Self::Id>;
    /// Waits until the name is on disk.
    fn sync_name(&mut self) -> io::Result<()>;
}

/// A file of the system.
#[derive(Debug)]
pub(super) struct FileDisk {
    path: PathBuf,
    open: Option<File>,
    new: Option<NamedTempFile<File>>,
}

impl FileDisk {
    /// The file at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
            new: None,
        }
    }
}

fn missing() -> io::Error {
    io::Error::other("no file is open")
}

fn id(file: &File) -> io::Result<((u64, u64), u64)> {
    let metadata = file.metadata()?;
    Ok(((metadata.dev(), metadata.ino()), metadata.len()))
}

impl Disk for FileDisk {
    type Id = (u64, u64);

    fn open(&mut self) -> io::Result<Option<((u64, u64), u64)>> {
        self.open = match open_believed(OpenOptions::new().write(true), &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Whatever was planted there: our own file takes its place, where that can be.
            Err(error) if error.get_ref().is_some() => None,
            other => Some(other?),
        };
        self.open.as_ref().map(id).transpose()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.open.as_mut().ok_or_else(missing)?.set_len(length)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.open.as_mut().ok_or_else(missing)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // It is opened anew for the next line: somebody may take the name away.
        self.open.take().ok_or_else(missing)?.sync_data()
    }

    fn create(&mut self) -> io::Result<()> {
        temporary::make_directory(temporary::directory(&self.path))?;
        self.new = Some(temporary::create(&self.path)?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.new
            .as_ref()
            .ok_or_else(missing)?
            .as_file()
            .write_all(bytes)
    }

    fn sync_new(&mut self) -> io::Result<()> {
        self.new.as_ref().ok_or_else(missing)?.as_file().sync_data()
    }

    fn rename(&mut self) -> io::Result<(u64, u64)> {
        let new = self.new.take().ok_or_else(missing)?;
        let file = new.persist(&self.path).map_err(|error| error.error)?;
        id(&file).map(|(id, _)| id)
    }

    fn sync_name(&mut self) -> io::Result<()> {
        File::open(temporary::directory(&self.path))?.sync_all()
    }
}
