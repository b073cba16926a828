//! The supervised ZooKeeper session, the one place that names the client.
