//! Certificates of an authority of a test's own, made by `openssl`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::files::Scratch;

/// An authority that issues certificates.
#[derive(Debug)]
pub struct Authority {
    directory: Scratch,
}

/// A certificate and its private key, in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate alone.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Both in one file, as ZooKeeper has it.
    pub both: PathBuf,
}

impl Authority {
    /// A new one, which nobody knows.
    pub fn new(name: &str) -> Self {
        let directory = Scratch::new("authority");
        let config = "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nrand_serial=yes\n\
                      default_md=sha256\npolicy=p\ncopy_extensions=copy\nunique_subject=no\n\
                      [p]\ncommonName=supplied\n[req]\ndistinguished_name=n\nprompt=no\n\
                      [n]\nCN=nobody\n[v3_ca]\nbasicConstraints=critical,CA:TRUE\n";
        directory.write("config", config);
        directory.write("index", "");
        let authority = Self { directory };
        let subject = format!("/CN={name}");
        authority.openssl(&[
            "req",
            "-x509",
            "-config",
            "config",
            "-extensions",
            "v3_ca",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "300",
            "-subj",
            &subject,
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        authority
    }

    /// Its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Issues a certificate for these names and addresses, such as `DNS:localhost,IP:127.0.0.1`.
    pub fn issue(&self, name: &str, alternatives: &str) -> Certificate {
        self.issue_until(name, alternatives, "21000101000000Z")
    }

    /// Issues one that is valid from 2020 until a time such as `20210101000000Z`.
    pub fn issue_until(&self, name: &str, alternatives: &str, end: &str) -> Certificate {
        let file = |kind: &str| format!("{name}.{kind}");
        let (key, request, cert) = (file("key"), file("csr"), file("pem"));
        let subject = format!("/CN={name}");
        let extension = format!("subjectAltName={alternatives}");
        self.openssl(&[
            "req",
            "-config",
            "config",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            &subject,
            "-addext",
            &extension,
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        self.openssl(&[
            "ca",
            "-batch",
            "-config",
            "config",
            "-keyfile",
            "ca.key",
            "-cert",
            "ca.pem",
            "-notext",
            "-in",
            &request,
            "-out",
            &cert,
            "-startdate",
            "20200101000000Z",
            "-enddate",
            end,
        ]);
        let both = self.directory.read(&key) + &self.directory.read(&cert);
        Certificate {
            cert: self.directory.join(&cert),
            key: self.directory.join(&key),
            both: self.directory.write(&file("both.pem"), both),
        }
    }

    fn openssl(&self, words: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(words).current_dir(self.directory.path());
        let output = command.stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("openssl: {error}; see scripts/setup"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
    }
}
