//! Generic JSON: an object with the address under one of the usual names.

use serde_json::{Map, Value};

use super::{Instance, Problem, text};

/// Where an address may stand, the most telling name first.
const ADDRESS_FIELDS: [&str; 5] = ["ip", "IP", "address", "addr", "host"];

/// Reads an object with one of `ip`, `IP`, `address`, `addr` or `host`, and perhaps `port` as a
/// number or text. The first of them that holds something decides; none when none does.
pub(super) fn read(data: &str) -> Result<Option<Instance>, Problem> {
    let object: Map<String, Value> =
        serde_json::from_str(data).map_err(|error| Problem::Json(error.to_string()))?;
    for field in ADDRESS_FIELDS {
        match object.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => {
                let mut instance = text::read(text)?;
                instance.port = port(&object)?.or(instance.port);
                return Ok(Some(instance));
            }
            Some(other) => {
                return Err(Problem::Field {
                    field,
                    found: kind(other),
                });
            }
        }
    }
    Ok(None)
}

fn port(object: &Map<String, Value>) -> Result<Option<u16>, Problem> {
    match object.get("port") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text::port(text).map(Some),
        Some(other) => text::port(&other.to_string()).map(Some),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::instance;
    use super::super::{Reading, read};

    #[test]
    fn every_usual_name_of_an_address() {
        for (data, address, port) in [
            (r#"{"ip":"10.0.0.5"}"#, "10.0.0.5", None),
            (r#"{"IP":"10.0.0.5","port":80}"#, "10.0.0.5", Some(80)),
            (r#"{"address":"fd00::5","port":"80"}"#, "fd00::5", Some(80)),
            (r#"{"addr":"10.0.0.5:81"}"#, "10.0.0.5", Some(81)),
            (
                r#" {"host":"10.0.0.5","port":null,"other":[1]} "#,
                "10.0.0.5",
                None,
            ),
            (r#"{"ip":null,"host":"10.0.0.5"}"#, "10.0.0.5", None),
            (r#"{"ip":"","address":"10.0.0.5"}"#, "10.0.0.5", None),
            (r#"{"host":"db7","address":"10.0.0.5"}"#, "10.0.0.5", None),
        ] {
            assert_eq!(read(data.as_bytes()), instance(address, port), "{data}");
        }
    }

    #[test]
    fn json_about_something_else_is_nothing() {
        for data in [
            "{}",
            r#"{"version":1,"brokerid":3}"#,
            r#"{"host":null,"ip":""}"#,
        ] {
            assert_eq!(
                read(data.as_bytes()),
                Reading::Nothing("holds JSON without an address"),
                "{data}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (data, reason) in [
            (r#"{"ip":"10.0.0.5""#, "begins like JSON but is not"),
            (r#"{"ip":"10.0.0.5"} {}"#, "trailing characters"),
            (
                r#"{"ip":16777343}"#,
                r#"the JSON field "ip" holds a number"#,
            ),
            (r#"{"address":{"ip":"10.0.0.5"}}"#, "holds an object"),
            (
                r#"{"host":"broker1","port":9092}"#,
                "\"broker1\" is a host name",
            ),
            (r#"{"ip":"127.0.0.1","host":"10.0.0.5"}"#, "loopback"),
            (r#"{"ip":"10.0.0.5","port":0}"#, "port \"0\""),
            (r#"{"ip":"10.0.0.5","port":-1}"#, "port \"-1\""),
            (r#"{"ip":"10.0.0.5","port":80.5}"#, "port \"80.5\""),
            (r#"{"ip":"10.0.0.5","port":{}}"#, "port \"{}\""),
            (r#"{"ip":"10.0.0.5\n10.0.0.6 evil"}"#, "several lines"),
        ] {
            match read(data.as_bytes()) {
                Reading::Problem(problem) => {
                    assert!(problem.to_string().contains(reason), "{data}: {problem}");
                }
                other => panic!("{data}: {other:?}"),
            }
        }
    }
}
