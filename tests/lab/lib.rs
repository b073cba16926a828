//! Starts real ZooKeeper servers and the two daemons for tests.
