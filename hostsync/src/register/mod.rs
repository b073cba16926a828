//! Registers this container in the tree, as an instance of a service or under an exact name.
//!
//! * [`Registration`] is what the flag asks for, and where that is in the tree. Pure.
//! * [`Registrars`] keep a znode for each in place while it is wished for: `core` decides what is to
//!   be done, `driver` does it.

mod core;
mod driver;
mod flag;
mod instance_path;
mod registrars;
#[cfg(test)]
mod tests;

pub use self::core::{Desired, Outcome};
pub use driver::Instance;
pub use flag::{Kind, Registration, RegistrationError};
pub use registrars::Registrars;
