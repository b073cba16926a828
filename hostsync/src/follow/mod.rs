//! Follows what the nameservers publish.
//!
//! * [`subscription`] yields the latest good snapshot; [`unread`] counts events against versions, so that
//!   each generation is read once at most.
//! * [`published`] is a snapshot with where it was read; it decides which may follow which.

pub mod published;
pub mod subscription;
mod unread;

pub use published::Published;
pub use subscription::{Subscription, View};
