//! Whatever a hosts file holds, no byte of others is lost, and what was made of it is stable.

#![no_main]

use contract::hosts_line::{self, OWNER};
use contract::{Addresses, Hosts, Name};
use hosts_file::proof;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let wanted: Hosts = [("db", "10.0.0.5"), ("web.zk", "fd00::5")]
        .into_iter()
        .map(|(name, address)| {
            (
                name.parse::<Name>().expect("a name"),
                Addresses::from(vec![address.parse().expect("an address")]),
            )
        })
        .collect();
    let planned = proof::plan(text, &wanted, &OWNER);
    assert_eq!(
        proof::plan(&planned, &wanted, &OWNER),
        planned,
        "a second pass changes nothing"
    );
    let before = proof::without(text, &wanted, &OWNER);
    assert_eq!(
        proof::without(&planned, &wanted, &OWNER),
        before,
        "the lines of others stay"
    );
    for (_, name, _) in hosts_line::foreign(&before) {
        assert!(!name.is_empty());
    }
});
