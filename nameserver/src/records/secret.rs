//! Secrets that stand in URLs, which nobody is shown.

use std::borrow::Cow;

use contract::{ZnodePath, plain};

/// What stands in place of a name and a password.
const MASK: &str = "***";
/// What ends a URL in a text around it.
const ENDS: [char; 10] = ['"', '\'', '`', '<', '>', ' ', '\t', '\r', '\n', ','];

/// The text without the users and passwords of the URLs in it, which may be percent-encoded, as in the
/// name of a znode.
///
/// A password may hold any character, as people write them; so all from `://`, or from the
/// beginning of `USER:PASSWORD@HOST`, up to the last `@` before a blank or quote is masked.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains('@') && !text.contains("%40") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ENDS).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        match secret(token) {
            Some((from, to)) => {
                shown.push_str(&token[..from]);
                shown.push_str(MASK);
                shown.push_str(&token[to..]);
            }
            None => shown.push_str(token),
        }
        let next = after.chars().next().map_or(0, char::len_utf8);
        shown.push_str(&after[..next]);
        rest = &after[next..];
    }
    Cow::Owned(shown)
}

/// Where the secret of a token lies, if it has one.
fn secret(token: &str) -> Option<(usize, usize)> {
    let to = token.rfind('@').max(token.rfind("%40"))?;
    let after = |separator: &str| token[..to].find(separator).map(|at| at + separator.len());
    let from = after("://")
        .or_else(|| after("%3A%2F%2F"))
        .or_else(|| after("%3a%2f%2f"));
    let from = match from {
        Some(from) => from,
        // Without a scheme, a user alone is no secret.
        None if token[..to].contains(':') && token[to..].starts_with('@') => 0,
        None => return None,
    };
    (from < to).then_some((from, to))
}

/// A znode's path as people may see it: without secrets, and with what does not show itself escaped.
pub fn shown(path: &ZnodePath) -> String {
    masked(&plain(path.as_str())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn users_and_passwords_are_masked() {
        for (text, shown) in [
            ("10.0.0.5:80", "10.0.0.5:80"),
            ("tcp://u:p@10.0.0.5:80/x", "tcp://***@10.0.0.5:80/x"),
            ("tcp://u@10.0.0.5", "tcp://***@10.0.0.5"),
            ("u:p@10.0.0.5", "***@10.0.0.5"),
            ("master@10.0.0.5:5050", "master@10.0.0.5:5050"),
            ("x://u:p/@?w@h/y", "x://***@h/y"),
            (
                r#"{"a":"x://u:p@h","b":"y://v:q@i"}"#,
                r#"{"a":"x://***@h","b":"y://***@i"}"#,
            ),
            ("x://é:p@h, y://h é@", "x://***@h, y://h é@"),
            ("@", "@"),
            (
                "/a/x%3A%2F%2Fu%3Ap%40h%3A1%2Fy",
                "/a/x%3A%2F%2F***%40h%3A1%2Fy",
            ),
            ("a%40b", "a%40b"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
