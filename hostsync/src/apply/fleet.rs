//! Many hosts files, those of the containers of a machine above all: which there are is followed live, and each
//! has an [`Agent`] of its own, so that what is amiss with one costs no other.
//!
//! They share the subscription, the map of names, what is selected of it, and the threads that watch.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::hosts_line::OWNER;
use contract::{Counted, Diff, Hosts};
use daemon::Tasks;
use hosts_file::{HostsFile, MethodChoice, WatchSet, Watchers};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::apply::agent::{Agent, Applied, Common};
use crate::apply::pattern::{Found, MOST, Pattern, Place};
use crate::apply::places::is_of_a_container;
use crate::apply::selection::{Selection, Selections};
use crate::apply::watch::Watch;
use crate::bind::Bound;
use crate::follow::published::Published;
use crate::follow::subscription::View;
use crate::store::Unwritten;

/// The least time between two looks for new files: an engine makes many changes for one container.
const PAUSE: Duration = Duration::from_millis(20);

/// Which files, and how they are written.
#[derive(Debug, Clone)]
pub struct Files {
    patterns: Vec<Pattern>,
    choice: MethodChoice,
    selections: Selections,
}

/// One file of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileState {
    /// The file.
    pub path: PathBuf,
    /// The generation in it.
    pub generation: Option<u64>,
    /// How many names of ours are in it.
    pub names: usize,
    /// Why it is written by somebody else, where it says all that it should all the same.
    pub followed: Option<String>,
    /// Why it cannot be written.
    pub failure: Option<String>,
}

/// Keeps many files.
#[derive(Debug)]
pub struct Fleet {
    files: Files,
    common: BTreeMap<Vec<String>, Common>,
    view: watch::Receiver<View>,
    bound: watch::Receiver<Arc<Bound>>,
    unwritten: Unwritten,
    tasks: Tasks,
    watchers: Watchers,
    discovery: Watch,
    kept: BTreeMap<PathBuf, Kept>,
    /// One of the agents has done something.
    told: Arc<Notify>,
    applied: watch::Sender<Applied>,
    /// The published names that the log said last to be in the files.
    said: Hosts,
    is_cut: bool,
}

/// A file that is kept.
#[derive(Debug)]
struct Kept {
    task: JoinHandle<()>,
    applied: watch::Receiver<Applied>,
    pass: Arc<Notify>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Files {
    /// The files that match any of these.
    pub fn new(patterns: Vec<Pattern>, choice: MethodChoice) -> Self {
        Self {
            patterns,
            choice,
            selections: Selections::default(),
        }
    }

    /// The same with the names that are wanted in them.
    ///
    /// # Errors
    /// A glob is malformed, or a word stands for none of the patterns.
    pub fn with_names(mut self, selections: Selections) -> Result<Self, String> {
        let known = || self.patterns.iter().flat_map(Pattern::words);
        let mut patterns = selections.patterns();
        if let Some(other) = patterns.find(|word| known().all(|known| known != word)) {
            let known: BTreeSet<&str> = known().map(String::as_str).collect();
            let known = Vec::from_iter(known).join(", ");
            return Err(format!("'{other}' is none of {known}"));
        }
        drop(patterns);
        for pattern in &self.patterns {
            let selection = Selection::new(&selections.of(pattern.words()));
            selection.map_err(|error| error.to_string())?;
        }
        self.selections = selections;
        Ok(self)
    }

    /// What the files with the same globs have in common, by those globs.
    fn common(&self) -> BTreeMap<Vec<String>, Common> {
        let globs = self.patterns.iter();
        let globs = globs.map(|pattern| self.selections.of(pattern.words()));
        globs
            .map(|globs| {
                // They were looked at.
                let selection = Selection::new(&globs).unwrap_or_default();
                (globs, Common::new(selection))
            })
            .collect()
    }

    /// All that there are now.
    pub fn find(&self) -> Found {
        let mut found = Found::default();
        for pattern in &self.patterns {
            pattern.find(&mut found);
        }
        found
    }

    /// One of them, whose path is trusted up to `base`, or all of it.
    pub fn open(&self, path: &Path, base: Option<&Path>) -> HostsFile {
        let file = HostsFile::new(path, OWNER.clone()).with_method(self.choice);
        match base {
            Some(base) => file.confined(base),
            None if is_of_a_container(path) => file.mounted(),
            None => file,
        }
    }
}

impl Fleet {
    /// Keeps none yet. What `view` holds now was kept of an earlier run, and the files that hold a block of
    /// ours were made to say all of it but what is `unwritten`.
    pub fn new(
        files: Files,
        view: watch::Receiver<View>,
        bound: watch::Receiver<Arc<Bound>>,
        unwritten: Unwritten,
        tasks: &Tasks,
    ) -> Self {
        let watchers = Watchers::default();
        Self {
            common: files.common(),
            files,
            view,
            bound,
            unwritten,
            tasks: tasks.clone(),
            discovery: Watch::of(&watchers),
            watchers,
            kept: BTreeMap::new(),
            told: Arc::default(),
            applied: watch::Sender::default(),
            said: Hosts::new(),
            is_cut: false,
        }
    }

