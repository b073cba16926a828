//! What lies on disk.
//!
//! * [`paths`]: where, for this user.
//! * [`cache`]: the last snapshot. [`sessions`]: our own sessions, to know our ephemeral znodes again.
//!   [`bindings`]: which instance each binding chose.

pub mod bindings;
pub mod cache;
pub mod paths;
pub mod sessions;
pub(crate) mod temporary;

pub use bindings::Bindings;
pub use cache::Cache;
pub use sessions::Sessions;
