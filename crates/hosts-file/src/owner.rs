//! Whose lines they are.

use std::borrow::Cow;

use crate::{Quoted, line};

/// The longest marker, in bytes: with its line ending it fits the unit of slots.
const MAX_MARKER: usize = 63;
/// The longest name, in bytes.
const MAX_NAME: usize = 32;

/// The program that keeps lines in a hosts file: how its lines and its temporary files are told from
/// those of others. Two owners can keep lines in one file; two programs must not be one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    name: Box<str>,
    begin: Cow<'static, str>,
    end: Cow<'static, str>,
}

/// Why there is no such [`Owner`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// The name is empty, too long, or not made of letters, digits, `-` and `_`.
    #[error("{} is not 1 to {MAX_NAME} letters, digits, '-' or '_'", Quoted(.0))]
    Name(String),
    /// A marker is no comment that is told from all others.
    #[error(
        "{} is no marker, which begins with '# ', goes on with at least one more character, has \
         printable ASCII only, no blank at its end, and at most {MAX_MARKER} bytes", Quoted(.0)
    )]
    Marker(String),
    /// Both markers are the same.
    #[error("{} cannot mark both the beginning and the end", Quoted(.0))]
    Same(String),
}

/// Which end of an owner's block a line marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The beginning.
    Begin,
    /// The end.
    End,
}

impl Owner {
    /// The owner with this name, whose lines stand between `# BEGIN name` and `# END name`, and
    /// whose temporary files beside a file `hosts` are called `.hosts.name-…`.
    ///
    /// # Errors
    /// The name is empty, too long, or not made of letters, digits, `-` and `_`.
    pub fn new(name: &str) -> Result<Self, OwnerError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(OwnerError::Name(name.to_owned()));
        }
        Ok(Self {
            name: name.into(),
            begin: format!("# BEGIN {name}").into(),
            end: format!("# END {name}").into(),
        })
    }

    /// The same owner with markers of its own choice, such as those of an earlier program.
    ///
    /// # Errors
    /// A marker could be taken for something else, or for the other one.
    pub fn with_markers(
        self,
        begin: impl Into<Cow<'static, str>>,
        end: impl Into<Cow<'static, str>>,
    ) -> Result<Self, OwnerError> {
        let (begin, end) = (begin.into(), end.into());
        for marker in [&begin, &end] {
            if !is_marker(marker) {
                return Err(OwnerError::Marker(marker.to_string()));
            }
        }
        if begin == end {
            return Err(OwnerError::Same(begin.into()));
        }
        Ok(Self { begin, end, ..self })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line before its first one, without a line ending.
    pub fn begin(&self) -> &str {
        &self.begin
    }

    /// The line after its last one, without a line ending.
    pub fn end(&self) -> &str {
        &self.end
    }

    /// The marker that a line is; editors leave blanks and carriage returns behind one, and a byte
    /// order mark before it.
    pub(crate) fn marker(&self, line: &[u8]) -> Option<Marker> {
        let line = line.strip_prefix(line::BOM).unwrap_or(line);
        if line.first() != Some(&b'#') {
            return None;
        }
        match line.trim_ascii_end() {
            text if text == self.begin.as_bytes() => Some(Marker::Begin),
            text if text == self.end.as_bytes() => Some(Marker::End),
            _ => None,
        }
    }
}

/// The blank behind the `#` tells a marker from a line that was made a comment by its first byte.
fn is_marker(text: &str) -> bool {
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    is_printable
        && text.len() <= MAX_MARKER
        && text
            .strip_prefix("# ")
            .is_some_and(|rest| !rest.trim().is_empty())
        && !text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        let owner = Owner::new("hostsync").unwrap();
        for (line, expected) in [
            ("# BEGIN hostsync\n", Some(Marker::Begin)),
            ("# BEGIN hostsync \t\r\n", Some(Marker::Begin)),
            ("# END hostsync", Some(Marker::End)),
            ("\u{feff}# BEGIN hostsync\n", Some(Marker::Begin)),
            (" # BEGIN hostsync\n", None),
            ("# BEGIN hostsync 2\n", None),
            ("# begin hostsync\n", None),
            ("", None),
        ] {
            assert_eq!(owner.marker(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn markers_of_others_are_none_of_ours() {
        let owner = Owner::new("a").unwrap();
        let other = owner.clone().with_markers("# >>> a", "# <<< a").unwrap();
        assert_eq!(other.marker(b"# >>> a\n"), Some(Marker::Begin));
        assert_eq!(other.marker(b"# <<< a \n"), Some(Marker::End));
        assert_eq!(other.marker(b"# BEGIN a\n"), None);
        assert_eq!(owner.marker(b"# >>> a\n"), None);
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for name in ["", "a b", "a/b", "a\n", "é", &"a".repeat(33)] {
            assert_eq!(Owner::new(name), Err(OwnerError::Name(name.to_owned())));
        }
        let owner = Owner::new(&"a".repeat(32)).unwrap();
        let long = format!("# {}", "x".repeat(62));
        for marker in [
            "", "#", "# ", "#  ", "#x", "x", "# x ", "# x\n", "# é", &long,
        ] {
            for (begin, end) in [(marker, "# ok"), ("# ok", marker)] {
                let refused = owner.clone().with_markers(begin.to_owned(), end.to_owned());
                assert_eq!(refused, Err(OwnerError::Marker(marker.to_owned())));
            }
        }
        let same = owner.with_markers("# x", "# x");
        assert_eq!(same, Err(OwnerError::Same("# x".to_owned())));
    }
}
