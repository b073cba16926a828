//! The beginning of a text: as much as is ever shown of it.

use std::fmt;

use contract::Quoted;

/// How many characters of a text are kept.
const KEPT: usize = 80;

/// The beginning of a text that gives nothing, so that whoever writes much of it costs no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: Box<str>,
    /// How long the whole text is.
    bytes: usize,
}

impl Excerpt {
    /// The text as far as it is kept.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        let end = text
            .char_indices()
            .nth(KEPT)
            .map_or(text.len(), |(at, _)| at);
        Self {
            text: text[..end].into(),
            bytes: text.len(),
        }
    }
}

impl fmt::Display for Excerpt {
    /// As [`Quoted`] shows the whole text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.text).fmt(f)?;
        if self.text.len() < self.bytes {
            write!(f, "… ({} bytes)", self.bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_the_whole_text_is() {
        for text in [
            "",
            "a\n\u{202e}b",
            &"é".repeat(80),
            &"é".repeat(81),
            &"x".repeat(65_536),
        ] {
            let excerpt = Excerpt::from(text);
            assert_eq!(excerpt.to_string(), Quoted(text).to_string());
            assert!(excerpt.text.len() <= 4 * KEPT);
        }
    }
}
