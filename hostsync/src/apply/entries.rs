//! The entries of the hosts file, kept in step with the snapshot change by change. Pure.

use contract::{Hosts, Name};
use imbl::ordmap::DiffItem;

use crate::apply::selection::Selection;

/// The selected names of a snapshot.
#[derive(Debug, Clone)]
pub struct Entries {
    selection: Selection,
    /// All names that they were selected from.
    all: Hosts,
    selected: Hosts,
}

impl Entries {
    /// None yet.
    pub fn new(selection: Selection) -> Self {
        Self {
            selection,
            all: Hosts::new(),
            selected: Hosts::new(),
        }
    }

    /// Those of these names, at the cost of what they do not share with the last ones.
    pub fn follow(&mut self, hosts: &Hosts) -> &Hosts {
        if self.all.ptr_eq(hosts) {
            return &self.selected;
        }
        if self.selection.is_of_all() {
            self.selected = self.selection.entries(hosts);
        } else {
            for item in self.all.diff(hosts) {
                match item {
                    DiffItem::Add(name, addresses)
                    | DiffItem::Update {
                        new: (name, addresses),
                        ..
                    } => {
                        if self.selection.selects(name) {
                            self.selected.insert(name.clone(), addresses.clone());
                        }
                    }
                    DiffItem::Remove(name, _) => {
                        self.selected.remove(name);
                    }
                }
            }
        }
        self.all = hosts.clone();
        &self.selected
    }

    /// This machine's own name, where it is published; it is never selected.
    pub fn own(&self) -> Option<&Name> {
        self.selection.own(&self.all)
    }

    /// Selects anew; false where that does not end where following the changes has, which is made
    /// good.
    #[must_use]
    pub fn check(&mut self) -> bool {
        let anew = self.selection.entries(&self.all);
        let was_right = anew == self.selected;
        if !was_right {
            self.selected = anew;
        }
        was_right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{Address, Addresses};
    use proptest::prelude::*;

    fn name(number: u8) -> Name {
        // Half of them are selected.
        let ending = if number.is_multiple_of(2) {
            "db"
        } else {
            "web"
        };
        format!("n{number:02}.{ending}").parse().unwrap()
    }

    fn addresses(last: u8) -> Addresses {
        Addresses::from_iter([format!("10.0.0.{last}").parse::<Address>().unwrap()])
    }

    proptest! {
        /// Snapshots that share most of their names, and such that share nothing, as after a read of
        /// all pages.
        #[test]
        fn following_ends_where_selecting_anew_does(
            steps in prop::collection::vec((prop::collection::vec((0u8..40, 0u8..4), 0..6), any::<bool>()), 1..20),
            globs in prop::sample::select(vec![vec![], vec!["*.db".to_owned()], vec!["n1*".to_owned()]]),
            own in prop::option::of(0..10_u8),
        ) {
            let own = own.map(name);
            let selection = Selection::new(&globs).unwrap().of_others(own.clone());
            let mut entries = Entries::new(selection.clone());
            let mut hosts = Hosts::new();
            for (changes, is_anew) in steps {
                for (number, last) in changes {
                    match last {
                        0 => hosts.remove(&name(number)),
                        last => hosts.insert(name(number), addresses(last)),
                    };
                }
                if is_anew {
                    hosts = hosts.iter().map(|(name, list)| (name.clone(), list.clone())).collect();
                }
                prop_assert_eq!(entries.follow(&hosts), &selection.entries(&hosts));
                let has_own = own.iter().any(|own| hosts.contains_key(own));
                prop_assert_eq!(entries.own().is_some(), has_own);
                prop_assert!(!own.iter().any(|own| entries.selected.contains_key(own)));
                prop_assert!(entries.check());
            }
        }
    }

    #[test]
    fn what_went_wrong_is_noticed_and_made_good() {
        let hosts: Hosts = (0..9).map(|number| (name(number), addresses(1))).collect();
        let mut entries = Entries::new(Selection::new(&["*.db".to_owned()]).unwrap());
        let right = entries.follow(&hosts).clone();
        entries.selected.remove(&name(2));
        assert!(!entries.check());
        assert_eq!(entries.selected, right);
        assert!(entries.check());
    }
}
