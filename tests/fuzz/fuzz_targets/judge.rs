//! What comes out of any znode may stand in a zone, and what is said of it fits a line.

use contract::Address;
use nameserver::records::Reading;

pub fn judge(reading: &Reading) {
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
