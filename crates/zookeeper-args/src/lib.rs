//! How to reach ZooKeeper, and as whom: the flags that both programs share.
//!
//! A crate of its own, so that the one that talks to ZooKeeper knows no flag, and the one that knows how
//! daemons are started knows nothing of ZooKeeper.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use daemon::{Secret, line_of_descriptor, line_of_file, readable_by_others};
use tokio::time::timeout;
use zookeeper::{Acl, Auth, Connection, Options, Servers, Session, State, Tls, TlsError, TlsFiles};

const SHORTEST_SESSION: Duration = Duration::from_secs(1);
/// Where Debian and those like it keep the authorities that they trust.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A wait that takes longer is told of.
const NOTICE: Duration = Duration::from_secs(1);
const LONGEST_SESSION: Duration = Duration::from_secs(300);

/// The flags that say how to reach ZooKeeper, for `#[command(flatten)]`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "ZooKeeper")]
pub struct ZooKeeperArgs {
    /// The servers, and a chroot if any
    #[arg(
        short,
        long,
        value_name = "HOST:PORT[,HOST:PORT…][/CHROOT]",
        default_value = "127.0.0.1:2181"
    )]
    pub zookeeper: Servers,

    /// Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on
    /// the machine sees a command line
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "auth_file")]
    pub auth: Option<Secret>,

    /// Authenticate with USER:PASSWORD from the first line of this file, or of a pipe that a shell opens, <(COMMAND)
    #[arg(long, value_name = "FILE")]
    pub auth_file: Option<PathBuf>,

    /// Authenticate with USER:PASSWORD from the first line of this open file descriptor, as in
    /// 'hostsync run --auth-fd 3 3</run/secrets/auth'; it is read once and closed, so that nothing that is started has it
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(i32).range(0..),
        conflicts_with_all = ["auth", "auth_file"]
    )]
    pub auth_fd: Option<i32>,

    /// Be this user by SASL (DIGEST-MD5), as servers with a JAAS file know it
    #[arg(long, value_name = "USER", requires = "sasl_password")]
    pub sasl_user: Option<String>,

    /// The first line of this file is that user's password
    #[arg(
        long,
        value_name = "FILE",
        requires = "sasl_user",
        group = "sasl_password"
    )]
    pub sasl_password_file: Option<PathBuf>,

    /// The first line of this open file descriptor is that user's password; it is read once and closed
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(i32).range(0..),
        requires = "sasl_user",
        group = "sasl_password"
    )]
    pub sasl_password_fd: Option<i32>,

    /// Give the znodes that are created this ACL, one entry each time, such as ip:10.0.0.0/8:cdrwa and
    /// world:anyone:r
    ///
    /// Without it, whoever says who it is (by --auth, --sasl-user or --tls-cert) creates what only it may
    /// change and everybody may read, and everybody else what everybody may change.
    #[arg(long, value_name = "SCHEME:ID:PERMISSIONS")]
    pub acl: Vec<Acl>,

    /// Agents are who the first line of this file says, USER:PASSWORD: hostsync shows it beside who it is otherwise, and
    /// nameserver lets nobody else write where agents tell what they have applied, and to what they are bound
    ///
    /// Give it to all agents first, and then to the nameservers. Without it, everybody may write there.
    #[arg(long, value_name = "FILE")]
    pub agent_auth: Option<PathBuf>,

    /// Speak TLS to all of the servers, on the port that they have for it (secureClientPort). A server is
    /// believed when its certificate is for the name or address by which --zookeeper names it
    #[arg(long)]
    pub tls: bool,

    /// The authorities that servers' certificates come from, in PEM; by default those of the system.
    /// This file and the two below are read again when they are replaced
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub tls_ca: Option<PathBuf>,

    /// Show the servers the certificate in this file, in PEM, with those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of that certificate, in PEM, without a password
    #[arg(long, value_name = "FILE", requires = "tls", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// How long ZooKeeper keeps the session of a client that it does not hear from; also the
    /// deadline of each request
    #[arg(long, value_name = "DURATION", default_value = "6s", value_parser = session_timeout)]
    pub session_timeout: Duration,
}

impl ZooKeeperArgs {
    /// The session's options; reads the file of `--auth-file`, and those of certificates.
    ///
    /// # Errors
    /// A file cannot be read, the identity is not written `USER:PASSWORD`, or the certificates cannot be used.
    pub fn options(&self) -> anyhow::Result<Options> {
        Ok(Options {
            servers: self.zookeeper.clone(),
            auth: self.identity()?,
            sasl: self.sasl()?,
            acl: self.acl.clone(),
            agents: self.agents()?,
            is_agent: false,
            tls: self.tls()?,
            session_timeout: self.session_timeout,
        })
    }

