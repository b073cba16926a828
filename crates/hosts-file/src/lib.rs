//! Keeps a program's own lines in a hosts file.

mod address;
#[cfg(feature = "file")]
mod error;
#[cfg(feature = "file")]
mod file;
mod line;
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

use std::collections::BTreeMap;

pub use address::{Address, AddressError};
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
pub use watch::{WatchError, Watcher};

/// What a hosts file is to say: each name with its addresses, in the order of its lines.
pub type Hosts = BTreeMap<Name, Vec<Address>>;

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
