//! What one registration needs next: from what was read and what happened to what is to be done.
//! Pure; the driver only does it.
//!
//! What never happens: a znode of a live session of somebody else, or one that no session owns, is
//! written or deleted. ZooKeeper compares versions, not owners: should ours go, and another one be
//! created and set as often, between a read and the write that follows, it cannot tell them apart.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use contract::{Address, Name, ZnodePath};
use zookeeper::{Create, Error, OwnedWrite};

use super::instance_path::InstancePath;
use super::{Kind, Registration};

/// How often the address of this host is looked at.
const ADDRESS: Duration = Duration::from_secs(5);
/// The first wait where it has none; the next ones double up to [`ADDRESS`].
const NO_ADDRESS: Duration = Duration::from_millis(100);

/// Whether the znodes are to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// Not now: the check has not passed, or the program that it is about does not run.
    Absent,
    /// As long as the session lives.
    Present,
    /// Never again.
    End,
}

/// What became of what was desired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It is not desired, or something is still missing.
    #[default]
    Absent,
    /// It stands there.
    Present(ZnodePath),
    /// It does not, and why.
    Failed(String),
}

/// A znode that stands where the registration belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: ZnodePath,
    /// The session that owns it; 0 for none.
    pub(super) owner: i64,
    pub(super) version: i32,
    pub(super) data: Vec<u8>,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It stands there, with that address.
    Present(ZnodePath, Address),
    /// It does not, and why.
    Failed(String),
    /// It was taken back.
    Withdrawn,
    /// It is not wished for, and nothing is there to be taken back.
    Absent,
    /// It cannot be taken back, and why.
    Stays(String),
    /// The address of this host is the first now, the second before.
    Moved(Address, Address),
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Say it.
    Tell(News),
    /// Find the address of this host, and say it at [`Core::address`].
    FindAddress,
    /// Watch this znode and all below it, and nothing else.
    Watch(ZnodePath),
    /// Read what stands there, and say it at [`Core::read`].
    Read(InstancePath),
    /// Create this znode and its ancestors, where they are missing.
    CreateAll(ZnodePath),
    /// Write all of it at one moment, and say at [`Core::wrote`] what became of it.
    Write(Vec<OwnedWrite>),
    /// Everything is as it should be, or nothing can be done about it. Wait for something to
    /// happen, but no longer than that.
    Wait(Option<Instant>),
    /// There is no more to do.
    End,
}

/// What is known of the place.
#[derive(Debug)]
enum Known {
    /// It must be read.
    Nothing,
    /// The parent is missing.
    NoParent,
    /// What stands there, and the sessions that were ours before this one.
    Read(Vec<Seen>, Vec<i64>),
    /// Ours stands there, and says this.
    Ours(ZnodePath, Vec<u8>),
    /// Somebody else's does.
    Taken,
}

/// What a write that is under way leads to.
#[derive(Debug)]
enum After {
    /// It must be read.
    Nothing,
    /// Ours stands there, and says this.
    Ours(ZnodePath, Vec<u8>),
    /// Nothing of ours stands there any more.
    Withdrawn,
}

/// One registration.
#[derive(Debug)]
pub(super) struct Core {
    registration: Registration,
    id: String,
    /// What it is called instead where another agent is called so, and listens elsewhere.
    other_id: Option<String>,
    sequential: bool,
    desired: Desired,
    /// The root and the domain of the nameserver, once they are known.
    scope: Option<(ZnodePath, Option<Name>)>,
    /// The place below that root, or why there is none.
    wanted: Option<Result<InstancePath, String>>,
    /// Where it is, or may be.
    place: Option<InstancePath>,
    /// The address of this host, or why there is none.
    address: Option<Result<Address, String>>,
    /// When the address is to be looked at, if not now, and how long that was to wait.
    look: Option<(Instant, Duration)>,
    session: i64,
    watched: Option<ZnodePath>,
    known: Known,
    after: (After, bool),
    told: Outcome,
    news: VecDeque<News>,
}

