//! What one binding needs next: from what was read and what happened to what is to be done. Pure; the
//! driver only does it.
//!
//! The choice is an ephemeral znode `STATE/bindings/SERVICE/ADDRESS/ID`. It is made in a transaction
//! that also writes `STATE/bindings/SERVICE`, at the version that was read before the loads were
//! counted: of two agents that choose at once, one looks again.

use std::collections::VecDeque;

use contract::{Address, Addresses, Hosts, Name, State, ZnodePath};
use zookeeper::{Create, Error, OwnedWrite};

use super::{Binding, Candidate, choose};

/// What the snapshot says of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) addresses: Addresses,
    pub(super) leader: Option<Address>,
}

impl Service {
    pub(super) fn of(name: &Name, hosts: &Hosts) -> Self {
        let addresses = hosts.get(name).cloned().unwrap_or_default();
        let leader = format!("leader.{name}").parse::<Name>().ok();
        let leader = leader.and_then(|leader| hosts.get(&leader)?.first().copied());
        Self {
            leader: leader.or(addresses.first().copied()),
            addresses,
        }
    }
}

/// Who is bound to one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    /// The znode of the instance, whose name is its address.
    pub(super) place: ZnodePath,
    /// How many agents of other ids.
    pub(super) others: usize,
    /// The session and the version of the znode of our id, where there is one.
    pub(super) own: Option<(i64, i32)>,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// The local name stands for this address.
    Bound(Address),
    /// The local name stands for nothing.
    Unbound,
    /// Why it is not as it should be.
    Trouble(String),
    /// It is as it should be again.
    Content,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Say it.
    Tell(News),
    /// Look at the version of this znode, and say it at [`Core::version`].
    Look(ZnodePath),
    /// Create this znode, below `STATE/bindings`, so that everybody may write below it.
    Open(ZnodePath),
    /// See who is bound to each child of this znode, and say it at [`Core::counted`].
    Count(ZnodePath),
    /// Write all of it at one moment, and say at [`Core::wrote`] what became of it.
    Write(Vec<OwnedWrite>),
    /// Another agent was quicker: wait a moment, then say so at [`Core::again`].
    Pause,
    /// Start over later, for that reason.
    Fail(String),
    /// All is as it should be, or nothing can be done about it. Wait for something to happen.
    Wait,
}

/// What is known of the service in ZooKeeper.
#[derive(Debug)]
enum Known {
    /// Its version must be looked at.
    Nothing,
    /// It has no znode.
    Missing,
    /// Its version. The loads must be counted.
    Version(i32),
    /// The version, the loads, and the sessions that were ours before this one.
    Loads(i32, Vec<Load>, Vec<i64>),
    /// Others are quicker.
    Late,
    /// We have what we want.
    Done,
}

/// What a write that is under way leads to.
#[derive(Debug)]
enum After {
    Bound(Address, ZnodePath),
    Unbound,
}

/// One binding.
#[derive(Debug)]
pub(super) struct Core {
    binding: Binding,
    /// The znode of the service.
    base: ZnodePath,
    id: String,
    /// What is published, once it is known.
    service: Option<Service>,
    /// What the local name stands for.
    bound: Option<Address>,
    trouble: Option<String>,
    session: i64,
    known: Known,
    after: Option<After>,
    news: VecDeque<News>,
}

impl Core {
    /// A binding of the agent `id`, an earlier run of which was bound to `kept`.
    pub(super) fn new(binding: Binding, state: &State, id: String, kept: Option<Address>) -> Self {
        Self {
            base: state.bindings_to(&binding.service),
            binding,
            id,
            service: None,
            bound: kept,
            trouble: None,
            session: 0,
            known: Known::Nothing,
            after: None,
            news: VecDeque::new(),
        }
    }

    /// A connection was made, in this session; what an earlier one told, or did not, is past.
    pub(super) fn connected(&mut self, session: i64) {
        self.session = session;
        self.known = Known::Nothing;
    }

    /// That is published.
    pub(super) fn service(&mut self, service: Service) {
        if self.service.as_ref() != Some(&service) {
            self.service = Some(service);
            self.known = Known::Nothing;
        }
    }

    /// The version of the znode of the service, where it has one.
    pub(super) fn version(&mut self, version: Option<i32>) {
        self.known = version.map_or(Known::Missing, Known::Version);
    }

    /// A znode was opened.
    pub(super) fn opened(&mut self) {
        self.known = Known::Nothing;
    }

    /// Those are bound; `past` are the sessions that were ours before this one.
    pub(super) fn counted(&mut self, loads: Vec<Load>, past: Vec<i64>) {
        if let Known::Version(version) = self.known {
            self.known = Known::Loads(version, loads, past);
        }
    }

    /// It has waited for a moment.
    pub(super) fn again(&mut self) {
        self.known = Known::Nothing;
    }

