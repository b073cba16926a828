//! What others tell is plain once it is read.

use plain::plain;
use serde::{Deserialize, Deserializer};

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
    use crate::{Agent, Candidate};

    const HOSTILE: &str = "a\u{1b}[2J\nok\u{9b}1m\u{202e}x\u{200b}\u{e0041}";
    const SHOWN: &str = r"a\u001b[2J\nok\u009b1m\u202ex\u200b\udb40\udc41";

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