    /// Tells at `applied` what was done, where another one before it may have told.
    #[must_use]
    pub fn telling(mut self, applied: watch::Sender<Applied>) -> Self {
        self.applied = applied;
        self
    }

    /// Works for ever. Notify `pass` to have all files looked at now.
    pub async fn run(&mut self, pass: &Notify) -> Infallible {
        self.follow_files();
        self.tell();
        let mut view = self.view.clone();
        loop {
            tokio::select! {
                () = pass.notified() => {
                    self.follow_files();
                    self.kept.values().for_each(|kept| kept.pass.notify_one());
                }
                () = self.discovery.changed() => {
                    self.follow_files();
                    // What comes meanwhile is found by the next look.
                    tokio::time::sleep(PAUSE).await;
                }
                () = self.told.notified() => {}
                // Where there is no file, nobody else tells that a generation is in all of them.
                Ok(()) = view.changed() => {}
            }
            self.tell();
        }
    }

    /// Keeps what is there, and nothing else.
    fn follow_files(&mut self) {
        let mut found = self.files.find();
        loop {
            let set = WatchSet {
                directories: std::mem::take(&mut found.directories),
                ..WatchSet::default()
            };
            let is_new = self.discovery.follow(&set);
            self.adopt(&found);
            if !is_new {
                return;
            }
            // What came before the watch stood was not noticed.
            found = self.files.find();
        }
    }

    fn adopt(&mut self, found: &Found) {
        if found.is_cut && !std::mem::replace(&mut self.is_cut, found.is_cut) {
            log::warn!("there are more than {MOST} hosts files; the others are left alone");
        }
        self.is_cut = found.is_cut;
        self.kept.retain(|path, _| {
            let is_there = found.files.contains_key(path);
            if !is_there {
                log::info!("{} is gone, and kept no longer", path.display());
            }
            is_there
        });
        for (path, place) in &found.files {
            if self.kept.contains_key(path) {
                continue;
            }
            let globs = self.files.selections.of(&place.words);
            let Some(common) = self.common.get(&globs) else {
                continue;
            };
            log::info!("{} is kept from now on", path.display());
            let kept = self.keep(path, place, common.clone());
            self.kept.insert(path.clone(), kept);
        }
    }

    /// An agent for one file, at work, and another one where that panics.
    fn keep(&self, path: &Path, place: &Place, common: Common) -> Kept {
        let (telling, pass) = (watch::Sender::default(), Arc::new(Notify::new()));
        let (files, watchers) = (self.files.clone(), self.watchers.clone());
        let sources = (self.view.clone(), self.bound.clone());
        let (unwritten, told) = (
            Selections::unwritten(&self.unwritten, &place.words),
            Arc::clone(&self.told),
        );
        let (of, place) = (path.to_owned(), place.clone());
        let (applied, asked) = (telling.subscribe(), Arc::clone(&pass));
        let make = move || {
            let file = files.open(&of, place.base.as_deref());
            let watch = Watch::of(&watchers);
            let agent = Agent::of_many(file, common.clone(), watch, sources.clone(), &unwritten);
            let (mut agent, mut doing) = (agent.telling(telling.clone()), telling.subscribe());
            let (asked, told) = (Arc::clone(&asked), Arc::clone(&told));
            async move {
                tokio::select! {
                    never = agent.run(&asked) => match never {},
                    () = async { while doing.changed().await.is_ok() { told.notify_one() } } => {}
                }
            }
        };
        let name = format!("hosts file {}", path.display());
        Kept {
            task: tokio::spawn(self.tasks.clone().keep(name, make)),
            applied,
            pass,
        }
    }

    /// What all of them have done, as one.
    fn tell(&mut self) {
        let each = self.kept.iter();
        let each = each.map(|(path, kept)| (path.clone(), kept.applied.borrow().clone()));
        let newest = self.view.borrow().snapshot.clone();
        let applied = sum(each.collect(), newest.clone());
        self.say(newest.as_ref(), &applied);
        self.applied.send_if_modified(|told| {
            let is_news = !told.says_the_same(&applied);
            *told = applied;
            is_news
        });
    }

