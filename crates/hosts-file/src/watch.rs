//! Tells when somebody changes the hosts file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::errno::Errno;
use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind};
use notify::{Config, ErrorKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::WatchSet;

/// Watches the paths on which one hosts file depends.
///
/// Directories are watched rather than files, since a file that is replaced takes its watch along.
/// A mount point is watched itself: it changes without its directory being told.
pub struct Watcher {
    hub: Watchers,
    number: u64,
    subscriber: Arc<Subscriber>,
    set: WatchSet,
    /// What the system watches for it.
    held: Vec<(Part, PathBuf)>,
    /// All of the set is watched.
    is_watching: bool,
}

/// What makes the watchers of many files, which share their threads.
///
/// Of a directory only what comes and goes in it is heeded then, since others write there too, such as logs:
/// the files are to be in the set as its [`mount`](WatchSet::mount) as well.
#[derive(Clone)]
pub struct Watchers(Arc<Hub>);

struct Hub {
    subscribers: Arc<Subscribers>,
    /// Whether one is for directories and another one for files.
    is_for_many: bool,
    /// Made once, each with its thread: later the system may have no more of them.
    parts: Mutex<BTreeMap<Part, Watched>>,
}

/// Which of the system's watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Directories,
    Files,
}

struct Watched {
    watcher: RecommendedWatcher,
    /// How many hold each path.
    holders: BTreeMap<PathBuf, usize>,
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

/// Those that the threads tell of events.
#[derive(Default)]
struct Subscribers(Mutex<(u64, BTreeMap<u64, Arc<Subscriber>>)>);

/// Whom an event may concern.
struct Subscriber {
    changed: Box<dyn Fn() + Send + Sync>,
    /// What was watched is gone, and the watch with it.
    is_lost: AtomicBool,
    /// Which events matter.
    concerns: Mutex<Concerns>,
}

#[derive(Default)]
struct Concerns {
    /// The paths on which the file depends.
    paths: BTreeSet<PathBuf>,
    /// Directories in which everything matters that comes or goes.
    directories: BTreeSet<PathBuf>,
    /// What is watched for their sake.
    watched: BTreeSet<PathBuf>,
}

impl Watcher {
    /// A watcher that calls `changed`, from a thread of its own, each time when the file may have
    /// changed. It watches nothing yet.
    pub fn new(changed: impl Fn() + Send + Sync + 'static) -> Self {
        Watchers::with(false).watcher(changed)
    }

    /// Watches this set from now on. True when it was not watched before: what was read until now
    /// may then be out of date.
    ///
    /// # Errors
    /// Nothing is watched; the next call tries again.
    pub fn follow(&mut self, set: &WatchSet) -> Result<bool, WatchError> {
        let is_lost = self.subscriber.is_lost.swap(false, Ordering::Relaxed);
        if !is_lost && self.is_watching && self.set == *set {
            return Ok(false);
        }
        self.set = set.clone();
        self.is_watching = false;
        let (concerns, wanted) = Concerns::new(set);
        *locked(&self.subscriber.concerns) = concerns;
        self.hub.0.release(&std::mem::take(&mut self.held));
        self.hub.0.hold(wanted, &mut self.held)?;
        self.is_watching = true;
        Ok(true)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        locked(&self.hub.0.subscribers.0).1.remove(&self.number);
        self.hub.0.release(&self.held);
    }
}

impl Default for Watchers {
    fn default() -> Self {
        Self::with(true)
    }
}

impl Watchers {
    fn with(is_for_many: bool) -> Self {
        Self(Arc::new(Hub {
            subscribers: Arc::default(),
            is_for_many,
            parts: Mutex::default(),
        }))
    }

