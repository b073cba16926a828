//! Whatever a znode is called and holds, reading it ends, and what comes out may stand in a zone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nameserver::records::{self, Reading};
use contract::Address;

// The name of the znode, up to a newline, then its data.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&byte| byte == b'\n');
    let component = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let data = parts.next().unwrap_or_default();
    match records::read(&component, data) {
        Reading::Instance(instance) => {
            assert!(!instance.endpoints.is_empty());
            assert!(
                instance
                    .endpoints
                    .iter()
                    .all(|endpoint| endpoint.port != Some(0))
            );
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
});
