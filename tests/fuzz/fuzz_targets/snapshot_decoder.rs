//! Whatever STATE/hosts holds, it is refused, or it is a snapshot that encodes to one again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use contract::Snapshot;

fuzz_target!(|input: &[u8]| {
    if let Ok(snapshot) = Snapshot::decode(input) {
        let again = Snapshot::decode(&snapshot.encode()).expect("what was encoded decodes");
        // Times are kept to the millisecond.
        assert_eq!(again.encode(), snapshot.encode());
        assert_eq!(again.hosts, snapshot.hosts);
    }
});
