//! What a hosts file says that another process keeps. Pure.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use contract::hosts_line::foreign;
use contract::{Address, Hosts, Name};
use imbl::ordmap::DiffItem;

/// The names that are left to lines of others, in order, where the text says all that is wanted and no
/// longer what is `known` to have been said before; none where it does not.
pub(crate) fn says(text: &[u8], wanted: &Hosts, known: &Hosts) -> Option<Vec<Name>> {
    let foreign: HashSet<String> = foreign(text)
        .into_iter()
        .map(|(_, name, _)| name.to_ascii_lowercase())
        .collect();
    let mut said: HashMap<&str, Vec<IpAddr>> = HashMap::new();
    for line in str::from_utf8(text).ok()?.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        if let Some(address) = words.next().and_then(|word| word.parse().ok()) {
            for name in words {
                said.entry(name).or_default().push(address);
            }
        }
    }
    let is_said = |name: &Name, address: &Address| {
        let said = said.get(name.as_str());
        said.is_some_and(|said| said.contains(&address.ip()))
    };
    let is_left = |name: &Name| foreign.contains(name.as_str());
    let is_there = wanted.iter().all(|(name, addresses)| {
        is_left(name) || addresses.iter().all(|address| is_said(name, address))
    });
    let is_gone = known.diff(wanted).all(|item| {
        let (DiffItem::Remove(name, old)
        | DiffItem::Update {
            old: (name, old), ..
        }) = item
        else {
            return true;
        };
        let new = wanted.get(name).map_or(&[][..], |new| new);
        let mut former = old.iter().filter(|address| !new.contains(address));
        is_left(name) || !former.any(|address| is_said(name, address))
    });
    let shadowed = || {
        wanted
            .keys()
            .filter(|name| is_left(name))
            .cloned()
            .collect()
    };
    (is_there && is_gone).then(shadowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;

    #[test]
    fn a_file_is_judged_by_what_it_says() {
        let hosts = |names: &[(&str, u8)]| published(1, 1, 1, names).snapshot.hosts;
        let (wanted, known) = (
            hosts(&[("db", 2), ("web", 3)]),
            hosts(&[("db", 1), ("log", 4)]),
        );
        for (text, expected) in [
            ("10.0.0.2 db\n10.0.0.3 web\n", Some(&[][..])),
            ("10.0.0.2 db \n10.0.0.3 web\n10.0.0.9 more\n", Some(&[])),
            ("10.0.0.2 db\n", None),
            ("10.0.0.2 db\n#0.0.0.3 web\n", None),
            ("10.0.0.1 db\n10.0.0.3 web\n", None),
            // What was said before is on its way out.
            ("10.0.0.1 db\n10.0.0.2 db\n10.0.0.3 web\n", None),
            ("10.0.0.2 db\n10.0.0.3 web\n10.0.0.4 log\n", None),
        ] {
            let text = format!("# BEGIN hostsync\n{text}# END hostsync\n");
            let shadowed = says(text.as_bytes(), &wanted, &known);
            assert_eq!(shadowed.as_deref(), expected, "{text}");
        }
        let text = "10.9.9.9 DB\n# BEGIN hostsync\n10.0.0.3 web\n# END hostsync\n";
        let shadowed = says(text.as_bytes(), &wanted, &known);
        assert_eq!(shadowed, Some(vec!["db".parse().unwrap()]));
    }
}
