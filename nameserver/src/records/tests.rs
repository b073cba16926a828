use super::*;
use contract::Address;
use proptest::prelude::*;

/// What a reading says, in one line.
fn said(reading: &Reading) -> String {
    match reading {
        Reading::Nothing(why) => format!("nothing: {why}"),
        Reading::Problem(problem) => format!("problem: {problem}"),
        Reading::Service(service) => {
            let srv = service.srv.as_ref().map(|srv| {
                let port = srv.port.map(|port| port.to_string());
                format!("{}.{} {}", srv.service, srv.proto, port.unwrap_or_default())
            });
            format!("service {} ttl {}", srv.unwrap_or_default(), service.ttl)
        }
        Reading::Instance(instance) => {
            let endpoints: Vec<_> = instance.endpoints.iter().map(Endpoint::to_string).collect();
            let mut said = format!("{}: {}", instance.format, endpoints.join(" "));
            for (what, number) in [
                ("ttl", instance.ttl),
                ("priority", instance.priority.map(u32::from)),
                ("weight", instance.weight.map(u32::from)),
            ] {
                said.extend(number.map(|number| format!(" {what} {number}")));
            }
            said.extend(instance.outage.map(|why| format!(" out: {why}")));
            match instance.membership {
                Membership::Plain => {}
                Membership::Eligible => said.push_str(" eligible"),
                Membership::Apart => said.push_str(" apart"),
            }
            said
        }
    }
}

/// Rows of a znode's name, its data, and what they say.
fn check(rows: &[(&str, &str, &str)]) {
    for (component, data, expected) in rows {
        let reading = read(component, data.as_bytes());
        assert_eq!(said(&reading), *expected, "{component:?} {data}");
    }
}

/// Rows of a znode's name, its data, the format that it breaks, and a part of the reason.
fn refuses(rows: &[(&str, &str, Format, &str)]) {
    for (component, data, format, reason) in rows {
        let reading = read(component, data.as_bytes());
        let Reading::Problem(problem) = &reading else {
            panic!("{component:?} {data}: {reading:?}");
        };
        assert_eq!(
            problem.format(),
            Some(*format),
            "{component:?} {data}: {problem}"
        );
        assert!(
            problem.to_string().contains(reason),
            "{component:?} {data}: {problem}"
        );
    }
}

