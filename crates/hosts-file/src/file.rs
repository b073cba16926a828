//! The hosts file: one interface, *make the file agree with these entries*, and the two methods of
//! writing behind it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::confined::Confined;
use crate::mount::Mounts;
use crate::replace::{self, Note, Reconciled, Replacer, block, rename, temporary};
use crate::slots::{Driver, SlotCounts};
use crate::{Error, Hosts, Method, MethodChoice, Name, Owner, Reason, read};

/// A hosts file that is kept.
#[derive(Debug)]
pub struct HostsFile {
    path: PathBuf,
    owner: Owner,
    choice: MethodChoice,
    watch_set: WatchSet,
    mounts: Mounts,
    pub(crate) replacer: Replacer,
    slots: Option<Driver>,
    /// Where only a part of the path is trusted.
    confined: Option<Confined>,
    /// It is known to be mounted into a container.
    is_mounted: bool,
    /// Until when it is written in slots, since somebody had it open for writing.
    pub(crate) held: Option<Instant>,
}

/// How long slots are kept to where somebody had the file open for writing, before that is looked at again:
/// more than once the time that an address takes to go.
pub(crate) const HELD: Duration = Duration::from_secs(5);

/// The paths on which the content of the hosts file depends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchSet {
    /// The file itself, and every symbolic link that leads to it.
    pub paths: BTreeSet<PathBuf>,
    /// The file, if it is a mount point: a change of it then shows nowhere else.
    pub mount: Option<PathBuf>,
    /// Directories in which everything matters that comes or goes.
    pub directories: BTreeSet<PathBuf>,
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
    /// How it is written, and where in slots, why.
    pub method: Method,
    /// False when it agreed before.
    pub wrote: bool,
    /// True when it wrote because the file was not as an earlier pass left it.
    pub repaired: bool,
    /// Names that foreign lines map and that are therefore left to them, in order.
    pub shadowed: Arc<[Name]>,
    /// Damage to our block that was found and repaired.
    pub notes: Vec<Note>,
    /// Extended attributes that the file has lost because they may not be set.
    pub lost_attributes: Vec<OsString>,
    /// What our part of the file consists of, where it is written in slots.
    pub slots: Option<SlotCounts>,
    /// When to make another pass though nothing changes.
    pub wake: Option<Duration>,
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

impl HostsFile {
    /// The hosts file at `path`, which need not exist. Nothing is done to it yet.
    pub fn new(path: &Path, owner: Owner) -> Self {
        Self {
            path: path.to_owned(),
            owner,
            choice: MethodChoice::Auto,
            watch_set: WatchSet::default(),
            mounts: Mounts::default(),
            replacer: Replacer::default(),
            slots: None,
            confined: None,
            is_mounted: false,
            held: None,
        }
    }

    /// The same, mounted into a container although that does not show here: it is not replaced.
    #[must_use]
    pub fn mounted(self) -> Self {
        Self {
            is_mounted: true,
            ..self
        }
    }

    /// The same, below a directory of which others may write to what is in it. Only a regular file with a single
    /// name is kept, of the owner of its folder or of `base`, which is reached from there without any symbolic
    /// link. It is written in slots, and never created.
    #[must_use]
    pub fn confined(self, base: &Path) -> Self {
        let confined = Some(Confined::new(base, &self.path));
        Self { confined, ..self }.mounted()
    }

    /// The same, written by this method.
    #[must_use]
    pub fn with_method(self, choice: MethodChoice) -> Self {
        Self { choice, ..self }
    }

