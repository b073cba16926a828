//! Tells when somebody changes the hosts file.

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::errno::Errno;
use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind};
use notify::{Config, ErrorKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::WatchSet;

/// Watches the paths on which the hosts file depends.
///
/// Directories are watched rather than files, since a file that is replaced takes its watch along.
/// A mount point is watched itself: it changes without its directory being told.
pub struct Watcher {
    signal: Arc<Signal>,
    set: WatchSet,
    /// Made once, with its thread: later the system may have no more of them.
    inner: Option<RecommendedWatcher>,
    /// All of the set is watched.
    is_watching: bool,
}

/// Why the file cannot be watched. It can still be looked at from time to time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// All inotify watches of this user are taken.
    #[error(
        "all inotify watches of this user are taken; raise the sysctl fs.inotify.max_user_watches"
    )]
    Watches,
    /// All inotify instances of this user, or all file descriptors of this process, are taken.
    #[error(
        "all inotify instances of this user are taken, or all file descriptors of this process; \
         raise the sysctl fs.inotify.max_user_instances or the limit of open files"
    )]
    Instances,
    /// There is no thread to be had.
    #[error(
        "the system gives no thread to watch it; raise the limit of processes (ulimit -u, or the \
         pids of the container)"
    )]
    Threads,
    /// The system refuses for another reason, such as a directory that is gone.
    #[error("{0}")]
    Refused(String),
}

/// What the thread that receives events does.
struct Signal {
    changed: Box<dyn Fn() + Send + Sync>,
    /// What was watched is gone, and the watch with it.
    is_lost: AtomicBool,
    /// Which events matter.
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    /// The paths on which the file depends.
    paths: BTreeSet<PathBuf>,
    /// What is watched for their sake.
    directories: BTreeSet<PathBuf>,
}

impl Watcher {
    /// A watcher that calls `changed`, from a thread of its own, each time when the file may have
    /// changed. It watches nothing yet.
    pub fn new(changed: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            signal: Arc::new(Signal {
                changed: Box::new(changed),
                is_lost: AtomicBool::new(false),
                watched: Mutex::default(),
            }),
            set: WatchSet::default(),
            inner: None,
            is_watching: false,
        }
    }

    /// Watches this set from now on. True when it was not watched before: what was read until now
    /// may then be out of date.
    ///
    /// # Errors
    /// Nothing is watched; the next call tries again.
    pub fn follow(&mut self, set: &WatchSet) -> Result<bool, WatchError> {
        let is_lost = self.signal.is_lost.swap(false, Ordering::Relaxed);
        if !is_lost && self.is_watching && self.set == *set {
            return Ok(false);
        }
        self.set = set.clone();
        self.is_watching = false;
        let mut inner = match self.inner.take() {
            Some(inner) => inner,
            None => start(&self.signal)?,
        };
        let watched = Watched::new(set);
        let now = watched.directories.clone();
        let before = self.signal.now_watches(watched);
        let result = alive(|| {
            for path in &before {
                // It may be gone, and its watch with it.
                let _ = inner.unwatch(path);
            }
            let mut watch = |path| inner.watch(path, RecursiveMode::NonRecursive);
            now.iter().try_for_each(|path| watch(path))
        });
        let Some(result) = result else {
            // Dropping what has no thread would panic.
            std::mem::forget(inner);
            return Err(WatchError::Threads);
        };
        self.inner = Some(inner);
        result.map_err(WatchError::from)?;
        self.is_watching = true;
        Ok(true)
    }
}

impl Watched {
    /// Directories are watched rather than files.
    fn new(set: &WatchSet) -> Self {
        let paths = set.paths.clone();
        let directories = paths.iter().filter_map(|path| path.parent());
        let directories = directories.chain(set.mount.as_deref());
        Self {
            directories: directories.map(Path::to_owned).collect(),
            paths,
        }
    }
}

impl Signal {
    /// Judges events by this from now on; returns what was watched before.
    fn now_watches(&self, watched: Watched) -> BTreeSet<PathBuf> {
        let mut now = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *now, watched).directories
    }

    fn take(&self, event: notify::Result<Event>) {
        let (changed, lost) = event.map_or((true, true), |event| {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            judge(&event, &watched.paths, &watched.directories)
        });
        if lost {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        if changed || lost {
            (self.changed)();
        }
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Watcher");
        text.field("set", &self.set).finish_non_exhaustive()
    }
}