fn problem(data: &[u8]) -> String {
    match read("x", data) {
        Reading::Problem(problem) => problem.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_data_is_nothing() {
    for data in ["", "\n", " \r\n"] {
        assert_eq!(
            read("x", data.as_bytes()),
            Reading::Nothing(Silence::NoData)
        );
    }
}

#[test]
fn junk_is_a_problem_with_its_reason() {
    assert!(problem(&[0; 1 << 20]).contains("1048576 bytes long"));
    for data in [&[0; 100][..], b"10.0.0.\xff", &[0xff, 0xfe, b'1', b'0']] {
        assert_eq!(read("x", data), Reading::Nothing(Silence::Binary));
    }
    assert!(problem(b"10.0.0.5\n10.0.0.6").contains("several lines"));
    assert_eq!(read("x", b"[1,2]"), Reading::Nothing(Silence::Array));
    assert!(problem(b"127.0.0.1").contains("loopback"));
    assert!(problem(b"::ffff:127.0.0.1").contains("loopback"));
    for nested in ["{\"a\":", "{\"ip\":\"10.0.0.1\",\"a\":["] {
        let end = if nested.ends_with('[') { "]}" } else { "}" };
        let deep = format!("{}1{}", nested.repeat(1_000), end.repeat(1_000));
        assert!(
            problem(deep.as_bytes()).contains("begins like JSON"),
            "{nested}"
        );
    }
}

#[test]
fn plain_text() {
    check(&[
        ("x", "10.0.0.5", "plain text: 10.0.0.5"),
        ("x", "10.0.0.5\n", "plain text: 10.0.0.5"),
        ("x", " 10.0.0.5\r\n", "plain text: 10.0.0.5"),
        ("x", "10.0.0.5:8080", "plain text: 10.0.0.5:8080"),
        ("x", "fd00::5", "plain text: fd00::5"),
        ("x", "[fd00::5]", "plain text: fd00::5"),
        ("x", "[fd00::5]:8080", "plain text: [fd00::5]:8080"),
        ("x", "FD00:0::5", "plain text: fd00::5"),
        ("x", "db7:5432", "plain text: db7:5432"),
        ("x", "DB7.Example.com.", "plain text: db7.example.com"),
    ]);
}

#[test]
fn plain_text_that_is_no_address() {
    for (data, reason) in [
        ("10.0.0.5:0", "port \"0\" is not"),
        ("10.0.0.5:65536", "port \"65536\" is not"),
        ("10.0.0.5:", "port \"\" is not"),
        ("[fd00::5]:-1", "port \"-1\" is not"),
        ("[fd00::5", "is no address"),
        ("[10.0.0.5]:1", "is no address"),
        ("[fd00::5]x", "is no address"),
        ("fd00::5:8080:1::", "is no address"),
        ("10.0.0.5 10.0.0.6", "is no address"),
        ("010.0.0.5", "is no address"),
        ("localhost", "every machine has for itself"),
        ("db.localhost:80", "every machine has for itself"),
        ("0.0.0.0:80", "unspecified"),
        ("[::1]:80", "loopback"),
        ("255.255.255.255", "broadcast"),
        ("ff02::1", "multicast"),
    ] {
        let said = problem(data.as_bytes());
        assert!(said.contains(reason), "{data}: {said}");
    }
}

#[test]
fn generic_json() {
    let none = "nothing: holds JSON without an address";
    check(&[
        ("x", r#"{"ip":"10.0.0.5"}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"IP":"10.0.0.5","port":80}"#, "JSON: 10.0.0.5:80"),
        (
            "x",
            r#"{"address":"fd00::5","port":"80"}"#,
            "JSON: [fd00::5]:80",
        ),
        ("x", r#"{"addr":"10.0.0.5:81"}"#, "JSON: 10.0.0.5:81"),
        (
            "x",
            r#" {"host":"10.0.0.5","port":null,"other":[1]} "#,
            "JSON: 10.0.0.5",
        ),
        ("x", r#"{"ip":null,"host":"10.0.0.5"}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"ip":"","address":"10.0.0.5"}"#, "JSON: 10.0.0.5"),
        (
            "x",
            r#"{"host":"db7","address":"10.0.0.5"}"#,
            "JSON: 10.0.0.5",
        ),
        (
            "x",
            r#"{"host":"broker1","port":9092}"#,
            "JSON: broker1:9092",
        ),
        (
            "x",
            r#"{"type":"host","address":"10.0.0.5"}"#,
            "JSON: 10.0.0.5",
        ),
        (
            "x",
            r#"{"ip":"10.0.0.4","ip":"10.0.0.5"}"#,
            "JSON: 10.0.0.5",
        ),
        ("x", r#"{"i\u0070":"10.0.0.\u0035"}"#, "JSON: 10.0.0.5"),
        ("x", "{}", none),
        (
            "x",
            r#"{"version":1,"brokerid":3,"timestamp":"1673382717473"}"#,
            none,
        ),
        ("x", r#"{"host":null,"ip":""}"#, none),
        ("x", r#"{"address":{"ip":"10.0.0.5"}}"#, "JSON: 10.0.0.5"),
        // A bad port costs the port.
        ("x", r#"{"ip":"10.0.0.5","port":0}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"ip":"10.0.0.5","port":-1}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"ip":"10.0.0.5","port":80.5}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"ip":"10.0.0.5","port":{}}"#, "JSON: 10.0.0.5"),
        ("x", r#"{"ip":"10.0.0.5","port":"http"}"#, "JSON: 10.0.0.5"),
    ]);
    for (data, reason) in [
        (r#"{"ip":"10.0.0.5""#, "begins like JSON but is not"),
        (r#"{"ip":"10.0.0.5"} {}"#, "trailing characters"),
        (r#"{"ip":"127.0.0.1","host":"10.0.0.5"}"#, "loopback"),
        (r#"{"ip":"10.0.0.500"}"#, "is no address"),
        (r#"{"ip":"10.0.0.5\n10.0.0.6 evil"}"#, "is no address"),
        (
            r#"{"ip":16777343}"#,
            "\"ip\" holds a number, not an address",
        ),
        (r#"{"address":"10.0.0.0/24"}"#, "is no address"),
        (r#"{"serviceUrl":"http://127.0.0.1:80"}"#, "loopback"),
    ] {
        let said = problem(data.as_bytes());
        assert!(said.contains(reason), "{data}: {said}");
    }
}

const CURATOR: &str = concat!(
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

const SERVERSET: &str = concat!(
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

const NERVE_NAME: &str =
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

const KAFKA: &str = concat!(
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

const PERSISTENT: &str =
    "nothing: has an address as its name, but is not ephemeral and may outlive it";

const DUBBO: &str = "dubbo%3A%2F%2F172.19.4.113%3A20880%2Forg.apache.dubbo.demo.DemoService%3Fanyhost%3Dtrue%26application%3Ddemo-provider%26side%3Dprovider%26timestamp%3D1630123025659";

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

#[test]
fn the_longest_record_is_read() {
    let blanks = " ".repeat(MAX_RECORD_BYTES - "10.0.0.1".len());
    let longest = format!("10.0.0.1{blanks}");
    assert_eq!(longest.len(), 65_536);
    check(&[("x", &longest, "plain text: 10.0.0.1")]);
    assert!(problem(format!("{longest} ").as_bytes()).contains("65537 bytes long"));
}

#[test]
fn a_reading_has_the_format_of_what_it_is() {
    for (data, format) in [
        ("10.0.0.1", Some(Format::Text)),
        (r#"{"host":"1.1.1.1","ttl":60}"#, Some(Format::SkyDns)),
        (
            r#"{"type":"service","service":{"srvce":"_a","proto":"_tcp","port":1}}"#,
            Some(Format::Joyent),
        ),
        (r#"{"host":"","ttl":60}"#, Some(Format::SkyDns)),
        ("", None),
    ] {
        assert_eq!(read("x", data.as_bytes()).format(), format, "{data}");
    }
}

#[test]
fn where_the_name_holds_the_address() {
    for (format, component, is_in_name) in [
        (Format::HBase, "x", true),
        (Format::HiveServer, "x", true),
        (Format::Registrator, "x", true),
        (Format::ShallowParty, "x", true),
        (Format::Nerve, "base64_x", true),
        (Format::Nerve, "x", false),
        (Format::Text, "base64_x", false),
    ] {
        assert_eq!(
            format.is_in_name(component),
            is_in_name,
            "{format} {component}"
        );
    }
}

#[test]
fn an_instance_tells_its_addresses_and_host_names() {
    let data = r#"{"jmx_port":-1,"endpoints":["A://10.0.0.1:1","B://b:2","C://10.0.0.2:3"]}"#;
    let reading = read("1", data.as_bytes());
    let instance = reading.instance().unwrap();
    let addresses: Vec<_> = instance
        .addresses()
        .map(|address| address.to_string())
        .collect();
    assert_eq!(addresses, ["10.0.0.1", "10.0.0.2"]);
    let names: Vec<_> = instance.host_names().map(contract::Name::as_str).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn an_instance_is_in_service_unless_its_record_says_otherwise() {
    for (available, is_in_service) in [("true", true), ("false", false)] {
        let data = format!(r#"{{"host":"1.2.3.4","port":1,"name":"m","available":{available}}}"#);
        let reading = read("x", data.as_bytes());
        let instance = reading.instance().unwrap();
        assert_eq!(instance.is_in_service(), is_in_service, "{data}");
    }
}

#[test]
fn a_service_takes_only_records_of_its_own_kind() {
    let data = r#"{"type":"service","service":{"srvce":"_a","proto":"_tcp","port":1}}"#;
    let Reading::Service(service) = read("x", data.as_bytes()) else {
        panic!("{data}");
    };
    for (data, takes) in [
        (r#"{"type":"host","host":{"address":"10.0.0.1"}}"#, false),
        (
            r#"{"type":"load_balancer","load_balancer":{"address":"10.0.0.1"}}"#,
            true,
        ),
        ("10.0.0.1", false),
    ] {
        let reading = read("x", data.as_bytes());
        assert_eq!(service.takes(reading.instance().unwrap()), takes, "{data}");
    }
}

#[test]
fn json_is_shown_without_its_inner_parts() {
    for (text, shown) in [
        ("{}", "{}"),
        (r#"{"a":1}"#, "{…}"),
        ("[1]", "[…]"),
        ("null", "null"),
        ("1.5", "1.5"),
    ] {
        let json: json::Json<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(json.to_string(), shown);
    }
}

#[test]
fn an_endpoint_is_written_in_many_ways() {
    check(&[
        ("x", "\"10.0.0.1:80\"", "plain text: 10.0.0.1:80"),
        ("x", "10.0.0.1:80:100", "plain text: 10.0.0.1:80"),
        ("x", "db7:80:100", "plain text: db7:80"),
        ("x", "tcp://10.0.0.1:80", "plain text: 10.0.0.1:80"),
        ("x", "tcp://[fd00::1]:80/x", "plain text: [fd00::1]:80"),
        (
            "x",
            "x://u:p@10.0.0.1:80/y?z=http://10.0.0.2",
            "plain text: 10.0.0.1:80",
        ),
        ("x", "http://backend/", "plain text: backend"),
        ("x", "motan://10.0.0.7:0/com.Foo", "plain text: 10.0.0.7"),
        (
            "x",
            "mongodb://u:p@10.0.0.1:1,10.0.0.2:2/db",
            "plain text: 10.0.0.1:1 10.0.0.2:2",
        ),
        (
            "x",
            "10.0.0.1, 10.0.0.2:80",
            "plain text: 10.0.0.1 10.0.0.2:80",
        ),
        (
            "x",
            "tcp://10.0.0.1:1,tcp://10.0.0.2:2",
            "plain text: 10.0.0.1:1 10.0.0.2:2",
        ),
        (
            "x",
            "http://10.0.0.1:1/x,http://10.0.0.2:2/y",
            "plain text: 10.0.0.1:1 10.0.0.2:2",
        ),
        (
            "x",
            "x://10.0.0.1:1/y?a=b,c&d=e://f",
            "plain text: 10.0.0.1:1",
        ),
        ("x", "/10.0.0.1:80", "plain text: 10.0.0.1:80"),
        ("x", "db7/10.0.0.1:80", "plain text: 10.0.0.1:80"),
        ("x", "10.0.0.1:80/path", "plain text: 10.0.0.1:80"),
        ("x", "10.0.0.1\t8080", "plain text: 10.0.0.1:8080"),
        ("x", "master@10.0.0.1:5050", "plain text: 10.0.0.1:5050"),
        (
            "x",
            "host: 10.0.0.1\nport: 9009\ntcp_port: 9000",
            "host and port lines: 10.0.0.1:9009",
        ),
        (
            "x",
            "x: y\nport: 9009\nhost: db7",
            "host and port lines: db7:9009",
        ),
        (
            "x",
            r#"["10.0.0.1:80","10.0.0.2:80"]"#,
            "JSON array: 10.0.0.1:80 10.0.0.2:80",
        ),
        (
            "x",
            r#"[{"host":"10.0.0.1","port":80,"enabled":false},{"host":"10.0.0.2","port":80}]"#,
            "JSON array: 10.0.0.2:80",
        ),
    ]);
}

#[test]
fn a_url_may_be_long_and_another_text_may_not() {
    let long = "x".repeat(4_000);
    check(&[
        (
            "x",
            &format!("x://10.0.0.1:80/{long}"),
            "plain text: 10.0.0.1:80",
        ),
        (
            "x",
            &format!("10.0.0.1:80/{long}"),
            "nothing: holds a word or other text",
        ),
        (
            "x",
            &format!("hello {long}"),
            "nothing: holds a word or other text",
        ),
    ]);
}

#[test]
fn what_is_no_endpoint_is_quiet() {
    for (data, silence) in [
        ("true", Silence::Number),
        ("-1.5", Silence::Number),
        ("7418384210787662172", Silence::Number),
        ("10.0.0", Silence::Version),
        ("v1.2.3", Silence::Version),
        ("1.2.3.4.5", Silence::Version),
        ("2024-01-01T00:00:00Z", Silence::Time),
        ("2024-01-01", Silence::Time),
        ("0012d8f3-ca5e-412b-ae30-a6f9514be0de", Silence::Identifier),
        ("user@db.example", Silence::Word),
        ("org.example.Demo", Silence::Word),
        ("http,https", Silence::Word),
        ("/brokers/topics", Silence::Word),
        ("Host:app.example.com", Silence::Word),
        ("a=b:1", Silence::Word),
        ("0,1,2", Silence::Number),
        ("[]", Silence::Array),
        (r#"["a"]"#, Silence::Array),
        (r#"[{"dataSource":"x"}]"#, Silence::Array),
        ("a: b\nc: d", Silence::Lines),
        ("\u{8}\u{1}x", Silence::Binary),
        (r#"{"a":{"ip":"10.0.0.1"}}"#, Silence::Json),
        (r#"{"urlA":"x"}"#, Silence::Json),
        (
            r#"{"aUrl":"http://10.0.0.1","bUrl":"http://10.0.0.2"}"#,
            Silence::SeveralHosts,
        ),
    ] {
        assert_eq!(
            read("x", data.as_bytes()),
            Reading::Nothing(silence),
            "{data}"
        );
    }
    // Where such a znode stands alone, nobody meant an address.
    for data in ["hello there", "{\"a\":", "localhost"] {
        let Reading::Problem(problem) = read("x", data.as_bytes()) else {
            panic!("{data}");
        };
        assert!(!problem.is_meant(), "{data}");
    }
    for data in [
        "10.4.5.2/24",
        "10.0.0.300",
        "fd00::5::1",
        "10.0.0.5 10.0.0.6",
        "127.0.0.1:80",
    ] {
        let Reading::Problem(problem) = read("x", data.as_bytes()) else {
            panic!("{data}");
        };
        assert!(problem.is_meant(), "{data}");
    }
}

#[test]
fn a_word_is_a_host_name_only_of_the_tree() {
    for (data, is_word) in [
        ("db7", true),
        ("ENABLED", true),
        ("db7:80", false),
        ("db7.example", false),
    ] {
        let reading = read("x", data.as_bytes());
        let instance = reading.instance().unwrap();
        assert_eq!(instance.word().is_some(), is_word, "{data}");
    }
}

#[test]
fn json_tells_where_an_instance_is_by_many_names() {
    check(&[
        (
            "x",
            r#"{"hostname":"10.0.0.1","port":80}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"ipAddr":"10.0.0.1","port":80}"#,
            "JSON: 10.0.0.1:80",
        ),
        ("x", r#"{"IP_Address":"10.0.0.1"}"#, "JSON: 10.0.0.1"),
        ("x", r#"{"Host":"10.0.0.1","Port":80}"#, "JSON: 10.0.0.1:80"),
        ("x", r#"{"host":"10.0.0.1:80"}"#, "JSON: 10.0.0.1:80"),
        (
            "x",
            r#"{"ip":"10.0.0.1","host":"10.0.0.1:80"}"#,
            "JSON: 10.0.0.1:80",
        ),
        ("x", r#"{"endpoint":"10.0.0.1:80"}"#, "JSON: 10.0.0.1:80"),
        (
            "x",
            r#"{"base_url":"http://10.0.0.1:80/x"}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"webServiceUrl":"http://10.0.0.1:80","url":"x://10.0.0.1:81"}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"api_url":"http://10.0.0.1:80","conn_url":"x://10.0.0.1:81"}"#,
            "JSON: 10.0.0.1:81",
        ),
        (
            "x",
            r#"{"host":null,"hostAndTlsPort":"10.0.0.1:80"}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"hostname":"localhost","proxy_addr":"10.0.0.1:80"}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"hostname":"me.local","proxy_addr":"10.0.0.1:80"}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"druidNode":{"host":"10.0.0.1","port":-1,"plaintextPort":80}}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"yarn:ip":"10.0.0.1","yarn:hostname":"h"}"#,
            "JSON: 10.0.0.1",
        ),
        (
            "x",
            r#"{"name":"n","nodes":[{"id":"x","address":"10.0.0.1:80"}]}"#,
            "JSON: 10.0.0.1:80",
        ),
        (
            "x",
            r#"{"endpoints":["a://10.0.0.1:1","b://10.0.0.1:2"]}"#,
            "JSON: 10.0.0.1:1",
        ),
        (
            "x",
            r#"{"source_url":"http://10.0.0.9","url":"http://10.0.0.1"}"#,
            "JSON: 10.0.0.1",
        ),
        (
            "x",
            r#"{"ip":"10.0.0.1","healthy":false}"#,
            "JSON: 10.0.0.1 out: it says \"healthy\":false",
        ),
        (
            "x",
            r#"{"ip":"10.0.0.1","active":false}"#,
            "JSON: 10.0.0.1 out: it says that it is not active",
        ),
        (
            "x",
            r#"{"ip":"10.0.0.1","Status":"draining"}"#,
            "JSON: 10.0.0.1 out: its state or status says so",
        ),
        (
            "x",
            r#"{"ip":"10.0.0.1","state":"online"}"#,
            "JSON: 10.0.0.1",
        ),
    ]);
}

fn ephemeral(component: &str, data: &str) -> Reading {
    let znode = Znode {
        parent: "/n",
        component,
        data: data.as_bytes(),
        is_ephemeral: true,
    };
    znode.read()
}

#[test]
fn an_ephemeral_znode_may_be_called_by_its_address() {
    let inactive = "address as a name: 10.0.0.1:80 out: it says that it is not active";
    for (component, data, expected) in [
        ("10.0.0.1:80", "", "address as a name: 10.0.0.1:80"),
        ("10.0.0.1", "", "address as a name: 10.0.0.1"),
        ("worker-1:80", "", "address as a name: worker-1:80"),
        ("[fd00::1]:80", "", "address as a name: [fd00::1]:80"),
        ("10.0.0.1_80", "", "address as a name: 10.0.0.1:80"),
        (
            "Server_pinot-0.example_80",
            "",
            "address as a name: pinot-0.example:80",
        ),
        (
            "tcp@10.0.0.1:80",
            "weight=1",
            "address as a name: 10.0.0.1:80",
        ),
        ("tcp@10.0.0.1:80", "weight=1&state=inactive", inactive),
        (
            "10.0.0.1@-@4711",
            "a: b\nc: d",
            "address as a name: 10.0.0.1",
        ),
        (
            "10.0.0.1:80-0000000007",
            "",
            "address as a name: 10.0.0.1:80",
        ),
        ("http:10.0.0.1:80", "", "address as a name: 10.0.0.1:80"),
        // Curator's default and a word say less than the name; a record says more.
        ("10.0.0.1:80", "10.0.0.9", "address as a name: 10.0.0.1:80"),
        ("10.0.0.1:80", "leader", "address as a name: 10.0.0.1:80"),
        (
            "10.0.0.1:80",
            r#"{"load":1}"#,
            "address as a name: 10.0.0.1:80",
        ),
        ("10.0.0.1:80", r#"{"ip":"10.0.0.2"}"#, "JSON: 10.0.0.2"),
        ("10.0.0.1:80", "10.0.0.2:81", "plain text: 10.0.0.2:81"),
        (
            "10.0.0.1:80",
            "x://10.0.0.1:80/y",
            "address as a name: 10.0.0.1:80",
        ),
        ("10.0.0.1", "10.0.0.1:80", "address as a name: 10.0.0.1:80"),
        ("10.0.0.1:80:5", "", "address as a name: 10.0.0.1:80"),
        ("10.0.0.1@3307", "", "address as a name: 10.0.0.1"),
        ("4711@10.0.0.1", "", "nothing: holds no data"),
        ("127.0.0.1:80", "", "nothing: holds no data"),
        ("a:b", "", "nothing: holds no data"),
        ("my_80", "", "nothing: holds no data"),
        ("readonly", "", "nothing: holds no data"),
    ] {
        assert_eq!(
            said(&ephemeral(component, data)),
            expected,
            "{component} {data}"
        );
    }
    for component in [
        "10.0.0.1:80",
        "10.0.0.1",
        "tcp@10.0.0.1:80",
        "10.0.0.1@-@4711",
    ] {
        check(&[
            (component, "", PERSISTENT),
            (component, "10.0.0.1:80", "plain text: 10.0.0.1:80"),
        ]);
    }
}

#[test]
fn who_waits_for_a_lock_serves_nobody() {
    let uuid = "252a29a2-a14d-4c10-9b61-01387d829ba5";
    for component in [
        format!("_c_{uuid}-lock-0000000552"),
        format!("_c_{uuid}-latch-0000000552"),
        format!("{uuid}-lock-0000000001"),
        format!("zlock#{uuid}#0000000009"),
        "zlock-0000000009".to_owned(),
        "3f7c1f0a2b4d4e6f8091a2b3c4d5e6f7__lock__0000000001".to_owned(),
    ] {
        let reading = ephemeral(&component, "10.0.0.1:80");
        assert_eq!(reading, Reading::Nothing(Silence::Lock), "{component}");
    }
    for component in ["_c_x", uuid, "a__lock__b", "lock-0000000001"] {
        let reading = ephemeral(component, "10.0.0.1:80");
        assert!(reading.instance().is_some(), "{component}");
    }
}

#[test]
fn no_region_server_stands_in_a_folder_that_keeps_the_dead() {
    for (parent, is_server) in [
        ("/hbase/rs", true),
        ("/hbase/replication/rs", false),
        ("/hbase/replication/rs/a,1,1630123025659", false),
        ("/hbase/draining", false),
        ("/replications/rs", true),
    ] {
        let znode = Znode {
            parent,
            component: "2-rs1,16020,1630123025659",
            data: b"",
            is_ephemeral: false,
        };
        assert_eq!(znode.read().instance().is_some(), is_server, "{parent}");
    }
}

#[test]
fn a_problem_shows_no_password() {
    for data in ["10.0.0.1 u:secret@x y", "x y://u:secret@h z"] {
        let said = problem(data.as_bytes());
        assert!(said.contains("***@") && !said.contains("secret"), "{said}");
    }
}

/// Pieces from which znodes are put together that nearly have a format.
fn fragment() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        CURATOR,
        SERVERSET,
        KAFKA,
        NERVE_NAME,
        DUBBO,
        "{",
        "}",
        "\"",
        ":",
        ",",
        "null",
        "10.0.0.1",
        "\"host\"",
        "\"port\"",
        "\"ttl\"",
        "\"type\"",
        "\"host\":{",
        "[",
        "]",
        "base64_",
        "_",
        "%3A%2F%2F",
        "serverUri=",
        "__party__",
        "0123456789abcdef",
        "-",
        "é",
        "\u{1F600}",
        "\\u0000",
        "99999999999",
    ])
    .prop_flat_map(|whole| {
        let cut = 0..=whole.len();
        cut.prop_map(move |at| whole.get(..at).unwrap_or(whole).to_owned())
    })
}

/// Users, passwords and paths as people write them, without what begins or ends a URL's parts.
const PART: &str = "[a-zA-Z0-9._~%!$&*+;=-]{1,12}";

proptest! {
    #[test]
    fn an_endpoint_is_found_whatever_stands_around_it(
        scheme in "[a-z][a-z0-9+.-]{0,8}",
        user in prop::option::of(PART),
        password in PART,
        ip in any::<[u8; 4]>().prop_map(std::net::Ipv4Addr::from),
        port in 1_u16..,
        path in prop::option::of(PART)
    ) {
        prop_assume!(Address::try_from(std::net::IpAddr::V4(ip)).is_ok());
        let user = user.map(|user| format!("{user}:{password}@")).unwrap_or_default();
        let path = path.map(|path| format!("/{path}?a=b://{ip}")).unwrap_or_default();
        let expected = format!("plain text: {ip}:{port}");
        for text in [
            format!("{scheme}://{user}{ip}:{port}{path}"),
            format!("{user}{ip}:{port}"),
            format!("/{ip}:{port}"),
            format!("{ip} {port}"),
            format!("\"{scheme}://{ip}:{port}\""),
            format!("{ip}:{port}:7"),
        ] {
            prop_assert_eq!(&said(&read("x", text.as_bytes())), &expected, "{}", text);
            prop_assert!(user.is_empty() || !masked(&text).contains(&user), "{}", text);
        }
    }

    #[test]
    fn no_name_of_an_ephemeral_znode_panics(component in "\\PC{0,40}", data in "\\PC{0,60}") {
        let reading = ephemeral(&component, &data);
        if let Reading::Instance(instance) = &reading {
            prop_assert!(!instance.endpoints.is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(component in "\\PC{0,40}", data in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&component, &data);
    }

    #[test]
    fn nothing_that_resembles_a_record_panics(
        component in prop::collection::vec(fragment(), 0..5),
        data in prop::collection::vec(fragment(), 0..12)
    ) {
        let reading = read(&component.concat(), data.concat().as_bytes());
        if let Reading::Instance(instance) = &reading {
            prop_assert!(!instance.endpoints.is_empty());
            for endpoint in instance.endpoints.iter() {
                prop_assert_ne!(endpoint.port, Some(0));
            }
            for address in instance.addresses() {
                prop_assert!(Address::try_from(address.ip()).is_ok());
            }
        }
    }
}
