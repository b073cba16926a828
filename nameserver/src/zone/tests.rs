use super::*;
use crate::records;
use proptest::prelude::*;

fn path(text: &str) -> ZnodePath {
    text.parse().unwrap()
}

fn scope() -> Scope {
    Scope::new(path("/"), path("/nameserver"), None, &[]).unwrap()
}

fn zone(znodes: &[(&str, &str)]) -> Zone {
    let read = |(at, data): &(&str, &str)| (path(at), records::read(data.as_bytes()));
    Zone::new(scope(), znodes.iter().map(read))
}

/// The names as text: `db=10.0.0.5,10.0.0.6`.
fn names(zone: &Zone) -> Vec<String> {
    let hosts = zone.hosts();
    let line = |(name, addresses): (&Name, &Vec<Address>)| {
        let addresses: Vec<_> = addresses.iter().map(Address::to_string).collect();
        format!("{name}={}", addresses.join(","))
    };
    hosts.iter().map(line).collect()
}

fn said(zone: &Zone, of: &str) -> String {
    let findings: Vec<_> = zone
        .findings_of(&path(of))
        .iter()
        .map(Finding::to_string)
        .collect();
    findings.join("; ")
}

#[test]
fn a_service_stands_for_the_addresses_of_its_children() {
    let zone = zone(&[
        ("/db", ""),
        ("/db/primary", "10.0.0.5"),
        ("/db/replica", "10.0.0.6:5432"),
        ("/db/again", "10.0.0.6"),
        ("/db/deep", ""),
        ("/db/deep/er", "10.0.0.9"),
    ]);
    assert_eq!(
        names(&zone),
        [
            "again.db=10.0.0.6",
            "db=10.0.0.6,10.0.0.5",
            "deep.db=10.0.0.9",
            "er.deep.db=10.0.0.9",
            "primary.db=10.0.0.5",
            "replica.db=10.0.0.6",
        ]
    );
}

#[test]
fn a_znode_with_an_own_address_keeps_it() {
    let zone = zone(&[
        ("/db", "10.0.0.1"),
        ("/db/a", "10.0.0.2"),
        ("/db/n0000000001", "10.0.0.3"),
    ]);
    assert_eq!(
        names(&zone),
        ["a.db=10.0.0.2", "db=10.0.0.1", "n0000000001.db=10.0.0.3"]
    );
}

#[test]
fn sequential_children_are_in_order_and_the_first_leads() {
    let zone = zone(&[
        ("/db", ""),
        ("/db/a", "10.0.0.9"),
        ("/db/z-0000000002", "10.0.0.2"),
        ("/db/a-0000000010", "10.0.0.3"),
        ("/db/m-0000000001", "not an address"),
    ]);
    let names = names(&zone);
    assert!(
        names.contains(&"db=10.0.0.2,10.0.0.3,10.0.0.9".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"leader.db=10.0.0.2".to_owned()),
        "{names:?}"
    );
}

#[test]
fn a_component_that_does_not_fit_still_counts_as_an_instance() {
    let zone = zone(&[
        ("/db", ""),
        ("/db/a b", "10.0.0.5"),
        ("/db/localhost", "10.0.0.6"),
    ]);
    assert_eq!(
        names(&zone),
        ["db=10.0.0.5,10.0.0.6", "localhost.db=10.0.0.6"]
    );
    assert!(said(&zone, "/db/a b").contains("its path makes no name: label \"a b\" holds ' '"));
}

