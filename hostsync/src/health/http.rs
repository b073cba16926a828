//! One request over HTTP, of which only the status counts.
//!
//! Read by hand, since a check is no client: what was read of an answer counts however the connection
//! ends, and headers and the page, which a client would have to understand, do not matter.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the head of an answer may be. Servers and proxies stop at less.
const HEAD: usize = 256 * 1024;
/// How much of a line is kept, which is more than a status line needs.
const LINE: usize = 120;
/// How much is read of what follows a head, and for how long.
const REST: (u64, Duration) = (64 * 1024, Duration::from_millis(100));

/// The first line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Status {
    code: u16,
    /// The code and what the server says of it.
    text: String,
}

/// Why there is no status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the connection was closed without an answer")]
    Nothing,
    #[error("the connection was closed amid the head of the answer")]
    Torn,
    #[error("the answer is not HTTP: it begins with \"{}\"", .0.escape_ascii())]
    Foreign(Vec<u8>),
    #[error("the head of the answer is longer than {HEAD} bytes")]
    TooLong,
}

/// Takes an answer in, as it comes, up to the end of its head.
#[derive(Debug, Default)]
struct Head {
    length: usize,
    /// The beginning of the line that is being read.
    line: Vec<u8>,
    status: Option<Status>,
}

/// Asks for a path, and takes any status below 400 for healthy.
pub(super) async fn get(mut stream: TcpStream, host: SocketAddr, path: &str) -> Result<(), String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: hostsync\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    // A server that does not read all of it may have answered nevertheless.
    let sent = stream.write_all(request.as_bytes()).await;
    let (mut head, mut bytes) = (Head::default(), [0; 4096]);
    let status = loop {
        let read = stream.read(&mut bytes).await;
        let taken = match read {
            Ok(count @ 1..) => head.take(&bytes[..count]).transpose(),
            Ok(0) | Err(_) => Some(head.end()),
        };
        match (taken, sent.as_ref().err().or(read.as_ref().err())) {
            (None, _) => {}
            (Some(Ok(status)), _) => break status,
            (Some(Err(fault @ (Fault::Nothing | Fault::Torn))), Some(error)) => {
                return Err(format!("{fault}: {error}"));
            }
            (Some(Err(fault)), _) => return Err(fault.to_string()),
        }
    };
    tokio::spawn(hear_out(stream));
    match status.code {
        ..400 => Ok(()),
        _ => Err(format!("{path} answers {}", status.text)),
    }
}

/// Reads a little on: many a server logs a fault when its client goes before the page is written.
async fn hear_out(stream: TcpStream) {
    let (length, patience) = REST;
    let (mut rest, mut nowhere) = (stream.take(length), tokio::io::sink());
    let all = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = tokio::time::timeout(patience, all).await;
}

impl Head {
    /// Takes in what came; the status, once the head is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<Status>, Fault> {
        for &byte in bytes {
            self.length += 1;
            if self.length > HEAD {
                return Err(Fault::TooLong);
            }
            if byte == b'\n' {
                let is_whole = self.end_of_line()?;
                self.line.clear();
                if is_whole {
                    return Ok(self.status.take());
                }
            } else if self.line.len() < LINE {
                self.line.push(byte);
            }
        }
        // What is no HTTP may well have no lines, and wait for us.
        let begins = self.line.iter().zip(b"HTTP/").all(|(is, be)| is == be);
        if self.status.is_some() || begins {
            Ok(None)
        } else {
            Err(Fault::Foreign(self.line.clone()))
        }
    }

    /// Whether that was the last line of the head.
    fn end_of_line(&mut self) -> Result<bool, Fault> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        match &self.status {
            None => {
                let status = Status::parse(line);
                self.status = Some(status.ok_or_else(|| Fault::Foreign(line.to_vec()))?);
                Ok(false)
            }
            // The answer itself is still to come.
            Some(status) if line.is_empty() && status.is_interim() => {
                self.status = None;
                Ok(false)
            }
            Some(_) => Ok(line.is_empty()),
        }
    }

    /// The status, when nothing more comes: a status line says enough.
    fn end(&mut self) -> Result<Status, Fault> {
        match self.status.take() {
            Some(status) if !status.is_interim() => Ok(status),
            None if self.length == 0 => Err(Fault::Nothing),
            _ => Err(Fault::Torn),
        }
    }
}

impl Status {
    /// Reads a status line, such as `HTTP/1.1 200 OK`.
    fn parse(line: &[u8]) -> Option<Self> {
        let (_version, text) = line
            .strip_prefix(b"HTTP/")
            .and_then(|line| line.split_at_checked(line.iter().position(|&byte| byte == b' ')?))?;
        let text = String::from_utf8_lossy(text.trim_ascii()).replace(char::is_control, " ");
        let code = text.split(' ').next()?;
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let code = code.parse().ok().filter(|code| is_code && *code >= 100)?;
        Some(Self { code, text })
    }

    /// Whether another one follows, as after 103 Early Hints. After 101 it would be no HTTP.
    fn is_interim(&self) -> bool {
        self.code < 200 && self.code != 101
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