    /// One line for a generation that is in all files.
    fn say(&mut self, newest: Option<&Arc<Published>>, applied: &Applied) {
        let before = self.applied.borrow().published.clone();
        let version = |of: &Arc<Published>| (of.czxid, of.mzxid);
        let now = applied.published.as_ref();
        let is_news = now.map(version) != before.as_ref().map(version);
        let Some(newest) = newest.filter(|newest| now.map(version) == Some(version(newest))) else {
            return;
        };
        if !is_news {
            return;
        }
        // Where not all files have the same names, all that are published.
        let mut same = self.common.values();
        let entries = match (same.next(), same.next()) {
            (Some(common), None) => common.selected(&newest.snapshot.hosts),
            _ => newest.snapshot.hosts.clone(),
        };
        let diff = Diff::between(&self.said, &entries);
        let working = applied.files.iter().filter(|of| of.failure.is_none());
        log::info!(
            "generation {}: {diff}; {} in {} of {}",
            newest.snapshot.generation,
            Counted(entries.len(), "name"),
            working.count(),
            Counted(applied.files.len(), "file")
        );
        self.said = entries;
    }
}

/// Each file with what its agent has done, as one: the oldest of what is in those that work.
fn sum(each: Vec<(PathBuf, Applied)>, newest: Option<Arc<Published>>) -> Applied {
    let mut all = Applied::default();
    let mut oldest = newest;
    let mut is_behind = false;
    for (path, applied) in each {
        let failure = applied.failure;
        let published = applied.published;
        let generation = published.as_ref().map(|used| used.snapshot.generation);
        if failure.is_none() {
            is_behind |= generation.is_none();
            let is_older = oldest
                .as_ref()
                .is_some_and(|oldest| generation < Some(oldest.snapshot.generation));
            if let (true, Some(published)) = (is_older, published) {
                oldest = Some(published);
            }
        }
        all.since = all.since.max(applied.since);
        all.names = all.names.max(applied.names);
        all.shadowed.extend(applied.shadowed);
        all.stale.extend(applied.stale);
        all.repairs += applied.repairs;
        all.trouble = all.trouble.or(applied.trouble);
        all.writes += applied.writes;
        all.mended += applied.mended;
        all.files.push(FileState {
            path,
            generation,
            names: applied.names,
            followed: applied.followed,
            failure,
        });
    }
    all.shadowed.sort();
    all.shadowed.dedup();
    all.published = oldest.filter(|_| !is_behind);
    let failing: Vec<&FileState> = all.files.iter().filter(|of| of.failure.is_some()).collect();
    if let Some(first) = failing.first() {
        let why = first.failure.as_deref().unwrap_or_default();
        let count = Counted(all.files.len(), "file");
        let text = format!("{} of {count} cannot be kept: {why}", failing.len());
        // What is amiss with some is no fault of the agent.
        match failing.len() == all.files.len() {
            true => all.failure = Some(text),
            false => all.trouble = Some(text),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::published::tests::published;

    fn applied(generation: u64, failure: Option<&str>) -> Applied {
        Applied {
            published: Some(Arc::new(published(1, 1, generation, &[("db", 1)]))),
            names: 1,
            failure: failure.map(str::to_owned),
            ..Applied::default()
        }
    }

    fn summed(each: Vec<Applied>) -> Applied {
        let newest = Some(Arc::new(published(1, 1, 9, &[("db", 1)])));
        let each = each.into_iter().enumerate();
        let each = each.map(|(number, applied)| (format!("/{number}").into(), applied));
        sum(each.collect(), newest)
    }

    #[test]
    fn what_is_applied_is_what_is_in_all_files_that_can_be_kept() {
        let generation = |of: &Applied| of.published.as_ref().map(|used| used.snapshot.generation);
        assert_eq!(generation(&summed(vec![])), Some(9), "there is no file");
        let all = summed(vec![applied(9, None), applied(8, None)]);
        assert_eq!(generation(&all), Some(8));
        let one = summed(vec![
            applied(9, None),
            applied(3, Some("/1 is a directory")),
        ]);
        assert_eq!((generation(&one), &one.failure), (Some(9), &None));
        let trouble = one.trouble.unwrap();
        assert_eq!(trouble, "1 of 2 files cannot be kept: /1 is a directory");
        let none = summed(vec![applied(3, Some("full"))]);
        assert_eq!(none.failure.unwrap(), "1 of 1 file cannot be kept: full");
        let new = summed(vec![applied(9, None), Applied::default()]);
        assert_eq!(generation(&new), None, "one has nothing yet");
        assert_eq!(new.files.len(), 2);
    }
}
