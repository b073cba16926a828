//! The connect string: which servers, and below which znode.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

use contract::{PathError, ZnodePath};

/// What may stand before the servers, as other programs want it.
const SCHEMES: [&str; 2] = ["zookeeper://", "zk://"];

/// The port of a server that names none.
const DEFAULT_PORT: u16 = 2181;

/// The servers of an ensemble, and the znode that all paths are relative to:
/// `HOST:PORT[,HOST:PORT…][/CHROOT]`, as everywhere with ZooKeeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    servers: Vec<(Host, u16)>,
    chroot: ZnodePath,
}

/// A server's host, as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

/// Why a text is no connect string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServersError {
    /// No text between two commas, or none at all.
    #[error(
        "a server is missing; write HOST:PORT[,HOST:PORT…][/CHROOT], such as zk1:2181,zk2:2181"
    )]
    Empty,
    /// The host holds a character that no host name has.
    #[error("server {0:?} is no host name or address; write HOST:PORT")]
    Host(String),
    /// The port is not 1 to 65535.
    #[error("port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// An IPv6 address without brackets.
    #[error(
        "server {0:?} has several colons; write an IPv6 address in brackets, such as [fd00::5]:2181"
    )]
    Brackets(String),
    /// The part from the first slash on is no znode path.
    #[error("the chroot after the servers is no znode path: {0}")]
    Chroot(#[from] PathError),
}

impl Servers {
    /// The znode that all paths are relative to; `/` when none was given.
    pub fn chroot(&self) -> &ZnodePath {
        &self.chroot
    }

    /// A path as people may look for it, who see the whole tree of the servers: with the chroot, if there is one.
    pub fn in_chroot(&self, path: &ZnodePath) -> String {
        match self.chroot.is_root() {
            true => path.to_string(),
            false => format!("{path} below the chroot {}", self.chroot),
        }
    }

    /// The text for the client.
    ///
    /// A literal address is spelt so that it takes the way through the resolver (`0x7f000001`,
    /// `fd00::5%0`): the client's retry loop yields only there, and with a literal address and no
    /// network it would spin a core past its deadline. With TLS it is what a certificate has to be for, so
    /// there it stays as it is, and [`crate::client_task`] ends a client before its deadline.
    pub(crate) fn client_text(&self, is_tls: bool) -> String {
        if is_tls {
            return self.to_string();
        }
        self.text(|host| match host {
            Host::Address(IpAddr::V4(ip)) => format!("{:#010x}", ip.to_bits()),
            Host::Address(IpAddr::V6(ip)) => format!("[{ip}%0]"),
            Host::Name(name) => name.clone(),
        })
    }

    /// Each server as host and port, for a resolver.
    pub fn endpoints(&self) -> impl Iterator<Item = (String, u16)> {
        self.servers.iter().map(|(host, port)| match host {
            Host::Address(ip) => (ip.to_string(), *port),
            Host::Name(name) => (name.clone(), *port),
        })
    }

    fn text(&self, spell: impl Fn(&Host) -> String) -> String {
        let mut text = String::new();
        for (i, (host, port)) in self.servers.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(text, "{separator}{}:{port}", spell(host)).expect("a String takes all text");
        }
        if !self.chroot.is_root() {
            text.push_str(self.chroot.as_str());
        }
        text
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|host| match host {
            Host::Address(IpAddr::V6(ip)) => format!("[{ip}]"),
            Host::Address(ip) => ip.to_string(),
            Host::Name(name) => name.clone(),
        }))
    }
}

impl FromStr for Servers {
    type Err = ServersError;

    fn from_str(text: &str) -> Result<Self, ServersError> {
        let text = SCHEMES
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        let (servers, chroot) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, "/"),
        };
        Ok(Self {
            servers: servers.split(',').map(server).collect::<Result<_, _>>()?,
            chroot: lenient_path(chroot)?,
        })
    }
}

/// A znode path as people write it: with a slash behind it as well, as of a directory.
///
/// # Errors
/// It is none.
pub fn lenient_path(text: &str) -> Result<ZnodePath, PathError> {
    let path = text
        .strip_suffix('/')
        .filter(|path| !path.is_empty() && !path.ends_with('/'));
    path.unwrap_or(text).parse()
}

fn server(text: &str) -> Result<(Host, u16), ServersError> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (
            host,
            Some(
                rest.strip_prefix(':')
                    .ok_or_else(|| ServersError::Host(text.to_owned()))?,
            ),
        ),
        None if text.matches(':').count() > 1 => {
            return Err(ServersError::Brackets(text.to_owned()));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(ServersError::Port(port.to_owned())),
            Ok(port) => port,
        },
    };
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let host = match host.parse() {
        Ok(ip) => Host::Address(ip),
        Err(_) if host.is_empty() => return Err(ServersError::Empty),
        Err(_) if host.chars().all(allowed) => Host::Name(host.to_owned()),
        Err(_) => return Err(ServersError::Host(host.to_owned())),
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs;

    fn shown(text: &str) -> String {
        text.parse::<Servers>().unwrap().to_string()
    }

    #[test]
    fn connect_strings() {
        assert_eq!(shown("zk1"), "zk1:2181");
        assert_eq!(shown("zk1:1,zk2:2/a/b"), "zk1:1,zk2:2/a/b");
        assert_eq!(shown("10.0.0.1/"), "10.0.0.1:2181");
        assert_eq!(shown("zookeeper://zk1,zk2:2/a"), "zk1:2181,zk2:2/a");
        assert_eq!(shown("zk://zk1:1/a/"), "zk1:1/a");
        assert_eq!(shown("[fd00::5],[fd00::6]:7"), "[fd00::5]:2181,[fd00::6]:7");
    }

    #[test]
    fn mistakes_are_explained() {
        let error = |text: &str| text.parse::<Servers>().unwrap_err();
        assert_eq!(error(""), ServersError::Empty);
        assert_eq!(error("zk1,"), ServersError::Empty);
        assert_eq!(error("/chroot"), ServersError::Empty);
        assert_eq!(error("zk1:x"), ServersError::Port("x".into()));
        assert_eq!(error("zk1:0"), ServersError::Port("0".into()));
        assert_eq!(error("fd00::5"), ServersError::Brackets("fd00::5".into()));
        assert_eq!(error("zk 1"), ServersError::Host("zk 1".into()));
        assert!(matches!(error("zk1/a//b"), ServersError::Chroot(_)));
        assert!(matches!(error("zk1/a//"), ServersError::Chroot(_)));
        assert_eq!(error("zookeeper://"), ServersError::Empty);
    }

    #[test]
    fn a_path_may_end_in_a_slash() {
        let read = |text: &str| lenient_path(text).unwrap().to_string();
        assert_eq!(
            ["/services/", "/services", "/"].map(read),
            ["/services", "/services", "/"]
        );
        for wrong in ["", "services/", "/a//", "//"] {
            assert!(lenient_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_client_s_spelling_resolves_to_the_same_address_but_is_no_literal() {
        for text in ["127.0.0.1:1", "10.1.2.3:2181", "[::1]:1", "[fd00::5]:2181"] {
            let spelt = text.parse::<Servers>().unwrap().client_text(false);
            let (host, port) = spelt.rsplit_once(':').unwrap();
            let host = host.trim_matches(['[', ']']);
            assert!(host.parse::<IpAddr>().is_err(), "{host}");
            let resolved: Vec<_> = (host, port.parse().unwrap())
                .to_socket_addrs()
                .unwrap()
                .collect();
            assert_eq!(resolved, vec![text.parse().unwrap()]);
        }
    }
}
