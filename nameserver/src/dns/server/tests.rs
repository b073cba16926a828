//! Over real sockets of the loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use hickory_proto::rr::Name;
use ipnet::IpNet;
use lab::Stopwatch;

use super::*;
use crate::dns::statistics::Statistics;
use crate::dns::{Settings, SharedZones};
use crate::namespace::Namespace;
use crate::namespace::scope::Scope;
use crate::records;

/// How long anything may take, or nothing may come from a socket.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server in a runtime of its own.
struct Server {
    address: SocketAddr,
    zones: SharedZones,
    statistics: Arc<Statistics>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start(address: &str, connections: usize, patience: Duration) -> Self {
        let listening = Listening::bind(&[address.parse().unwrap()]).unwrap();
        let limits = Limits {
            connections,
            patience,
        };
        Self::on(listening, limits)
    }

    fn on(listening: Listening, limits: Limits) -> Self {
        let runtime = daemon::runtime().unwrap();
        let settings = Settings {
            domain: None,
            ttl: None,
            addresses: Vec::new(),
        };
        let statistics = Arc::new(Statistics::default());
        let zones = SharedZones::new(settings);
        let secondaries = vec!["127.0.0.0/8".parse::<IpNet>().unwrap()].into();
        let service = Service::new(zones.clone(), None, secondaries, Arc::clone(&statistics));
        let address = listening.addresses()[0];
        let served = {
            let _inside = runtime.enter();
            listening.serve_within(&Arc::new(service), limits, &daemon::Tasks::default())
        };
        served.unwrap();
        Self {
            address,
            zones,
            statistics,
            _runtime: runtime,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn until_connections(&self, fits: impl Fn(u64) -> bool) {
        let begun = Stopwatch::start();
        while !fits(self.statistics.connections()) {
            assert!(begun.elapsed() < DEADLINE, "{:?}", self.statistics.status());
            std::thread::yield_now();
        }
    }
}

/// A question of class CH, which is refused whatever the tree holds.
fn query(id: u16) -> Vec<u8> {
    let header = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let question = [1, b'x', 0, 0, 1, 0, 3];
    [&id.to_be_bytes()[..], &header, &question].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

/// The id and the code of the next response.
fn response(stream: &mut TcpStream) -> std::io::Result<(u16, u8)> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok((
        u16::from_be_bytes([message[0], message[1]]),
        message[3] & 15,
    ))
}

/// The code of the response over UDP, and where it came from.
fn over_udp(client: &UdpSocket, server: SocketAddr, query: &[u8]) -> (u8, SocketAddr) {
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.send_to(query, server).unwrap();
    let mut message = [0; 1500];
    let (_, source) = client.recv_from(&mut message).unwrap();
    assert_eq!(message[..2], query[..2]);
    (message[3] & 15, source)
}

#[test]
fn both_transports_have_one_port() {
    let server = Server::start("127.0.0.1:0", 8, DEADLINE);
    assert_ne!(server.address.port(), 0);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (code, source) = over_udp(&client, server.address, &query(1));
    assert_eq!((code, source), (5, server.address));
    let mut stream = server.connect();
    stream.write_all(&framed(&query(2))).unwrap();
    assert_eq!(response(&mut stream).unwrap(), (2, 5));
}

#[test]
fn a_response_comes_from_where_the_question_went() {
    let server = Server::start("0.0.0.0:0", 8, DEADLINE);
    let port = server.address.port();
    let client = UdpSocket::bind("0.0.0.0:0").unwrap();
    for ip in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
        let asked = SocketAddr::new(ip.parse().unwrap(), port);
        assert_eq!(over_udp(&client, asked, &query(3)).1, asked);
    }
}

#[test]
fn both_families_share_a_port() {
    // Somebody else may have the port for IPv6, hence several tries.
    let pair = (0..TRIES).find_map(|_| {
        let v4 = Listening::bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
        let port = v4.addresses()[0].port();
        let v6 = Listening::bind(&[format!("[::]:{port}").parse().unwrap()]);
        v6.ok().map(|v6| (v4, v6))
    });
    let (_v4, v6) = pair.unwrap();
    let server = Server::on(v6, Limits::of_process());
    let client = UdpSocket::bind("[::1]:0").unwrap();
    let asked = SocketAddr::new("::1".parse().unwrap(), server.address.port());
    assert_eq!(over_udp(&client, asked, &query(4)).1, asked);
}

#[test]
fn clients_that_are_gone_end_nothing() {
    let server = Server::start("127.0.0.1:0", 8, DEADLINE);
    for id in 0..50 {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap();
        gone.send_to(&query(id), server.address).unwrap();
    }
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"junk", server.address).unwrap();
    assert_eq!(over_udp(&client, server.address, &query(7)).0, 5);
}

