//! Keeps a program's own lines in a hosts file, `/etc/hosts` above all, and leaves the rest as it is.
//!
//! Somebody reads that file at every moment: each lookup of each program opens it and reads it from
//! the beginning. In a container it is a mount point, which cannot be replaced, and whoever truncates
//! and writes it tears it under its readers. This crate changes it by one of two methods, so that a
//! reader sees whole lines only, and never misses a name that was there all the time:
//!
//! * [`Method::Replace`]: a temporary file with the same owner, mode and extended attributes takes the
//!   name of the old one. Data is on disk before the name changes.
//! * [`Method::Slots`], where that is impossible: each line has a *slot* of its own, padded with
//!   blanks and aligned so that no reader's buffer splits it. A slot is written while its first byte
//!   is `#`, and comes alive or dies by one write of that byte. It is used again two seconds after it
//!   died, which is longer than any reader takes.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("hosts");
//! # std::fs::write(&path, "127.0.0.1 localhost\n")?;
//! use hosts_file::{Hosts, HostsFile, Outcome, Owner};
//!
//! let mut file = HostsFile::new(&path, Owner::new("example")?);
//! let wanted = Hosts::unit("db".parse()?, vec!["10.0.0.5".parse()?].into());
//! match file.reconcile(&wanted, &Hosts::new())? {
//!     Outcome::Done(pass) => assert!(pass.wrote),
//!     // Somebody is just rewriting the file.
//!     Outcome::Unsettled(wait) => println!("try again in {wait:?}"),
//! }
//! assert_eq!(
//!     std::fs::read_to_string(&path)?,
//!     "127.0.0.1 localhost\n# BEGIN example\n10.0.0.5 db\n# END example\n"
//! );
//! file.clean(&wanted)?;
//! assert_eq!(std::fs::read_to_string(&path)?, "127.0.0.1 localhost\n");
//! # Ok(())
//! # }
//! ```
//!
//! # What never happens
//!
//! * A byte of others is altered, but that a last line without a line ending gets one in slots.
//! * A failure leaves anything but whole lines: a killed process, a full disk, a lost power.
//! * A name that a line of others maps is written: it is left to them, and told as
//!   [`shadowed`](Pass::shadowed).
//! * A [`Name`] or an [`Address`] that could do harm exists as a value: white space, control
//!   characters, `localhost`, loopback and the like. Addresses have no scope.
//! * A file that somebody has open for writing is replaced, where the system tells: it is written in slots
//!   meanwhile, or left alone while they seem to be writing all of it.
//! * A file that is [`HostsFile::confined`] leads outside: symbolic links, hard links, pipes, devices and files of
//!   strangers are refused.
//! * [`HostsFile::new`], [`read`](fn@read) or [`addresses_of`] change anything.
//!
//! # How to keep a file
//!
//! Call [`HostsFile::reconcile`] with all that is wanted, whenever that changes, whenever the file may
//! have changed ([`Watcher`] calls back), and after [`Pass::wake`], which is `Some` in slots while
//! something is on its way out. A pass that finds nothing to do writes nothing. What somebody else does
//! to the file is put right by the next pass. One process at a time may keep lines as one [`Owner`];
//! any number of owners may share a file in turn, but only one of them at a time writes slots.
//!
//! # Limits
//!
//! * Linux. Others may compile.
//! * In slots, several names do not change in one step, and for up to two seconds both the old and the
//!   new address of a name are answered. About (free slots ÷ 2 s) changes a second are taken in before
//!   the file grows; it never becomes shorter.
//! * A reader that is stopped in the middle of the file for more than two seconds can see a slot that
//!   was used again.
//! * While another program truncates and writes the file, its readers can see what that does.
//! * If another program drops all comments from the file within two seconds of a change, and then this
//!   process is killed or the power lost, an address that was on its way out looks like a line of
//!   others afterwards, and stays.
//!
//! # Features
//!
//! `file` (default): reading and writing. `watch` (default): [`Watcher`]. `serde`: names, addresses and
//! counts as values of serde. Without any: names, addresses and lines, which are pure.

mod address;
mod addresses;
#[cfg(feature = "file")]
mod checksum;
#[cfg(feature = "file")]
mod confined;
#[cfg(feature = "file")]
mod error;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "file")]
mod lease;
mod line;
#[cfg(feature = "file")]
mod lock;
#[cfg(feature = "file")]
mod method;
#[cfg(feature = "file")]
mod mount;
mod name;
mod owner;
mod quote;
#[cfg(feature = "file")]
mod read;
#[cfg(feature = "file")]
mod replace;
#[cfg(feature = "file")]
mod slots;
#[cfg(feature = "serde")]
mod text;
#[cfg(feature = "watch")]
mod watch;
#[cfg(feature = "file")]
mod writers;

pub use address::{Address, AddressError};
pub use addresses::Addresses;
pub use line::{addresses_of, foreign};
pub use name::{Label, LabelError, Name, NameError};
pub use owner::{Owner, OwnerError};
pub use quote::Quoted;

#[cfg(feature = "file")]
pub use error::Error;
#[cfg(feature = "file")]
pub use file::{Cleaned, HostsFile, Outcome, Pass, WatchSet};
#[cfg(feature = "file")]
pub use method::{Method, MethodChoice, Reason};
#[cfg(feature = "file")]
pub use read::{MAX_BYTES, read, target};
#[cfg(feature = "file")]
pub use replace::Note;
#[cfg(feature = "file")]
pub use slots::SlotCounts;
#[cfg(feature = "watch")]
pub use watch::{WatchError, Watcher, Watchers};
#[cfg(feature = "file")]
pub use writers::Writers;

/// What a hosts file is to say: each name with its addresses, in the order of its lines.
///
/// The map is persistent: a clone costs nothing and shares what both have in common, so that what
/// differs between two generations of it is found at the cost of the difference.
pub type Hosts = imbl::OrdMap<Name, Addresses>;

/// For this project's own proofs; not meant for anybody else, and may change at any time.
#[cfg(feature = "file")]
#[doc(hidden)]
pub mod proof {
    use std::sync::OnceLock;

    use super::replace::block;
    use super::{Hosts, Owner};

    static BEFORE_EACH_WRITE: OnceLock<fn()> = OnceLock::new();

    /// The text as it should be.
    pub fn plan(text: &[u8], wanted: &Hosts, owner: &Owner) -> Vec<u8> {
        block::plan(text, wanted, &Hosts::new(), owner).text
    }

    /// The text without all that is ours, where `last` is what we wrote.
    pub fn without(text: &[u8], last: &Hosts, owner: &Owner) -> Vec<u8> {
        block::without(text, last, owner).text
    }

    /// Has this called from now on before every single write in slots, and after the last one of a
    /// batch: where a test kills the process. Only the first call counts.
    pub fn before_each_write(hook: fn()) {
        let _ = BEFORE_EACH_WRITE.set(hook);
    }

    pub(crate) fn point() {
        if let Some(hook) = BEFORE_EACH_WRITE.get() {
            hook();
        }
    }
}

#[cfg(feature = "file")]
#[cfg(test)]
mod system_tests;
#[cfg(feature = "file")]
#[cfg(test)]
mod tests;
