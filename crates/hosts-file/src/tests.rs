//! The file system's side: what is kept, what fails and how.
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::replace::SETTLE;
use crate::replace::rename::{self, Replaced};
use crate::*;

pub(super) const BLOCK: &str = "# BEGIN hostsync\n10.0.0.5 db\n# END hostsync\n";

pub(super) fn wanted() -> Hosts {
    let addresses = Addresses::from(vec!["10.0.0.5".parse().unwrap()]);
    Hosts::unit("db".parse().unwrap(), addresses)
}

pub(super) fn owner() -> Owner {
    Owner::new("hostsync").unwrap()
}

/// Written by any method that works.
pub(super) fn hosts_file(path: &Path) -> HostsFile {
    HostsFile::new(path, owner())
}

fn in_slots(path: &Path) -> HostsFile {
    hosts_file(path).with_method(MethodChoice::Slots)
}

pub(super) fn pass(path: &Path) -> Result<Pass, Error> {
    match hosts_file(path).reconcile(&wanted(), &Hosts::new())? {
        Outcome::Done(pass) => Ok(pass),
        Outcome::Unsettled(wait) => panic!("nothing to wait for, and yet {wait:?}"),
    }
}

/// A directory with a hosts file in it.
fn with_hosts(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hosts");
    fs::write(&path, text).unwrap();
    (directory, path)
}

/// What stands in the directory, to see that no temporary file stays behind.
pub(super) fn names_in(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    names
}

#[test]
fn all_names_of_a_file_say_the_same() {
    let (directory, path) = with_hosts("127.0.0.1 localhost\n");
    let other = directory.path().join("other");
    fs::hard_link(&path, &other).unwrap();
    let mut file = hosts_file(&path);
    let mut method = || match file.reconcile(&wanted(), &Hosts::new()).unwrap() {
        Outcome::Done(pass) => pass.method,
        Outcome::Unsettled(_) => panic!("nothing to wait for"),
    };
    assert_eq!(method(), Method::Slots(Reason::Linked));
    let text = fs::read_to_string(&other).unwrap();
    assert!(text.contains("db"), "{text}");
    assert_eq!(text, fs::read_to_string(&path).unwrap());
    let mut replaced = hosts_file(&path).with_method(MethodChoice::Replace);
    assert!(matches!(replaced.method(), Err(Error::Names(_))));
    fs::remove_file(&other).unwrap();
    assert_eq!(method(), Method::Replace);
    assert_eq!(replaced.method().unwrap(), Method::Replace);
}

#[test]
fn a_missing_file_is_created_for_all_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hosts");
    assert!(pass(&path).unwrap().wrote);
    assert_eq!(fs::read_to_string(&path).unwrap(), BLOCK);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    assert!(!pass(&path).unwrap().wrote);
    assert_eq!(names_in(directory.path()), ["hosts"]);
}

#[test]
fn owner_mode_and_attributes_are_kept() {
    let (_directory, path) = with_hosts("a\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let root = nix::unistd::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
    }
    xattr::set(&path, "user.note", b"kept").unwrap();
    let before = fs::metadata(&path).unwrap();
    let pass = pass(&path).unwrap();
    assert!(pass.wrote && pass.lost_attributes.is_empty());
    let after = fs::metadata(&path).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(after.mode() & 0o7777, 0o640);
    assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
    let note = xattr::get(&path, "user.note").unwrap();
    assert_eq!(note.as_deref(), Some(&b"kept"[..]));
    assert_eq!(after.uid() == 12, root);
}

