//! The contract between the two daemons: what a name, an address and a znode path are, and the
//! snapshot of all names that nameserver publishes and hostsync applies.
//!
//! * **Who writes:** the leading nameserver, one [`Snapshot`] a generation, at `STATE/hosts`.
//! * **Who reads:** every hostsync, and anyone who likes JSON.
//! * **What never happens:** a [`Name`] or an [`Address`] that could do harm in a hosts file
//!   (white space, control characters, `localhost`, loopback) exists as a value of these types, which
//!   are those of the crate that writes hosts files. A snapshot that holds one is refused whole by
//!   [`Snapshot::decode`].
//!
//! This crate is pure: no clock, no files, no network.

mod counted;
mod diff;
pub mod hosts_line;
mod path;
mod wire;

pub use counted::Counted;
pub use diff::Diff;
pub use hosts_file::{Address, AddressError, Label, LabelError, Name, NameError, Quoted};
pub use path::{PathError, ZnodePath};
pub use wire::{DecodeError, FORMAT, Hosts, MAX_ADDRESSES_PER_NAME, MAX_ENCODED_BYTES, Snapshot};
