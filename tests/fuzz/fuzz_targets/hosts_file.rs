//! Whatever a hosts file holds, no byte of others is lost, and what was made of it is stable.

#![no_main]

use hostsync::hosts_file::fuzzing;
use libfuzzer_sys::fuzz_target;
use contract::{Hosts, hosts_line};

fuzz_target!(|text: &[u8]| {
    let wanted: Hosts = [("db", "10.0.0.5"), ("web.zk", "fd00::5")]
        .into_iter()
        .map(|(name, address)| {
            (
                name.parse().expect("a name"),
                vec![address.parse().expect("an address")],
            )
        })
        .collect();
    let planned = fuzzing::plan(text, &wanted);
    assert_eq!(
        fuzzing::plan(&planned, &wanted),
        planned,
        "a second pass changes nothing"
    );
    let before = fuzzing::without(text, &wanted);
    assert_eq!(
        fuzzing::without(&planned, &wanted),
        before,
        "the lines of others stay"
    );
    for (_, name, _) in hosts_line::foreign(&before) {
        assert!(!name.is_empty());
    }
});
