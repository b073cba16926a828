//! Writing by replacement: [`block`] decides, as a function from bytes to bytes, what the file should
//! be, and [`rename`] puts a new file in its place.

mod attributes;
pub(crate) mod block;
pub(crate) mod rename;
pub(crate) mod temporary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

pub use block::Note;

use block::Plan;
use rename::{Replaced, replace};

use crate::checksum::checksum;
use crate::file::{Cleaned, Outcome, Pass};
use crate::read::{self, Found};
use crate::{Error, Hosts, Method, Owner};

/// How often a write starts over when others change the file meanwhile.
const ATTEMPTS: usize = 20;
/// A file that has just lost foreign lines is probably being rewritten by truncation at this very
/// moment; so long after its last change it is not.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// Who has the file open for writing, and does not write for so long, may keep it open for ever.
const HELD: Duration = Duration::from_secs(10);
/// An editor that renames the file makes it anew within this time.
const GONE: Duration = Duration::from_millis(500);

/// What came of trying to replace a file.
#[derive(Debug)]
pub(crate) enum Reconciled {
    /// It agrees, or is to be tried again.
    Outcome(Outcome),
    /// Somebody has it open for writing, for long perhaps; they do no harm to what is written in place.
    Held,
}

/// What is known of a file that is replaced.
#[derive(Debug, Default)]
pub(crate) struct Replacer {
    /// Since when there is no file, where there was one.
    gone: Option<Instant>,
    /// A file that somebody opened for writing in the very moment in which it lost its name.
    pub(crate) straggler: Option<Found>,
    /// How many foreign bytes the last pass saw.
    foreign: Option<usize>,
    /// The file after the last pass, and a checksum of its text.
    agreed: Option<(PathBuf, u64)>,
}

impl Replacer {
    /// True when the file is as the last pass left it. Much cheaper than another pass.
    pub(crate) fn still_agrees(&self, target: PathBuf) -> bool {
        if self.straggler.is_some() {
            return false;
        }
        let text = read::find(&target).ok().flatten().map(|found| found.text);
        let now = text.map(|text| (target, checksum(&text)));
        now.is_some() && now == self.agreed
    }

    /// Makes the file agree with `wanted`. `last` is what was written before, if that is known. Where we have
    /// the file open for writing ourselves, as in slots, nobody else's doing so is seen.
    pub(crate) fn reconcile(
        &mut self,
        target: &Path,
        wanted: &Hosts,
        last: &Hosts,
        owner: &Owner,
        has_it_open: bool,
    ) -> Result<Reconciled, Error> {
        self.agreed = None;
        // What somebody wrote to a file whose name we took in the same moment.
        let mut rescued: Option<Vec<u8>> = self.rescue(target)?;
        for _ in 0..ATTEMPTS {
            let found = read::find(target)?;
            let old = found.as_ref().map_or(&[][..], |found| &found.text);
            let plan = block::plan(rescued.as_deref().unwrap_or(old), wanted, last, owner);
            let unsettled = |wait| Ok(Reconciled::Outcome(Outcome::Unsettled(wait)));
            if found.is_some() && old == plan.text {
                return Ok(self.done(target, plan, None));
            }
            if let Some(wait) = self.awaited(found.as_ref()) {
                return unsettled(wait);
            }
            if let Some(wait) = self.unsettled(&plan, found.as_ref()) {
                return unsettled(wait);
            }
            match replace(target, found.as_ref(), &plan.text, owner, !has_it_open)? {
                Replaced::Done(lost) => {
                    let is_open = |found: &Found| !has_it_open && found.is_open_for_writing();
                    self.straggler = found.filter(is_open);
                    return Ok(self.done(target, plan, Some(lost)));
                }
                Replaced::Held => {
                    let is_intact = block::is_whole(old, owner);
                    return match self.held(&plan, is_intact, found.as_ref()) {
                        Some(wait) => unsettled(wait),
                        None => Ok(Reconciled::Held),
                    };
                }
                Replaced::Overtaken(text) => rescued = Some(text),
                Replaced::Stale => rescued = None,
            }
        }
        Err(Error::Contended(target.to_owned()))
    }

