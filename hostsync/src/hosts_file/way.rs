//! The ways of writing the hosts file.

use std::fmt;

/// How the hosts file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A temporary file takes its name: readers see the old file or the new one, whole.
    Replace,
    /// Each line has a slot of its own in the file, which is never half written.
    Slots(Reason),
}

/// Why the hosts file is not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is a mount point, as in every container.
    MountPoint,
    /// The system refused the rename with EBUSY.
    Busy,
    /// No file can be created in its directory.
    Directory,
    /// The command line asks for it.
    Asked,
}

/// Which way the command line asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// Replace the file where that is possible, else write in slots
    #[default]
    Auto,
    /// Only ever replace the file
    Replace,
    /// Write in slots
    Slots,
}

impl Way {
    /// The way in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Slots(_) => "slots",
        }
    }

    /// Why it is this way.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Replace => "the file is not a mount point",
            Self::Slots(Reason::MountPoint) => "the file is a mount point",
            Self::Slots(Reason::Busy) => "the system refuses to rename over the file (EBUSY)",
            Self::Slots(Reason::Directory) => "no file can be created in its directory",
            Self::Slots(Reason::Asked) => "as asked for with --write",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.reason())
    }
}
