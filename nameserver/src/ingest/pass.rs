//! A walk of a tree that is followed meanwhile: what the live copy should hold and does not.
//!
//! What a walk reads is true at some moment since it began. Where the watch tells of a znode since
//! then, that is read again and newer, so it wins. Nothing is taken over before the walk is
//! complete, and only what differs is kept until then.

use std::collections::{HashMap, HashSet};

use contract::ZnodePath;

use crate::ingest::walk::Visit;
use crate::namespace::{Dated, Namespace};

/// What a walk under way has found so far.
#[derive(Debug, Default)]
pub struct Pass {
    /// What the walk read and the live copy lacks, or has otherwise.
    found: HashMap<ZnodePath, Dated>,
    /// The znodes that the watch told of since the walk began.
    told: HashSet<ZnodePath>,
}

impl Pass {
    /// Begins, before anything is read and while the watch tells already.
    pub fn begin(namespace: &mut Namespace) -> Self {
        namespace.begin_round();
        Self::default()
    }

    /// The watch told of a znode, in whatever way.
    pub fn tell(&mut self, path: &ZnodePath) {
        if !self.told.contains(path) {
            self.told.insert(path.clone());
            self.found.remove(path);
        }
    }

    /// The walk read some znodes.
    pub fn visit(&mut self, namespace: &mut Namespace, visits: Vec<Visit>) {
        for visit in visits {
            let path = visit.path.clone();
            let known = namespace.mark(&path);
            if let Some(found) = visit.dated()
                && known != Some((&found.reading, found.czxid))
                && !self.told.contains(&path)
            {
                self.found.insert(path, found);
            }
        }
    }

    /// The walk is complete, and everything told that the watch told before that. Returns what the
    /// live copy is to take over: readings that it lacks, and none for each znode that is gone.
    pub fn end(self, namespace: &Namespace) -> Vec<(ZnodePath, Option<Dated>)> {
        let gone = namespace
            .unmarked()
            .filter(|path| !self.told.contains(*path));
        let gone: Vec<_> = gone.cloned().collect();
        let found = self.found.into_iter();
        let found = found.map(|(path, found)| (path, Some(found)));
        found
            .chain(gone.into_iter().map(|path| (path, None)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::namespace::scope::Scope;
    use crate::records::{self, Reading};

    type Znodes = BTreeMap<ZnodePath, Reading>;

    fn namespace(znodes: &Znodes) -> Namespace {
        let root = || "/".parse().unwrap();
        let scope = Scope::new(root(), "/nameserver".parse().unwrap(), None, &[]).unwrap();
        Namespace::new(scope, znodes.clone())
    }

    fn said(namespace: &Namespace) -> Znodes {
        let paths = namespace.paths().cloned();
        paths
            .map(|path| {
                let reading = namespace.reading(&path).unwrap().clone();
                (path, reading)
            })
            .collect()
    }

    fn visit(path: &ZnodePath, reading: &Reading) -> Visit {
        Visit {
            path: path.clone(),
            reading: Some(reading.clone()),
            czxid: 0,
            zxid: 0,
            mtime: None,
            is_parent: false,
        }
    }

    fn any_znode() -> impl Strategy<Value = (ZnodePath, Reading)> {
        let path = (0..12_u8).prop_map(|i| format!("/{i}").parse().unwrap());
        let reading = (1..4_u8).prop_map(|i| records::read("", format!("10.0.0.{i}").as_bytes()));
        (path, reading)
    }

    fn any_znodes() -> impl Strategy<Value = Znodes> {
        prop::collection::vec(any_znode(), 0..12).prop_map(|znodes| znodes.into_iter().collect())
    }

    /// What happens while a walk is under way.
    #[derive(Debug, Clone)]
    enum Step {
        /// A znode changes in ZooKeeper.
        Change(ZnodePath, Option<Reading>),
        /// The oldest event that was not taken in yet is: the znode is read, and taken over.
        TakeIn,
        /// The walk reads the znode of this number, if it is its turn and there.
        Read(u8),
        /// The oldest batch that the walk read arrives.
        Arrive,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any_znode(), any::<bool>()).prop_map(|((path, reading), is_there)| Step::Change(
                path,
                is_there.then_some(reading)
            )),
            Just(Step::TakeIn),
            (0..12_u8).prop_map(Step::Read),
            Just(Step::Arrive),
        ]
    }

    proptest! {
        /// However the walk, the changes and what is told of them interleave, the live copy ends as
        /// the tree is, and nothing new was lost on the way.
        #[test]
        fn a_pass_ends_where_the_tree_does(
            before in any_znodes(),
            missed in any_znodes(),
            steps in prop::collection::vec(any_step(), 0..60)
        ) {
            let mut live = namespace(&before);
            let mut tree = missed;
            let mut pass = Pass::begin(&mut live);
            let (mut events, mut batches) = (Vec::new(), Vec::new());
            let mut unread: Vec<u8> = (0..12).collect();
            let read = |tree: &Znodes, unread: &mut Vec<u8>, i: u8| {
                let at = unread.iter().position(|&other| other == i)?;
                unread.remove(at);
                let path = format!("/{i}").parse().unwrap();
                Some(visit(&path, tree.get(&path)?))
            };
            for step in steps {
                match step {
                    Step::Change(path, reading) => {
                        match reading {
                            Some(reading) => drop(tree.insert(path.clone(), reading)),
                            None => drop(tree.remove(&path)),
                        }
                        events.push(path);
                    }
                    Step::TakeIn if !events.is_empty() => {
                        let path: ZnodePath = events.remove(0);
                        pass.tell(&path);
                        let now = tree.get(&path).cloned();
                        live.update([(path, now)]);
                    }
                    Step::Read(i) => batches.extend(read(&tree, &mut unread, i)),
                    Step::Arrive if !batches.is_empty() => {
                        pass.visit(&mut live, vec![batches.remove(0)]);
                    }
                    Step::TakeIn | Step::Arrive => {}
                }
            }
            for i in 0..12 {
                batches.extend(read(&tree, &mut unread, i));
            }
            pass.visit(&mut live, batches);
            events.iter().for_each(|path| pass.tell(path));
            let differing = pass.end(&live);
            live.update_dated(differing);
            for path in events {
                let now = tree.get(&path).cloned();
                live.update([(path, now)]);
            }
            prop_assert_eq!(said(&live), tree);
        }

        /// Where the watch told everything, a walk has nothing to add.
        #[test]
        fn nothing_differs_where_everything_was_told(
            before in any_znodes(),
            changes in prop::collection::vec((any_znode(), any::<bool>()), 0..20)
        ) {
            let mut live = namespace(&before);
            let mut pass = Pass::begin(&mut live);
            let mut tree = before.clone();
            for ((path, reading), is_there) in changes {
                let now = is_there.then_some(reading);
                match &now {
                    Some(reading) => drop(tree.insert(path.clone(), reading.clone())),
                    None => drop(tree.remove(&path)),
                }
                pass.tell(&path);
                live.update([(path, now)]);
            }
            let visits = before.iter().map(|(path, reading)| visit(path, reading));
            pass.visit(&mut live, visits.collect());
            prop_assert_eq!(pass.end(&live), vec![]);
            prop_assert_eq!(said(&live), tree);
        }
    }
}
