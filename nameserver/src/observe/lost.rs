//! The agents whose presence went lately, as a replica saw it that followed them.
//!
//! Pure: who came and went in, a bounded list out.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use contract::plain;
use serde::{Deserialize, Serialize, Serializer};

/// For how long one that went is told of.
pub const LATELY: Duration = Duration::from_secs(3600);
/// How many are told of: the latest.
const MOST: usize = 100;

/// Those that went, the latest last.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    /// Since when they are followed; none for not yet.
    since: Option<SystemTime>,
    gone: VecDeque<Gone>,
}

/// An agent whose session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Its id.
    pub id: String,
    /// What its machine is called, where it told.
    pub host: Option<String>,
    /// When that was seen.
    #[serde(with = "humantime_text")]
    pub at: SystemTime,
}

/// The same, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    /// Since when those that went would have been seen.
    #[serde(with = "humantime_text")]
    pub since: SystemTime,
    /// They, the latest first.
    pub agents: Vec<Gone>,
}

impl Lost {
    /// All that are there are known from `now` on.
    pub fn follows(&mut self, now: SystemTime) {
        self.since.get_or_insert(now);
    }

    /// An agent went.
    pub fn gone(&mut self, id: String, host: Option<String>, at: SystemTime) {
        self.back(&id);
        self.gone.push_back(Gone { id, host, at });
        if self.gone.len() > MOST {
            self.gone.pop_front();
        }
    }

    /// An agent is there, again perhaps.
    pub fn back(&mut self, id: &str) {
        self.gone.retain(|gone| gone.id != id);
    }

    /// Those of the last hour before `now`; none where nothing was followed.
    pub fn lately(&self, now: SystemTime) -> Option<Lately> {
        let begin = now.checked_sub(LATELY).unwrap_or(SystemTime::UNIX_EPOCH);
        let gone = self.gone.iter().rev().filter(|gone| gone.at >= begin);
        Some(Lately {
            since: self.since?.max(begin),
            agents: gone.cloned().collect(),
        })
    }
}

impl Lately {
    /// What another replica tells, of which no more is believed than this one would tell, and nothing drives a terminal.
    pub fn decode(told: serde_json::Value) -> Option<Self> {
        let mut lately: Self = serde_json::from_value(told).ok()?;
        lately.agents.truncate(MOST);
        for gone in &mut lately.agents {
            gone.id = plain(&gone.id).into_owned();
            gone.host = gone.host.as_deref().map(|host| plain(host).into_owned());
        }
        Some(lately)
    }
}

/// Times as RFC 3339 text.
mod humantime_text {
    use serde::{Deserializer, de::Error};

    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_rfc3339(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn ids(lost: &Lost, now: SystemTime) -> Vec<String> {
        let lately = lost.lately(now).unwrap();
        lately.agents.into_iter().map(|gone| gone.id).collect()
    }

    /// The latest first; one that is back is not lost, and after an hour nobody is told of.
    #[test]
    fn who_went_is_told_of_for_an_hour_unless_back() {
        let mut lost = Lost::default();
        assert_eq!(lost.lately(at(0)), None);
        lost.follows(at(10_000));
        lost.follows(at(10_050));
        for (id, seconds) in [("a", 10_100), ("b", 10_200), ("a", 10_300), ("c", 10_400)] {
            lost.gone(id.into(), Some("host".into()), at(seconds));
        }
        assert_eq!(ids(&lost, at(10_500)), ["c", "a", "b"]);
        assert_eq!(lost.lately(at(10_500)).unwrap().since, at(10_000));
        lost.back("a");
        assert_eq!(ids(&lost, at(13_800)), ["c", "b"]);
        assert_eq!(ids(&lost, at(13_801)), ["c"]);
        assert_eq!(lost.lately(at(14_001)).unwrap().since, at(10_401));
        assert_eq!(ids(&lost, at(14_001)), [""; 0]);
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let mut lost = Lost::default();
        lost.follows(at(0));
        for number in 0..MOST + 5 {
            lost.gone(number.to_string(), None, at(1));
        }
        let ids = ids(&lost, at(2));
        assert_eq!((ids.len(), ids[MOST - 1].as_str()), (MOST, "5"));
    }

    #[test]
    fn what_is_told_is_read_and_drives_no_terminal() {
        let mut lost = Lost::default();
        lost.follows(at(1));
        lost.gone("a".into(), None, at(2));
        let lately = lost.lately(at(3)).unwrap();
        let told = serde_json::to_value(&lately).unwrap();
        assert_eq!(Lately::decode(told.clone()), Some(lately));
        let mut hostile = told;
        hostile["agents"][0]["id"] = json!("a\u{1b}[2J");
        let hostile = Lately::decode(hostile).unwrap();
        assert!(!hostile.agents[0].id.contains('\u{1b}'));
        for junk in [json!(null), json!({"since": "x", "agents": []}), json!([])] {
            assert_eq!(Lately::decode(junk), None);
        }
    }
}
