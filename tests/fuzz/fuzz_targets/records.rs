//! Whatever a znode is called and holds, reading it ends, and what comes out may stand in a zone.

#![no_main]

mod judge;

use libfuzzer_sys::fuzz_target;
use nameserver::records;

// The name of the znode, up to a newline, then its data.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&byte| byte == b'\n');
    let component = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let data = parts.next().unwrap_or_default();
    judge::judge(&records::read(&component, data));
});
