//! The children of a znode, in the order of a service's addresses.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use contract::ZnodePath;

use crate::records::sequence;

/// Up to so many stand in a plain list.
const FEW: usize = 64;

/// The children of one znode, in order.
#[derive(Debug, Clone)]
pub(super) enum Children {
    Few(Vec<Child>),
    /// Not every one of them is moved when one comes between.
    Many(BTreeSet<Child>),
}

/// A child of a known znode, ordered by sequence number, then by name; those without a number last.
#[derive(Debug, Clone)]
pub(super) struct Child(ZnodePath);

impl Child {
    pub(super) fn new(path: ZnodePath) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &ZnodePath {
        &self.0
    }

    pub(super) fn is_numbered(&self) -> bool {
        sequence(self.0.component()).is_some()
    }
}

impl Ord for Child {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |component| {
            let sequence = sequence(component);
            (sequence.is_none(), sequence)
        };
        let (one, other) = (self.0.component(), other.0.component());
        key(one).cmp(&key(other)).then_with(|| one.cmp(other))
    }
}

impl PartialOrd for Child {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Child {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Child {}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    pub(super) fn insert(&mut self, child: Child) {
        match self {
            Self::Many(children) => {
                children.insert(child);
            }
            Self::Few(children) => {
                if let Err(at) = children.binary_search(&child) {
                    // Doubled, the list would be half empty as a rule.
                    children.reserve_exact(1 + children.len() / 4);
                    children.insert(at, child);
                }
                if children.len() > FEW {
                    *self = Self::Many(children.drain(..).collect());
                }
            }
        }
    }

    pub(super) fn remove(&mut self, child: &Child) {
        match self {
            Self::Many(children) => {
                children.remove(child);
            }
            Self::Few(children) => {
                if let Ok(at) = children.binary_search(child) {
                    children.remove(at);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Child> {
        let (few, many) = match self {
            Self::Few(few) => (few.as_slice(), None),
            Self::Many(many) => ([].as_slice(), Some(many)),
        };
        few.iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(component: &str) -> Child {
        Child::new(format!("/s/{component}").parse().unwrap())
    }

    #[test]
    fn by_number_then_by_name_however_many() {
        for count in [3, FEW, FEW + 1, 500] {
            let mut children = Children::default();
            for i in (0..count).rev() {
                children.insert(child(&format!("b{i:03}")));
                children.insert(child(&format!(
                    "{}-{i:010}",
                    if i % 2 == 0 { "z" } else { "a" }
                )));
            }
            children.insert(child("b000"));
            let all: Vec<_> = children.iter().collect();
            assert_eq!(all.len(), 2 * count);
            assert!(all.is_sorted());
            assert!(all[..count].iter().all(|child| child.is_numbered()));
            assert_eq!(all[1].path().as_str(), "/s/a-0000000001");
            for i in 0..count {
                children.remove(&child(&format!("b{i:03}")));
            }
            assert_eq!(children.iter().count(), count);
            assert!(children.iter().all(Child::is_numbered));
        }
    }
}
