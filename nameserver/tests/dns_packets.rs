//! Packets that nobody should send, in any number: junk, and queries with a few bytes changed.
//!
//! `DNS_PACKETS` sets how many (default 20,000); the seed is printed, and `DNS_SEED` sets it again.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use contract::ZnodePath;
use fastrand::Rng;
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use lab::{PATIENCE, Stopwatch};
use nameserver::dns::access::Networks;
use nameserver::dns::server::Listening;
use nameserver::dns::server::service::{Service, Step};
use nameserver::dns::wire::Transport;
use nameserver::dns::{Freshness, Settings, SharedZones};
use nameserver::namespace::Namespace;
use nameserver::namespace::scope::Scope;
use nameserver::records;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Of so many packets, one goes over a real socket.
const OVER_SOCKET: usize = 10;
/// How many may be in the socket's buffer.
const IN_FLIGHT: usize = 100;
/// What the process may grow by, in bytes: room that is taken once and kept.
const GROWTH: u64 = 4 << 20;

#[test]
fn packets_are_survived_and_leave_nothing_behind() {
    let variable = |name: &str| Some(std::env::var(name).ok()?.parse().expect("a number"));
    let packets: usize = variable("DNS_PACKETS").map_or(20_000, |number: u64| number as usize);
    let seed = variable("DNS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("DNS_SEED={seed}");
    let mut packet = Packets::new(seed);
    let service = Arc::new(service());

    let mut out = Vec::new();
    (0..packets / 10).for_each(|_| take(&service, &mut packet, &mut out));
    let (begun, memory) = (Instant::now(), resident());
    (0..packets).for_each(|_| take(&service, &mut packet, &mut out));
    let grown = resident().saturating_sub(memory);
    println!(
        "{packets} packets in {:?}, {grown} bytes more",
        begun.elapsed()
    );
    assert!(grown < GROWTH, "{grown} bytes after {packets} packets");

    over_socket(service, packets / OVER_SOCKET, &mut packet);
}

/// Hands one packet over, and looks whether what comes back is a fitting response.
fn take(service: &Service, packets: &mut Packets, out: &mut Vec<u8>) {
    let transport = packets
        .rng
        .choice([Transport::Udp, Transport::Tcp])
        .expect("one of two");
    let packet = packets.next();
    out.clear();
    match service.take(packet, SOURCE, transport, out) {
        Step::Respond => check(packet, out, transport),
        Step::Transfer(transfer) => {
            let mut messages = transfer.load().expect("the zone stays");
            while messages.next(out).expect("every record fits") {
                check(packet, out, Transport::Tcp);
            }
        }
        Step::Ignore => assert!(out.is_empty()),
        Step::Forward(_) => panic!("there is nobody to ask"),
    }
}

fn check(packet: &[u8], response: &[u8], transport: Transport) {
    let limit = match transport {
        Transport::Udp => 1232,
        Transport::Tcp => usize::from(u16::MAX),
    };
    let is_fitting = packet[2] < 0x80
        && response.len() <= limit
        && response[..2] == packet[..2]
        && response[2] >= 0x80
        && Message::from_vec(response).is_ok();
    assert!(is_fitting, "{packet:02x?} gets {response:02x?}");
}

/// The same from outside: the server goes on answering.
fn over_socket(service: Arc<Service>, packets: usize, packet: &mut Packets) {
    let runtime = daemon::runtime().expect("a runtime");
    let listening = Listening::bind(&[(SOURCE, 0).into()]).expect("a port");
    let client = UdpSocket::bind((SOURCE, 0)).expect("a port");
    client.connect(listening.addresses()[0]).expect("loopback");
    client.set_read_timeout(Some(PATIENCE * 3)).expect("a time");
    let served = {
        let _inside = runtime.enter();
        listening.serve(&service, &daemon::Tasks::default())
    };
    served.expect("threads");
    ask(&client, 0);
    let (begun, memory) = (Instant::now(), resident());
    for number in 0..packets {
        // Too long for a datagram, empty or not: what the system does not take is not sent.
        let _ = client.send(packet.next());
        if number % IN_FLIGHT == 0 {
            ask(&client, number);
        }
    }
    let grown = resident().saturating_sub(memory);
    println!(
        "{packets} of them over UDP in {:?}, {grown} bytes more",
        begun.elapsed()
    );
    assert!(grown < GROWTH, "{grown} bytes after {packets} packets");
}

/// Asks for an address, past the responses to all else.
fn ask(client: &UdpSocket, number: usize) {
    let mut query = query("db.zk", RecordType::A);
    // A name that no packet asks for tells the answer from all others.
    query.queries[0].name = name(&format!("x{number}.wanted.zk"));
    client
        .send(&query.to_vec().expect("a query"))
        .expect("sent");
    let begun = Stopwatch::start();
    let mut buffer = [0; 4096];
    loop {
        let length = client.recv(&mut buffer).expect("an answer in time");
        let response = Message::from_vec(&buffer[..length]).expect("a response");
        if response.queries == query.queries {
            assert_eq!(response.metadata.response_code, ResponseCode::NXDomain);
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no answer to {number}");
    }
}

/// Packets by chance, each either junk or made from a valid query.
struct Packets {
    rng: Rng,
    valid: Vec<Vec<u8>>,
    packet: Vec<u8>,
}

impl Packets {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            valid: valid(),
            packet: Vec::new(),
        }
    }

    fn next(&mut self) -> &[u8] {
        let rng = &mut self.rng;
        self.packet.clear();
        if rng.u8(..) < 64 {
            let length = rng.usize(..600);
            self.packet.extend((0..length).map(|_| rng.u8(..)));
            // Half of them look like a query with one question at first.
            if length > 12 && rng.bool() {
                self.packet[2..6].copy_from_slice(&[1, 0, 0, 1]);
            }
            return &self.packet;
        }
        let valid = rng.choice(&self.valid).expect("there are some");
        self.packet.extend_from_slice(valid);
        for _ in 0..rng.usize(..5) {
            let at = rng.usize(..self.packet.len());
            match rng.u8(..4) {
                0 => self.packet[at] = rng.u8(..),
                1 => self.packet[at] ^= 1 << rng.u8(..8),
                // Lengths and pointers do the most harm.
                2 => self.packet[at] = rng.choice([0, 1, 63, 64, 0xC0, 0xFF]).expect("some"),
                _ => self.packet.truncate(at.max(1)),
            }
        }
        if rng.u8(..) < 16 {
            let length = rng.usize(..64);
            self.packet.extend((0..length).map(|_| rng.u8(..)));
        }
        &self.packet
    }
}

