//! Registers this container in the tree, as an instance of a service or under an exact name.
//!
//! * [`Registration`] is what the flag asks for, and where that is in the tree. Pure.
//! * [`AddressChoice`] finds the address that others reach this host by.
//! * [`Sessions`] remembers our own sessions on disk, to tell an ephemeral znode of an earlier run
//!   from somebody else's.
//! * [`Registrars`] keep a znode for each in place while it is wished for.

mod address;
mod flag;
mod place;
mod registrar;
mod registrars;
mod sessions;

pub use address::{AddressArg, AddressChoice};
pub use flag::{Kind, Registration, RegistrationError};
pub use registrar::{Instance, Outcome, Wish};
pub use registrars::Registrars;
pub use sessions::Sessions;
