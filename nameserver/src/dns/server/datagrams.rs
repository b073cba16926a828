//! A UDP socket whose responses leave from the address that was asked.
//!
//! Bound to 0.0.0.0 or [::], the system would choose the source of a response by its route, and a
//! client that asked another address of this machine would not take it. Any other socket has but one
//! address.
//!
//! Why not quinn-udp: it is not faster (`cargo bench --package benches --bench dns`, queries per second
//! of a core as a ratio to dnsmasq, in turns: 1.29 and 1.17 with what is here, 1.12 and 1.19 with it),
//! and as it lets the system join datagrams, each of its buffers would need 64 KiB.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage,
    recvmmsg, sendmsg, setsockopt, sockopt,
};

use crate::dns::wire::LONGEST_QUERY;

/// How many datagrams one call to the system may give.
const BATCH: usize = 32;

/// A UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
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
    /// Takes over a bound socket that does not block.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?.ip();
        let is_wildcard = address.is_unspecified();
        match address {
            IpAddr::V4(_) if is_wildcard => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) if is_wildcard => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
            _ => {}
        }
        Ok(Self { socket })
    }

    /// Takes the datagrams that have come, at most a batch; each is cut to the length of its buffer.
    ///
    /// # Errors
    /// There is none (`WouldBlock`), or the system tells of a response that did not arrive.
    pub(super) fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        batch.take(&self.socket)
    }

    /// Sends a response.
    ///
    /// # Errors
    /// The system does not take it now; as any datagram, it is lost then.
    pub(super) fn send(&self, response: &[u8], to: Peer) -> io::Result<usize> {
        match to.asked {
            None => self.socket.send_to(response, to.address),
            Some(asked) => send_from(&self.socket, response, to.address, asked),
        }
    }
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Room for the datagrams that one call to the system gives.
pub(super) struct Batch {
    buffers: Box<[[u8; LONGEST_QUERY]; BATCH]>,
    headers: MultiHeaders<SockaddrStorage>,
    received: Vec<(usize, Option<Peer>)>,
}

impl Batch {
    /// Room for datagrams of a socket.
    pub(super) fn new() -> Self {
        let control = nix::cmsg_space!(libc::in6_pktinfo);
        Self {
            buffers: Box::new([[0; LONGEST_QUERY]; BATCH]),
            headers: MultiHeaders::preallocate(BATCH, Some(control)),
            received: Vec::with_capacity(BATCH),
        }
    }

    /// What came last, and from whom.
    pub(super) fn received(&self) -> impl Iterator<Item = (&[u8], Peer)> {
        let received = self.received.iter().zip(self.buffers.iter());
        received.filter_map(|(&(length, peer), buffer)| Some((&buffer[..length], peer?)))
    }

    fn take(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.received.clear();
        let mut parts = self
            .buffers
            .each_mut()
            .map(|buffer| [IoSliceMut::new(buffer)]);
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            parts.iter_mut(),
            MsgFlags::empty(),
            None,
        )?;
        let received = received.map(|one| (one.bytes, Peer::of(&one)));
        self.received.extend(received);
        Ok(())
    }
}

impl Peer {
    fn of(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Self> {
        let address = received.address.as_ref().and_then(socket_address)?;
        let asked = received.cmsgs().ok()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                let bits = u32::from_be(info.ipi_spec_dst.s_addr);
                Some(Ipv4Addr::from_bits(bits).into())
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
            }
            _ => None,
        });
        Some(Self { address, asked })
    }
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
