//! What stands in the small znodes: JSON, and no more of it than a znode of its kind can need.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest body of a small znode, in bytes. Whoever may write one may write anything; none of
/// what is agreed on comes near it.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Why bytes are no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`].
    #[error("it is {0} bytes long, more than the {MAX_BODY_BYTES} that are read")]
    TooLarge(usize),
    /// No JSON, or a field is missing, of another type or has a refused value.
    #[error("it is not valid: {0}")]
    Invalid(#[from] serde_json::Error),
}

/// The JSON of a body.
pub(crate) fn encode(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings and numbers always become JSON")
}

/// Reads a body.
pub(crate) fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<T, BodyError> {
    if data.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge(data.len()));
    }
    Ok(serde_json::from_slice(data)?)
}

/// Gives a type the two functions of a body.
macro_rules! body {
    ($type:ty) => {
        impl $type {
            /// As the data of a znode.
            pub fn encode(&self) -> Vec<u8> {
                crate::body::encode(self)
            }

            /// What the data of a znode say.
            ///
            /// # Errors
            /// They are too long, or of another kind.
            pub fn decode(data: &[u8]) -> Result<Self, crate::BodyError> {
                crate::body::decode(data)
            }
        }
    };
}
pub(crate) use body;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Agent, Candidate, Held, Instance, Settings};
    use proptest::prelude::*;

    #[test]
    fn what_is_too_long_is_not_even_looked_at() {
        let long = vec![b' '; MAX_BODY_BYTES + 1];
        assert!(matches!(Agent::decode(&long), Err(BodyError::TooLarge(_))));
        assert!(matches!(
            Agent::decode(&long[1..]),
            Err(BodyError::Invalid(_))
        ));
        assert_eq!(MAX_BODY_BYTES, 65_536);
        let junk = Agent::decode(b"junk").unwrap_err().to_string();
        assert!(junk.starts_with("it is not valid: "), "{junk}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Agent::decode(&bytes), Candidate::decode(&bytes), Held::decode(&bytes));
            let _ = (Instance::decode(&bytes), Settings::decode(&bytes));
        }
    }
}
