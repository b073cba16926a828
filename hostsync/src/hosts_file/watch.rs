//! Tells when somebody changes the hosts file.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::Places;

/// How often the file is looked at when it cannot be watched.
const POLL: Duration = Duration::from_secs(3);

/// Watches the paths on which the hosts file depends.
///
/// Directories are watched rather than files, since a file that is replaced takes its watch along.
/// A mount point is watched itself: it changes without its directory being told.
#[derive(Debug, Default)]
pub struct Watcher {
    signal: Arc<Signal>,
    places: Places,
    inner: Option<RecommendedWatcher>,
    /// Why it has to poll; kept so that it is said once.
    trouble: Option<String>,
}

/// What the thread that receives events tells.
#[derive(Debug, Default)]
struct Signal {
    changed: Notify,
    /// What was watched is gone, and the watch with it.
    lost: AtomicBool,
}

impl Watcher {
    /// Waits until the file may have changed since the last call.
    pub async fn changed(&self) {
        let changed = self.signal.changed.notified();
        if self.trouble.is_some() {
            let _ = tokio::time::timeout(POLL, changed).await;
        } else {
            changed.await;
        }
    }

    /// Watches these places from now on. True when they were not watched before: what was read
    /// until now may then be out of date.
    pub fn follow(&mut self, places: &Places) -> bool {
        let lost = self.signal.lost.swap(false, Ordering::Relaxed);
        if !lost && self.trouble.is_none() && self.places == *places {
            return false;
        }
        self.places = places.clone();
        match start(&self.signal, places) {
            Ok(inner) => {
                self.inner = Some(inner);
                if self.trouble.take().is_some() {
                    log::info!("the hosts file is watched again");
                }
                true
            }
            Err(error) => {
                self.inner = None;
                self.complain(explain(&error));
                false
            }
        }
    }

    fn complain(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            log::warn!(
                "cannot watch the hosts file, so it is looked at every {} s: {trouble}",
                POLL.as_secs()
            );
        }
        self.trouble = Some(trouble);
    }
}

fn start(signal: &Arc<Signal>, places: &Places) -> notify::Result<RecommendedWatcher> {
    let paths = places.paths.clone();
    let directories = paths.iter().filter_map(|path| path.parent());
    let watched: BTreeSet<PathBuf> = directories
        .chain(places.mount.as_deref())
        .map(Path::to_owned)
        .collect();
    let (signal, ours) = (Arc::clone(signal), watched.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let (changed, lost) = event.map_or((true, true), |event| judge(&event, &paths, &ours));
        if lost {
            signal.lost.store(true, Ordering::Relaxed);
        }
        if changed || lost {
            signal.changed.notify_one();
        }
    })?;
    for path in &watched {
        watcher.watch(path, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Whether an event may have changed the file, and whether it ended a watch.
fn judge(event: &Event, paths: &BTreeSet<PathBuf>, watched: &BTreeSet<PathBuf>) -> (bool, bool) {
    let any_of = |set: &BTreeSet<PathBuf>| event.paths.iter().any(|path| set.contains(path));
    let (content, moved) = match event.kind {
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

fn explain(error: &notify::Error) -> String {
    let errno = |error: &io::Error| error.raw_os_error().map(Errno::from_raw);
    match &error.kind {
        ErrorKind::MaxFilesWatch => "all inotify watches of this user are taken; raise the sysctl \
             fs.inotify.max_user_watches"
            .into(),
        ErrorKind::Io(source) if errno(source) == Some(Errno::ENOSPC) => {
            "all inotify watches of this user are taken; raise the sysctl \
             fs.inotify.max_user_watches"
                .into()
        }
        ErrorKind::Io(source) if errno(source) == Some(Errno::EMFILE) => {
            "all inotify instances of this user are taken, or all file descriptors of this process; \
             raise the sysctl fs.inotify.max_user_instances or the limit of open files"
                .into()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Long enough for a loaded machine; nothing waits so long unless it fails.
    const DEADLINE: Duration = Duration::from_secs(20);

    fn places(paths: &[&Path]) -> Places {
        Places {
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
            mount: None,
        }
    }

    async fn notices(watcher: &Watcher, what: &str) {
        let noticed = tokio::time::timeout(DEADLINE, watcher.changed()).await;
        assert!(noticed.is_ok(), "{what} was not noticed");
    }

    /// Swallows what is still under way, up to the event of a marker file.
    async fn drain(watcher: &Watcher, hosts: &Path) {
        fs::remove_file(hosts).unwrap();
        notices(watcher, "deletion").await;
        while tokio::time::timeout(Duration::from_millis(50), watcher.changed())
            .await
            .is_ok()
        {}
    }

    #[tokio::test]
    async fn foreign_edits_are_noticed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = directory.path().join("hosts");
        fs::write(&hosts, "a").unwrap();
        let mut watcher = Watcher::default();
        assert!(watcher.follow(&places(&[&hosts])));
        assert!(!watcher.follow(&places(&[&hosts])));

        fs::write(&hosts, "b").unwrap();
        notices(&watcher, "write").await;
        drain(&watcher, &hosts).await;
        fs::write(directory.path().join("other"), "c").unwrap();
        fs::rename(directory.path().join("other"), &hosts).unwrap();
        notices(&watcher, "rename").await;
        drain(&watcher, &hosts).await;
        fs::write(&hosts, "d").unwrap();
        notices(&watcher, "creation").await;
        while tokio::time::timeout(Duration::from_millis(50), watcher.changed())
            .await
            .is_ok()
        {}

        fs::read(&hosts).unwrap();
        fs::set_permissions(&hosts, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(directory.path().join("other"), "e").unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(200), watcher.changed()).await;
        assert!(silent.is_err(), "woken by what does not change the file");
    }

    #[tokio::test]
    async fn a_link_that_is_turned_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (link, target) = (
            directory.path().join("hosts"),
            elsewhere.path().join("target"),
        );
        fs::write(&target, "a").unwrap();
        symlink(&target, &link).unwrap();
        let mut watcher = Watcher::default();
        watcher.follow(&places(&[&link, &target]));
        fs::write(&target, "b").unwrap();
        notices(&watcher, "a write to the target").await;
        fs::remove_file(&link).unwrap();
        notices(&watcher, "removal of the link").await;
    }

    #[tokio::test]
    async fn a_directory_that_is_made_anew_is_watched_again() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("d");
        let hosts = directory.join("hosts");
        fs::create_dir(&directory).unwrap();
        let mut watcher = Watcher::default();
        watcher.follow(&places(&[&hosts]));
        fs::remove_dir(&directory).unwrap();
        notices(&watcher, "loss of the directory").await;
        assert!(
            !watcher.follow(&places(&[&hosts])),
            "there is nothing to watch"
        );
        assert!(watcher.trouble.is_some());
        fs::create_dir(&directory).unwrap();
        assert!(watcher.follow(&places(&[&hosts])));
        assert_eq!(watcher.trouble, None);
        fs::write(&hosts, "a").unwrap();
        notices(&watcher, "creation").await;
    }

    #[test]
    fn exhaustion_names_the_limit() {
        let explain = |kind| explain(&notify::Error::new(kind));
        assert!(explain(ErrorKind::MaxFilesWatch).contains("max_user_watches"));
        let full = ErrorKind::Io(Errno::ENOSPC.into());
        assert!(explain(full).contains("max_user_watches"));
        let taken = ErrorKind::Io(Errno::EMFILE.into());
        assert!(explain(taken).contains("max_user_instances"));
    }
}
