//! Why a znode gives no address.

use contract::{AddressError, NameError};

use super::{Excerpt, Format, MAX_RECORD_BYTES, masked, text};

/// Why a znode gives no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More than [`MAX_RECORD_BYTES`].
    #[error("the data is {0} bytes long, more than the {MAX_RECORD_BYTES} of any record")]
    TooLong(usize),
    /// Several lines of text, the first of them an address.
    #[error("the data has several lines; an address stands alone in its znode")]
    SeveralLines,
    /// Text that is no address.
    #[error("{0} is no address; write 10.0.0.5, 10.0.0.5:8080, fd00::5 or [fd00::5]:8080")]
    NoAddress(Excerpt),
    /// An address that no name may have.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A host name that no name may lead to.
    #[error(transparent)]
    HostName(#[from] NameError),
    /// A port that is not 1 to 65535.
    #[error("port {0} is not a number from 1 to 65535")]
    Port(Excerpt),
    /// Begins like JSON and is none.
    #[error("the data begins like JSON but is not: {0}")]
    Json(String),
    /// A JSON field of another type than expected.
    #[error("the JSON field {field:?} holds {found}, not {expected}")]
    Field {
        /// The field's name.
        field: String,
        /// The JSON type that it has.
        found: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A JSON field that is not there, or null.
    #[error("the JSON field {0:?} is missing")]
    Missing(String),
    /// Text that is not `SCHEME://HOST:PORT`.
    #[error("{0} is not of the form SCHEME://HOST:PORT")]
    Url(Excerpt),
    /// The name of the znode does not hold what such names hold.
    #[error("the znode's name {0}")]
    ZnodeName(String),
    /// The binary form of a ServerSet member.
    #[error(
        "the data is in Thrift's binary encoding; only JSON is read: have the servers write JSON"
    )]
    Thrift,
    /// A problem with a record of a format that is known.
    #[error("{0} record: {1}")]
    In(Format, Box<Problem>),
    /// The znode could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Problem {
    /// A text that is no address, its secrets masked.
    pub(super) fn no_address(text: &str) -> Self {
        Self::NoAddress(Excerpt::from(&*masked(text)))
    }

    /// A text that is no URL, its secrets masked.
    pub(super) fn url(text: &str) -> Self {
        Self::Url(Excerpt::from(&*masked(text)))
    }

    /// Whether the record was meant as an address by all that can be told from itself: it looks like
    /// one, or has a format that nobody writes by chance. Of any other, only its siblings can tell.
    pub fn is_meant(&self) -> bool {
        match self {
            Self::In(format, _) => format.is_certain(),
            Self::Address(_) | Self::Port(_) | Self::SeveralLines | Self::Unreadable(_) => true,
            Self::NoAddress(text) => text::is_like_address(text.text()),
            _ => false,
        }
    }

    /// Whether the data are text that should be an address, rather than a record with a structure.
    pub fn is_of_text(&self) -> bool {
        matches!(self, Self::NoAddress(_) | Self::HostName(_))
    }

    /// The format that the record would have, where it is known.
    pub fn format(&self) -> Option<Format> {
        match self {
            Self::In(format, _) => Some(*format),
            _ => None,
        }
    }
}
