//! Whatever text stands for an endpoint, in data, in JSON or as the name of a znode: what comes out may
//! stand in a zone, and no message shows what stands before the host of a URL.

#![no_main]

use contract::Address;
use libfuzzer_sys::fuzz_target;
use nameserver::records::{Reading, Znode, masked};

fuzz_target!(|text: &str| {
    let json = |text: &str| format!("{text:?}");
    let object = format!("{{\"address\":{},\"aUrl\":{}}}", json(text), json(text));
    let array = format!("[{}]", json(text));
    for (component, data) in [
        ("x", text),
        (text, ""),
        ("x", &json(text)),
        ("x", &object),
        ("x", &array),
    ] {
        for is_ephemeral in [false, true] {
            let znode = Znode {
                parent: "/n",
                component,
                data: data.as_bytes(),
                is_ephemeral,
            };
            judge(&znode.read());
        }
    }
    let shown = masked(&format!("{text} x://user:secret@h")).into_owned();
    assert!(shown.ends_with(" x://***@h"), "{shown}");
});

fn judge(reading: &Reading) {
    match reading {
        Reading::Instance(instance) => {
            assert!(!instance.endpoints.is_empty());
            let mut ports = instance.endpoints.iter().map(|endpoint| endpoint.port);
            assert!(ports.all(|port| port != Some(0)));
            for address in instance.addresses() {
                assert_eq!(Address::try_from(address.ip()), Ok(address));
            }
        }
        Reading::Problem(problem) => {
            let said = problem.to_string();
            assert!(said.len() < 2_000 && !said.contains('\n'), "{said}");
        }
        Reading::Service(_) | Reading::Nothing(_) => {}
    }
}
