//! What becomes of a request.

use std::sync::Arc;

use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use plain::{plain, plain_lines};

use super::Observed;
use super::accept::wants_open_metrics;
use super::events::{Events, Latest};
use super::page::Page;
use crate::Health;

const INDEX: &str = "\
/         a page for people, which follows what happens
/status   what this daemon does, as JSON
/events   the same as often as it changes, as server-sent events
/metrics  the same in numbers, for Prometheus
/healthz  200 when healthy, perhaps with remarks; else 503 with the reasons
/livez    200 as long as it answers
/readyz   200 once it is of use to others; else 503 with the reasons
";

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";
/// The text format before OpenMetrics.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is sent: at once, or again and again.
pub(super) type Body = Either<Full<Bytes>, Events>;

/// What a program answers to what only it knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What was asked for.
    Found(serde_json::Value),
    /// It is not there, or was asked for in a wrong way; why.
    Not(String),
    /// It cannot be told now; why.
    Later(String),
}

/// Answers for one daemon.
pub(super) struct Answering<O> {
    observed: Arc<O>,
    latest: Arc<Latest<O>>,
    page: Page,
}

impl<O: Observed> Answering<O> {
    pub(super) fn new(observed: O) -> Self {
        let (page, observed) = (observed.page(), Arc::new(observed));
        Self {
            latest: Arc::new(Latest::new(Arc::clone(&observed))),
            observed,
            page,
        }
    }

    /// Answers. `begin` is called when the answer has no end.
    pub(super) async fn answer<B>(
        &self,
        request: &Request<B>,
        begin: impl FnOnce(),
    ) -> Response<Body> {
        let method = request.method();
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
            set(&mut response, ALLOW, "GET, HEAD");
            return response;
        }
        let mut response = self.found(request, begin).await;
        set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(&mut response, REFERRER_POLICY, "no-referrer");
        set(&mut response, CACHE_CONTROL, "no-store");
        response
    }

    async fn found<B>(&self, request: &Request<B>, begin: impl FnOnce()) -> Response<Body> {
        let observed = &*self.observed;
        match request.uri().path() {
            "/" => {
                let mut response =
                    typed(StatusCode::OK, "text/html; charset=utf-8", self.page.html());
                set(&mut response, CONTENT_SECURITY_POLICY, self.page.policy());
                response
            }
            "/events" if request.method() == Method::GET => {
                begin();
                let events = Events::new(Arc::clone(&self.latest));
                let mut response = Response::new(Either::Right(events));
                set(&mut response, CONTENT_TYPE, "text/event-stream");
                response
            }
            "/status" => typed(StatusCode::OK, JSON, format!("{}\n", observed.status())),
            "/metrics" => {
                let accept = request.headers().get(ACCEPT);
                let accept = accept.and_then(|accept| accept.to_str().ok());
                let metrics = observed.metrics().process();
                if wants_open_metrics(accept.unwrap_or_default()) {
                    typed(StatusCode::OK, OPEN_METRICS, metrics.open_metrics())
                } else {
                    typed(StatusCode::OK, TEXT_FORMAT, metrics.text())
                }
            }
            "/healthz" => said(&observed.health()),
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" => ready(&observed.readiness()),
            path => {
                let query = request.uri().query().unwrap_or_default();
                let query: Vec<_> = form_urlencoded::parse(query.as_bytes())
                    .into_owned()
                    .collect();
                match observed.ask(path, &query).await {
                    Some(answer) => asked(answer),
                    None => text(StatusCode::NOT_FOUND, INDEX),
                }
            }
        }
    }
}

fn asked(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Found(value) => typed(StatusCode::OK, JSON, format!("{value}\n")),
        Answer::Not(why) => text(StatusCode::NOT_FOUND, plain(&why) + "\n"),
        Answer::Later(why) => text(StatusCode::SERVICE_UNAVAILABLE, plain(&why) + "\n"),
    }
}

/// The word, and below it all that there is to say, one a line.
fn said(health: &Health) -> Response<Body> {
    let lines = [health.word()].into_iter().chain(health.findings());
    let body: String = lines.map(|line| plain(line) + "\n").collect();
    text(code(health), body)
}

fn ready(readiness: &Health) -> Response<Body> {
    let word = if readiness.is_healthy() {
        "ready"
    } else {
        "not ready"
    };
    let lines = [word].into_iter().chain(readiness.findings());
    let body: String = lines.map(|line| plain(line) + "\n").collect();
    text(code(readiness), body)
}

