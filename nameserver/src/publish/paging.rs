//! Where the published names are: all in `STATE/hosts`, or, where they are many, in pages beside an index
//! of them and of what changed last. Pure.
//!
//! A change costs an entry of the index. Before the entries take up their room, the pages into which
//! the oldest of them fall are written anew (*folded*), so that these entries are of use only to those
//! who are behind, and can go. That happens ahead of the need, off the way of the names; or, where
//! too much changes at once, with the publish itself.

mod cut;
mod listed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use contract::{Addresses, Change, Digest, Hosts, MAX_INDEX_BYTES, Name, Page, PageEntry, Sum};

use self::cut::{Cut, entry_bytes, name_bytes};
use self::listed::Listed;

/// About how long an entry of the index is, where there is none to look at.
const ENTRY: usize = 40;
/// About what an index tells beside its entries and the changes.
const REST: usize = 512;

/// What decides when names are in pages, and how large these are; in bytes of JSON.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Names that take no more than this are not paged,
    pub whole: usize,
    /// and names that are paged already no longer are from here on.
    pub whole_again: usize,
    /// The smallest page that is of use.
    pub page: usize,
    /// The largest page.
    pub largest: usize,
    /// About how many pages there are to be, so that the index stays small.
    pub pages: usize,
    /// How much room the changes may take up,
    pub changes: usize,
    /// and how much of it is in use at rest for each page: every agent reads them with each change, and
    /// few pages are soon written anew.
    pub changes_per_page: usize,
    /// How many pages are folded ahead at once.
    pub ahead: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            whole: 12 * 1024,
            whole_again: 8 * 1024,
            page: 16 * 1024,
            largest: 900 * 1024,
            pages: 96,
            changes: 6 * 1024,
            changes_per_page: 64,
            ahead: 1,
        }
    }
}

/// Where the names of the last publish are.
#[derive(Debug, Clone)]
pub struct Paging {
    sizes: Sizes,
    /// What all names take up.
    bytes: usize,
    /// None where they are in `STATE/hosts` itself, or nobody knows where they are.
    pages: Option<Pages>,
    /// Pages that were written after the last publish, and that the next one may name.
    ahead: Vec<Fold>,
}

#[derive(Debug, Clone)]
struct Pages {
    pages: Vec<Known>,
    changes: Listed,
    /// How many bytes must have been listed before folding ahead can be of use again.
    fold_at: usize,
    /// The changes of later generations than this one are all listed.
    since: u64,
    sum: Sum,
}

/// One page.
#[derive(Debug, Clone)]
struct Known {
    entry: PageEntry,
    /// About how large it would be now.
    bytes: usize,
    /// Somebody deleted it.
    is_lost: bool,
}

/// Pages in place of others.
#[derive(Debug, Clone)]
pub struct Fold {
    /// The text at which their names begin,
    first: Box<str>,
    /// and before which they end.
    end: Option<Box<str>>,
    pages: Vec<Known>,
}

/// What a name was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The name.
    pub name: Name,
    /// Its published addresses, if it is published.
    pub old: Option<Addresses>,
}

/// What is to be published.
#[derive(Debug)]
pub struct Plan {
    /// What is so once it is published.
    pub paging: Paging,
    /// What has to be written first.
    pub pages: Vec<Page>,
    /// What nobody names any more then.
    pub gone: Vec<PageEntry>,
}

/// The names do not fit the pages that an index can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// What they take up.
    pub bytes: usize,
}

