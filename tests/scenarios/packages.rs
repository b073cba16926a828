//! The Debian packages, from their installation until nothing of them is left.

use std::path::PathBuf;

use lab::{Need, needs, tree};

use crate::machine::{FOREIGN, Machine, SESSION};

/// The directory with the packages in two versions; `make deb-test` makes it.
const PACKAGES: &str = "HOSTSYNC_PACKAGES";

#[test]
#[ignore = "needs the packages: make deb-test"]
fn packages_are_installed_upgraded_removed_and_purged() {
    if !needs(Need::Docker) {
        return;
    }
    let packages = std::env::var_os(PACKAGES).expect("run make deb-test, which sets this");
    let tree = tree("packages");
    tree.create("/db", "10.0.0.5");
    let machine = Machine::boot(&tree, &[(PathBuf::from(packages), "/packages".to_owned())]);

    machine.done("dpkg --install /packages/*-1_*.deb");
    machine.done("systemctl is-enabled nameserver hostsync");
    machine.done("systemctl is-active nameserver hostsync");
    let verify = "systemd-analyze verify --man=no nameserver.service hostsync.service 2>&1";
    assert_eq!(machine.done(verify), "");
    let timeout = format!("HOSTSYNC_SESSION_TIMEOUT={}s", SESSION.as_secs());
    machine.configure(&[
        "HOSTSYNC_ID=c1",
        "HOSTSYNC_REGISTER=web",
        "HOSTSYNC_ADDRESS=10.9.8.7",
        "HOSTSYNC_BIND=mqtt=web",
        &timeout,
    ]);
    machine.done("systemctl restart nameserver hostsync");
    machine.soon_maps("db", "10.0.0.5");
    machine.soon_maps("mqtt", "10.9.8.7");

    // An upgrade keeps the settings, and the names of this machine do not flap.
    let settings = || machine.done("cat /etc/default/nameserver /etc/default/hostsync");
    let (before, pid) = (settings(), machine.show("MainPID", "nameserver"));
    machine.hands_over(&tree, "/web/c1", "dpkg --install /packages/*-2_*.deb");
    let versions = machine.done("dpkg-query --show --showformat '${Version} ' nameserver hostsync");
    assert!(
        versions
            .split_whitespace()
            .all(|version| version.ends_with("-2")),
        "{versions}"
    );
    assert_eq!(settings(), before);
    assert_ne!(machine.show("MainPID", "nameserver"), pid, "restarted");
    tree.set("/db", "10.0.0.6");
    machine.soon_maps("db", "10.0.0.6");

    machine.done("dpkg --remove nameserver hostsync");
    assert_eq!(
        tree.stat("/web/c1"),
        None,
        "the end of the service withdraws"
    );
    machine.done("! pidof nameserver && ! pidof hostsync");
    machine.soon_maps("db", "10.0.0.6");
    assert_eq!(settings(), before);
    machine.done("cd /var/cache/hostsync && ls etc-hosts.json.sessions etc-hosts.json.bindings");

    machine.done("dpkg --purge nameserver hostsync");
    assert_eq!(machine.container.hosts(), FOREIGN);
    assert_eq!(machine.owner_of_hosts(), "1234 1235 664\n");
    let left = machine.done(
        "find / /run -xdev -path /run/systemd/units -prune \
         -o '(' -name '*hostsync*' -o -name '*nameserver*' ')' -print",
    );
    assert_eq!(left, "");
}
