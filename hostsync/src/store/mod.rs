//! What lies on disk.
//!
//! * [`paths`]: where, for this user.
//! * [`cache`]: the last snapshot. [`sessions`]: our own sessions, to know our ephemeral znodes again.
//!   [`bindings`]: which instance each binding chose. [`unwritten`]: what of the snapshot is not in the file.

pub mod bindings;
pub mod cache;
pub mod paths;
pub mod sessions;
pub(crate) mod temporary;
pub mod unwritten;

pub use bindings::Bindings;
pub use cache::Cache;
pub use sessions::Sessions;
pub use unwritten::{Unwritten, UnwrittenFile};
