//! `nameserver list`: which names there are, and what gives each of them.
//!
//! Pure: names and times in, rows out.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use contract::{Address, Name, ZnodePath};
use daemon::{Table, age};
use serde::Serialize;

use crate::namespace::Namespace;
use crate::records::{Format, Instance, Reading, shown};

/// How many addresses of one name the text shows.
const SHOWN: usize = 3;

/// When each znode was written last, by the clock of the servers.
pub type Times = HashMap<ZnodePath, SystemTime>;

/// One name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The name.
    pub name: Name,
    /// Its addresses, in order.
    pub addresses: Vec<Address>,
    /// The ports that its records have.
    pub ports: BTreeSet<u16>,
    /// The znode that gives it; shown without the secrets in its path.
    pub znode: String,
    /// What gives it.
    pub kind: Kind,
    /// How many instances it stands for, where it is a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<usize>,
    /// How its records are written.
    pub formats: BTreeSet<Format>,
    /// Whether it goes with the session of whoever made it; of a service, whether all of its instances do.
    pub ephemeral: bool,
    /// When the newest of its records was written, as RFC 3339 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// The same as a time.
    #[serde(skip)]
    pub at: Option<SystemTime>,
}

/// What gives a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A record of its own.
    Record,
    /// The instances below.
    Service,
    /// The first of the numbered instances below.
    Leader,
}

/// The row of one name; none where nothing gives it.
pub fn row(namespace: &Namespace, times: &Times, name: &Name) -> Option<Row> {
    let znode = namespace.giver(name)?;
    let addresses = namespace.addresses(name)?.to_vec();
    let kind = match namespace.reading(znode) {
        _ if namespace.is_leader_name(name) => Kind::Leader,
        Some(Reading::Instance(_)) if !namespace.own_addresses(znode).is_empty() => Kind::Record,
        _ => Kind::Service,
    };
    let own = namespace.reading(znode).and_then(Reading::instance);
    let given: Vec<(&ZnodePath, &Instance)> = match kind {
        Kind::Record => own.map(|instance| (znode, instance)).into_iter().collect(),
        Kind::Service => {
            let members = namespace.members(znode);
            members
                .map(|member| (member.path, member.instance))
                .collect()
        }
        Kind::Leader => {
            let leader = namespace.leader(znode).into_iter();
            leader
                .map(|member| (member.path, member.instance))
                .collect()
        }
    };
    let ports = given
        .iter()
        .flat_map(|(_, instance)| instance.endpoints.iter());
    let at = given
        .iter()
        .filter_map(|(path, _)| times.get(*path))
        .max()
        .copied();
    Some(Row {
        name: name.clone(),
        addresses,
        ports: ports.filter_map(|endpoint| endpoint.port).collect(),
        znode: shown(znode),
        kind,
        instances: (kind == Kind::Service).then_some(given.len()),
        formats: given.iter().map(|(_, instance)| instance.format).collect(),
        ephemeral: !given.is_empty() && given.iter().all(|(_, instance)| instance.ephemeral),
        changed: at.map(daemon::time),
        at,
    })
}

/// The rows of all names for which `wants` holds, in the order of the names.
pub fn rows(namespace: &Namespace, times: &Times, wants: impl Fn(&Name) -> bool) -> Vec<Row> {
    let hosts = namespace.hosts();
    let names = hosts.keys().filter(|name| wants(name));
    names
        .filter_map(|name| row(namespace, times, name))
        .collect()
}

/// Rows as text, of which each says how old it is `now`.
pub fn table<'a>(rows: impl IntoIterator<Item = &'a Row>, now: SystemTime) -> Table<7> {
    let mut table = Table::new([
        "NAME",
        "ADDRESSES",
        "PORT",
        "KIND",
        "FORMAT",
        "AGE",
        "ZNODE",
    ]);
    for row in rows {
        table.row(row.cells(now, false));
    }
    table
}

