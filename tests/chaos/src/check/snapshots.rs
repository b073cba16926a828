//! What somebody sees who reads the znode of the snapshot again and again.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::past::Past;

/// What the run itself writes there begins so, or names this leader.
pub(crate) const JUNK: &str = "junk by chaos";
pub(crate) const FORGER: &str = "chaos";

/// One version of the znode.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// The transaction that created the znode.
    pub(crate) czxid: i64,
    /// The transaction that wrote it.
    pub(crate) mzxid: i64,
    pub(crate) data: Vec<u8>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    czxid: i64,
    mzxid: i64,
    generation: u64,
    /// How many different generations were read.
    pub(crate) generations: u64,
}

impl Watcher {
    /// Looks at what was just read. A read that is older than the last one says nothing, since it
    /// may come from a server that lags behind.
    pub(crate) fn see(
        &mut self,
        version: &Version,
        pinned: &BTreeSet<String>,
        past: &Past,
    ) -> Result<(), String> {
        if version.mzxid <= self.mzxid {
            return Ok(());
        }
        self.mzxid = version.mzxid;
        if std::mem::replace(&mut self.czxid, version.czxid) != version.czxid {
            // To delete the znode is the way to make a generation go back on purpose.
            self.generation = 0;
        }
        let Some(snapshot) = genuine(&version.data) else {
            return Ok(());
        };
        let snapshot = snapshot?;
        let (generation, before) = (generation(&snapshot), self.generation);
        if generation <= before {
            return Err(format!(
                "generation {generation} was published after {before}"
            ));
        }
        self.generation = generation;
        self.generations += 1;
        let hosts = snapshot["hosts"]
            .as_object()
            .ok_or("the snapshot holds no names")?;
        if snapshot["names"].as_u64() != Some(hosts.len() as u64) {
            return Err(format!("generation {generation} miscounts its names"));
        }
        if let Some(name) = pinned.iter().find(|name| !hosts.contains_key(*name)) {
            return Err(format!(
                "generation {generation} lacks {name}, which nobody touched"
            ));
        }
        for (name, addresses) in hosts {
            for address in addresses.as_array().into_iter().flatten() {
                let parsed = address
                    .as_str()
                    .and_then(|text| text.parse::<IpAddr>().ok());
                if !parsed.is_some_and(|address| past.knows(name, address)) {
                    return Err(format!(
                        "generation {generation} gives {name} the address {address}, which it never had"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The snapshot in a version; none if the run wrote it itself, or if it is the empty place for pages that
/// are written first; an error if it is none.
pub(crate) fn genuine(data: &[u8]) -> Option<Result<Value, String>> {
    if data.is_empty() || data.starts_with(JUNK.as_bytes()) {
        return None;
    }
    match serde_json::from_slice::<Value>(data) {
        Err(error) => Some(Err(format!(
            "a nameserver published what is no JSON: {error}"
        ))),
        Ok(snapshot) if snapshot["leader"] == FORGER => None,
        Ok(snapshot) => Some(Ok(snapshot)),
    }
}

/// The generation that a snapshot says.
pub(crate) fn generation(snapshot: &Value) -> u64 {
    snapshot["generation"].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::past::tests::past;
    use super::*;

    fn version(mzxid: i64, text: &str) -> Version {
        Version {
            czxid: mzxid / 100,
            mzxid,
            data: text.as_bytes().to_vec(),
        }
    }

    fn good(generation: u64) -> String {
        format!(
            r#"{{"generation":{generation},"hosts":{{"db":["10.0.0.2"]}},"leader":"a","names":1}}"#
        )
    }

    fn last(versions: &[Version]) -> Result<(), String> {
        let past = past();
        past.begin(2);
        let pinned = BTreeSet::from(["db".to_owned()]);
        let mut watcher = Watcher::default();
        let seen: Vec<_> = versions
            .iter()
            .map(|version| watcher.see(version, &pinned, &past))
            .collect();
        let (last, before) = seen.split_last().expect("at least one version");
        assert!(before.iter().all(Result::is_ok), "{before:?}");
        last.clone()
    }

    #[test]
    fn generations_rise() {
        let (one, two) = (version(5, &good(7)), version(6, &good(8)));
        assert_eq!(last(&[one.clone(), one.clone(), two.clone()]), Ok(()));
        // From a server that lags behind.
        assert_eq!(last(&[two.clone(), one.clone()]), Ok(()));
        assert!(last(&[one.clone(), version(6, &good(7))]).is_err());
        assert!(last(&[one.clone(), version(6, &good(6))]).is_err());
        // Created anew.
        assert_eq!(last(&[one, version(106, &good(1))]), Ok(()));
    }

    #[test]
    fn what_the_run_wrote_itself_is_nobody_s_fault() {
        let forged = good(3).replace("\"a\"", "\"chaos\"");
        let versions = [
            version(5, &good(7)),
            version(6, "junk by chaos 1"),
            version(7, &forged),
            version(8, &good(8)),
        ];
        assert_eq!(last(&versions), Ok(()));
        assert!(last(&[version(5, "other junk")]).is_err());
    }

    #[test]
    fn what_a_snapshot_says_is_looked_at() {
        for (from, to) in [
            ("\"names\":1", "\"names\":2"),
            ("\"db\"", "\"d\""),
            ("10.0.0.2", "10.0.0.1"),
            ("10.0.0.2", "x"),
        ] {
            let text = good(1).replace(from, to);
            assert!(last(&[version(1, &text)]).is_err(), "{text}");
        }
    }
}
