//! Whatever stands in a znode.

use proptest::prelude::*;

use super::systems::{CURATOR, DUBBO, KAFKA, NERVE_NAME, SERVERSET};
use super::*;

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