    /// One more, as [`Watcher::new`].
    pub fn watcher(&self, changed: impl Fn() + Send + Sync + 'static) -> Watcher {
        let subscriber = Arc::new(Subscriber {
            changed: Box::new(changed),
            is_lost: AtomicBool::new(false),
            concerns: Mutex::default(),
        });
        let number = {
            let (next, all) = &mut *locked(&self.0.subscribers.0);
            *next += 1;
            all.insert(*next, Arc::clone(&subscriber));
            *next
        };
        Watcher {
            hub: self.clone(),
            number,
            subscriber,
            set: WatchSet::default(),
            held: Vec::new(),
            is_watching: false,
        }
    }
}

impl Hub {
    /// Has these watched, and notes in `held` which are.
    fn hold(
        &self,
        wanted: Vec<(Part, PathBuf)>,
        held: &mut Vec<(Part, PathBuf)>,
    ) -> Result<(), WatchError> {
        let mut parts = locked(&self.parts);
        for (part, path) in wanted {
            let part = if self.is_for_many {
                part
            } else {
                Part::Directories
            };
            let mut of = match parts.remove(&part) {
                Some(of) => of,
                None => Watched {
                    watcher: start(&self.subscribers, self.kinds(part))?,
                    holders: BTreeMap::new(),
                },
            };
            // Also where it is watched: that may be another one by this path.
            let Some(result) = alive(|| of.watcher.watch(&path, RecursiveMode::NonRecursive))
            else {
                // Dropping what has no thread would panic.
                std::mem::forget(of.watcher);
                return Err(WatchError::Threads);
            };
            if result.is_ok() {
                *of.holders.entry(path.clone()).or_default() += 1;
                held.push((part, path));
            }
            parts.insert(part, of);
            result?;
        }
        Ok(())
    }

    fn release(&self, held: &[(Part, PathBuf)]) {
        let mut parts = locked(&self.parts);
        for (part, path) in held {
            let Some(mut of) = parts.remove(part) else {
                continue;
            };
            let holders = of.holders.get_mut(path);
            if let Some(holders) = holders
                && *holders > 1
            {
                *holders -= 1;
            } else {
                of.holders.remove(path);
                // It may be gone, and its watch with it.
                if alive(|| of.watcher.unwatch(path)).is_none() {
                    std::mem::forget(of.watcher);
                    continue;
                }
            }
            parts.insert(*part, of);
        }
    }

