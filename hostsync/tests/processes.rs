//! Children and checks that run commands: in a process of their own, since all children of a process
//! are waited for in one place.

use std::process::Command;
use std::time::Duration;

use daemon::Tasks;
use hostsync::address::OwnAddress;
use hostsync::children::{Children, Group};
use hostsync::health::Prober;
use lab::Stopwatch;
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);

fn prober(check: &str) -> Prober {
    let address = OwnAddress::fixed("10.0.0.5".parse().expect("an address"));
    let children = Children::new(&Tasks::default()).expect("signals");
    Prober::new(
        check.parse().expect("a check"),
        address,
        Vec::new(),
        children,
    )
}

#[tokio::test]
async fn exit_codes_and_signals_are_told() {
    let children = Children::new(&Tasks::default()).unwrap();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        children
            .spawn(command.args(["-c", script]), Group::Own)
            .unwrap()
    };
    assert_eq!(shell("exit 7").ended().await, 7);
    assert_eq!(shell("kill -9 $$").ended().await, 137);
}

#[tokio::test]
async fn a_signal_reaches_all_of_a_group() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let children = Children::new(&Tasks::default()).unwrap();
    let script = format!(
        "sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait",
        pid.display()
    );
    let mut command = Command::new("sh");
    let mut slow = children
        .spawn(command.args(["-c", &script]), Group::Own)
        .unwrap();
    let begun = Stopwatch::start();
    while !pid.exists() {
        assert!(begun.elapsed() < LIMIT, "it does not run");
        tokio::task::yield_now().await;
    }
    slow.signal(Signal::SIGTERM.into());
    assert_eq!(slow.ended().await, 143);
    soon_ends(&std::fs::read_to_string(pid).unwrap());
}

/// Waits until a process that is nobody's child any more has ended.
fn soon_ends(pid: &str) {
    let stat = format!("/proc/{}/stat", pid.trim());
    let begun = Stopwatch::start();
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < LIMIT, "{stat} is alive");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn what_the_service_manager_gave_us_stays_with_us() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("environment");
    let children = Children::new(&Tasks::default()).unwrap();
    for group in [Group::Shared, Group::Own] {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("env >{}", seen.display()));
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "OTHER"] {
            command.env(variable, "1");
        }
        let mut child = children.spawn(&mut command, group).unwrap();
        assert_eq!(child.ended().await, 0);
        let seen = std::fs::read_to_string(&seen).unwrap();
        assert!(seen.contains("OTHER=1"), "{seen}");
        assert!(
            !seen.contains("NOTIFY_SOCKET") && !seen.contains("WATCHDOG_"),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn a_command_passes_or_fails_with_its_output() {
    assert_eq!(prober("true").probe(LIMIT).await, Ok(()));
    let failing = prober("echo no such table; echo at all >&2; exit 3");
    let said = failing.probe(LIMIT).await.unwrap_err();
    assert_eq!(said, "exit code 3: no such table; at all");
    let endless = prober("yes | head -c 1000000; exit 1").probe(LIMIT).await;
    assert!(endless.unwrap_err().len() < 2_000);
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("sleep 1000 & echo $! > {}; wait", pid.display());
    let begun = Stopwatch::start();
    // Long enough for the shell to start its child, also on a busy machine.
    let said = prober(&script).probe(Duration::from_secs(3)).await;
    assert_eq!(said, Err("killed after 3s".to_owned()));
    assert!(begun.elapsed() < LIMIT);
    soon_ends(&std::fs::read_to_string(pid).unwrap());
}
