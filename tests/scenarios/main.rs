//! Scenarios over both daemons: the real binaries against a real ZooKeeper.

mod the_lab;
