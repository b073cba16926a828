//! Host names that may stand in a hosts file, and the labels that they are made of.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Quoted;
#[cfg(feature = "serde")]
use crate::text::as_text;

/// The longest name, in bytes (RFC 1035, without the final dot).
const MAX_NAME: usize = 253;
/// The longest label, in bytes (RFC 1035).
const MAX_LABEL: usize = 63;

/// A lower-case host name: labels of `a-z 0-9 _ -`, joined with dots, at most 253 bytes, and none
/// of the names that a machine gives to itself (`localhost` and the like).
/// A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

#[cfg(feature = "serde")]
as_text!(Name, |name, to| to.serialize_str(&name.0));

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A part between two dots is no label.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The name is longer than 253 bytes; holds its length.
    #[error("the name is {0} bytes long, more than 253")]
    TooLong(usize),
    /// The name is one that every machine has for itself.
    #[error("{0:?} is a name that every machine has for itself")]
    Reserved(String),
}

/// A checker for the parts of a name; the text stays where it is.
#[derive(Debug, Clone, Copy)]
pub struct Label;

/// Why a text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing between two dots, or no text at all.
    #[error("a label is empty")]
    Empty,
    /// The label is longer than 63 bytes.
    #[error("label {} is {} bytes long, more than 63", Quoted(.0), .0.len())]
    TooLong(String),
    /// The label begins or ends in a hyphen.
    #[error("label {} begins or ends in '-'", Quoted(.0))]
    Hyphen(String),
    /// The label holds a character other than `a-z 0-9 _ -`.
    #[error("label {} holds {:?}; only a-z, 0-9, '_' and '-' are allowed", Quoted(.0), .1)]
    Character(String, char),
}

impl Label {
    /// Checks one label in lower case.
    ///
    /// # Errors
    /// Says which rule the label breaks.
    pub fn check(label: &str) -> Result<(), LabelError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let not_allowed = |c: &char| !u8::try_from(*c).is_ok_and(allowed);
        if label.is_empty() {
            Err(LabelError::Empty)
        } else if !label.bytes().all(allowed)
            && let Some(c) = label.chars().find(not_allowed)
        {
            Err(LabelError::Character(label.to_owned(), c))
        } else if label.len() > MAX_LABEL {
            Err(LabelError::TooLong(label.to_owned()))
        } else if label.starts_with('-') || label.ends_with('-') {
            Err(LabelError::Hyphen(label.to_owned()))
        } else {
            Ok(())
        }
    }
}

impl Name {
    /// Checks whether a text is a name, without making one.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn check(text: &str) -> Result<(), NameError> {
        text.split('.').try_for_each(Label::check)?;
        if text.len() > MAX_NAME {
            Err(NameError::TooLong(text.len()))
        } else if is_reserved(text) {
            Err(NameError::Reserved(text.to_owned()))
        } else {
            Ok(())
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// True for the names that a machine maps to itself in its own hosts file.
fn is_reserved(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name.starts_with("ip6-")
        || name == "broadcasthost"
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::check(&text)?;
        Ok(Self(text.into()))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.as_str().to_owned()
    }
}

impl From<Name> for Arc<str> {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let long = "a".repeat(63);
        let longest = format!("{long}.{long}.{long}.{}", "a".repeat(61));
        for text in [
            "a",
            "primary.db",
            "_http._tcp",
            "0",
            "a-b",
            "localhost.db",
            &longest,
        ] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refusals_name_the_rule() {
        let parse = |text: &str| text.parse::<Name>().unwrap_err().to_string();
        assert_eq!(parse(""), "a label is empty");
        assert_eq!(parse("a..b"), "a label is empty");
        assert_eq!(parse("a."), "a label is empty");
        assert_eq!(parse("-x"), r#"label "-x" begins or ends in '-'"#);
        assert_eq!(parse("x-.b"), r#"label "x-" begins or ends in '-'"#);
        for (text, character) in [
            ("a b", ' '),
            ("a\nb", '\n'),
            ("a\0", '\0'),
            ("A", 'A'),
            ("é", 'é'),
        ] {
            let expected = format!(
                "label {text:?} holds {character:?}; only a-z, 0-9, '_' and '-' are allowed"
            );
            assert_eq!(parse(text), expected);
        }
        assert!(parse(&"a".repeat(64)).ends_with("is 64 bytes long, more than 63"));
        assert_eq!(parse(&"a.".repeat(127)), "a label is empty");
        assert_eq!(
            parse(&format!("{}a", "a.".repeat(127))),
            "the name is 255 bytes long, more than 253"
        );
    }

    #[test]
    fn names_of_the_machine_itself_are_refused() {
        for text in [
            "localhost",
            "db.localhost",
            "ip6-localhost",
            "ip6-allnodes",
            "broadcasthost",
        ] {
            assert_eq!(text.parse::<Name>(), Err(NameError::Reserved(text.into())));
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_token_of_a_hosts_line(text in "\\PC*|[a-z0-9._-]{1,12}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b'#'));
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
