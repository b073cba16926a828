//! The hosts file: one interface, *make the file agree with these entries*, and the ways of writing
//! behind it.
//!
//! * `block` decides, as a function from bytes to bytes, what the file should be;
//! * `replace` and `in_place` write it; which of them is chosen by what the file is;
//! * `watch` tells when somebody else has changed it.
//!
//! What never happens: a foreign byte is altered; a failure leaves anything but the old file.

mod attributes;
mod block;
mod error;
mod in_place;
mod line;
mod mount;
mod read;
mod replace;
mod slots;
mod watch;
mod way;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use snapshot::{Hosts, Name};

pub use block::Note;
pub use error::Error;
pub use line::addresses_of;
pub use watch::Watcher;
pub use way::{Reason, Way};

use block::Plan;
use read::Found;
use replace::Replaced;

use crate::temporary;

/// The largest hosts file that is read.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How often a write starts over when others change the file meanwhile.
const ATTEMPTS: usize = 20;
/// A file that has just lost foreign lines is probably being rewritten by truncation at this very
/// moment; so long after its last change it is not.
const SETTLE: Duration = Duration::from_millis(100);

/// A hosts file that is kept.
#[derive(Debug)]
pub struct HostsFile {
    path: PathBuf,
    /// How many foreign bytes the last pass saw.
    foreign: Option<usize>,
    /// The file after the last pass, and a hash of its text.
    agreed: Option<(PathBuf, u64)>,
    places: Places,
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
    /// Names that foreign lines map and that are therefore left to them, in order.
    pub shadowed: Vec<Name>,
    /// Damage to our block that was found and repaired.
    pub notes: Vec<Note>,
    /// Extended attributes that the file has lost because they may not be set.
    pub lost_attributes: Vec<OsString>,
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
    pub fn new(path: &Path) -> Self {
        if let Ok((target, _)) = read::resolve(path) {
            temporary::remove_leftovers(&target);
        }
        Self {
            path: path.to_owned(),
            foreign: None,
            agreed: None,
            places: Places::default(),
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
        let Ok((target, _)) = self.locate() else {
            return false;
        };
        let text = read::read(&target).ok().flatten().map(|found| found.text);
        let now = text.map(|text| (target, hash(&text)));
        now.is_some() && now == self.agreed
    }

    /// Makes the file agree with `wanted`. `last` is what was written before, if that is known.
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn reconcile(&mut self, wanted: &Hosts, last: &Hosts) -> Result<Outcome, Error> {
        let (target, mut way) = self.locate()?;
        self.agreed = None;
        // What somebody wrote to a file whose name we took in the same moment.
        let mut rescued: Option<Vec<u8>> = None;
        for _ in 0..ATTEMPTS {
            let found = read::read(&target)?;
            let old = found.as_ref().map_or(&[][..], |found| &found.text);
            let mut plan = block::plan(rescued.as_deref().unwrap_or(old), wanted, last);
            if let Way::InPlace(_) = way {
                block::pad(&mut plan.text, old.len());
            }
            if found.is_some() && old == plan.text {
                return Ok(self.done(target, way, plan, None));
            }
            if let Some(wait) = self.unsettled(&plan, found.as_ref()) {
                return Ok(Outcome::Unsettled(wait));
            }
            match write(&target, &mut way, found.as_ref(), &mut plan.text)? {
                Replaced::Done(lost) => return Ok(self.done(target, way, plan, Some(lost))),
                Replaced::Overtaken(text) => rescued = Some(text),
                Replaced::Stale => rescued = None,
            }
        }
        Err(Error::Contended(target))
    }

    /// Takes our lines out, and leaves every other byte. `last` is as in [`Self::reconcile`].
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn clean(&mut self, last: &Hosts) -> Result<Cleaned, Error> {
        let (target, way) = self.locate()?;
        for _ in 0..ATTEMPTS {
            let found = read::read(&target)?;
            let old = found.as_ref().map_or(&[][..], |found| &found.text);
            let plan = block::without(old, last);
            let wrote = plan.text != old;
            let done = match &found {
                Some(found) if wrote => cut(&target, way, found, &plan.text)?,
                _ => true,
            };
            if done {
                return Ok(Cleaned {
                    target,
                    wrote,
                    lines: plan.ours,
                    notes: plan.notes,
                });
            }
        }
        Err(Error::Contended(target))
    }

    /// The file behind the symbolic links, and how it is written.
    fn locate(&mut self) -> Result<(PathBuf, Way), Error> {
        self.places.paths.insert(self.path.clone());
        let (target, links) = read::resolve(&self.path)?;
        let way = match mount::is_mount_point(&target) {
            true => Way::InPlace(Reason::MountPoint),
            false => Way::Replace,
        };
        self.places = Places {
            paths: links.into_iter().collect(),
            mount: (way != Way::Replace).then(|| target.clone()),
        };
        Ok((target, way))
    }

    fn done(
        &mut self,
        target: PathBuf,
        way: Way,
        plan: Plan,
        written: Option<Vec<OsString>>,
    ) -> Outcome {
        self.foreign = Some(plan.foreign);
        self.agreed = Some((target.clone(), hash(&plan.text)));
        Outcome::Done(Pass {
            target,
            way,
            wrote: written.is_some(),
            shadowed: plan.shadowed,
            notes: plan.notes,
            lost_attributes: written.unwrap_or_default(),
        })
    }

    /// How long to wait for somebody who seems to have truncated the file to write it again. To
    /// replace it now would take his lines away, since he writes to the old file.
    fn unsettled(&self, plan: &Plan, found: Option<&Found>) -> Option<Duration> {
        let lost = self.foreign.is_some_and(|before| plan.foreign < before);
        let modified = found.filter(|_| lost)?.metadata.modified().ok()?;
        // A time in the future says nothing; then nothing is waited for.
        let age = SystemTime::now().duration_since(modified).ok()?;
        SETTLE.checked_sub(age)
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish()
}

/// Writes `text` by replacement, or in place where that cannot be, which `way` then says.
fn write(
    target: &Path,
    way: &mut Way,
    found: Option<&Found>,
    text: &mut Vec<u8>,
) -> Result<Replaced, Error> {
    // A mount point exists; one that does not lies hidden below another mount.
    if *way == Way::Replace || found.is_none() {
        *way = Way::Replace;
        match replace::replace(target, found, text) {
            Err(error) if error.errno() == Some(Errno::EBUSY) => {}
            other => return other,
        }
        *way = Way::InPlace(Reason::Busy);
    }
    let Some(found) = found else {
        return Ok(Replaced::Stale);
    };
    block::pad(text, found.text.len());
    Ok(match in_place::overwrite(target, found, text)? {
        true => Replaced::Done(Vec::new()),
        false => Replaced::Stale,
    })
}

/// Writes a `text` that is shorter than what was found; false when the file has changed meanwhile.
fn cut(target: &Path, way: Way, found: &Found, text: &[u8]) -> Result<bool, Error> {
    if let Way::Replace = way {
        match replace::replace(target, Some(found), text) {
            Err(error) if error.errno() == Some(Errno::EBUSY) => {}
            other => return other.map(|replaced| matches!(replaced, Replaced::Done(_))),
        }
    }
    in_place::shorten(target, found, text)
}

#[cfg(test)]
mod system_tests;
#[cfg(test)]
mod tests;