fn start(signal: &Arc<Signal>) -> Result<RecommendedWatcher, WatchError> {
    // The library does not tell when it gets no thread, and panics later.
    let thread = thread::Builder::new().spawn(|| {});
    let thread = thread.map_err(|_| WatchError::Threads)?;
    // Nothing in there can panic.
    let _ = thread.join();
    let signal = Arc::clone(signal);
    let watcher = RecommendedWatcher::new(
        move |event| signal.take(event),
        Config::default().with_event_kinds(telling()),
    );
    watcher.map_err(WatchError::from)
}

/// The kinds of events that [`judge`] heeds. Of others the thread is not woken: every program that starts opens
/// files beside this one, and every one that looks up a name opens it.
fn telling() -> EventKindMask {
    EventKindMask::CREATE
        | EventKindMask::REMOVE
        | EventKindMask::MODIFY_DATA
        | EventKindMask::MODIFY_NAME
        | EventKindMask::ACCESS_CLOSE
}

/// What `call` returns; none where the library panics, since its thread is none.
fn alive<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// Whether an event may have changed the file, and whether it ended a watch.
fn judge(event: &Event, paths: &BTreeSet<PathBuf>, watched: &BTreeSet<PathBuf>) -> (bool, bool) {
    let any_of = |set: &BTreeSet<PathBuf>| event.paths.iter().any(|path| set.contains(path));
    let (content, moved) = match event.kind {
        // The only one after a write through a mapping of the file.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (true, false),
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => (false, false),
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => (true, true),
        _ => (true, false),
    };
    (
        event.need_rescan() || content && any_of(paths),
        moved && any_of(watched),
    )
}

impl From<notify::Error> for WatchError {
    fn from(error: notify::Error) -> Self {
        let errno = |error: &io::Error| error.raw_os_error().map(Errno::from_raw);
        match &error.kind {
            ErrorKind::MaxFilesWatch => Self::Watches,
            ErrorKind::Io(source) if errno(source) == Some(Errno::ENOSPC) => Self::Watches,
            ErrorKind::Io(source) if errno(source) == Some(Errno::EMFILE) => Self::Instances,
            _ => Self::Refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, Flag, MetadataKind, RemoveKind, RenameMode};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    /// Long enough for a loaded machine; nothing waits so long unless it fails.
    const DEADLINE: Duration = Duration::from_secs(20);

    fn set(paths: &[&Path]) -> WatchSet {
        WatchSet {
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
            mount: None,
        }
    }

    fn watcher() -> (Watcher, Receiver<()>) {
        let (sender, calls) = channel();
        let watcher = Watcher::new(move || {
            // The test may have ended.
            let _ = sender.send(());
        });
        (watcher, calls)
    }

    fn notices(calls: &Receiver<()>, what: &str) {
        let called = calls.recv_timeout(DEADLINE);
        assert!(called.is_ok(), "{what} was not noticed");
    }

    /// Each on a watch of its own, so that no other event can stand in for it.
    #[test]
    fn foreign_edits_are_noticed() {
        type Edit = fn(&Path, &Path);
        let edits: [(&str, Edit); 4] = [
            ("a write", |hosts, _| fs::write(hosts, "b").unwrap()),
            ("a rename", |hosts, other| fs::rename(other, hosts).unwrap()),
            ("deletion", |hosts, _| fs::remove_file(hosts).unwrap()),
            ("a link", |hosts, other| {
                fs::remove_file(hosts).unwrap();
                symlink(other, hosts).unwrap();
            }),
        ];
        for (what, edit) in edits {
            let directory = tempfile::tempdir().unwrap();
            let at = |name: &str| directory.path().join(name);
            fs::write(at("hosts"), "a").unwrap();
            fs::write(at("other"), "c").unwrap();
            let (mut watcher, calls) = watcher();
            assert_eq!(watcher.follow(&set(&[&at("hosts")])), Ok(true));
            assert_eq!(watcher.follow(&set(&[&at("hosts")])), Ok(false));
            edit(&at("hosts"), &at("other"));
            notices(&calls, what);
        }
    }

    #[test]
    fn what_does_not_change_the_file_is_not_noticed() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("d");
        let (hosts, other) = (directory.join("hosts"), directory.join("other"));
        fs::create_dir(&directory).unwrap();
        fs::write(&hosts, "a").unwrap();
        let (mut watcher, calls) = watcher();
        watcher.follow(&set(&[&hosts])).unwrap();
        fs::read(&hosts).unwrap();
        fs::set_permissions(&hosts, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&other, "b").unwrap();
        fs::remove_file(&other).unwrap();
        // Events come in their order: the two that are noticed are the last ones.
        fs::remove_file(&hosts).unwrap();
        fs::remove_dir(&directory).unwrap();
        let mut noticed = 0;
        while !watcher.signal.is_lost.load(Ordering::Relaxed) {
            notices(&calls, "loss of the directory");
            noticed += 1;
        }
        drop(watcher);
        assert_eq!(noticed + calls.iter().count(), 2);
    }

