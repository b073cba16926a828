//! Keeps /etc/hosts in step with the names that a nameserver publishes.

pub mod hosts_file;
