//! What changed between two mappings, for the log.

use std::fmt;

use imbl::ordmap::DiffItem;

use crate::{Addresses, Hosts, Name};

/// How many names of each kind the text form lists.
const SHOWN: usize = 5;
/// How many addresses of a name are shown.
const SHOWN_ADDRESSES: usize = 3;

/// The names that one mapping has and another has not, or has with other addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Names that are new, in order.
    pub added: Vec<Name>,
    /// Names whose addresses, or their order, differ, in order.
    pub changed: Vec<Name>,
    /// Names that are gone, in order.
    pub removed: Vec<Name>,
}

impl Diff {
    /// What turns `old` into `new`, at the cost of what they do not share.
    pub fn between(old: &Hosts, new: &Hosts) -> Self {
        let mut diff = Self::default();
        for item in old.diff(new) {
            let (names, name) = match item {
                DiffItem::Add(name, _) => (&mut diff.added, name),
                DiffItem::Update { new: (name, _), .. } => (&mut diff.changed, name),
                DiffItem::Remove(name, _) => (&mut diff.removed, name),
            };
            names.push(name.clone());
        }
        diff
    }

    /// The first names that differ, those that changed before those that are new or gone.
    pub fn first(&self) -> impl Iterator<Item = &Name> {
        let all = self.changed.iter().chain(&self.added).chain(&self.removed);
        all.take(SHOWN)
    }

    /// How the first names moved from `old` to `new`, for the log, with a semicolon before each.
    pub fn moves(&self, old: &Hosts, new: &Hosts) -> String {
        let moved = self.first().map(|name| Moved {
            name,
            before: old.get(name),
            after: new.get(name),
        });
        moved.map(|moved| format!("; {moved}")).collect()
    }

    /// True when nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A name with its addresses before and after, for the log: `db 10.0.0.5 → 10.0.0.7`, of which some are shown.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// The name.
    pub name: &'a Name,
    /// Its addresses before; none where it is new.
    pub before: Option<&'a Addresses>,
    /// Its addresses since; none where it is gone.
    pub after: Option<&'a Addresses>,
}

impl fmt::Display for Moved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |addresses: Option<&Addresses>, none: &str| match addresses {
            None => none.to_owned(),
            Some(addresses) => {
                let shown = addresses
                    .iter()
                    .take(SHOWN_ADDRESSES)
                    .map(ToString::to_string);
                let shown: Vec<_> = shown.collect();
                match addresses.len().saturating_sub(SHOWN_ADDRESSES) {
                    0 => shown.join(","),
                    more => format!("{},+{more}", shown.join(",")),
                }
            }
        };
        let (before, after) = (of(self.before, "new"), of(self.after, "gone"));
        write!(f, "{} {before} → {after}", self.name)
    }
}

impl fmt::Display for Diff {
    /// One line: `2 added (a, b), 1 changed (c), 0 removed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (&self.added, "added"),
            (&self.changed, "changed"),
            (&self.removed, "removed"),
        ];
        for (i, (names, what)) in parts.into_iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{} {what}", names.len())?;
            if !names.is_empty() {
                let shown: Vec<_> = names.iter().take(SHOWN).map(Name::as_str).collect();
                let more = if names.len() > SHOWN { ", …" } else { "" };
                write!(f, " ({}{more})", shown.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hosts(entries: &[(&str, &[&str])]) -> Hosts {
        let parse = |texts: &[&str]| -> Addresses {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        entries
            .iter()
            .map(|(name, addresses)| (name.parse::<Name>().unwrap(), parse(addresses)))
            .collect()
    }

    #[test]
    fn one_line() {
        let old = hosts(&[
            ("a", &["10.0.0.1"]),
            ("b", &["10.0.0.1"]),
            ("c", &["10.0.0.1"]),
        ]);
        let new = hosts(&[
            ("b", &["10.0.0.1"]),
            ("c", &["10.0.0.2"]),
            ("d", &["10.0.0.1"]),
        ]);
        let diff = Diff::between(&old, &new);
        assert_eq!(
            diff.to_string(),
            "1 added (d), 1 changed (c), 1 removed (a)"
        );
        assert!(Diff::between(&old, &old).is_empty());
    }

    #[test]
    fn from_where_to_where() {
        let old = hosts(&[("a", &["10.0.0.1"]), ("b", &["10.0.0.1"])]);
        let many: &[&str] = &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
        let new = hosts(&[("b", &["10.0.0.2"]), ("c", many)]);
        assert_eq!(
            Diff::between(&old, &new).moves(&old, &new),
            "; b 10.0.0.1 → 10.0.0.2; c new → 10.0.0.1,10.0.0.2,10.0.0.3,+2; a 10.0.0.1 → gone"
        );
    }

    #[test]
    fn five_names_of_a_kind_are_listed() {
        let names = ["a", "b", "c", "d", "e", "f"].map(|name| (name, &["10.0.0.1"][..]));
        let added = |count| Diff::between(&Hosts::new(), &hosts(&names[..count])).to_string();
        assert_eq!(added(5), "5 added (a, b, c, d, e), 0 changed, 0 removed");
        assert_eq!(added(6), "6 added (a, b, c, d, e, …), 0 changed, 0 removed");
    }

    #[test]
    fn a_difference_of_one_kind_is_one() {
        let (one, two) = (
            hosts(&[("a", &["10.0.0.1"])]),
            hosts(&[("a", &["10.0.0.2"])]),
        );
        let none = Hosts::new();
        for (old, new) in [(&none, &one), (&one, &two), (&one, &none)] {
            assert!(!Diff::between(old, new).is_empty(), "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_looking_each_name_up(
            old in prop::collection::btree_map(0u8..20, 1u8..4, 0..20),
            new in prop::collection::btree_map(0u8..20, 1u8..4, 0..20),
        ) {
            let build = |entries: &std::collections::BTreeMap<u8, u8>| -> Hosts {
                entries
                    .iter()
                    .map(|(n, a)| (format!("n{n:03}").parse::<Name>().unwrap(), Addresses::from_iter([format!("10.0.0.{a}").parse().unwrap()])))
                    .collect()
            };
            let (old, new) = (build(&old), build(&new));
            let diff = Diff::between(&old, &new);
            for name in old.keys().chain(new.keys()) {
                prop_assert_eq!(diff.added.contains(name), !old.contains_key(name));
                prop_assert_eq!(diff.removed.contains(name), !new.contains_key(name));
                let both = old.contains_key(name) && new.contains_key(name);
                prop_assert_eq!(diff.changed.contains(name), both && old[name] != new[name]);
            }
        }
    }
}
