//! Scenarios over both daemons: the real binaries against a real ZooKeeper.

mod access;
mod bad_input;
mod bad_snapshots;
mod container;
mod daemon_manners;
mod hosts_files;
mod main_job;
mod network;
mod restarts;
mod slots;
mod the_lab;
mod usage;