/// Queries of every kind that is answered.
fn valid() -> Vec<Vec<u8>> {
    use RecordType::{A, AAAA, ANY, AXFR, HTTPS, IXFR, NS, PTR, SOA as SoaType, SRV, TXT};
    let plain = [
        ("db.zk", A),
        ("DB.ZK", AAAA),
        ("db.zk", TXT),
        ("i7.db.zk", A),
        ("_http._tcp.db.zk", SRV),
        ("7.0.1.10.in-addr.arpa", PTR),
        ("zk", SoaType),
        ("zk", NS),
        ("db.zk", ANY),
        ("zk", AXFR),
        ("nothing.zk", A),
        ("example.com", HTTPS),
        ("_status", TXT),
    ];
    let mut queries: Vec<_> = plain.map(|(name, kind)| query(name, kind)).into();
    // There is more to say than a datagram holds.
    let mut with_edns = query("_http._tcp.db.zk", SRV);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    with_edns.edns = Some(edns);
    let mut ixfr = query("zk", IXFR);
    let soa = SOA::new(name("a"), name("b"), 7, 1, 1, 1, 1);
    ixfr.authorities
        .push(Record::from_rdata(name("zk"), 1, RData::SOA(soa)));
    queries.extend([with_edns, ixfr]);
    queries
        .iter()
        .map(|query| query.to_vec().expect("a query"))
        .collect()
}

fn query(text: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(text), record_type));
    message
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}

/// A server of a small tree, which has been read, and whose zone anyone may have.
fn service() -> Service {
    let zones = SharedZones::new(Settings {
        domain: None,
        ttl: None,
        addresses: vec![SOURCE],
    });
    let path = |text: &str| text.parse::<ZnodePath>().expect("a path");
    let scope = Scope::new(path("/"), path("/nameserver"), None, &[]).expect("a scope");
    let parents = ["/zk", "/zk/db"].map(|parent| (parent.to_owned(), String::new()));
    let instance = |i| (format!("/zk/db/i{i}"), format!("10.1.0.{i}:8080"));
    let znodes = parents.into_iter().chain((0..100).map(instance));
    let znodes = znodes.map(|(text, data)| {
        let path = path(&text);
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
}

/// The memory that this process has, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    pages.expect("a number of pages") * 4096
}
