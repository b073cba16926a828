//! The pages of many names: what is read, written ahead and deleted of them.

use contract::{Index, PageEntry, Snapshot};
use log::Level;
use zookeeper::Error;

use super::{Core, Head, Stage, Writing};
use crate::publish::action::Action;
use crate::publish::draft::Taken;
use crate::publish::hold::Timestamp;

impl Core {
    /// What is to be done for the pages while the names are published as they should be.
    pub(super) fn keep_pages(&mut self, now: Timestamp) -> Option<Action> {
        let Stage::Leading(term) = &mut self.stage else {
            return None;
        };
        if !matches!(term.head, Head::Known(_)) || self.retry_at.is_some() {
            return None;
        }
        if std::mem::take(&mut term.is_list_due) {
            return Some(Action::ListPages);
        }
        if term.ahead.is_none()
            && let Some((folds, pages)) = self.draft.fold_ahead()
        {
            term.ahead = Some(folds);
            return Some(Action::WriteAhead(pages));
        }
        if self.orphans.due().is_some_and(|due| due <= now.monotonic) {
            let named = self.draft.pages();
            let taken = self
                .orphans
                .take(|component| named.contains(component), now.monotonic);
            if !taken.is_empty() {
                return Some(Action::DeletePages(taken));
            }
        }
        None
    }

    /// The names of the index that was read, or why it is of no use.
    pub(super) fn pages_read(
        &mut self,
        read: Result<Result<Snapshot, String>, Error>,
        now: Timestamp,
    ) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        let Head::ReadPages(_) = term.head else {
            return;
        };
        let Head::ReadPages(read_pages) = std::mem::replace(&mut term.head, Head::ReadAgain) else {
            return;
        };
        let taken = match read {
            Ok(Ok(snapshot)) => Ok(Taken {
                snapshot,
                index: Some(read_pages.index),
            }),
            Ok(Err(why)) => Err(why),
            Err(error) => {
                let (hosts, inherits) = (self.state.hosts(), read_pages.inherited.is_some());
                if inherits {
                    term.head = Head::ReadHold;
                }
                return self.complain(format!("cannot read the pages of {hosts}: {error}"), now);
            }
        };
        let is_inherited = read_pages.inherited.is_some();
        self.take_in_head(read_pages.place, taken, is_inherited, now);
    }

    /// The pages of a publication are written, and it may be.
    pub(super) fn pages_written(&mut self, written: Result<(), Error>, now: Timestamp) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        let Some(Writing::Pages(revision, publication)) = term.writing.take() else {
            return;
        };
        match written {
            Ok(()) => term.ready = Some((revision, publication)),
            // Somebody deleted their place.
            Err(Error::NoNode) => term.look_again(),
            Err(error) => {
                let hosts = self.state.hosts();
                self.complain(format!("cannot write the pages of {hosts}: {error}"), now);
            }
        }
    }

    /// Pages were written ahead.
    pub(super) fn written_ahead(&mut self, written: Result<(), Error>, now: Timestamp) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        let Some(folds) = term.ahead.take() else {
            return;
        };
        match written {
            Ok(()) => self.draft.folded(folds),
            // They will be asked for again; what there is of them is of no use.
            Err(_) => {
                let entries = folds.iter().flat_map(|fold| fold.entries());
                self.forsake(&entries.cloned().collect::<Vec<_>>(), now);
            }
        }
    }

    /// What stands below `STATE/hosts`.
    pub(super) fn pages_listed(
        &mut self,
        listed: Result<Option<Vec<String>>, Error>,
        now: Timestamp,
    ) {
        let Ok(listed) = listed else { return };
        let Stage::Leading(_) = self.stage else {
            return;
        };
        let listed = listed.unwrap_or_default();
        let named = self.draft.pages();
        self.orphans.clear();
        for component in &listed {
            if !named.contains(component) {
                self.orphans.add(component.clone(), 0, now.monotonic);
            }
        }
        for component in named {
            if !listed.contains(&component) {
                self.page_gone(&component);
            }
        }
    }

    /// Somebody deleted a znode below `STATE/hosts`.
    pub(super) fn page_gone(&mut self, component: &str) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        term.ready = None;
        if self.draft.lose_page(component) {
            let hosts = self.state.hosts();
            let text = format!("{hosts}/{component} is gone, which holds names: writing it anew");
            self.say(Level::Warn, text);
        }
    }

    /// Those that could not be deleted stay until they are listed again.
    pub(super) fn pages_deleted(&mut self, deleted: Result<(), Error>, now: Timestamp) {
        match deleted {
            Err(Error::Deposed) => self.deposed(now),
            Err(error) => {
                let hosts = self.state.hosts();
                let text = format!("cannot delete old pages of {hosts}: {error}");
                self.say(Level::Debug, text);
            }
            Ok(()) => {}
        }
    }

    /// These pages are of no more use.
    pub(super) fn forsake(&mut self, pages: &[PageEntry], now: Timestamp) {
        for page in pages {
            self.orphans.add(page.component(), 0, now.monotonic);
        }
    }
}

/// An index whose pages are to be read.
#[derive(Debug)]
pub(super) struct ReadPages {
    /// Its version, and the transaction that wrote it.
    pub(super) place: (i32, i64),
    pub(super) index: Index,
    /// For a predecessor's: the data of `STATE/settings`.
    pub(super) inherited: Option<Option<Vec<u8>>>,
}
