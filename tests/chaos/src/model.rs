//! The contract's rules for names, once more and as simply as possible, for the shapes of data that
//! a history makes. Pure; nothing of it is shared with the product.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Every znode below the root with its data; the nameserver's own are left out.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;
/// When each znode was created, as a czxid; those that nobody touches are left out.
pub(crate) type Created = BTreeMap<String, i64>;
/// Names and their addresses, in order.
pub(crate) type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// The names of a tree.
pub(crate) fn hosts(tree: &Tree, created: &Created) -> Hosts {
    let mut hosts = Hosts::new();
    let mut leaders = Vec::new();
    // Of two paths with one name, the znode that was created first has it.
    let mut znodes: Vec<_> = tree.iter().collect();
    znodes.sort_by_key(|(path, _)| (created.get(*path), *path));
    for (path, data) in znodes {
        let own = address(data).filter(|_| !is_of_its_creator(tree, path, data));
        let instances = instances(tree, path);
        let addresses: Vec<IpAddr> = match own {
            Some(own) => vec![own],
            None => {
                let mut seen = BTreeSet::new();
                let all = instances.iter().map(|(_, address)| *address);
                all.filter(|address| seen.insert(*address)).collect()
            }
        };
        let name = name(path);
        if addresses.is_empty() || !is_valid(&name) {
            continue;
        }
        let first = instances.iter().find(|(key, _)| key.0.is_some());
        if let (None, Some((_, first))) = (own, first) {
            leaders.push((format!("leader.{name}"), *first));
        }
        hosts.entry(name).or_insert(addresses);
    }
    for (name, address) in leaders {
        hosts.entry(name).or_insert_with(|| vec![address]);
    }
    hosts
}

/// The order among the instances of a service: those with a number first.
type Key<'a> = (Option<u64>, &'a str);

fn instances<'a>(tree: &'a Tree, parent: &str) -> Vec<(Key<'a>, IpAddr)> {
    let has_records = has_records(tree, parent);
    let mut instances: Vec<_> = children(tree, parent)
        .filter(|(_, data)| !has_records || is_record(data))
        .filter_map(|(component, data)| Some(((number(component), component), address(data)?)))
        .collect();
    instances.sort_by_key(|((number, component), _)| (number.is_none(), *number, *component));
    instances
}

fn children<'a>(tree: &'a Tree, parent: &str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let below = format!("{parent}/");
    let from = below.len();
    tree.range(below.clone()..)
        .take_while(move |(path, _)| path.starts_with(&below))
        .map(move |(path, data)| (&path[from..], &data[..]))
        .filter(|(component, _)| !component.contains('/'))
}

/// Whether it is an address in JSON.
fn is_record(data: &[u8]) -> bool {
    data.starts_with(b"{") && address(data).is_some()
}

/// Whether a child has a record, so that plain text beside it counts for nothing.
fn has_records(tree: &Tree, parent: &str) -> bool {
    children(tree, parent).any(|(_, data)| is_record(data))
}

/// Whether the data are what Curator writes into a znode that is made without any: an address alone,
/// above records or beside them.
fn is_of_its_creator(tree: &Tree, path: &str, data: &[u8]) -> bool {
    let text = str::from_utf8(data).unwrap_or_default().trim();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    text.parse::<IpAddr>().is_ok()
        && (has_records(tree, path) || !parent.is_empty() && has_records(tree, parent))
}

