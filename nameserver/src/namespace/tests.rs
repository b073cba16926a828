use std::collections::BTreeMap;

use super::*;
use crate::records::{self, Format};
use proptest::prelude::*;

fn path(text: &str) -> ZnodePath {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn scope() -> Scope {
    let scope = Scope::new(path("/"), path("/nameserver"), None, &[]).unwrap();
    // Trees of Joyent's are called as their owners are in the public DNS.
    scope.allowing_public(true)
}

fn namespace(znodes: &[(&str, &str)]) -> Namespace {
    let read = |(at, data): &(&str, &str)| {
        let at = path(at);
        let reading = records::read(at.component(), data.as_bytes());
        (at, reading)
    };
    Namespace::new(scope(), znodes.iter().map(read))
}

/// The names as text: `db=10.0.0.5,10.0.0.6`.
fn names(namespace: &Namespace) -> Vec<String> {
    let hosts = namespace.hosts();
    let line = |(name, addresses): (&Name, &contract::Addresses)| {
        let addresses: Vec<_> = addresses.iter().map(Address::to_string).collect();
        format!("{name}={}", addresses.join(","))
    };
    hosts.iter().map(line).collect()
}

fn said(namespace: &Namespace, of: &str) -> String {
    let findings: Vec<_> = namespace
        .findings_of(&path(of))
        .iter()
        .map(Finding::to_string)
        .collect();
    findings.join("; ")
}

#[test]
fn a_service_stands_for_the_addresses_of_its_children() {
    let namespace = namespace(&[
        ("/db", ""),
        ("/db/primary", "10.0.0.5"),
        ("/db/replica", "10.0.0.6:5432"),
        ("/db/again", "10.0.0.6"),
        ("/db/deep", ""),
        ("/db/deep/er", "10.0.0.9"),
    ]);
    assert_eq!(
        names(&namespace),
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
    let namespace = namespace(&[
        ("/db", "10.0.0.1"),
        ("/db/a", "10.0.0.2"),
        ("/db/n0000000001", "10.0.0.3"),
    ]);
    assert_eq!(
        names(&namespace),
        ["a.db=10.0.0.2", "db=10.0.0.1", "n0000000001.db=10.0.0.3"]
    );
}

#[test]
fn an_address_in_a_folder_of_records_is_its_creator_s() {
    let record = r#"{"ip":"10.0.0.7","port":80}"#;
    let znodes = [
        ("/top", "10.9.0.1"),
        ("/top/web", "10.9.0.2"),
        ("/top/web/1", record),
        ("/top/web/own", "10.9.0.3"),
        ("/top/web/port", "10.0.0.8:80"),
        ("/top/empty", "10.9.0.4"),
        ("/top/config", "10.9.0.5"),
        ("/top/config/deep", "10.9.0.6"),
        ("/top/text", "10.0.0.9:80"),
        // What stands directly below the root has nothing to do with each other.
        ("/record", record),
        ("/alone", "10.0.0.6"),
    ];
    let mut namespace = namespace(&znodes);
    assert_eq!(
        names(&namespace),
        [
            "1.web.top=10.0.0.7",
            "alone=10.0.0.6",
            "port.web.top=10.0.0.8",
            "record=10.0.0.7",
            "text.top=10.0.0.9",
            "top=10.0.0.9",
            "web.top=10.0.0.7",
        ]
    );
    for (at, why) in [
        ("/top", "records stand below it"),
        ("/top/web", "records stand below it"),
        ("/top/web/own", "the znodes beside it hold records"),
        (
            "/top/empty",
            "folders that hold such an address stand beside it",
        ),
        ("/top/config/deep", "in a folder of that kind"),
        ("/top/web/port", "records of a format stand beside it"),
    ] {
        assert!(
            said(&namespace, at).contains(why),
            "{at}: {}",
            said(&namespace, at)
        );
        assert!(!namespace.findings_of(&path(at))[0].is_problem(), "{at}");
    }
    // Without the record they are addresses like any other.
    namespace.update([(path("/top/web/1"), None)]);
    assert_eq!(
        names(&namespace),
        [
            "alone=10.0.0.6",
            "config.top=10.9.0.5",
            "deep.config.top=10.9.0.6",
            "empty.top=10.9.0.4",
            "own.web.top=10.9.0.3",
            "port.web.top=10.0.0.8",
            "record=10.0.0.7",
            "text.top=10.0.0.9",
            "top=10.9.0.1",
            "web.top=10.9.0.2",
        ]
    );
}

#[test]
fn an_instance_that_hostsync_registers_stands_beside_plain_text() {
    let namespace = namespace(&[
        ("/web", ""),
        ("/web/a", "10.0.0.1"),
        ("/web/b", r#"{"address":"10.0.0.2"}"#),
        ("/web/c", r#"{"address":"10.0.0.3","port":80}"#),
    ]);
    let web = namespace.addresses(&name("web")).unwrap();
    assert_eq!(web.len(), 3);
    assert_eq!(names(&namespace)[0], "a.web=10.0.0.1");
}

#[test]
fn data_may_be_left_out_without_what_lies_below() {
    let globs = ["data:/db".to_owned(), "data:junk".to_owned()];
    let scope = Scope::new(path("/"), path("/nameserver"), None, &globs).unwrap();
    let znodes = [
        ("/db", "10.0.0.1"),
        ("/db/a", "10.0.0.2:80"),
        ("/x/junk", "10.0.0.0/24"),
    ];
    let namespace = Namespace::new(
        scope,
        znodes.map(|(at, data)| (path(at), records::read("", data.as_bytes()))),
    );
    assert_eq!(names(&namespace), ["a.db=10.0.0.2", "db=10.0.0.2"]);
    assert!(said(&namespace, "/x/junk").contains("--exclude leaves out"));
    assert_eq!(namespace.problems(), []);
}

#[test]
fn a_leader_may_be_called_by_the_name_of_a_member() {
    let mut namespace = namespace(&[
        ("/pg", ""),
        ("/pg/leader", "One"),
        ("/pg/members", ""),
        ("/pg/members/one", "10.0.0.1:5432"),
        ("/pg/members/two", "10.0.0.2:5432"),
        ("/pg/sync", "one"),
        ("/db", ""),
        ("/db/master", "a"),
        ("/db/a", "10.0.0.3"),
    ]);
    let leader = |namespace: &Namespace| {
        let addresses = namespace.addresses(&name("leader.pg"))?;
        Some(addresses[0].to_string())
    };
    assert_eq!(leader(&namespace).unwrap(), "10.0.0.1");
    assert_eq!(namespace.addresses(&name("sync.pg")), None);
    assert_eq!(namespace.addresses(&name("master.db")).unwrap().len(), 1);
    namespace.update([(
        path("/pg/members/one"),
        Some(records::read("", b"10.0.0.4:1")),
    )]);
    assert_eq!(leader(&namespace).unwrap(), "10.0.0.4");
    namespace.update([(path("/pg/leader"), Some(records::read("", b"two")))]);
    assert_eq!(leader(&namespace).unwrap(), "10.0.0.2");
    // Two that may be meant are none.
    namespace.update([
        (path("/pg/old"), Some(records::read("", b""))),
        (path("/pg/old/two"), Some(records::read("", b"10.0.0.5:1"))),
    ]);
    assert_eq!(leader(&namespace), None);
    namespace.update([(path("/pg/members/two"), None)]);
    assert_eq!(leader(&namespace).unwrap(), "10.0.0.5");
}

#[test]
fn what_is_no_address_is_a_problem_only_beside_instances_of_its_kind() {
    let namespace = namespace(&[
        ("/alone", ""),
        ("/alone/a", "hello there"),
        ("/alone/b", "{\"ip\":"),
        ("/alone/c", "nobody.example"),
        ("/texts", ""),
        ("/texts/1", "10.0.0.1"),
        ("/texts/a", "hello there"),
        ("/texts/b", "{\"ip\":"),
        ("/texts/c", "nobody.example"),
        ("/texts/d", "word"),
        ("/texts/e", "42"),
        ("/records", ""),
        ("/records/1", r#"{"ip":"10.0.0.1"}"#),
        ("/records/a", "hello there"),
        ("/records/b", "{\"ip\":"),
        ("/records/c", "nobody.example"),
    ]);
    let problems: Vec<_> = namespace
        .problems()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let expected = ["/records/b", "/texts/a", "/texts/b", "/texts/c"].map(path);
    assert_eq!(problems, expected);
}

#[test]
fn a_service_that_nobody_can_name_is_told_once() {
    let mut namespace = namespace(&[
        ("/s", ""),
        ("/s/a b", ""),
        ("/s/a b/1", "10.0.0.1"),
        ("/s/a b/2", "10.0.0.2"),
    ]);
    let problems = namespace.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, path("/s/a b"));
    assert!(said(&namespace, "/s/a b").contains("its 2 instances cannot be reached by any name"));
    assert!(said(&namespace, "/s/a b").contains("--root"));
    // Whose addresses have names elsewhere loses nothing.
    namespace.update([
        (path("/x"), Some(records::read("", b"10.0.0.1"))),
        (path("/y"), Some(records::read("", b"10.0.0.2"))),
    ]);
    assert_eq!(namespace.problems(), []);
}

#[test]
fn sequential_children_are_in_order_and_the_first_leads() {
    let namespace = namespace(&[
        ("/db", ""),
        ("/db/a", "10.0.0.9"),
        ("/db/z-0000000002", "10.0.0.2"),
        ("/db/a-0000000010", "10.0.0.3"),
        ("/db/m-0000000001", "not an address"),
    ]);
    let names = names(&namespace);
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
    let namespace = namespace(&[
        ("/db", ""),
        ("/db/a b", "10.0.0.5"),
        ("/db/localhost", "10.0.0.6"),
    ]);
    assert_eq!(
        names(&namespace),
        ["db=10.0.0.5,10.0.0.6", "localhost.db=10.0.0.6"]
    );
    assert!(
        said(&namespace, "/db/a b").contains("its path makes no name: label \"a b\" holds ' '")
    );
}

#[test]
fn of_two_paths_with_one_name_the_first_wins() {
    let mut namespace = namespace(&[
        ("/b", ""),
        ("/b/a", "10.0.0.1"),
        ("/a.b", "10.0.0.2"),
        ("/B/a", "10.0.0.3"),
    ]);
    assert_eq!(
        namespace.addresses(&"a.b".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.3"
    );
    assert_eq!(said(&namespace, "/b/a"), "its name a.b is taken by /B/a");
    assert_eq!(said(&namespace, "/a.b"), "its name a.b is taken by /B/a");
    namespace.update([(path("/B/a"), None)]);
    assert_eq!(
        namespace.addresses(&"a.b".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.2"
    );
}

#[test]
fn a_znode_called_leader_comes_before_the_elected_one() {
    let namespace = namespace(&[
        ("/db", ""),
        ("/db/leader", "10.0.0.1"),
        ("/db/n-0000000001", "10.0.0.2"),
    ]);
    assert_eq!(
        namespace.addresses(&"leader.db".parse().unwrap()).unwrap()[0].to_string(),
        "10.0.0.1"
    );
    assert_eq!(
        said(&namespace, "/db"),
        "its name leader.db is taken by /db/leader"
    );
}

#[test]
fn names_of_the_machine_are_reported_and_cost_nobody_else() {
    let namespace = namespace(&[
        ("/localhost", "10.0.0.5"),
        ("/LOCALHOST", "10.0.0.5"),
        ("/localhost/x", "10.0.0.5"),
        ("/ip6-loopback", "10.0.0.5"),
        ("/broadcasthost", "10.0.0.5"),
        ("/web", "10.0.0.7"),
    ]);
    assert_eq!(names(&namespace), ["web=10.0.0.7"]);
    assert!(said(&namespace, "/LOCALHOST").contains("every machine has for itself"));
}

#[test]
fn what_is_not_named_is_said() {
    let namespace = namespace(&[
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
        names(&namespace),
        [
            "a.sum=10.0.0.3",
            "host.sub.folder=10.0.0.2",
            "sub.folder=10.0.0.2",
            "sum=10.0.0.3"
        ]
    );
    assert_eq!(
        said(&namespace, "/empty"),
        "holds no data, and no child has an address"
    );
    assert_eq!(
        said(&namespace, "/folder"),
        "holds no data, and no child has an address"
    );
    assert_eq!(said(&namespace, "/folder/sub"), "");
    assert!(said(&namespace, "/junk").contains("\"hello world\" is no address"));
    assert_eq!(
        said(&namespace, "/json"),
        "holds JSON without an address, and no child has an address"
    );
    assert!(said(&namespace, "/sum").contains("loopback"));
    assert_eq!(namespace.findings().len(), 5);
    assert_eq!(namespace.len(), 8);
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
    let namespace = Namespace::new(
        scope(),
        znodes.map(|(path, data)| (path, records::read("", data.as_bytes()))),
    );
    assert_eq!(
        namespace.addresses(&"db".parse().unwrap()).unwrap().len(),
        MAX_ADDRESSES_PER_NAME
    );
    assert!(said(&namespace, "/db").contains(&format!("service db has {count} addresses")));
}

#[test]
fn out_of_service_is_out_and_no_problem() {
    let member = |status: &str| {
        format!(r#"{{"serviceEndpoint":{{"host":"10.0.0.9","port":1}},"status":"{status}"}}"#)
    };
    let mut namespace = namespace(&[
        ("/web", ""),
        ("/web/member_0000000001", &member("DEAD")),
        ("/web/member_0000000002", &member("ALIVE")),
    ]);
    assert_eq!(
        names(&namespace),
        [
            "leader.web=10.0.0.9",
            "member_0000000002.web=10.0.0.9",
            "web=10.0.0.9"
        ]
    );
    assert_eq!(
        said(&namespace, "/web/member_0000000001"),
        "is out of service: its status is not ALIVE"
    );
    assert!(!namespace.findings_of(&path("/web/member_0000000001"))[0].is_problem());
    namespace.update([(path("/web/member_0000000002"), None)]);
    assert_eq!(names(&namespace), Vec::<String>::new());
}

#[test]
fn an_instance_in_the_name_counts_for_its_service() {
    let namespace = namespace(&[
        ("/live_nodes", ""),
        ("/live_nodes/10.0.0.1:8983_solr", ""),
        ("/live_nodes/10.0.0.2:8983_solr", ""),
        ("/live_nodes/a b", "10.0.0.3"),
        ("/live_nodes/10.0.0.4:8983_solr", ""),
    ]);
    assert_eq!(names(&namespace), ["live_nodes=10.0.0.1,10.0.0.2,10.0.0.4"]);
    let encoded = namespace.findings_of(&path("/live_nodes/10.0.0.1:8983_solr"));
    assert_eq!(encoded, [Finding::InName(Format::Solr)]);
    assert!(!encoded[0].is_problem());
    assert!(said(&namespace, "/live_nodes/a b").contains("the znodes beside it hold records"));
}

const SERVICE: &str =
    r#"{"type":"service","service":{"srvce":"_redis","proto":"_tcp","port":6379},"ttl":60}"#;

fn joyent(kind: &str, address: &str) -> String {
    format!(r#"{{"type":"{kind}","{kind}":{{"address":"{address}"}}}}"#)
}

#[test]
fn a_service_record_takes_only_eligible_children() {
    let children = [
        ("/us/joyent/cache/A", joyent("redis_host", "10.0.0.1")),
        ("/us/joyent/cache/b", joyent("host", "10.0.0.2")),
        ("/us/joyent/cache/c", joyent("db_host", "10.0.0.3")),
        ("/us/joyent/cache/d", joyent("load_balancer", "10.0.0.4")),
        ("/us/joyent/cache/e", "10.0.0.5".to_owned()),
        ("/us/joyent/adm", joyent("host", "10.0.0.6")),
    ];
    let mut znodes = vec![
        ("/us", ""),
        ("/us/joyent", ""),
        ("/us/joyent/cache", SERVICE),
    ];
    znodes.extend(children.iter().map(|(path, data)| (*path, data.as_str())));
    let mut namespace = namespace(&znodes);
    assert_eq!(
        names(&namespace),
        [
            "a.cache.joyent.us=10.0.0.1",
            "adm.joyent.us=10.0.0.6",
            "b.cache.joyent.us=10.0.0.2",
            "c.cache.joyent.us=10.0.0.3",
            "cache.joyent.us=10.0.0.1,10.0.0.4",
            "d.cache.joyent.us=10.0.0.4",
        ]
    );
    namespace.update(["/us/joyent/cache/A", "/us/joyent/cache/d"].map(|gone| (path(gone), None)));
    assert_eq!(namespace.addresses(&name("cache.joyent.us")), None);
    assert_eq!(
        namespace.findings_of(&path("/us/joyent/cache")),
        [Finding::NoInstances]
    );
}

#[test]
fn an_instance_of_several_addresses_gives_all_of_them() {
    let namespace = namespace(&[
        ("/k", ""),
        (
            "/k/1",
            r#"{"jmx_port":-1,"endpoints":["A://10.0.0.1:1","B://10.0.0.2:2","C://10.0.0.1:3"]}"#,
        ),
        ("/k/2", "10.0.0.2"),
        (
            "/k/n-0000000001",
            r#"{"jmx_port":-1,"endpoints":["A://10.0.0.3:1","B://10.0.0.4:2"]}"#,
        ),
    ]);
    assert_eq!(
        names(&namespace),
        [
            "1.k=10.0.0.1,10.0.0.2",
            "k=10.0.0.3,10.0.0.4,10.0.0.1,10.0.0.2",
            "leader.k=10.0.0.3,10.0.0.4",
            "n-0000000001.k=10.0.0.3,10.0.0.4",
        ]
    );
}

#[test]
fn a_host_name_is_first_one_of_the_tree_whenever_that_appears() {
    let mut namespace = namespace(&[
        ("/kafka", ""),
        ("/kafka/1", "broker1:9092"),
        ("/kafka/2", "10.0.0.2:9092"),
    ]);
    assert_eq!(names(&namespace), ["2.kafka=10.0.0.2", "kafka=10.0.0.2"]);
    assert_eq!(
        said(&namespace, "/kafka/1"),
        "\"broker1\" is a host name, not an address, and no znode gives that name; \
         --resolve-hostnames asks the system's resolver too"
    );
    let touched = namespace.update([(path("/broker1"), Some(records::read("", b"node7")))]);
    assert!(touched.contains(&path("/kafka")));
    assert_eq!(names(&namespace), ["2.kafka=10.0.0.2", "kafka=10.0.0.2"]);
    assert!(said(&namespace, "/kafka/1").contains("leads to no address"));
    namespace.update([(path("/node7"), Some(records::read("", b"10.0.0.7")))]);
    assert_eq!(
        names(&namespace),
        [
            "1.kafka=10.0.0.7",
            "2.kafka=10.0.0.2",
            "broker1=10.0.0.7",
            "kafka=10.0.0.7,10.0.0.2",
            "node7=10.0.0.7",
        ]
    );
    assert_eq!(said(&namespace, "/kafka/1"), "");
    namespace.update([(path("/node7"), Some(records::read("", b"10.0.0.8")))]);
    assert_eq!(
        namespace.addresses(&name("1.kafka")).unwrap()[0].to_string(),
        "10.0.0.8"
    );
    namespace.update([(path("/node7"), None)]);
    assert_eq!(names(&namespace), ["2.kafka=10.0.0.2", "kafka=10.0.0.2"]);
}

#[test]
fn loops_of_host_names_lead_nowhere_and_cost_nobody_else() {
    let namespace = namespace(&[
        ("/a", "b"),
        ("/b", "a"),
        ("/self", "self"),
        ("/db", ""),
        ("/db/1", "10.0.0.1"),
        ("/db/2", "db"),
        // The first path in byte order would have the name, but has no address.
        ("/X", "nobody"),
        ("/x", "10.0.0.2"),
        ("/y", "x"),
    ]);
    assert_eq!(
        names(&namespace),
        [
            "1.db=10.0.0.1",
            "2.db=10.0.0.1",
            "db=10.0.0.1",
            "x=10.0.0.2",
            "y=10.0.0.2"
        ]
    );
    assert!(said(&namespace, "/a").contains("leads back to here"));
    assert!(said(&namespace, "/self").contains("leads back to here"));
}

#[test]
fn chains_of_host_names_may_be_as_long_as_the_tree() {
    let count = 20_000;
    let znode = |i: usize| match i {
        0 => (path("/n0"), records::read("", b"10.0.0.1")),
        _ => {
            let data = format!("n{}", i - 1);
            (path(&format!("/n{i}")), records::read("", data.as_bytes()))
        }
    };
    let mut namespace = Namespace::new(scope(), (0..count).map(znode));
    assert_eq!(namespace.hosts().len(), count);
    let touched = namespace.update([(path("/n0"), Some(records::read("", b"n7")))]);
    assert_eq!((touched.len(), namespace.hosts().len()), (count + 1, 0));
    assert!(said(&namespace, "/n3").contains("leads back to here"));
    assert!(said(&namespace, "/n9").contains("leads to no address"));
}

#[test]
fn a_name_that_many_names_lead_to_is_not_looked_at_for_each() {
    let mut znodes = Vec::new();
    for level in 0..30 {
        znodes.push((path(&format!("/s{level}")), String::new()));
        for child in 0..20 {
            let data = match level {
                29 => format!("10.0.0.{}", child + 1),
                _ if child % 2 == 0 => format!("{child}.s{}", level + 1),
                _ => format!("s{}", level + 1),
            };
            znodes.push((path(&format!("/s{level}/{child}")), data));
        }
    }
    let read = |(path, data): (ZnodePath, String)| (path, records::read("", data.as_bytes()));
    let namespace = Namespace::new(scope(), znodes.into_iter().map(read));
    assert_eq!(namespace.addresses(&name("s0")).unwrap().len(), 20);
}

#[test]
fn the_domain_may_be_left_out_of_a_host_name() {
    let domain = Some(name("zk.internal"));
    let scope = Scope::new(path("/"), path("/nameserver"), domain, &[]).unwrap();
    let read = |(at, data): (&str, &str)| (path(at), records::read("", data.as_bytes()));
    let namespace = Namespace::new(
        scope,
        [("/a", "10.0.0.1"), ("/b", "a"), ("/c", "A.zk.Internal:80")].map(read),
    );
    assert_eq!(
        names(&namespace),
        ["a", "b", "c"].map(|name| format!("{name}.zk.internal=10.0.0.1"))
    );
}

#[test]
fn what_the_resolver_says_counts_only_for_names_of_nobody_here() {
    let mut namespace = namespace(&[("/a", "far.example.com"), ("/b", "a"), ("/self", "self")]);
    let far = name("far.example.com");
    assert_eq!(
        namespace.foreign_hosts(&path("/a")),
        std::slice::from_ref(&far)
    );
    assert_eq!(namespace.foreign_hosts(&path("/b")), []);
    assert_eq!(namespace.foreign_hosts(&path("/self")), []);
    let touched = namespace.resolve(far.clone(), vec!["10.0.0.1".parse().unwrap()]);
    assert!(touched.contains(&path("/b")));
    assert_eq!(names(&namespace), ["a=10.0.0.1", "b=10.0.0.1"]);
    namespace.resolve(far.clone(), vec![]);
    assert_eq!(names(&namespace), Vec::<String>::new());
    assert!(said(&namespace, "/a").contains("nor the system's resolver has"));
    namespace.update([(path("/b"), Some(records::read("", b"a")))]);
    assert!(namespace.needs(&far));
    namespace.update([(
        path("/com/far.example"),
        Some(records::read("", b"10.0.0.9")),
    )]);
    assert!(!namespace.needs(&far));
    assert_eq!(
        names(&namespace),
        ["a=10.0.0.9", "b=10.0.0.9", "far.example.com=10.0.0.9"]
    );
}

/// A few paths that collide in many ways, and names that hold an address.
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
        "10.0.0.4:8983_solr",
        "a:8983_solr",
        "b.a,16020,1630123025659",
        "10.0.0.5:80",
        "_c_c94f1eb8-e5ac-443c-9643-2668b6f685b2-lock-0000000552",
        "dubbo%3A%2F%2Fleader.a%3A20880%2Fx%3Fside%3Dprovider",
    ]);
    prop::collection::vec(component, 1..4).prop_map(|parts| path(&format!("/{}", parts.join("/"))))
}

fn any_data() -> impl Strategy<Value = Option<String>> {
    let mut data: Vec<String> = [
        "",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3:80",
        "junk!",
        "{}",
        "a",
        "b",
        "b.a:80",
        "leader.a",
        "a.zk",
        "far.example",
        "n-0000000001",
        r#"{"ip":"10.0.0.4"}"#,
        SERVICE,
        r#"{"jmx_port":-1,"endpoints":["A://a:1","B://10.0.0.2:2","C://a.b:3"]}"#,
        r#"{"host":"a.b","port":1,"name":"x","available":false}"#,
        r#"{"host":"a.a","port":1,"name":"x","available":true}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    data.extend(["host", "redis_host", "new_host"].map(|kind| joyent(kind, "10.0.0.7")));
    data.push(joyent("redis_host", "b"));
    prop::option::weighted(0.85, prop::sample::select(data))
}

/// What happens to a tree: a znode changes, or the system's resolver says something.
#[derive(Debug, Clone)]
enum Event {
    Znode(ZnodePath, Option<Dated>),
    Resolved(Name, Vec<Address>),
}

fn any_event() -> impl Strategy<Value = Event> {
    let znode = (any_path(), any_data(), any::<bool>(), 0..4_i64);
    let znode = znode.prop_map(|(path, data, is_ephemeral, czxid)| {
        let read = |data: String| {
            let znode = records::Znode {
                parent: path.parent_str().unwrap_or_default(),
                component: path.component(),
                data: data.as_bytes(),
                is_ephemeral,
            };
            znode.read()
        };
        let reading = data.map(read);
        Event::Znode(path, reading.map(|reading| Dated { reading, czxid }))
    });
    let address = prop::sample::select(vec!["10.9.0.1", "10.9.0.2"]);
    let addresses = prop::collection::vec(address.prop_map(|text| text.parse().unwrap()), 0..2);
    let host = prop::sample::select(vec!["far.example", "a"]).prop_map(name);
    prop_oneof![
        8 => znode,
        1 => (host, addresses).prop_map(|(host, addresses)| Event::Resolved(host, addresses)),
    ]
}

/// Every name of the given znodes, as an outsider could ask for it.
fn may_differ(namespace: &Namespace, touched: &HashSet<ZnodePath>) -> HashSet<Name> {
    touched
        .iter()
        .flat_map(|path| namespace.names_of(path))
        .collect()
}

/// Znodes of a few bytes that name one service cost no more than so many addresses each, and it is told.
#[test]
fn many_that_name_one_large_service_give_the_first_of_its_addresses() {
    let read = |path: String, data: String| (self::path(&path), records::read("", data.as_bytes()));
    let mut znodes = vec![read("/big".into(), String::new())];
    for number in 0..2_000 {
        let address = format!("10.0.{}.{}", number / 250, number % 250 + 1);
        znodes.push(read(format!("/big/i{number}"), address));
        znodes.push(read(format!("/alias{number}"), "big".into()));
    }
    let namespace = Namespace::new(scope(), znodes);
    assert_eq!(namespace.addresses(&name("big")).unwrap().len(), 2_000);
    let alias = namespace.addresses(&name("alias7")).unwrap();
    let first = &namespace.addresses(&name("big")).unwrap()[..MAX_FOLLOWED];
    assert_eq!(&**alias, first);
    let all: usize = namespace.hosts().values().map(|all| all.len()).sum();
    assert_eq!(all, 2_000 + 2_000 + 2_000 * MAX_FOLLOWED);
    assert!(said(&namespace, "/alias7").contains("leads to 2000 addresses"));
}

/// A name is that of the znode that was there first, whatever comes and goes beside it; one that is made anew
/// comes last.
#[test]
fn of_two_paths_with_one_name_the_older_one_has_it() {
    let znode = |data: &str, czxid| {
        let reading = records::read("", data.as_bytes());
        Some(Dated { reading, czxid })
    };
    let mut namespace = Namespace::new(scope(), []);
    let has = |namespace: &Namespace, last: &str| {
        let addresses = namespace.addresses(&name("primary.db")).unwrap();
        assert_eq!(addresses[0].to_string(), last);
        assert_eq!(addresses.len(), 1);
    };
    namespace.update_dated([
        (path("/db"), znode("", 10)),
        (path("/db/primary"), znode("10.0.0.1", 11)),
    ]);
    namespace.update_dated([
        (path("/DB"), znode("", 12)),
        (path("/DB/primary"), znode("10.6.6.6", 13)),
    ]);
    has(&namespace, "10.0.0.1");
    assert!(
        said(&namespace, "/DB/primary").contains("taken by /db/primary, which was there first")
    );
    namespace.update_dated([(path("/db/primary"), znode("10.0.0.1", 14))]);
    has(&namespace, "10.6.6.6");
    // One that may not be read was made nobody knows when.
    namespace.update_dated([(path("/DB/primary"), znode("10.6.6.6", UNKNOWN))]);
    has(&namespace, "10.0.0.1");
    namespace.update_dated([(path("/db/primary"), None)]);
    has(&namespace, "10.6.6.6");
    namespace.update_dated([(path("/DB/primary"), None)]);
    assert!(namespace.addresses(&name("primary.db")).is_none());
}

proptest! {
    #[test]
    fn an_update_ends_where_building_anew_would(
        domain in prop::option::of(prop::sample::select(vec!["zk", "a"])),
        batches in prop::collection::vec(prop::collection::vec(any_event(), 1..8), 1..12)
    ) {
        let domain = domain.map(name);
        let scope = Scope::new(path("/"), path("/nameserver"), domain, &[]).unwrap();
        let mut live = Namespace::new(scope.clone(), []);
        let (mut znodes, mut resolved) = (BTreeMap::new(), BTreeMap::new());
        for batch in batches {
            let before = live.clone();
            let (mut updates, mut touched) = (Vec::new(), HashSet::new());
            for event in batch {
                match event {
                    Event::Znode(path, znode) => updates.push((path, znode)),
                    Event::Resolved(host, addresses) => {
                        touched.extend(live.resolve(host.clone(), addresses.clone()));
                        resolved.insert(host, addresses);
                    }
                }
            }
            touched.extend(live.update_dated(updates.clone()));
            for (path, znode) in updates {
                match znode {
                    Some(znode) => znodes.insert(path, znode),
                    None => znodes.remove(&path),
                };
            }
            let mut anew = Namespace::new(scope.clone(), []);
            for (path, znode) in &znodes {
                anew.put(path, Some(znode.clone()));
            }
            anew.name_all();
            for (host, addresses) in &resolved {
                anew.resolve(host.clone(), addresses.clone());
            }
            prop_assert_eq!(names(&live), names(&anew));
            prop_assert_eq!(live.findings(), anew.findings());
            let may_differ = may_differ(&live, &touched);
            let (old, new) = (before.hosts(), live.hosts());
            for name in old.keys().chain(new.keys()) {
                if old.get(name) != new.get(name) {
                    prop_assert!(may_differ.contains(name), "{name} changed untouched");
                }
            }
        }
    }
}