impl Paging {
    /// Nobody knows where names are.
    pub fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            bytes: 0,
            pages: None,
            ahead: Vec::new(),
        }
    }

    /// How many bytes the published names take up, and about how many fit the pages that an index can name: half of
    /// it is for entries, which are about as long as those that there are.
    pub fn capacity(&self) -> (usize, usize) {
        let pages = self.pages.as_ref().map_or(&[][..], |pages| &pages.pages);
        let entries: usize = pages.iter().map(|page| entry_bytes(&page.entry)).sum();
        let entry = entries.checked_div(pages.len()).unwrap_or(ENTRY);
        let most = (MAX_INDEX_BYTES - REST) / 2 / entry;
        (self.bytes, most * self.sizes.largest)
    }

    /// As it was published: the names, and the index of their pages, if there is one.
    pub fn of(sizes: Sizes, hosts: &Hosts, index: Option<&contract::Index>) -> Self {
        let pages = index.map(|index| {
            let within = |at: usize| cut::range(hosts, &index.pages[at].first, index.end(at));
            let pages = index.pages.iter().enumerate().map(|(at, entry)| Known {
                entry: entry.clone(),
                bytes: within(at).map(|(name, of)| name_bytes(name, of)).sum(),
                is_lost: false,
            });
            Pages {
                pages: pages.collect(),
                changes: index.changes.iter().collect(),
                fold_at: 0,
                since: index.since,
                sum: index.sum.unwrap_or_else(|| Sum::of(hosts)),
            }
        });
        Self {
            sizes,
            bytes: hosts.iter().map(|(name, of)| name_bytes(name, of)).sum(),
            pages,
            ahead: Vec::new(),
        }
    }

    /// True where the names are in pages.
    pub fn is_paged(&self) -> bool {
        self.pages.is_some()
    }

    /// The pages, the changes, the generation since which all of these are listed, and the checksum; none
    /// where the names are not in pages.
    pub fn index(&self, hosts: &Hosts) -> Option<(Vec<PageEntry>, Vec<Change>, u64, Sum)> {
        let Pages {
            pages,
            changes,
            since,
            sum,
            ..
        } = self.pages.as_ref()?;
        let entries = pages.iter().map(|page| page.entry.clone()).collect();
        Some((entries, changes.to_vec(hosts), *since, *sum))
    }

    /// The components of all pages that are named, or may be soon.
    pub fn named(&self) -> HashSet<String> {
        let ahead = self.ahead.iter().flat_map(|fold| &fold.pages);
        let pages = self.known().chain(ahead);
        pages.map(|page| page.entry.component()).collect()
    }

    /// A page is not there any more: it is to be written anew. True if it was one of ours.
    pub fn lose(&mut self, component: &str) -> bool {
        let is_it = |page: &Known| page.entry.component() == component;
        self.ahead.retain(|fold| !fold.pages.iter().any(is_it));
        let pages = self.pages.iter_mut().flat_map(|pages| &mut pages.pages);
        let mut lost = pages.filter(|page| is_it(page));
        let Some(page) = lost.next() else {
            return false;
        };
        page.is_lost = true;
        true
    }

    /// What is to be written so that the given names are published as this generation, of which
    /// `differences` are all that differ from what is published now. `room` is what the index may take
    /// up beside all else that it tells.
    ///
    /// # Errors
    /// They do not fit.
    pub fn plan(
        &self,
        hosts: &Hosts,
        differences: &[Difference],
        generation: u64,
        room: usize,
    ) -> Result<Plan, TooMany> {
        let mut next = self.clone();
        let folds = std::mem::take(&mut next.ahead);
        for Difference { name, old } in differences {
            let before = old.as_ref().map_or(0, |old| name_bytes(name, old));
            let after = hosts.get(name).map_or(0, |new| name_bytes(name, new));
            next.bytes = (next.bytes + after).saturating_sub(before);
        }
        let whole = match self.pages {
            Some(_) => self.sizes.whole_again,
            None => self.sizes.whole,
        };
        let mut written = Vec::new();
        if next.bytes <= whole {
            next.pages = None;
        } else {
            let cut = Cut::new(self.sizes, next.bytes, generation);
            let pages = next.pages.take().and_then(|mut pages| {
                pages.change(hosts, differences, generation, self.sizes.changes);
                folds.iter().for_each(|fold| pages.adopt(fold));
                pages.fold(hosts, &cut, room, self.sizes, &mut written)?;
                Some(pages)
            });
            next.pages = Some(match pages {
                Some(pages) => pages,
                None => Pages::anew(hosts, cut, room, &mut written)?,
            });
        }
        let named: HashSet<_> = next.known().map(|page| key(&page.entry)).collect();
        let folded = folds.iter().flat_map(|fold| &fold.pages);
        let gone = self.known().chain(folded).map(|page| &page.entry);
        let gone = gone.filter(|entry| !named.contains(&key(entry)));
        let gone = gone.cloned().collect();
        written.retain(|page| named.contains(&key(&page.entry)));
        Ok(Plan {
            paging: next,
            pages: written,
            gone,
        })
    }

    /// Pages that should be written now, off the way of the names, which are exactly those of this
    /// published generation; and in place of which pages they are.
    pub fn fold_ahead(&mut self, hosts: &Hosts, generation: u64) -> Option<(Vec<Fold>, Vec<Page>)> {
        let pages = self.pages.as_mut().filter(|_| self.ahead.is_empty())?;
        let listed = pages.changes.listed();
        if listed < pages.fold_at {
            return None;
        }
        let (mut uncovered, mut due) = (0, BTreeSet::new());
        for (change, name, bytes) in pages.changes.oldest_first() {
            let page = pages.page_of(name);
            if pages.pages[page].entry.generation < change {
                uncovered += bytes;
                if due.len() < self.sizes.ahead {
                    due.insert(page);
                }
            }
        }
        // The later a page is written anew, the more of what is listed falls into it.
        let enough = pages.at_rest(self.sizes) * 3 / 4 + 1;
        if uncovered < enough {
            // Only what is listed makes it more.
            pages.fold_at = listed + (enough - uncovered);
            return None;
        }
        let cut = Cut::new(self.sizes, self.bytes, generation);
        let (mut folds, mut written) = (Vec::new(), Vec::new());
        for page in due {
            let (first, end) = (pages.pages[page].entry.first.clone(), pages.end(page));
            let anew = cut.pages(hosts, &first, end);
            let known = anew.iter().map(|(page, bytes)| Known::new(page, *bytes));
            folds.push(Fold {
                first,
                end: end.map(Box::from),
                pages: known.collect(),
            });
            written.extend(anew.into_iter().map(|(page, _)| page));
        }
        Some((folds, written))
    }

    /// Those pages are written: the next publish may name them.
    pub fn folded(&mut self, folds: Vec<Fold>) {
        self.ahead = folds;
    }

    fn known(&self) -> impl Iterator<Item = &Known> {
        self.pages.iter().flat_map(|pages| &pages.pages)
    }
}