    /// What became of the write.
    ///
    /// # Errors
    /// The error, when it is none that choosing again helps against.
    pub(super) fn wrote(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        self.known = Known::Nothing;
        match (result, self.after.take()) {
            (Ok(()), Some(After::Bound(address, _))) => self.bound_to(address),
            (Ok(()), Some(After::Unbound)) => self.unbound(),
            (Ok(()), None) => {}
            (Err(Error::BadVersion | Error::NoNode), _) => self.known = Known::Late,
            (Err(Error::NodeExists), Some(After::Bound(_, own))) => {
                return Err(Error::Other(taken(&own)));
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// Nothing could be done for that reason.
    pub(super) fn failed(&mut self, error: &Error) {
        self.complain(format!("cannot bind {}: {error}", self.binding));
    }

    /// What is to be done now.
    pub(super) fn next(&mut self) -> Action {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Action::Tell(news);
            }
            match self.decide() {
                Some(action) if self.news.is_empty() => return action,
                // It is asked for again.
                _ => {}
            }
        }
    }

    fn decide(&mut self) -> Option<Action> {
        let Some(service) = &self.service else {
            return Some(Action::Wait);
        };
        match &self.known {
            Known::Nothing => Some(Action::Look(self.base.clone())),
            Known::Missing if service.addresses.is_empty() => {
                self.unbound();
                None
            }
            Known::Missing => Some(Action::Open(self.base.clone())),
            Known::Version(_) => Some(Action::Count(self.base.clone())),
            Known::Loads(version, loads, past) => {
                match self.choose(service, loads, past, *version) {
                    Choice::Keep(address) => {
                        self.bound_to(address);
                        None
                    }
                    Choice::Nothing => {
                        self.unbound();
                        None
                    }
                    Choice::Open(place) => Some(Action::Open(place)),
                    Choice::Write(writes, after) => {
                        self.after = Some(after);
                        Some(Action::Write(writes))
                    }
                    Choice::Fail(why) => Some(Action::Fail(why)),
                }
            }
            Known::Late => Some(Action::Pause),
            Known::Done => Some(Action::Wait),
        }
    }

    /// What to do about the loads.
    fn choose(&self, service: &Service, loads: &[Load], past: &[i64], version: i32) -> Choice {
        let (mut own, mut stale, mut candidates) = (None, Vec::new(), Vec::new());
        for load in loads {
            let address = load.place.component().parse().ok();
            let address = address.filter(|address| service.addresses.contains(address));
            match (load.own, address) {
                (Some((owner, _)), _) if owner != self.session && !past.contains(&owner) => {
                    return Choice::Fail(taken(&self.own(&load.place)));
                }
                (Some((owner, _)), Some(address)) if owner == self.session => own = Some(address),
                (Some((_, version)), _) => {
                    stale.push(OwnedWrite::Delete(self.own(&load.place), Some(version)));
                }
                (None, _) => {}
            }
            candidates.extend(address.map(|address| self.candidate(service, address, load.others)));
        }
        if let Some(own) = own {
            return Choice::Keep(own);
        }
        for address in &service.addresses {
            if !candidates.iter().any(|known| known.address == *address) {
                candidates.push(self.candidate(service, *address, 0));
            }
        }
        let kept = self.bound.filter(|at| service.addresses.contains(at));
        let lot = usize::try_from(self.session.unsigned_abs()).unwrap_or_default();
        let chosen = kept.or_else(|| choose(&candidates, self.binding.preference, lot));
        let Some(chosen) = chosen else {
            return if stale.is_empty() {
                Choice::Nothing
            } else {
                Choice::Write(stale, After::Unbound)
            };
        };
        let place = self.base.child(&chosen.to_string());
        let place = place.expect("an address is a component");
        if !loads.iter().any(|load| load.place == place) {
            return Choice::Open(place);
        }
        let own = self.own(&place);
        let mut writes = vec![OwnedWrite::Set(
            self.base.clone(),
            Vec::new(),
            Some(version),
        )];
        writes.extend(stale);
        writes.push(OwnedWrite::Create(
            own.clone(),
            Vec::new(),
            Create::Ephemeral,
        ));
        Choice::Write(writes, After::Bound(chosen, own))
    }

    fn candidate(&self, service: &Service, address: Address, load: usize) -> Candidate {
        Candidate {
            address,
            load,
            is_leader: service.leader == Some(address),
        }
    }

    /// The znode of our id at an instance.
    fn own(&self, place: &ZnodePath) -> ZnodePath {
        place.child(&self.id).expect("checked at the start")
    }

    fn bound_to(&mut self, address: Address) {
        self.known = Known::Done;
        if self.trouble.take().is_some() {
            self.news.push_back(News::Content);
        }
        if self.bound.replace(address) != Some(address) {
            self.news.push_back(News::Bound(address));
        }
    }

    /// There is no instance to be bound to.
    fn unbound(&mut self) {
        self.known = Known::Done;
        if self.bound.take().is_some() {
            self.news.push_back(News::Unbound);
        }
        let service = &self.binding.service;
        let is_any = self
            .service
            .as_ref()
            .is_some_and(|now| !now.addresses.is_empty());
        let why = if is_any {
            format!("the leader of {service} is none of its published instances")
        } else {
            format!("no instance of {service} is published")
        };
        self.complain(format!("cannot bind {}: {why}", self.binding));
    }

    /// Says what is wrong, once.
    fn complain(&mut self, why: String) {
        if self.trouble.as_ref() != Some(&why) {
            self.trouble = Some(why.clone());
            self.news.push_back(News::Trouble(why));
        }
    }
}

/// What to do about the loads.
enum Choice {
    /// Nothing: ours is at that instance.
    Keep(Address),
    /// Nothing: no instance can be chosen.
    Nothing,
    /// Create the znode of an instance.
    Open(ZnodePath),
    Write(Vec<OwnedWrite>, After),
    Fail(String),
}

fn taken(path: &ZnodePath) -> String {
    format!("{path} belongs to another agent of the same id; see --id")
}
