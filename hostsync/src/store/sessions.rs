//! The numbers of our own sessions, on disk.
//!
//! A run that was killed leaves its ephemeral znodes behind until its session ends. The next one
//! knows them by their owner, and takes them over at once.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use daemon::own_file::read_believed;

use crate::store::temporary;

/// How many sessions are remembered: enough for a few restarts within one session timeout.
const KEPT: usize = 8;

/// Our own sessions, the newest last.
#[derive(Debug)]
pub struct Sessions {
    path: PathBuf,
    known: Mutex<Vec<i64>>,
}

impl Sessions {
    /// Those that the file holds; none when it cannot be read.
    pub fn load(path: PathBuf) -> Self {
        let text = read_believed(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let known = text.lines().filter_map(|line| {
            let number = u64::from_str_radix(line, 16).ok()?;
            Some(number.cast_signed())
        });
        let known = Mutex::new(known.collect());
        Self { path, known }
    }

    /// True for a session of ours, of this run or of an earlier one.
    pub fn knows(&self, session: i64) -> bool {
        self.lock().contains(&session)
    }

    /// All of them.
    pub fn known(&self) -> Vec<i64> {
        self.lock().clone()
    }

    /// Remembers a session. To be called before it owns anything.
    pub fn remember(&self, session: i64) {
        let mut known = self.lock();
        if known.contains(&session) {
            return;
        }
        known.push(session);
        let surplus = known.len().saturating_sub(KEPT);
        known.drain(..surplus);
        if let Err(error) = self.write(&known) {
            // Then a run after a crash waits until the session of this one has ended. What the cache writer says of
            // the same directory is enough.
            log::debug!(
                "cannot keep the session in {}: {error}",
                self.path.display()
            );
        }
    }

    fn write(&self, known: &[i64]) -> std::io::Result<()> {
        temporary::make_directory(temporary::directory(&self.path))?;
        let mut file = temporary::create(&self.path)?;
        for session in known {
            writeln!(file, "{session:x}")?;
        }
        file.persist(&self.path)?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_knows_the_last_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("sessions");
        let sessions = Sessions::load(path.clone());
        assert!(!sessions.knows(7));
        for session in [-2, 7, 7, i64::MIN] {
            sessions.remember(session);
        }
        let next = Sessions::load(path.clone());
        assert!(next.knows(-2) && next.knows(7) && next.knows(i64::MIN) && !next.knows(8));
        for session in 100..100 + KEPT as i64 {
            next.remember(session);
        }
        let last = Sessions::load(path);
        assert!(!last.knows(7) && last.knows(100));
    }
}
