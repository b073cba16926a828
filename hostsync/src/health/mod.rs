//! Whether what this container registers may be used: `--check`.
//!
//! [`RiseFall`] decides, and is pure; [`probe`] checks once; [`watch_over`] goes on checking.

mod http;
mod probe;
mod rise_fall;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use log::{info, warn};
use tokio::sync::watch;

pub use probe::{Checks, Prober};
pub use rise_fall::RiseFall;

/// What is outcome at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The command succeeds, as `sh -c` runs it.
    Command(String),
    /// The registered ports take connections.
    Tcp,
    /// The registered ports answer a request for this path with a status below 400.
    Http(String),
}

/// Why a text is no check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// There is nothing to run.
    #[error("a check is a command, 'tcp', or 'http:/PATH'")]
    Empty,
    /// The path does not begin with a slash.
    #[error("the path of http:{0} does not begin with '/'; write http:/PATH")]
    Path(String),
    /// The path cannot stand in a request.
    #[error("the path of http:{0} has a blank or '#'; write %20 or %23")]
    Character(String),
}

/// The pause after the first check.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How often is outcome, and how much counts.
#[derive(Debug, Clone, Copy)]
pub struct CheckSchedule {
    /// From the start of one check to the start of the next, once it has passed.
    pub interval: Duration,
    /// After which a probe has failed.
    pub timeout: Duration,
    /// How many passed checks in a row it takes.
    pub rise: u32,
    /// How many failed ones.
    pub fall: u32,
}

impl FromStr for Check {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        match text.strip_prefix("http:") {
            Some(path) if !path.starts_with('/') => Err(CheckError::Path(path.to_owned())),
            Some(path) if path.contains(is_no_part_of_a_path) => {
                Err(CheckError::Character(path.escape_debug().to_string()))
            }
            Some(path) => Ok(Self::Http(path.to_owned())),
            None if text == "tcp" => Ok(Self::Tcp),
            None if text.trim().is_empty() => Err(CheckError::Empty),
            None => Ok(Self::Command(text.to_owned())),
        }
    }
}

impl CheckSchedule {
    /// How long to rest after each check until it passes for the first time: what has just been
    /// started is often ready soon, and else takes its time.
    pub fn first_pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let interval = self.interval;
        let longer = |pause: &Duration| Some(pause.saturating_mul(2));
        std::iter::successors(Some(FIRST_PAUSE), longer).map(move |pause| pause.min(interval))
    }
}

fn is_no_part_of_a_path(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '#'
}

impl Check {
    /// Whether it needs to know ports.
    pub fn needs_ports(&self) -> bool {
        !matches!(self, Self::Command(_))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => f.write_str(command),
            Self::Tcp => f.write_str("tcp"),
            Self::Http(path) => write!(f, "http:{path}"),
        }
    }
}

/// Checks while the thing `works`, and tells whether it is `healthy`, and at `failure` why the last probe failed, if it
/// did. The log has each change, with what a failed probe said.
pub async fn watch_over(
    prober: Prober,
    schedule: CheckSchedule,
    mut works: watch::Receiver<bool>,
    healthy: watch::Sender<bool>,
    failure: watch::Sender<Option<String>>,
) {
    if works.wait_for(|works| *works).await.is_err() {
        return;
    }
    let mut rise_fall = RiseFall::new(schedule.rise, schedule.fall);
    let mut first_pauses = Some(schedule.first_pauses());
    loop {
        let begun = Instant::now();
        let outcome = prober.probe(schedule.timeout).await;
        let changed = rise_fall.record(outcome.is_ok());
        if let Err(why) = &outcome {
            // The first failure is news too, while it does not count yet, and another reason.
            if failure.borrow().as_ref() != Some(why) {
                warn!("the check {} fails: {why}", prober.check());
            }
        }
        failure.send_replace(outcome.err());
        if changed {
            if rise_fall.is_healthy() {
                info!("the check {} passes", prober.check());
            } else {
                warn!(
                    "the check {} failed {} times in a row: not registered until it passes",
                    prober.check(),
                    schedule.fall
                );
            }
            healthy.send_replace(rise_fall.is_healthy());
            first_pauses = None;
        }
        let mut pause = schedule.interval.saturating_sub(begun.elapsed());
        if let Some(first) = first_pauses.as_mut().and_then(Iterator::next) {
            pause = pause.min(first);
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_looks_follow_each_other_quickly() {
        let pauses = |interval, count| -> Vec<u128> {
            let schedule = CheckSchedule {
                interval: Duration::from_millis(interval),
                timeout: Duration::from_secs(3),
                rise: 1,
                fall: 3,
            };
            let pauses = schedule.first_pauses().take(count);
            pauses.map(|pause| pause.as_millis()).collect()
        };
        assert_eq!(
            pauses(5000, 8),
            [100, 200, 400, 800, 1600, 3200, 5000, 5000]
        );
        assert_eq!(pauses(30, 2), [30, 30]);
        // However long nothing comes.
        assert_eq!(pauses(5000, 10_000)[9_999], 5000);
    }

    #[test]
    fn flags() {
        for (text, check) in [
            ("tcp", Check::Tcp),
            ("http:/healthz", Check::Http("/healthz".into())),
            ("pg_isready -q", Check::Command("pg_isready -q".into())),
        ] {
            let parsed: Check = text.parse().unwrap();
            assert_eq!((&parsed, parsed.to_string().as_str()), (&check, text));
        }
        assert_eq!(" ".parse::<Check>(), Err(CheckError::Empty));
        assert_eq!("http:x".parse::<Check>(), Err(CheckError::Path("x".into())));
        for (path, told) in [("/a b", "/a b"), ("/a#b", "/a#b"), ("/a\r\nb", r"/a\r\nb")] {
            let parsed = format!("http:{path}").parse::<Check>();
            assert_eq!(parsed, Err(CheckError::Character(told.into())));
        }
    }
}
