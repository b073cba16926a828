//! The ways of writing the hosts file.

use std::fmt;

/// How the hosts file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A temporary file takes its name: readers see the old file or the new one, whole.
    Replace,
    /// One write over the old bytes, because the file cannot be replaced.
    InPlace(Reason),
}

/// Why the hosts file cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is a mount point, as in every container.
    MountPoint,
    /// The system refused the rename with EBUSY.
    Busy,
}

impl Way {
    /// The way in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::InPlace(_) => "in place",
        }
    }

    /// Why it is this way.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Replace => "the file is not a mount point",
            Self::InPlace(Reason::MountPoint) => "the file is a mount point",
            Self::InPlace(Reason::Busy) => "the system refuses to rename over the file (EBUSY)",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.reason())
    }
}
