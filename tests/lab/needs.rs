//! What a test needs of the machine.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::compose;

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The rights of root, to which file permissions do not apply.
    Root,
    /// To be somebody else than root, or to be able to become it.
    OtherUser,
    /// A mount namespace of one's own.
    MountNamespace,
    /// A network namespace of one's own, and `ip` to change it.
    NetworkNamespace,
    /// A Docker engine. The one need that a machine may lack with `CI=true` too, if it has no
    /// `docker` command either: not everywhere can an engine run.
    Docker,
    /// Chromium and its chromedriver. A machine may lack them: Ubuntu has no package of them.
    Browser,
    /// A Docker engine and docker-compose 1.29 or `docker compose`; it may be lacking as the engine may.
    Compose,
    /// Podman and runc, and root.
    Podman,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Need::Root => "root",
            Need::OtherUser => "root and setpriv, to become another user",
            Need::MountNamespace => "root and mount namespaces",
            Need::Browser => "chromium and chromedriver",
            Need::Docker => "a Docker engine",
            Need::Compose => "a Docker engine and docker-compose",
            Need::Podman => "root, podman and runc",
            Need::NetworkNamespace => "root, network namespaces and ip (package iproute2)",
        }
    }

    fn met(self) -> bool {
        static NAMESPACES: OnceLock<bool> = OnceLock::new();
        static ENGINE: OnceLock<bool> = OnceLock::new();
        match self {
            Need::Root => nix::unistd::geteuid().is_root(),
            Need::OtherUser => {
                Need::Root.met()
                    && succeeds("setpriv", &["--reuid=65534", "--clear-groups", "true"])
            }
            Need::NetworkNamespace => {
                succeeds("unshare", &["--net", "ip", "link", "set", "lo", "up"])
            }
            Need::MountNamespace => *NAMESPACES.get_or_init(|| {
                let mount = "mount -t tmpfs -o size=64k lab /mnt";
                succeeds(
                    "unshare",
                    &["--mount", "--propagation=private", "sh", "-c", mount],
                )
            }),
            Need::Docker => *ENGINE.get_or_init(|| succeeds("docker", &["version"])),
            Need::Podman => {
                Need::OtherUser.met()
                    && succeeds("podman", &["--version"])
                    && succeeds("runc", &["--version"])
            }
            Need::Browser => succeeds("chromedriver", &["--version"]),
            Need::Compose => Need::Docker.met() && compose::program().is_some(),
        }
    }

    /// Whether there is no way to have it here.
    fn is_out_of_reach(self) -> bool {
        match self {
            Need::Docker => !succeeds("sh", &["-c", "command -v docker"]),
            Need::Browser => !succeeds("sh", &["-c", "command -v chromedriver"]),
            Need::Compose => compose::program().is_none(),
            _ => false,
        }
    }
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether the machine has what a test needs. If not, says so, past the test harness, which would
/// swallow it; the test then returns.
///
/// # Panics
/// With `CI=true`, where a skipped test is a failed one.
pub fn needs(need: Need) -> bool {
    if need.met() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let message = format!("skipped: needs {} ({test})", need.name());
    let may_skip = std::env::var("CI").as_deref() != Ok("true") || need.is_out_of_reach();
    assert!(may_skip, "{message}");
    // The message is a courtesy; a closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{message}");
    false
}