#[test]
fn links_are_followed_also_to_a_file_that_is_not_there_yet() {
    let (directory, target) = with_hosts("a\n");
    let at = |name: &str| directory.path().join(name);
    symlink("hosts", at("second")).unwrap();
    symlink(at("second"), at("first")).unwrap();
    symlink("new", at("dangling")).unwrap();
    assert_eq!(
        pass(&at("first")).unwrap().target,
        target.canonicalize().unwrap()
    );
    assert_eq!(fs::read_to_string(&target).unwrap(), format!("a\n{BLOCK}"));
    pass(&at("dangling")).unwrap();
    assert_eq!(fs::read_to_string(at("new")).unwrap(), BLOCK);
    for link in ["first", "second", "dangling"] {
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
    }
    symlink("circle", at("circle")).unwrap();
    assert!(matches!(pass(&at("circle")), Err(Error::Circle(_))));
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| pass(path).unwrap_err().to_string();
    let message = refusal(directory.path());
    assert!(message.ends_with("is a directory"), "{message}");
    let message = refusal(&directory.path().join("no/hosts"));
    assert!(message.contains("/no does not exist"), "{message}");
    assert!(refusal(Path::new("/dev/null")).contains("not a regular file"));
    let large = directory.path().join("large");
    fs::File::create(&large)
        .unwrap()
        .set_len(MAX_BYTES + 1)
        .unwrap();
    assert!(refusal(&large).contains("67108865 bytes long"));
}

/// Whoever only reads must not take a living writer's file away.
#[test]
fn nothing_is_done_to_a_file_before_it_is_asked_for() {
    let (directory, path) = with_hosts("");
    let leftover = directory.path().join(".hosts.hostsync-abcDEF012345");
    fs::write(&leftover, "").unwrap();
    let file = hosts_file(&path);
    assert_eq!(read(&path).unwrap(), b"");
    assert!(!file.holds_block());
    assert!(leftover.exists());
    assert_eq!(file.remove_leftovers(), [leftover]);
    assert_eq!(names_in(directory.path()), ["hosts"]);
    let nowhere = hosts_file(&path.join("no/hosts"));
    assert!(nowhere.remove_leftovers().is_empty());
}