#[test]
fn of_two_paths_with_one_name_the_first_wins() {
    let mut zone = zone(&[
        ("/b", ""),
        ("/b/a", "10.0.0.1"),
        ("/a.b", "10.0.0.2"),
        ("/B/a", "10.0.0.3"),
    ]);
    assert_eq!(
        zone.addresses(&"a.b".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.3"
    );
    assert_eq!(said(&zone, "/b/a"), "its name a.b is taken by /B/a");
    assert_eq!(said(&zone, "/a.b"), "its name a.b is taken by /B/a");
    zone.update([(path("/B/a"), None)]);
    assert_eq!(
        zone.addresses(&"a.b".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.2"
    );
}

#[test]
fn a_znode_called_leader_comes_before_the_elected_one() {
    let zone = zone(&[
        ("/db", ""),
        ("/db/leader", "10.0.0.1"),
        ("/db/n-0000000001", "10.0.0.2"),
    ]);
    assert_eq!(
        zone.addresses(&"leader.db".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.1"
    );
    assert_eq!(
        said(&zone, "/db"),
        "its name leader.db is taken by /db/leader"
    );
}

#[test]
fn names_of_the_machine_are_reported_and_cost_nobody_else() {
    let zone = zone(&[
        ("/localhost", "10.0.0.5"),
        ("/LOCALHOST", "10.0.0.5"),
        ("/localhost/x", "10.0.0.5"),
        ("/ip6-loopback", "10.0.0.5"),
        ("/broadcasthost", "10.0.0.5"),
        ("/web", "10.0.0.7"),
    ]);
    assert_eq!(names(&zone), ["web=10.0.0.7"]);
    assert!(said(&zone, "/LOCALHOST").contains("every machine has for itself"));
}

#[test]
fn what_is_not_named_is_said() {
    let zone = zone(&[
        ("/", "10.0.0.1"),
        ("/empty", ""),
        ("/folder", ""),
        ("/folder/sub", ""),
        ("/folder/sub/host", "10.0.0.2"),
        ("/junk", "hello world"),
        ("/json", "{}"),
        ("/sum", "127.0.0.1"),
        ("/sum/a", "10.0.0.3"),
    ]);
    assert_eq!(
        names(&zone),
        [
            "a.sum=10.0.0.3",
            "host.sub.folder=10.0.0.2",
            "sub.folder=10.0.0.2",
            "sum=10.0.0.3"
        ]
    );
    assert_eq!(
        said(&zone, "/empty"),
        "holds no data, and no child has an address"
    );
    assert_eq!(
        said(&zone, "/folder"),
        "holds no data, and no child has an address"
    );
    assert_eq!(said(&zone, "/folder/sub"), "");
    assert!(said(&zone, "/junk").contains("\"hello world\" is no address"));
    assert_eq!(
        said(&zone, "/json"),
        "holds JSON without an address, and no child has an address"
    );
    assert!(said(&zone, "/sum").contains("loopback"));
    assert_eq!(zone.findings().len(), 5);
    assert_eq!(zone.len(), 8);
}

#[test]
fn more_addresses_than_a_name_may_have_are_cut_and_said() {
    let count = MAX_ADDRESSES_PER_NAME + 1;
    let children = (0..count).map(|i| {
        (
            path(&format!("/db/{i:05}")),
            format!("10.{}.{}.1", i / 256, i % 256),
        )
    });
    let znodes = children.chain([(path("/db"), String::new())]);
    let zone = Zone::new(
        scope(),
        znodes.map(|(path, data)| (path, records::read(data.as_bytes()))),
    );
    assert_eq!(
        zone.addresses(&"db".parse().unwrap()).unwrap().len(),
        MAX_ADDRESSES_PER_NAME
    );
    assert!(said(&zone, "/db").contains(&format!("service db has {count} addresses")));
}

/// A few paths that collide in many ways.
fn any_path() -> impl Strategy<Value = ZnodePath> {
    let component = prop::sample::select(vec![
        "a",
        "A",
        "a.b",
        "b",
        "leader",
        "n-0000000001",
        "m-0000000000",
        "a b",
    ]);
    prop::collection::vec(component, 1..4).prop_map(|parts| path(&format!("/{}", parts.join("/"))))
}

fn any_reading() -> impl Strategy<Value = Option<Reading>> {
    let data = prop::sample::select(vec![
        "",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3:80",
        "junk!",
        "{}",
    ]);
    prop::option::weighted(0.8, data.prop_map(|data| records::read(data.as_bytes())))
}

proptest! {
    #[test]
    fn an_update_ends_where_building_anew_would(
        batches in prop::collection::vec(prop::collection::vec((any_path(), any_reading()), 1..8), 1..12)
    ) {
        let mut live = zone(&[]);
        let mut model = BTreeMap::new();
        for batch in batches {
            let before = live.clone();
            let touched = live.update(batch.clone());
            for (path, reading) in batch {
                match reading {
                    Some(reading) => model.insert(path, reading),
                    None => model.remove(&path),
                };
            }
            let anew = Zone::new(scope(), model.clone());
            prop_assert_eq!(names(&live), names(&anew));
            prop_assert_eq!(live.findings(), anew.findings());
            let mut may_differ: HashSet<_> = touched.iter().flat_map(|path| live.names_of(path)).collect();
            for (name, addresses) in before.hosts() {
                if live.addresses(&name) != Some(&addresses[..]) {
                    prop_assert!(may_differ.remove(&name), "{name} changed untouched");
                }
            }
        }
    }
}