#[test]
fn pipelined_queries_are_answered_in_order() {
    let server = Server::start("127.0.0.1:0", 8, DEADLINE);
    let mut stream = server.connect();
    let all: Vec<u8> = (0..1000).flat_map(|id| framed(&query(id))).collect();
    // In pieces that end anywhere.
    for piece in all.chunks(777) {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    for id in 0..1000 {
        assert_eq!(response(&mut stream).unwrap(), (id, 5));
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn half_open_connections_keep_nobody_out() {
    let server = Server::start("127.0.0.1:0", 64, DEADLINE);
    let mut idle: Vec<_> = (0..1000)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(&[0]).unwrap();
            stream
        })
        .collect();
    assert!(server.statistics.connections() <= 64);
    let mut stream = server.connect();
    stream.write_all(&framed(&query(9))).unwrap();
    assert_eq!(response(&mut stream).unwrap(), (9, 5));
    assert!(server.statistics.connections() <= 64);
    // The first one made room, the last one is still there.
    let mut byte = [0];
    assert!(matches!(idle[0].read(&mut byte), Ok(0) | Err(_)));
    idle[999].set_nonblocking(true).unwrap();
    let error = idle[999].read(&mut byte).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn half_a_query_is_not_waited_for() {
    let server = Server::start("127.0.0.1:0", 8, Duration::from_millis(100));
    let mut stream = server.connect();
    stream.write_all(&framed(&query(1))[..9]).unwrap();
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    server.until_connections(|connections| connections == 0);
}

#[test]
fn who_does_not_read_is_dropped() {
    let server = Server::start("127.0.0.1:0", 8, Duration::from_millis(200));
    let mut stream = server.connect();
    let all: Vec<u8> = (0..10_000).flat_map(|id| framed(&query(id))).collect();
    // The responses fill every buffer on the way, and then the queries do: a few megabytes each.
    let mut written = 0;
    while stream.write_all(&all).is_ok() {
        written += all.len();
        assert!(written < 256 << 20, "{written} bytes are taken");
    }
    server.until_connections(|connections| connections == 0);
}

#[test]
fn the_catalog_goes_on_changing_while_a_zone_is_sent() {
    let server = Server::start("127.0.0.1:0", 8, DEADLINE);
    let apex = Name::from_ascii("zk.").unwrap();
    let (root, state) = ("/".parse().unwrap(), "/nameserver".parse().unwrap());
    let scope = Scope::new(root, state, None, &[]).unwrap();
    let znodes = (0..50_000).map(|number| {
        let path = format!("/zk/n{number}").parse().unwrap();
        (path, records::read("", b"10.0.0.1"))
    });
    let zone = Namespace::new(scope.clone(), znodes);
    server.zones.replace(&zone);
    let expected = server.zones.read().transfer(&apex).unwrap().len();
    let mut secondary = server.connect();
    let header = [0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let axfr = [&header[..], b"\x02zk\0\0\xFC\0\x01"].concat();
    secondary.write_all(&framed(&axfr)).unwrap();
    let mut received = answers(&mut secondary);
    // The zone is gone, though most of it still waits for the secondary to read.
    server.zones.replace(&Namespace::new(scope, []));
    assert_eq!(server.zones.read().transfer(&apex), None);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(over_udp(&client, server.address, &query(7)).0, 5);
    while received < expected {
        received += answers(&mut secondary);
    }
    assert_eq!(received, expected);
}

/// How many records the next message answers with.
fn answers(stream: &mut TcpStream) -> usize {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).unwrap();
    u16::from_be_bytes([message[6], message[7]]).into()
}

#[test]
fn junk_over_tcp_ends_the_connection() {
    let server = Server::start("127.0.0.1:0", 8, DEADLINE);
    for junk in [&[0xFF, 0xFF, 1][..], &[0, 3, 1, 2, 3]] {
        let mut stream = server.connect();
        stream.write_all(junk).unwrap();
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }
    server.until_connections(|connections| connections == 0);
}

#[test]
fn a_taken_address_is_named() {
    let error_at_a_taken_port = || {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = Listening::bind(&[address]).unwrap_err();
        (address, format!("{error:#}"))
    };
    // The same port of TCP may be somebody else's by chance.
    let mut errors = std::iter::repeat_with(error_at_a_taken_port).take(16);
    let of_udp = errors.find(|(_, error)| error.contains("as --dns asks: UDP: "));
    let (address, error) = of_udp.expect("one of the ports is free for TCP");
    assert!(error.contains(&format!("{address}, as ")), "{error}");
    assert!(error.contains("another program answers there"), "{error}");
    let foreign = "192.0.2.1:0".parse().unwrap();
    let error = format!("{:#}", Listening::bind(&[foreign]).unwrap_err());
    assert!(
        error.contains("this machine has no such address"),
        "{error}"
    );
}

#[test]
fn the_thread_of_udp_ends_with_the_server() {
    let server = Server::start("127.0.0.1:0", 10, DEADLINE);
    let address = server.address;
    drop(server);
    let begun = Stopwatch::start();
    while let Err(error) = UdpSocket::bind(address) {
        assert!(begun.elapsed() < DEADLINE, "{error}");
        std::thread::yield_now();
    }
}
