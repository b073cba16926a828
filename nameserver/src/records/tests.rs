use super::*;
use contract::Address;

mod endpoints;
mod properties;
mod systems;

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
