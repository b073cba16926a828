//! Points at which a test kills the process, between any two writes.

/// Kills this process with SIGKILL where the variable `HOSTSYNC_KILL_AT` says the number of this
/// point, counted from 1. Does nothing in a release build.
pub(super) fn point() {
    #[cfg(debug_assertions)]
    {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicU64, Ordering};

        static KILL_AT: LazyLock<Option<u64>> =
            LazyLock::new(|| std::env::var("HOSTSYNC_KILL_AT").ok()?.parse().ok());
        static POINTS: AtomicU64 = AtomicU64::new(0);
        if let Some(kill_at) = *KILL_AT
            && POINTS.fetch_add(1, Ordering::Relaxed) + 1 == kill_at
        {
            let _ = nix::sys::signal::raise(nix::sys::signal::SIGKILL);
        }
    }
}
