//! A tree of four systems with all that they keep in ZooKeeper beside their servers: there is nothing to
//! mend in it, the servers are its only names, and what changes all day leaves no trace in the log.

use std::collections::BTreeMap;

use lab::{Client, Tree, nameserver, tree};

/// So many topics of so many partitions.
const TOPICS: usize = 20;
const PARTITIONS: usize = 12;
/// How often something is written that is of no interest.
const WRITES: usize = 10_000;
const HBASE: &[u8] = b"\xff\0\0\0\x14regionserver:16020\x8a\xf3PBUF\x08\x94\x7d";

type Znodes = BTreeMap<String, Vec<u8>>;

fn add(znodes: &mut Znodes, path: impl Into<String>, data: impl AsRef<[u8]>) {
    let path = path.into();
    for (at, _) in path.match_indices('/').skip(1) {
        znodes.entry(path[..at].to_owned()).or_default();
    }
    znodes.insert(path, data.as_ref().to_vec());
}

/// Where old consumers keep how far they have read.
fn offset(topic: usize, partition: usize) -> String {
    format!("/kafka/consumers/billing/offsets/topic-{topic}/{partition}")
}

fn kafka(znodes: &mut Znodes) {
    for (path, data) in [
        (
            "/kafka/controller",
            r#"{"version":1,"brokerid":1,"timestamp":"1673382717600"}"#,
        ),
        ("/kafka/controller_epoch", "17"),
        (
            "/kafka/cluster/id",
            r#"{"version":"1","id":"Zr1cIfgLQ2Of4nOyx2LhBw"}"#,
        ),
        ("/kafka/config/changes", ""),
        ("/kafka/log_dir_event_notification", ""),
        (
            "/kafka/isr_change_notification/isr_change_0000000007",
            r#"{"version":1,"partitions":[]}"#,
        ),
        (
            "/kafka/latest_producer_id_block",
            r#"{"version":1,"broker":1,"block_start":"0","block_end":"999"}"#,
        ),
        (
            "/kafka/feature",
            r#"{"features":{},"version":2,"status":1}"#,
        ),
        (
            "/kafka/consumers/billing/ids/billing_app-7.example-1442840-6c2e1a3d",
            r#"{"version":1,"subscription":{"topic-0":1},"pattern":"static","timestamp":"1442840"}"#,
        ),
    ] {
        add(znodes, path, data);
    }
    for id in 1..=3 {
        let broker = format!(
            r#"{{"listener_security_protocol_map":{{"PLAINTEXT":"PLAINTEXT"}},"endpoints":["PLAINTEXT://10.0.1.{id}:9092"],"jmx_port":-1,"port":9092,"host":"10.0.1.{id}","version":5,"timestamp":"1673382717473"}}"#
        );
        add(znodes, format!("/kafka/brokers/ids/{id}"), broker);
    }
    for topic in 0..TOPICS {
        let at = format!("/kafka/brokers/topics/topic-{topic}");
        add(
            znodes,
            &*at,
            r#"{"partitions":{"0":[1,2]},"topic_id":"x","version":3}"#,
        );
        add(
            znodes,
            format!("/kafka/config/topics/topic-{topic}"),
            r#"{"version":1,"config":{"retention.ms":"604800000"}}"#,
        );
        for partition in 0..PARTITIONS {
            let state =
                r#"{"controller_epoch":17,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}"#;
            add(znodes, format!("{at}/partitions/{partition}/state"), state);
            add(znodes, offset(topic, partition), "0");
            add(
                znodes,
                format!("/kafka/consumers/billing/owners/topic-{topic}/{partition}"),
                "billing_app-7.example-1442840-6c2e1a3d-0",
            );
        }
    }
}

