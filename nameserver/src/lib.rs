//! Turns a live ZooKeeper tree into names and publishes them as one snapshot.
