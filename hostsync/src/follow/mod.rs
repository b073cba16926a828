//! Follows what the nameservers publish.
//!
//! * [`subscription`] yields the latest good snapshot. It reads what `judge` finds missing, which goes
//!   from a znode and what is held to what is to be read, and from there to what is known. Pure.
//! * [`published`] is a snapshot with where it was read; it decides which may follow which.

mod judge;
pub mod published;
pub mod subscription;

pub use published::Published;
pub use subscription::{Subscription, View};
