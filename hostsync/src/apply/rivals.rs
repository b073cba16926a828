//! Who else writes the file while it is fought for.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use hosts_file::Writers;

/// Each process of a script is another one: so many are remembered.
const MOST: usize = 4;

/// Those that were seen to write the file.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    writers: Option<Writers>,
    seen: BTreeSet<String>,
}

impl Rivals {
    /// Those who write this file from now on, as far as that can be known.
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            writers: Writers::of(file).ok(),
            seen: BTreeSet::new(),
        }
    }

    /// Looks who has written since the last look; true where these are the first.
    pub(crate) fn look(&mut self) -> bool {
        let was_empty = self.seen.is_empty();
        let found = self.writers.as_ref().map(Writers::since);
        self.seen.extend(found.unwrap_or_default());
        while self.seen.len() > MOST {
            self.seen.pop_first();
        }
        was_empty && !self.seen.is_empty()
    }
}

impl fmt::Display for Rivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seen.is_empty() {
            return f.write_str("another program, which the kernel does not name here");
        }
        let seen: Vec<&str> = self.seen.iter().map(String::as_str).collect();
        f.write_str(&seen.join(", "))
    }
}