/// The number that ZooKeeper has appended to a component.
fn number(component: &str) -> Option<u64> {
    let at = component.len().checked_sub(10)?;
    let digits = component.get(at..)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// The components, the last one first.
pub(crate) fn name(path: &str) -> String {
    let components: Vec<_> = path[1..].rsplit('/').collect();
    components.join(".").to_ascii_lowercase()
}

/// Whether a hosts file may have it.
pub(crate) fn is_valid(name: &str) -> bool {
    let is_label = |label: &str| {
        let of_label = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
        (1..=63).contains(&label.len())
            && label.chars().all(of_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label) && name != "localhost"
}

/// The address in a znode's data: plain, with a port, or in JSON.
fn address(data: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(data).ok()?.trim();
    let text = match text.strip_prefix("{\"ip\":\"") {
        Some(rest) => rest.strip_suffix("\",\"port\":80}")?,
        None => text.strip_suffix(":8080").unwrap_or(text),
    };
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
    (!address.is_loopback()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(tree: &[(&str, &str)]) -> Vec<String> {
        let znode = |&(path, data): &(&str, &str)| (path.to_owned(), data.as_bytes().to_vec());
        let line = |(name, addresses): (String, Vec<IpAddr>)| {
            let addresses: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
            format!("{name} {}", addresses.join(","))
        };
        // As if each were created after those before it.
        let created = tree.iter().zip(1..);
        let created = created.map(|((path, _), czxid)| ((*path).to_owned(), czxid));
        hosts(&tree.iter().map(znode).collect(), &created.collect())
            .into_iter()
            .map(line)
            .collect()
    }

    #[test]
    fn a_service_stands_for_its_instances_in_order_and_has_a_leader() {
        let tree = [
            ("/db", "10.0.0.1"),
            ("/db/a", "10.0.0.2"),
            ("/n", ""),
            ("/n/a", "10.0.0.3"),
            ("/n/z0000000001", "10.0.0.5"),
            ("/n/b0000000002", "10.0.0.3"),
            ("/n/b0000000002/below", "10.0.0.9"),
        ];
        let expected = [
            "a.db 10.0.0.2",
            "a.n 10.0.0.3",
            "b0000000002.n 10.0.0.3",
            "below.b0000000002.n 10.0.0.9",
            "db 10.0.0.1",
            "leader.n 10.0.0.5",
            "n 10.0.0.5,10.0.0.3",
            "z0000000001.n 10.0.0.5",
        ];
        assert_eq!(model(&tree), expected);
    }

    #[test]
    fn of_two_paths_with_one_name_the_first_has_it() {
        assert_eq!(
            model(&[("/T0", "10.0.0.1"), ("/t0", "10.0.0.2")]),
            ["t0 10.0.0.1"]
        );
        assert_eq!(
            model(&[("/a.b", "10.0.0.1"), ("/b", ""), ("/b/a", "10.0.0.2")]),
            ["a.b 10.0.0.1", "b 10.0.0.2"]
        );
        let tree = [
            ("/n", "x"),
            ("/n/leader", "10.0.0.1"),
            ("/n/q-0000000000", "10.0.0.2"),
        ];
        assert_eq!(
            model(&tree),
            [
                "leader.n 10.0.0.1",
                "n 10.0.0.2,10.0.0.1",
                "q-0000000000.n 10.0.0.2"
            ]
        );
    }

    #[test]
    fn plain_text_counts_for_nothing_beside_records() {
        let record = r#"{"ip":"10.0.0.1","port":80}"#;
        let tree = [
            ("/a", "10.0.0.9"),
            ("/a/bare", "10.0.0.2"),
            ("/a/port", "10.0.0.3:8080"),
            ("/a/record", record),
            ("/record", record),
        ];
        assert_eq!(
            model(&tree),
            [
                "a 10.0.0.1",
                "port.a 10.0.0.3",
                "record 10.0.0.1",
                "record.a 10.0.0.1"
            ]
        );
    }

    #[test]
    fn addresses_in_every_form_that_is_made() {
        for (data, address) in [
            ("10.0.0.1\n", Some("10.0.0.1")),
            ("10.0.0.1:8080", Some("10.0.0.1")),
            ("[fd00::1]:8080", Some("fd00::1")),
            ("fd00::1", Some("fd00::1")),
            (r#"{"ip":"fd00::1","port":80}"#, Some("fd00::1")),
            ("", None),
            ("127.0.0.1", None),
            ("10.0.0.1\n10.0.0.2 evil", None),
            (r#"{"ip":"10.0.0.1""#, None),
        ] {
            let expected = address.map(|address| address.parse().unwrap());
            assert_eq!(super::address(data.as_bytes()), expected, "{data:?}");
        }
        assert_eq!(
            model(&[("/-bad", "10.0.0.1"), ("/localhost", "10.0.0.1")]),
            [""; 0]
        );
    }
}