#[test]
fn a_change_between_reading_and_renaming_is_not_overwritten() {
    let (_directory, path) = with_hosts("a\n");
    let found = read::find(&path).unwrap();
    // Of the same length, and perhaps within the same tick of the kernel's clock.
    fs::write(&path, "b\n").unwrap();
    let replaced = rename::replace(&path, found.as_ref(), b"new", &owner(), true).unwrap();
    assert!(matches!(replaced, Replaced::Stale), "{replaced:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
    let replaced = rename::replace(&path, None, b"new", &owner(), true).unwrap();
    assert!(matches!(replaced, Replaced::Stale), "{replaced:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
}

#[test]
fn bytes_do_not_change_unseen_within_one_tick() {
    let (_directory, path) = with_hosts("a\n");
    let mut found = read::find(&path).unwrap().unwrap();
    assert!(read::is_unchanged(&path, Some(&found)).unwrap());
    for text in ["b\n", "a\nb", ""] {
        found.text = text.into();
        assert!(
            !read::is_unchanged(&path, Some(&found)).unwrap(),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_written_to_the_old_file_meanwhile_is_rescued() {
    let (_directory, path) = with_hosts("a\n");
    let mut late = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let found = read::find(&path).unwrap().unwrap();
    rename::replace(&path, Some(&found), b"new\n", &owner(), false).unwrap();
    late.write_all(b"10.1.1.1 late\n").unwrap();
    let rescued = rename::overtaken(&path, &found).unwrap();
    assert_eq!(rescued.as_deref(), Some(&b"a\n10.1.1.1 late\n"[..]));
}

#[test]
fn a_file_that_is_being_rewritten_is_left_alone_for_a_moment() {
    let (_directory, path) = with_hosts("10.1.1.1 other\n");
    let mut file = hosts_file(&path);
    assert!(matches!(
        file.reconcile(&wanted(), &Hosts::new()),
        Ok(Outcome::Done(_))
    ));
    let mut writer = fs::File::create(&path).unwrap();
    let outcome = file.reconcile(&wanted(), &wanted()).unwrap();
    assert!(matches!(outcome, Outcome::Unsettled(wait) if wait <= SETTLE));
    assert_eq!(fs::read(&path).unwrap(), b"");
    writer.write_all(b"10.1.1.1 other\n").unwrap();
    drop(writer);
    let outcome = file.reconcile(&wanted(), &wanted()).unwrap();
    assert!(matches!(outcome, Outcome::Done(Pass { wrote: true, .. })));
    // Emptied for good: repaired once it has been quiet for a moment.
    let emptied = fs::File::create(&path).unwrap();
    emptied
        .set_modified(std::time::SystemTime::now() - SETTLE)
        .unwrap();
    drop(emptied);
    let outcome = file.reconcile(&wanted(), &wanted()).unwrap();
    assert!(matches!(outcome, Outcome::Done(Pass { wrote: true, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), BLOCK);
}

/// The time at which the file was changed last, so long ago.
fn age(path: &Path, by: Duration) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

/// Makes the file say `db`; none where it is to be tried again.
fn try_pass(file: &mut HostsFile) -> Option<Pass> {
    match file.reconcile(&wanted(), &Hosts::new()).unwrap() {
        Outcome::Done(pass) => Some(pass),
        Outcome::Unsettled(_) => None,
    }
}

/// Whoever truncates the file and writes it line by line has what they write in the file.
#[test]
fn a_file_is_not_replaced_before_whoever_rewrites_it_has_closed_it() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n10.9.9.9 mine\n");
    let mut file = hosts_file(&path);
    assert!(try_pass(&mut file).is_some());
    let theirs = [
        "127.0.0.1 localhost\n",
        "10.9.9.9 mine\n",
        "10.9.9.8 more\n",
    ];
    let mut writer = fs::File::create(&path).unwrap();
    for line in theirs {
        writer.write_all(line.as_bytes()).unwrap();
        // Silence is no end of a write.
        age(&path, 5 * SETTLE);
        assert!(try_pass(&mut file).is_none());
    }
    drop(writer);
    assert_eq!(try_pass(&mut file).unwrap().method, Method::Replace);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, theirs.concat() + BLOCK);
}

/// Whoever has it open for ever does not keep our names out.
#[test]
fn a_file_that_somebody_has_open_for_long_is_written_in_slots() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = hosts_file(&path);
    file.reconcile(&Hosts::new(), &Hosts::new()).unwrap();
    let mut writer = fs::File::options().append(true).open(&path).unwrap();
    writer.write_all(b"10.9.9.9 first\n").unwrap();
    for _ in 0..2 {
        let method = try_pass(&mut file).unwrap().method;
        assert_eq!(method, Method::Slots(Reason::Held));
    }
    writer.write_all(b"10.9.9.8 second\n").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for name in ["first", "second", "db"] {
        assert_eq!(addresses_of(text.as_bytes(), name).len(), 1, "{text}");
    }
    drop(writer);
    // When it is looked at again, nobody has it open.
    file.held = file.held.map(|since| since - 2 * crate::file::HELD);
    assert_eq!(try_pass(&mut file).unwrap().method, Method::Replace);
    let text = fs::read_to_string(&path).unwrap();
    for name in ["first", "second", "db"] {
        assert_eq!(addresses_of(text.as_bytes(), name).len(), 1, "{text}");
    }
    assert!(!text.contains("#0") && !text.contains("  "), "{text}");
    // Nor does one who has truncated it and writes nothing.
    let _writer = fs::File::create(&path).unwrap();
    assert!(try_pass(&mut file).is_none());
    age(&path, Duration::from_secs(60));
    let method = sooner_or_later(&mut file).method;
    assert_eq!(method, Method::Slots(Reason::Held));
}

/// The pass that comes once what is to be waited for is over.
fn sooner_or_later(file: &mut HostsFile) -> Pass {
    loop {
        match file.reconcile(&wanted(), &Hosts::new()).unwrap() {
            Outcome::Done(pass) => return pass,
            Outcome::Unsettled(wait) => std::thread::sleep(wait),
        }
    }
}

/// Engines truncate the file and then write it: what we append in between, they write over, and what is left of
/// that is a line of nobody.
#[test]
fn nothing_is_appended_to_a_file_that_was_just_truncated() {
    let theirs = "127.0.0.1 localhost\n10.9.9.9 a-line-that-ends-in-the-middle-of-one-of-ours\n";
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = hosts_file(&path).mounted();
    assert!(try_pass(&mut file).is_some());
    for _ in 0..2 {
        let mut writer = fs::File::create(&path).unwrap();
        assert!(try_pass(&mut file).is_none());
        writer.write_all(theirs.as_bytes()).unwrap();
        assert!(try_pass(&mut file).is_some());
        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix(theirs).unwrap();
        assert!(rest.starts_with("# BEGIN hostsync"), "{text}");
        assert_eq!(addresses_of(text.as_bytes(), "db").len(), 1, "{text}");
    }
    // One that stays empty is meant to be.
    fs::File::create(&path).unwrap();
    assert!(sooner_or_later(&mut file).wrote);
}

#[test]
fn who_asked_for_replacing_only_is_told_why_it_cannot_be() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = hosts_file(&path).with_method(MethodChoice::Replace);
    assert!(try_pass(&mut file).is_some());
    let writer = fs::File::options().append(true).open(&path).unwrap();
    let refused = file.reconcile(&Hosts::new(), &wanted());
    assert!(matches!(refused, Err(Error::Held(_))), "{refused:?}");
    let refused = file.clean(&wanted());
    assert!(matches!(refused, Err(Error::Held(_))), "{refused:?}");
    drop(writer);
    assert!(file.clean(&wanted()).unwrap().wrote);
}

/// An editor renames the file and makes it anew: it must find the name free.
#[test]
fn a_file_that_has_just_gone_is_not_created_at_once() {
    let (directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = hosts_file(&path);
    assert!(try_pass(&mut file).is_some());
    fs::rename(&path, directory.path().join("hosts~")).unwrap();
    let Ok(Outcome::Unsettled(wait)) = file.reconcile(&wanted(), &Hosts::new()) else {
        panic!("it was created in the gap");
    };
    assert!(!path.exists());
    std::thread::sleep(wait);
    assert!(try_pass(&mut file).is_some());
    assert_eq!(fs::read_to_string(&path).unwrap(), BLOCK);
}

/// Between the last look and the rename, only the kernel can tell.
#[test]
fn who_opened_the_file_just_before_it_lost_its_name_is_waited_for() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = hosts_file(&path);
    let mut writer = fs::File::options().append(true).open(&path).unwrap();
    let straggler = crate::read::find(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "127.0.0.1 localhost\n").unwrap();
    assert_eq!(try_pass(&mut file).unwrap().wake, None);
    file.replacer.straggler = straggler;
    assert!(!file.still_agrees());
    assert_eq!(try_pass(&mut file).unwrap().wake, Some(SETTLE));
    writer.write_all(b"10.9.9.9 mine\n").unwrap();
    assert_eq!(try_pass(&mut file).unwrap().wake, Some(SETTLE));
    drop(writer);
    assert_eq!(try_pass(&mut file).unwrap().wake, None);
    let text = fs::read_to_string(&path).unwrap();
    let theirs = "127.0.0.1 localhost\n10.9.9.9 mine\n";
    assert_eq!(text, [theirs, BLOCK].concat());
}

#[test]
fn what_still_agrees_is_not_looked_at_twice() {
    let (directory, path) = with_hosts("a\n");
    let mut file = hosts_file(&path);
    assert!(!file.still_agrees(), "nothing is known of it");
    for _ in 0..2 {
        file.reconcile(&wanted(), &Hosts::new()).unwrap();
        assert!(file.still_agrees());
        fs::write(
            &path,
            fs::read_to_string(&path).unwrap().replace("db", "dc"),
        )
        .unwrap();
        assert!(!file.still_agrees());
    }
    file.reconcile(&wanted(), &Hosts::new()).unwrap();
    fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    assert!(!file.still_agrees());
    symlink("elsewhere", &path).unwrap();
    assert!(
        !file.still_agrees(),
        "the same text, but another file to watch"
    );
}

#[test]
fn clean_leaves_the_rest() {
    let (directory, path) = with_hosts("a\r\nb");
    pass(&path).unwrap();
    let mut file = hosts_file(&path);
    assert!(file.holds_block());
    let cleaned = file.clean(&Hosts::new()).unwrap();
    assert!(cleaned.wrote);
    assert_eq!(cleaned.lines, 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\r\nb");
    assert!(!file.holds_block());
    assert!(!file.clean(&Hosts::new()).unwrap().wrote);
    fs::remove_file(&path).unwrap();
    assert!(!file.clean(&Hosts::new()).unwrap().wrote);
    assert_eq!(names_in(directory.path()), Vec::<OsString>::new());
}

#[test]
fn slots_on_request_keep_inode_and_foreign_bytes() {
    let (_directory, path) = with_hosts("a\r\nb");
    let inode = fs::metadata(&path).unwrap().ino();
    let mut file = in_slots(&path);
    let mut entries = wanted();
    entries.insert(
        "web".parse().unwrap(),
        vec!["fd00::1".parse().unwrap()].into(),
    );
    for entries in [&entries, &wanted()] {
        let Outcome::Done(pass) = file.reconcile(entries, &Hosts::new()).unwrap() else {
            panic!("nothing to wait for");
        };
        assert_eq!(pass.method, Method::Slots(Reason::Chosen));
        assert!(pass.wrote && !pass.repaired);
        assert_eq!(pass.slots.unwrap().live, entries.len());
        assert!(file.still_agrees());
    }
    let text = fs::read(&path).unwrap();
    assert!(text.starts_with(b"a\r\nb\n# BEGIN hostsync"));
    assert_eq!(addresses_of(&text, "db").len(), 1);
    assert_eq!(addresses_of(&text, "web").len(), 0);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    let cleaned = file.clean(&Hosts::new()).unwrap();
    assert_eq!((cleaned.wrote, cleaned.lines), (true, 1));
    let text = fs::read(&path).unwrap();
    assert_eq!(addresses_of(&text, "db").len(), 0);
    drop(file);
    // The other method takes the dead slots for its own.
    pass(&path).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("a\r\nb\n{BLOCK}")
    );
}

#[test]
fn a_file_that_was_replaced_before_goes_on_in_slots() {
    let (_directory, path) = with_hosts("a\n");
    pass(&path).unwrap();
    let mut file = in_slots(&path);
    file.reconcile(&wanted(), &wanted()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    // Both lines say the same until every reader can know the new one.
    assert_eq!(addresses_of(text.as_bytes(), "db").len(), 2);
    assert!(text.starts_with(&format!("a\n{BLOCK}")), "{text}");
}

#[test]
fn a_foreign_rewrite_is_repaired_at_once() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut file = in_slots(&path);
    let mut pass = || match file.reconcile(&wanted(), &wanted()).unwrap() {
        Outcome::Done(pass) => pass,
        Outcome::Unsettled(wait) => panic!("nothing to wait for, and yet {wait:?}"),
    };
    pass();
    let text = fs::read_to_string(&path).unwrap();
    let podman: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    let docker = text
        .lines()
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
        + "\n172.18.0.2\tc0ffee\n";
    for (rewritten, rewrites) in [
        ("127.0.0.1 localhost\n".to_owned(), 1),
        (podman, 2),
        (text.replace("10.0.0.5 db", "10.0.0.9 db"), 3),
        (docker.clone(), 4),
        (format!("192.168.0.1 new\n{docker}"), 5),
    ] {
        fs::write(&path, &rewritten).unwrap();
        let pass = pass();
        assert_eq!(pass.slots.unwrap().rewrites, rewrites, "{rewritten}");
        let addresses = addresses_of(&fs::read(&path).unwrap(), "db");
        assert!(
            addresses.contains(&"10.0.0.5".parse().unwrap()),
            "{rewritten}: {addresses:?}"
        );
    }
}

#[test]
fn of_two_that_write_slots_the_second_is_refused() {
    let (_directory, path) = with_hosts("127.0.0.1 localhost\n");
    let mut first = in_slots(&path);
    first.reconcile(&wanted(), &Hosts::new()).unwrap();
    let mut second = in_slots(&path);
    let refused = second.reconcile(&wanted(), &Hosts::new()).unwrap_err();
    assert!(matches!(refused, Error::Locked(_)), "{refused}");
    drop(first);
    assert!(second.reconcile(&wanted(), &Hosts::new()).is_ok());
}
