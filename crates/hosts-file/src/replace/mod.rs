//! Writing by replacement: [`block`] decides, as a function from bytes to bytes, what the file should
//! be, and [`rename`] puts a new file in its place.

mod attributes;
pub(crate) mod block;
pub(crate) mod rename;
pub(crate) mod temporary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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

/// What is known of a file that is replaced.
#[derive(Debug, Default)]
pub(crate) struct Replacer {
    /// How many foreign bytes the last pass saw.
    foreign: Option<usize>,
    /// The file after the last pass, and a checksum of its text.
    agreed: Option<(PathBuf, u64)>,
}

impl Replacer {
    /// True when the file is as the last pass left it. Much cheaper than another pass.
    pub(crate) fn still_agrees(&self, target: PathBuf) -> bool {
        let text = read::find(&target).ok().flatten().map(|found| found.text);
        let now = text.map(|text| (target, checksum(&text)));
        now.is_some() && now == self.agreed
    }

    /// Makes the file agree with `wanted`. `last` is what was written before, if that is known.
    pub(crate) fn reconcile(
        &mut self,
        target: &Path,
        wanted: &Hosts,
        last: &Hosts,
        owner: &Owner,
    ) -> Result<Outcome, Error> {
        self.agreed = None;
        // What somebody wrote to a file whose name we took in the same moment.
        let mut rescued: Option<Vec<u8>> = None;
        for _ in 0..ATTEMPTS {
            let found = read::find(target)?;
            let old = found.as_ref().map_or(&[][..], |found| &found.text);
            let plan = block::plan(rescued.as_deref().unwrap_or(old), wanted, last, owner);
            if found.is_some() && old == plan.text {
                return Ok(self.done(target, plan, None));
            }
            if let Some(wait) = self.unsettled(&plan, found.as_ref()) {
                return Ok(Outcome::Unsettled(wait));
            }
            match replace(target, found.as_ref(), &plan.text, owner)? {
                Replaced::Done(lost) => return Ok(self.done(target, plan, Some(lost))),
                Replaced::Overtaken(text) => rescued = Some(text),
                Replaced::Stale => rescued = None,
            }
        }
        Err(Error::Contended(target.to_owned()))
    }

    fn done(&mut self, target: &Path, plan: Plan, written: Option<Vec<OsString>>) -> Outcome {
        let is_first = self.foreign.replace(plan.foreign).is_none();
        self.agreed = Some((target.to_owned(), checksum(&plan.text)));
        Outcome::Done(Pass {
            target: target.to_owned(),
            method: Method::Replace,
            wrote: written.is_some(),
            repaired: written.is_some() && !is_first,
            shadowed: plan.shadowed.into(),
            notes: plan.notes,
            lost_attributes: written.unwrap_or_default(),
            slots: None,
            wake: None,
        })
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

/// Takes our lines out, and leaves every other byte. `last` is as in [`Replacer::reconcile`].
pub(crate) fn clean(target: &Path, last: &Hosts, owner: &Owner) -> Result<Cleaned, Error> {
    for _ in 0..ATTEMPTS {
        let found = read::find(target)?;
        let old = found.as_ref().map_or(&[][..], |found| &found.text);
        let plan = block::without(old, last, owner);
        let wrote = plan.text != old;
        let is_done = match &found {
            Some(_) if wrote => {
                let replaced = replace(target, found.as_ref(), &plan.text, owner)?;
                matches!(replaced, Replaced::Done(_))
            }
            _ => true,
        };
        if is_done {
            return Ok(Cleaned {
                target: target.to_owned(),
                wrote,
                lines: plan.ours,
                notes: plan.notes,
            });
        }
    }
    Err(Error::Contended(target.to_owned()))
}
