//! Text that others wrote and people are to read: what would move the cursor, forge a line, turn the
//! reading direction or hide is shown as what it is.
//!
//! [`plain`] is the one function for that. What others tell goes through it where it is read, and all that a
//! program says, wherever it comes from, once more where it leaves: stdout, stderr, the log, HTTP.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with each character that does not show itself as `\u202e`, in the digits of JSON,
/// and the ends of lines and tabs as `\n`, `\r` and `\t`. So JSON stays the same JSON.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// The same for a text of several lines, whose ends stay.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character != '\n' && is_hidden(character))
}

fn escaped(text: &str, is_hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if !is_hidden(character) {
            plain.push(character);
        } else if let '\t' | '\n' | '\r' = character {
            plain.extend(character.escape_default());
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(plain)
}

/// Control characters (C0, C1), what separates lines, notes between the lines, and what Unicode calls
/// `Default_Ignorable_Code_Point`: all of no width, and what sets the direction of text.
fn is_hidden(character: char) -> bool {
    // Most text is none of it.
    if (' '..='~').contains(&character) {
        return false;
    }
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_shown() {
        for (hidden, shown) in [
            (
                "a\u{1b}[2J\nok\u{9b}1m\u{7f}\t\r",
                r"a\u001b[2J\nok\u009b1m\u007f\t\r",
            ),
            (
                "\u{202e}x\u{2066}\u{200b}\u{2028}",
                r"\u202ex\u2066\u200b\u2028",
            ),
            (
                "\u{e0041}\u{fe0f}\u{115f}\u{feff}",
                r"\udb40\udc41\ufe0f\u115f\ufeff",
            ),
        ] {
            assert_eq!(plain(hidden), shown);
        }
        for text in ["", "ns1", "Zoë \"x\" \\ 東京 e\u{301}"] {
            assert!(matches!(plain(text), Cow::Borrowed(_)), "{text}");
        }
        assert_eq!(plain_lines("a\nb\u{1b}\r\n"), "a\nb\\u001b\\r\n");
    }
}