impl Core {
    /// Instances are called `id`, with a number behind it where they are `sequential`.
    pub(super) fn new(registration: Registration, id: String, sequential: bool) -> Self {
        Self {
            registration,
            id,
            other_id: None,
            sequential,
            desired: Desired::Absent,
            scope: None,
            wanted: None,
            place: None,
            address: None,
            look: None,
            session: 0,
            watched: None,
            known: Known::Nothing,
            after: (After::Nothing, false),
            told: Outcome::Absent,
            news: VecDeque::new(),
        }
    }

    /// Nobody has chosen that id: it is called `other_id` where another agent has the first one for another port.
    pub(super) fn or_called(mut self, other_id: Option<String>) -> Self {
        self.other_id = other_id;
        self
    }

    /// This is wished for.
    pub(super) fn desire(&mut self, desired: Desired) {
        self.desired = desired;
        self.known = Known::Nothing;
    }

    /// The nameserver has this root and this domain.
    pub(super) fn scope(&mut self, root: &ZnodePath, domain: Option<&Name>) {
        let is_known = |(r, d): &(ZnodePath, Option<Name>)| r == root && d.as_ref() == domain;
        if self.scope.as_ref().is_some_and(is_known) {
            return;
        }
        self.scope = Some((root.clone(), domain.cloned()));
        self.want();
    }

    /// Finds the place where it belongs.
    fn want(&mut self) {
        let Some((root, domain)) = &self.scope else {
            return;
        };
        let instance = (self.id.as_str(), self.sequential);
        let wanted = InstancePath::new(&self.registration, instance, root, domain.as_ref());
        self.wanted = Some(wanted);
        self.known = Known::Nothing;
    }

    /// Takes the other id, where `seen` is of another agent that listens elsewhere.
    fn gives_way(&mut self, seen: &Seen) -> bool {
        let theirs = contract::Instance::decode(&seen.data);
        let is_elsewhere = theirs.is_ok_and(|theirs| theirs.port != self.registration.port);
        let Some(other) = self.other_id.take_if(|_| is_elsewhere) else {
            return false;
        };
        self.id = other;
        self.want();
        true
    }

    /// A connection was made, in this session; what an earlier one told, or did not, is past.
    pub(super) fn connected(&mut self, session: i64) {
        self.session = session;
        self.watched = None;
        self.known = Known::Nothing;
        self.look = None;
    }

    /// This is the address of this host, or why there is none. Without one now, the last one is the
    /// best guess.
    pub(super) fn address(&mut self, found: Result<Address, String>, now: Instant) {
        let wait = match (&found, &self.address, self.look) {
            (Ok(_), _, _) | (_, Some(Ok(_)), _) => ADDRESS,
            (Err(_), _, Some((_, last))) => (last * 2).min(ADDRESS),
            (Err(_), _, None) => NO_ADDRESS,
        };
        self.look = Some((now + wait, wait));
        match (&self.address, &found) {
            (Some(Ok(before)), Ok(now)) if before != now => {
                self.news.push_back(News::Moved(*now, *before));
            }
            (Some(Ok(_)), _) => return,
            (None | Some(Err(_)), _) => {}
        }
        self.address = Some(found);
    }

    /// The watch that was asked for stands.
    pub(super) fn watching(&mut self, path: ZnodePath) {
        self.watched = Some(path);
    }

    /// A znode that is watched has changed.
    pub(super) fn changed(&mut self, path: &ZnodePath) {
        let concerns = match &self.known {
            Known::Ours(own, _) => path == own,
            Known::Taken => self.place.as_ref().is_some_and(|at| at.path() == *path),
            Known::Nothing | Known::NoParent | Known::Read(..) => true,
        };
        if concerns {
            self.known = Known::Nothing;
        }
    }

    /// That stands at the place; `past` are the sessions that were ours before this one.
    pub(super) fn read(&mut self, mut seen: Vec<Seen>, past: Vec<i64>) {
        seen.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        self.known = Known::Read(seen, past);
    }

    /// The parent is there now.
    pub(super) fn created_all(&mut self) {
        self.known = Known::Nothing;
    }

