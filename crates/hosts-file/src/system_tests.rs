//! What only the real system does: mounts, full disks, immutable files. Each test runs itself again
//! in a mount namespace of its own.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;

use crate::tests::{BLOCK, hosts_file, names_in, pass, wanted};
use crate::*;

/// Tells the test in the namespace where its tmpfs of 32 KiB is.
const DIRECTORY: &str = "HOSTS_FILE_TEST_DIRECTORY";

/// Outside, runs the test with this name in a namespace with a small file system, after the shell
/// commands in there, and returns none; inside, returns its directory.
fn inside(test: &str, commands: &str) -> Option<PathBuf> {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return Some(directory.into());
    }
    let unshare = ["--mount", "--propagation", "private"];
    let possible = Command::new("unshare").args(unshare).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        skip("a mount namespace (run as root)");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=32k none \"$PWD\"; cd \"$PWD\"; {commands}; exec \"$0\" \"$@\""
    );
    let status = Command::new("unshare")
        .args(unshare)
        .args(["sh", "-ec", &script])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("system_tests::{test}")])
        .current_dir(directory.path())
        .env(DIRECTORY, directory.path())
        .status()
        .unwrap();
    assert!(status.success(), "see above");
    None
}

fn skip(need: &str) {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "needs {need}");
    eprintln!("skipped: needs {need}");
}

fn refusal(path: &Path) -> String {
    let error = pass(path).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn a_read_only_file_system() {
    let commands = "printf 'a\\n' >hosts; mount -o remount,ro .";
    let Some(directory) = inside("a_read_only_file_system", commands) else {
        return;
    };
    let path = directory.join("hosts");
    let message = refusal(&path);
    assert!(
        message.to_lowercase().contains("read-only file system"),
        "{message}"
    );
    assert!(message.contains(directory.to_str().unwrap()), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
}

#[test]
fn a_full_disk_and_room_again() {
    let commands = "printf 'a\\n' >hosts; head -c 64k /dev/zero >filler 2>/dev/null || true";
    let Some(directory) = inside("a_full_disk_and_room_again", commands) else {
        return;
    };
    let path = directory.join("hosts");
    let message = refusal(&path);
    assert!(message.contains("No space left"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
    assert_eq!(
        names_in(&directory),
        ["filler", "hosts"],
        "no temporary file stays"
    );
    fs::remove_file(directory.join("filler")).unwrap();
    assert!(pass(&path).unwrap().wrote);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("a\n{BLOCK}"));
}

#[test]
fn a_mount_point_is_written_in_slots() {
    let commands = "printf 'a\\nb' >source; touch hosts; mount --bind source hosts";
    let Some(directory) = inside("a_mount_point_is_written_in_slots", commands) else {
        return;
    };
    let path = directory.join("hosts");
    let inode = fs::metadata(&path).unwrap().ino();
    let mut file = hosts_file(&path);
    let Outcome::Done(first) = file.reconcile(&wanted(), &Hosts::new()).unwrap() else {
        panic!("nothing to wait for");
    };
    assert_eq!(first.method, Method::Slots(Reason::MountPoint));
    assert!(first.wrote && file.still_agrees());
    assert_eq!(file.watch_set().mount.as_deref(), Some(path.as_path()));
    drop(file);
    assert!(!pass(&path).unwrap().wrote, "padding is no reason to write");
    let mut file = hosts_file(&path);
    assert!(file.clean(&Hosts::new()).unwrap().wrote);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("a\nb\n# BEGIN hostsync"), "{text}");
    assert!(
        text[4..].lines().all(|line| line.starts_with('#')),
        "{text}"
    );
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
}

#[test]
fn a_mount_that_comes_and_goes_is_noticed() {
    let test = "a_mount_that_comes_and_goes_is_noticed";
    let Some(directory) = inside(test, "printf 'a\\n' >source; cp source hosts") else {
        return;
    };
    let path = directory.join("hosts");
    let mut file = hosts_file(&path);
    let mut method = || {
        let done = file.reconcile(&wanted(), &Hosts::new()).unwrap();
        let again = file.reconcile(&wanted(), &Hosts::new()).unwrap();
        match (done, again) {
            (Outcome::Done(one), Outcome::Done(again)) if one.method == again.method => one.method,
            other => panic!("{other:?}"),
        }
    };
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        let status = command.args(words).current_dir(&directory).status();
        assert!(status.unwrap().success());
    };
    for _ in 0..3 {
        assert_eq!(method(), Method::Replace);
        run("mount", &["--bind", "source", "hosts"]);
        assert_eq!(method(), Method::Slots(Reason::MountPoint));
        // We have it open.
        run("umount", &["--lazy", "hosts"]);
    }
}

#[test]
fn a_rename_that_is_refused_falls_back_to_slots() {
    let commands = "printf 'a\\n' >source; touch hosts; mount --bind source hosts";
    let test = "a_rename_that_is_refused_falls_back_to_slots";
    let Some(directory) = inside(test, commands) else {
        return;
    };
    let path = directory.join("hosts");
    let forced = hosts_file(&path)
        .with_method(MethodChoice::Replace)
        .reconcile(&wanted(), &Hosts::new());
    let error = forced.unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EBUSY));
    let reason = hosts_file(&path).instead(error, &path);
    assert_eq!(reason.unwrap(), Reason::Busy);
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
    assert_eq!(
        names_in(&directory),
        ["hosts", "source"],
        "no temporary file stays"
    );
}

