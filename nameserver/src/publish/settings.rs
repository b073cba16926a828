//! What decides which names a tree gives, as all replicas must agree on it.
//!
//! A replica that would name the tree in another way does not stand for election: at the next
//! failover it would rename everything, without anybody having asked for that. Pure.

use contract::{Head, Name, Settings};

use crate::namespace::scope::Scope;

/// The settings of this replica.
pub fn of(scope: &Scope) -> Settings {
    Settings {
        root: scope.root().clone(),
        domain: scope.domain().cloned(),
        exclude: Some(scope.patterns().to_vec()),
        allow_public: scope.allows_public(),
    }
}

/// Those by which the names were published: what `STATE/settings` holds, unless the `head`
/// contradicts it (then somebody published who does not know of that znode). None before the
/// first publish.
pub fn published(znode: Option<&[u8]>, head: Option<&Head>) -> Option<Settings> {
    let told = znode.and_then(|data| Settings::decode(data).ok());
    let Some(head) = head else {
        return told;
    };
    let agrees =
        |told: &Settings| told.root == *head.root() && told.domain.as_ref() == head.domain();
    Some(told.filter(agrees).unwrap_or_else(|| Settings {
        root: head.root().clone(),
        domain: head.domain().cloned(),
        exclude: None,
        allow_public: false,
    }))
}

/// In which flags a replica's `own` settings differ from the `published` ones; none where they do
/// not.
pub fn difference(own: &Settings, published: &Settings) -> Option<String> {
    let mut flags = Vec::new();
    if own.root != published.root {
        flags.push(format!(
            "--root {} (published: {})",
            own.root, published.root
        ));
    }
    if own.domain != published.domain {
        let (own, other) = (domain(own), domain(published));
        flags.push(format!("--domain {own} (published: {other})"));
    }
    if let (Some(own), Some(other)) = (&own.exclude, &published.exclude)
        && own != other
    {
        let (own, other) = (globs(own), globs(other));
        flags.push(format!("--exclude {own} (published: {other})"));
    }
    // Who tells of exclusions tells of this, too.
    if own.allow_public != published.allow_public && published.exclude.is_some() {
        let word = |allowed: bool| if allowed { "given" } else { "not given" };
        let (own, other) = (word(own.allow_public), word(published.allow_public));
        flags.push(format!("--allow-public {own} (published: {other})"));
    }
    (!flags.is_empty()).then(|| flags.join(", "))
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
    use contract::Snapshot;
    use std::time::SystemTime;

    fn settings(root: &str, domain: &str, exclude: &[&str]) -> Settings {
        let exclude: Vec<_> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        let state = "/nameserver".parse().unwrap();
        let scope = Scope::new(root.parse().unwrap(), state, domain.parse().ok(), &exclude);
        of(&scope.unwrap())
    }

    fn snapshot(root: &str) -> Head {
        Head::Whole(Snapshot {
            domain: None,
            generation: 1,
            hosts: contract::Hosts::new(),
            leader: "ns1".into(),
            presence: contract::PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: root.parse().unwrap(),
            sum: None,
            zxid: 1,
        })
    }

    #[test]
    fn the_order_of_globs_does_not_matter_and_each_difference_is_named() {
        let published = settings("/services", "", &["locks", "/services/x"]);
        assert_eq!(
            difference(
                &settings("/services", "", &["/services/x", "locks", "locks"]),
                &published
            ),
            None
        );
        assert_eq!(
            difference(&settings("/svc", "zk.internal", &[]), &published).unwrap(),
            "--root /svc (published: /services), --domain zk.internal (published: none), \
             --exclude none (published: /services/x locks)"
        );
    }

    #[test]
    fn what_is_published_is_told_by_the_znode_or_else_by_the_snapshot() {
        let own = settings("/services", "", &["locks"]);
        let znode = own.encode();
        assert_eq!(published(None, None), None);
        assert_eq!(published(Some(b"junk"), None), None);
        assert_eq!(published(Some(&znode), None), Some(own.clone()));
        let snapshots = (snapshot("/services"), snapshot("/other"));
        assert_eq!(
            published(Some(&znode), Some(&snapshots.0)),
            Some(own.clone())
        );
        // Of an older release, or put there by hand.
        let told = published(Some(&znode), Some(&snapshots.1)).unwrap();
        assert_eq!(
            difference(&own, &told).unwrap(),
            "--root /services (published: /other)"
        );
        let told = published(None, Some(&snapshots.0)).unwrap();
        assert_eq!(difference(&own, &told), None);
    }
}
