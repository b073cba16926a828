//! `STATE/hold`: what the leader holds, for everybody to see. Whoever deletes it releases the hold.
//!
//! Pure: what was found and what is held in, what to write there out.

use contract::Held;
use zookeeper::Error;

use crate::publish::action::{StateZnode, Write};

/// The znode, as the leader knows it.
#[derive(Debug, Default)]
pub(super) struct HoldZnode {
    /// What it was made to say last, or would have been, had that not been refused.
    told: Option<Held>,
    /// It was there, so that somebody deleted it if it is not.
    was_there: bool,
    /// Somebody, perhaps ourselves, may have written or deleted it.
    touched: bool,
}

impl HoldZnode {
    /// Takes an event of it in, or that one may have been missed.
    pub(super) fn changed(&mut self) {
        self.touched = true;
    }

    /// What a predecessor left there, as a leadership begins with it. None is found also where it
    /// may not be read.
    pub(super) fn inherit(&mut self, found: Option<&[u8]>) -> Option<Held> {
        let held = found.and_then(|data| Held::decode(data).ok());
        *self = Self {
            // Of junk, only that it is there matters: it is to go.
            told: found.map(|_| held.clone().unwrap_or_else(Held::nothing)),
            was_there: found.is_some(),
            touched: false,
        };
        held
    }

    /// Whether it is to be looked at, since somebody may have deleted it.
    pub(super) fn is_in_question(&self) -> bool {
        self.touched && self.was_there
    }

    /// Takes in whether it is still there. Returns whether somebody released the hold.
    pub(super) fn looked_at(&mut self, is_there: bool) -> bool {
        self.touched = false;
        if is_there {
            return false;
        }
        *self = Self::default();
        true
    }

    /// What makes it say what is held now; none where it says so.
    pub(super) fn due(&self, held: Option<&Held>) -> Option<Write> {
        let znode = StateZnode::Hold;
        match (&self.told, held) {
            (told, held) if told.as_ref() == held => None,
            (None, Some(held)) => Some(Write::Create(znode, held.encode())),
            (Some(_), Some(held)) => Some(Write::Set(znode, held.encode(), None)),
            (_, None) => Some(Write::Delete(znode)),
        }
    }

    /// Takes in what came of making it say what is `held`.
    ///
    /// # Errors
    /// It could not be made to; that is not tried again before something else is to be said.
    pub(super) fn written(
        &mut self,
        held: Option<Held>,
        written: Result<i32, Error>,
    ) -> Result<(), Error> {
        let is_held = held.is_some();
        self.told = held;
        match written {
            // Whoever deletes it later is told of by an event.
            Ok(_) | Err(Error::NodeExists) => {
                (self.was_there, self.touched) = (is_held, false);
                Ok(())
            }
            // Deleted by somebody else, who released what we held, if we did.
            Err(Error::NoNode) => {
                self.was_there &= is_held;
                self.touched = true;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
