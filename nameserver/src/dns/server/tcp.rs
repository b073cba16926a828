//! Queries over TCP: so many connections and no more, each with so much time and no more.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::dns::server::service::{Service, Step, Transfer};
use crate::dns::wire::{LONGEST_QUERY, Transport};

/// After an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// What is read at once; several queries that come together fit.
const BUFFER: usize = 1024;
/// The memory that a connection keeps for its next response, in bytes.
const KEPT: usize = 4096;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many there are at once.
    pub(super) connections: usize,
    /// How long one may take for a whole query, and for reading a response.
    pub(super) patience: Duration,
}

impl Limits {
    /// The usual ones, with at most a quarter of the files that this process may open.
    pub(super) fn of_process() -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let quarter = usize::try_from(files / 4).unwrap_or(usize::MAX);
        Self {
            connections: quarter.clamp(1, 256),
            patience: Duration::from_secs(10),
        }
    }
}

/// The connections that there are, over all listeners.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    places: Arc<Semaphore>,
    begun: Instant,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    all: HashMap<u64, Arc<Member>>,
}

/// What others see of a connection.
#[derive(Debug)]
struct Member {
    client: IpAddr,
    /// When it last had a whole query or sent a part of a zone, in microseconds since `begun`.
    busy: AtomicU64,
    /// Tells it to make room.
    leave: Notify,
}

/// Strikes a connection off the list when its task is over, however it ends.
struct Membership {
    connections: Arc<Connections>,
    member: Arc<Member>,
    number: u64,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            begun: Instant::now(),
            live: Mutex::default(),
        }
    }

    /// Waits for a place. When all are taken, one of the client that has most of them makes room, the one that
    /// is longest idle: neither half open connections nor one client's many keep others out.
    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return place;
        }
        self.make_room();
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("the semaphore is never closed")
    }

    fn make_room(&self) {
        let mut live = self.live();
        let members = live
            .all
            .iter()
            .map(|(number, member)| (*number, member.client, member.busy.load(Relaxed)));
        let number = greediest(&members.collect::<Vec<_>>());
        if let Some(member) = number.and_then(|number| live.all.remove(&number)) {
            member.leave.notify_one();
        }
    }

    fn join(self: &Arc<Self>, place: OwnedSemaphorePermit, client: IpAddr) -> Membership {
        let member = Arc::new(Member {
            client,
            busy: AtomicU64::new(self.now()),
            leave: Notify::new(),
        });
        let mut live = self.live();
        live.next += 1;
        let number = live.next;
        live.all.insert(number, Arc::clone(&member));
        Membership {
            connections: Arc::clone(self),
            member,
            number,
            _place: place,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which connection makes room, of these numbers, clients, and times at which they were busy last.
fn greediest(members: &[(u64, IpAddr, u64)]) -> Option<u64> {
    let mut counts = HashMap::<IpAddr, usize>::new();
    for (_, client, _) in members {
        *counts.entry(*client).or_default() += 1;
    }
    let most = members
        .iter()
        .max_by_key(|(_, client, busy)| (counts[client], Reverse(*busy)));
    most.map(|(number, ..)| *number)
}

impl Membership {
    fn is_busy(&self) {
        self.member.busy.store(self.connections.now(), Relaxed);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.connections.live().all.remove(&self.number);
    }
}

/// Accepts connections for ever.
pub(super) async fn serve(
    listener: Arc<TcpListener>,
    service: Arc<Service>,
    connections: Arc<Connections>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let place = connections.place().await;
                let connection = Connection {
                    stream: BufReader::with_capacity(BUFFER, stream),
                    source: peer.ip(),
                    service: Arc::clone(&service),
                    membership: connections.join(place, peer.ip().to_canonical()),
                };
                tokio::spawn(connection.run());
            }
            // A client went before its turn came.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                log::debug!("cannot accept DNS connections: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One client.
struct Connection {
    stream: BufReader<TcpStream>,
    source: IpAddr,
    service: Arc<Service>,
    membership: Membership,
}

impl Connection {
    async fn run(mut self) {
        let (service, member) = (
            Arc::clone(&self.service),
            Arc::clone(&self.membership.member),
        );
        let _counted = service.statistics().connected();
        let ended = tokio::select! {
            ended = self.converse() => ended,
            () = member.leave.notified() => Err(io::Error::other("others need the place")),
        };
        // However it ends, the client knows, and may come again.
        if let Err(error) = ended {
            log::debug!("closed the DNS connection of {}: {error}", self.source);
        }
    }

    /// Answers queries in their order until the client has no more.
    async fn converse(&mut self) -> io::Result<()> {
        self.stream.get_ref().set_nodelay(true)?;
        let (mut query, mut response) = (Vec::new(), Vec::new());
        while timeout(self.patience(), self.receive(&mut query)).await?? {
            self.membership.is_busy();
            let service = Arc::clone(&self.service);
            match service.take(&query, self.source, Transport::Tcp, &mut response) {
                Step::Respond => self.send(&response).await?,
                Step::Forward(lookup) => {
                    service.look_up(*lookup, &mut response).await;
                    self.send(&response).await?;
                }
                Step::Transfer(transfer) => self.transfer(*transfer, &mut response).await?,
                Step::Ignore => return Ok(()),
            }
            response.clear();
            response.shrink_to(KEPT);
        }
        Ok(())
    }

    /// Reads the next query; false at the end of the stream.
    async fn receive(&mut self, query: &mut Vec<u8>) -> io::Result<bool> {
        let length = match self.stream.read_u16().await {
            Ok(length) => usize::from(length),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        };
        if length > LONGEST_QUERY {
            let text = format!("a query of {length} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        query.resize(length, 0);
        self.stream.read_exact(query).await?;
        Ok(true)
    }

    async fn transfer(&mut self, transfer: Transfer, message: &mut Vec<u8>) -> io::Result<()> {
        let loaded = tokio::task::spawn_blocking(|| transfer.load()).await?;
        let mut messages = loaded.ok_or_else(|| io::Error::other("the zone is gone"))?;
        while messages.next(message).map_err(io::Error::other)? {
            self.send(message).await?;
            self.membership.is_busy();
        }
        Ok(())
    }

    /// Sends a message after its length, in one piece.
    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes(), message].concat();
        timeout(self.patience(), self.stream.get_mut().write_all(&framed)).await?
    }

    fn patience(&self) -> Duration {
        self.membership.connections.limits.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_client_that_has_most_makes_room_and_the_longest_idle_of_these() {
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        assert_eq!(greediest(&[]), None);
        // The other's is idle for longer, and it has but one.
        assert_eq!(
            greediest(&[(1, other, 5), (2, one, 70), (3, one, 60)]),
            Some(3)
        );
        assert_eq!(greediest(&[(1, other, 50), (2, one, 40)]), Some(2));
    }
}
