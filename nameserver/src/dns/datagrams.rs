//! A UDP socket whose responses leave from the address that was asked.
//!
//! Bound to 0.0.0.0 or [::], the system would choose the source of a response by its route, and a
//! client that asked another address of this machine would not take it. Any other socket has but one
//! address.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    is_wildcard: bool,
}

/// Whoever sent a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// Where responses go.
    pub(super) address: SocketAddr,
    /// The address of ours that was asked, where there may be several.
    asked: Option<IpAddr>,
}

impl Datagrams {
    /// Takes over a bound socket that does not block. Must be called within a tokio runtime.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?.ip();
        let is_wildcard = address.is_unspecified();
        match address {
            IpAddr::V4(_) if is_wildcard => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) if is_wildcard => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
            _ => {}
        }
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            is_wildcard,
        })
    }

    /// Waits until there may be a datagram.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Takes the next datagram, which is cut to the length of `buffer`.
    ///
    /// # Errors
    /// There is none now (`WouldBlock`), or the system tells of a response that did not arrive.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Peer)> {
        if self.is_wildcard {
            let receive = || receive_with_address(&self.socket, buffer);
            return self.socket.try_io(Interest::READABLE, receive);
        }
        let (length, address) = self.socket.try_recv_from(buffer)?;
        let asked = None;
        Ok((length, Peer { address, asked }))
    }

    /// Sends a response, as soon as the system takes it.
    pub(super) async fn send(&self, response: &[u8], to: Peer) -> io::Result<()> {
        match to.asked {
            None => self.socket.send_to(response, to.address).await?,
            Some(asked) => {
                let send = || send_from(&self.socket, response, to.address, asked);
                self.socket.async_io(Interest::WRITABLE, send).await?
            }
        };
        Ok(())
    }
}

fn receive_with_address(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Peer)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let received = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )?;
    let address = received.address.as_ref().and_then(socket_address);
    let address = address.ok_or(io::ErrorKind::InvalidData)?;
    let asked = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let bits = u32::from_be(info.ipi_spec_dst.s_addr);
            Some(Ipv4Addr::from_bits(bits).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
        }
        _ => None,
    });
    Ok((received.bytes, Peer { address, asked }))
}

/// The route decides about the interface, and `asked` about the source.
fn send_from(
    socket: &UdpSocket,
    response: &[u8],
    to: SocketAddr,
    asked: IpAddr,
) -> io::Result<usize> {
    let parts = [IoSlice::new(response)];
    let send = |control| {
        let (socket, to) = (socket.as_raw_fd(), SockaddrStorage::from(to));
        sendmsg(socket, &parts, &[control], MsgFlags::empty(), Some(&to))
    };
    let sent = match asked {
        IpAddr::V4(asked) => send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr {
                s_addr: asked.to_bits().to_be(),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        })),
        IpAddr::V6(asked) => send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr {
                s6_addr: asked.octets(),
            },
            ipi6_ifindex: 0,
        })),
    };
    Ok(sent?)
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in();
    let v6 = address.as_sockaddr_in6();
    v4.map(|address| SocketAddrV4::from(*address).into())
        .or_else(|| v6.map(|address| SocketAddrV6::from(*address).into()))
}
