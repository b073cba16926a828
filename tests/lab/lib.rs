//! A laboratory for the two daemons: real ZooKeeper servers, the real binaries, and what a test
//! needs to look at both from outside.
//!
//! ```no_run
//! use lab::{HostsFile, hostsync, nameserver, tree};
//!
//! let tree = tree("first-names");
//! tree.create("/db", "");
//! tree.create("/db/primary", "10.0.0.5");
//! let hosts = HostsFile::with("127.0.0.1 localhost\n");
//! let _nameserver = nameserver(&tree).run();
//! let _hostsync = hostsync(&tree, &hosts).run();
//! hosts.soon_maps("primary.db", &["10.0.0.5"]);
//! ```
//!
//! * A test owns what it starts: dropping a [`Running`], a [`ZooKeeper`] or a [`Scratch`] ends it.
//!   When the test process itself is killed, a small reaper ends and removes the rest.
//! * Nothing waits for a fixed time: a test waits for a condition ([`wait_for`]) with a deadline, and
//!   a failure says what was seen last. Limits are measured by a [`Stopwatch`], which counts what the
//!   machine gives and not what passes: a busy machine breaks no test.
//! * What goes wrong inside the lab panics with the reason: it is only ever used by tests.
//! * A [`Proxy`] in front of a server is a network with faults, and counts the requests.
//! * Every server listens on loopback only; [`Network::reach`] lets containers reach one.

mod attempt;
mod authority;
mod browser;
mod client;
mod cluster;
mod compose;
mod dns;
mod dnsmasq;
mod docker;
mod files;
mod http;
mod mounts;
mod needs;
mod podman;
mod ports;
mod process;
mod program;
mod prometheus;
mod proxy;
mod reaper;
mod requests;
mod stopwatch;
mod tree;
mod wait;
mod watchful;
mod zookeeper;

pub use attempt::{Attempt, CreateMode, Failure};
pub use authority::{Authority, Certificate};
pub use browser::Browser;
pub use client::Client;
pub use cluster::Ensemble;
pub use compose::Compose;
pub use dns::{DigRecord, Dns, Nsd, Response};
pub use dnsmasq::Dnsmasq;
pub use docker::{Container, Image, Network, docker};
pub use files::{HostsFile, Names, Scratch};
pub use http::{HttpAnswer, http_ask, http_get};
pub use mounts::{Mount, leave_the_mounts_of_others};
pub use needs::{Need, needs};
pub use podman::Podman;
pub use ports::free_port;
pub use process::{Process, alive, kill_pid};
pub use program::{Outcome, Program, Running, binary, hostsync, nameserver};
pub use prometheus::{Prometheus, promtool};
pub use proxy::{Cut, Lie, Proxy};
pub use requests::Requests;
pub use stopwatch::Stopwatch;
pub use tree::{Snapshot, Tree, tree};
pub use wait::{PATIENCE, wait_for, wait_until};
pub use watchful::while_reading;
pub use zookeeper::{Options, ZooKeeper};