/// What tells a page from all others.
fn key(entry: &PageEntry) -> (u64, Digest) {
    (entry.generation, entry.digest)
}

impl Fold {
    /// What was written.
    pub fn entries(&self) -> impl Iterator<Item = &PageEntry> {
        self.pages.iter().map(|page| &page.entry)
    }
}

impl Known {
    fn new(page: &Page, bytes: usize) -> Self {
        Self {
            entry: page.entry.clone(),
            bytes,
            is_lost: false,
        }
    }
}

impl Pages {
    /// All names in new pages.
    fn anew(
        hosts: &Hosts,
        mut cut: Cut,
        room: usize,
        written: &mut Vec<Page>,
    ) -> Result<Self, TooMany> {
        let (generation, sum) = (cut.generation(), Sum::of(hosts));
        loop {
            let pages = cut.pages(hosts, "", None);
            let entries: usize = pages.iter().map(|(page, _)| entry_bytes(&page.entry)).sum();
            if entries > room / 2 {
                cut = cut.coarser().ok_or(TooMany { bytes: cut.bytes() })?;
                continue;
            }
            let known = pages.iter().map(|(page, bytes)| Known::new(page, *bytes));
            let known = known.collect();
            written.clear();
            written.extend(pages.into_iter().map(|(page, _)| page));
            return Ok(Self {
                pages: known,
                changes: Listed::default(),
                fold_at: 0,
                since: generation,
                sum,
            });
        }
    }

