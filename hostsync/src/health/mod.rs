//! Whether what this container registers may be used: `--check`.
//!
//! [`Judge`] decides, and is pure; [`probe`] looks once; [`watch_over`] goes on looking.

mod judge;
mod probe;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use log::{info, warn};
use tokio::sync::watch;

pub use judge::Judge;
pub use probe::Prober;

/// What is looked at.
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
}

/// How often is looked, and how much counts.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// From the start of one look to the start of the next.
    pub interval: Duration,
    /// After which a look has failed.
    pub timeout: Duration,
    /// How many good looks in a row it takes.
    pub rise: u32,
    /// How many bad ones.
    pub fall: u32,
}

impl FromStr for Check {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        match text.strip_prefix("http:") {
            Some(path) if path.starts_with('/') => Ok(Self::Http(path.to_owned())),
            Some(path) => Err(CheckError::Path(path.to_owned())),
            None if text == "tcp" => Ok(Self::Tcp),
            None if text.trim().is_empty() => Err(CheckError::Empty),
            None => Ok(Self::Command(text.to_owned())),
        }
    }
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

/// Looks while the thing `works`, and tells whether all is well. The log has each change, with what
/// a failed look said.
pub async fn watch_over(
    prober: Prober,
    rhythm: Rhythm,
    mut works: watch::Receiver<bool>,
    well: watch::Sender<bool>,
) {
    if works.wait_for(|works| *works).await.is_err() {
        return;
    }
    let mut judge = Judge::new(rhythm.rise, rhythm.fall);
    let mut ticks = tokio::time::interval(rhythm.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut complaint: Option<String> = None;
    loop {
        ticks.tick().await;
        let looked = prober.look(rhythm.timeout).await;
        let changed = judge.take(looked.is_ok());
        if let Err(why) = &looked {
            // The first failure is news too, while it does not count yet, and another reason.
            if complaint.as_ref() != Some(why) {
                warn!("the check {} fails: {why}", prober.check());
                complaint = Some(why.clone());
            }
        } else {
            complaint = None;
        }
        if changed {
            match judge.is_well() {
                true => info!("the check {} passes", prober.check()),
                false => warn!(
                    "the check {} failed {} times in a row: not registered until it passes",
                    prober.check(),
                    rhythm.fall
                ),
            }
            well.send_replace(judge.is_well());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
