//! A blocking client for tests.
//!
//! Only one room of the project may name the ZooKeeper client, and that is `zookeeper`. This is the
//! one exception: a test that looked through `zookeeper` would not see what `zookeeper` gets wrong.

use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::runtime::{Builder, Runtime};
use zookeeper_client::{Acls, Client as Inner, CreateMode, CreateOptions, Error, Stat};

use crate::stopwatch::Stopwatch;

/// How long a call is tried again while the server is away.
const LIMIT: Duration = Duration::from_secs(30);

/// How long one attempt to open a session may take, which a busy server answers late.
const CONNECTING: Duration = Duration::from_secs(10);

/// Requests that are under way at once.
const PIPELINE: usize = 512;

/// A session of its own. Dropped, the session is closed and its ephemeral znodes go.
#[derive(Debug)]
pub struct Client {
    servers: String,
    timeout: Duration,
    identity: Option<String>,
    inner: Mutex<Option<Inner>>,
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.expect("a runtime for the tests' own clients")
    })
}

impl Client {
    /// Connects to `HOST:PORT,…[/CHROOT]`, with a session timeout of ten seconds.
    pub fn connect(servers: &str) -> Self {
        Self::connect_for(servers, Duration::from_secs(10))
    }

    /// Connects with a session timeout of one's own.
    pub fn connect_for(servers: &str, timeout: Duration) -> Self {
        Self {
            servers: servers.to_owned(),
            timeout,
            identity: None,
            inner: Mutex::new(None),
        }
    }

    /// Connects as somebody, written `USER:PASSWORD`.
    pub fn connect_as(servers: &str, identity: &str) -> Self {
        let mut client = Self::connect(servers);
        client.identity = Some(identity.to_owned());
        client
    }

    /// Creates a persistent znode that only this client's identity may use, if nobody was quicker.
    pub fn try_create_private(&self, path: &str) -> bool {
        let options = CreateMode::Persistent.with_acls(Acls::creator_all());
        self.call(|inner| {
            let options = options.clone();
            async move { inner.create(path, b"", &options).await.map(drop) }
        })
        .is_ok()
    }

    /// Creates an ephemeral znode, if nobody was quicker.
    pub fn try_create_ephemeral(&self, path: &str) -> bool {
        let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        self.call(|inner| {
            let options = options.clone();
            async move { inner.create(path, b"", &options).await.map(drop) }
        })
        .is_ok()
    }

    /// Creates a persistent znode that only this client's identity may read or change.
    pub fn create_private(&self, path: &str, data: impl AsRef<[u8]>) {
        let options = CreateMode::Persistent.with_acls(Acls::creator_all());
        let _ = self.create_after(false, &options, path, data.as_ref());
    }

