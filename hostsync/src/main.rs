//! The hostsync daemon.

fn main() {}
