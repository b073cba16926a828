//! Mounts that nobody else sees.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::reaper;

/// Gives this process, which has but one thread so far, and its children mounts of their own.
///
/// # Errors
/// This is not root, or may not.
pub fn leave_the_mounts_of_others() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
}

/// A mount; dropped, it is gone.
#[derive(Debug)]
pub struct Mount {
    target: PathBuf,
}

impl Mount {
    /// A file system in memory of so many KiB, on a directory.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn in_memory(target: &Path, kibibytes: u32) -> nix::Result<Self> {
        let size = format!("size={kibibytes}k,mode=755");
        let flags = MsFlags::empty();
        mount(Some("lab"), target, Some("tmpfs"), flags, Some(&*size))?;
        Ok(Self::made(target))
    }

    /// A file that is seen at the place of another one too.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn of_file(source: &Path, target: &Path) -> nix::Result<Self> {
        let nothing = None::<&str>;
        mount(Some(source), target, nothing, MsFlags::MS_BIND, nothing)?;
        Ok(Self::made(target))
    }

    fn made(target: &Path) -> Self {
        // Scratch directories can only be removed without mounts in them.
        reaper::owes(&format!("umount -l {}", target.display()));
        Self {
            target: target.to_owned(),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The mount goes with the namespace in any case.
        let _ = umount2(&self.target, MntFlags::MNT_DETACH);
    }
}