fn hbase(znodes: &mut Znodes) {
    for server in 1..=4 {
        let name = format!("10.0.2.{server},16020,163012302565{server}");
        if server < 4 {
            add(znodes, format!("/hbase/rs/{name}"), HBASE);
        }
        let queues = format!("/hbase/replication/rs/{name}");
        add(znodes, &*queues, "");
        for peer in ["1", "2-10.0.2.9,16020,1630123025000"] {
            let log = "10.0.2.9%2C16020%2C1630123025000.1630123031234";
            add(
                znodes,
                format!("{queues}/{peer}/{log}"),
                b"\xff\0\0\0\x01rPBUF\x08\x10",
            );
        }
    }
    add(znodes, "/hbase/replication/peers/1/peer-state", HBASE);
    add(znodes, "/hbase/draining/10.0.2.4,16020,1630123025654", "");
    for (path, data) in [
        ("/hbase/master", HBASE),
        ("/hbase/meta-region-server", HBASE),
        ("/hbase/hbaseid", HBASE),
        ("/hbase/table/orders", HBASE),
        ("/hbase/table-lock", b""),
        ("/hbase/running", b"Tue Nov 24 10:00:00 UTC 2026"),
    ] {
        add(znodes, path, data);
    }
}

fn solr(znodes: &mut Znodes) {
    for node in 1..=2 {
        add(
            znodes,
            format!("/solr/live_nodes/10.0.3.{node}:8983_solr"),
            "",
        );
        add(
            znodes,
            format!(
                "/solr/overseer_elect/election/17010586195061294{node}-10.0.3.{node}:8983_solr-n_000000052{node}"
            ),
            "",
        );
    }
    for set in ["books", "users"] {
        for (file, data) in [
            (
                "managed-schema.xml",
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<schema/>\n",
            ),
            (
                "solrconfig.xml",
                "<?xml version=\"1.0\" ?><config></config>",
            ),
            ("stopwords.txt", "# a comment\na\nan\n"),
            ("protwords.txt", "#-----\nsolr\n"),
            ("synonyms.txt", "GB,gib,gigabyte"),
            ("lang/stopwords_en.txt", "a\nan\n"),
            ("lang/contractions_it.txt", "c\nl\n"),
            (
                "currency.xml",
                "<currencyConfig version=\"1.0\"> </currencyConfig>",
            ),
            ("params.json", r#"{"params":{}}"#),
            ("elevate.xml", "<elevate></elevate>"),
        ] {
            add(znodes, format!("/solr/configs/{set}/{file}"), data);
        }
        add(
            znodes,
            format!("/solr/collections/{set}"),
            format!(r#"{{"configName":"{set}"}}"#),
        );
        add(
            znodes,
            format!("/solr/collections/{set}/state.json"),
            r#"{"x":{"shards":{"shard1":{"replicas":{"core_node3":{"base_url":"http://10.0.3.1:8983/solr","node_name":"10.0.3.1:8983_solr"}}}}}}"#,
        );
        add(
            znodes,
            format!("/solr/collections/{set}/terms/shard1"),
            r#"{"core_node3":1}"#,
        );
    }
    for (path, data) in [
        (
            "/solr/overseer_elect/leader",
            r#"{"id":"1701058-10.0.3.1:8983_solr-n_0000000521"}"#,
        ),
        ("/solr/overseer/queue", ""),
        ("/solr/aliases.json", "{}"),
        ("/solr/clusterprops.json", "{}"),
        (
            "/solr/security.json",
            r#"{"authentication":{"class":"solr.BasicAuthPlugin"}}"#,
        ),
    ] {
        add(znodes, path, data);
    }
}

/// Locks of Curator's, whose folders and participants hold the address of whoever made them.
fn locks(znodes: &mut Znodes) {
    for lock in 0..20 {
        let participant = format!(
            "/locks/job-{lock}/_c_c94f1eb8-e5ac-443c-9643-2668b6f685{lock:02}-lock-0000000552"
        );
        add(znodes, participant, "10.0.4.1");
        add(znodes, format!("/locks/job-{lock}"), "10.0.4.2");
    }
    add(znodes, "/locks", "10.0.4.2");
}

fn plant(tree: &Tree) -> usize {
    let mut znodes = Znodes::new();
    for system in [kafka, hbase, solr, locks] {
        system(&mut znodes);
    }
    let count = znodes.len();
    crate::formats::plant(tree, znodes);
    count
}

#[test]
fn four_systems_give_their_servers_and_nothing_to_mend() {
    let tree = tree("mixed");
    let count = plant(&tree);
    let program = nameserver(&tree).flag("hosts-file", "/dev/null");
    let report = program.call(&["check", "--json"]).expect_code(0).json();
    assert_eq!(report["problems"], serde_json::json!([]), "{report:#}");
    let text = program.call(&["check"]).expect_code(0).stdout;
    assert!(
        text.lines().count() < 40,
        "{count} znodes and no screen:\n{text}"
    );

    let running = nameserver(&tree).run();
    let snapshot = tree.soon_publishes("the servers", |snapshot| !snapshot.names().is_empty());
    assert_eq!(
        snapshot.names(),
        [
            "1.ids.brokers.kafka",
            "2.ids.brokers.kafka",
            "3.ids.brokers.kafka",
            "ids.brokers.kafka",
            "live_nodes.solr",
            "rs.hbase",
        ]
    );
    assert_eq!(
        snapshot.addresses("rs.hbase"),
        ["10.0.2.1", "10.0.2.2", "10.0.2.3"]
    );

    running.soon_says("leading");
    let before = running.lines();
    write_much(&tree);
    // What comes after all of it is seen, so that was seen too.
    tree.create(
        "/kafka/brokers/ids/4",
        r#"{"jmx_port":-1,"host":"10.0.1.4","port":9092}"#,
    );
    tree.soon_maps("4.ids.brokers.kafka", &["10.0.1.4"]);
    let lines = running.lines() - before;
    assert!(lines <= 10, "{WRITES} writes left {lines} lines in the log");
    // The suggested flags leave out the rest, and cost no name.
    let suggested = program.call(&["check", "--suggest"]).expect_code(0).stdout;
    let flags = suggested.lines().next().expect("a line of flags");
    for flag in [
        "--exclude /locks",
        "--exclude /solr/configs",
        "--exclude /kafka/consumers",
    ] {
        assert!(flags.contains(flag), "{suggested}");
    }
    let mut words = vec!["check", "--json"];
    words.extend(flags.split(' '));
    let less = program.call(&words).expect_code(0).json();
    assert_eq!(less["names"], 7, "{less:#}");
    assert!(less["znodes"].as_u64() < Some(40), "{suggested}{less:#}");
}

/// Offsets, partition states and heartbeats, as their owners write them.
fn write_much(tree: &Tree) {
    let client = Client::connect(tree.address());
    let writes = (0..WRITES).map(|write| {
        let (topic, partition) = (write % TOPICS, write / TOPICS % PARTITIONS);
        match write % 7 {
            0 => (
                format!("/kafka/brokers/topics/topic-{topic}/partitions/{partition}/state"),
                format!(
                    r#"{{"controller_epoch":17,"leader":{},"version":1}}"#,
                    write % 3
                ),
            ),
            1 => ("/kafka/controller_epoch".to_owned(), write.to_string()),
            2 => (
                "/hbase/running".to_owned(),
                format!("Tue Nov 24 10:00:{:02} UTC 2026", write % 60),
            ),
            3 => ("/locks".to_owned(), format!("10.0.4.{}", write % 200 + 1)),
            _ => (offset(topic, partition), write.to_string()),
        }
    });
    for (path, data) in writes {
        client.set(&path, data);
    }
}

#[test]
fn one_znode_that_is_never_mended_is_told_once() {
    let tree = tree("mixed-once");
    tree.create("/web", "");
    tree.create("/web/1", "10.0.0.1");
    tree.create("/web/2", "10.0.0.2");
    let running = nameserver(&tree).run();
    running.soon_says("leading");
    tree.soon_maps("2.web", &["10.0.0.2"]);
    let before = running.lines();
    for number in 0..200 {
        tree.set("/web/2", format!("10.0.0.{}", 300 + number));
    }
    tree.soon_lacks("2.web");
    tree.set("/web/1", "10.0.0.9");
    tree.soon_maps("1.web", &["10.0.0.9"]);
    // The problem, and what was published of it.
    let lines = running.lines() - before;
    assert!(lines <= 4, "{lines} lines in the log");
    running.soon_says("/web/2: \"10.0.0.");
}
