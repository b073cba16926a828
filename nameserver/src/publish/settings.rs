//! What decides which names a tree gives, as all replicas must agree on it.
//!
//! A replica that would name the tree in another way does not stand for election: at the next
//! failover it would rename everything, without anybody having asked for that. Pure.

use contract::{Name, Snapshot, ZnodePath};
use serde::{Deserialize, Serialize};

use crate::namespace::scope::Scope;

/// What the names are made by, as `STATE/settings` holds it for every replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where names are looked for.
    pub root: ZnodePath,
    /// What is appended to every name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Name>,
    /// What is left out, sorted; none where nobody has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Vec<String>>,
}

impl Settings {
    /// Those of this replica.
    pub fn of(scope: &Scope) -> Self {
        Self {
            root: scope.root().clone(),
            domain: scope.domain().cloned(),
            exclude: Some(scope.patterns().to_vec()),
        }
    }

    /// Those by which the names were published: what `STATE/settings` holds, unless the `snapshot`
    /// contradicts it (then somebody published who does not know of that znode). None before the
    /// first publish.
    pub fn published(znode: Option<&[u8]>, snapshot: Option<&Snapshot>) -> Option<Self> {
        let told = znode.and_then(|data| serde_json::from_slice::<Self>(data).ok());
        let Some(snapshot) = snapshot else {
            return told;
        };
        let agrees = |told: &Self| told.root == snapshot.root && told.domain == snapshot.domain;
        Some(told.filter(agrees).unwrap_or_else(|| Self {
            root: snapshot.root.clone(),
            domain: snapshot.domain.clone(),
            exclude: None,
        }))
    }

    /// As the data of a znode.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings always become JSON")
    }

    /// In which flags these differ from what is published; none where they do not.
    pub fn difference(&self, published: &Self) -> Option<String> {
        let mut flags = Vec::new();
        if self.root != published.root {
            flags.push(format!(
                "--root {} (published: {})",
                self.root, published.root
            ));
        }
        if self.domain != published.domain {
            let (own, other) = (domain(self), domain(published));
            flags.push(format!("--domain {own} (published: {other})"));
        }
        if let (Some(own), Some(other)) = (&self.exclude, &published.exclude)
            && own != other
        {
            let (own, other) = (globs(own), globs(other));
            flags.push(format!("--exclude {own} (published: {other})"));
        }
        (!flags.is_empty()).then(|| flags.join(", "))
    }
}

fn domain(settings: &Settings) -> &str {
    settings.domain.as_ref().map_or("none", Name::as_str)
}

fn globs(patterns: &[String]) -> String {
    match patterns {
        [] => "none".to_owned(),
        patterns => patterns.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    fn settings(root: &str, domain: &str, exclude: &[&str]) -> Settings {
        let exclude: Vec<_> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        let state = "/nameserver".parse().unwrap();
        let scope = Scope::new(root.parse().unwrap(), state, domain.parse().ok(), &exclude);
        Settings::of(&scope.unwrap())
    }

    fn snapshot(root: &str) -> Snapshot {
        Snapshot {
            domain: None,
            generation: 1,
            hosts: BTreeMap::new(),
            leader: "ns1".into(),
            published: SystemTime::UNIX_EPOCH,
            root: root.parse().unwrap(),
            zxid: 1,
        }
    }

    #[test]
    fn the_order_of_globs_does_not_matter_and_each_difference_is_named() {
        let published = settings("/services", "", &["locks", "/services/x"]);
        assert_eq!(
            settings("/services", "", &["/services/x", "locks", "locks"]).difference(&published),
            None
        );
        assert_eq!(
            settings("/svc", "zk.internal", &[])
                .difference(&published)
                .unwrap(),
            "--root /svc (published: /services), --domain zk.internal (published: none), \
             --exclude none (published: /services/x locks)"
        );
    }

    #[test]
    fn what_is_published_is_told_by_the_znode_or_else_by_the_snapshot() {
        let own = settings("/services", "", &["locks"]);
        let znode = own.encode();
        assert_eq!(Settings::published(None, None), None);
        assert_eq!(Settings::published(Some(b"junk"), None), None);
        assert_eq!(Settings::published(Some(&znode), None), Some(own.clone()));
        let snapshots = (snapshot("/services"), snapshot("/other"));
        assert_eq!(
            Settings::published(Some(&znode), Some(&snapshots.0)),
            Some(own.clone())
        );
        // Of an older release, or put there by hand.
        let published = Settings::published(Some(&znode), Some(&snapshots.1)).unwrap();
        assert_eq!(
            own.difference(&published).unwrap(),
            "--root /services (published: /other)"
        );
        let published = Settings::published(None, Some(&snapshots.0)).unwrap();
        assert_eq!(own.difference(&published), None);
    }
}
