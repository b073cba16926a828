//! What the children of a znode say together: whether plain text among them counts, and whether an
//! address above them is one.
//!
//! Curator writes the address of its own machine into whatever is created without data, so that
//! folders look like instances. Nothing in such a znode tells; what stands below and beside it does.
//! All is counted, so that no change looks at more than one znode of each level.

use super::children::Children;
use crate::records::{Endpoint, Format, Host, Instance, Reading, Silence};

/// What a znode says, as far as its neighbours care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// An address and nothing more; true for an ephemeral one.
    Bare(bool),
    /// Another plain text that says where something is.
    Text,
    /// A word, or a text with dots, that may be a host name.
    Word,
    /// A record with a structure, in its data or its name.
    Structured,
    /// What only the writer of such records puts beside them.
    Known,
    /// JSON without an address.
    Json,
    /// Anything else.
    Other,
}

/// The children of a znode, and how many of them say what.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    pub(super) children: Children,
    texts: u32,
    structured: u32,
    known: u32,
    json: u32,
    /// Folders that hold their creator's address.
    folders: u32,
}

impl Says {
    pub(super) fn of(reading: &Reading) -> Self {
        match reading {
            Reading::Instance(instance) => Self::of_instance(instance),
            Reading::Nothing(Silence::Json | Silence::SeveralHosts) => Self::Json,
            Reading::Nothing(silence) if silence.is_of_a_format() => Self::Known,
            _ => Self::Other,
        }
    }

    fn of_instance(instance: &Instance) -> Self {
        let is_name = |endpoint: &Endpoint| {
            endpoint.port.is_none() && !matches!(endpoint.host, Host::Address(_))
        };
        let is_text = instance.format == Format::Text;
        if instance.word().is_some() || is_text && instance.endpoints.iter().all(is_name) {
            Self::Word
        } else if !instance.plain {
            Self::Structured
        } else if instance.is_bare() {
            Self::Bare(instance.ephemeral)
        } else {
            Self::Text
        }
    }

    pub(super) fn is_bare(self) -> bool {
        matches!(self, Self::Bare(_))
    }

    /// Whether it is plain text.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Bare(_) | Self::Text | Self::Word)
    }
}

impl Family {
    /// Counts a child that says another thing than before. True when that decides anew whether
    /// plain text counts beside it.
    pub(super) fn count(&mut self, before: Says, now: Says) -> bool {
        let had = self.has_structured();
        if let Some(counter) = self.counter(before) {
            *counter = counter.saturating_sub(1);
        }
        if let Some(counter) = self.counter(now) {
            *counter += 1;
        }
        had != self.has_structured()
    }

    fn counter(&mut self, says: Says) -> Option<&mut u32> {
        match says {
            Says::Bare(_) | Says::Text => Some(&mut self.texts),
            Says::Structured => Some(&mut self.structured),
            Says::Known => Some(&mut self.known),
            Says::Json => Some(&mut self.json),
            Says::Word | Says::Other => None,
        }
    }

    /// Counts a child that is such a folder, or is none any more. True when that is the first or the
    /// last one.
    pub(super) fn count_folder(&mut self, is_one: bool) -> bool {
        let had = self.has_folder();
        self.folders = match is_one {
            true => self.folders + 1,
            false => self.folders.saturating_sub(1),
        };
        had != self.has_folder()
    }

    /// Whether a child is a folder that holds its creator's address.
    pub(super) fn has_folder(&self) -> bool {
        self.folders > 0
    }

    /// Whether a child has a record with a structure.
    pub(super) fn has_structured(&self) -> bool {
        self.structured > 0
    }

    /// Whether the address in their parent is that of whoever made it: records stand below, or folders
    /// of them, or, where the parent itself stands below such an address, anything with a structure.
    pub(super) fn makes_folder(&self, is_below_bare: impl FnOnce() -> bool) -> bool {
        self.structured + self.known + self.folders > 0 || (self.json > 0 && is_below_bare())
    }

    /// Whether any child is an instance, but for one that says this itself. Text has no company in
    /// records.
    pub(super) fn has_instance_beside(&self, own: Says, is_text: bool) -> bool {
        if is_text && self.has_structured() {
            return false;
        }
        let is_own = matches!(own, Says::Bare(_) | Says::Text | Says::Structured);
        self.texts + self.structured > u32::from(is_own)
    }
}
