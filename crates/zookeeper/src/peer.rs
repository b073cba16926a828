//! Which of several servers a connection goes to. The client does not tell.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getpeername};

use crate::Servers;

/// How many descriptors are looked at.
const MOST: usize = 4_096;

/// The server that the newest connection of this process to a port of these servers goes to; none where there is
/// only one anyway, or where that cannot be told.
pub(crate) fn peer(servers: &Servers) -> Option<SocketAddr> {
    let ports: Vec<u16> = servers.endpoints().map(|(_, port)| port).collect();
    if ports.len() < 2 {
        return None;
    }
    let open = fs::read_dir("/proc/self/fd").ok()?.take(MOST).flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let peers = numbers.filter_map(|number: i32| Some((number, address(number)?)));
    let ours = peers.filter(|(_, peer)| ports.contains(&peer.port()));
    ours.max_by_key(|(number, _)| *number).map(|(_, peer)| peer)
}

fn address(descriptor: i32) -> Option<SocketAddr> {
    let peer: SockaddrStorage = getpeername(descriptor).ok()?;
    match peer.family()? {
        AddressFamily::Inet => {
            let peer = peer.as_sockaddr_in()?;
            Some(SocketAddr::new(IpAddr::V4(peer.ip()), peer.port()))
        }
        AddressFamily::Inet6 => {
            let peer = peer.as_sockaddr_in6()?;
            let address = peer.ip();
            let plain = address
                .to_ipv4_mapped()
                .map_or(IpAddr::V6(address), IpAddr::V4);
            Some(SocketAddr::new(plain, peer.port()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_server_that_answers_is_told_from_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let servers: Servers = format!("127.0.0.1:1,{server}").parse().unwrap();
        assert_eq!(peer(&servers), None);
        let _connection = TcpStream::connect(server).unwrap();
        assert_eq!(peer(&servers), Some(server));
        assert_eq!(
            peer(&server.to_string().parse().unwrap()),
            None,
            "there is no other"
        );
    }
}