    #[test]
    fn a_link_that_is_turned_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (link, target) = (
            directory.path().join("hosts"),
            elsewhere.path().join("target"),
        );
        fs::write(&target, "a").unwrap();
        symlink(&target, &link).unwrap();
        let (mut watcher, calls) = watcher();
        watcher.follow(&set(&[&link, &target])).unwrap();
        fs::remove_file(&link).unwrap();
        notices(&calls, "removal of the link");
        fs::write(&target, "b").unwrap();
        notices(&calls, "a write to the target");
    }

    #[test]
    fn a_directory_that_is_made_anew_is_watched_again() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("d");
        let hosts = directory.join("hosts");
        fs::create_dir(&directory).unwrap();
        let (mut watcher, calls) = watcher();
        watcher.follow(&set(&[&hosts])).unwrap();
        fs::remove_dir(&directory).unwrap();
        notices(&calls, "loss of the directory");
        let refused = watcher.follow(&set(&[&hosts]));
        assert!(
            matches!(refused, Err(WatchError::Refused(_))),
            "{refused:?}"
        );
        fs::create_dir(&directory).unwrap();
        assert_eq!(watcher.follow(&set(&[&hosts])), Ok(true));
        fs::write(&hosts, "a").unwrap();
        notices(&calls, "creation");
    }

    #[test]
    fn each_kind_of_event_is_judged() {
        let (hosts, directory) = (PathBuf::from("/d/hosts"), PathBuf::from("/d"));
        let judged = |kind: EventKind, path: &Path| {
            let event = Event::new(kind).add_path(path.to_owned());
            judge(
                &event,
                &BTreeSet::from([hosts.clone()]),
                &BTreeSet::from([directory.clone()]),
            )
        };
        let closed = |mode| EventKind::Access(AccessKind::Close(mode));
        for (kind, expected) in [
            (closed(AccessMode::Write), true),
            (closed(AccessMode::Read), false),
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), false),
            (EventKind::Modify(ModifyKind::Data(DataChange::Any)), true),
            (
                EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
                false,
            ),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), true),
            (EventKind::Create(CreateKind::File), true),
            (EventKind::Remove(RemoveKind::File), true),
        ] {
            assert_eq!(judged(kind, &hosts), (expected, false), "{kind:?}");
            assert_eq!(telling().matches(&kind), expected, "{kind:?}");
            assert_eq!(
                judged(kind, Path::new("/d/other")),
                (false, false),
                "{kind:?}"
            );
        }
        for (kind, expected) in [
            (EventKind::Remove(RemoveKind::Folder), true),
            (EventKind::Modify(ModifyKind::Name(RenameMode::From)), true),
            (EventKind::Create(CreateKind::Folder), false),
        ] {
            assert_eq!(judged(kind, &directory), (false, expected), "{kind:?}");
        }
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(judge(&overflow, &BTreeSet::new(), &BTreeSet::new()).0);
    }

    #[test]
    fn exhaustion_names_the_limit() {
        let said = |kind| WatchError::from(notify::Error::new(kind)).to_string();
        assert!(said(ErrorKind::MaxFilesWatch).contains("max_user_watches"));
        let full = ErrorKind::Io(Errno::ENOSPC.into());
        assert!(said(full).contains("max_user_watches"));
        let taken = ErrorKind::Io(Errno::EMFILE.into());
        assert!(said(taken).contains("max_user_instances"));
    }
}
