//! `--bind`: a local name for one instance of a service.
//!
//! * [`Binding`] is what the flag asks for. Pure.
//! * [`choose`] picks an instance. Pure.
//! * [`Binders`] keep the choices in ZooKeeper, where everybody sees the load, and tell the agent: `core`
//!   decides what is to be done, `driver` does it.

mod choice;
mod core;
mod driver;
mod flag;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use contract::{Addresses, Hosts, Name};

pub use crate::store::bindings::Bound;

pub use choice::{Candidate, choose};
pub use driver::Binders;
pub use flag::{Binding, BindingError, Preference};

/// Why a local name is bound to nothing, or to an instance that may be the wrong one.
pub type Troubles = BTreeMap<Name, String>;

/// The entries of a hosts file with the local names among them. A local name comes before a
/// published one.
pub fn with_bound(mut entries: Hosts, bound: &Bound) -> Hosts {
    let bound = bound
        .iter()
        .map(|(name, address)| (name.clone(), Addresses::from(&[*address][..])));
    entries.extend(bound);
    entries
}
