//! The socket at which a running agent answers `hostsync status`.
//!
//! A client connects and reads one line of JSON. The socket's name is derived from the hosts file;
//! where several agents keep files of the same path, in mount namespaces of their own, the later
//! ones take a number behind it, and a client recognises its agent by the file.
//!
//! Where no directory may be written, as in a read-only container or for a user without a home, the socket has
//! no place in the file system but an abstract name. Those are of the network namespace, which the containers
//! of a pod share, so each bears the number of its mount namespace, which they do not share, and a client
//! believes nobody but its own user and root.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener as BlockingListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::plain;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Uid, geteuid};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

use crate::observe::status::{Status, identity};
use crate::store::paths::{User, slug};
use crate::store::temporary;

/// How many agents may keep files of the same path.
const NUMBERS: usize = 8;
/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a client looks again whose file was replaced while it looked.
const ATTEMPTS: usize = 3;

/// The socket of this process; removed when dropped.
#[derive(Debug)]
pub struct Socket {
    listener: Arc<UnixListener>,
    /// None for one without a place in the file system.
    path: Option<PathBuf>,
}

/// The answer of the agent that keeps the hosts file at `path`, if one runs.
pub fn ask(user: &User, path: &Path) -> Option<Status> {
    (0..ATTEMPTS).find_map(|_| {
        let directories = user.socket_directories();
        let sockets = directories
            .iter()
            .flat_map(|directory| names(directory, path));
        let told = |stream: UnixStream| query(stream).ok().filter(|status| keeps(status, path));
        let mut connected = sockets.filter_map(|socket| UnixStream::connect(socket).ok());
        connected.find_map(told).or_else(|| {
            let connect = |name: SocketAddr| UnixStream::connect_addr(&name).ok();
            let streams = abstract_names(path).filter_map(connect);
            streams.filter(is_trusted).find_map(told)
        })
    })
}

/// Anybody may take an abstract name.
fn is_trusted(stream: &UnixStream) -> bool {
    let peer = getsockopt(stream, sockopt::PeerCredentials);
    peer.is_ok_and(|peer| [Uid::from_raw(0), geteuid()].contains(&Uid::from_raw(peer.uid())))
}

/// True when the agent keeps the file that this process knows as `path`.
fn keeps(status: &Status, path: &Path) -> bool {
    match (&status.hosts_file.identity, identity(path)) {
        (Some(theirs), Some(ours)) => *theirs == ours,
        (None, None) => status.hosts_file.path == path,
        _ => false,
    }
}

fn query(mut stream: UnixStream) -> io::Result<Status> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let mut answer = serde_json::from_slice(&text)?;
    make_plain(&mut answer);
    Ok(serde_json::from_value(answer)?)
}

