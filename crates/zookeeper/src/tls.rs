//! TLS to the servers: the files of certificates, read again when they are replaced.

mod expiry;
mod handshake;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use log::{info, warn};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::watch;
use zookeeper_client as zk;

pub(crate) use handshake::{Refusal, shake_hands, speaks_tls};

use crate::{Servers, State};

/// A file of certificates is a few KiB long, a system's bundle some hundred.
const LARGEST: u64 = 4 << 20;
/// How long before its end a certificate is told of.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often is looked whether a file was replaced; before each new session as well.
const LOOK: Duration = Duration::from_secs(5);

/// Which files say whom to believe, and who we are. All of them are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authorities that the servers' certificates come from.
    pub ca: PathBuf,
    /// Our own certificate, those of whoever stands between it and the authority behind it, and its
    /// private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How to speak TLS with the servers. Cheap to clone; all clones share what was read.
#[derive(Debug, Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    /// Those that the client takes at its next connection.
    certs: zk::TlsDynamicCerts,
    read: Mutex<Read>,
}

/// What was read last.
#[derive(Debug)]
struct Read {
    marks: Vec<Option<Mark>>,
    ends: Ends,
    config: Arc<ClientConfig>,
}

/// What changes when a file is replaced or written.
type Mark = (u64, u64, u64, i64, i64);

/// Until when the certificates are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The last of the authorities' to end: from then on no server is believed.
    pub ca: Option<SystemTime>,
    /// Our own.
    pub own: Option<SystemTime>,
}

impl Ends {
    /// Each end that is known, and whose it is: `own` or `ca`.
    pub fn by_name(&self) -> Vec<(&'static str, SystemTime)> {
        let named = [("own", self.own), ("ca", self.ca)].into_iter();
        named.filter_map(|(name, end)| Some((name, end?))).collect()
    }

    /// What somebody should know at this time: which certificate has ended, or soon will.
    pub fn remarks(&self, now: SystemTime) -> Vec<String> {
        let remark = |what: &str, end: Option<SystemTime>| {
            let end = end.filter(|end| *end < now + SOON)?;
            let ends = if end < now { "has ended" } else { "ends" };
            let end = humantime::format_rfc3339_seconds(end);
            Some(format!("{what} {ends} at {end}; renew it"))
        };
        let own = remark("our certificate for ZooKeeper", self.own);
        let ca = remark("the certificate of ZooKeeper's authority", self.ca);
        own.into_iter().chain(ca).collect()
    }
}

/// Why the certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, #[source] io::Error),
    /// A file holds something else.
    #[error("{0} {1}")]
    Content(PathBuf, String),
    /// A server is called what no certificate can be for.
    #[error("no certificate can be for a server called {0:?}; see --zookeeper")]
    Name(String),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should; one of the servers is called what no
    /// certificate can be for.
    pub fn new(files: TlsFiles, servers: &Servers) -> Result<Self, TlsError> {
        for (host, _) in servers.endpoints() {
            if ServerName::try_from(host.as_str()).is_err() {
                return Err(TlsError::Name(host));
            }
        }
        let (read, certs) = load(&files)?;
        Ok(Self {
            shared: Arc::new(Shared {
                files,
                certs: zk::TlsDynamicCerts::new(certs),
                read: Mutex::new(read),
            }),
        })
    }

    /// Until when the certificates that were read last are valid.
    pub fn ends(&self) -> Ends {
        self.read().ends
    }

    /// True when we show the servers a certificate.
    pub fn has_identity(&self) -> bool {
        self.shared.files.identity.is_some()
    }

    /// Reads the files again if one of them was replaced or written since. What cannot be used is
    /// said once, and what was read before stays.
    pub(crate) fn refresh(&self) {
        let marks = marks(&self.shared.files);
        let mut read = self.read();
        if marks == read.marks {
            return;
        }
        match load(&self.shared.files) {
            Ok((new, certs)) => {
                info!("read the certificates again; the next connection to ZooKeeper uses them");
                self.shared.certs.update(certs);
                *read = new;
            }
            Err(error) => {
                warn!("the certificates stay as they were read before: {error}");
                read.marks = marks;
            }
        }
    }

    /// Looks at the files now and then, as long as the session lives whose states these are.
    pub(crate) async fn follow(self, states: watch::Receiver<State>) {
        while states.has_changed().is_ok() {
            tokio::time::sleep(LOOK).await;
            self.refresh();
        }
    }

    pub(crate) fn options(&self) -> zk::TlsOptions {
        zk::TlsOptions::new().with_certs(self.shared.certs.clone())
    }

    pub(crate) fn files(&self) -> &TlsFiles {
        &self.shared.files
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.read().config)
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        let read = self.shared.read.lock();
        read.unwrap_or_else(PoisonError::into_inner)
    }
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let identity = self.identity.iter().flat_map(|(cert, key)| [cert, key]);
        std::iter::once(&self.ca)
            .chain(identity)
            .map(PathBuf::as_path)
    }
}

