//! Other users of the machine, and what they plant where hostsync and nameserver keep what is their own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab::{
    HostsFile, Need, PATIENCE, Process, Program, Scratch, hostsync, nameserver, needs, tree,
    wait_until,
};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const NOBODY: u32 = 65_534;

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

fn beside(hosts: &HostsFile, kind: &str) -> PathBuf {
    let mut path = hosts.path().as_os_str().to_owned();
    path.push(".cache");
    path.push(kind);
    path.into()
}

/// A snapshot that another user kept is not what is served without ZooKeeper.
#[test]
fn a_cache_of_another_user_is_not_believed() {
    if !needs(Need::OtherUser) {
        return;
    }
    let tree = tree("foreign-cache");
    let hosts = HostsFile::with(LOCALHOST);
    tree.publish(1, &json!({"db": ["10.6.6.6"]}));
    let _ = hostsync(&tree, &hosts).call(&["once"]).expect_code(0);
    hosts.soon_maps("db", &["10.6.6.6"]);
    hosts.put(LOCALHOST);
    tree.delete("/nameserver/hosts");
    let cache = beside(&hosts, "");
    for (owner, mode) in [(NOBODY, 0o644), (0, 0o666)] {
        chown(&cache, Some(owner), None).expect("run as root");
        fs::set_permissions(&cache, Permissions::from_mode(mode)).expect("a mode");
        let agent = hostsync(&tree, &hosts).run();
        agent.soon_says("ignoring the cache");
        agent.soon_says("connected to ZooKeeper");
        assert_eq!(hosts.text(), LOCALHOST);
    }
    // It takes the place of what was planted.
    tree.publish(2, &json!({"db": ["10.0.0.1"]}));
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    wait_until("a cache of our own", PATIENCE, || {
        fs::metadata(&cache).is_ok_and(|kept| kept.uid() == 0 && kept.mode() & 0o777 == 0o600)
    });
}

#[test]
fn a_pipe_in_the_place_of_any_file_holds_nothing_up() {
    let tree = tree("pipes");
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let scratch = Scratch::new("pipes");
    for kind in ["", ".sessions", ".bindings", ".unwritten"] {
        let hosts = HostsFile::with(LOCALHOST);
        fifo(&beside(&hosts, kind));
        let _agent = hostsync(&tree, &hosts)
            .flag("register", "web")
            .flag("address", "10.0.0.9")
            .run();
        hosts.soon_maps("db", &["10.0.0.1"]);
        wait_until("the registration", PATIENCE, || {
            tree.stat("/web").is_some() && !tree.children("/web").is_empty()
        });
    }
    for flag in ["auth-file", "log-file", "pid-file"] {
        let path = scratch.join(flag);
        fifo(&path);
        // Somebody who reads, and lets nothing be read.
        let _reader = File::options().read(true).write(true).open(&path);
        for program in [
            nameserver(&tree),
            hostsync(&tree, &HostsFile::with(LOCALHOST)),
        ] {
            let refused = refused(&program, flag, &path);
            assert!(
                refused.contains("pipe") || refused.contains("regular"),
                "{refused}"
            );
        }
    }
}

/// What a daemon says that ends at once.
fn refused(program: &Program, flag: &str, path: &Path) -> String {
    let mut daemon = program.clone().flag(flag, path).run();
    let code = daemon.wait_end(PATIENCE).code();
    assert!(matches!(code, Some(1 | 2)), "{flag}: {code:?}");
    daemon.log()
}

/// Whoever may read a file may lock it; that is no sign of one that writes it.
#[test]
fn a_lock_of_nobody_keeps_no_slots_from_starting() {
    if !needs(Need::OtherUser) {
        return;
    }
    let tree = tree("foreign-lock");
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let hosts = HostsFile::with(LOCALHOST);
    hosts.directory().allow("", 0o755);
    let script = format!(
        "exec 9<{}; flock 9; echo locked; exec sleep 600",
        hosts.path().display()
    );
    let scratch = Scratch::new("foreign-lock");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--clear-groups", "bash", "-c", &script])
        .stdin(Stdio::null());
    let locker = Process::spawn("locker", command, &scratch.join("log"));
    wait_until("the lock", PATIENCE, || locker.log().contains("locked"));
    let _agent = hostsync(&tree, &hosts).flag("write", "slots").run();
    hosts.soon_maps("db", &["10.0.0.1"]);
}

#[test]
fn without_a_umask_nobody_else_may_write_and_an_open_directory_is_closed() {
    let tree = tree("no-umask");
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let (hosts, scratch) = (HostsFile::with(LOCALHOST), Scratch::new("no-umask"));
    let folder = scratch.join("hostsync");
    let without = ["sh", "-c", "umask 0; exec \"$@\"", "sh"];
    let program = || {
        hostsync(&tree, &hosts)
            .flag("cache", folder.join("cache.json"))
            .flag("log-file", scratch.join("log"))
            .flag("pid-file", scratch.join("pid"))
            .inside(&without)
    };
    let assert_closed = || {
        let files = [
            folder.clone(),
            folder.join("cache.json"),
            hosts.path().to_owned(),
        ];
        for path in files
            .into_iter()
            .chain(["log", "pid"].map(|name| scratch.join(name)))
        {
            let mode = fs::metadata(&path).expect("it is there").mode();
            assert_eq!(mode & 0o022, 0, "{}: {mode:o}", path.display());
        }
        let mode = fs::metadata("/run/hostsync").expect("the sockets").mode();
        assert_eq!(mode & 0o022, 0, "{mode:o}");
    };
    let kept = || folder.join("cache.json").exists();
    let agent = program().run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    wait_until("the cache", PATIENCE, kept);
    assert_closed();
    drop(agent);
    fs::remove_dir_all(&folder).expect("it was there");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("a mode");
    let _agent = program().run();
    wait_until("the cache", PATIENCE, kept);
    assert_closed();
    let said = format!("everybody could write to {}", folder.display());
    assert!(scratch.read("log").contains(&said));
}

#[test]
fn a_password_that_others_can_read_is_warned_of() {
    let tree = tree("readable-secrets");
    let (hosts, scratch) = (HostsFile::with(LOCALHOST), Scratch::new("readable-secrets"));
    let file = scratch.write("auth", "ops:s3cret\n");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
    for program in [nameserver(&tree), hostsync(&tree, &hosts)] {
        let daemon = program.clone().flag("auth-file", &file).run();
        daemon.soon_says("everyone can read it");
        drop(daemon);
        let daemon = program.clone().flag("auth", "ops:s3cret").run();
        let log = daemon.soon_says("--auth stands on the command line");
        assert!(!log.contains("s3cret"), "{log}");
    }
    let told = hostsync(&tree, &hosts)
        .flag("auth-file", &file)
        .flag("timeout", "1s")
        .call(&["once"]);
    assert!(
        told.stderr.contains("everyone can read it"),
        "{}",
        told.stderr
    );
    for arguments in [["status"], ["check"]] {
        let told = nameserver(&tree).flag("auth-file", &file).call(&arguments);
        assert!(
            told.stderr.contains("everyone can read it"),
            "{}",
            told.stderr
        );
    }
}
