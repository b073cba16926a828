//! Whatever text stands for an endpoint, in data, in JSON or as the name of a znode: what comes out may
//! stand in a zone, and no message shows what stands before the host of a URL.

#![no_main]

mod judge;

use libfuzzer_sys::fuzz_target;
use nameserver::records::{Znode, masked};

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
            judge::judge(&znode.read());
        }
    }
    let shown = masked(&format!("{text} x://user:secret@h")).into_owned();
    assert!(shown.ends_with(" x://***@h"), "{shown}");
});
