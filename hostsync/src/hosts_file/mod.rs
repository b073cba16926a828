//! The hosts file: one interface, *make the file agree with these entries*, and the ways of writing
//! behind it.
//!
//! * *replace*: `block` decides, as a function from bytes to bytes, what the file should be;
//!   `replacing` and `replace` put a new file in its place;
//! * *slots*: where the file cannot be replaced, `slots` changes single lines in it, which no
//!   reader ever sees half of;
//! * `watch` tells when somebody else has changed it.
//!
//! What never happens: a foreign byte is altered; a failure leaves anything but the old file.

mod attributes;
mod block;
mod error;
mod faults;
mod line;
mod mount;
mod read;
mod replace;
mod replacing;
mod slots;
mod watch;
mod way;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::{Hosts, Name};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub use block::Note;
pub use error::Error;
pub use line::addresses_of;
pub use slots::Census;
pub use watch::Watcher;
pub use way::{Choice, Reason, Way};

use replacing::Replacing;
use slots::Driver;

use crate::temporary;

/// What the fuzz targets look at; not meant for anybody else.
#[doc(hidden)]
pub mod fuzzing {
    use super::{Hosts, block};

    /// The text as it should be.
    pub fn plan(text: &[u8], wanted: &Hosts) -> Vec<u8> {
        block::plan(text, wanted, &Hosts::new()).text
    }

    /// The text without all that is ours, where `last` is what we wrote.
    pub fn without(text: &[u8], last: &Hosts) -> Vec<u8> {
        block::without(text, last).text
    }
}

/// The largest hosts file that is read.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// A hosts file that is kept.
#[derive(Debug)]
pub struct HostsFile {
    path: PathBuf,
    choice: Choice,
    places: Places,
    replacing: Replacing,
    slots: Option<Driver>,
}

/// The paths on which the content of the hosts file depends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The file itself, and every symbolic link that leads to it.
    pub paths: BTreeSet<PathBuf>,
    /// The file, if it is a mount point: a change of it then shows nowhere else.
    pub mount: Option<PathBuf>,
}

/// What a pass did.
#[derive(Debug)]
pub enum Outcome {
    /// The file agrees with the entries.
    Done(Pass),
    /// Somebody seems to be rewriting the file; try again so much later, or when it changes.
    Unsettled(Duration),
}

/// A pass after which the file agrees.
#[derive(Debug)]
pub struct Pass {
    /// The file that was written, symbolic links followed.
    pub target: PathBuf,
    /// How it is written.
    pub way: Way,
    /// False when it agreed before.
    pub wrote: bool,
    /// True when it wrote because the file was not as an earlier pass left it.
    pub repaired: bool,
    /// Names that foreign lines map and that are therefore left to them, in order.
    pub shadowed: Vec<Name>,
    /// Damage to our block that was found and repaired.
    pub notes: Vec<Note>,
    /// Extended attributes that the file has lost because they may not be set.
    pub lost_attributes: Vec<OsString>,
    /// What our part of the file consists of, where it is written in slots.
    pub slots: Option<Slots>,
    /// When to make another pass though nothing changes.
    pub wake: Option<Duration>,
}

/// The facts about a file that is written in slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    #[serde(flatten)]
    /// How many lines and cells there are.
    pub census: Census,
    /// How often somebody else changed the file while we kept it.
    pub rewrites: u64,
}

/// What [`HostsFile::clean`] did.
#[derive(Debug)]
pub struct Cleaned {
    /// The file, symbolic links followed.
    pub target: PathBuf,
    /// False when nothing of ours was in it.
    pub wrote: bool,
    /// How many lines were taken out, markers not counted.
    pub lines: usize,
    /// Damage to our block that was found.
    pub notes: Vec<Note>,
}

/// Where a path leads, symbolic links followed as far as they can be.
pub fn target(path: &Path) -> PathBuf {
    read::resolve(path).map_or_else(|_| path.to_owned(), |(target, _)| target)
}

