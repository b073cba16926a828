//! The contract between all processes: what a name, an address and a znode path are, what stands
//! below `STATE`, and who may write it.
//!
//! * [`State`] says where everything is. Its znodes hold a [`Snapshot`] of all names, [`Settings`],
//!   [`Held`] names, and what each [`Candidate`] and each [`Agent`] tells of itself; what an agent
//!   registers in the tree is an [`Instance`].
//! * **Who writes:** the leading nameserver what is published, everybody else only znodes of their own.
//! * **Who reads:** every hostsync, and anyone who likes JSON: `docs/contract.md` has an example of each.
//! * **What never happens:** a [`Name`] or an [`Address`] that could do harm in a hosts file
//!   (white space, control characters, `localhost`, loopback) exists as a value of these types, which
//!   are those of the crate that writes hosts files. A snapshot that holds one is refused whole by
//!   [`Snapshot::decode`].
//!
//! This crate is pure: no clock, no files, no network.

mod agent;
mod body;
mod candidate;
mod counted;
mod diff;
mod held;
pub mod hosts_line;
mod instance;
mod path;
mod plain;
mod rfc3339;
mod settings;
mod snapshot;
mod state;

pub use ::plain::plain;
pub use agent::{Agent, AgentFiles};
pub use body::{BodyError, MAX_BODY_BYTES};
pub use candidate::Candidate;
pub use counted::Counted;
pub use diff::{Diff, Moved};
pub use held::Held;
pub use hosts_file::{
    Address, AddressError, Addresses, Hosts, Label, LabelError, Name, NameError, Quoted,
};
pub use instance::Instance;
pub use path::{PathError, ZnodePath};
pub use settings::Settings;
pub use snapshot::{
    Change, DecodeError, Digest, FORMAT, Head, Index, MAX_ADDRESSES_PER_NAME, MAX_ENCODED_BYTES,
    MAX_GENERATION, MAX_INDEX_BYTES, PAGED_FORMAT, PRESENCE, Page, PageEntry, Snapshot, Sum,
    is_plausible,
};
pub use state::State;
