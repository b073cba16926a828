//! What the slot protocol asks of a file.

use super::Time;
use crate::Error;

/// Size and time of change, which differ after every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) modified: (i64, i64),
}

/// A file and the clock beside it. A call that fails may have done a part of what it should.
pub(crate) trait Store {
    /// The bytes from an offset on, as many as there are and fit; says how many.
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<usize, Error>;

    /// The byte at an offset; none behind the end.
    fn byte_at(&mut self, offset: u64) -> Result<Option<u8>, Error>;

    /// Writes over what is there.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Appends in one write, wherever the end is by then; says where it was.
    fn append(&mut self, bytes: &[u8]) -> Result<u64, Error>;

    /// Makes what was written so far survive a power cut.
    fn sync(&mut self) -> Result<(), Error>;

    /// What it looks like now.
    fn stamp(&self) -> Result<Stamp, Error>;

    /// Sets the time of change to one that is new.
    fn touch(&mut self) -> Result<(), Error>;

    /// The time on a monotonic clock that begins at [`GRACE`](super::GRACE), so that what is there at
    /// the beginning can have died long ago.
    fn now(&self) -> Time;

    /// Others change it all the time.
    fn contended(&self) -> Error;

    /// It is, or would become, longer than is read.
    fn too_large(&self, size: u64) -> Error;
}
