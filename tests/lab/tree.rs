//! A tree of znodes of a test's own, and what the nameserver publishes about it.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::client::Client;
use crate::wait::{PATIENCE, wait_for};
use crate::zookeeper::ZooKeeper;

/// Znodes below a chroot of a server, so that tests do not meet. Dereferences to a [`Client`] whose
/// paths begin at that chroot.
#[derive(Debug)]
pub struct Tree {
    address: String,
    client: Client,
}

/// A new tree on the server that all tests share.
pub fn tree(name: &str) -> Tree {
    ZooKeeper::shared().tree(name)
}

impl Tree {
    /// Makes a new chroot on the servers at `servers`.
    pub fn new(servers: &str, name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let chroot = format!("/{name}-{number}");
        Client::connect(servers).create(&chroot, "");
        let address = format!("{servers}{chroot}");
        Self {
            client: Client::connect(&address),
            address,
        }
    }

    /// `HOST:PORT/CHROOT`, as both daemons take it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The same tree as it is reached at other `servers`, such as a [`Proxy`](crate::Proxy)'s.
    pub fn address_at(&self, servers: &str) -> String {
        format!("{servers}{}", self.chroot())
    }

    /// The znode of the server at which this tree begins.
    pub fn chroot(&self) -> &str {
        let slash = self.address.find('/').expect("an address with a chroot");
        &self.address[slash..]
    }

    /// The snapshot at `/nameserver/hosts`; `None` if nothing valid is there.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mut snapshot = Snapshot::read(&self.get("/nameserver/hosts")?)?;
        if snapshot.0["format"] == 2 {
            let hosts = self.paged_hosts(&snapshot.0)?;
            snapshot.0["hosts"] = Value::Object(hosts);
        }
        Some(snapshot)
    }

    /// The names of an index, by the rules of docs/contract.md; `None` if a page is gone.
    fn paged_hosts(&self, index: &Value) -> Option<serde_json::Map<String, Value>> {
        let (mut hosts, mut as_of) = (serde_json::Map::new(), Vec::new());
        for page in index["pages"].as_array()? {
            let (generation, digest) = (page[1].as_u64()?, page[2].as_str()?);
            as_of.push((page[0].as_str()?, generation));
            let path = format!("/nameserver/hosts/{generation}-{digest}");
            let page: Value = serde_json::from_slice(&self.get(&path)?).ok()?;
            hosts.extend(page["hosts"].as_object()?.clone());
        }
        for change in index["changes"].as_array()? {
            let name = change[1].as_str()?;
            let page = as_of.iter().rfind(|(first, _)| *first <= name)?;
            match &change[2] {
                _ if change[0].as_u64()? <= page.1 => {}
                Value::Null => drop(hosts.remove(name)),
                addresses => drop(hosts.insert(name.to_owned(), addresses.clone())),
            }
        }
        Some(hosts)
    }

    /// Waits until the snapshot is as `done` wants it.
    pub fn soon_publishes(&self, what: &str, done: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let seen = wait_for(
            what,
            PATIENCE,
            || self.snapshot(),
            |seen| seen.as_ref().is_some_and(&done),
        );
        seen.expect("it was just looked at")
    }

    /// Waits until the snapshot maps `name` to exactly these addresses, in this order.
    pub fn soon_maps(&self, name: &str, addresses: &[&str]) -> Snapshot {
        let what = format!("the snapshot to map {name} to {addresses:?}");
        self.soon_publishes(&what, |snapshot| snapshot.addresses(name) == addresses)
    }

    /// Waits until the snapshot has no such name.
    pub fn soon_lacks(&self, name: &str) -> Snapshot {
        let what = format!("the snapshot to lose {name}");
        self.soon_publishes(&what, |snapshot| snapshot.addresses(name).is_empty())
    }

    /// Puts a snapshot in place as a nameserver would, for a test that needs no nameserver.
    pub fn publish(&self, generation: u64, hosts: &Value) {
        self.put("/nameserver", "");
        self.put("/nameserver/hosts", Snapshot::text(generation, hosts));
    }
}

impl Deref for Tree {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A snapshot as anyone sees it who reads JSON; on purpose not through the project's own types.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot(pub Value);

impl Snapshot {
    fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        value.is_object().then_some(Self(value))
    }

    /// The text of a valid snapshot with these hosts.
    pub fn text(generation: u64, hosts: &Value) -> String {
        let names = hosts.as_object().map_or(0, serde_json::Map::len);
        format!(
            r#"{{"domain":"","format":1,"generation":{generation},"hosts":{hosts},"leader":"lab","names":{names},"published":"2026-11-20T10:00:00.123Z","root":"/","zxid":1}}"#
        )
    }

    /// Its generation; 0 if it says none.
    pub fn generation(&self) -> u64 {
        self.0["generation"].as_u64().unwrap_or(0)
    }

    /// The addresses of a name, in order; empty if there is no such name.
    pub fn addresses(&self, name: &str) -> Vec<&str> {
        let addresses = self.0["hosts"][name].as_array();
        addresses
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let hosts = self.0["hosts"].as_object();
        let mut names: Vec<&str> = hosts
            .into_iter()
            .flat_map(|hosts| hosts.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names
    }
}
