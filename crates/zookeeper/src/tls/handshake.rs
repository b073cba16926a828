//! One handshake for a diagnosis: the client only says that no server is there for it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use contract::plain;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, SignatureScheme};

use crate::Tls;

/// How long one read or write may take.
const LIMIT: Duration = Duration::from_secs(2);
/// TLS 1.3 says only after the handshake that a certificate is not liked.
const AFTERTHOUGHT: Duration = Duration::from_millis(300);
/// How long a ZooKeeper takes to answer a word without TLS.
const WORD: Duration = Duration::from_millis(300);

/// Shows our certificate, if there is one.
#[derive(Debug)]
pub(super) struct Own(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// Notes that a server asks for a certificate.
#[derive(Debug)]
struct Asked {
    own: Arc<dyn ResolvesClientCert>,
    is_asked: AtomicBool,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_asked.store(true, Ordering::Relaxed);
        self.own.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.own.has_certs()
    }
}

/// Why there is no TLS with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// One of both does not like the other's certificate, or its kind of TLS.
    Tls(String),
    /// It does not speak TLS at all, it seems.
    Silent,
}

/// Makes one connection with TLS to the server at `host`. Blocks, for a few seconds at most.
pub(crate) fn shake_hands(tls: &Tls, host: &str, mut stream: TcpStream) -> Result<(), Refusal> {
    let mut config = ClientConfig::clone(&tls.config());
    let asked = Arc::new(Asked {
        own: Arc::clone(&config.client_auth_cert_resolver),
        is_asked: AtomicBool::new(false),
    });
    config.client_auth_cert_resolver = Arc::clone(&asked) as _;
    let shaken = shake(config, host, &mut stream);
    let asked = asked.is_asked.load(Ordering::Relaxed);
    shaken.map_err(|error| {
        let error = error.get_ref().and_then(|error| error.downcast_ref());
        match (error, asked) {
            (Some(rustls::Error::InvalidMessage(_)), _) => Refusal::Silent,
            (Some(error), _) => Refusal::Tls(explain(error, asked, tls)),
            // What an old server does instead of saying so.
            (None, true) => Refusal::Tls(demand(tls, "it closes the connection")),
            (None, false) => Refusal::Silent,
        }
    })
}

fn shake(config: ClientConfig, host: &str, stream: &mut TcpStream) -> io::Result<()> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // Whoever sends one byte at a time is not waited for.
    let started = Instant::now();
    while connection.is_handshaking() && started.elapsed() < LIMIT {
        connection.complete_io(stream)?;
    }
    stream.set_read_timeout(Some(AFTERTHOUGHT))?;
    let shaken = Instant::now();
    while shaken.elapsed() < AFTERTHOUGHT {
        match connection.complete_io(stream) {
            Ok((0, 0)) => break,
            Ok(_) => {}
            Err(error)
                if error
                    .get_ref()
                    .is_some_and(|error| error.is::<rustls::Error>()) =>
            {
                return Err(error);
            }
            Err(_) => break,
        }
    }
    Ok(())
}

fn explain(error: &rustls::Error, asked: bool, tls: &Tls) -> String {
    let ca = tls.files().ca.display();
    let shown = |time: &UnixTime| {
        let time = UNIX_EPOCH + Duration::from_secs(time.as_secs());
        humantime::format_rfc3339_seconds(time)
    };
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => {
                format!("its certificate comes from no authority in {ca}; see --tls-ca")
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                format!(
                    "its certificate has ended at {}; renew it",
                    shown(not_after)
                )
            }
            CertificateError::NotValidYetContext { not_before, .. } => format!(
                "its certificate begins only at {}; is this machine's clock right?",
                shown(not_before)
            ),
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => {
                let presented = match &presented[..] {
                    [] => "no name or address at all (subjectAltName)".to_owned(),
                    names => plain(&names.join(", ")).to_string(),
                };
                let expected = expected.to_str();
                format!("its certificate is for {presented}, not for {expected}; see --zookeeper")
            }
            CertificateError::Revoked => "its certificate was revoked".to_owned(),
            problem => format!("its certificate cannot be used: {problem}"),
        },
        rustls::Error::AlertReceived(alert) if asked => demand(tls, &format!("it says {alert:?}")),
        error => error.to_string(),
    }
}

/// What a server wants that asked for a certificate and then refused.
fn demand(tls: &Tls, answer: &str) -> String {
    match &tls.files().identity {
        None => "it demands a client certificate; see --tls-cert and --tls-key".to_owned(),
        Some((cert, _)) => format!(
            "it refuses our certificate in {} ({answer}): has it ended, or does it come from an authority that the server does not know?",
            cert.display()
        ),
    }
}

/// Whether a server that was reached without TLS would have it otherwise. Blocks, for a few seconds at
/// most. `connect` makes one more connection to it.
pub(crate) fn speaks_tls(host: &str, connect: impl Fn() -> io::Result<TcpStream>) -> bool {
    let word = || -> io::Result<usize> {
        let mut stream = connect()?;
        stream.set_read_timeout(Some(WORD))?;
        stream.write_all(b"srvr")?;
        stream.read(&mut [0; 16])
    };
    // A server without TLS answers this. It need not be bothered with what it cannot read.
    if word().is_ok_and(|length| length > 0) {
        return false;
    }
    let hello = || -> io::Result<bool> {
        let config = ClientConfig::builder()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = connect()?;
        stream.set_read_timeout(Some(LIMIT))?;
        connection.write_tls(&mut stream)?;
        let mut start = [0; 2];
        stream.read_exact(&mut start)?;
        // A handshake or an alert, of version 3.
        Ok(matches!(start, [0x15 | 0x16, 3]))
    };
    hello().unwrap_or(false)
}
