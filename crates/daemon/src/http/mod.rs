//! `--http`: status, metrics, health and a page, for people and for monitoring.
//!
//! `answer` says what becomes of a request; `events` tells the status again and again to whoever has the page
//! open; `page` makes one HTML file of what a program shows. Nothing that anybody asks is waited for by the daemon's
//! own work, and connections, their time and what is buffered for them are bounded.

mod accept;
mod answer;
mod events;
mod page;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::{Health, Metrics, Tasks};
pub use answer::Answer;
use answer::Answering;
use events::{Stream, Streams};
pub use page::Page;

/// How many connections are served at once. For one more, one of the client that has most is ended.
const CONNECTIONS: usize = 32;
/// How long a connection may take for its one request and the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// After what time whoever has the page open has to connect anew.
const LONGEST: Duration = Duration::from_secs(3600);
/// After an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The flag of a daemon that tells about itself over HTTP, for `#[command(flatten)]`.
#[derive(Debug, Clone, clap::Args)]
pub struct HttpArgs {
    /// Tell about this daemon over HTTP here: a page at /, /status as JSON, /metrics for Prometheus, /healthz;
    /// 127.0.0.1:PORT for this machine only, :PORT for all IPv4 addresses
    #[arg(long, value_name = "[ADDR]:PORT", value_parser = address, help_heading = "Daemon")]
    pub http: Option<SocketAddr>,
}

/// Reads an address and a port. A port alone is that of all IPv4 addresses of the machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let all = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let address = all.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "write ADDR:PORT, such as 127.0.0.1:9117, [::1]:9117 or :9117".to_owned())
}

/// What a daemon tells about itself.
pub trait Observed: Send + Sync + 'static {
    /// All of it, as one JSON object.
    fn status(&self) -> serde_json::Value;
    /// Whether it does its work, and why not.
    fn health(&self) -> Health;
    /// What keeps it from being of use to others yet; that ZooKeeper is away later does not.
    fn readiness(&self) -> Health;
    /// The same in numbers.
    fn metrics(&self) -> Metrics;
    /// What it shows to people, of nothing but what it tells.
    fn page(&self) -> Page;
    /// What else it tells, of what a request asks for; none at a path that it does not know.
    fn ask(
        &self,
        path: &str,
        query: &[(String, String)],
    ) -> impl Future<Output = Option<Answer>> + Send;
}

/// A port that is listened to.
#[derive(Debug)]
pub struct Http {
    listener: TcpListener,
}

impl HttpArgs {
    /// Takes the port, if one is asked for. To be called while there is a terminal to complain at.
    ///
    /// # Errors
    /// The port is taken, or the address is none of this machine.
    pub fn listen(&self) -> anyhow::Result<Option<Http>> {
        let Some(address) = self.http else {
            return Ok(None);
        };
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot listen on {address}, as --http asks"))?;
        listener.set_nonblocking(true)?;
        Ok(Some(Http { listener }))
    }
}

impl Http {
    /// Where others reach it, as HOST:PORT: by the name of this machine where it listens at all addresses.
    pub fn address(&self) -> Option<String> {
        let address = self.listener.local_addr().ok()?;
        if address.ip().is_unspecified() {
            let host = crate::host_name().ok()?;
            return Some(format!("{host}:{}", address.port()));
        }
        Some(address.to_string())
    }

    /// Answers from now on, as one of the `tasks`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The runtime cannot listen.
    pub fn serve(self, observed: impl Observed, tasks: &Tasks) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener);
        let listener = Arc::new(listener.context("cannot tell about this daemon over HTTP")?);
        if let Ok(address) = listener.local_addr() {
            log::info!("status, metrics and health at http://{address}");
        }
        let answering = Arc::new(Answering::new(observed));
        let make = move || answer_all(Arc::clone(&listener), Arc::clone(&answering));
        tokio::spawn(tasks.clone().keep("status over HTTP", make));
        Ok(())
    }
}

/// Answers for ever.
async fn answer_all(
    listener: Arc<tokio::net::TcpListener>,
    answering: Arc<Answering<impl Observed>>,
) {
    let mut live = Vec::new();
    let streams = Arc::new(Streams::default());
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        live.retain(|connection: &Live| !connection.task.is_finished());
        if live.len() >= CONNECTIONS {
            let clients: Vec<_> = live.iter().map(|connection| connection.client).collect();
            if let Some(at) = greediest(&clients) {
                live.remove(at).task.abort();
            }
        }
        let client = peer.ip().to_canonical();
        let (answering, streams) = (Arc::clone(&answering), Arc::clone(&streams));
        let task = tokio::spawn(serve(stream, client, answering, streams));
        live.push(Live { client, task });
    }
}

/// Answers the one request of a connection. Whoever breaks off or dawdles gets no answer, which is nobody else's
/// loss.
async fn serve(
    stream: TcpStream,
    client: IpAddr,
    answering: Arc<Answering<impl Observed>>,
    streams: Arc<Streams>,
) {
    let listening = Arc::new(Stream::default());
    let answer = service_fn(|request: Request<Incoming>| {
        let (answering, streams) = (Arc::clone(&answering), Arc::clone(&streams));
        let listening = Arc::clone(&listening);
        async move {
            let begin = || streams.begin(client, &listening);
            Ok::<_, Infallible>(answering.answer(&request, begin).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let mut patience = PATIENCE;
    loop {
        tokio::select! {
            _ = &mut connection => return,
            // Whether it reads what it is told or not.
            () = listening.ended() => return,
            () = tokio::time::sleep(patience) => {
                // Who follows does not end soon.
                if !listening.has_begun() || patience == LONGEST {
                    return;
                }
                patience = LONGEST;
            }
        }
    }
}

/// A connection that may not have ended yet.
struct Live {
    client: IpAddr,
    task: JoinHandle<()>,
}

/// Which of the connections makes room, whose clients these are, the oldest first: the oldest of a client that
/// has most of them. So nobody who asks now and then, such as a probe, is kept out by others that ask a lot, or
/// that open connections and say nothing.
fn greediest(clients: &[IpAddr]) -> Option<usize> {
    let count = |client: &IpAddr| clients.iter().filter(|other| *other == client).count();
    let most = clients.iter().map(count).max()?;
    clients.iter().position(|client| count(client) == most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connection_of_whoever_has_most_makes_room() {
        let [probe, one, other] =
            ["127.0.0.1", "10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        assert_eq!(greediest(&[]), None);
        assert_eq!(greediest(&[probe, one, other, one]), Some(1));
        assert_eq!(greediest(&[probe, other, one, other, one]), Some(1));
        // All have as many: the oldest.
        assert_eq!(greediest(&[probe, one, other]), Some(0));
    }

    #[test]
    fn a_port_alone_is_that_of_all_addresses() {
        let read = |text: &str| address(text).map(|address| address.to_string());
        assert_eq!(read(":9117").unwrap(), "0.0.0.0:9117");
        for whole in ["127.0.0.1:9117", "[::1]:9117"] {
            assert_eq!(read(whole).unwrap(), whole);
        }
        for wrong in ["9117", ":", ":x", "::1:9117x", "", "localhost:9117"] {
            let why = read(wrong).unwrap_err();
            assert!(why.contains(":9117"), "{wrong}: {why}");
        }
    }
}
