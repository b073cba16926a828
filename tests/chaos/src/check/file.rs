//! What a reader of a hosts file may see, and what the file must be at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use super::past::Past;
use crate::model::Hosts;

/// What is wrong with what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A line that nobody ever meant to stand there.
    Torn(String),
    /// A name that nobody touched is not there.
    Missing(String),
    /// A line of somebody else is not there.
    Lost(String),
}

/// The lines of others in one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// Those that stand there now.
    pub(crate) standing: BTreeSet<String>,
    /// Those that stand there now or have stood there.
    pub(crate) known: BTreeSet<String>,
}

/// Looks at all that one reader got, line by line as it came. `standing` are the lines of others
/// that stood there all the while.
pub(crate) fn judge(
    lines: &[&[u8]],
    standing: &BTreeSet<String>,
    known: &BTreeSet<String>,
    pinned: &BTreeSet<String>,
    past: &Past,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut lost: BTreeSet<&str> = standing.iter().map(String::as_str).collect();
    let mut missing: BTreeSet<&str> = pinned.iter().map(String::as_str).collect();
    for line in lines {
        let text = String::from_utf8_lossy(line);
        if known.contains(&*text) {
            lost.remove(&*text);
        } else if !text.ends_with('\n') {
            faults.push(Fault::Torn(text.into_owned()));
        } else if let Some((address, name)) = entry(&text)
            && past.knows(name, address)
        {
            missing.remove(name);
        } else if !is_dead(&text, past) {
            faults.push(Fault::Torn(text.into_owned()));
        }
    }
    faults.extend(
        missing
            .into_iter()
            .map(|name| Fault::Missing(name.to_owned())),
    );
    faults.extend(lost.into_iter().map(|line| Fault::Lost(line.to_owned())));
    faults
}

/// A line of ours: an address, blanks, one name, blanks.
fn entry(line: &str) -> Option<(IpAddr, &str)> {
    let (address, rest) = line.split_once(' ')?;
    let name = rest.trim_matches([' ', '\n']);
    let is_one = !name.is_empty() && !name.contains(|c: char| c.is_whitespace());
    Some((address.parse().ok().filter(|_| is_one)?, name))
}

/// What no program sees: our markers, and what is left of lines of ours, which may be several in one
/// where somebody has shifted them, or blank while they are laid out anew.
fn is_dead(line: &str, past: &Past) -> bool {
    let text = line.trim_end_matches([' ', '\n']);
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '#');
    let is_ours = |word: &str| word.chars().all(of_address) || past.knows_name(word);
    text.is_empty() && line.len() > 1
        || text.starts_with('#')
            && (matches!(text, "# BEGIN hostsync" | "# END hostsync")
                || text.split(' ').all(is_ours))
}

/// What a file says that it should not, or does not say that it should; none when it agrees with the
/// model. A name that a line of somebody else has is left alone.
pub(crate) fn difference(
    text: &[u8],
    model: &Hosts,
    standing: &BTreeSet<String>,
    is_ordered: bool,
) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let mut foreign = standing.clone();
    let mut found = Hosts::new();
    for line in text.split_inclusive('\n') {
        if foreign.remove(line) || line.starts_with('#') {
            continue;
        }
        let Some((address, name)) = entry(line) else {
            // The end of a slot of ours that somebody wrote over, who had truncated the file before: it maps
            // nothing. Not in a file that is replaced.
            let begin = line.split(' ').next().unwrap_or_default();
            if !is_ordered && line.ends_with(" \n") && begin.parse::<IpAddr>().is_err() {
                continue;
            }
            return Some(format!("the line {line:?} is nobody's"));
        };
        found.entry(name.to_owned()).or_default().push(address);
    }
    if let Some(line) = foreign.first() {
        return Some(format!("the line {line:?} of somebody else is not there"));
    }
    let taken: BTreeSet<&str> = standing.iter().flat_map(|line| names_of(line)).collect();
    let wanted = model.iter().filter(|(name, _)| !taken.contains(&***name));
    let mut wanted: BTreeMap<_, _> = wanted
        .map(|(name, all)| (name.clone(), all.clone()))
        .collect();
    if !is_ordered {
        let sort = |hosts: &mut Hosts| hosts.values_mut().for_each(|addresses| addresses.sort());
        sort(&mut found);
        sort(&mut wanted);
    }
    let names: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let differs = |name: &&&String| found.get(**name) != wanted.get(**name);
    let name = names.iter().find(differs)?;
    let told = |hosts: &Hosts| {
        hosts
            .get(*name)
            .map_or("nothing".to_owned(), |all| format!("{all:?}"))
    };
    Some(format!(
        "{name} is {} and should be {}",
        told(&found),
        told(&wanted)
    ))
}

