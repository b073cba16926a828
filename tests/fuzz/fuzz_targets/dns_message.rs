//! Whatever comes as a query, there is no response, or one that is a message of the right length.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use hickory_proto::op::Message;
use libfuzzer_sys::fuzz_target;
use nameserver::dns::wire::Transport;
use nameserver::dns::access::Networks;
use nameserver::dns::server::service::{Service, Step};
use nameserver::dns::{Freshness, Settings, SharedZones};
use nameserver::records;
use nameserver::namespace::scope::Scope;
use nameserver::namespace::Namespace;
use contract::ZnodePath;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let zones = SharedZones::new(Settings {
        domain: None,
        ttl: None,
        addresses: vec![SOURCE],
    });
    let path = |text: &str| text.parse::<ZnodePath>().expect("a path");
    let scope = Scope::new(path("/"), path("/nameserver"), None, &[]).expect("a scope");
    let znodes = [
        ("/zk", ""),
        ("/zk/db", ""),
        ("/zk/db/i1", "10.1.0.1:8080"),
        ("/zk/db/i2", "[fd00::2]:8080"),
    ];
    let znodes = znodes.map(|(text, data)| {
        let path = path(text);
        let reading = records::read(path.component(), data.as_bytes());
        (path, reading)
    });
    zones.replace(&Namespace::new(scope, znodes));
    zones.note(Freshness {
        follows: true,
        since: SystemTime::now(),
        zxid: 7,
        generation: 1,
    });
    Service::new(zones, None, Networks::private(), Arc::default())
});

// The transport by the first byte, then the query.
fuzz_target!(|input: &[u8]| {
    let Some((first, query)) = input.split_first() else {
        return;
    };
    let (transport, limit) = match first % 2 {
        0 => (Transport::Udp, 1232),
        _ => (Transport::Tcp, usize::from(u16::MAX)),
    };
    let mut response = Vec::new();
    let check = |response: &[u8]| {
        assert!(response.len() <= limit);
        assert_eq!(response[..2], query[..2]);
        assert!(query[2] < 0x80 && response[2] >= 0x80);
        assert!(Message::from_vec(response).is_ok(), "{response:02x?}");
    };
    match SERVICE.take(query, SOURCE, transport, &mut response) {
        Step::Respond => check(&response),
        Step::Transfer(transfer) => {
            let mut messages = transfer.load().expect("the zone stays");
            while messages.next(&mut response).expect("every record fits") {
                check(&response);
            }
        }
        Step::Ignore => assert!(response.is_empty()),
        Step::Forward(_) => panic!("there is nobody to ask"),
    }
});