    /// Says in the log where others can read the secret. Call it once the log is open.
    pub fn warn(&self) {
        for warning in self.warnings() {
            log::warn!("{warning}");
        }
    }

    /// Where others can read the secret.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let on_command_line = |word: String| word == "--auth" || word.starts_with("--auth=");
        if self.auth.is_some()
            && std::env::args_os().any(|word| on_command_line(word.to_string_lossy().into_owned()))
        {
            warnings.push(
                "the password of --auth stands on the command line, where everyone on this machine can read it; prefer --auth-file".to_owned()
            );
        }
        let secrets = [
            (&self.auth_file, "a password"),
            (&self.agent_auth, "a password"),
            (&self.sasl_password_file, "a password"),
            (&self.tls_key, "a private key"),
        ];
        for (path, what) in secrets {
            let path = path.as_deref();
            warnings.extend(path.and_then(|path| readable_by_others(path, what)));
        }
        warnings
    }

    /// The first connection of a session, which must come up within the session timeout. That it takes longer
    /// than a second is said on stderr, by `program`.
    ///
    /// # Errors
    /// It did not come up; says why, and what to do.
    pub async fn connected(&self, program: &str, session: &Session) -> anyhow::Result<Connection> {
        let failure = || match &*session.states().borrow() {
            State::Connecting { failure, .. } => failure.clone(),
            _ => None,
        };
        let servers = &self.zookeeper;
        let patience = self.session_timeout.max(NOTICE);
        if let Ok(connection) = timeout(NOTICE, session.connected()).await {
            return Ok(connection);
        }
        let wait = humantime::format_duration(patience);
        let text = format!("waiting for ZooKeeper {servers}, {wait} at most");
        daemon::notice(program, &text);
        match timeout(patience - NOTICE, session.connected()).await {
            Ok(connection) => Ok(connection),
            Err(_) => match failure() {
                Some(why) => bail!("{why}; start ZooKeeper, or name its servers with --zookeeper"),
                None => bail!("ZooKeeper {servers} did not answer within {wait}; see --zookeeper"),
            },
        }
    }

    fn sasl(&self) -> anyhow::Result<Option<Auth>> {
        let Some(user) = &self.sasl_user else {
            return Ok(None);
        };
        let line = match (&self.sasl_password_file, self.sasl_password_fd) {
            (Some(path), _) => first_line(path, "the password")
                .with_context(|| format!("cannot read the password file {}", path.display()))?,
            (None, Some(descriptor)) => given(descriptor, "the password")?,
            (None, None) => return Ok(None),
        };
        Ok(Some(
            Auth::new(user, &line).context("cannot use --sasl-user")?,
        ))
    }

    fn tls(&self) -> anyhow::Result<Option<Tls>> {
        if !self.tls {
            return Ok(None);
        }
        let files = TlsFiles {
            ca: self.tls_ca.clone().unwrap_or_else(|| SYSTEM_CA.into()),
            identity: self.tls_cert.clone().zip(self.tls_key.clone()),
        };
        let tls = Tls::new(files, &self.zookeeper).map_err(|error| match (&error, &self.tls_ca) {
            (TlsError::Read(..), None) => anyhow::anyhow!("{error}; see --tls-ca"),
            _ => error.into(),
        });
        Ok(Some(tls?))
    }

    fn identity(&self) -> anyhow::Result<Option<Auth>> {
        if let Some(secret) = &self.auth {
            return Ok(Some(
                Auth::digest(secret.reveal()).context("cannot use --auth")?,
            ));
        }
        if let Some(descriptor) = self.auth_fd {
            let line = given(descriptor, "USER:PASSWORD")?;
            let auth = Auth::digest(&line)
                .with_context(|| format!("cannot use the first line of descriptor {descriptor}"))?;
            return Ok(Some(auth));
        }
        let Some(path) = &self.auth_file else {
            return Ok(None);
        };
        identity_in(path).map(Some)
    }

    fn agents(&self) -> anyhow::Result<Option<Auth>> {
        self.agent_auth.as_deref().map(identity_in).transpose()
    }
}

fn identity_in(path: &Path) -> anyhow::Result<Auth> {
    let line = first_line(path, "USER:PASSWORD")
        .with_context(|| format!("cannot read the auth file {}", path.display()))?;
    Auth::digest(&line).with_context(|| format!("cannot use the first line of {}", path.display()))
}

