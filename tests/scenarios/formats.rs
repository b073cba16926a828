//! Trees as people have them: every format at once, mixed with junk, gives exactly the names that it
//! should, and `check` explains the rest.

use std::collections::BTreeMap;

use lab::{Client, Program, Tree, nameserver, tree};
use serde_json::Value;

const HEX: &str = "3f7c1f0a2b4d4e6f8091a2b3c4d5e6f7";
const DUBBO: &str = "/dubbo/org.apache.DemoService";
const HBASE_DATA: &[u8] = b"\xff\0\0\0\x14regionserver:16020\x8a\xf3PBUF\x08\x94\x7d";

fn znode(path: impl Into<String>, data: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (path.into(), data.as_ref().to_vec())
}

/// One znode or more for each format, and what its addresses should be called.
fn records() -> Vec<(String, Vec<u8>)> {
    vec![
        znode("/plain/a", "10.0.1.1"),
        znode("/plain/b", "10.0.1.2:8080\n"),
        znode("/plain/c", "fd00::5"),
        znode("/plain/d", "[fd00::6]:8080"),
        znode("/plain/e", "a.plain:8080"),
        znode(
            "/curator/dbac9cf3",
            r#"{"name":"pay","id":"dbac9cf3","address":"10.0.2.1","port":8004,"sslPort":null,"payload":{"metadata":{}},"registrationTimeUTC":1621155920122,"serviceType":"DYNAMIC","uriSpec":{"parts":[]}}"#,
        ),
        znode(
            "/curator/e1",
            r#"{"name":"pay","id":"e1","address":"10.0.2.2","port":8004,"payload":{"metadata":{"instance_status":"OUT_OF_SERVICE"}},"serviceType":"DYNAMIC"}"#,
        ),
        znode(
            "/curator/e2",
            r#"{"name":"pay","id":"e2","address":"10.0.2.3","port":8004,"payload":null,"serviceType":"DYNAMIC","enabled":false}"#,
        ),
        znode(
            "/serverset/member_0000000003",
            r#"{"serviceEndpoint":{"host":"10.0.3.1","port":1000},"additionalEndpoints":{},"status":"DEAD","shard":1}"#,
        ),
        znode(
            "/serverset/member_0000000007",
            r#"{"serviceEndpoint":{"host":"10.0.3.2","port":1000},"additionalEndpoints":{"http":{"host":"10.0.3.2","port":8080}},"status":"ALIVE","shard":42}"#,
        ),
        znode(
            "/nerve/web_0000000003",
            r#"{"host":"10.0.4.1","port":3000,"name":"mymachine"}"#,
        ),
        znode(
            "/nerve/web_0000000004",
            r#"{"host":"10.0.4.2","port":3000,"name":"other","available":false}"#,
        ),
        znode(
            "/nerve64/base64_68_eyJob3N0IjoiMS4yLjMuNCIsInBvcnQiOjMwMDAsIm5hbWUiOiJteW1hY2hpbmUifQ==_0000000003",
            "",
        ),
        znode(
            "/us/joyent/emy-10/authcache",
            r#"{"type":"service","service":{"type":"service","service":{"srvce":"_redis","proto":"_tcp","port":6379,"ttl":60},"ttl":60}}"#,
        ),
        znode(
            "/us/joyent/emy-10/authcache/A2674D3B",
            r#"{"type":"redis_host","address":"172.27.10.62","ttl":30,"redis_host":{"address":"172.27.10.62","ports":[6379]}}"#,
        ),
        znode(
            "/us/joyent/emy-10/authcache/alone",
            r#"{"type":"host","host":{"address":"172.27.10.63"}}"#,
        ),
        znode(
            "/us/joyent/emy-10/moray",
            r#"{"type":"database","database":{"primary":"tcp://postgres@10.0.5.4:5432/postgres"}}"#,
        ),
        znode(
            "/registrator/www/192.168.1.123:49153",
            r#"{"Name":"www","IP":"192.168.1.123","PublicPort":49153,"PrivatePort":80,"ContainerID":"9124853ff0d1","Tags":[],"Attrs":{}}"#,
        ),
        znode(
            "/registrator/www/192.168.1.124:49154",
            r#"{"Name":"www","IP":"","PublicPort":49154,"PrivatePort":80,"ContainerID":"a","Tags":[],"Attrs":{}}"#,
        ),
        znode(
            "/brokers/ids/1",
            r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://broker1:9091"],"jmx_port":-1,"port":9091,"host":"broker1","version":5,"timestamp":"1673382717473"}"#,
        ),
        znode(
            "/brokers/ids/2",
            r#"{"listener_security_protocol_map":{"SSL":"SSL"},"endpoints":["SSL://10.0.7.2:9093"],"jmx_port":-1,"port":-1,"host":null,"version":5,"timestamp":"1"}"#,
        ),
        znode("/broker1", "10.0.7.1"),
        znode("/hbase/rs/10.0.8.1,16020,1630123025659", HBASE_DATA),
        znode("/hbase/rs/rs2,16020,1630123025660", HBASE_DATA),
        znode("/rs2", "10.0.8.2"),
        znode("/hbase/master", HBASE_DATA),
        znode("/live_nodes/10.0.9.1:8080_solr", ""),
        znode("/live_nodes/10.0.9.2:8080_solr%2Fnorth", ""),
        znode(
            format!(
                "{DUBBO}/providers/dubbo%3A%2F%2F172.19.4.113%3A20880%2Forg.apache.DemoService%3Fside%3Dprovider"
            ),
            "172.19.9.9",
        ),
        znode(
            format!(
                "{DUBBO}/consumers/consumer%3A%2F%2F172.19.4.114%2Forg.apache.DemoService%3Fside%3Dconsumer"
            ),
            "172.19.4.114",
        ),
        znode(
            format!(
                "{DUBBO}/configurators/override%3A%2F%2F10.20.153.10%2Forg.apache.DemoService%3Fweight%3D5"
            ),
            "",
        ),
        znode(
            "/mesos/json.info_0000000017",
            r#"{"address":{"hostname":"m1","ip":"10.0.11.3","port":5050},"ip":16777343,"pid":"master@10.0.11.3:5050"}"#,
        ),
        znode(
            "/mesos/json.info_0000000018",
            r#"{"address":{"hostname":"m2","ip":"10.0.11.4","port":5050},"ip":16777343,"pid":"master@10.0.11.4:5050"}"#,
        ),
        znode(
            "/hiveserver2/serverUri=10.0.12.8:10000;version=2.1.1;sequence=0000000001",
            "x=y",
        ),
        znode(
            "/kyuubi/serviceUri=10.0.12.9:10009;version=1.0.0;sequence=0000000000",
            "",
        ),
        znode(format!("/party/{HEX}__party__"), "10.0.13.1"),
        znode(format!("/shallow/{HEX}-10.86.5.55:80"), ""),
        znode("/skydns/local/skydns/x1", r#"{"host":"1.1.1.1","ttl":60}"#),
        znode("/grpc/a", r#"{"host":"10.0.15.2","port":"50051"}"#),
        znode("/generic/a", r#"{"addr":"10.0.16.1","port":1}"#),
    ]
}

/// Junk, with a part of what `check` must say of it.
fn junk() -> Vec<(String, Vec<u8>, &'static str)> {
    let row = |path: &str, data: &str, reason| (path.to_owned(), data.as_bytes().to_vec(), reason);
    let mut junk = vec![
        row("/plain/words", "hello there", "is no address"),
        row(
            "/plain/away",
            "nobody.example.com",
            "no znode gives that name",
        ),
        row("/plain/circle", "circle.plain", "leads back to here"),
        row(
            "/curator/bad",
            r#"{"name":"pay","id":"x","address":null,"serviceType":"DYNAMIC"}"#,
            "Curator record: the JSON field \"address\" is missing",
        ),
        row(
            "/serverset/member_0000000001",
            "\x0c\0\x01\x0b\0\x01\0\0\0\x0810.0.0.9",
            "Thrift",
        ),
        row(
            "/us/joyent/emy-10/authcache/bad",
            r#"{"type":"redis_host"}"#,
            "Joyent record",
        ),
        row(
            "/brokers/ids/3",
            r#"{"jmx_port":-1,"host":null,"port":-1,"endpoints":[]}"#,
            "Kafka record",
        ),
        row("/generic/loopback", r#"{"ip":"127.0.0.1"}"#, "loopback"),
        row("/generic/torn", r#"{"ip":"10."#, "begins like JSON"),
        row(
            "/generic/deep",
            &format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000)),
            "begins like JSON",
        ),
        row("/hiveserver2/serverUri=nothing", "", "HiveServer2 record"),
        row("/B/a", "10.0.0.3", ""),
        row("/b", "", "its name b is taken by /B"),
        row("/b/a", "10.0.0.4", "its name a.b is taken by /B/a"),
    ];
    // Nobody meant this as an address.
    junk.push(("/binary".to_owned(), vec![0xff, 0xfe, 0x01], ""));
    junk.push(("/large".to_owned(), vec![b'x'; 70_000], "70000 bytes long"));
    junk
}

/// All of it, parents first.
pub(crate) fn plant(tree: &Tree, znodes: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let mut all = BTreeMap::new();
    for (path, data) in znodes {
        for (at, _) in path.match_indices('/').skip(1) {
            all.entry(path[..at].to_owned()).or_insert_with(Vec::new);
        }
        all.insert(path, data);
    }
    for (path, data) in all {
        tree.create(&path, data);
    }
}

/// Every name that the records give, with its addresses.
const NAMES: [(&str, &[&str]); 49] = [
    ("1.ids.brokers", &["10.0.7.1"]),
    ("2.ids.brokers", &["10.0.7.2"]),
    (
        "3f7c1f0a2b4d4e6f8091a2b3c4d5e6f7__party__.party",
        &["10.0.13.1"],
    ),
    ("a.b", &["10.0.0.3"]),
    ("a.generic", &["10.0.16.1"]),
    ("a.grpc", &["10.0.15.2"]),
    ("a.plain", &["10.0.1.1"]),
    ("a2674d3b.authcache.emy-10.joyent.us", &["172.27.10.62"]),
    ("alone.authcache.emy-10.joyent.us", &["172.27.10.63"]),
    ("authcache.emy-10.joyent.us", &["172.27.10.62"]),
    ("b", &["10.0.0.3"]),
    ("b.plain", &["10.0.1.2"]),
    ("broker1", &["10.0.7.1"]),
    ("c.plain", &["fd00::5"]),
    ("curator", &["10.0.2.1"]),
    ("d.plain", &["fd00::6"]),
    ("dbac9cf3.curator", &["10.0.2.1"]),
    ("e.plain", &["10.0.1.1"]),
    ("emy-10.joyent.us", &["10.0.5.4"]),
    ("generic", &["10.0.16.1"]),
    ("grpc", &["10.0.15.2"]),
    ("hiveserver2", &["10.0.12.8"]),
    ("ids.brokers", &["10.0.7.1", "10.0.7.2"]),
    ("json.info_0000000017.mesos", &["10.0.11.3"]),
    ("json.info_0000000018.mesos", &["10.0.11.4"]),
    ("kyuubi", &["10.0.12.9"]),
    ("leader.hiveserver2", &["10.0.12.8"]),
    ("leader.kyuubi", &["10.0.12.9"]),
    ("leader.mesos", &["10.0.11.3"]),
    ("leader.nerve", &["10.0.4.1"]),
    ("leader.nerve64", &["1.2.3.4"]),
    ("leader.serverset", &["10.0.3.2"]),
    ("live_nodes", &["10.0.9.1", "10.0.9.2"]),
    ("member_0000000007.serverset", &["10.0.3.2"]),
    ("mesos", &["10.0.11.3", "10.0.11.4"]),
    ("moray.emy-10.joyent.us", &["10.0.5.4"]),
    ("nerve", &["10.0.4.1"]),
    ("nerve64", &["1.2.3.4"]),
    ("party", &["10.0.13.1"]),
    ("plain", &["10.0.1.1", "10.0.1.2", "fd00::5", "fd00::6"]),
    ("providers.org.apache.demoservice.dubbo", &["172.19.4.113"]),
    ("rs.hbase", &["10.0.8.1", "10.0.8.2"]),
    ("rs2", &["10.0.8.2"]),
    ("serverset", &["10.0.3.2"]),
    ("shallow", &["10.86.5.55"]),
    ("skydns.local.skydns", &["1.1.1.1"]),
    ("web_0000000003.nerve", &["10.0.4.1"]),
    ("www.registrator", &["192.168.1.123", "192.168.1.124"]),
    ("x1.skydns.local.skydns", &["1.1.1.1"]),
];

#[test]
fn a_tree_of_every_format_gives_exactly_its_names() {
    let tree = tree("formats");
    let planted = junk();
    let junk_znodes = planted
        .iter()
        .map(|(path, data, _)| (path.clone(), data.clone()));
    plant(&tree, records().into_iter().chain(junk_znodes));
    let _nameserver = nameserver(&tree).switch("allow-public").run();
    let snapshot = tree.soon_publishes("all names", |snapshot| {
        snapshot.names().len() == NAMES.len()
    });
    let found: Vec<(&str, Vec<&str>)> = snapshot
        .names()
        .into_iter()
        .map(|name| (name, snapshot.addresses(name)))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> = NAMES.map(|(name, to)| (name, to.to_vec())).to_vec();
    assert_eq!(found, expected, "{found:#?}");

    let report = nameserver(&tree)
        .switch("allow-public")
        .flag("hosts-file", "/dev/null")
        .call(&["check", "--json"])
        .expect_code(1)
        .json();
    let problems = report["problems"].as_array().expect("a list").clone();
    for (path, _, reason) in planted.iter().filter(|(_, _, reason)| !reason.is_empty()) {
        let said = problems
            .iter()
            .find(|problem| problem["path"] == path.as_str());
        let said = said.and_then(|problem| problem["reason"].as_str());
        assert!(
            said.is_some_and(|said| said.contains(reason)),
            "{path}: {said:?}"
        );
    }
    assert_eq!(problems.len(), planted.len() - 2, "{problems:#?}");
    let formats: BTreeMap<String, u64> =
        serde_json::from_value(report["formats"].clone()).expect("counts");
    let counts: Vec<_> = formats
        .iter()
        .map(|(format, count)| format!("{count} {format}"))
        .collect();
    assert_eq!(counts.len(), 17, "{counts:?}");
    assert_eq!(formats["Joyent"], 4, "{counts:?}");
    assert_eq!(formats["Curator"], 3, "{counts:?}");

    // What changes later counts at once: a host, and with it a broker and its service.
    tree.set("/broker1", "10.0.7.9");
    tree.soon_maps("1.ids.brokers", &["10.0.7.9"]);
    tree.soon_maps("ids.brokers", &["10.0.7.9", "10.0.7.2"]);
    tree.set(
        "/serverset/member_0000000003",
        r#"{"serviceEndpoint":{"host":"10.0.3.1","port":1000},"status":"ALIVE"}"#,
    );
    tree.soon_maps("leader.serverset", &["10.0.3.1"]);
}

#[test]
fn explain_says_for_one_znode_what_it_gives_and_why() {
    let tree = tree("explain");
    plant(&tree, records());
    let program = nameserver(&tree).switch("allow-public");
    program
        .call(&["check", "--explain", "/brokers/ids/1"])
        .expect_code(0)
        .expect_words(&[
            "Kafka",
            "an instance at broker1:9091",
            "broker1 → 10.0.7.1",
            "1.ids.brokers → 10.0.7.1",
            "for /brokers/ids",
        ]);
    program
        .call(&["check", "--explain", "/curator/e2"])
        .expect_code(0)
        .expect_words(&["out of service", "\"enabled\":false"]);
    program
        .call(&["check", "--explain", "/nowhere"])
        .expect_code(1)
        .expect_words(&["there is no znode /nowhere"]);
    let json = program.call(&[
        "check",
        "--json",
        "--explain",
        "/live_nodes/10.0.9.1:8080_solr",
    ]);
    let json = json.expect_code(0).json();
    assert_eq!(json["format"], "Solr");
    assert_eq!(json["counts"], "for /live_nodes");
}

#[test]
fn lookup_follows_host_names_too() {
    let tree = tree("lookup-hosts");
    plant(&tree, records());
    let program = nameserver(&tree);
    let outcome = program.call(&["lookup", "ids.brokers"]).expect_code(0);
    assert_eq!(outcome.stdout, "10.0.7.1\n10.0.7.2\n");
    let outcome = program.call(&["lookup", "e.plain"]).expect_code(0);
    assert_eq!(outcome.stdout, "10.0.1.1\n");
}

#[test]
fn names_of_others_in_the_hosts_file_are_told() {
    let (tree, hosts) = (tree("shadowed"), lab::HostsFile::with("10.9.9.9 web\n"));
    tree.create("/web", "10.0.0.1");
    tree.create("/db", "10.0.0.2");
    nameserver(&tree)
        .flag("hosts-file", hosts.path())
        .call(&["check"])
        .expect_code(0)
        .expect_words(&["shadowed: web: line 1 of", "10.9.9.9"]);
}

#[test]
fn a_host_name_of_nobody_here_is_asked_of_the_system_s_resolver_only_when_allowed() {
    let (tree, resolver) = (
        tree("resolver"),
        lab::HostsFile::with("127.0.0.1 localhost\n10.7.7.7 far-host\n"),
    );
    tree.create("/a", "far-host:80");
    let shown = format!("mount --bind {} /etc/hosts", resolver.path().display());
    let plain = nameserver(&tree).call(&["lookup", "a"]);
    assert_eq!(plain.expect_code(1).stdout, "");
    if !lab::needs(lab::Need::MountNamespace) {
        return;
    }
    let _server = nameserver(&tree)
        .after_mounting(&shown)
        .run_with(&["--resolve-hostnames"]);
    tree.soon_maps("a", &["10.7.7.7"]);
    tree.create("/far-host", "10.0.0.1");
    tree.soon_maps("a", &["10.0.0.1"]);
    tree.delete("/far-host");
    tree.soon_maps("a", &["10.7.7.7"]);
    // A word alone is never asked for.
    tree.create("/word", "far-host");
    tree.create("/b", "far-host:81");
    let snapshot = tree.soon_maps("b", &["10.7.7.7"]);
    assert!(snapshot.addresses("word").is_empty());
}

/// The trees and outputs of docs/recipes.md are what they are there. With RECIPES=write the file gets
/// the outputs of this run.
#[test]
fn the_recipes_are_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recipes.md");
    let text = std::fs::read_to_string(path).expect("docs/recipes.md");
    let mut new = String::new();
    let (mut program, mut session) = (None, None);
    for (at, part) in text.split("```").enumerate() {
        if at > 0 {
            new.push_str("```");
        }
        if let Some(znodes) = part.strip_prefix("tree\n") {
            let tree = tree("recipe");
            let owner = Client::connect(tree.address());
            plant_recipe(&tree, &owner, znodes);
            session = Some(owner);
            program = Some(nameserver(&tree).flag("hosts-file", "/dev/null"));
            new.push_str(part);
        } else if let Some(commands) = part.strip_prefix("console\n") {
            let program = program.as_ref().expect("a tree before the first command");
            new.push_str("console\n");
            new.push_str(&rerun(program, commands));
        } else {
            new.push_str(part);
        }
    }
    drop(session);
    if std::env::var_os("RECIPES").is_some_and(|what| what == "write") {
        std::fs::write(path, &new).expect("docs/recipes.md can be written");
    }
    assert_eq!(
        text, new,
        "RECIPES=write cargo test -p lab recipes writes the new outputs"
    );
}

/// A znode for each line; those with `~` in front are ephemeral, and the owner's.
fn plant_recipe(tree: &Tree, owner: &Client, lines: &str) {
    let ephemeral = |line: &&str| line.starts_with('~');
    let (ephemeral, stable): (Vec<_>, Vec<_>) = lines.lines().partition(ephemeral);
    let ephemeral: Vec<_> = ephemeral.iter().map(|line| of_line(&line[1..])).collect();
    let folders = ephemeral
        .iter()
        .filter_map(|(path, _)| path.rsplit_once('/'));
    let folders = folders.filter(|(folder, _)| !folder.is_empty());
    let folders = folders.map(|(folder, _)| (folder.to_owned(), Vec::new()));
    plant(tree, folders.chain(stable.into_iter().map(of_line)));
    for (path, data) in ephemeral {
        owner.create_ephemeral(&path, data);
    }
}

/// A path, blanks, and data; both may hold \xNN.
pub(crate) fn of_line(line: &str) -> (String, Vec<u8>) {
    let (path, data) = line.split_once(' ').unwrap_or((line, ""));
    let path = String::from_utf8(unescaped(path)).expect("a path of text");
    (path, unescaped(data.trim_start()))
}

fn unescaped(mut rest: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).expect("two digits"));
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The commands with what they print now.
fn rerun(program: &Program, commands: &str) -> String {
    let mut printed = String::new();
    for line in commands.lines().filter(|line| line.starts_with("$ ")) {
        printed.push_str(line);
        printed.push('\n');
        let words = line
            .trim_start_matches("$ nameserver ")
            .replace(" -z zk1:2181", "");
        let words: Vec<String> = words
            .split(' ')
            .map(|word| word.replace('\'', "").replace("\\x20", " "))
            .collect();
        let outcome = program.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
        printed.push_str(&outcome.stdout);
        printed.push_str(&outcome.stderr);
    }
    printed
}

#[test]
fn the_lab_reads_the_trees_of_recipes() {
    let (path, data) = of_line(r"/a  x\xffy\x00");
    assert_eq!((path.as_str(), data.as_slice()), ("/a", &b"x\xffy\0"[..]));
    assert_eq!(of_line("/a").1, b"");
    let _: Value = serde_json::from_slice(&of_line(r#"/a {"b": 1}"#).1).expect("JSON");
}
