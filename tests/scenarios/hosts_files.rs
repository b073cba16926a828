//! Hosts files as they are found in the field: our lines come and go, every other byte stays.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use lab::{HostsFile, Need, Running, Scratch, Tree, hostsync, needs, tree};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A tree whose snapshot says that `db` is 10.0.0.5.
fn published(name: &str) -> Tree {
    let tree = tree(name);
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    tree
}

/// Runs hostsync on a hosts file with these bytes; `db` comes, changes, goes with `clean`, and then
/// every byte is as before.
fn comes_and_goes(name: &str, before: &str) {
    let (tree, hosts) = (published(name), HostsFile::with(before));
    let mut agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    assert_eq!(hosts.foreign(), before);
    tree.publish(2, &json!({"db": ["10.0.0.6"], "web": ["10.0.0.7"]}));
    hosts.soon_maps("web", &["10.0.0.7"]);
    hosts.soon_maps("db", &["10.0.0.6"]);
    agent.stop();
    let _ = hostsync(&tree, &hosts).call(&["clean"]).expect_code(0);
    assert_eq!(hosts.text(), before);
}

#[test]
fn without_a_final_newline() {
    comes_and_goes("no-newline", "127.0.0.1 localhost\n10.9.9.9 mine");
}

#[test]
fn with_carriage_returns() {
    comes_and_goes("crlf", "127.0.0.1 localhost\r\n10.9.9.9 mine\r\n");
}

#[test]
fn empty() {
    comes_and_goes("empty", "");
}

#[test]
fn with_odd_lines() {
    comes_and_goes(
        "odd",
        "\n\n  # hi\n\t127.0.0.1\t\tlocalhost lo # x\nnonsense\n10.9.9.9 a b c\n\n\n",
    );
}

#[test]
fn missing() {
    let (tree, hosts) = (published("missing"), HostsFile::missing());
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let mode = fs::metadata(hosts.path()).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o644, "everyone may read it");
}

#[test]
fn with_a_beginning_and_no_end() {
    let before = "127.0.0.1 localhost\n# BEGIN hostsync\n10.0.0.5 db\n10.9.9.9 mine\n";
    let (tree, hosts) = (published("no-end"), HostsFile::with(before));
    let mut agent = hostsync(&tree, &hosts).run();
    hosts.soon("an end", || hosts.text().contains("# END hostsync"));
    assert_eq!(hosts.addresses("db"), ["10.0.0.5"]);
    assert_eq!(
        hosts.addresses("mine"),
        ["10.9.9.9"],
        "what may be somebody else's stays"
    );
    assert_eq!(hosts.foreign(), "127.0.0.1 localhost\n10.9.9.9 mine\n");
    agent.soon_says("END");
    agent.stop();
    // What hostsync wrote itself it knows again, however the block was damaged since.
    hosts.put(hosts.text().replace("# END hostsync\n", ""));
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.6"]);
    assert_eq!(hosts.addresses("mine"), ["10.9.9.9"]);
}

#[test]
fn with_two_blocks() {
    let before = "# BEGIN hostsync\n10.0.0.3 db\n# END hostsync\n127.0.0.1 localhost\n\
                  # BEGIN hostsync\n10.0.0.4 db\n10.0.0.4 old\n# END hostsync\n10.9.9.9 mine\n";
    let (tree, hosts) = (published("two-blocks"), HostsFile::with(before));
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    hosts.soon_lacks("old");
    assert_eq!(hosts.foreign(), "127.0.0.1 localhost\n10.9.9.9 mine\n");
}

#[test]
fn a_name_that_a_foreign_line_maps_stays_foreign() {
    let before = "127.0.0.1 localhost\n10.9.9.9 mine DB\n";
    let (tree, hosts) = (published("foreign"), HostsFile::with(before));
    tree.publish(2, &json!({"db": ["10.0.0.5"], "web": ["10.0.0.7"]}));
    let agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("web", &["10.0.0.7"]);
    assert_eq!(hosts.names().keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(hosts.foreign(), before);
    let line = agent.soon_says("other lines");
    assert!(
        line.contains(" db;") && line.contains(hosts.path().to_str().expect("a path")),
        "{line}"
    );
    // Once the foreign line is gone, the name is ours.
    hosts.put(hosts.text().replace(" DB", ""));
    hosts.soon_maps("db", &["10.0.0.5"]);
}

#[test]
fn behind_a_symlink() {
    let (tree, hosts) = (published("symlink"), HostsFile::missing());
    let elsewhere = Scratch::new("elsewhere");
    let target = elsewhere.write("real", LOCALHOST);
    symlink(&target, hosts.path()).expect("a symlink");
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    assert!(
        fs::symlink_metadata(hosts.path())
            .expect("it is there")
            .is_symlink()
    );
    assert!(elsewhere.read("real").contains("10.0.0.5"));
    assert_eq!(elsewhere.listing(), ["real"]);
}

#[test]
fn owner_and_mode_survive() {
    let (tree, hosts) = (published("mode"), HostsFile::with(LOCALHOST));
    hosts.directory().allow("hosts", 0o640);
    let root = needs(Need::Root);
    if root {
        std::os::unix::fs::chown(hosts.path(), Some(12_345), Some(54_321)).expect("chown");
    }
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let meta = fs::metadata(hosts.path()).expect("it is there");
    assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
    assert!(!root || (meta.uid(), meta.gid()) == (12_345, 54_321));
}

/// A read-only file in a directory that can be written is replaced, and is read-only again.
#[test]
fn read_only() {
    let (tree, hosts) = (published("read-only"), HostsFile::with(LOCALHOST));
    hosts.directory().allow("hosts", 0o444);
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let mode = fs::metadata(hosts.path()).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o444);
}