impl Row {
    /// As a row of [`table`], which says where the name is gone.
    pub fn cells(&self, now: SystemTime, is_gone: bool) -> [String; 7] {
        let kind = match (self.kind, self.instances) {
            (Kind::Leader, _) => "leader".to_owned(),
            (Kind::Service, count) => format!("service of {}", count.unwrap_or_default()),
            (Kind::Record, _) if self.ephemeral => "ephemeral".to_owned(),
            (Kind::Record, _) => "persistent".to_owned(),
        };
        let elapsed = |at: SystemTime| now.duration_since(at).unwrap_or(Duration::ZERO);
        [
            self.name.to_string(),
            if is_gone {
                "gone".to_owned()
            } else {
                listed(&self.addresses, ",")
            },
            joined(self.ports.iter(), ","),
            kind,
            joined(self.formats.iter(), ", "),
            self.at.map(|at| age(elapsed(at))).unwrap_or_default(),
            self.znode.clone(),
        ]
    }
}

/// The first addresses of a name, and how many more there are.
pub fn listed(addresses: &[Address], separator: &str) -> String {
    let text = joined(addresses.iter().take(SHOWN), separator);
    match addresses.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text}{separator}+{more}"),
    }
}

fn joined<T: ToString>(values: impl Iterator<Item = T>, separator: &str) -> String {
    let texts: Vec<_> = values.map(|value| value.to_string()).collect();
    texts.join(separator)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::namespace::scope::Scope;
    use crate::records;

    fn namespace(znodes: &[(&str, &str, bool)]) -> Namespace {
        let root = "/".parse().unwrap();
        let scope = Scope::new(root, "/nameserver".parse().unwrap(), None, &[]).unwrap();
        let read = |(path, data, is_ephemeral): &(&str, &str, bool)| {
            let path: ZnodePath = path.parse().unwrap();
            let znode = records::Znode {
                parent: path.parent_str().unwrap_or_default(),
                component: path.component(),
                data: data.as_bytes(),
                is_ephemeral: *is_ephemeral,
            };
            let reading = znode.read();
            (path, reading)
        };
        Namespace::new(scope, znodes.iter().map(read))
    }

    fn text(znodes: &[(&str, &str, bool)]) -> String {
        let namespace = namespace(znodes);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let paths = namespace.paths().cloned();
        let times = paths.zip(std::iter::repeat(at(100))).collect();
        table(&rows(&namespace, &times, |_| true), at(220)).to_string()
    }

    #[test]
    fn a_row_says_what_gives_the_name() {
        let curator =
            r#"{"name":"web","id":"a","address":"10.0.0.9","port":8080,"serviceType":"DYNAMIC"}"#;
        assert_eq!(
            text(&[
                ("/db", "10.0.0.5:5432", false),
                ("/web", "", false),
                ("/web/a-0000000003", curator, true),
                ("/many", "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", false),
            ])
            .lines()
            .collect::<Vec<_>>(),
            [
                "NAME              ADDRESSES                      PORT  KIND          FORMAT      AGE  ZNODE",
                "a-0000000003.web  10.0.0.9                       8080  ephemeral     Curator     2m   /web/a-0000000003",
                "db                10.0.0.5                       5432  persistent    plain text  2m   /db",
                "leader.web        10.0.0.9                       8080  leader        Curator     2m   /web",
                "many              10.0.0.1,10.0.0.2,10.0.0.3,+1  -     persistent    plain text  2m   /many",
                "web               10.0.0.9                       8080  service of 1  Curator     2m   /web",
            ]
        );
    }

    proptest! {
        /// Whatever stands in the tree, each name has one row on one line.
        #[test]
        fn one_line_for_each_name(
            znodes in prop::collection::btree_map("[a-z\u{1b}\n@:<>\u{202e}]{1,6}", "10\\.0\\.0\\.[1-9]", 0..8)
        ) {
            let paths: Vec<_> = znodes.iter().map(|(name, data)| (format!("/{name}"), data)).collect();
            let znodes: Vec<_> = paths.iter().map(|(path, data)| (path.as_str(), data.as_str(), false)).collect();
            let names = namespace(&znodes).hosts().len();
            let text = text(&znodes);
            prop_assert_eq!(text.lines().count(), names + 1);
            let is_driven = text.contains(['\u{1b}', '\u{202e}']);
            prop_assert!(!is_driven, "{text:?}");
        }
    }
}