/// Where a secret is a link to a link, as in Kubernetes, all of them are followed.
fn marks(files: &TlsFiles) -> Vec<Option<Mark>> {
    let mark = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        let (seconds, nanoseconds) = (file.mtime(), file.mtime_nsec());
        Some((file.dev(), file.ino(), file.len(), seconds, nanoseconds))
    };
    files.paths().map(mark).collect()
}

fn load(files: &TlsFiles) -> Result<(Read, zk::TlsCerts), TlsError> {
    // Before the content: what is written meanwhile is read again.
    let marks = marks(files);
    let wrong = |path: &Path, why: &str| TlsError::Content(path.to_owned(), why.to_owned());
    let ca = text(&files.ca)?;
    let authorities = certificates(&files.ca, &ca)?;
    let mut roots = RootCertStore::empty();
    if roots
        .add_parsable_certificates(authorities.iter().cloned())
        .0
        == 0
    {
        return Err(wrong(&files.ca, "holds no certificate of an authority"));
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut certs = zk::TlsCerts::builder();
    certs = certs
        .with_ca(zk::TlsCa::from_pem(&ca).map_err(|error| wrong(&files.ca, &error.to_string()))?);
    let mut ends = Ends {
        ca: authorities
            .iter()
            .filter_map(|der| expiry::not_after(der))
            .max(),
        own: None,
    };
    let own = match &files.identity {
        None => None,
        Some((cert_path, key_path)) => {
            let (cert, key) = (text(cert_path)?, text(key_path)?);
            let chain = certificates(cert_path, &cert)?;
            ends.own = chain.first().and_then(|der| expiry::not_after(der));
            let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
                wrong(
                    key_path,
                    "holds no private key in PEM that can be used without a password",
                )
            })?;
            let own =
                CertifiedKey::from_der(chain, der, builder.crypto_provider()).map_err(|error| {
                    match error {
                        rustls::Error::InconsistentKeys(_) => {
                            let why = format!(
                                "is not the key of the certificate in {}",
                                cert_path.display()
                            );
                            TlsError::Content(key_path.clone(), why)
                        }
                        error => {
                            TlsError::Content(key_path.clone(), format!("cannot be used: {error}"))
                        }
                    }
                })?;
            let identity = zk::TlsIdentity::from_pem(&cert, &key);
            certs = certs
                .with_identity(identity.map_err(|error| wrong(cert_path, &error.to_string()))?);
            Some(Arc::new(own))
        }
    };
    let config = builder.with_client_cert_resolver(Arc::new(handshake::Own(own)));
    let certs = certs
        .build()
        .map_err(|error| wrong(&files.ca, &error.to_string()))?;
    let read = Read {
        marks,
        ends,
        config: Arc::new(config),
    };
    Ok((read, certs))
}

fn text(path: &Path) -> Result<String, TlsError> {
    let failed = |error| TlsError::Read(path.to_owned(), error);
    let wrong = |why: &str| TlsError::Content(path.to_owned(), why.to_owned());
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(wrong("is no regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(wrong("is too large for a file of certificates"));
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| wrong("is no PEM text"))
}

fn certificates(path: &Path, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(TlsError::Content(
            path.to_owned(),
            "holds no certificate in PEM".to_owned(),
        )),
        Err(error) => Err(TlsError::Content(
            path.to_owned(),
            format!("is no PEM text: {error}"),
        )),
    }
}