/// hostsync fails and says what is wrong with the file or its directory; the file is as before.
fn refuses(tree: &Tree, hosts: &HostsFile, around: &[impl AsRef<OsStr>], words: &[&str]) {
    let before = hosts.bytes();
    let path = hosts.directory().path().to_str().expect("a path");
    let program = hostsync(tree, hosts).inside(around);
    let outcome = program.call(&["once"]).expect_code(1);
    outcome.expect_words(&[path]);
    outcome.expect_words(words);
    println!("{}", outcome.stderr);
    assert_eq!(hosts.bytes(), before);
    let leftovers = hosts.directory().listing();
    assert!(
        leftovers
            .iter()
            .all(|name| name == "hosts" || name.starts_with("hosts.cache")),
        "{leftovers:?}"
    );
}

#[test]
fn a_directory() {
    let (tree, hosts) = (published("directory"), HostsFile::missing());
    fs::create_dir(hosts.path()).expect("a directory");
    refuses(&tree, &hosts, &["env"], &["directory", "--hosts-file"]);
}

const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

#[test]
fn in_a_directory_that_cannot_be_written() {
    if !needs(Need::OtherUser) {
        return;
    }
    let (tree, hosts) = (published("nobody"), HostsFile::with(LOCALHOST));
    refuses(&tree, &hosts, &NOBODY, &["root"]);
}

/// A container may run as a user who may write the file and not its directory.
#[test]
fn a_daemon_that_may_not_write_says_so_and_goes_on_when_it_may() {
    if !needs(Need::OtherUser) {
        return;
    }
    let (tree, hosts) = (published("may-not"), HostsFile::with(LOCALHOST));
    let mut agent = hostsync(&tree, &hosts).inside(&NOBODY).run();
    agent.soon_says("permission denied; run hostsync as root");
    assert!(agent.ended().is_none(), "{}", agent.log());
    assert_eq!(hosts.text(), LOCALHOST);
    std::os::unix::fs::chown(hosts.path(), Some(65_534), Some(65_534)).expect("chown");
    std::os::unix::fs::chown(hosts.directory().path(), Some(65_534), Some(65_534)).expect("chown");
    tree.publish(2, &json!({"db": ["10.0.0.6"]}));
    hosts.soon_maps("db", &["10.0.0.6"]);
}

#[test]
fn on_a_read_only_file_system() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let (tree, hosts) = (published("read-only-system"), HostsFile::with(LOCALHOST));
    let directory = hosts.directory().path().display().to_string();
    let mount = format!(
        "mount --bind {directory} {directory}; mount -o remount,ro,bind {directory}; exec \"$@\""
    );
    refuses(&tree, &hosts, &namespace(&mount), &["read-only"]);
}

#[test]
fn on_a_full_disk() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let (tree, hosts) = (published("full"), HostsFile::with(LOCALHOST));
    let names: serde_json::Map<String, serde_json::Value> = (0..3_000)
        .map(|number| (format!("n{number}"), json!(["10.0.0.5"])))
        .collect();
    tree.publish(2, &serde_json::Value::Object(names));
    let directory = hosts.directory().path().display().to_string();
    // The file system is seen in there only, so what became of it must be told from in there.
    let mount = format!(
        "mount -t tmpfs -o size=64k tmpfs {directory}; cd {directory}; echo '127.0.0.1 localhost' >hosts; \
         dd if=/dev/zero of=filler bs=1k 2>/dev/null || true; code=0; \"$@\" || code=$?; \
         echo \"left: $(ls -A | tr '\\n' ' ')\"; cat hosts; exit $code"
    );
    let outcome = hostsync(&tree, &hosts)
        .inside(&namespace(&mount))
        .call(&["once"])
        .expect_code(1);
    outcome.expect_words(&[&directory, "full"]);
    assert!(outcome.stdout.ends_with(LOCALHOST), "{outcome:#?}");
    assert!(
        outcome.stdout.contains("left: filler hosts "),
        "{outcome:#?}"
    );
}