fn code(health: &Health) -> StatusCode {
    if health.is_healthy() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn text(status: StatusCode, body: impl Into<String>) -> Response<Body> {
    typed(status, PLAIN, body)
}

fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<String>,
) -> Response<Body> {
    // Whoever asks with curl sees it in a terminal.
    let body = body.into();
    let body = plain_lines(&body).into_owned();
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("a header");
    response.headers_mut().insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;
    use http_body_util::BodyExt;

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

        fn readiness(&self) -> Health {
            Health::default()
        }

        fn metrics(&self) -> Metrics {
            Metrics::new("x").counter("y", "z", 1)
        }

        fn page(&self) -> Page {
            Page::new("x", "show()")
        }

        async fn ask(&self, path: &str, query: &[(String, String)]) -> Option<Answer> {
            match path {
                "/names" => Some(Answer::Found(serde_json::json!(query))),
                "/explain" => Some(Answer::Not("no\u{1b} znode".into())),
                "/busy" => Some(Answer::Later("busy".into())),
                _ => None,
            }
        }
    }

    fn request(method: Method, path: &str, accept: &str) -> (u16, hyper::HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, accept)
            .body(())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let response = Answering::new(Sick).answer(&request, || ()).await;
            let (head, mut body) = response.into_parts();
            let mut text = Vec::new();
            // Of what has no end, the beginning.
            while let Some(frame) = body.frame().await {
                text.extend(frame.unwrap().into_data().unwrap());
                if matches!(body, Either::Right(_)) {
                    break;
                }
            }
            (
                head.status.as_u16(),
                head.headers,
                String::from_utf8(text).unwrap(),
            )
        })
    }

    fn ask(method: Method, path: &str) -> (u16, String) {
        let (code, _, body) = request(method, path, "*/*");
        (code, body)
    }

    #[test]
    fn each_path_has_its_answer() {
        let get = |path| ask(Method::GET, path);
        let status = "{\"ok\":\"\\n\\u202e\"}";
        assert_eq!(get("/status"), (200, format!("{status}\n")));
        let events = format!("retry: 2000\n\ndata: {status}\n\n");
        assert_eq!(get("/events"), (200, events));
        let health = "not healthy\nno ZooKeeper\nno\\nnames\\u009b\nit rains\n";
        assert_eq!(get("/healthz"), (503, health.into()));
        let remarked = Health {
            remarks: vec!["it rains".into()],
            ..Health::default()
        };
        assert_eq!(said(&remarked).status(), StatusCode::OK);
        assert_eq!(get("/livez"), (200, "alive\n".into()));
        assert_eq!(get("/readyz"), (200, "ready\n".into()));
        assert_eq!(ready(&Sick.health()).status(), 503);
        assert_eq!(get("/etc/passwd").0, 404);
        assert_eq!(ask(Method::POST, "/status").0, 405);
        let asked = "[[\"q\",\"a b\"],[\"after\",\"c&d\"]]\n";
        assert_eq!(get("/names?q=a+b&after=c%26d"), (200, asked.into()));
        assert_eq!(get("/explain"), (404, "no\\u001b znode\n".into()));
        assert_eq!(get("/busy"), (503, "busy\n".into()));
    }

    #[test]
    fn metrics_are_text_unless_open_metrics_is_asked_for() {
        let metrics = |accept| request(Method::GET, "/metrics?x", accept);
        for (accept, content_type, line) in [
            ("*/*", TEXT_FORMAT, "# TYPE x_y_total counter"),
            (
                "application/openmetrics-text",
                OPEN_METRICS,
                "# TYPE x_y counter",
            ),
        ] {
            let (code, headers, body) = metrics(accept);
            assert_eq!(
                (code, &headers[CONTENT_TYPE]),
                (200, &content_type.parse().unwrap())
            );
            for line in [line, "x_y_total 1", "# TYPE process_open_fds gauge"] {
                assert!(body.contains(&format!("{line}\n")), "{body}");
            }
        }
    }

    #[test]
    fn the_page_may_do_nothing_but_ask_this_daemon() {
        let (code, headers, body) = request(Method::GET, "/", "text/html");
        assert!(code == 200 && body.contains("show()"), "{body}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
