//! Asking the system's resolver for host names that nothing in the tree has, off the hot path.
//!
//! [`cache`] decides, without doing any of it, which name is asked for when and what its answer
//! changes. Here are the threads that ask: the system's resolver blocks them for as long as it
//! likes, so there is a fixed number of them, and nobody waits for a name that hangs.

mod cache;

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use contract::{Address, Name, hosts_line};
use tokio::task::JoinSet;

use crate::namespace::{Answer, Namespace};
use cache::Cache;

/// How many names are asked for at once: half of the runtime's blocking threads.
const IN_FLIGHT: usize = 8;

/// How the system answers: the addresses of a name, in any order.
type Ask = fn(&Name) -> io::Result<Vec<Address>>;

/// Asks the system's resolver, if it may, and asks again when an answer has become old.
#[derive(Debug)]
pub struct Resolver {
    is_on: bool,
    cache: Cache,
    asked: JoinSet<(Name, io::Result<Vec<Address>>)>,
    ask: Ask,
}

impl Resolver {
    /// A resolver that asks the system, or, when it is off, knows nothing.
    pub fn new(is_on: bool) -> Self {
        Self {
            is_on,
            cache: Cache::default(),
            asked: JoinSet::new(),
            ask: ask_system,
        }
    }

    /// Has the given host names asked for, unless they are already.
    pub fn want(&mut self, hosts: impl IntoIterator<Item = Name>) {
        if self.is_on {
            let now = Instant::now();
            hosts
                .into_iter()
                .for_each(|host| self.cache.want(host, now));
        }
    }

    /// Has every host name asked for that the namespace needs.
    pub fn want_all(&mut self, namespace: &Namespace) {
        if self.is_on {
            self.want(namespace.all_foreign_hosts());
        }
    }

    /// Waits for news. May be given up and called again without losing any.
    pub async fn next(&mut self, is_needed: impl Fn(&Name) -> bool) -> Answer {
        loop {
            let now = Instant::now();
            while self.asked.len() < IN_FLIGHT
                && let Some(host) = self.cache.start(now)
            {
                if !is_needed(&host) {
                    self.cache.forget(&host);
                    return Answer::Unneeded(host);
                }
                let ask = self.ask;
                self.asked.spawn_blocking(move || {
                    let addresses = ask(&host);
                    (host, addresses)
                });
            }
            let is_full = self.asked.len() >= IN_FLIGHT;
            let due = self.cache.next_due().filter(|_| !is_full);
            tokio::select! {
                Some(done) = self.asked.join_next() => {
                    // A lookup is neither aborted nor panics.
                    let Ok((host, addresses)) = done else { continue };
                    if let Some(addresses) = self.cache.done(&host, addresses.ok(), Instant::now()) {
                        return Answer::Addresses(host, addresses);
                    }
                }
                () = sleep_until(due) => {}
            }
        }
    }