/// What runs a program in a mount namespace of its own, by way of a shell script.
fn namespace(script: &str) -> Vec<String> {
    let script = format!("set -e; {script}");
    let words = [
        "unshare",
        "--mount",
        "--propagation=private",
        "sh",
        "-c",
        &script,
        "sh",
    ];
    words.map(str::to_owned).to_vec()
}

/// As in a container, where the engine binds a file over `/etc/hosts`.
#[test]
fn bound_over_another_file() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let (tree, hosts) = (
        published("bound"),
        HostsFile::with("127.0.0.1 localhost\n10.9.9.9 mine\n"),
    );
    let elsewhere = Scratch::new("target");
    let target = elsewhere.write("hosts", "not this\n");
    let mount = format!(
        "mount --bind {} {}",
        hosts.path().display(),
        target.display()
    );
    let inode = || fs::metadata(hosts.path()).expect("it is there").ino();
    let before = inode();
    let agent: Running = hostsync(&tree, &hosts)
        .flag("hosts-file", &target)
        .after_mounting(&mount)
        .run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    tree.publish(2, &json!({"db": ["10.0.0.6"], "web": ["10.0.0.7"]}));
    hosts.soon_maps("web", &["10.0.0.7"]);
    hosts.soon_maps("db", &["10.0.0.6"]);
    tree.publish(3, &json!({"web": ["10.0.0.7"]}));
    hosts.soon_lacks("db");
    assert_eq!(inode(), before, "a mount point cannot be replaced");
    assert_eq!(hosts.addresses("mine"), ["10.9.9.9"]);
    assert_eq!(elsewhere.read("hosts"), "not this\n");
    agent.soon_says(target.to_str().expect("a path"));
}

/// Somebody else's edit is kept; damage to our block is repaired at once.
#[test]
fn an_edit_that_damages_our_block_is_repaired() {
    let (tree, hosts) = (published("repair"), HostsFile::with(LOCALHOST));
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.5"]);

    hosts.put(hosts.text().replace("10.0.0.5", "10.6.6.6"));
    hosts.soon_maps("db", &["10.0.0.5"]);
    // As docker does on a change of networks: the whole file anew, in place.
    hosts.put("127.0.0.1 localhost\n10.9.9.9 mine\n");
    let took = hosts.soon_maps("db", &["10.0.0.5"]);
    println!("measured: file rewritten by another program: names back after {took:?}");
    assert_eq!(hosts.addresses("mine"), ["10.9.9.9"]);
    // As an editor does: another file in its place.
    let other = hosts
        .directory()
        .write("other", "127.0.0.1 localhost\n10.9.9.8 mine\n");
    fs::rename(other, hosts.path()).expect("rename");
    hosts.soon_maps("db", &["10.0.0.5"]);
    assert_eq!(hosts.addresses("mine"), ["10.9.9.8"]);
    // Appended after our block.
    hosts.put(hosts.text() + "10.9.9.7 later\n");
    tree.publish(2, &json!({"db": ["10.0.0.8"]}));
    hosts.soon_maps("db", &["10.0.0.8"]);
    assert_eq!(hosts.addresses("later"), ["10.9.9.7"]);
    assert_eq!(
        hosts.foreign(),
        "127.0.0.1 localhost\n10.9.9.8 mine\n10.9.9.7 later\n"
    );
    // Removed.
    fs::remove_file(hosts.path()).expect("remove");
    hosts.soon_maps("db", &["10.0.0.8"]);
}

/// What a machine is called its engine, or its other lines, say; nobody who may create a znode takes that.
#[test]
fn the_name_of_the_machine_itself_is_left_to_other_lines() {
    if !needs(Need::MountNamespace) {
        return;
    }
    let (tree, hosts) = (tree("own-name"), HostsFile::with("127.0.0.1 localhost\n"));
    tree.publish(1, &json!({"web-1": ["10.6.6.6"], "db": ["10.0.0.5"]}));
    let called = [
        "unshare",
        "--uts",
        "sh",
        "-c",
        "hostname WEB-1; exec \"$@\"",
        "sh",
    ];
    let agent = hostsync(&tree, &hosts).inside(&called);
    let once = agent.call(&["once"]).expect_code(0);
    once.expect_words(&["1 name in"]);
    assert_eq!(hosts.addresses("web-1"), [""; 0]);
    let running = agent.run();
    running.soon_says("web-1 is published, and is this machine's own name");
    tree.publish(2, &json!({"web-1": ["10.6.6.7"], "db": ["10.0.0.6"]}));
    hosts.soon_maps("db", &["10.0.0.6"]);
    assert_eq!(hosts.addresses("web-1"), [""; 0]);
    agent
        .soon_well()
        .expect_words(&["left to lines that are not ours: web-1"]);
    // On another machine it is a name like any other.
    drop(running);
    let _other = hostsync(&tree, &hosts).run();
    hosts.soon_maps("web-1", &["10.6.6.7"]);
}