    /// Takes in what is different now.
    fn change(&mut self, hosts: &Hosts, differences: &[Difference], generation: u64, most: usize) {
        let mut is_whole = true;
        for Difference { name, old } in differences {
            let new = hosts.get(name);
            let page = self.page_of(name);
            let bytes = &mut self.pages[page].bytes;
            if let Some(old) = old {
                self.sum.remove(name, old);
                *bytes = bytes.saturating_sub(name_bytes(name, old));
            }
            if let Some(new) = new {
                self.sum.add(name, new);
                *bytes += name_bytes(name, new);
            }
            let has_room = self.changes.list(name, generation, new, most / 2);
            if !has_room {
                // Its page tells of it instead, and the list no longer all that changed.
                self.pages[page].is_lost = true;
                is_whole = false;
            }
        }
        if !is_whole {
            self.since = generation;
        }
    }

    /// Names pages that were written ahead, where they still stand for what is there.
    fn adopt(&mut self, fold: &Fold) {
        let begin = self
            .pages
            .iter()
            .position(|page| page.entry.first == fold.first);
        let end = match &fold.end {
            None => Some(self.pages.len()),
            Some(end) => self.pages.iter().position(|page| page.entry.first == *end),
        };
        let (Some(begin), Some(end)) = (begin, end) else {
            return;
        };
        let newest = |pages: &[Known]| pages.iter().map(|page| page.entry.generation).max();
        let old = &self.pages[begin..end];
        if newest(old) < newest(&fold.pages) && old.iter().all(|page| !page.is_lost) {
            self.pages.splice(begin..end, fold.pages.iter().cloned());
        }
    }

    /// Makes room for what is listed, and writes anew what has to be. None where all of it should be
    /// cut in another way.
    fn fold(
        &mut self,
        hosts: &Hosts,
        cut: &Cut,
        room: usize,
        sizes: Sizes,
        written: &mut Vec<Page>,
    ) -> Option<()> {
        let lost = self
            .pages
            .iter()
            .enumerate()
            .filter(|(_, page)| page.is_lost);
        let mut due: BTreeSet<usize> = lost.map(|(page, _)| page).collect();
        let entries: usize = self.pages.iter().map(|page| entry_bytes(&page.entry)).sum();
        let hard = room.saturating_sub(entries + entries / 8);
        let most = (sizes.changes + sizes.changes / 2).min(hard);
        while self.changes.bytes() > self.at_rest(sizes).min(hard) {
            let (generation, name, _) = self.changes.oldest_first().next()?;
            let page = self.page_of(name);
            let is_covered = self.pages[page].entry.generation >= generation || due.contains(&page);
            if !is_covered {
                // Pages are folded ahead; there is room for some more until they are.
                if self.changes.bytes() <= most {
                    break;
                }
                due.insert(page);
            }
            let name = name.clone();
            self.changes.forget(&name);
            self.since = self.since.max(generation);
        }
        for page in due.into_iter().rev() {
            let merges = self.pages.get(page + 1).is_some_and(|next| {
                cut.is_small(self.pages[page].bytes)
                    && !cut.is_full(self.pages[page].bytes + next.bytes)
            });
            let behind = page + 1 + usize::from(merges);
            let first = self.pages[page].entry.first.clone();
            let end = self.pages.get(behind).map(|next| next.entry.first.clone());
            let anew = cut.pages(hosts, &first, end.as_deref());
            let known: Vec<_> = anew
                .iter()
                .map(|(page, bytes)| Known::new(page, *bytes))
                .collect();
            self.pages.splice(page..behind, known);
            written.extend(anew.into_iter().map(|(page, _)| page));
        }
        let entries: usize = self.pages.iter().map(|page| entry_bytes(&page.entry)).sum();
        (entries <= room / 2 && entries + self.changes.bytes() <= room).then_some(())
    }

    /// How much room the changes take up while few come at once.
    fn at_rest(&self, sizes: Sizes) -> usize {
        let most = sizes.changes;
        (self.pages.len() * sizes.changes_per_page).clamp(most / 3, most)
    }

    fn end(&self, page: usize) -> Option<&str> {
        self.pages.get(page + 1).map(|next| &*next.entry.first)
    }

    fn page_of(&self, name: &Name) -> usize {
        let behind = self
            .pages
            .partition_point(|page| *page.entry.first <= *name.as_str());
        behind.saturating_sub(1)
    }
}
