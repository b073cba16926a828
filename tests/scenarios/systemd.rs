//! Both units under a real systemd.

use std::path::Path;

use lab::{Need, PATIENCE, Scratch, binary, needs, tree, wait_until};
use serde_json::json;

use crate::container::addresses;
use crate::machine::{FOREIGN, Machine, SESSION};

/// In place of half a minute.
const WATCHDOG: &str = "[Service]\nWatchdogSec=4s\n";

/// Engines make their folders after it has started, and it has no right but to write files of others.
#[test]
fn the_unit_for_all_containers_keeps_what_comes_later() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("systemd-host");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let units = units.canonicalize().expect("the units");
    let unit = "hostsync-host.service";
    let mounts = [
        (binary("hostsync"), "/usr/bin/hostsync".to_owned()),
        (units.join(unit), format!("/etc/systemd/system/{unit}")),
    ];
    let machine = Machine::boot(&tree, &mounts);
    machine.configure(&[]);
    machine.done("mv /etc/default/hostsync /etc/default/hostsync-host; mkdir -p /var/lib/docker");
    let _ = machine.call("systemctl start hostsync-host").expect_code(0);
    let id = "5f".repeat(32);
    for folder in [
        format!("/var/lib/docker/containers/{id}"),
        "/var/lib/kubelet/pods/0b1c9a52-5d3e-4c8a-9f3b-0123456789ab".to_owned(),
        format!("/run/containers/storage/overlay-containers/{id}/userdata"),
    ] {
        let name = if folder.contains("pods") {
            "etc-hosts"
        } else {
            "hosts"
        };
        let path = format!("{folder}/{name}");
        machine.done(&format!(
            "mkdir -p {folder}; printf '127.0.0.1 localhost\\n' >{path}; chown 1234 {folder} {path}"
        ));
        wait_until(&format!("the name in {path}"), PATIENCE, || {
            let text = machine.call(&format!("cat {path}")).stdout;
            text.starts_with("127.0.0.1 localhost\n") && addresses(&text, "db") == ["10.0.0.5"]
        });
    }
    let status = machine
        .call("hostsync status --containers auto")
        .expect_code(0);
    status.expect_words(&["in step", "/var/lib/docker/containers/"]);
    machine.soon_shows(
        "StatusText",
        "hostsync-host",
        "in step: 1 name, generation 1",
    );
}

#[test]
fn both_units_serve_restart_and_are_watched() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("systemd");
    tree.create("/db", "10.0.0.5");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let units = units.canonicalize().expect("the units");
    let files = Scratch::new("units");
    let watchdog = files.write("watchdog.conf", WATCHDOG);
    let mounts = ["nameserver", "hostsync"].map(|name| {
        let unit = format!("/etc/systemd/system/{name}.service");
        [
            (binary(name), format!("/usr/bin/{name}")),
            (units.join(format!("{name}.service")), unit.clone()),
            (watchdog.clone(), format!("{unit}.d/watchdog.conf")),
        ]
    });
    let machine = Machine::boot(&tree, mounts.as_flattened());
    machine.configure(&[]);
    // A session outlives its process for longer than anything here waits.
    machine.done(
        "printf 'NAMESERVER_DNS=127.0.0.1:53\\nNAMESERVER_SESSION_TIMEOUT=40s\\n' \
         >>/etc/default/nameserver",
    );

    // This returns once both have said that they are ready.
    let _ = machine
        .call("systemctl start nameserver hostsync")
        .expect_code(0);
    machine.soon_maps("db", "10.0.0.5");
    machine.soon_shows("StatusText", "nameserver", "leading: 1 name");
    machine.soon_shows("StatusText", "hostsync", "in step: 1 name, generation 1");

    // A port that is not for everybody, by a user with this one right.
    let log = machine.done("journalctl --no-pager -u nameserver");
    assert!(log.contains("answering DNS at 127.0.0.1:53 "), "{log}");

    // The sandbox lets it replace the file, keep the owner and the mode, and answer anybody.
    let status = machine
        .call("setpriv --reuid=4321 --clear-groups hostsync status")
        .expect_code(0);
    status.expect_words(&[
        "written by: replace",
        "/var/cache/hostsync/etc-hosts.json\n",
    ]);
    assert_eq!(machine.owner_of_hosts(), "1234 1235 664\n");
    assert!(machine.container.hosts().starts_with(FOREIGN));
    let user = machine
        .call("stat --format %u /proc/$(pidof nameserver)")
        .stdout;
    assert_ne!(user.trim(), "0", "nameserver has a user of its own");

    let _ = machine
        .call("systemctl restart hostsync nameserver && systemctl reload hostsync nameserver")
        .expect_code(0);
    tree.set("/db", "10.0.0.6");
    machine.soon_maps("db", "10.0.0.6");

    // Killed, it leads again without waiting for what it has left behind.
    machine.done("systemctl kill --signal=KILL nameserver");
    machine.soon_shows("NRestarts", "nameserver", "1");
    tree.set("/db", "10.0.0.7");
    machine.soon_maps("db", "10.0.0.7");

    let timeout = format!("HOSTSYNC_SESSION_TIMEOUT={}s", SESSION.as_secs());
    machine.configure(&[
        "HOSTSYNC_ID=c1",
        "HOSTSYNC_REGISTER=web",
        "HOSTSYNC_ADDRESS=10.9.8.7",
        &timeout,
    ]);
    let restart = "systemctl restart hostsync";
    machine.done(restart);
    machine.soon_maps("web", "10.9.8.7");
    machine.hands_over(&tree, "/web/c1", restart);

    for unit in ["nameserver", "hostsync"] {
        let _ = machine
            .call(&format!("systemctl kill --signal=STOP {unit}"))
            .expect_code(0);
    }
    for (unit, restarts) in [("nameserver", "2"), ("hostsync", "1")] {
        machine.soon_shows("NRestarts", unit, restarts);
        machine.soon_shows("ActiveState", unit, "active");
    }
    tree.set("/db", "10.0.0.7");
    machine.soon_maps("db", "10.0.0.7");

    let _ = machine.call("systemctl stop hostsync").expect_code(0);
    assert_eq!(machine.show("Result", "hostsync"), "success");
    assert_eq!(tree.stat("/web/c1"), None, "a stop withdraws");
    machine.soon_maps("db", "10.0.0.7");
}
