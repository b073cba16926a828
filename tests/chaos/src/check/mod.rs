//! What must hold, as pure functions of what was seen.

pub(crate) mod election;
pub(crate) mod file;
pub(crate) mod past;
pub(crate) mod snapshots;
pub(crate) mod transactions;
