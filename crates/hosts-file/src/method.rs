//! The methods of writing the hosts file.

use std::fmt;

/// How the hosts file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
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
    /// It has more names than one (hard links); a rename would leave the others behind.
    Linked,
    /// The system refused the rename with EBUSY.
    Busy,
    /// No file can be created in its directory.
    Directory,
    /// Somebody has it open for writing, and would go on writing to the old one.
    Held,
    /// It is mounted into a container, whose mount would keep the old one.
    Mounted,
    /// Its owner asked for slots.
    Chosen,
}

/// Which method an owner asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MethodChoice {
    /// Replace the file where that is possible, else write in slots.
    #[default]
    Auto,
    /// Only ever replace the file.
    Replace,
    /// Write in slots.
    Slots,
}

impl Method {
    /// The method in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Slots(_) => "slots",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MountPoint => "the file is a mount point",
            Self::Linked => {
                "the file has other names (hard links), which a rename would leave behind"
            }
            Self::Busy => "the system refuses to rename over the file (EBUSY)",
            Self::Held => "somebody has the file open for writing, and would write to the old one",
            Self::Mounted => "the file is mounted into a container, which would keep the old one",
            Self::Directory => "no file can be created in its directory",
            Self::Chosen => "its owner chose it",
        })
    }
}