    fn kinds(&self, part: Part) -> EventKindMask {
        match part {
            Part::Directories if self.is_for_many => coming_and_going(),
            _ => telling(),
        }
    }
}

impl Concerns {
    /// Which events matter, and what is to be watched: directories rather than files.
    fn new(set: &WatchSet) -> (Self, Vec<(Part, PathBuf)>) {
        let directories = set.paths.iter().filter_map(|path| path.parent());
        let directories = directories.chain(set.directories.iter().map(PathBuf::as_path));
        let directories: BTreeSet<PathBuf> = directories.map(Path::to_owned).collect();
        let wanted = directories
            .iter()
            .map(|path| (Part::Directories, path.clone()));
        let file = set.mount.iter().map(|path| (Part::Files, path.clone()));
        let concerns = Self {
            paths: set.paths.clone(),
            directories: set.directories.clone(),
            watched: directories.iter().chain(&set.mount).cloned().collect(),
        };
        (concerns, wanted.chain(file).collect())
    }
}

impl Subscribers {
    fn take(&self, event: &notify::Result<Event>) {
        let all: Vec<_> = locked(&self.0).1.values().cloned().collect();
        for subscriber in all {
            subscriber.take(event);
        }
    }
}

impl Subscriber {
    fn take(&self, event: &notify::Result<Event>) {
        let (changed, lost) = match event {
            Err(_) => (true, true),
            Ok(event) => judge(event, &locked(&self.concerns)),
        };
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

impl std::fmt::Debug for Watchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(
    subscribers: &Arc<Subscribers>,
    kinds: EventKindMask,
) -> Result<RecommendedWatcher, WatchError> {
    // The library does not tell when it gets no thread, and panics later.
    let thread = thread::Builder::new().spawn(|| {});
    let thread = thread.map_err(|_| WatchError::Threads)?;
    // Nothing in there can panic.
    let _ = thread.join();
    let subscribers = Arc::clone(subscribers);
    let watcher = RecommendedWatcher::new(
        move |event| subscribers.take(&event),
        Config::default().with_event_kinds(kinds),
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

/// Those of them that tell of what comes and goes.
fn coming_and_going() -> EventKindMask {
    EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME
}

/// What `call` returns; none where the library panics, since its thread is none.
fn alive<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// Whether an event may have changed the file, and whether it ended a watch.
fn judge(event: &Event, concerns: &Concerns) -> (bool, bool) {
    let any_of = |set: &BTreeSet<PathBuf>| event.paths.iter().any(|path| set.contains(path));
    let is_in = |directories: &BTreeSet<PathBuf>| {
        let mut parents = event.paths.iter().filter_map(|path| path.parent());
        parents.any(|parent| directories.contains(parent))
    };
    let (content, moved) = match event.kind {
        // The only one after a write through a mapping of the file.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (true, false),
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => (false, false),
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => (true, true),
        _ => (true, false),
    };
    (
        event.need_rescan() || content && (any_of(&concerns.paths) || is_in(&concerns.directories)),
        moved && any_of(&concerns.watched),
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
            ..WatchSet::default()
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
        while !watcher.subscriber.is_lost.load(Ordering::Relaxed) {
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
                &Concerns {
                    paths: [hosts.clone()].into(),
                    directories: BTreeSet::new(),
                    watched: [directory.clone()].into(),
                },
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
        assert!(judge(&overflow, &Concerns::default()).0);
    }

    /// Of many files with one thread for all of them: each is told of its own, and of nothing that others write
    /// beside it.
    #[test]
    fn many_files_are_watched_together() {
        let base = tempfile::tempdir().unwrap();
        let watchers = Watchers::default();
        let mut all: Vec<_> = (0..20)
            .map(|number| {
                let directory = base.path().join(number.to_string());
                fs::create_dir(&directory).unwrap();
                let path = directory.join("hosts");
                fs::write(&path, "a").unwrap();
                let (sender, calls) = channel();
                let mut watcher = watchers.watcher(move || {
                    let _ = sender.send(());
                });
                let set = WatchSet {
                    mount: Some(path.clone()),
                    ..set(&[&path])
                };
                assert_eq!(watcher.follow(&set), Ok(true));
                (path, set, watcher, calls)
            })
            .collect();
        let threads = locked(&watchers.0.parts).len();
        assert_eq!(threads, 2);
        for at in [3, 17] {
            let (path, set, watcher, calls) = &mut all[at];
            // As an engine writes a container's log; and then the file itself.
            fs::write(path.with_file_name("log"), "b").unwrap();
            fs::write(&*path, "b").unwrap();
            notices(calls, "a write");
            // Replaced, so that what was watched is gone.
            fs::write(path.with_file_name("new"), "c").unwrap();
            fs::rename(path.with_file_name("new"), &*path).unwrap();
            while !watcher.subscriber.is_lost.load(Ordering::Relaxed) {
                notices(calls, "a rename");
            }
            assert_eq!(watcher.follow(set), Ok(true));
            while calls.try_recv().is_ok() {}
            fs::write(&*path, "d").unwrap();
            notices(calls, "a write to the new one");
        }
        for (at, (.., calls)) in all.iter().enumerate() {
            assert!(at == 3 || at == 17 || calls.try_recv().is_err(), "{at}");
        }
        drop(all);
        let parts = locked(&watchers.0.parts);
        assert!(parts.values().all(|part| part.holders.is_empty()));
    }

    #[test]
    fn all_that_comes_and_goes_in_a_directory_is_noticed() {
        let base = tempfile::tempdir().unwrap();
        let (sender, calls) = channel();
        let mut watcher = Watchers::default().watcher(move || {
            let _ = sender.send(());
        });
        let set = WatchSet {
            directories: [base.path().to_owned()].into(),
            ..WatchSet::default()
        };
        assert_eq!(watcher.follow(&set), Ok(true));
        fs::create_dir(base.path().join("a")).unwrap();
        notices(&calls, "a new entry");
        fs::remove_dir(base.path().join("a")).unwrap();
        notices(&calls, "the end of it");
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
