//! Why bytes are not used.

use super::{
    Digest, FORMAT, MAX_ADDRESSES_PER_NAME, MAX_ENCODED_BYTES, MAX_GENERATION, PAGED_FORMAT,
};
use crate::Name;

/// Why bytes are no snapshot, no index or no page that this version may apply.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More than [`MAX_ENCODED_BYTES`].
    #[error("it is {0} bytes long, more than the {MAX_ENCODED_BYTES} that fit a znode")]
    TooLarge(usize),
    /// The bytes are no JSON, or a field is missing, of another type or has a refused value.
    #[error("it is not a valid snapshot: {0}")]
    Invalid(#[from] serde_json::Error),
    /// Another format number than [`FORMAT`] and [`PAGED_FORMAT`].
    #[error(
        "it has format {0}, and this version reads formats {FORMAT} and {PAGED_FORMAT}; use the \
         release that wrote it"
    )]
    Format(u64),
    /// A field that its format needs is not there.
    #[error("it has format {0} and no {1:?}")]
    Missing(u64, &'static str),
    /// `names` is not the number of names.
    #[error("it says {said} names and holds {held}")]
    Count {
        /// The value of `names`.
        said: usize,
        /// How many there are.
        held: usize,
    },
    /// `sum` is not the checksum of the names.
    #[error("its names are not those that were published: their checksum differs")]
    Sum,
    /// A name with no address, or with more than [`MAX_ADDRESSES_PER_NAME`].
    #[error("name {0} has {1} addresses; 1 to {MAX_ADDRESSES_PER_NAME} are allowed")]
    Addresses(Name, usize),
    /// Generation 0 is never published.
    #[error("it has generation 0; the first is 1")]
    Generation,
    /// A generation above [`MAX_GENERATION`].
    #[error("it has generation {0}, and no nameserver gets beyond {MAX_GENERATION}: it is forged")]
    Forged(u64),
    /// A change or a page is newer than the index, or changes are not in order.
    #[error("generation {0} is out of place")]
    Order(u64),
    /// The pages do not begin at the first of all names, or are not in order.
    #[error("its pages are not in order at {0:?}")]
    Pages(String),
    /// A page is not the one that the index names.
    #[error("page {0} is not what the index says")]
    Page(Digest),
}
