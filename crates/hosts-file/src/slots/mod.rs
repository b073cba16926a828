//! Writing in place so that no reader ever sees half of a change: the slot protocol.
//!
//! A bind-mounted hosts file cannot be replaced, and whoever overwrites it tears it under its
//! readers. So each of our lines has a *slot* of its own, a run of 64-byte cells that no reader's
//! buffer splits, and a slot changes only in ways of which every mixture is harmless:
//!
//! 1. A slot is *dead* while its first byte is `#`. Only then is its body written, and only when no
//!    reader can still be reading what it held when it was alive ([`GRACE`] later).
//! 2. It comes alive, or dies, by one write of that one byte.
//! 3. A changed address comes alive in a new slot before the old one dies: at once when the new one
//!    lies behind the old one, where every reader comes by later, else after [`GRACE`].
//! 4. The file only ever grows, by whole pages of dead slots; nothing is moved or truncated.
//!
//! `layout` reads the slots from the lines of a file, `table` decides as a pure state machine what
//! to do next, `driver` does it over a `store`: a real `file`, or the model of one in the tests.
//!
//! What is done costs what changes. The table looks only at names of which something else is wanted
//! than at its last step, or of which lines are on their way out. The whole file is read and taken
//! apart when it is first met, after a failure, and when somebody else has changed it; to know that
//! nobody has, it is compared with the `sums` of what it should be.

mod agenda;
mod difference;
mod driver;
mod file;
mod free;
mod growth;
mod known;
mod layout;
mod live;
mod operations;
mod reading;
mod reclaim;
mod scan;
mod settling;
mod slot;
mod store;
mod sums;
mod table;

use std::time::Duration;

pub(crate) use driver::Driver;
pub use table::SlotCounts;

/// The unit of slots, in bytes.
const CELL: usize = 64;
/// A slot never crosses a multiple of this: glibc's and musl's buffers begin at such offsets.
const GROUP: u64 = 1024;
/// The longest slot, in cells: musl reads lines into 512 bytes.
const MAX_CELLS: usize = 7;
/// The file grows by multiples of this.
const PAGE: u64 = 4096;
/// How much of the file is held at a time while it is read; whole pages.
const CHUNK: usize = 16 * PAGE as usize;
/// No reader takes longer from the first to the last byte that it looks at. Measured, with a wide
/// margin; a reader that is stopped for longer can see a slot that was reused.
const GRACE: Duration = Duration::from_secs(2);

/// Time on a monotonic clock with any origin.
pub(crate) type Time = Duration;

#[cfg(test)]
mod events;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
