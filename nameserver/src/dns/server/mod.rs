//! The sockets of `--dns`: one for UDP and one for TCP at each address.

mod datagrams;
pub mod rate;
pub mod service;
mod tcp;
mod udp;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use daemon::Tasks;
use socket2::{Domain, Socket, Type};

use service::Service;
use tcp::{Connections, Limits};

/// How many clients the system keeps waiting until they are accepted.
const BACKLOG: i32 = 1024;
/// How often a port is looked for that is free for both UDP and TCP.
const TRIES: usize = 16;

/// Sockets that take queries, which wait until they are served.
#[derive(Debug)]
pub struct Listening {
    sockets: Vec<(TcpListener, UdpSocket)>,
}

impl Listening {
    /// Takes the addresses. To be called while there is a terminal to complain at.
    ///
    /// # Errors
    /// An address is taken, not allowed, or none of this machine; the error names it and says what
    /// to do.
    pub fn bind(addresses: &[SocketAddr]) -> anyhow::Result<Self> {
        let bound = addresses.iter().map(|&address| {
            both(address).with_context(|| format!("cannot answer DNS at {address}, as --dns asks"))
        });
        let sockets = bound.collect::<Result<_, _>>()?;
        Ok(Self { sockets })
    }

    /// The addresses, with the ports that stand for 0.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.sockets.iter().map(|(tcp, _)| tcp.local_addr());
        listeners.filter_map(Result::ok).collect()
    }

    /// Answers from now on, as some of the `tasks`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// There are no threads to answer in.
    pub fn serve(self, service: &Arc<Service>, tasks: &Tasks) -> anyhow::Result<()> {
        self.serve_within(service, Limits::of_process(), tasks)
    }

    fn serve_within(
        self,
        service: &Arc<Service>,
        limits: Limits,
        tasks: &Tasks,
    ) -> anyhow::Result<()> {
        let connections = Arc::new(Connections::new(limits));
        for (listener, datagrams) in self.sockets {
            let address = listener.local_addr()?;
            let context = || format!("cannot answer DNS at {address}");
            let listener = tokio::net::TcpListener::from_std(listener).with_context(context)?;
            let thread = udp::serve(datagrams, Arc::clone(service)).with_context(context)?;
            let (listener, service) = (Arc::new(listener), Arc::clone(service));
            let connections = Arc::clone(&connections);
            let make = move || {
                // It answers as long as this task is kept.
                let _ = &thread;
                let (service, connections) = (Arc::clone(&service), Arc::clone(&connections));
                tcp::serve(Arc::clone(&listener), service, connections)
            };
            let name = format!("DNS over TCP at {address}");
            tokio::spawn(tasks.clone().keep(name, make));
            log::info!("answering DNS at {address} (UDP and TCP)");
        }
        Ok(())
    }
}

/// Takes one port for TCP and UDP. Port 0 is any that is free for both.
fn both(address: SocketAddr) -> anyhow::Result<(TcpListener, UdpSocket)> {
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let listener = bound(address, Type::STREAM).map_err(|error| explained(error, "TCP"))?;
        let listener = TcpListener::from(listener);
        match bound(listener.local_addr()?, Type::DGRAM) {
            Ok(datagrams) => return Ok((listener, datagrams.into())),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(explained(error, "UDP")),
        }
    }
}

fn bound(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can be had side by side, and IPv4 sources look like IPv4.
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // Connections that the last run closed do not keep the address.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// The error with what to do about it.
fn explained(error: io::Error, transport: &str) -> anyhow::Error {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program answers there (`ss -lnptu` shows which); stop it, or choose another \
             address or port"
        }
        ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE; or choose \
             another port"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address; see `ip address`",
        _ => return anyhow::Error::new(error).context(transport.to_owned()),
    };
    anyhow!("{transport}: {error}; {remedy}")
}

#[cfg(test)]
mod tests;