/// The first line of a descriptor.
fn given(descriptor: i32, what: &str) -> anyhow::Result<String> {
    let line = line_of_descriptor(descriptor)
        .with_context(|| format!("cannot read file descriptor {descriptor}"))?;
    if line.is_empty() {
        bail!("the first line of file descriptor {descriptor} is empty; write {what} there");
    }
    Ok(line)
}

fn first_line(path: &Path, what: &str) -> anyhow::Result<String> {
    if path.is_dir() {
        bail!("it is a directory; name a file whose first line is {what}");
    }
    let line = line_of_file(path)?;
    if line.is_empty() {
        bail!("its first line is empty; write {what} there");
    }
    Ok(line)
}

fn session_timeout(text: &str) -> Result<Duration, String> {
    let duration = daemon::duration(text)?;
    if (SHORTEST_SESSION..=LONGEST_SESSION).contains(&duration) {
        Ok(duration)
    } else {
        Err("choose a time from 1s to 5m".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn args(auth: Option<&str>, auth_file: Option<&Path>) -> ZooKeeperArgs {
        ZooKeeperArgs {
            zookeeper: "one:2181,two:2181/chroot".parse().unwrap(),
            auth: auth.map(|text| Secret::from(text.to_owned())),
            auth_file: auth_file.map(Path::to_owned),
            auth_fd: None,
            sasl_user: None,
            sasl_password_file: None,
            sasl_password_fd: None,
            acl: Vec::new(),
            agent_auth: None,
            tls: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            session_timeout: Duration::from_secs(6),
        }
    }

    fn refusal(args: &ZooKeeperArgs) -> String {
        format!("{:#}", args.options().unwrap_err())
    }

    #[test]
    fn the_secret_is_never_shown() {
        let args = args(Some("ops:s3cret"), None);
        assert!(!format!("{args:?}").contains("s3cret"));
        assert!(!format!("{:?}", args.options().unwrap()).contains("s3cret"));
        assert!(!refusal(&self::args(Some("s3cret"), None)).contains("s3cret"));
    }

    #[test]
    fn an_auth_file_gives_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth");
        fs::write(&path, "ops:s3 cret \r\nnot this\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let auth = args(None, Some(&path)).options().unwrap().auth;
        assert_eq!(auth, Some(Auth::digest("ops:s3 cret ").unwrap()));
    }

    #[test]
    fn a_bad_auth_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth");
        let name = path.to_str().unwrap();
        let missing = refusal(&args(None, Some(&path)));
        assert!(
            missing.contains(name) && missing.contains("No such file"),
            "{missing}"
        );
        fs::write(&path, "\n").unwrap();
        let empty = refusal(&args(None, Some(&path)));
        assert!(
            empty.contains(name) && empty.contains("write USER:PASSWORD"),
            "{empty}"
        );
        fs::write(&path, "s3cret\n").unwrap();
        let wrong = refusal(&args(None, Some(&path)));
        assert!(wrong.contains(name) && !wrong.contains("s3cret"), "{wrong}");
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let pipe = refusal(&args(None, Some(&path)));
        assert!(pipe.contains("no regular file"), "{pipe}");
        let directory = refusal(&args(None, Some(folder.path())));
        assert!(directory.contains("it is a directory"), "{directory}");
    }

    /// A shell's `<(…)` is a pipe without a name, which is read once however often it is asked for; and no more of it than so much.
    #[test]
    fn an_auth_file_may_be_a_pipe_of_our_own() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"ops:s3cret\nnot this\n").unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        let args = self::args(None, Some(&path));
        for _ in 0..2 {
            let auth = args.options().unwrap().auth;
            assert_eq!(auth, Some(Auth::digest("ops:s3cret").unwrap()));
        }
        let (endless, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[b'x'; 10_000]).unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", endless.as_raw_fd()));
        let refused = refusal(&self::args(None, Some(&path)));
        assert!(refused.contains("longer than 4096 bytes"), "{refused}");
    }

    #[test]
    fn session_timeouts_have_bounds() {
        assert_eq!(session_timeout("6s"), Ok(Duration::from_secs(6)));
        assert_eq!(session_timeout("5m"), Ok(LONGEST_SESSION));
        for text in ["999ms", "5m 1s", "6", "", "-1s", "soon"] {
            assert!(session_timeout(text).is_err(), "{text}");
        }
    }
}
