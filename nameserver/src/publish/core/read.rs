//! What is read before anything is written.

use std::mem;

use contract::{Head as Published, is_plausible};
use log::Level;
use zookeeper::Error;

use super::write::said_of_end;
use super::{Core, Due, Head, Preparation, ReadPages, Stage, remedy};
use crate::publish::action::{Found, StateZnode};
use crate::publish::draft::{HoldEnd, Taken};
use crate::publish::hold::Timestamp;

impl Core {
    /// A foreign write is to be looked at.
    pub(super) fn hosts_changed(&mut self) {
        match (self.echoes.checked_sub(1), &mut self.stage) {
            (Some(echoes), _) => self.echoes = echoes,
            (None, Stage::Leading(term)) => term.look_again(),
            (None, _) => {}
        }
    }

    pub(super) fn read(
        &mut self,
        znode: StateZnode,
        read: Result<Option<Found>, Error>,
        now: Timestamp,
    ) {
        match &mut self.stage {
            Stage::Preparing(preparation) => {
                let preparation = mem::replace(preparation, Preparation::Create);
                self.read_before_standing(preparation, read, now);
            }
            Stage::Leading(term) => match &mut term.head {
                Head::Known(_) | Head::ReadPages(_) => self.read_again(znode, &read),
                Head::ReadHold => {
                    term.head = Head::ReadSettings;
                    let found = read.ok().flatten();
                    if let Some(held) = self
                        .hold
                        .inherit(found.as_ref().map(|found| &found.data[..]))
                    {
                        self.draft.inherit_hold(&held, now);
                    }
                }
                Head::ReadSettings | Head::ReadHosts(_) | Head::ReadAgain => match read {
                    Ok(found) => self.read_head(found, now),
                    Err(error) => self.cannot_read(znode, &error, now),
                },
            },
            Stage::Idle | Stage::Standing => {}
        }
    }

    /// Who may not read what is published finds that out on leading, and says so then.
    fn read_before_standing(
        &mut self,
        preparation: Preparation,
        read: Result<Option<Found>, Error>,
        now: Timestamp,
    ) {
        let Ok(found) = read else {
            return;
        };
        match preparation {
            Preparation::ReadSettings => {
                let settings = found.map(|found| found.data);
                self.stage = Stage::Preparing(Preparation::ReadHosts(settings));
            }
            Preparation::ReadHosts(settings) => {
                let head = found.and_then(|found| Published::decode(&found.data).ok());
                if let Some(difference) = self.difference(settings.as_deref(), head.as_ref()) {
                    self.refuse(&difference, now);
                }
            }
            Preparation::Create | Preparation::Stand => {}
        }
    }

    /// Looks at `STATE/hold` while it is held: where it is gone, an operator released it.
    fn read_again(&mut self, znode: StateZnode, read: &Result<Option<Found>, Error>) {
        if znode == StateZnode::Hold && self.hold.looked_at(!matches!(read, Ok(None))) {
            let held = self.draft.held();
            self.draft.end_hold(HoldEnd::Released);
            let said = said_of_end(HoldEnd::Released, held.as_ref());
            self.first.extend(said);
        }
    }

    /// Takes in what is published, before this replica writes anything itself.
    fn read_head(&mut self, found: Option<Found>, now: Timestamp) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        let inherited = match mem::replace(&mut term.head, Head::ReadAgain) {
            Head::ReadSettings => {
                term.head = Head::ReadHosts(found.map(|found| found.data));
                return;
            }
            Head::ReadHosts(settings) => Some(settings),
            _ => None,
        };
        let Some(found) = found else {
            term.head = Head::Known(None);
            if inherited
                .as_ref()
                .is_none_or(|settings| self.agree(settings.as_deref(), None, now))
            {
                self.draft.compare(None, inherited.is_some(), now.monotonic);
            }
            return;
        };
        if inherited.is_none() && self.draft.is_own(&found.data, found.version) {
            term.head = Head::Known(Some(found.version));
            return;
        }
        let head = Published::decode(&found.data);
        if let Some(settings) = &inherited
            && !self.agree(settings.as_deref(), head.as_ref().ok(), now)
        {
            return;
        }
        let taken = match head {
            Ok(Published::Paged(index)) => {
                if let Stage::Leading(term) = &mut self.stage {
                    term.head = Head::ReadPages(Box::new(ReadPages {
                        place: (found.version, found.mzxid),
                        index,
                        inherited,
                    }));
                }
                return;
            }
            Ok(Published::Whole(snapshot)) => Ok(Taken {
                snapshot,
                index: None,
            }),
            Err(error) => Err(error.to_string()),
        };
        self.take_in_head(
            (found.version, found.mzxid),
            taken,
            inherited.is_some(),
            now,
        );
    }

    /// Takes in what is published, or why that is no snapshot.
    pub(super) fn take_in_head(
        &mut self,
        (version, mzxid): (i32, i64),
        mut taken: Result<Taken, String>,
        is_inherited: bool,
        now: Timestamp,
    ) {
        let Stage::Leading(term) = &mut self.stage else {
            return;
        };
        term.head = Head::Known(Some(version));
        if let Err(error) = &taken {
            let hosts = self.path(StateZnode::Hosts);
            let text = format!("{hosts} holds no snapshot of ours and is replaced: {error}");
            self.say(Level::Warn, text);
        }
        if let Ok(taken) = &mut taken {
            let generation = taken.snapshot.generation;
            if !is_plausible(generation, mzxid) {
                // Its names are looked at, and its number is not counted on from.
                (taken.snapshot.generation, taken.index) = (0, None);
                let hosts = self.path(StateZnode::Hosts);
                let text = format!(
                    "{hosts} has generation {generation}, though ZooKeeper has seen no more than \
                     {mzxid} transactions: nobody counted up to that, and it is replaced"
                );
                self.say(Level::Warn, text);
            }
        }
        let head = Some((version, taken.as_ref().ok()));
        self.draft.compare(head, is_inherited, now.monotonic);
    }

    /// Whether this replica may publish after its predecessor.
    fn agree(&mut self, settings: Option<&[u8]>, head: Option<&Published>, now: Timestamp) -> bool {
        if let Some(difference) = self.difference(settings, head) {
            // While this replica waited, another one published by other settings.
            if !self.takes_over {
                self.refuse(&difference, now);
                return false;
            }
            self.say(Level::Warn, format!("taking over: {difference}"));
        }
        let due = match settings {
            None => Some(Due::Create),
            Some(told) => (told != self.settings.encode()).then_some(Due::Set),
        };
        if let Stage::Leading(term) = &mut self.stage {
            term.settings_due = due;
        }
        true
    }

    fn cannot_read(&mut self, znode: StateZnode, error: &Error, now: Timestamp) {
        if let Stage::Leading(term) = &mut self.stage {
            term.look_again();
        }
        let (path, why) = (self.path(znode), remedy(error));
        self.complain(format!("cannot read {path}: {why}"), now);
    }
}
