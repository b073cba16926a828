//! Scenarios over both daemons.