    /// Creates a persistent znode that nobody may change, but everybody read.
    pub fn create_read_only(&self, path: &str, data: impl AsRef<[u8]>) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_read());
        let _ = self.create_after(false, &options, path, data.as_ref());
    }

    /// Makes a znode one that nobody may change, but everybody read.
    pub fn make_read_only(&self, path: &str) {
        let acls = Acls::anyone_read();
        self.call(|inner| {
            let acls = acls.to_vec();
            async move { inner.set_acl(path, &acls, None).await }
        })
        .unwrap_or_else(|error| panic!("set the ACL of {path}: {error}"));
    }

    /// Makes a znode one that nobody may read or change any more, but anybody may open again.
    pub fn forbid(&self, path: &str) {
        let acl = zookeeper_client::Acl::new(
            zookeeper_client::Permission::ADMIN,
            zookeeper_client::AuthId::anyone(),
        );
        self.call(|inner| {
            let acl = acl.clone();
            async move { inner.set_acl(path, &[acl], None).await }
        })
        .unwrap_or_else(|error| panic!("set the ACL of {path}: {error}"));
    }

    /// Gives a znode to somebody whom nobody is.
    pub fn give_away(&self, path: &str) {
        let somebody =
            zookeeper_client::AuthId::new("digest", "somebody:AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let all = zookeeper_client::Acl::new(zookeeper_client::Permission::ALL, somebody);
        self.call(|inner| {
            let all = all.clone();
            async move { inner.set_acl(path, &[all], None).await }
        })
        .unwrap_or_else(|error| panic!("set the ACL of {path}: {error}"));
    }

    /// The entries of a znode's ACL, as `SCHEME:USER:PERMISSIONS` has them in Rust's words.
    pub fn rights(&self, path: &str) -> Vec<String> {
        let get = |inner: Inner| async move { inner.get_acl(path).await };
        let (acl, _) = self
            .call(get)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let entries = acl.iter().map(|acl| {
            let user = acl.auth_id().id().split(':').next().unwrap_or_default();
            format!("{}:{user}:{}", acl.auth_id().scheme(), acl.permission())
        });
        entries.collect()
    }

    /// Whether this client may set a znode's data, which it leaves alone.
    pub fn may_write(&self, path: &str) -> bool {
        let set = |inner: Inner| async move { inner.set_data(path, b"", Some(i32::MAX)).await };
        !matches!(self.call(set), Err(Error::NoAuth))
    }

    /// Whom the entries of a znode's ACL name, as `SCHEME:ID`.
    pub fn acl(&self, path: &str) -> Vec<String> {
        let get = |inner: Inner| async move { inner.get_acl(path).await };
        let (acl, _) = self
            .call(get)
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let ids = acl.iter().map(|acl| acl.auth_id());
        ids.map(|id| format!("{}:{}", id.scheme(), id.id()))
            .collect()
    }

    /// Creates a persistent znode.
    pub fn create(&self, path: &str, data: impl AsRef<[u8]>) {
        self.create_as(CreateMode::Persistent, path, data.as_ref());
    }

    /// Creates a znode that goes with this client.
    pub fn create_ephemeral(&self, path: &str, data: impl AsRef<[u8]>) {
        self.create_as(CreateMode::Ephemeral, path, data.as_ref());
    }

    /// Creates a znode whose name is `prefix` and the next sequence number; returns its path.
    pub fn create_sequential(&self, prefix: &str, data: impl AsRef<[u8]>) -> String {
        let number = self.create_as(CreateMode::PersistentSequential, prefix, data.as_ref());
        format!("{prefix}{number:010}")
    }

    /// Tries to create a znode; whether the server and the client take such a path.
    pub fn try_create(&self, path: &str, data: impl AsRef<[u8]>) -> bool {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        self.try_create_after(false, &options, path, data.as_ref())
            .is_ok()
    }

    /// Deletes znodes without children, with many requests under way at once.
    pub fn delete_all_of(&self, paths: &[String]) {
        let inner = self
            .inner()
            .unwrap_or_else(|error| panic!("delete many: {error}"));
        let mut lost = Vec::new();
        runtime().block_on(async {
            for some in paths.chunks(PIPELINE) {
                let deletions = some.iter().map(|path| inner.delete(path, None));
                let deleted = futures::future::join_all(deletions).await;
                for (path, deleted) in some.iter().zip(deleted) {
                    match deleted {
                        Ok(()) => {}
                        Err(error) if is_of_connection(&error) => lost.push(path),
                        Err(error) => panic!("delete {path}: {error}"),
                    }
                }
            }
        });
        for path in lost {
            self.delete_after(true, path);
        }
    }

    /// Creates persistent znodes, parents first, with many requests under way at once.
    pub fn create_many<'a>(&self, znodes: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let inner = self
            .inner()
            .unwrap_or_else(|error| panic!("create many: {error}"));
        let create = async |path: &'a str, data: &'a str| {
            let created = inner.create(path, data.as_bytes(), &options).await;
            (path, data, created.map(drop))
        };
        let mut lost = Vec::new();
        let mut done = |(path, data, created): (&'a str, &'a str, Result<(), Error>)| match created
        {
            Ok(()) => {}
            Err(error) if is_of_connection(&error) => lost.push((path, data)),
            // So may its parent be.
            Err(Error::NoNode) if !lost.is_empty() => lost.push((path, data)),
            Err(error) => panic!("create {path}: {error}"),
        };
        runtime().block_on(async {
            let mut under_way = FuturesOrdered::new();
            for (path, data) in znodes {
                under_way.push_back(create(path, data));
                if under_way.len() >= PIPELINE {
                    done(under_way.next().await.expect("it is not empty"));
                }
            }
            while let Some(created) = under_way.next().await {
                done(created);
            }
        });
        for (path, data) in lost {
            let _ = self.create_after(true, &options, path, data.as_bytes());
        }
    }

    /// Replaces the data of a znode.
    pub fn set(&self, path: &str, data: impl AsRef<[u8]>) {
        self.call(|inner| {
            let data = data.as_ref();
            async move { inner.set_data(path, data, None).await }
        })
        .unwrap_or_else(|error| panic!("set {path}: {error}"));
    }

    /// Tries to replace the data of a znode; whether the server lets this client.
    pub fn try_set(&self, path: &str, data: impl AsRef<[u8]>) -> bool {
        self.call(|inner| {
            let data = data.as_ref();
            async move { inner.set_data(path, data, None).await }
        })
        .is_ok()
    }

    /// Creates a znode, or replaces its data.
    pub fn put(&self, path: &str, data: impl AsRef<[u8]>) {
        if !self.try_create(path, data.as_ref()) {
            self.set(path, data);
        }
    }

    /// Deletes a znode.
    pub fn delete(&self, path: &str) {
        self.delete_after(false, path);
    }

    /// Deletes a znode and creates it again, as a persistent one, in one transaction.
    pub fn make_anew(&self, path: &str, data: impl AsRef<[u8]>) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        self.call(|inner| {
            let (data, options) = (data.as_ref(), options.clone());
            async move {
                let mut writer = inner.new_multi_writer();
                writer.add_delete(path, None)?;
                writer.add_create(path, data, &options)?;
                writer.commit().await.map_err(Error::from)
            }
        })
        .unwrap_or_else(|error| panic!("make {path} anew: {error}"));
    }

    /// Deletes a znode and all below it.
    pub fn delete_all(&self, path: &str) {
        for child in self.children(path) {
            self.delete_all(&format!("{path}/{child}"));
        }
        self.delete(path);
    }

    /// The data of a znode; `None` if there is no such znode.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        match self.call(|inner| async move { inner.get_data(path).await }) {
            Ok((data, _)) => Some(data),
            Err(Error::NoNode) => None,
            Err(error) => panic!("get {path}: {error}"),
        }
    }

    /// What the server knows of a znode; `None` if there is no such znode.
    pub fn stat(&self, path: &str) -> Option<Stat> {
        self.call(|inner| async move { inner.check_stat(path).await })
            .unwrap_or_else(|error| panic!("stat {path}: {error}"))
    }

    /// The names of a znode's children, sorted; none if there is no such znode.
    pub fn children(&self, path: &str) -> Vec<String> {
        match self.call(|inner| async move { inner.list_children(path).await }) {
            Ok(mut children) => {
                children.sort_unstable();
                children
            }
            Err(Error::NoNode) => Vec::new(),
            Err(error) => panic!("children of {path}: {error}"),
        }
    }

    fn create_as(&self, mode: CreateMode, path: &str, data: &[u8]) -> i64 {
        self.create_after(false, &mode.with_acls(Acls::anyone_all()), path, data)
    }

    fn create_after(&self, lost: bool, options: &CreateOptions, path: &str, data: &[u8]) -> i64 {
        self.try_create_after(lost, options, path, data)
            .unwrap_or_else(|error| panic!("create {path}: {error}"))
    }

    /// Creates a znode; its sequence number, if it has one. When an earlier answer was lost, the znode
    /// may be there already; one with a number may be there twice.
    fn try_create_after(
        &self,
        lost: bool,
        options: &CreateOptions,
        path: &str,
        data: &[u8],
    ) -> Result<i64, Error> {
        self.repeat(|inner, again| async move {
            match inner.create(path, data, options).await {
                Err(Error::NodeExists) if lost || again => Ok(-1),
                created => created.map(|(_, number)| number.into_i64()),
            }
        })
    }

    /// Deletes a znode. When an earlier answer was lost, it may be gone already.
    fn delete_after(&self, lost: bool, path: &str) {
        self.repeat(|inner, again| async move {
            match inner.delete(path, None).await {
                Err(Error::NoNode) if lost || again => Ok(()),
                deleted => deleted,
            }
        })
        .unwrap_or_else(|error| panic!("delete {path}: {error}"));
    }

    /// Does one call, again after a lost connection and with a new session after an expired one.
    pub(crate) fn call<T, F: Future<Output = Result<T, Error>>>(
        &self,
        operation: impl Fn(Inner) -> F,
    ) -> Result<T, Error> {
        self.repeat(|inner, _| operation(inner))
    }

    /// The same; `operation` is told whether it may have happened before.
    fn repeat<T, F: Future<Output = Result<T, Error>>>(
        &self,
        operation: impl Fn(Inner, bool) -> F,
    ) -> Result<T, Error> {
        let started = Stopwatch::start();
        let mut again = false;
        loop {
            let inner = self.inner()?;
            match runtime().block_on(operation(inner, again)) {
                Err(error) if is_of_connection(&error) && started.elapsed() < LIMIT => {
                    if is_of_session(&error) {
                        *self.lock() = None;
                    }
                    again = true;
                }
                result => return result,
            }
        }
    }

    /// The session, opened when there is none.
    fn inner(&self) -> Result<Inner, Error> {
        let mut slot = self.lock();
        if let Some(inner) = &*slot {
            return Ok(inner.clone());
        }
        let started = Stopwatch::start();
        loop {
            let mut connector = Inner::connector().with_session_timeout(self.timeout);
            if let Some(identity) = &self.identity {
                connector = connector.with_auth("digest", identity.as_bytes());
            }
            let connecting = connector.connect(&self.servers);
            let connected =
                runtime().block_on(async { tokio::time::timeout(CONNECTING, connecting).await });
            match connected.unwrap_or(Err(Error::Timeout)) {
                Ok(inner) => return Ok(slot.insert(inner).clone()),
                Err(error) if started.elapsed() > LIMIT => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Inner>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the request may have been answered, and the answer lost.
fn is_of_connection(error: &Error) -> bool {
    // The last one is the system's word about the connection, such as its reset.
    let is_lost = matches!(
        error,
        Error::ConnectionLoss | Error::Timeout | Error::Custom(_)
    );
    is_lost || is_of_session(error)
}

/// Whether only a new session helps.
fn is_of_session(error: &Error) -> bool {
    matches!(error, Error::SessionExpired | Error::ClientClosed)
}