impl HostsFile {
    /// The hosts file at `path`, which need not exist. What a killed predecessor left beside it is
    /// removed.
    pub fn new(path: &Path, choice: Choice) -> Self {
        if let Ok((target, _)) = read::resolve(path) {
            temporary::remove_leftovers(&target);
        }
        Self {
            path: path.to_owned(),
            choice,
            places: Places::default(),
            replacing: Replacing::default(),
            slots: None,
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The paths to watch, as the last pass found them.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// What the file holds now; nothing when it does not exist.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let (target, _) = read::resolve(&self.path)?;
        Ok(read::read(&target)?
            .map(|found| found.text)
            .unwrap_or_default())
    }

    /// True when the file holds a whole block of ours.
    pub fn holds_block(&self) -> bool {
        self.read().is_ok_and(|text| block::is_whole(&text))
    }

    /// True when the file is as the last pass left it, so that another one with the same entries
    /// has nothing to do. Much cheaper than that pass.
    pub fn still_agrees(&mut self) -> bool {
        match (self.locate(), &self.slots) {
            (Err(_), _) => false,
            (Ok((target, _)), Some(slots)) => slots.is_of(&target) && slots.is_at_rest(),
            (Ok((target, _)), None) => self.replacing.still_agrees(target),
        }
    }

    /// Makes the file agree with `wanted`. `last` is what was written before, if that is known.
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn reconcile(&mut self, wanted: &Hosts, last: &Hosts) -> Result<Outcome, Error> {
        let (target, way) = self.locate()?;
        let reason = match way {
            Way::Slots(reason) => reason,
            Way::Replace => match self.replacing.reconcile(&target, wanted, last) {
                Err(error) => self.instead(error, &target)?,
                done => {
                    self.slots = None;
                    return done;
                }
            },
        };
        let progress = self.driver(&target)?.pass(wanted, last)?;
        Ok(Outcome::Done(Pass {
            target,
            way: Way::Slots(reason),
            wrote: progress.wrote,
            repaired: progress.repaired,
            shadowed: progress.shadowed,
            notes: Vec::new(),
            lost_attributes: Vec::new(),
            slots: Some(Slots {
                census: progress.census,
                rewrites: progress.rewrites,
            }),
            wake: progress.wake,
        }))
    }

    /// Takes our lines out, and leaves every other byte; in a file that cannot be replaced they
    /// become comments. `last` is as in [`Self::reconcile`].
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn clean(&mut self, last: &Hosts) -> Result<Cleaned, Error> {
        let (target, way) = self.locate()?;
        if way == Way::Replace {
            match replacing::clean(&target, last) {
                Err(error) => drop(self.instead(error, &target)?),
                done => return done,
            }
        }
        if !target.exists() {
            return Ok(Cleaned {
                target,
                wrote: false,
                lines: 0,
                notes: Vec::new(),
            });
        }
        let driver = self.driver(&target)?;
        let lines = driver.lines(last)?;
        let wrote = driver.pass(&Hosts::new(), last)?.wrote;
        Ok(Cleaned {
            target,
            wrote,
            lines,
            notes: Vec::new(),
        })
    }

    /// The file behind the symbolic links, and how it is written.
    fn locate(&mut self) -> Result<(PathBuf, Way), Error> {
        self.places.paths.insert(self.path.clone());
        let (target, links) = read::resolve(&self.path)?;
        // A mount point that does not exist lies hidden below another mount.
        let is_mount = mount::is_mount_point(&target) && target.exists();
        let way = match self.choice {
            Choice::Slots => Way::Slots(Reason::Asked),
            Choice::Auto if is_mount => Way::Slots(Reason::MountPoint),
            Choice::Auto | Choice::Replace => Way::Replace,
        };
        self.places = Places {
            paths: links.into_iter().collect(),
            mount: is_mount.then(|| target.clone()),
        };
        Ok((target, way))
    }

    /// Why slots will do where replacing failed; or the error, where they will not.
    fn instead(&self, error: Error, target: &Path) -> Result<Reason, Error> {
        let reason = match error.errno() {
            Some(Errno::EBUSY) => Reason::Busy,
            Some(Errno::EACCES | Errno::EPERM | Errno::EROFS) => Reason::Directory,
            _ => return Err(error),
        };
        let may_write = || OpenOptions::new().write(true).open(target).is_ok();
        match self.choice == Choice::Auto && may_write() {
            true => Ok(reason),
            false => Err(error),
        }
    }

    fn driver(&mut self, target: &Path) -> Result<&mut Driver, Error> {
        let is_of = self.slots.as_ref().is_some_and(|slots| slots.is_of(target));
        if !is_of {
            if read::read(target)?.is_none() {
                replace::replace(target, None, b"")?;
            }
            self.slots = Some(Driver::open(target)?);
        }
        Ok(self.slots.as_mut().expect("just made"))
    }
}

#[cfg(test)]
mod system_tests;
#[cfg(test)]
mod tests;
