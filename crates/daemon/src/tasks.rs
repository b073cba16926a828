//! The long-lived tasks of a daemon: one that panics is told, and started again where it can be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};

/// Delays before a task is started again: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Who worked for so long has recovered.
const WELL: Duration = Duration::from_secs(60);

/// The tasks of a daemon, and which of them are down. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    down: Mutex<BTreeMap<String, String>>,
    panics: AtomicU64,
}

impl Tasks {
    /// Runs what `make` makes until that ends by itself; when it panics, what `make` makes then,
    /// after a delay. Until it works again it counts as down. Dropped, the task ends, and is down no longer.
    pub async fn keep<F>(self, name: impl Into<String>, mut make: impl FnMut() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (name, mut delay) = (name.into(), RETRY.0);
        let mut fault = fault(&name);
        let _over = Over(&self, &name);
        loop {
            let mut task = JoinSet::new();
            task.spawn(with_fault(make(), fault.take()));
            let (begun, mut ended) = (tokio::time::Instant::now(), None);
            if self.is_down(&name) {
                // It is up again when it lasts.
                ended = tokio::time::timeout(delay, task.join_next()).await.ok();
                if ended.is_none() {
                    self.down().remove(&name);
                    log::info!("the task '{name}' works again");
                }
            }
            let ended = match ended {
                Some(ended) => ended,
                None => task.join_next().await,
            };
            let Some(Err(error)) = ended else {
                return;
            };
            if begun.elapsed() >= WELL {
                delay = RETRY.0;
            }
            self.failed(&name, error, &format!("it is started again in {delay:?}"));
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(RETRY.1);
        }
    }

    /// One sentence for each task that is down.
    pub fn failures(&self) -> Vec<String> {
        self.down().values().cloned().collect()
    }

    /// How often a task panicked.
    pub fn panics(&self) -> u64 {
        self.0.panics.load(Ordering::Relaxed)
    }

    fn failed(&self, name: &str, error: JoinError, then: &str) {
        let why = match error.try_into_panic() {
            Ok(panic) => said(&*panic),
            // The runtime ends.
            Err(_) => return,
        };
        self.0.panics.fetch_add(1, Ordering::Relaxed);
        log::error!("the task '{name}' is down: {why}; {then}");
        let text = format!("the task '{name}' is down: {why}");
        self.down().insert(name.to_owned(), text);
    }

    fn is_down(&self, name: &str) -> bool {
        self.down().contains_key(name)
    }

    fn down(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a task, however it ends.
struct Over<'a>(&'a Tasks, &'a str);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.down().remove(self.1);
    }
}

/// When a test has a task panic for once: the variable `TASK_PANICS` has how the names of such tasks begin,
/// with commas between. Never in a release build.
fn fault(name: &str) -> Option<Duration> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let asked = std::env::var("TASK_PANICS").ok()?;
    let is_meant = asked.split(',').any(|begin| name.starts_with(begin));
    is_meant.then_some(Duration::from_secs(1))
}

async fn with_fault(work: impl Future<Output = ()>, fault: Option<Duration>) {
    let Some(after) = fault else {
        return work.await;
    };
    tokio::select! {
        () = work => {}
        () = tokio::time::sleep(after) => panic!("a test wants it"),
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::watch;

    /// Time stands still but for what is waited for.
    #[tokio::test(start_paused = true)]
    async fn what_panics_is_told_and_started_again_until_it_ends_by_itself() {
        let (tasks, starts) = (Tasks::default(), watch::Sender::new(0));
        let (counted, mut seen) = (starts.clone(), starts.subscribe());
        let kept = tokio::spawn(tasks.clone().keep("web", move || {
            let (count, mut told) = (counted.clone(), counted.subscribe());
            async move {
                count.send_modify(|count| *count += 1);
                let mine = *count.borrow();
                assert!(mine > 2, "no more threads");
                let _ = told.wait_for(|count| *count > 3).await;
            }
        }));
        seen.wait_for(|count| *count == 2).await.unwrap();
        let failures = tasks.failures();
        assert_eq!(failures, ["the task 'web' is down: no more threads"]);
        seen.wait_for(|count| *count == 3).await.unwrap();
        while !tasks.failures().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(tasks.panics(), 2);
        starts.send_modify(|count| *count += 1);
        kept.await.unwrap();
        assert_eq!(
            *starts.borrow(),
            4,
            "what ended by itself is not started again"
        );
    }
}