fn names_of(line: &str) -> impl Iterator<Item = &str> {
    let text = line.split('#').next().unwrap_or_default();
    text.split_ascii_whitespace().skip(1)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(line) => write!(f, "torn line {:?}", line.trim_end_matches(' ')),
            Self::Missing(name) => write!(f, "{name}, which nobody touched, is missing"),
            Self::Lost(line) => write!(f, "the line {line:?} of somebody else is lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::past::tests::past;
    use super::*;

    const FOREIGN: &str = "127.0.0.1\tlocalhost\n";
    const GOOD: &str = "127.0.0.1\tlocalhost\n# BEGIN hostsync     \n10.0.0.2 db   \n\
        #0.0.0.2 db \n#\n#0.0.0.2 db   #0.0.0.1 n\n10.0.0.1 leader.n\n# END hostsync\n";

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn faults(text: &str) -> Vec<Fault> {
        let past = past();
        past.begin(2);
        let lines: Vec<&[u8]> = text.split_inclusive('\n').map(str::as_bytes).collect();
        let foreign = set(&[FOREIGN]);
        judge(&lines, &foreign, &foreign, &set(&["db"]), &past)
    }

    #[test]
    fn what_may_stand_there() {
        assert_eq!(faults(GOOD), []);
    }

    #[test]
    fn every_cut_of_a_file_is_noticed() {
        let end = GOOD.find("#0.0.0.2").expect("behind the pinned name");
        for cut in 0..end {
            assert_ne!(faults(&GOOD[..cut]), [], "{cut}");
        }
    }

    #[test]
    fn torn_lines() {
        for (from, to) in [
            ("10.0.0.1 leader.n\n", "10.0.0.2 leader.n\n"),
            ("10.0.0.1 leader.n\n", "10.0.0.1 eader.n\n"),
            ("10.0.0.1 leader.n\n", "0.0.0.1 leader.n\n"),
            ("10.0.0.1 leader.n\n", "10.0.0.1 leader.n x\n"),
            ("10.0.0.1 leader.n\n", "\0\0\n"),
            ("10.0.0.1 leader.n\n", "\n"),
            ("#0.0.0.2 db \n", "#0.0.0.2 x \n"),
            ("#0.0.0.2 db \n", "# my own comment\n"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            let torn = faults(&text);
            assert!(matches!(torn[..], [Fault::Torn(_)]), "{to:?}: {torn:?}");
        }
    }

    #[test]
    fn missing_names_and_lost_lines() {
        let dead = GOOD.replace("10.0.0.2 db", "#0.0.0.2 db");
        assert_eq!(faults(&dead), [Fault::Missing("db".into())]);
        let lost = GOOD.replace(FOREIGN, "");
        assert_eq!(faults(&lost), [Fault::Lost(FOREIGN.into())]);
    }

    #[test]
    fn at_rest_a_file_says_what_the_model_says_and_nothing_else() {
        let hosts = |names: &[(&str, &[u8])]| -> Hosts {
            let addresses = |all: &[u8]| all.iter().map(|&last| [10, 0, 0, last].into()).collect();
            let entry = |&(name, all): &(&str, &[u8])| (name.to_owned(), addresses(all));
            names.iter().map(entry).collect()
        };
        let standing = set(&[FOREIGN, "10.9.9.9\tweb # mine\n"]);
        let text = "10.0.0.1 db\n10.0.0.2 db\n10.9.9.9\tweb # mine\n127.0.0.1\tlocalhost\n#\n";
        let check = |text: &str, model: &Hosts, ordered| {
            difference(text.as_bytes(), model, &standing, ordered)
        };
        let model = hosts(&[("db", &[1, 2]), ("web", &[3])]);
        assert_eq!(check(text, &model, true), None);
        for (text, model) in [
            (text.to_owned(), hosts(&[("db", &[1]), ("web", &[3])])),
            (text.to_owned(), hosts(&[("db", &[1, 2, 3])])),
            (text.to_owned(), hosts(&[("db", &[1, 2]), ("cache", &[3])])),
            (text.to_owned(), hosts(&[("web", &[3])])),
            (text.replace(FOREIGN, ""), model.clone()),
            (format!("{text}10.0.0.3 web\n"), model.clone()),
            (format!("{text}10.0.0.1 db\n"), model.clone()),
            (format!("{text}{FOREIGN}"), model.clone()),
            (format!("{text}\n"), model.clone()),
        ] {
            assert!(check(&text, &model, false).is_some(), "{text}{model:?}");
        }
        let other_order = hosts(&[("db", &[2, 1])]);
        assert_eq!(check(text, &other_order, false), None);
        assert!(check(text, &other_order, true).is_some());
    }
}
