//! The comparison of all names with what is wanted.

use std::iter;
use std::ops::Bound;

use super::live::Live;
use super::slot::Slot;
use crate::{Address, Addresses, Hosts, Name};
use imbl::ordmap::DiffItem;

/// How far the comparison has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    /// The first name that is not compared yet; none at the beginning.
    pub(super) from: Option<Name>,
}

/// A name, what is wanted of it, and its lines.
pub(super) type Entry<'a> = (&'a Name, &'a [Address], &'a [Slot]);

/// The name of which something else is wanted.
pub(super) fn name_of<'a>(item: &DiffItem<'a, 'a, Name, Addresses>) -> &'a Name {
    match item {
        DiffItem::Add(name, _)
        | DiffItem::Remove(name, _)
        | DiffItem::Update { new: (name, _), .. } => name,
    }
}

impl Scan {
    /// The rest of the names that have lines or are wanted. Both sides are sorted by name, so this is one
    /// pass over them.
    pub(super) fn rest<'a>(
        &self,
        live: &'a Live,
        wanted: &'a Hosts,
    ) -> impl Iterator<Item = Entry<'a>> {
        let from = self.from.as_ref();
        let bound = from.map_or(Bound::Unbounded, Bound::Included);
        let range = (bound, Bound::<&Name>::Unbounded);
        let mut lives = live.from(from).peekable();
        let mut wanted = wanted.range::<_, Name>(range).peekable();
        iter::from_fn(move || {
            let gone = match (lives.peek(), wanted.peek()) {
                (Some((live, _)), Some((name, _))) => live < name,
                (live, _) => live.is_some(),
            };
            if gone {
                return lives.next().map(|(name, slots)| (name, &[][..], slots));
            }
            let (name, addresses) = wanted.next()?;
            let slots = lives.next_if(|(live, _)| *live == name);
            Some((
                name,
                &addresses[..],
                slots.map_or(&[][..], |(_, slots)| slots),
            ))
        })
    }
}
