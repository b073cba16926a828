//! Makes the hosts file agree with the latest snapshot.
//!
//! * [`agent`] is the loop: one idempotent pass, and what wakes it.
//! * [`fleet`] does it for many files: those that match a [`pattern`], such as the [`places`] where engines keep their
//!   containers'.
//! * [`selection`] says which names of a snapshot become [`entries`] of the file, which follow it change by
//!   change. Pure.
//! * `former` remembers what was published before, to know it again in lines that others made of ours. Pure.
//! * [`report`] says what a pass changed, once.
//! * `shared` judges a file that another process keeps by what it says. Pure.
//! * [`remedy`] adds to what goes wrong with the file what to do about it.
//! * [`cache_writer`] keeps on disk what was applied, for a start without ZooKeeper.

pub mod agent;
pub mod cache_writer;
pub mod entries;
mod fight;
pub mod fleet;
mod former;
pub mod pattern;
pub mod places;
pub mod remedy;
pub mod report;
mod rivals;
pub mod selection;
mod shared;
pub(crate) mod watch;
