//! Keeps what is applied at the cost of what changed: a line is added for each snapshot, and all is
//! written anew, in a new file, when the lines have become too many.

use std::io;

use contract::Hosts;

use super::Source;
use super::disk::Disk;
use super::format::{self, Loaded};
use super::lines::{MAX_LINE, Position};
use crate::follow::published::Published;

/// How many bytes may be added to any file, besides half of what its first generation takes.
pub(super) const SLACK: u64 = 64 * 1024;

/// A file that is added to.
#[derive(Debug)]
pub(super) struct Journal<D: Disk> {
    disk: D,
    source: Source,
    /// Where it can be gone on with; none before the first write of a file that could not be read.
    open: Option<Open<D::Id>>,
    /// The names in it.
    hosts: Hosts,
    slack: u64,
}

#[derive(Debug)]
struct Open<I> {
    /// None until it was opened to be written.
    id: Option<I>,
    base: u64,
    end: Position,
    /// Whether it is known to have its name on disk, too.
    is_named: bool,
}

impl<D: Disk> Journal<D> {
    /// A journal that goes on with what was read, if anything was.
    pub(super) fn new(disk: D, source: Source, loaded: Option<&Loaded>, slack: u64) -> Self {
        Self {
            disk,
            source,
            open: loaded.map(|loaded| Open {
                id: None,
                base: loaded.base,
                end: loaded.end,
                is_named: false,
            }),
            hosts: loaded
                .map(|loaded| loaded.published.snapshot.hosts.clone())
                .unwrap_or_default(),
            slack,
        }
    }

    /// Keeps a snapshot; it is on disk then. After a failure the file holds what it held, or this one.
    pub(super) fn keep(&mut self, published: &Published) -> io::Result<()> {
        if !self.append(published)? {
            self.replace(published)?;
        }
        self.hosts = published.snapshot.hosts.clone();
        Ok(())
    }

    /// Adds a line; false where that is not the way.
    fn append(&mut self, published: &Published) -> io::Result<bool> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        let Some((text, next)) = format::change(open.end, &self.hosts, published)? else {
            return Ok(false);
        };
        if text.len() > MAX_LINE || next.length - open.base > open.base / 2 + self.slack {
            return Ok(false);
        }
        let Some((id, length)) = self.disk.open()? else {
            return Ok(false);
        };
        if open.id.is_some_and(|known| known != id) || length < open.end.length {
            return Ok(false);
        }
        open.id = Some(id);
        if length > open.end.length {
            // What a killed process, a full disk or a lost power left.
            self.disk.truncate(open.end.length)?;
        }
        self.disk.append(&text)?;
        self.disk.sync()?;
        if !open.is_named {
            self.disk.sync_name()?;
            open.is_named = true;
        }
        open.end = next;
        Ok(true)
    }

    fn replace(&mut self, published: &Published) -> io::Result<()> {
        self.disk.create()?;
        let disk = &mut self.disk;
        let end = format::write_base(&self.source, published, |bytes| disk.write(bytes))?;
        self.disk.sync_new()?;
        let id = self.disk.rename()?;
        self.open = Some(Open {
            id: Some(id),
            base: end.length,
            end,
            is_named: false,
        });
        // What is added from now on goes with these names.
        self.hosts = published.snapshot.hosts.clone();
        self.disk.sync_name()?;
        if let Some(open) = &mut self.open {
            open.is_named = true;
        }
        Ok(())
    }
}
