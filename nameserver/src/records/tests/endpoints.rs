//! Where an instance is, in text, in JSON and in the names of znodes.

use super::systems::PERSISTENT;
use super::*;

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
