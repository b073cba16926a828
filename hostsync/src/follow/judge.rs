//! Goes from what a znode holds, beside what is held already, to what is known of the snapshot. Pure.

use std::sync::Arc;

use contract::{DecodeError, Head, Snapshot, ZnodePath};
use zookeeper::{SnapshotError, Stat, Znode};

use crate::follow::published::{Published, Refusal, Relation};
use crate::follow::subscription::View;

/// How often in a row a page may be missing before that is said: a head is sometimes replaced while its
/// pages are read.
const PATIENCE: u32 = 3;

/// What follows the znode, and says each thing once.
#[derive(Debug)]
pub(crate) struct Judge {
    path: ZnodePath,
    view: View,
    /// The znode as last seen, so that each of its versions is looked at and reported once.
    seen: Option<Seen>,
    /// What is held turned out not to be what was published.
    doubts: bool,
    /// How often in a row the pages were not what the head says.
    incomplete: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Missing,
    Version(i64, i64),
}

/// A head of which a snapshot is to be made.
#[derive(Debug)]
pub(crate) struct Task {
    /// What was read.
    pub(crate) head: Head,
    /// What the reader may start from.
    pub(crate) held: Option<Arc<Published>>,
    place: (i64, i64),
    relation: Relation,
}

/// What is known of a task by those who finish it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    place: (i64, i64),
    relation: Relation,
    generation: u64,
    has_held: bool,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for another version.
    Wait,
    /// Look at the znode again at once.
    Again,
    /// Look at the znode again, later each time.
    Later,
}

impl Seen {
    fn at(stat: Option<&Stat>) -> Self {
        stat.map_or(Self::Missing, |stat| Self::Version(stat.czxid, stat.mzxid))
    }
}

impl Task {
    /// What finishing it needs to know.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            place: self.place,
            relation: self.relation,
            generation: self.head.generation(),
            has_held: self.held.is_some(),
        }
    }
}

impl Judge {
    /// Of the znode at `path`, from what was kept of an earlier run.
    pub(crate) fn new(path: ZnodePath, kept: Option<Arc<Published>>) -> Self {
        let view = View {
            snapshot: kept,
            ..View::default()
        };
        Self {
            path,
            view,
            seen: None,
            doubts: false,
            incomplete: 0,
        }
    }

    /// The znode.
    pub(crate) fn path(&self) -> &ZnodePath {
        &self.path
    }

    /// What is known.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// True for a version that was not looked at.
    pub(crate) fn is_news(&self, stat: Option<&Stat>) -> bool {
        self.seen != Some(Seen::at(stat))
    }

    /// Looks at what was read; a task where that is worth completing.
    pub(crate) fn look(&mut self, znode: Option<Znode>) -> Option<Task> {
        let stat = znode.as_ref().map(|znode| &znode.stat);
        if !self.is_news(stat) {
            return None;
        }
        self.seen = Some(Seen::at(stat));
        let Some(znode) = znode else {
            let text = format!(
                "{} does not exist: start a nameserver, or see --state",
                self.path
            );
            self.settle(Some(text));
            return None;
        };
        // Where many names are published first, the place for their pages is made before.
        if znode.data.is_empty() && self.view.snapshot.is_none() {
            let text = format!(
                "{} is still empty: a nameserver is about to publish the first names",
                self.path
            );
            self.settle(Some(text));
            return None;
        }
        match self.task(&znode) {
            Ok(task) => Some(task),
            Err(problem) => {
                self.refuse(&problem);
                None
            }
        }
    }

    fn task(&self, znode: &Znode) -> Result<Task, String> {
        let head = Head::decode(&znode.data).map_err(|error| error.to_string())?;
        let place = (znode.stat.czxid, znode.stat.mzxid);
        let used = self.view.snapshot.as_ref();
        let relation = Relation::between(place, head.generation(), used.map(Arc::as_ref));
        let relation = relation.map_err(|refusal| refusal.to_string())?;
        let is_of_use = match (relation, &head) {
            (Relation::Apart, _) | (_, Head::Whole(_)) => false,
            (Relation::Later, Head::Paged(_)) => !self.doubts,
            // Without a checksum, only all of it tells whether it is the same.
            (Relation::Same, Head::Paged(index)) => index.sum.is_some(),
        };
        Ok(Task {
            held: used.filter(|_| is_of_use).cloned(),
            head,
            place,
            relation,
        })
    }