/// Whoever answers may be another user's program: no text of it drives a terminal or forges a line.
fn make_plain(answer: &mut Value) {
    match answer {
        Value::String(text) => *text = plain(text).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(make_plain),
        Value::Object(values) => values.values_mut().for_each(make_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names that the socket of a hosts file may have.
fn names(directory: &Path, hosts_file: &Path) -> impl Iterator<Item = PathBuf> {
    // Through whatever links, a file has one name here.
    let slug = slug(&hosts_file::target(hosts_file));
    (1..=NUMBERS).map(move |number| match number {
        1 => directory.join(format!("{slug}.sock")),
        _ => directory.join(format!("{slug}.{number}.sock")),
    })
}

/// The abstract names that it may have instead; none where the kernel does not tell our mount namespace.
fn abstract_names(hosts_file: &Path) -> impl Iterator<Item = SocketAddr> {
    let namespace = fs::read_link("/proc/self/ns/mnt").ok();
    let slug = slug(&hosts_file::target(hosts_file));
    let name = move |namespace: PathBuf, number: usize| {
        let name = format!("hostsync/{}/{slug}.{number}", namespace.display());
        SocketAddr::from_abstract_name(name).ok()
    };
    (1..=NUMBERS).filter_map(move |number| name(namespace.clone()?, number))
}

impl Socket {
    /// Takes the first name that no living agent has, in a directory or else an abstract one. Within the runtime.
    ///
    /// # Errors
    /// All names are taken, or there can be none.
    pub fn bind(user: &User, hosts_file: &Path) -> io::Result<Self> {
        Self::bind_in_directory(user, hosts_file).or_else(|error| {
            log::debug!("the socket of `hostsync status` has an abstract name: {error}");
            let mut names = abstract_names(hosts_file);
            let free = names.find_map(|name| BlockingListener::bind_addr(&name).ok());
            let listener = free.ok_or(error)?;
            listener.set_nonblocking(true)?;
            let listener = Arc::new(UnixListener::from_std(listener)?);
            Ok(Self {
                listener,
                path: None,
            })
        })
    }

    fn bind_in_directory(user: &User, hosts_file: &Path) -> io::Result<Self> {
        let directory = user.socket_directory();
        let directory = directory.ok_or_else(|| {
            io::Error::other("neither XDG_RUNTIME_DIR nor HOME says where to put the socket")
        })?;
        temporary::make_directory(&directory)?;
        let free = names(&directory, hosts_file).find(|path| vacate(path));
        let path = free.ok_or(io::ErrorKind::AddrInUse)?;
        let listener = Arc::new(UnixListener::bind(&path)?);
        // Anyone may ask; nothing that is told is secret, and nothing is taken.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let path = Some(path);
        Ok(Self { listener, path })
    }

    /// Answers for ever, also once the socket has lost its name.
    pub fn serve<F: Fn() -> Status>(&self, status: F) -> impl Future<Output = ()> + use<F> {
        let listener = Arc::clone(&self.listener);
        async move {
            loop {
                let accepted = listener.accept().await;
                let Ok((mut stream, _)) = accepted else {
                    // Out of file descriptors, for one; the next may be luckier.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let mut text = serde_json::to_vec(&status()).unwrap_or_default();
                text.push(b'\n');
                // A client that goes away or does not read harms only itself.
                let _ = tokio::time::timeout(PATIENCE, stream.write_all(&text)).await;
            }
        }
    }
}

/// True when the path is free, also because its last owner has died.
fn vacate(path: &Path) -> bool {
    match UnixStream::connect(path) {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).is_ok()
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Some(path) = &self.path else { return };
        let _ = fs::remove_file(path);
        // Others may have their sockets there; then it stays.
        let _ = path.parent().map(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::agent::Applied;
    use crate::follow::subscription::View;
    use crate::observe::status::Facts;
    use std::time::SystemTime;
    use zookeeper::State;

    fn status(hosts_file: &Path) -> Status {
        let facts = Facts {
            started: SystemTime::now(),
            servers: "zk1:2181".into(),
            znode: "/nameserver/hosts".into(),
            hosts_file: hosts_file.into(),
            cache: "/cache".into(),
            tls: None,
        };
        let state = State::Connecting {
            since: SystemTime::now(),
            failure: None,
        };
        Status::new(&facts, &state, &View::default(), &Applied::default(), None)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_agent_answers_for_its_own_file_only() {
        let directory = tempfile::tempdir().unwrap();
        let user = User {
            runtime: Some(directory.path().join("run")),
            ..User::default()
        };
        let hosts = directory.path().join("hosts");
        fs::write(&hosts, "").unwrap();
        let asked = |path: PathBuf| {
            let user = user.clone();
            async move {
                tokio::task::spawn_blocking(move || ask(&user, &path))
                    .await
                    .unwrap()
            }
        };
        assert_eq!(asked(hosts.clone()).await, None);

        // The agent of another file that has the same path elsewhere.
        let mut foreign = status(&hosts);
        foreign.hosts_file.identity = Some("0:0".into());
        let first = Socket::bind(&user, &hosts).unwrap();
        let first_path = first.path.clone();
        let first = tokio::spawn(async move { first.serve(|| foreign.clone()).await });
        assert_eq!(asked(hosts.clone()).await, None);

        let second = Socket::bind(&user, &hosts).unwrap();
        assert_ne!(second.path, first_path);
        let mut ours = status(&hosts);
        ours.zookeeper.state = "\u{1b}[2J\nin step\u{202e}".into();
        let second = tokio::spawn(async move { second.serve(|| ours.clone()).await });
        let answer = asked(hosts.clone()).await.unwrap();
        assert_eq!(answer.zookeeper.state, r"\u001b[2J\nin step\u202e");
        assert_eq!(answer.pid, std::process::id());
        assert!(!answer.in_step);
        assert_eq!(asked(directory.path().join("other")).await, None);

        for task in [first, second] {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(
            !directory.path().join("run/hostsync").exists(),
            "nothing stays"
        );
    }

    #[tokio::test]
    async fn the_socket_of_a_killed_agent_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let user = User {
            runtime: Some(directory.path().to_owned()),
            ..User::default()
        };
        let hosts = Path::new("/etc/hosts");
        let path = names(&directory.path().join("hostsync"), hosts)
            .next()
            .unwrap();
        fs::create_dir(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(Socket::bind(&user, hosts).unwrap().path, Some(path));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_directory_it_has_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = directory.path().join("hosts");
        fs::write(&hosts, "").unwrap();
        for user in [
            User::default(),
            // A directory that cannot be made.
            User {
                runtime: Some(hosts.clone()),
                ..User::default()
            },
        ] {
            let socket = Socket::bind(&user, &hosts).unwrap();
            assert_eq!(socket.path, None);
            let ours = hosts.clone();
            let answering = tokio::spawn(socket.serve(move || status(&ours)));
            let (path, asking) = (hosts.clone(), user.clone());
            let answer = tokio::task::spawn_blocking(move || ask(&asking, &path)).await;
            assert_eq!(answer.unwrap().unwrap().pid, std::process::id());
            answering.abort();
            let _ = answering.await;
        }
    }
}
