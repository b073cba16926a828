//! Registers this container in the tree, as an instance of a service or under an exact name.
//!
//! * [`Registration`] is what the flag asks for, and where that is in the tree. Pure.
//! * [`Registrars`] keep a znode for each in place while it is wished for.

mod flag;
mod instance_path;
mod registrar;
mod registrars;

pub use flag::{Kind, Registration, RegistrationError};
pub use registrar::{Desired, Instance, Outcome};
pub use registrars::Registrars;