    /// Takes in what came of a task.
    pub(crate) fn finish(&mut self, task: Origin, result: Result<Snapshot, SnapshotError>) -> Next {
        use DecodeError::{Count, Sum};
        match (result, task.relation) {
            (Ok(snapshot), _) => self.take(task, snapshot),
            (Err(SnapshotError::Invalid(Count { .. } | Sum)), Relation::Same) if task.has_held => {
                self.refuse(&Refusal::Rewritten(task.generation).to_string());
            }
            (Err(SnapshotError::Invalid(error @ (Count { .. } | Sum))), _) if task.has_held => {
                let (path, generation) = (&self.path, task.generation);
                log::warn!(
                    "the changes that lead to generation {generation} of {path} do not lead there \
                     from what is held ({error}): reading all of it anew"
                );
                self.view.repairs += 1;
                self.doubts = true;
                self.seen = None;
                return Next::Again;
            }
            (Err(error @ SnapshotError::Invalid(Count { .. } | Sum)), _) => {
                self.refuse(&error.to_string());
            }
            // A page is missing or damaged.
            (Err(error), _) => {
                self.seen = None;
                self.incomplete += 1;
                if self.incomplete < PATIENCE {
                    return Next::Again;
                }
                self.refuse(&error.to_string());
                return Next::Later;
            }
        }
        self.incomplete = 0;
        Next::Wait
    }

    fn take(&mut self, task: Origin, snapshot: Snapshot) {
        let (czxid, mzxid) = task.place;
        let published = Published {
            czxid,
            mzxid,
            snapshot,
        };
        match published.follows(self.view.snapshot.as_deref()) {
            Ok(true) => {
                self.doubts = false;
                self.view.snapshot = Some(Arc::new(published));
                self.settle(None);
            }
            Ok(false) => self.settle(None),
            Err(refusal) => self.refuse(&refusal.to_string()),
        }
    }

    /// The znode could not be read.
    pub(crate) fn unreadable(&mut self, error: &zookeeper::Error) {
        self.seen = None;
        self.settle(Some(format!("cannot read {}: {error}", self.path)));
    }

    fn refuse(&mut self, problem: &str) {
        self.settle(Some(format!("{} is not used: {problem}", self.path)));
    }

