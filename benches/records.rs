//! What reading one record costs, beside what serde_json takes to parse the same bytes into its own
//! values: the floor. Records that are told by the znode's name have none.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::{Times, print, ratio};
use nameserver::records::{self, Reading};

/// The most that a typical record may cost.
const TARGET: Duration = Duration::from_micros(2);
const ROUNDS: usize = 51;
const READS: u32 = 2_000;

/// A znode's name and its data.
const RECORDS: [(&str, &str); 16] = [
    ("a", "10.0.0.5:8080"),
    ("a", r#"{"ip":"10.0.0.5","port":8080}"#),
    (
        "dbac9cf3-5c3c-44d5-a3d5-b2d4d2e6b0e7",
        r#"{"name":"cloud-provider-payment","id":"dbac9cf3-5c3c-44d5-a3d5-b2d4d2e6b0e7","address":"10.1.2.3","port":8004,"sslPort":null,"payload":{"@class":"org.springframework.cloud.zookeeper.discovery.ZookeeperInstance","id":"application-1","name":"cloud-provider-payment","metadata":{}},"registrationTimeUTC":1621155920122,"serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},{"value":"address","variable":true},{"value":":","variable":false},{"value":"port","variable":true}]}}"#,
    ),
    (
        "member_0000000007",
        r#"{"serviceEndpoint":{"host":"10.0.0.9","port":1000},"additionalEndpoints":{"http":{"host":"10.0.0.9","port":8080}},"status":"ALIVE","shard":42}"#,
    ),
    (
        "ID_0000000003",
        r#"{"host":"1.2.3.4","port":3000,"name":"mymachine"}"#,
    ),
    (
        "base64_68_eyJob3N0IjoiMS4yLjMuNCIsInBvcnQiOjMwMDAsIm5hbWUiOiJteW1hY2hpbmUifQ==_0000000003",
        "",
    ),
    (
        "HOST",
        r#"{"type":"redis_host","address":"172.27.10.62","ttl":30,"redis_host":{"address":"172.27.10.62","ports":[6379]}}"#,
    ),
    (
        "192.168.1.123:49153",
        r#"{"Name":"www","IP":"192.168.1.123","PublicPort":49153,"PrivatePort":80,"ContainerID":"9124853ff0d1","Tags":[],"Attrs":{}}"#,
    ),
    (
        "1",
        r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://broker1:9091"],"jmx_port":-1,"port":9091,"host":"broker1","version":5,"timestamp":"1673382717473"}"#,
    ),
    ("rs1.example.com,16020,1630123025659", ""),
    ("10.0.0.1:8080_solr", ""),
    (
        "dubbo%3A%2F%2F172.19.4.113%3A20880%2Forg.apache.dubbo.demo.DemoService%3Fanyhost%3Dtrue%26application%3Ddemo-provider%26side%3Dprovider%26timestamp%3D1630123025659",
        "",
    ),
    (
        "json.info_0000000017",
        r#"{"address":{"hostname":"m1","ip":"10.0.0.3","port":5050},"capabilities":[],"hostname":"m1","id":"d3","ip":16777343,"pid":"master@10.0.0.3:5050","port":5050,"version":"1.4.1"}"#,
    ),
    (
        "serverUri=10.0.0.8:10000;version=2.1.1;sequence=0000000001",
        "",
    ),
    ("3f7c1f0a2b4d4e6f8091a2b3c4d5e6f7-10.86.5.55:80", ""),
    ("x1", r#"{"host":"1.1.1.1","ttl":60}"#),
];

fn main() {
    let mut slowest = Duration::ZERO;
    let rows = RECORDS.map(|(component, data)| {
        let reading = records::read(component, data.as_bytes());
        assert!(
            matches!(reading, Reading::Instance(_)),
            "{component} {data}: {reading:?}"
        );
        let format = reading
            .format()
            .map_or_else(String::new, |format| format.to_string());
        let times = measure(|| {
            black_box(records::read(
                black_box(component),
                black_box(data.as_bytes()),
            ));
        });
        slowest = slowest.max(times.p50());
        let is_json = data.starts_with('{');
        let floor = is_json.then(|| {
            measure(|| {
                let value = serde_json::from_slice::<serde_json::Value>(black_box(data.as_bytes()));
                black_box(value.is_ok());
            })
        });
        let length = if is_json {
            data.len()
        } else {
            data.len().max(component.len())
        };
        vec![
            format,
            format!("{length} B"),
            nanos(times.p50()),
            floor
                .as_ref()
                .map_or_else(String::new, |floor| nanos(floor.p50())),
            floor.map_or_else(String::new, |floor| ratio(times.p50(), floor.p50())),
        ]
    });
    println!(
        "\nReading one record, medians of {ROUNDS} rounds of {READS}; the floor is serde_json's parse\n"
    );
    print(&["format", "length", "record", "floor", "ratio"], &rows);
    println!("slowest {}, target {}", nanos(slowest), nanos(TARGET));
}

/// How long one call takes, for each of many rounds.
fn measure(call: impl Fn()) -> Times {
    let round = |_| {
        let begun = Instant::now();
        (0..READS).for_each(|_| call());
        begun.elapsed() / READS
    };
    Times::new((0..ROUNDS).map(round).collect())
}

fn nanos(time: Duration) -> String {
    format!("{} ns", time.as_nanos())
}
