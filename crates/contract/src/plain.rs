//! Text that others wrote and people are to read: what would move the cursor, forge a line or turn
//! the reading direction is shown as what it is.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

/// The text with each character that does not show itself as `\u202e`, in the digits of JSON,
/// and the ends of lines and tabs as `\n`, `\r` and `\t`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if let '\t' | '\n' | '\r' = character {
            plain.extend(character.escape_default());
        } else if is_hidden(character) {
            let units = &mut [0; 2];
            for unit in character.encode_utf16(units) {
                plain.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

/// Control characters (C0, C1), those of no width, and those that set the direction of text.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Reads text so.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(plain(&text).into_owned())
}

/// Reads text so, where there is any.
pub(crate) fn optional<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| plain(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Agent, Candidate};

    const HOSTILE: &str = "a\u{1b}[2J\nok\u{9b}1m\u{202e}x\u{200b}\u{e0041}";
    const SHOWN: &str = r"a\u001b[2J\nok\u009b1m\u202ex\u200b\udb40\udc41";

    #[test]
    fn what_does_not_show_is_shown() {
        assert_eq!(plain(HOSTILE), SHOWN);
        for text in ["", "ns1", "Zoë \"x\" \\ 東京 e\u{301}"] {
            assert!(matches!(plain(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn what_others_tell_is_plain_once_it_is_read() {
        let json = serde_json::json!({
            "id": HOSTILE, "complaint": HOSTILE, "machine": "", "pid": 1, "started": 1, "applied": 1,
        });
        let data = json.to_string().into_bytes();
        let candidate = Candidate::decode(&data).unwrap();
        assert_eq!(
            (&*candidate.id, candidate.complaint.as_deref()),
            (SHOWN, Some(SHOWN))
        );
        let agent = Agent::decode(&data).unwrap();
        assert_eq!(
            (agent.id.as_deref(), agent.complaint.as_deref()),
            (Some(SHOWN), Some(SHOWN))
        );
    }
}
