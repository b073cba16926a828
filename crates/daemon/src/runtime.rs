//! The runtime that both daemons run in.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// Two workers, so that a busy task does not hold up the rest; memory matters more than the last
/// bit of speed, hence short-lived blocking threads with small stacks. There may
/// be several of those, so that names which do not resolve do not hold up files.
///
/// # Errors
/// The system refuses threads or file descriptors.
pub fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_keep_alive(Duration::from_secs(1));
    builder
        .thread_stack_size(1 << 20)
        .thread_name("worker")
        .enable_all();
    builder.build().context("cannot start threads")
}
