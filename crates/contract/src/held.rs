//! What is held of the names that the tree lost.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::body::body;
use crate::{Counted, Name, rfc3339};

/// How many of the held names are listed where they are told of.
const SHOWN: usize = 5;

/// The body of `STATE/hold`: names that the tree lost and that are still published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many names the tree no longer has and the snapshot still does.
    pub names: usize,
    /// Some of them.
    pub examples: Vec<Name>,
    /// When they will go, if they do not come back.
    #[serde(with = "rfc3339::seconds")]
    pub until: SystemTime,
}

impl Held {
    /// What is told of these names, which are held until `until`.
    pub fn new<'a>(names: impl ExactSizeIterator<Item = &'a Name>, until: SystemTime) -> Self {
        Self {
            names: names.len(),
            examples: names.take(SHOWN).cloned().collect(),
            until,
        }
    }

    /// What stands for a znode that tells nothing of use.
    pub fn nothing() -> Self {
        Self::new([].iter(), SystemTime::UNIX_EPOCH)
    }

    /// The names, shortened: `a, b, …`.
    pub fn list(&self) -> String {
        let shown: Vec<_> = self.examples.iter().map(Name::as_str).collect();
        let more = if self.names > shown.len() {
            ", …"
        } else {
            ""
        };
        format!("{}{more}", shown.join(", "))
    }

    /// What is to be said of it where health is told.
    pub fn remark(&self) -> String {
        let verb = if self.names == 1 { "is" } else { "are" };
        format!(
            "{} that the tree lost {verb} held until {}: {}",
            Counted(self.names, "name"),
            self.until(),
            self.list()
        )
    }

    /// When the names will go, in UTC to the second.
    pub fn until(&self) -> String {
        humantime::format_rfc3339_seconds(self.until).to_string()
    }
}

body!(Held);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_others_are_told_survives_json() {
        let names: Vec<Name> = (0..7).map(|i| format!("n{i}").parse().unwrap()).collect();
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(90);
        let held = Held::new(names.iter(), until);
        let json = held.encode();
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"names":7,"examples":["n0","n1","n2","n3","n4"],"until":"1970-01-01T00:01:30Z"}"#
        );
        assert_eq!(Held::decode(&json).unwrap(), held);
        assert_eq!(held.list(), "n0, n1, n2, n3, n4, …");
    }

    #[test]
    fn a_remark_says_how_many_which_and_how_long() {
        let names: Vec<Name> = (0..5).map(|i| format!("n{i}").parse().unwrap()).collect();
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(90);
        let remark = |count: usize| Held::new(names[..count].iter(), until).remark();
        assert_eq!(
            remark(1),
            "1 name that the tree lost is held until 1970-01-01T00:01:30Z: n0"
        );
        assert_eq!(
            remark(5),
            "5 names that the tree lost are held until 1970-01-01T00:01:30Z: n0, n1, n2, n3, n4"
        );
    }
}
