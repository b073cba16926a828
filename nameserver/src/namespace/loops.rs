//! Names that lead back to themselves, by way of host names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use contract::Name;

/// The names that lie on loops, each with all that lie on the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Loops(HashMap<Name, Arc<HashSet<Name>>>);

impl Loops {
    /// Whether `from` leads to `to` and that back again.
    pub(super) fn hold(&self, from: &Name, to: &Name) -> bool {
        self.0.get(from).is_some_and(|all| all.contains(to))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn remove(&mut self, name: &Name) {
        self.0.remove(name);
    }

    pub(super) fn add(&mut self, names: impl IntoIterator<Item = Name>) {
        let all: Arc<HashSet<_>> = Arc::new(names.into_iter().collect());
        for name in all.iter() {
            self.0.insert(name.clone(), Arc::clone(&all));
        }
    }
}

/// The strongly connected components of a graph given by the edges of each node, each component
/// after all that it leads to: Tarjan's algorithm, with a stack of its own, since a chain may be as
/// long as the tree is large.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut number = vec![NEW; edges.len()];
    let mut lowest = vec![NEW; edges.len()];
    let mut is_open = vec![false; edges.len()];
    let (mut open, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    // Nodes under way, each with its next edge.
    let mut visits: Vec<(usize, usize)> = Vec::new();
    for root in 0..edges.len() {
        if number[root] == NEW {
            visits.push((root, 0));
        }
        while let Some((node, edge)) = visits.pop() {
            if edge == 0 {
                (number[node], lowest[node], is_open[node]) = (count, count, true);
                count += 1;
                open.push(node);
            } else {
                // Back from the edge before this one.
                let to = edges[node][edge - 1];
                if is_open[to] {
                    lowest[node] = lowest[node].min(lowest[to]);
                }
            }
            if let Some(&to) = edges[node].get(edge) {
                visits.push((node, edge + 1));
                if number[to] == NEW {
                    visits.push((to, 0));
                }
            } else if lowest[node] == number[node] {
                let begin = open.iter().rposition(|&other| other == node);
                let component = open.split_off(begin.unwrap_or_default());
                component.iter().for_each(|&node| is_open[node] = false);
                found.push(component);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reaches(edges: &[Vec<usize>]) -> Vec<HashSet<usize>> {
        let reach = |from: usize| {
            let (mut seen, mut waiting) = (HashSet::new(), vec![from]);
            while let Some(node) = waiting.pop() {
                waiting.extend(edges[node].iter().filter(|to| seen.insert(**to)));
            }
            seen
        };
        (0..edges.len()).map(reach).collect()
    }

    #[test]
    fn a_chain_as_long_as_a_tree() {
        let edges: Vec<_> = (0..200_000)
            .map(|node| vec![(node + 1) % 200_000])
            .collect();
        assert_eq!(components(&edges).len(), 1);
    }

    proptest! {
        #[test]
        fn components_are_what_reaches_each_other(
            edges in (1_usize..12).prop_flat_map(|count| {
                prop::collection::vec(prop::collection::vec(0..count, 0..4), count)
            })
        ) {
            let reaches = reaches(&edges);
            let found = components(&edges);
            let mut all: Vec<_> = found.concat();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..edges.len()));
            for (at, component) in found.iter().enumerate() {
                for &node in component {
                    let together = (0..edges.len()).filter(|&other| {
                        other == node || reaches[node].contains(&other) && reaches[other].contains(&node)
                    });
                    let same: HashSet<_> = together.collect();
                    prop_assert_eq!(&same, &component.iter().copied().collect());
                    let before: HashSet<_> = found[..=at].concat().into_iter().collect();
                    prop_assert!(reaches[node].is_subset(&before));
                }
            }
        }
    }
}
