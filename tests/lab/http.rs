//! HTTP as any client speaks it, one request a connection.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status code.
    pub code: u16,
    /// The lines of the head.
    pub head: String,
    /// The rest.
    pub body: String,
}

impl HttpAnswer {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks the server at `address` for `path`, with these headers, each a line.
///
/// # Panics
/// If it does not answer.
pub fn http_get(address: &str, path: &str, headers: &[&str]) -> HttpAnswer {
    let answer = http_ask(address, "GET", path, headers, "");
    answer.unwrap_or_else(|error| panic!("http://{address}{path}: {error}"))
}

/// Sends a request with a body, and returns the answer.
///
/// # Errors
/// Nobody answers.
pub fn http_ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    // A server may leave the connection open all the same.
    while !is_whole(&answer) {
        match stream.read(&mut part)? {
            0 => break,
            count => answer.extend_from_slice(&part[..count]),
        }
    }
    parse(&answer).ok_or_else(|| io::Error::other("no HTTP"))
}

fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..at]).ok()?;
    Some((head, &answer[at + 4..]))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim())
}

fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else {
        return false;
    };
    match header(head, "content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => body.len() >= length,
        _ => header(head, "transfer-encoding").is_some() && body.ends_with(b"0\r\n\r\n"),
    }
}

fn parse(answer: &[u8]) -> Option<HttpAnswer> {
    let (head, body) = split(answer)?;
    let body = match header(head, "transfer-encoding") {
        Some(_) => chunks(body),
        None => body.to_vec(),
    };
    Some(HttpAnswer {
        code: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// A body that came in chunks.
fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        let (from, to) = (end + 2, end + 2 + length);
        if length == 0 || rest.len() < to {
            break;
        }
        body.extend_from_slice(&rest[from..to]);
        rest = rest.get(to + 2..).unwrap_or_default();
    }
    body
}
