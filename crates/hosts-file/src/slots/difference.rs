//! What one name lacks and has too much.

use super::slot::{Form, Slot};
use crate::Address;

/// What one name lacks and has too much.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) missing: Vec<Address>,
    /// Live lines that say what is wanted.
    pub(super) kept: Vec<Slot>,
    /// Live lines that say what is not wanted, or say it twice, or are no slots.
    pub(super) superseded: Vec<Slot>,
}

impl Difference {
    /// Between what is wanted and what there is; none, the usual case, where there is none.
    pub(super) fn between(addresses: &[Address], slots: &[Slot]) -> Option<Self> {
        if says_exactly(slots, addresses) {
            return None;
        }
        let mut difference = Self::default();
        for &slot in slots {
            let is_said = difference
                .kept
                .iter()
                .any(|kept| kept.address == slot.address);
            match slot.form == Form::Slot && !is_said && addresses.contains(&slot.address) {
                true => difference.kept.push(slot),
                false => difference.superseded.push(slot),
            }
        }
        for address in addresses {
            let is_kept = difference.kept.iter().any(|kept| kept.address == *address);
            if !is_kept && !difference.missing.contains(address) {
                difference.missing.push(*address);
            }
        }
        Some(difference)
    }
}

/// The usual case: nothing is to be done for a name.
pub(super) fn says_exactly(slots: &[Slot], addresses: &[Address]) -> bool {
    let is_said = |slot: &Slot| slot.form == Form::Slot && addresses.contains(&slot.address);
    slots.len() == addresses.len()
        && slots.iter().all(is_said)
        && addresses
            .iter()
            .all(|address| slots.iter().any(|slot| slot.address == *address))
}