    /// ZooKeeper has said what there is to say.
    fn settle(&mut self, problem: Option<String>) {
        if let Some(problem) = problem.as_ref().filter(|_| self.view.problem != problem) {
            let rest = match self.view.snapshot {
                Some(_) => "; the names stay as they are",
                None => "",
            };
            log::warn!("{problem}{rest}");
        }
        self.view.problem = problem;
        self.view.is_confirmed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;
    use contract::{Change, Index, Page, PageEntry, Sum};

    fn znode(published: &Published, data: Vec<u8>) -> Option<Znode> {
        Some(Znode {
            data,
            stat: Stat {
                czxid: published.czxid,
                ctime: published.snapshot.published,
                mzxid: published.mzxid,
                mtime: published.snapshot.published,
                pzxid: 0,
                version: 0,
                ephemeral_owner: 0,
                num_children: 0,
                data_length: 0,
            },
        })
    }

    fn whole(published: &Published) -> Option<Znode> {
        znode(published, published.snapshot.encode())
    }

    /// An index of one page, which is as of generation 1, and these changes of the last generation.
    fn index(published: &Published, since: u64, changes: &[&str]) -> Index {
        let snapshot = &published.snapshot;
        let changes = changes.iter().map(|name| {
            let name = name.parse().unwrap();
            Change {
                generation: snapshot.generation,
                addresses: snapshot.hosts.get(&name).cloned(),
                name,
            }
        });
        let page: PageEntry = Page::encode("", since, snapshot.hosts.iter()).entry;
        Index {
            changes: changes.collect(),
            domain: None,
            generation: snapshot.generation,
            leader: "ns1".into(),
            names: snapshot.hosts.len(),
            pages: vec![page],
            presence: contract::PRESENCE,
            published: snapshot.published,
            root: ZnodePath::root(),
            since,
            sum: Some(Sum::of(&snapshot.hosts)),
            zxid: snapshot.zxid,
        }
    }

    struct Case(Judge);

    impl Case {
        fn new() -> Self {
            Self(Judge::new("/nameserver/hosts".parse().unwrap(), None))
        }

        /// Looks at a znode; what became of it, with the pages that were missing given by `pages`.
        fn see(&mut self, znode: Option<Znode>) -> Option<(Next, usize)> {
            let task = self.0.look(znode)?;
            let origin = task.origin();
            let held = task.held.as_ref().map(|held| &held.snapshot);
            let (result, missing) = match task.head {
                Head::Whole(snapshot) => (Ok(snapshot), 0),
                Head::Paged(index) => {
                    let missing = index.missing(held);
                    if missing.is_empty() {
                        (
                            index
                                .snapshot(held, Vec::new())
                                .map_err(SnapshotError::from),
                            0,
                        )
                    } else {
                        let page = self.0.path.child("page").unwrap();
                        (Err(SnapshotError::NoPage(page)), missing.len())
                    }
                }
            };
            Some((self.0.finish(origin, result), missing))
        }

        /// The generation in use, and the problem.
        fn known(&self) -> (u64, String) {
            let view = self.0.view();
            let used = view.snapshot.as_ref();
            (
                used.map_or(0, |used| used.snapshot.generation),
                view.problem.clone().unwrap_or_default(),
            )
        }

        fn after(&mut self, znode: Option<Znode>) -> (u64, String) {
            self.see(znode);
            self.known()
        }
    }

    #[test]
    fn only_good_snapshots_are_passed_on() {
        let mut case = Case::new();
        let (_, problem) = case.after(None);
        assert!(
            problem.contains("/nameserver/hosts does not exist"),
            "{problem}"
        );

        let first = published(5, 49, 7, &[]);
        let (_, problem) = case.after(znode(&first, Vec::new()));
        assert!(problem.contains("is still empty"), "{problem}");

        let seven = published(5, 50, 7, &[("db", 1)]);
        assert_eq!(case.after(whole(&seven)), (7, String::new()));
        assert_eq!(case.see(whole(&seven)), None, "looked at once");

        let junk = published(5, 51, 7, &[]);
        let (generation, problem) = case.after(znode(&junk, b"junk".to_vec()));
        assert_eq!(generation, 7);
        assert!(problem.contains("not a valid snapshot"), "{problem}");

        let emptied = published(5, 52, 7, &[]);
        let (generation, problem) = case.after(znode(&emptied, Vec::new()));
        assert_eq!(generation, 7);
        assert!(problem.contains("not a valid snapshot"), "{problem}");

        let six = published(5, 53, 6, &[]);
        let (generation, problem) = case.after(whole(&six));
        assert_eq!(generation, 7);
        assert!(problem.contains("older than 7"), "{problem}");

        let back = published(5, 54, 7, &[("db", 1)]);
        assert_eq!(case.after(whole(&back)), (7, String::new()));
        let (generation, problem) = case.after(None);
        assert_eq!(generation, 7, "a deleted znode takes no name away");
        assert!(problem.contains("does not exist"), "{problem}");
        let anew = published(60, 60, 1, &[]);
        assert_eq!(case.after(whole(&anew)), (1, String::new()));
    }

    #[test]
    fn whoever_is_in_step_needs_the_head_only() {
        let mut case = Case::new();
        case.after(whole(&published(5, 50, 7, &[("db", 1), ("web", 1)])));
        let eight = published(5, 51, 8, &[("db", 2), ("web", 1)]);
        let head = index(&eight, 7, &["db"]).encode();
        assert_eq!(case.see(znode(&eight, head)), Some((Next::Wait, 0)));
        assert_eq!(case.known(), (8, String::new()));
        // And back to one znode.
        let nine = published(5, 52, 9, &[("db", 2)]);
        assert_eq!(case.after(whole(&nine)), (9, String::new()));
    }

    #[test]
    fn a_head_that_may_not_follow_reads_no_page() {
        let mut case = Case::new();
        case.after(whole(&published(5, 50, 7, &[("db", 1)])));
        let older = published(5, 51, 6, &[("db", 2)]);
        assert_eq!(
            case.see(znode(&older, index(&older, 6, &[]).encode())),
            None
        );
        assert!(case.known().1.contains("older than 7"));
        // The same generation is no reason to read a page either, if it says the same or not.
        let same = published(5, 52, 7, &[("db", 1)]);
        let head = index(&same, 7, &[]).encode();
        assert_eq!(case.see(znode(&same, head)), Some((Next::Wait, 0)));
        assert_eq!(case.known(), (7, String::new()));
        let rewritten = published(5, 53, 7, &[("db", 2)]);
        let head = index(&rewritten, 7, &["db"]).encode();
        assert_eq!(case.see(znode(&rewritten, head)), Some((Next::Wait, 0)));
        assert!(
            case.known().1.contains("other content"),
            "{:?}",
            case.known()
        );
        assert_eq!(case.0.view().repairs, 0);
    }

    #[test]
    fn without_a_checksum_the_pages_tell_whether_it_is_the_same() {
        let mut case = Case::new();
        let seven = published(5, 50, 7, &[("db", 1)]);
        case.after(whole(&seven));
        let mut head = index(&published(5, 51, 7, &[("db", 2)]), 7, &[]);
        head.sum = None;
        let (_, missing) = case
            .see(znode(&published(5, 51, 7, &[]), head.encode()))
            .unwrap();
        assert_eq!(missing, 1);
    }

    #[test]
    fn another_history_starts_from_nothing() {
        let mut case = Case::new();
        case.after(whole(&published(5, 50, 7, &[("db", 1)])));
        let anew = published(60, 60, 8, &[("db", 2)]);
        let head = index(&anew, 7, &["db"]).encode();
        let (_, missing) = case.see(znode(&anew, head)).unwrap();
        assert_eq!(missing, 1);
    }

    #[test]
    fn changes_that_do_not_add_up_have_all_read_anew() {
        let mut case = Case::new();
        case.after(whole(&published(5, 50, 7, &[("db", 1), ("web", 9)])));
        let eight = published(5, 51, 8, &[("db", 2), ("web", 1)]);
        let head = index(&eight, 7, &["db"]).encode();
        assert_eq!(
            case.see(znode(&eight, head.clone())),
            Some((Next::Again, 0))
        );
        assert_eq!((case.known().0, case.0.view().repairs), (7, 1));
        let (_, missing) = case.see(znode(&eight, head.clone())).unwrap();
        assert_eq!(missing, 1, "nothing of what is held is used");
        let task = case.0.look(znode(&eight, head)).unwrap();
        case.0.finish(task.origin(), Ok(eight.snapshot.clone()));
        assert_eq!(case.known(), (8, String::new()));
        // What is held now is trusted again.
        let nine = published(5, 52, 9, &[("db", 3), ("web", 1)]);
        let head = index(&nine, 8, &["db"]).encode();
        assert_eq!(case.see(znode(&nine, head)), Some((Next::Wait, 0)));
        assert_eq!(case.0.view().repairs, 1);
    }

    #[test]
    fn a_missing_page_is_no_problem_before_it_lasts() {
        let mut case = Case::new();
        let seven = published(5, 50, 7, &[("db", 1)]);
        let head = || znode(&seven, index(&seven, 7, &[]).encode());
        for _ in 1..PATIENCE {
            assert_eq!(case.see(head()), Some((Next::Again, 1)));
            assert_eq!(case.known(), (0, String::new()));
        }
        for _ in 0..2 {
            assert_eq!(case.see(head()), Some((Next::Later, 1)));
            assert!(case.known().1.contains("/page does not exist"));
        }
        assert_eq!(case.after(whole(&seven)), (7, String::new()));
        assert_eq!(case.0.incomplete, 0);
    }

    #[test]
    fn an_index_that_is_wrong_in_itself_is_refused() {
        let mut case = Case::new();
        let seven = published(5, 50, 7, &[("db", 1)]);
        let task = case
            .0
            .look(znode(&seven, index(&seven, 7, &[]).encode()))
            .unwrap();
        let result = Err(SnapshotError::from(DecodeError::Sum));
        assert_eq!(case.0.finish(task.origin(), result), Next::Wait);
        assert!(case.known().1.contains("checksum differs"));
        assert_eq!(case.0.view().repairs, 0);
    }
}
