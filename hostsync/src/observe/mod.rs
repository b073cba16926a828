//! All that is told outside.
//!
//! * [`status`] is what can be told, with [`findings`] of registrations and bindings in it.
//! * [`control_socket`] answers `hostsync status` with it, [`metrics`] HTTP, [`systemd`] the service
//!   manager.
//! * [`presence`] tells everybody at `STATE/agents/ID` what is applied, or why it is not.

pub mod control_socket;
pub mod findings;
pub mod metrics;
pub mod presence;
pub mod status;
pub mod systemd;
