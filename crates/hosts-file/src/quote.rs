//! Foreign text in messages: escaped and cut, so that whoever wrote it can neither forge a log
//! line nor flood the log.

use std::fmt;

/// How many characters of foreign text a message shows.
const SHOWN: usize = 80;

/// Displays text from outside in double quotes, control characters escaped, at most 80 characters.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => {
                write!(f, "{:?}… ({} bytes)", &self.0[..end], self.0.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_cuts() {
        assert_eq!(Quoted("a\nb").to_string(), r#""a\nb""#);
        let long = "é".repeat(81);
        assert_eq!(
            Quoted(&long).to_string(),
            format!("\"{}\"… (162 bytes)", "é".repeat(80))
        );
    }
}