    /// Waits until every host name has been answered once, but no longer than `patience`. After
    /// that the answers still come, by [`Resolver::next`].
    pub async fn settle(&mut self, namespace: &mut Namespace, patience: Duration) {
        let all = async {
            while self.cache.is_waiting() {
                let answer = self.next(|host| namespace.needs(host)).await;
                namespace.answer(answer);
            }
        };
        let _ = tokio::time::timeout(patience, all).await;
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// The file in which this machine has names of its own.
const HOSTS_FILE: &str = "/etc/hosts";

/// The name is asked for as it is, with a dot at its end: a search domain with a wildcard would have
/// an address for any word. With that dot the hosts file is not looked at, so that comes before; our
/// own lines in it do not count. Addresses that mean this machine alone, as many have for their own
/// name, are no answer for others.
fn ask_system(host: &Name) -> io::Result<Vec<Address>> {
    let text = std::fs::read(HOSTS_FILE).unwrap_or_default();
    let found = in_hosts_file(host, &text);
    if !found.is_empty() {
        return Ok(found);
    }
    let found = (format!("{host}.").as_str(), 0_u16).to_socket_addrs()?;
    Ok(usable(found.map(|found| found.ip())))
}

fn in_hosts_file(host: &Name, text: &[u8]) -> Vec<Address> {
    let foreign = hosts_line::foreign(text).into_iter();
    let own = foreign.filter(|(_, name, _)| name.eq_ignore_ascii_case(host.as_str()));
    usable(own.map(|(_, _, address)| address))
}

fn usable(found: impl Iterator<Item = IpAddr>) -> Vec<Address> {
    found.filter_map(|found| found.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::scope::Scope;
    use crate::records;

    fn namespace(count: usize) -> Namespace {
        let root = || "/".parse().unwrap();
        let scope = Scope::new(root(), "/nameserver".parse().unwrap(), None, &[]).unwrap();
        let znode = |i: usize| {
            let path = format!("/s{i}").parse().unwrap();
            (path, records::read("", format!("far{i}:80").as_bytes()))
        };
        Namespace::new(scope, (0..count).map(znode))
    }

    fn resolver(ask: Ask) -> Resolver {
        Resolver {
            ask,
            ..Resolver::new(true)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_needed_is_answered() {
        let mut resolver = resolver(|host| match host.as_str() {
            "far1" => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(vec!["10.0.0.1".parse().unwrap()]),
        });
        let mut namespace = namespace(20);
        resolver.want_all(&namespace);
        resolver.want(["unneeded".parse().unwrap()]);
        resolver
            .settle(&mut namespace, Duration::from_secs(30))
            .await;
        assert_eq!(namespace.hosts().len(), 19);
        assert!(!namespace.hosts().contains_key("s1"));
        assert!(!resolver.cache.is_waiting());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_that_hang_hold_up_nobody_for_longer_than_allowed() {
        static HANG: std::sync::RwLock<()> = std::sync::RwLock::new(());
        let guard = HANG.write();
        let mut resolver = resolver(|_| {
            drop(HANG.read());
            Ok(Vec::new())
        });
        let mut namespace = namespace(100);
        resolver.want_all(&namespace);
        resolver
            .settle(&mut namespace, Duration::from_millis(50))
            .await;
        assert_eq!(resolver.asked.len(), IN_FLIGHT);
        assert!(resolver.cache.is_waiting());
        drop(guard);
        resolver
            .settle(&mut namespace, Duration::from_secs(30))
            .await;
        assert!(!resolver.cache.is_waiting());
    }

    #[tokio::test]
    async fn a_resolver_that_is_off_asks_nothing() {
        let mut resolver = Resolver {
            ask: |_| Ok(vec!["10.0.0.1".parse().unwrap()]),
            ..Resolver::new(false)
        };
        let mut namespace = namespace(1);
        resolver.want_all(&namespace);
        resolver
            .settle(&mut namespace, Duration::from_secs(30))
            .await;
        assert_eq!(namespace.hosts().len(), 0);
        let next = tokio::time::timeout(Duration::ZERO, resolver.next(|_| true));
        assert!(next.await.is_err());
    }

    #[test]
    fn the_hosts_file_is_looked_at_without_our_own_lines() {
        let text =
            b"10.0.0.1 a A.b # x\n# BEGIN hostsync\n10.0.0.2 c\n# END hostsync\n127.0.0.1 d\n";
        for (host, expected) in [("a", 1), ("a.b", 1), ("c", 0), ("d", 0), ("e", 0)] {
            let found = in_hosts_file(&host.parse().unwrap(), text);
            assert_eq!(found.len(), expected, "{host}");
        }
    }

    #[test]
    fn addresses_that_mean_this_machine_alone_are_no_answer() {
        let found = ["127.0.0.1", "10.0.0.1", "::1", "127.0.1.1", "0.0.0.0"];
        let found = found.map(|address| address.parse().unwrap());
        let only = "10.0.0.1".parse::<Address>().unwrap();
        assert_eq!(usable(found.into_iter()), [only]);
    }
}