    /// What became of the write.
    ///
    /// # Errors
    /// The error, when it is none that reading again helps against.
    pub(super) fn wrote(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        let (after, only_creates) = std::mem::replace(&mut self.after, (After::Nothing, false));
        self.known = Known::Nothing;
        match (&result, after) {
            (Ok(()), After::Ours(path, data)) => self.known = Known::Ours(path, data),
            (Ok(()), After::Withdrawn) => self.withdrawn(),
            (Err(Error::NoNode), _) if only_creates => self.known = Known::NoParent,
            _ => {}
        }
        match result {
            Err(Error::NoNode | Error::NodeExists | Error::BadVersion) => Ok(()),
            result => result,
        }
    }

    /// Nothing could be done for that reason.
    pub(super) fn failed(&mut self, error: &Error) {
        match self.desired {
            Desired::Present => {
                let place = self.place.as_ref().map(|place| place.path().to_string());
                let place = place.unwrap_or_default();
                self.fail(format!(
                    "cannot register {} at {place}: {error}",
                    self.registration
                ));
            }
            Desired::Absent => self.news.push_back(News::Stays(error.to_string())),
            Desired::End => {
                self.news.push_back(News::Stays(error.to_string()));
                // It goes with the session.
                self.place = None;
            }
        }
    }