    /// What somebody wrote to the file that lost its name in the moment in which they opened it; once they
    /// have closed it, that is what the file is to be.
    fn rescue(&mut self, target: &Path) -> Result<Option<Vec<u8>>, Error> {
        match self.straggler.take() {
            Some(found) if found.is_open_for_writing() => {
                self.straggler = Some(found);
                Ok(None)
            }
            Some(found) => rename::overtaken(target, &found),
            None => Ok(None),
        }
    }

    /// How long to wait for a file that was there and is not: to create one now could be in the way of
    /// whoever renames it to write it anew.
    fn awaited(&mut self, found: Option<&Found>) -> Option<Duration> {
        if found.is_some() || self.foreign.is_none() {
            self.gone = None;
            return None;
        }
        let since = *self.gone.get_or_insert_with(Instant::now);
        GONE.checked_sub(since.elapsed())
            .filter(|wait| !wait.is_zero())
    }

    /// How long to wait for somebody who has the file open for writing, and seems to be writing all of it;
    /// none where they may only add to it.
    fn held(&self, plan: &Plan, is_intact: bool, found: Option<&Found>) -> Option<Duration> {
        let is_less = self.foreign.is_none_or(|before| plan.foreign < before);
        let is_rewritten = is_less || !is_intact;
        let modified = found.filter(|_| is_rewritten)?.metadata.modified().ok()?;
        let age = SystemTime::now().duration_since(modified).ok()?;
        HELD.checked_sub(age)
    }

    fn done(&mut self, target: &Path, plan: Plan, written: Option<Vec<OsString>>) -> Reconciled {
        let is_first = self.foreign.replace(plan.foreign).is_none();
        self.agreed = Some((target.to_owned(), checksum(&plan.text)));
        self.gone = None;
        Reconciled::Outcome(Outcome::Done(Pass {
            target: target.to_owned(),
            method: Method::Replace,
            wrote: written.is_some(),
            repaired: written.is_some() && !is_first,
            shadowed: plan.shadowed.into(),
            notes: plan.notes,
            lost_attributes: written.unwrap_or_default(),
            slots: None,
            wake: self.straggler.is_some().then_some(SETTLE),
        }))
    }

    /// How long to wait for somebody who seems to have truncated the file to write it again. To
    /// replace it now would take those lines away, since they are written to the old file.
    fn unsettled(&self, plan: &Plan, found: Option<&Found>) -> Option<Duration> {
        let lost = self.foreign.is_some_and(|before| plan.foreign < before);
        let modified = found.filter(|_| lost)?.metadata.modified().ok()?;
        // A time in the future says nothing; then nothing is waited for.
        let age = SystemTime::now().duration_since(modified).ok()?;
        SETTLE.checked_sub(age)
    }
}

/// Takes our lines out, and leaves every other byte; none where somebody has the file open for writing.
/// `last` is as in [`Replacer::reconcile`].
pub(crate) fn clean(target: &Path, last: &Hosts, owner: &Owner) -> Result<Option<Cleaned>, Error> {
    for _ in 0..ATTEMPTS {
        let found = read::find(target)?;
        let old = found.as_ref().map_or(&[][..], |found| &found.text);
        let plan = block::without(old, last, owner);
        let wrote = plan.text != old;
        let is_done = match &found {
            Some(_) if wrote => match replace(target, found.as_ref(), &plan.text, owner, true)? {
                Replaced::Held => return Ok(None),
                replaced => matches!(replaced, Replaced::Done(_)),
            },
            _ => true,
        };
        if is_done {
            return Ok(Some(Cleaned {
                target: target.to_owned(),
                wrote,
                lines: plan.ours,
                notes: plan.notes,
            }));
        }
    }
    Err(Error::Contended(target.to_owned()))
}
