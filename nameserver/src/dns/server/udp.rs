//! Queries over UDP: answered in the one thread of their socket, one after the other.

use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::runtime::Handle;

use crate::dns::server::datagrams::{Batch, Datagrams, Peer};
use crate::dns::server::service::{Lookup, Service, Step};
use crate::dns::wire::Transport;

/// After an error of the system, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread that answers. When this is dropped, it ends as soon as it has no query to answer.
#[derive(Debug)]
pub(super) struct Answering {
    _until_closed: PipeWriter,
}

/// Answers the queries that come to one socket.
struct Thread {
    socket: Arc<Datagrams>,
    service: Arc<Service>,
    /// Where lookups of other resolvers run.
    runtime: Handle,
    /// Closed when the thread is to end.
    stop: PipeReader,
}

/// Answers in a thread, so that a flood of queries keeps nothing else waiting, and no query has to
/// be handed from one thread to another. Must be called within a tokio runtime.
///
/// # Errors
/// The system has no more threads or files.
pub(super) fn serve(socket: UdpSocket, service: Arc<Service>) -> io::Result<Answering> {
    let (stop, until_closed) = io::pipe()?;
    let thread = Thread {
        socket: Arc::new(Datagrams::new(socket)?),
        service,
        runtime: Handle::current(),
        stop,
    };
    thread::Builder::new()
        .name("dns".to_owned())
        .spawn(move || thread.run_on())?;
    Ok(Answering {
        _until_closed: until_closed,
    })
}

impl Thread {
    /// Whatever a packet does to those who read it, the next one is answered.
    fn run_on(&self) {
        while catch_unwind(AssertUnwindSafe(|| self.run())).is_err() {
            log::error!("a DNS query could not be answered; please report the panic above");
        }
    }

    fn run(&self) {
        let (mut batch, mut response) = (Batch::new(), Vec::new());
        while self.take(&mut batch) {
            for (query, peer) in batch.received() {
                self.answer(query, peer, &mut response);
            }
        }
    }

    /// Takes queries, as soon as there are any; false at the end.
    fn take(&self, batch: &mut Batch) -> bool {
        loop {
            match self.socket.receive(batch) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.wait() {
                        return false;
                    }
                }
                // A client did not wait for its response.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    log::debug!("cannot receive queries: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Waits until there may be queries; false at the end.
    fn wait(&self) -> bool {
        let mut ready = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.stop.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => ready[1].any() != Some(true),
            // Interrupted by a signal, or without memory: receiving tells which.
            Err(_) => true,
        }
    }

    fn answer(&self, query: &[u8], peer: Peer, response: &mut Vec<u8>) {
        let source = peer.address.ip();
        match self.service.take(query, source, Transport::Udp, response) {
            // A response that cannot be sent is lost, as any datagram may be; the client asks again.
            Step::Respond => drop(self.socket.send(response, peer)),
            Step::Forward(lookup) => {
                let (socket, service) = (Arc::clone(&self.socket), Arc::clone(&self.service));
                self.runtime.spawn(forward(socket, service, *lookup, peer));
            }
            Step::Ignore | Step::Transfer(_) => {}
        }
    }
}

async fn forward(socket: Arc<Datagrams>, service: Arc<Service>, lookup: Lookup, peer: Peer) {
    let mut response = Vec::new();
    service.look_up(lookup, &mut response).await;
    drop(socket.send(&response, peer));
}