    /// What is to be done now.
    pub(super) fn next(&mut self, now: Instant) -> Action {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Action::Tell(news);
            }
            let wanted = match (&self.wanted, self.desired) {
                (Some(wanted), Desired::Present) => Some(wanted.clone()),
                _ => None,
            };
            let action = match (&self.place, wanted) {
                (Some(place), Some(Ok(wanted))) if *place == wanted => self.keep(wanted, now),
                (Some(place), _) => self.withdraw(place.clone()),
                (None, Some(Ok(wanted))) => self.keep(wanted, now),
                (None, Some(Err(why))) => {
                    let why = format!("cannot register {}: {why}", self.registration);
                    self.fail(why);
                    Some(Action::Wait(None))
                }
                (None, None) => self.idle(),
            };
            match action {
                Some(action) if self.news.is_empty() => return action,
                // It is asked for again.
                _ => {}
            }
        }
    }

    /// Nothing of ours is to be there, and nothing is.
    fn idle(&mut self) -> Option<Action> {
        match self.desired {
            Desired::Present => return Some(Action::Wait(None)),
            Desired::Absent | Desired::End => {}
        }
        if self.told != Outcome::Absent {
            self.tell(Outcome::Absent, News::Absent);
        }
        Some(match self.desired {
            Desired::End => Action::End,
            Desired::Absent | Desired::Present => Action::Wait(None),
        })
    }

    /// Nothing of ours is to be there.
    fn withdraw(&mut self, place: InstancePath) -> Option<Action> {
        let Known::Read(seen, _) = &self.known else {
            return Some(Action::Read(place));
        };
        let own = seen.iter().filter(|seen| seen.owner == self.session);
        let own: Vec<_> = own.map(Seen::delete).collect();
        if own.is_empty() {
            self.withdrawn();
            return None;
        }
        Some(self.write(own, After::Withdrawn))
    }

    fn withdrawn(&mut self) {
        self.place = None;
        self.known = Known::Nothing;
        if self.desired != Desired::Present {
            self.tell(Outcome::Absent, News::Withdrawn);
        }
    }

    /// Ours is to be there.
    fn keep(&mut self, place: InstancePath, now: Instant) -> Option<Action> {
        if self.look.is_none_or(|(look, _)| now >= look) {
            return Some(Action::FindAddress);
        }
        let look = self.look.map(|(look, _)| look);
        let address = match &self.address {
            Some(Ok(address)) => *address,
            Some(Err(why)) => {
                let why = format!("cannot register {}: {why}", self.registration);
                self.fail(why);
                return Some(Action::Wait(look));
            }
            None => return Some(Action::FindAddress),
        };
        let watched = if place.sequential {
            place.parent.clone()
        } else {
            place.path()
        };
        if self.watched.as_ref() != Some(&watched) {
            return Some(Action::Watch(watched));
        }
        let data = self.registration.data(address);
        // From now on it may be there, whatever is heard of a write.
        self.place = Some(place.clone());
        match &self.known {
            Known::Nothing => Some(Action::Read(place)),
            Known::NoParent => Some(Action::CreateAll(place.parent)),
            Known::Ours(_, said) if *said != data => Some(Action::Read(place)),
            Known::Ours(path, _) => {
                let path = path.clone();
                if self.told != Outcome::Present(path.clone()) {
                    self.tell(Outcome::Present(path.clone()), News::Present(path, address));
                }
                Some(Action::Wait(look))
            }
            Known::Taken => Some(Action::Wait(look)),
            Known::Read(seen, past) if place.sequential => {
                let (mut ours, mut writes) = (Vec::new(), Vec::new());
                for seen in seen {
                    match Owner::of(seen, self.session, past) {
                        Owner::Us => ours.push(seen),
                        // What an earlier run left goes in the same moment in which we come.
                        Owner::OurPast => writes.push(seen.delete()),
                        Owner::Nobody | Owner::Other(_) => {}
                    }
                }
                let Some((first, others)) = ours.split_first() else {
                    writes.push(OwnedWrite::Create(
                        place.prefix(),
                        data,
                        Create::EphemeralSequential,
                    ));
                    // ZooKeeper chooses the name.
                    return Some(self.write(writes, After::Nothing));
                };
                writes.extend(others.iter().map(|seen| seen.delete()));
                self.settle((*first).clone(), writes, data)
            }
            Known::Read(seen, past) => {
                let path = place.path();
                let create = OwnedWrite::Create(path.clone(), data.clone(), Create::Ephemeral);
                let Some(seen) = seen.first().cloned() else {
                    return Some(self.write(vec![create], After::Ours(path, data)));
                };
                let by = match Owner::of(&seen, self.session, past) {
                    Owner::Us => return self.settle(seen, Vec::new(), data),
                    Owner::OurPast => {
                        let writes = vec![seen.delete(), create];
                        return Some(self.write(writes, After::Ours(path, data)));
                    }
                    Owner::Nobody => "a znode that no session owns is there, put there by hand \
                                      perhaps: delete it, or choose another name"
                        .to_owned(),
                    Owner::Other(_) if self.gives_way(&seen) => return None,
                    Owner::Other(session) => {
                        let remedy = match self.registration.kind {
                            Kind::Instance => {
                                "give each agent its own --id, or have --sequential number them"
                            }
                            Kind::Exact => "only one at a time can have that very name",
                        };
                        format!(
                            "it is owned by the live session {session:#x} of somebody else: {remedy}"
                        )
                    }
                };
                self.known = Known::Taken;
                self.fail(format!(
                    "cannot register {} at {path}: {by}; waiting until it is gone",
                    self.registration
                ));
                None
            }
        }
    }

    /// Has ours say `data`, beside other writes. Only what differs is written: the event of a write of
    /// our own brings us here again.
    fn settle(&mut self, own: Seen, mut writes: Vec<OwnedWrite>, data: Vec<u8>) -> Option<Action> {
        if own.data != data {
            writes.push(OwnedWrite::Set(
                own.path.clone(),
                data.clone(),
                Some(own.version),
            ));
        }
        if writes.is_empty() {
            self.known = Known::Ours(own.path, data);
            return None;
        }
        Some(self.write(writes, After::Ours(own.path, data)))
    }

    fn write(&mut self, writes: Vec<OwnedWrite>, after: After) -> Action {
        let only_creates = writes
            .iter()
            .all(|write| matches!(write, OwnedWrite::Create(..)));
        self.after = (after, only_creates);
        Action::Write(writes)
    }

    /// Says why it is not there, once.
    fn fail(&mut self, why: String) {
        let outcome = Outcome::Failed(why.clone());
        if self.told != outcome {
            self.tell(outcome, News::Failed(why));
        }
    }

    fn tell(&mut self, outcome: Outcome, news: News) {
        self.told = outcome;
        self.news.push_back(news);
    }
}

impl Seen {
    fn delete(&self) -> OwnedWrite {
        OwnedWrite::Delete(self.path.clone(), Some(self.version))
    }
}

/// Whose a znode is.
enum Owner {
    Us,
    OurPast,
    Nobody,
    Other(i64),
}

impl Owner {
    fn of(seen: &Seen, session: i64, past: &[i64]) -> Self {
        match seen.owner {
            0 => Self::Nobody,
            owner if owner == session => Self::Us,
            owner if past.contains(&owner) => Self::OurPast,
            owner => Self::Other(owner),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not registered"),
            Self::Present(path) => path.fmt(f),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
