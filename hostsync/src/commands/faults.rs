//! Points at which a test kills the process, between any two writes.

/// Has this process killed with SIGKILL at the point whose number, counted from 1, the variable
/// `HOSTSYNC_KILL_AT` says. Does nothing in a release build.
pub(crate) fn arm() {
    #[cfg(debug_assertions)]
    if std::env::var_os("HOSTSYNC_KILL_AT").is_some() {
        hosts_file::proof::before_each_write(point);
    }
}

#[cfg(debug_assertions)]
fn point() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static KILL_AT: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("HOSTSYNC_KILL_AT").ok()?.parse().ok());
    static POINTS: AtomicU64 = AtomicU64::new(0);
    if *KILL_AT == Some(POINTS.fetch_add(1, Ordering::Relaxed) + 1) {
        let _ = nix::sys::signal::raise(nix::sys::signal::SIGKILL);
    }
}
