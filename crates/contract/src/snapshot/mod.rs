//! What `STATE/hosts` holds: all names at once, or, where they are many, an index of pages.

mod digest;
mod error;
mod head;
mod index;
mod json;
mod page;
#[cfg(test)]
mod paged_tests;
mod sum;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use crate::{Hosts, Name, ZnodePath};

pub use digest::Digest;
pub use error::DecodeError;
pub use head::Head;
pub use index::{Change, Index, PageEntry};
pub use page::Page;
pub use sum::Sum;

/// The format number of a snapshot that stands in one znode.
pub const FORMAT: u64 = 1;

/// The format number of an index of pages.
pub const PAGED_FORMAT: u64 = 2;

/// The largest snapshot, or page, that fits one znode, in bytes.
///
/// ZooKeeper refuses a request above `jute.maxbuffer` (1,048,575 bytes unless configured) and shows
/// the refusal as a lost connection; the difference leaves room for the path and the transaction
/// around the data.
pub const MAX_ENCODED_BYTES: usize = 1_048_575 - 2_048;

/// The longest index that is published, in bytes.
pub const MAX_INDEX_BYTES: usize = 16_384;

/// The most addresses that one name may have. A hosts file with more of them for one name serves no
/// resolver: glibc reads them all for each lookup.
pub const MAX_ADDRESSES_PER_NAME: usize = 16_384;

/// The highest generation that is read: the largest whole number that every reader of JSON keeps.
pub const MAX_GENERATION: u64 = (1 << 53) - 1;

/// Whether so many publishes fit into the history of ZooKeeper up to `mzxid`, the transaction that
/// wrote this generation: each publish is a transaction.
///
/// What is beyond that was not counted up to by anybody, and nobody goes on counting from there. One
/// that is within it can always be followed: the next transaction has a higher number, too.
pub fn is_plausible(generation: u64, mzxid: i64) -> bool {
    u64::try_from(mzxid).is_ok_and(|mzxid| generation <= mzxid)
}

/// How often an agent that is in step may tell so at most, unless the publisher says otherwise.
pub const PRESENCE: Duration = Duration::from_secs(1);

/// All names of a tree at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What is appended to every name; none for plain names.
    pub domain: Option<Name>,
    /// Rises by one with each publish and never goes back, whoever leads. At least 1.
    pub generation: u64,
    /// Every name with its addresses; never an empty list.
    pub hosts: Hosts,
    /// The id of the nameserver that published this.
    pub leader: String,
    /// The shortest time between two words of an agent that is in step; whole seconds.
    pub presence: Duration,
    /// When it was published, to the millisecond, by the publisher's clock.
    pub published: SystemTime,
    /// The znode below which the names were found.
    pub root: ZnodePath,
    /// The checksum of `hosts`, where somebody had a reason to know it.
    pub sum: Option<Sum>,
    /// The newest ZooKeeper transaction that this reflects.
    pub zxid: i64,
}