#[test]
fn a_mount_point_that_another_mount_hides_is_none() {
    let commands = "mkdir d; touch source d/hosts; mount --bind source d/hosts; \
                    mount -t tmpfs -o size=32k none d";
    let test = "a_mount_point_that_another_mount_hides_is_none";
    let Some(directory) = inside(test, commands) else {
        return;
    };
    let path = directory.join("d/hosts");
    assert_eq!(pass(&path).unwrap().method, Method::Replace);
    assert_eq!(fs::read_to_string(&path).unwrap(), BLOCK);
}

#[test]
fn a_full_disk_harms_nothing_in_slots() {
    // One page is full but for a byte, and there is no second one.
    let commands = "head -c 4094 /dev/zero | tr '\\0' '#' >source; echo >>source; touch hosts; \
                    mount --bind source hosts; head -c 64k /dev/zero >filler 2>/dev/null || true";
    let Some(directory) = inside("a_full_disk_harms_nothing_in_slots", commands) else {
        return;
    };
    let path = directory.join("hosts");
    let before = fs::read(&path).unwrap();
    let message = refusal(&path);
    assert!(message.contains("No space left"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(directory.join("filler")).unwrap();
    assert!(pass(&path).unwrap().wrote);
    assert!(fs::read(&path).unwrap().starts_with(&before));
}

#[cfg(feature = "watch")]
#[test]
fn a_change_of_a_mounted_file_is_noticed_though_it_happens_elsewhere() {
    let commands =
        "mkdir far; printf 'a\\n' >far/source; touch hosts; mount --bind far/source hosts";
    let test = "a_change_of_a_mounted_file_is_noticed_though_it_happens_elsewhere";
    let Some(directory) = inside(test, commands) else {
        return;
    };
    let mut file = hosts_file(&directory.join("hosts"));
    file.reconcile(&wanted(), &Hosts::new()).unwrap();
    let (sender, calls) = std::sync::mpsc::channel();
    let mut watcher = Watcher::new(move || {
        let _ = sender.send(());
    });
    watcher.follow(file.watch_set()).unwrap();
    fs::write(directory.join("far/source"), "b\n").unwrap();
    let noticed = calls.recv_timeout(std::time::Duration::from_secs(20));
    assert!(noticed.is_ok(), "the write was not noticed");
}

/// Takes the mark off again, so that the directory can be removed.
struct Immutable(PathBuf);

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(&self.0).output();
    }
}

#[test]
fn an_immutable_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hosts");
    fs::write(&path, "a\n").unwrap();
    let marked = Command::new("chattr").arg("+i").arg(&path).output();
    if !marked.is_ok_and(|output| output.status.success()) {
        return skip("chattr +i (run as root, on a file system that has it)");
    }
    let mark = Immutable(path.clone());
    let message = refusal(&path);
    assert!(message.contains("not permitted"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
    assert_eq!(
        names_in(directory.path()),
        ["hosts"],
        "no temporary file stays"
    );
    drop(mark);
    assert!(pass(&path).unwrap().wrote);
}

#[test]
fn a_directory_that_may_not_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hosts");
    fs::write(&path, "a\n").unwrap();
    let marked = Command::new("chattr")
        .arg("+i")
        .arg(directory.path())
        .output();
    if !marked.is_ok_and(|output| output.status.success()) {
        return skip("chattr +i (run as root, on a file system that has it)");
    }
    let mark = Immutable(directory.path().to_owned());
    let mut forced = hosts_file(&path).with_method(MethodChoice::Replace);
    let error = forced.reconcile(&wanted(), &Hosts::new()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("cannot create a file in"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
    assert_eq!(
        pass(&path).unwrap().method,
        Method::Slots(Reason::Directory)
    );
    drop(mark);
    assert_eq!(pass(&path).unwrap().method, Method::Replace);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("a\n{BLOCK}"));
}
