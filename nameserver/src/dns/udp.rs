//! Queries over UDP: answered in the one loop of their socket, one after the other.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use super::datagrams::{Datagrams, Peer};
use super::message::{LONGEST_QUERY, Transport};
use super::service::{Lookup, Service, Step};

/// How many queries are answered before other tasks get their turn.
const BATCH: usize = 64;
/// After an error of the system, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers for ever.
pub(super) async fn serve(socket: Arc<Datagrams>, service: Arc<Service>) {
    let (mut query, mut response) = (vec![0; LONGEST_QUERY], Vec::new());
    loop {
        if socket.readable().await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        for _ in 0..BATCH {
            match socket.try_receive(&mut query) {
                Ok((length, peer)) => {
                    answer(&socket, &service, &query[..length], peer, &mut response).await;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // A client did not wait for its response.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    log::debug!("cannot receive queries: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        tokio::task::yield_now().await;
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
