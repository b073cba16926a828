//! `--http`: status, metrics and health, for people and for monitoring.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use plain::{plain, plain_lines};
use tokio::task::JoinHandle;

use crate::{Health, Metrics, Tasks};

/// How many connections are served at once. For one more, one of the client that has most is ended.
const CONNECTIONS: usize = 32;
/// How long a connection may take for its one request and the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// After an error of the system, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

const INDEX: &str = "\
/status   what this daemon does, as JSON
/metrics  the same in numbers, for Prometheus
/healthz  200 when healthy, perhaps with remarks; else 503 with the reasons
";

/// The flag of a daemon that tells about itself over HTTP, for `#[command(flatten)]`.
#[derive(Debug, Clone, clap::Args)]
pub struct HttpArgs {
    /// Tell about this daemon over HTTP here: /status as JSON, /metrics for Prometheus, /healthz;
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
    /// The same in numbers.
    fn metrics(&self) -> Metrics;
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
        let observed = Arc::new(observed);
        let make = move || answer_all(Arc::clone(&listener), Arc::clone(&observed));
        tokio::spawn(tasks.clone().keep("status over HTTP", make));
        Ok(())
    }
}

/// Answers for ever.
async fn answer_all(listener: Arc<tokio::net::TcpListener>, observed: Arc<impl Observed>) {
    let mut live = Vec::new();
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
        let observed = Arc::clone(&observed);
        let task = tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let response = answer(&request, &*observed);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // Whoever breaks off or dawdles gets no answer, which is nobody else's loss.
            let _ = tokio::time::timeout(PATIENCE, connection).await;
        });
        let client = peer.ip().to_canonical();
        live.push(Live { client, task });
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

fn answer<B>(request: &Request<B>, observed: &impl Observed) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        let allowed = "GET, HEAD".parse().expect("a header");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match request.uri().path() {
        "/" => text(StatusCode::OK, INDEX),
        "/status" => {
            let body = format!("{}\n", observed.status());
            typed(StatusCode::OK, "application/json", body)
        }
        "/metrics" => typed(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            observed.metrics().text(),
        ),
        "/healthz" => healthz(&observed.health()),
        _ => text(StatusCode::NOT_FOUND, INDEX),
    }
}

/// The word, and below it all that there is to say, one a line.
fn healthz(health: &Health) -> Response<Full<Bytes>> {
    let status = if health.is_healthy() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let lines = [health.word()].into_iter().chain(health.findings());
    let body: String = lines.map(|line| plain(line) + "\n").collect();
    text(status, body)
}

fn text(status: StatusCode, body: impl Into<String>) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<String>,
) -> Response<Full<Bytes>> {
    // Whoever asks with curl sees it in a terminal.
    let body = body.into();
    let body = plain_lines(&body).into_owned();
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = content_type.parse().expect("a header");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
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

    struct Sick;

    impl Observed for Sick {
        fn status(&self) -> serde_json::Value {
            serde_json::json!({"ok": "\n\u{202e}"})
        }

        fn health(&self) -> Health {
            Health {
                reasons: vec!["no ZooKeeper".into(), "no\nnames\u{9b}".into()],
                remarks: vec!["it rains".into()],
            }
        }

        fn metrics(&self) -> Metrics {
            Metrics::new("x").gauge("y", "z", 1.0)
        }
    }

    fn ask(method: Method, path: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        let response = answer(&request, &Sick);
        let status = response.status().as_u16();
        let body = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(http_body_util::BodyExt::collect(response.into_body()))
            .unwrap()
            .to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn each_path_has_its_page() {
        assert_eq!(
            ask(Method::GET, "/status"),
            (200, "{\"ok\":\"\\n\\u202e\"}\n".into())
        );
        assert_eq!(
            ask(Method::GET, "/healthz"),
            (
                503,
                "not healthy\nno ZooKeeper\nno\\nnames\\u009b\nit rains\n".into()
            )
        );
        let remarked = Health {
            remarks: vec!["it rains".into()],
            ..Health::default()
        };
        assert_eq!(healthz(&remarked).status(), StatusCode::OK);
        let (code, metrics) = ask(Method::GET, "/metrics?x");
        assert!(code == 200 && metrics.contains("\nx_y 1.0\n"), "{metrics}");
        assert_eq!(ask(Method::GET, "/").0, 200);
        assert_eq!(ask(Method::GET, "/etc/passwd").0, 404);
        assert_eq!(ask(Method::POST, "/status").0, 405);
    }
}