    /// Removes the temporary files that killed processes of this owner have left beside the file,
    /// and says which those were. What a living one is just writing stays.
    pub fn remove_leftovers(&self) -> Vec<PathBuf> {
        if self.confined.is_some() {
            return Vec::new();
        }
        match read::resolve(&self.path) {
            Ok((target, _)) => temporary::remove_leftovers(&target, &self.owner),
            Err(_) => Vec::new(),
        }
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The paths to watch, as the last pass found them.
    pub fn watch_set(&self) -> &WatchSet {
        &self.watch_set
    }

    /// What the file holds now; nothing when it does not exist.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let Some(confined) = &self.confined else {
            return read::read(&self.path);
        };
        match confined.open(OFlag::O_RDONLY) {
            Err(Error::Gone(_)) => Ok(Vec::new()),
            file => read::read_whole(file?, &self.path).map(|found| found.text),
        }
    }

    /// True when the file holds a whole block of ours.
    pub fn holds_block(&self) -> bool {
        self.read()
            .is_ok_and(|text| block::is_whole(&text, &self.owner))
    }

    /// True when the file is as the last pass left it, so that another one with the same entries
    /// has nothing to do. Much cheaper than that pass.
    pub fn still_agrees(&mut self) -> bool {
        match (self.locate(), &self.slots) {
            (Err(_), _) => false,
            (Ok((target, _)), Some(slots)) => slots.is_of(&target) && slots.is_at_rest(),
            (Ok((target, _)), None) => self.replacer.still_agrees(target),
        }
    }

    /// Makes the file agree with `wanted`. `last` is what was written before, if that is known: by that
    /// our lines are known where others have rewritten them. It must hold nothing that a line of others
    /// said, such as the names that were [`shadowed`](Pass::shadowed).
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn reconcile(&mut self, wanted: &Hosts, last: &Hosts) -> Result<Outcome, Error> {
        let (target, method) = self.locate()?;
        let reason = match method {
            Method::Slots(reason) => reason,
            Method::Replace if self.is_held(&target) => Reason::Held,
            Method::Replace => {
                let (owner, has_it_open) = (&self.owner, self.slots.is_some());
                let replacer = &mut self.replacer;
                match replacer.reconcile(&target, wanted, last, owner, has_it_open) {
                    Err(error) => self.instead(error, &target)?,
                    Ok(Reconciled::Held) => {
                        let reason = self.instead(Error::Held(target.clone()), &target)?;
                        self.held = Some(Instant::now());
                        reason
                    }
                    Ok(Reconciled::Outcome(outcome)) => {
                        self.slots = None;
                        return Ok(outcome);
                    }
                }
            }
        };
        let driver = self.driver(&target)?;
        if let Some(wait) = driver.unsettled()? {
            return Ok(Outcome::Unsettled(wait));
        }
        let progress = driver.pass(wanted, last)?;
        Ok(Outcome::Done(Pass {
            target,
            method: Method::Slots(reason),
            wrote: progress.wrote,
            repaired: progress.repaired,
            shadowed: progress.shadowed,
            notes: Vec::new(),
            lost_attributes: Vec::new(),
            slots: Some(progress.counts),
            wake: progress.wake,
        }))
    }

    /// The file as it is, and as it would be were it replaced with what agrees. Nothing is written.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn preview(&self, wanted: &Hosts, last: &Hosts) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let before = self.read()?;
        let after = block::plan(&before, wanted, last, &self.owner).text;
        Ok((before, after))
    }

    /// Takes our lines out, and leaves every other byte; in a file that cannot be replaced they
    /// become comments. `last` is as in [`Self::reconcile`].
    ///
    /// # Errors
    /// The file cannot be read or written; it is then as it was.
    pub fn clean(&mut self, last: &Hosts) -> Result<Cleaned, Error> {
        let (target, method) = self.locate()?;
        if method == Method::Replace {
            match replace::clean(&target, last, &self.owner) {
                Err(error) => drop(self.instead(error, &target)?),
                Ok(Some(cleaned)) => return Ok(cleaned),
                Ok(None) => drop(self.instead(Error::Held(target.clone()), &target)?),
            }
        }
        let is_there = match &self.confined {
            None => target.exists(),
            Some(confined) => !matches!(confined.open(OFlag::O_RDONLY), Err(Error::Gone(_))),
        };
        if !is_there {
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

    /// How the file is written, as far as that is known before it is tried.
    ///
    /// # Errors
    /// The path leads to no hosts file, or the file is not to be replaced and nothing else was asked for.
    pub fn method(&mut self) -> Result<Method, Error> {
        self.locate().map(|(_, method)| method)
    }

    /// True while slots are kept to, since somebody had the file open for writing. Then that is looked at
    /// again, without the descriptor of our own, which would count as somebody's.
    fn is_held(&mut self, target: &Path) -> bool {
        let Some(since) = self.held else {
            return false;
        };
        let is_same = self.slots.as_ref().is_some_and(|slots| slots.is_of(target));
        if is_same && since.elapsed() < HELD {
            return true;
        }
        (self.held, self.slots) = (None, None);
        false
    }

    /// The file behind the symbolic links, and how it is written.
    fn locate(&mut self) -> Result<(PathBuf, Method), Error> {
        self.watch_set.paths.insert(self.path.clone());
        if self.is_mounted && self.choice == MethodChoice::Replace {
            return Err(Error::Mounted(self.path.clone()));
        }
        if self.confined.is_some() {
            self.watch_set.mount = Some(self.path.clone());
            return Ok((self.path.clone(), Method::Slots(Reason::Mounted)));
        }
        let (target, links) = read::resolve(&self.path)?;
        let metadata = fs::metadata(&target).ok();
        // A mount point that does not exist lies hidden below another mount.
        let is_mount = self.mounts.has(&target) && metadata.is_some();
        let is_linked = metadata.is_some_and(|of| of.is_file() && of.nlink() > 1);
        let method = match self.choice {
            MethodChoice::Slots => Method::Slots(Reason::Chosen),
            _ if self.is_mounted => Method::Slots(Reason::Mounted),
            MethodChoice::Auto if is_mount => Method::Slots(Reason::MountPoint),
            MethodChoice::Auto if is_linked => Method::Slots(Reason::Linked),
            MethodChoice::Replace if is_linked => return Err(Error::Names(target)),
            // The system refuses that, in its own words.
            MethodChoice::Replace if is_mount => Method::Replace,
            choice => match (self.mounts.has_elsewhere(&target), choice) {
                (false, _) => Method::Replace,
                (true, MethodChoice::Replace) => return Err(Error::Mounted(target)),
                (true, _) => Method::Slots(Reason::Mounted),
            },
        };
        self.watch_set = WatchSet {
            paths: links.into_iter().collect(),
            mount: is_mount.then(|| target.clone()),
            directories: BTreeSet::new(),
        };
        Ok((target, method))
    }

    /// Why slots will do where replacing failed; or the error, where they will not.
    pub(crate) fn instead(&self, error: Error, target: &Path) -> Result<Reason, Error> {
        let reason = match error.errno() {
            None if matches!(error, Error::Held(_)) => Reason::Held,
            Some(Errno::EBUSY) => Reason::Busy,
            Some(Errno::EACCES | Errno::EPERM | Errno::EROFS) => Reason::Directory,
            _ => return Err(error),
        };
        let may_write = || OpenOptions::new().write(true).open(target).is_ok();
        if self.choice == MethodChoice::Auto && may_write() {
            Ok(reason)
        } else {
            Err(error)
        }
    }

    fn driver(&mut self, target: &Path) -> Result<&mut Driver, Error> {
        let is_of = self.slots.as_ref().is_some_and(|slots| slots.is_of(target));
        if !is_of && let Some(confined) = &self.confined {
            let file = confined.open(OFlag::O_RDWR)?;
            self.slots = Some(Driver::of(file, target, self.owner.clone())?);
        } else if !is_of {
            if !read::exists(target)? {
                rename::replace(target, None, b"", &self.owner, true)?;
            }
            self.slots = Some(Driver::open(target, self.owner.clone())?);
        }
        Ok(self.slots.as_mut().expect("just made"))
    }
}
