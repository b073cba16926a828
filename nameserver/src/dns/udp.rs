//! Queries over UDP: answered in the one loop of their socket, one after the other.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::datagrams::{Batch, Datagrams, Peer};
use super::message::Transport;
use super::service::{Lookup, Service, Step};

/// After an error of the system, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop` goes, in a thread of its own: a flood of queries keeps nothing else waiting.
///
/// # Errors
/// The system refuses a thread or files.
pub(super) fn start(socket: UdpSocket, service: Arc<Service>) -> io::Result<Stop> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let socket = {
        let _within = runtime.enter();
        Arc::new(Datagrams::new(socket)?)
    };
    let (stop, stopped) = oneshot::channel::<Infallible>();
    let serve = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                () = serve(socket, service) => {}
            }
        });
    };
    thread::Builder::new().name("dns".to_owned()).spawn(serve)?;
    Ok(Stop { _stop: stop })
}

/// Ends the thread when it goes.
#[derive(Debug)]
pub(super) struct Stop {
    _stop: oneshot::Sender<Infallible>,
}

/// Answers for ever.
async fn serve(socket: Arc<Datagrams>, service: Arc<Service>) {
    let (mut batch, mut response) = (Batch::new(), Vec::new());
    loop {
        let ready = socket.readable().await;
        match ready.and_then(|()| socket.try_receive(&mut batch)) {
            Ok(()) => {}
            // A client did not wait for its response.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => {
                log::debug!("cannot receive queries: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
        for (query, peer) in batch.received() {
            answer(&socket, &service, query, peer, &mut response).await;
        }
        if batch.is_full() {
            tokio::task::yield_now().await;
        }
    }
}

async fn answer(
    socket: &Arc<Datagrams>,
    service: &Arc<Service>,
    query: &[u8],
    peer: Peer,
    response: &mut Vec<u8>,
) {
    match service.take(query, peer.address.ip(), Transport::Udp, response) {
        // A response that cannot be sent is lost, as any datagram may be; the client asks again.
        Step::Respond => drop(socket.send(response, peer).await),
        Step::Forward(lookup) => {
            let (socket, service) = (Arc::clone(socket), Arc::clone(service));
            tokio::spawn(forward(socket, service, *lookup, peer));
        }
        Step::Ignore | Step::Transfer(_) => {}
    }
}

async fn forward(socket: Arc<Datagrams>, service: Arc<Service>, lookup: Lookup, peer: Peer) {
    let mut response = Vec::new();
    service.look_up(lookup, &mut response).await;
    drop(socket.send(&response, peer).await);
}
