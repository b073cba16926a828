//! The records of each system.

use super::*;

pub(super) const CURATOR: &str = concat!(
    r#"{"name":"cloud-provider-payment","id":"dbac9cf3-5c3c-44d5-a3d5-b2d4d2e6b0e7","address":"10.1.2.3","port":8004,"#,
    r#""sslPort":null,"payload":{"@class":"org.springframework.cloud.zookeeper.discovery.ZookeeperInstance","#,
    r#""id":"application-1","name":"cloud-provider-payment","metadata":{}},"registrationTimeUTC":1621155920122,"#,
    r#""serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},"#,
    r#"{"value":"address","variable":true},{"value":":","variable":false},{"value":"port","variable":true}]}}"#
);

#[test]
fn curator() {
    let out = r#""metadata":{"instance_status":"OUT_OF_SERVICE"}"#;
    check(&[
        ("dbac9cf3", CURATOR, "Curator: 10.1.2.3:8004"),
        (
            "x",
            &CURATOR.replace("10.1.2.3", "payment-7"),
            "Curator: payment-7:8004",
        ),
        (
            "x",
            &CURATOR.replace(
                "\"port\":8004,\"sslPort\":null",
                "\"port\":null,\"sslPort\":8443",
            ),
            "Curator: 10.1.2.3:8443",
        ),
        (
            "x",
            &CURATOR.replace("\"serviceType\"", "\"enabled\":false,\"serviceType\""),
            "Curator: 10.1.2.3:8004 out: it says \"enabled\":false",
        ),
        (
            "x",
            &CURATOR.replace("\"serviceType\"", "\"enabled\":true,\"serviceType\""),
            "Curator: 10.1.2.3:8004",
        ),
        (
            "x",
            &CURATOR.replace("\"metadata\":{}", out),
            "Curator: 10.1.2.3:8004 out: its payload says OUT_OF_SERVICE",
        ),
        (
            "x",
            r#"{"name":"a","id":"1","address":"10.0.0.1","payload":"OUT_OF_SERVICE","serviceType":"STATIC"}"#,
            "Curator: 10.0.0.1 out: its payload says OUT_OF_SERVICE",
        ),
        (
            "x",
            r#"{"name":"a","id":"1","address":"10.0.0.1","payload":{"status":"UP"},"serviceType":"STATIC"}"#,
            "Curator: 10.0.0.1",
        ),
        ("x", &CURATOR.replace("8004", "0"), "Curator: 10.1.2.3"),
        ("x", &CURATOR.replace("8004", "-1"), "Curator: 10.1.2.3"),
        (
            "x",
            &CURATOR.replace(
                "\"metadata\":{}",
                r#""metadata":{"instance_status":"STARTING"}"#,
            ),
            "Curator: 10.1.2.3:8004 out: its state or status says so",
        ),
        (
            "x",
            &CURATOR.replace(
                "\"metadata\":{}",
                r#""metadata":{"instance_status":"UNKNOWN"}"#,
            ),
            "Curator: 10.1.2.3:8004 out: its instance_status is not UP",
        ),
        (
            "x",
            &CURATOR.replace("\"metadata\":{}", r#""metadata":{"instance_status":"up"}"#),
            "Curator: 10.1.2.3:8004",
        ),
        (
            "x",
            &CURATOR.replace("\"metadata\":{}", r#""metadata":{"instance_status":""}"#),
            "Curator: 10.1.2.3:8004",
        ),
    ]);
    refuses(&[
        (
            "x",
            &CURATOR.replace("\"10.1.2.3\"", "null"),
            Format::Curator,
            "\"address\" is missing",
        ),
        (
            "x",
            &CURATOR.replace("10.1.2.3", "0.0.0.0"),
            Format::Curator,
            "unspecified",
        ),
    ]);
}

pub(super) const SERVERSET: &str = concat!(
    r#"{"serviceEndpoint":{"host":"10.0.0.9","port":1000},"additionalEndpoints":{"http":{"host":"10.0.0.9","port":8080}},"#,
    r#""status":"ALIVE","shard":42}"#
);

#[test]
fn server_set() {
    check(&[
        ("member_0000000007", SERVERSET, "ServerSet: 10.0.0.9:1000"),
        (
            "member_0000000007",
            &SERVERSET.replace("ALIVE", "STOPPING"),
            "ServerSet: 10.0.0.9:1000 out: its status is not ALIVE",
        ),
        (
            "member_1",
            r#"{"serviceEndpoint":{"host":"10.0.0.9","port":1000}}"#,
            "ServerSet: 10.0.0.9:1000",
        ),
    ]);
    refuses(&[
        (
            "member_1",
            &SERVERSET.replace("\"ALIVE\"", "2"),
            Format::ServerSet,
            "\"status\" holds a number",
        ),
        (
            "member_1",
            r#"{"serviceEndpoint":"10.0.0.9","status":"ALIVE"}"#,
            Format::ServerSet,
            "holds text, not an object",
        ),
        (
            "member_1",
            r#"{"serviceEndpoint":{},"status":"ALIVE"}"#,
            Format::ServerSet,
            "\"host\" is missing",
        ),
        // A struct of endpoint, additional endpoints and status, as Thrift writes it.
        (
            "member_1",
            "\x0c\0\x01\x0b\0\x01\0\0\0\x0810.0.0.9\x08\0\x02\0\0\x03\u{68}\0\x08\0\x03\0\0\0\x02\0",
            Format::ServerSet,
            "Thrift's binary encoding",
        ),
    ]);
}

pub(super) const NERVE_NAME: &str =
    "base64_68_eyJob3N0IjoiMS4yLjMuNCIsInBvcnQiOjMwMDAsIm5hbWUiOiJteW1hY2hpbmUifQ==_0000000003";

#[test]
fn nerve() {
    let json = r#"{"host":"1.2.3.4","port":3000,"name":"mymachine"}"#;
    check(&[
        ("ID_0000000003", json, "nerve: 1.2.3.4:3000"),
        ("x", r#"{"host":"1.2.3.4","name":"m"}"#, "JSON: 1.2.3.4"),
        (
            "x",
            r#"{"ip":"1.2.3.4","port":3000,"name":"m"}"#,
            "JSON: 1.2.3.4:3000",
        ),
        (
            "ID_0000000003",
            r#"{"host":"1.2.3.4","port":3000,"name":"m","weight":7,"labels":{"az":"a"},"available":true}"#,
            "nerve: 1.2.3.4:3000 weight 7",
        ),
        (
            "ID_0000000003",
            r#"{"host":"1.2.3.4","port":3000,"name":"m","available":false}"#,
            "nerve: 1.2.3.4:3000 out: it says \"available\":false",
        ),
        (NERVE_NAME, "", "nerve: 1.2.3.4:3000"),
        (NERVE_NAME, "10.9.9.9", "nerve: 1.2.3.4:3000"),
        // Without padding, and with characters of the URL-safe alphabet.
        (
            "base64_66_eyJob3N0IjoiMS4yLjMuNCIsInBvcnQiOjMwMDAsIm5hbWUiOiJteW1hY2hpbmUifQ_0000000003",
            "",
            "nerve: 1.2.3.4:3000",
        ),
        (
            "base64_60_eyJob3N0IjoiMS4yLjMuNCIsInBvcnQiOjMwMDAsIm5hIjoiPz8-fn5-fiJ9_0000000001",
            "",
            "nerve: 1.2.3.4:3000",
        ),
        ("base64_encoder", "10.0.0.1", "plain text: 10.0.0.1"),
        (
            "x",
            r#"{"host":"1.2.3.4","port":-1,"name":"m","weight":70000}"#,
            "nerve: 1.2.3.4",
        ),
    ]);
    refuses(&[
        (
            "base64_68_eyJob3",
            "",
            Format::Nerve,
            "promises 68 characters of base64 and has 6",
        ),
        ("base64_6_????==_1", "", Format::Nerve, "is no base64"),
        (
            "base64_4_e30=_0000000001",
            "",
            Format::Nerve,
            "\"host\" is missing",
        ),
        ("base64_4_////", "", Format::Nerve, "no UTF-8"),
    ]);
}

#[test]
fn joyent() {
    let host = r#"{"type":"redis_host","address":"172.27.10.62","ttl":30,"redis_host":{"address":"172.27.10.62","ports":[6379]}}"#;
    check(&[
        ("HOST", host, "Joyent: 172.27.10.62:6379 ttl 30 eligible"),
        (
            "HOST",
            &host.replace("redis_host", "load_balancer"),
            "Joyent: 172.27.10.62:6379 ttl 30 eligible",
        ),
        (
            "HOST",
            &host.replace("redis_host", "moray_host"),
            "Joyent: 172.27.10.62:6379 ttl 30 eligible",
        ),
        (
            "HOST",
            &host.replace("redis_host", "ops_host"),
            "Joyent: 172.27.10.62:6379 ttl 30 eligible",
        ),
        (
            "HOST",
            &host.replace("redis_host", "rr_host"),
            "Joyent: 172.27.10.62:6379 ttl 30 eligible",
        ),
        (
            "HOST",
            &host.replace("redis_host", "host"),
            "Joyent: 172.27.10.62:6379 ttl 30 apart",
        ),
        (
            "HOST",
            &host.replace("redis_host", "db_host"),
            "Joyent: 172.27.10.62:6379 ttl 30 apart",
        ),
        (
            "HOST",
            &host.replace("redis_host", "new_host"),
            "Joyent: 172.27.10.62:6379 ttl 30",
        ),
        (
            "HOST",
            r#"{"type":"moray_host","ttl":20,"moray_host":{"address":"172.27.10.62","ttl":10,"ports":[2021,"2022"]}}"#,
            "Joyent: 172.27.10.62:2021 172.27.10.62:2022 ttl 10 eligible",
        ),
        (
            "HOST",
            r#"{"type":"host","address":"10.0.0.1","host":{}}"#,
            "Joyent: 10.0.0.1 ttl 30 apart",
        ),
        (
            "HOST",
            r#"{"type":"host","address":"10.0.0.1","ttl":5,"host":{"address":"10.0.0.2","ports":[]}}"#,
            "Joyent: 10.0.0.2 ttl 5 apart",
        ),
        (
            "authcache",
            r#"{"type":"service","service":{"type":"service","service":{"srvce":"_redis","proto":"_tcp","port":6379,"ttl":60},"ttl":61}}"#,
            "service _redis._tcp 6379 ttl 60",
        ),
        (
            "authcache",
            r#"{"type":"service","service":{"type":"service","service":{"srvce":"_redis","proto":"_tcp","port":6379},"ttl":61},"ttl":62}"#,
            "service _redis._tcp 6379 ttl 61",
        ),
        (
            "web",
            r#"{"type":"service","service":{"srvce":"_http","proto":"_tcp","port":80},"ttl":60}"#,
            "service _http._tcp 80 ttl 60",
        ),
        (
            "web",
            r#"{"type":"service","service":{"srvce":"_HTTP","proto":"_tcp"}}"#,
            "service _http._tcp  ttl 30",
        ),
        (
            "web",
            r#"{"type":"service","service":{}}"#,
            "service  ttl 30",
        ),
        (
            "1",
            r#"{"type":"database","database":{"primary":"tcp://postgres@10.0.0.4:5432/postgres"}}"#,
            "Joyent: 10.0.0.4:5432 ttl 30",
        ),
        (
            "1",
            r#"{"type":"database","database":{"primary":"tcp://u:p%40@[fd00::4]:5432?x=/","ttl":3}}"#,
            "Joyent: [fd00::4]:5432 ttl 3",
        ),
        (
            "1",
            r#"{"type":"database","database":{"primary":"10.0.0.4"}}"#,
            "Joyent: 10.0.0.4 ttl 30",
        ),
        (
            "1",
            r#"{"type":"database","database":{"name":"orders","host":"10.0.0.4"}}"#,
            "Joyent: 10.0.0.4 ttl 30",
        ),
        (
            "x",
            r#"{"type":"host","host":{"address":"10.0.0.1","ports":[0],"ttl":-1}}"#,
            "Joyent: 10.0.0.1 ttl 30 apart",
        ),
        (
            "x",
            r#"{"type":"host","host":{"address":"10.0.0.1","ports":80}}"#,
            "Joyent: 10.0.0.1 ttl 30 apart",
        ),
        // Named alike by chance.
        (
            "x",
            r#"{"type":"service","service":{"name":"x"}}"#,
            "nothing: holds JSON without an address",
        ),
        (
            "x",
            r#"{"type":"static","static":{"path":"/x"}}"#,
            "nothing: holds JSON without an address",
        ),
    ]);
    refuses(&[
        (
            "x",
            r#"{"type":"redis_host","address":"10.0.0.1"}"#,
            Format::Joyent,
            "\"redis_host\" is missing",
        ),
        (
            "x",
            r#"{"type":"host","host":{}}"#,
            Format::Joyent,
            "\"address\" is missing",
        ),
        (
            "x",
            r#"{"type":"host","host":{"address":"127.0.0.1"}}"#,
            Format::Joyent,
            "loopback",
        ),
        (
            "x",
            r#"{"type":"host","host":{"address":""}}"#,
            Format::Joyent,
            "\"\" is no address",
        ),
        (
            "x",
            r#"{"type":"service","service":{"srvce":"http","proto":"_tcp"}}"#,
            Format::Joyent,
            "begins with '_'",
        ),
        (
            "x",
            r#"{"type":"service","service":{"port":80}}"#,
            Format::Joyent,
            "\"srvce\" is missing",
        ),
        (
            "x",
            r#"{"type":"service","service":{"service":5}}"#,
            Format::Joyent,
            "holds a number, not an object",
        ),
        (
            "x",
            r#"{"type":"database","database":{}}"#,
            Format::Joyent,
            "\"primary\" is missing",
        ),
    ]);
}

#[test]
fn registrator() {
    let json = r#"{"Name":"www","IP":"192.168.1.123","PublicPort":49153,"PrivatePort":80,"ContainerID":"9124853ff0d1","Tags":[],"Attrs":{}}"#;
    check(&[
        (
            "192.168.1.123:49153",
            json,
            "registrator: 192.168.1.123:49153",
        ),
        (
            "10.0.0.7:49153",
            &json.replace("192.168.1.123", ""),
            "registrator: 10.0.0.7:49153",
        ),
        (
            "10.0.0.7:49154",
            r#"{"IP":"","ContainerID":"9124853ff0d1"}"#,
            "registrator: 10.0.0.7:49154",
        ),
        (
            "x",
            &json.replace("49153", "0"),
            "registrator: 192.168.1.123",
        ),
    ]);
    refuses(&[
        (
            "a b",
            &json.replace("192.168.1.123", ""),
            Format::Registrator,
            "\"a b\" is no address",
        ),
        (
            "x",
            &json.replace("192.168.1.123", "::"),
            Format::Registrator,
            "unspecified",
        ),
    ]);
}

pub(super) const KAFKA: &str = concat!(
    r#"{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://broker1:9091"],"jmx_port":-1,"#,
    r#""port":9091,"host":"broker1","version":5,"timestamp":"1673382717473"}"#
);

#[test]
fn kafka() {
    let secure = r#"{"listener_security_protocol_map":{"SSL":"SSL","SASL":"SASL_SSL"},"endpoints":["SSL://10.0.0.1:9093","SASL://[fd00::1]:9094","X://10.0.0.1:9093"],"jmx_port":-1,"features":{},"host":null,"timestamp":"1","port":-1,"version":5}"#;
    check(&[
        ("1", KAFKA, "Kafka: broker1:9091"),
        ("1", secure, "Kafka: 10.0.0.1:9093 [fd00::1]:9094"),
        (
            "1",
            r#"{"jmx_port":-1,"timestamp":"1","host":"10.0.0.3","version":1,"port":9092}"#,
            "Kafka: 10.0.0.3:9092",
        ),
        (
            "1",
            r#"{"endpoints":["PLAINTEXT://10.0.0.3:9092"],"host":null,"port":-1,"version":5}"#,
            "Kafka: 10.0.0.3:9092",
        ),
        (
            "1",
            &KAFKA.replace("\"port\":9091", "\"port\":-1"),
            "Kafka: broker1",
        ),
    ]);
    refuses(&[
        (
            "1",
            r#"{"jmx_port":-1,"host":null,"port":-1}"#,
            Format::Kafka,
            "\"endpoints\" is missing",
        ),
        (
            "1",
            r#"{"jmx_port":-1,"endpoints":["SSL://:9093"],"host":null,"port":-1}"#,
            Format::Kafka,
            "is no address",
        ),
        (
            "1",
            r#"{"jmx_port":-1,"endpoints":["10.0.0.1:9093"]}"#,
            Format::Kafka,
            "SCHEME://HOST:PORT",
        ),
        (
            "1",
            r#"{"jmx_port":-1,"endpoints":[1]}"#,
            Format::Kafka,
            "holds a number, not texts",
        ),
        (
            "1",
            &KAFKA.replace("\"host\":\"broker1\"", "\"host\":\"0.0.0.0\""),
            Format::Kafka,
            "unspecified",
        ),
        (
            "1",
            r#"{"jmx_port":-1,"endpoints":[]}"#,
            Format::Kafka,
            "endpoints",
        ),
    ]);
}

#[test]
fn hbase() {
    let data = b"\xff\0\0\0\x14regionserver:16020\x8a\xf3PBUF\x08\x94\x7d";
    for (component, expected) in [
        (
            "rs1.example.com,16020,1630123025659",
            "HBase: rs1.example.com:16020",
        ),
        ("10.0.0.4,16020,1630123025659", "HBase: 10.0.0.4:16020"),
        ("fd00::4,16020,1630123025659", "HBase: [fd00::4]:16020"),
        ("master", "nothing: holds binary data of HBase"),
        ("a,b,c", "nothing: holds binary data of HBase"),
    ] {
        assert_eq!(said(&read(component, data)), expected, "{component}");
    }
    check(&[
        ("rs1,16020,1630123025659", "", "HBase: rs1:16020"),
        ("rs1,16020,7", "10.0.0.1", "plain text: 10.0.0.1"),
        ("rs1,16020,163012302565", "", "HBase: rs1:16020"),
    ]);
    for other in [
        "rs1,16020,1630123025659,x",
        "rs1,,1630123025659",
        "rs1,http,1630123025659",
        "rs1,16020,163012302565x",
        "rs1,16020,",
    ] {
        check(&[(other, "", "nothing: holds no data")]);
    }
    refuses(&[
        ("rs1,0,1630123025659", "", Format::HBase, "port \"0\""),
        (
            "127.0.0.1,16020,1630123025659",
            "",
            Format::HBase,
            "loopback",
        ),
    ]);
    // Less than its first bytes promise.
    for data in [b"\xff\0\0\0\x14region", b"\xff\0\0\0\0region"] {
        assert_eq!(read("x", data), Reading::Nothing(Silence::Binary));
    }
    assert_eq!(
        said(&read("x", b"\xff\0\0\0\x01r")),
        "nothing: holds binary data of HBase"
    );
}

#[test]
fn solr() {
    check(&[
        ("10.0.0.1:8080_solr", "", "Solr: 10.0.0.1:8080"),
        (
            "solr1.example.com:8983_solr%2Fnorth",
            "",
            "Solr: solr1.example.com:8983",
        ),
        ("my_host:8983_", "", "Solr: my_host:8983"),
        (":8983_solr", "", "nothing: holds no data"),
        ("a b:8983_solr", "", "nothing: holds no data"),
        ("10.0.0.1:_solr", "", "nothing: holds no data"),
        ("10.0.0.1:http_solr", "", "nothing: holds no data"),
        ("[fd00::1]:8983_solr", "", "Solr: [fd00::1]:8983"),
        ("fd00::1:8983_solr", "", "Solr: [fd00::1]:8983"),
        (
            "10.0.0.1:8983_solr",
            r#"{"version":"9.9.0"}"#,
            "Solr: 10.0.0.1:8983",
        ),
        ("10.0.0.1:8983_solr", "10.0.0.2", "Solr: 10.0.0.1:8983"),
        (
            "10.0.0.1:8983_solr",
            "10.0.0.2:80",
            "plain text: 10.0.0.2:80",
        ),
        ("10.0.0.1:8983", "", PERSISTENT),
        (
            "98720987344797722-solr3.example:8983_solr-n_0000000530",
            "",
            "nothing: holds no data",
        ),
    ]);
    refuses(&[
        ("10.0.0.1:0_solr", "", Format::Solr, "port \"0\""),
        ("127.0.0.1:8983_solr", "", Format::Solr, "loopback"),
    ]);
}

pub(super) const PERSISTENT: &str =
    "nothing: has an address as its name, but is not ephemeral and may outlive it";

pub(super) const DUBBO: &str = "dubbo%3A%2F%2F172.19.4.113%3A20880%2Forg.apache.dubbo.demo.DemoService%3Fanyhost%3Dtrue%26application%3Ddemo-provider%26side%3Dprovider%26timestamp%3D1630123025659";

#[test]
fn dubbo() {
    let other = "nothing: is no provider but a consumer or a rule of Dubbo's";
    check(&[
        (DUBBO, "", "Dubbo: 172.19.4.113:20880"),
        (DUBBO, "172.19.0.1", "Dubbo: 172.19.4.113:20880"),
        (
            &DUBBO.replace("172.19.4.113", "provider7"),
            "",
            "Dubbo: provider7:20880",
        ),
        (
            "tri%3a%2f%2f%5Bfd00%3A%3A1%5D%3a50051%2fx.Y",
            "",
            "Dubbo: [fd00::1]:50051",
        ),
        (
            "rest%3A%2F%2Fu%3Ap%4010.0.0.1%3A80%2Fx",
            "",
            "Dubbo: 10.0.0.1:80",
        ),
        (
            "consumer%3A%2F%2F172.19.4.114%2Forg.apache.dubbo.demo.DemoService%3Fcategory%3Dconsumers%26side%3Dconsumer",
            "172.19.4.114",
            other,
        ),
        (
            "dubbo%3A%2F%2F10.0.0.1%3A1%2Fx%3Fside%3Dconsumer",
            "",
            other,
        ),
        (
            "override%3A%2F%2F0.0.0.0%2Forg.apache.dubbo.demo.DemoService%3Fcategory%3Dconfigurators%26weight%3D5",
            "",
            other,
        ),
        ("route%3A%2F%2F0.0.0.0%2Fx%3Fcategory%3Drouters", "", other),
        ("condition%3A%2F%2F0.0.0.0%2Fx", "", other),
        ("not a scheme%3A%2F%2F", "10.0.0.1", "plain text: 10.0.0.1"),
    ]);
    refuses(&[
        (
            &DUBBO.replace("20880", "0"),
            "",
            Format::Dubbo,
            "port \"0\"",
        ),
        (
            &DUBBO.replace("172.19.4.113", "0.0.0.0"),
            "",
            Format::Dubbo,
            "unspecified",
        ),
        ("dubbo%3A%2F%2F", "", Format::Dubbo, "\"\" is no address"),
        ("dubbo%3A%2F%2F%FF%3A1", "", Format::Dubbo, "no UTF-8"),
    ]);
}

#[test]
fn no_provider_stands_among_dubbo_s_consumers() {
    for (parent, is_provider) in [
        ("/rpc/com.Foo/providers", true),
        ("/rpc/com.Foo/consumers", false),
        ("/rpc/com.Foo/overrides", false),
        ("/consumers/com.Foo", true),
    ] {
        let znode = Znode {
            parent,
            component: "bolt%3A%2F%2F10.0.0.1%3A12200%3Fapp%3Dx",
            data: b"",
            is_ephemeral: true,
        };
        assert_eq!(znode.read().instance().is_some(), is_provider, "{parent}");
    }
}

#[test]
fn mesos() {
    let json = r#"{"address":{"hostname":"m1","ip":"10.0.0.3","port":5050},"capabilities":[],"hostname":"m1","id":"d3","ip":16777343,"pid":"master@10.0.0.3:5050","port":5050,"version":"1.4.1"}"#;
    check(&[("json.info_0000000017", json, "Mesos: 10.0.0.3:5050")]);
    refuses(&[
        (
            "json.info_1",
            &json.replace("\"ip\":\"10.0.0.3\",", ""),
            Format::Mesos,
            "\"ip\" is missing",
        ),
        (
            "json.info_1",
            &json.replace("\"ip\":\"10.0.0.3\"", "\"ip\":\"127.0.0.1\""),
            Format::Mesos,
            "loopback",
        ),
    ]);
}

#[test]
fn hiveserver() {
    check(&[
        (
            "serverUri=10.0.0.8:10000;version=2.1.1;sequence=0000000001",
            "hive.server2.transport.mode=binary",
            "HiveServer2: 10.0.0.8:10000",
        ),
        (
            "serviceUri=kyuubi1:10009;version=1.0.0;sequence=0000000000",
            "",
            "HiveServer2: kyuubi1:10009",
        ),
    ]);
    refuses(&[
        (
            "serverUri=10.0.0.8;version=2.1.1",
            "",
            Format::HiveServer,
            "has no port",
        ),
        (
            "serverUri=0.0.0.0:10000;version=2.1.1",
            "",
            Format::HiveServer,
            "unspecified",
        ),
        (
            "serverUri=",
            "10.0.0.1",
            Format::HiveServer,
            "\"\" is no address",
        ),
    ]);
}

#[test]
fn kazoo_parties() {
    let hex = "3f7c1f0a2b4d4e6f8091a2b3c4d5e6f7";
    let party = format!("{hex}__party__");
    let shallow = |identifier: &str| format!("{hex}-{identifier}");
    check(&[
        (&party, "10.0.0.5:80", "Party: 10.0.0.5:80"),
        (&party, "worker-1", "Party: worker-1"),
        (&party, "", "nothing: holds no data"),
        (&shallow("10.86.5.55:80"), "", "ShallowParty: 10.86.5.55:80"),
        (&shallow("10.86.5.55"), "", "ShallowParty: 10.86.5.55"),
        (&shallow("worker-1:80"), "", "ShallowParty: worker-1:80"),
        (&shallow("worker"), "", "nothing: holds no data"),
        (&shallow("worker"), "10.0.0.1", "plain text: 10.0.0.1"),
        (
            &shallow("10.86.5.55:8983_solr"),
            "",
            "nothing: holds no data",
        ),
        (
            "dbac9cf3-5c3c-44d5-a3d5-b2d4d2e6b0e7",
            "",
            "nothing: holds no data",
        ),
        ("node-10.86.5.55:80", "", "nothing: holds no data"),
        ("nodenode-10.86.5.55:80", "", "nothing: holds no data"),
        ("abcdef0-10.86.5.55:80", "", "nothing: holds no data"),
    ]);
    refuses(&[
        (&party, "no address", Format::Party, "is no address"),
        (
            &shallow("127.0.0.1:80"),
            "",
            Format::ShallowParty,
            "loopback",
        ),
        (
            &shallow("10.86.5.55:0"),
            "",
            Format::ShallowParty,
            "port \"0\"",
        ),
    ]);
}

#[test]
fn sky_dns_and_grpc() {
    check(&[
        (
            "x1",
            r#"{"host":"1.1.1.1","ttl":60}"#,
            "SkyDNS: 1.1.1.1 ttl 60",
        ),
        (
            "x1",
            r#"{"host":"service5.example.com","port":8080,"priority":10,"weight":20,"ttl":60}"#,
            "SkyDNS: service5.example.com:8080 ttl 60 priority 10 weight 20",
        ),
        (
            "x1",
            r#"{"host":"10.0.0.2","port":"50051"}"#,
            "gRPC: 10.0.0.2:50051",
        ),
        (
            "x1",
            r#"{"host":"10.0.0.2","port":50051}"#,
            "JSON: 10.0.0.2:50051",
        ),
        (
            "x1",
            r#"{"host":"1.1.1.1","ttl":"soon"}"#,
            "SkyDNS: 1.1.1.1",
        ),
        (
            "x1",
            r#"{"host":"10.0.0.2","port":"http"}"#,
            "gRPC: 10.0.0.2",
        ),
        // With an address beside the host, or without a host, it is neither.
        (
            "x1",
            r#"{"host":"ten","ip":"10.0.0.2","ttl":60}"#,
            "JSON: 10.0.0.2",
        ),
        (
            "x1",
            r#"{"ttl":60}"#,
            "nothing: holds JSON without an address",
        ),
        (
            "x1",
            r#"{"address":"10.0.0.2","port":"50051"}"#,
            "JSON: 10.0.0.2:50051",
        ),
    ]);
    refuses(&[
        (
            "x1",
            r#"{"host":"","ttl":60}"#,
            Format::SkyDns,
            "\"\" is no address",
        ),
        (
            "x1",
            r#"{"host":"::1","port":"50051"}"#,
            Format::Grpc,
            "loopback",
        ),
    ]);
}
