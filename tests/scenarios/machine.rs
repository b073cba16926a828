//! A machine with a real systemd: process 1 of a container, whose `/etc/hosts` is a file like any
//! other, with the owner and the mode that somebody gave it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::{Container, Image, Network, Outcome, PATIENCE, Tree, wait_for, wait_until};

use crate::container::addresses;

/// What systemd needs to run in a container, and to make sandboxes in there.
const PRIVILEGES: [&str; 14] = [
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp",
    "--env=container=docker",
    // As on a machine; engines let everybody have every port.
    "--sysctl=net.ipv4.ip_unprivileged_port_start=1024",
    "--stop-signal=SIGRTMIN+3",
    "--stop-timeout=5",
    "--tty",
];
/// The hosts file before hostsync came.
pub(crate) const FOREIGN: &str = "127.0.0.1\tlocalhost\n";
/// How long the servers keep what a hostsync owned that has ended.
pub(crate) const SESSION: Duration = Duration::from_secs(2);

/// A container with systemd.
pub(crate) struct Machine {
    pub(crate) container: Container,
    /// The tree's servers, as they are called in there.
    servers: String,
    _image: Image,
    _network: Network,
}

impl Machine {
    /// Starts one that has these files or directories of ours, read only.
    pub(crate) fn boot(tree: &Tree, mounts: &[(PathBuf, String)]) -> Self {
        let (image, network) = (Image::with_systemd(), Network::new());
        let servers = network.reach(tree);
        let mounts = mounts
            .iter()
            .map(|(from, to)| format!("--volume={}:{to}:ro", from.display()));
        let mounts: Vec<String> = mounts.collect();
        let mounts: Vec<&str> = mounts.iter().map(String::as_str).collect();
        let options = [&PRIVILEGES, &mounts[..]].concat();
        let container = Container::run_with(&options, &image, &network, &["/sbin/init"]);
        let machine = Self {
            container,
            servers,
            _image: image,
            _network: network,
        };
        wait_until("systemd", PATIENCE, || {
            let state = machine.call("systemctl is-system-running").stdout;
            ["running", "degraded"].contains(&state.trim())
        });
        // The engine's mount gives way to a file like any other, which is somebody else's.
        machine.done(&format!(
            "umount /etc/hosts && printf '{FOREIGN}' >/etc/hosts && chown 1234:1235 /etc/hosts \
             && chmod 664 /etc/hosts"
        ));
        machine
    }

    pub(crate) fn call(&self, script: &str) -> Outcome {
        self.container.call(&["sh", "-c", script])
    }

    /// Runs what must succeed, and says what it printed.
    pub(crate) fn done(&self, script: &str) -> String {
        self.call(script).expect_code(0).stdout
    }

    /// Writes the settings of both daemons, with these more of hostsync.
    pub(crate) fn configure(&self, more: &[&str]) {
        let servers = &self.servers;
        let more = more.join("\n");
        self.done(&format!(
            "printf 'NAMESERVER_ZOOKEEPER={servers}\\n' >/etc/default/nameserver \
             && printf 'HOSTSYNC_ZOOKEEPER={servers}\\n{more}\\n' >/etc/default/hostsync"
        ));
    }

    pub(crate) fn soon_maps(&self, name: &str, address: &str) {
        let look = || (self.container.hosts(), self.log());
        let found = |(hosts, _): &(String, String)| addresses(hosts, name) == [address];
        wait_for(&format!("{name} at {address}"), PATIENCE, look, found);
    }

    /// The owner and the mode of the hosts file.
    pub(crate) fn owner_of_hosts(&self) -> String {
        self.done("stat --format '%u %g %a' /etc/hosts")
    }

    /// What the units have to say for themselves.
    fn log(&self) -> String {
        self.call("journalctl --no-pager --lines 8 -u nameserver -u hostsync")
            .stdout
    }

    /// What systemd knows of a unit.
    pub(crate) fn show(&self, property: &str, unit: &str) -> String {
        let words = format!("systemctl show --value --property {property} {unit}");
        self.call(&words).stdout.trim().to_owned()
    }

    pub(crate) fn soon_shows(&self, property: &str, unit: &str, wanted: &str) {
        let what = format!("{property} of {unit} to be {wanted}");
        wait_until(&what, PATIENCE, || {
            self.show(property, unit).starts_with(wanted)
        });
    }

    /// Has one hostsync follow another, and looks that what the first had registered at this znode
    /// was there all along: in the tree and in the hosts file.
    pub(crate) fn hands_over(&self, tree: &Tree, path: &str, follow: &str) {
        let owner = || tree.stat(path).map_or(0, |stat| stat.ephemeral_owner);
        // A file that is replaced is another one.
        let written = || self.done("stat --format '%i %y' /etc/hosts");
        let generation = || tree.snapshot().map(|snapshot| snapshot.generation());
        let (first, before) = (owner(), (generation(), written()));
        assert_ne!(first, 0, "{path} is registered");
        self.done(follow);
        wait_until("the successor to take over", PATIENCE, || {
            ![0, first].contains(&owner())
        });
        let (second, begun) = (owner(), Instant::now());
        wait_until("the first one's session to be forgotten", PATIENCE, || {
            assert_eq!(owner(), second, "the owner of {path}");
            begun.elapsed() > SESSION + Duration::from_secs(1)
        });
        assert_eq!((generation(), written()), before, "nobody saw a gap");
    }
}
