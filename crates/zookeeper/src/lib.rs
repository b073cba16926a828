//! A supervised ZooKeeper session, and the only crate that names the ZooKeeper client.
//!
//! [`Session::start`] keeps a session alive in the background: it connects to any of several
//! servers, with backoff and jitter, resumes the session after a connection loss and opens a new
//! one after expiry. Whoever needs ZooKeeper asks for a [`Connection`], which stands for one
//! unbroken connection: once it breaks, its [`Watch`]es end with [`Error::Lost`], and the caller
//! starts over from a new one: watch again, read again. That is the whole protocol, because
//! ZooKeeper loses events of persistent watches while a client is away (ZOOKEEPER-4698).
//! [`Session::follow`] is that loop, for whatever can be tried over one connection.
//!
//! Every call has a deadline, the session timeout.

mod access;
mod acl;
mod backoff;
mod client_task;
mod connection;
mod data_watch;
mod diagnosis;
mod election;
mod error;
mod follow;
mod open;
mod options;
mod peer;
mod reconnect_jitter;
mod servers;
mod snapshot;
mod state;
mod supervisor;
mod tls;
mod transaction;
mod watch;

pub use acl::{Acl, AclError};
pub use backoff::Backoff;
pub use connection::{Connection, Create, Stat, Znode};
pub use data_watch::DataWatch;
pub use election::{Leadership, is_candidate};
pub use error::Error;
pub use follow::{Follower, Retry};
pub use open::Kept;
pub use options::{Auth, AuthError, Options};
pub use servers::{Servers, ServersError, lenient_path};
pub use snapshot::{Published, SnapshotError};
pub use state::State;
pub use supervisor::Session;
pub use tls::{Ends, Tls, TlsError, TlsFiles};
pub use transaction::{OwnedWrite, Write};
pub use watch::{Change, Event, Watch};
