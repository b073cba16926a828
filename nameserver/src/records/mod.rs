//! What the bytes of one znode say: an instance with an address, nothing for us, or a problem.
//!
//! Pure. Each format has a file of its own that recognises its own shape.

mod json;
mod text;

use snapshot::{Address, AddressError, Quoted};

/// More data than any record has; beyond it nothing is parsed.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// What a znode's data says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// One instance of something: it has an address.
    Instance(Instance),
    /// Nothing that names could be made of, which is fine; holds why.
    Nothing(&'static str),
    /// Data that should have been an address and is not.
    Problem(Problem),
}

/// An instance of a service, or a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Where it is.
    pub address: Address,
    /// The port it listens on, where the record has one.
    pub port: Option<u16>,
}

/// Why a znode's data gives no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More than [`MAX_RECORD_BYTES`].
    #[error("the data is {0} bytes long, more than the {MAX_RECORD_BYTES} of any record")]
    TooLong(usize),
    /// Neither text nor JSON.
    #[error("the data is no UTF-8 text (byte {0} is the first bad one)")]
    NotText(usize),
    /// Several lines of text.
    #[error("the data has several lines; an address stands alone in its znode")]
    SeveralLines,
    /// Text that is no address.
    #[error("{} is no address; write 10.0.0.5, 10.0.0.5:8080, fd00::5 or [fd00::5]:8080", Quoted(.0))]
    NoAddress(String),
    /// A host name where an address is expected.
    #[error("{} is a host name, not an address", Quoted(.0))]
    HostName(String),
    /// An address that no name may have.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A port that is not 1 to 65535.
    #[error("port {} is not a number from 1 to 65535", Quoted(.0))]
    Port(String),
    /// Begins like JSON and is none.
    #[error("the data begins like JSON but is not: {0}")]
    Json(String),
    /// A JSON field of another type than expected.
    #[error("the JSON field {field:?} holds {found}, not text")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The JSON type that it has.
        found: &'static str,
    },
    /// The znode could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// What `data` says. Never panics, whatever the bytes.
pub fn read(data: &[u8]) -> Reading {
    if data.len() > MAX_RECORD_BYTES {
        return Reading::Problem(Problem::TooLong(data.len()));
    }
    let text = match std::str::from_utf8(data) {
        Ok(text) => text.trim_matches([' ', '\t', '\r', '\n']),
        Err(error) => return Reading::Problem(Problem::NotText(error.valid_up_to())),
    };
    if text.is_empty() {
        return Reading::Nothing("holds no data");
    }
    let reading = match text.as_bytes()[0] {
        b'{' => json::read(text),
        _ => text::read(text).map(Some),
    };
    match reading {
        Ok(Some(instance)) => Reading::Instance(instance),
        Ok(None) => Reading::Nothing("holds JSON without an address"),
        Err(problem) => Reading::Problem(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn instance(address: &str, port: Option<u16>) -> Reading {
        Reading::Instance(Instance {
            address: address.parse().unwrap(),
            port,
        })
    }

    fn problem(data: &[u8]) -> String {
        match read(data) {
            Reading::Problem(problem) => problem.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_data_is_nothing() {
        for data in ["", "\n", " \r\n"] {
            assert_eq!(read(data.as_bytes()), Reading::Nothing("holds no data"));
        }
    }

    #[test]
    fn junk_is_a_problem_with_its_reason() {
        assert!(problem(&[0; 1 << 20]).contains("1048576 bytes long"));
        assert!(problem(&[0; 100]).contains("is no address"));
        assert!(problem(b"10.0.0.\xff").contains("no UTF-8 text (byte 7"));
        assert!(problem(b"10.0.0.5\n10.0.0.6").contains("several lines"));
        assert!(problem(b"127.0.0.1").contains("loopback"));
        assert!(problem(b"::ffff:127.0.0.1").contains("loopback"));
        assert!(problem(b"[1,2]").contains("is no address"));
        let deep = "{\"a\":".repeat(10_000);
        assert!(problem(deep.as_bytes()).contains("begins like JSON"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&data);
        }

        #[test]
        fn no_json_panics(data in "\\{(\"(ip|host|port|address)\":(\"[0-9.:a\\[\\]-]{0,12}\"|-?[0-9]{1,6}|null|\\[\\]|\\{\\}),?){0,4}\\}?") {
            read(data.as_bytes());
        }
    }
}
