//! The core against a model of ZooKeeper in which everything happens that may: other agents come and
//! go, znodes are deleted and overwritten by hand, connections and sessions end at any moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use contract::{Address, Name, ZnodePath};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use zookeeper::{Create, Error, OwnedWrite, Write};

use super::core::{Action, Core, Desired, News, Outcome, Seen};
use super::instance_path::InstancePath;
use super::{Kind, Registration};
use crate::model::Model;

/// The session of another agent.
const OTHER: i64 = 1;
/// Longer than between two looks at the address.
const LONG: Duration = Duration::from_secs(6);

/// Something that may happen at any moment.
#[derive(Debug, Clone)]
enum Event {
    /// The agent takes some steps.
    Steps(usize),
    /// The connection is lost as the agent takes one, which reaches ZooKeeper or not.
    Lose(bool),
    /// The same, and ZooKeeper ends the session.
    Expire(bool),
    /// The agent is killed as it takes one; the next run knows the session of this one.
    Kill(bool),
    /// The sessions of earlier runs time out.
    PastEnds,
    /// A write is refused for good.
    Refuse,
    OtherComes,
    OtherComesWithNumber,
    OtherEnds,
    SomebodyCreates,
    SomebodySets,
    SomebodyDeletes,
    SomebodyDeletesAll,
    /// The agent is about to write what is another's by then.
    Overtaken,
    Address(Option<u8>),
    Scope(usize),
    Desire(Desired, bool),
    Later,
}

fn event() -> impl Strategy<Value = Event> {
    let desired = prop_oneof![Just(Desired::Absent), Just(Desired::Present)];
    prop_oneof![
        8 => (1..8_usize).prop_map(Event::Steps),
        2 => any::<bool>().prop_map(Event::Lose),
        1 => any::<bool>().prop_map(Event::Expire),
        1 => any::<bool>().prop_map(Event::Kill),
        1 => Just(Event::PastEnds),
        1 => Just(Event::Refuse),
        1 => Just(Event::OtherComes),
        1 => Just(Event::OtherComesWithNumber),
        1 => Just(Event::OtherEnds),
        1 => Just(Event::SomebodyCreates),
        1 => Just(Event::SomebodySets),
        2 => Just(Event::SomebodyDeletes),
        1 => Just(Event::SomebodyDeletesAll),
        2 => Just(Event::Overtaken),
        1 => proptest::option::weighted(0.8, 1..4_u8).prop_map(Event::Address),
        1 => (0..3_usize).prop_map(Event::Scope),
        2 => (desired, any::<bool>()).prop_map(|(desired, arrives)| Event::Desire(desired, arrives)),
        1 => Just(Event::Later),
    ]
}

/// What the agent did in one step.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    Something,
    Wrote,
    /// Nothing, and waits.
    Waits(Option<Instant>),
    /// Nothing, and never will.
    Ended,
}

/// ZooKeeper, one agent, and what is so beside them.
struct World {
    model: Model,
    core: Core,
    registration: Registration,
    sequential: bool,
    session: i64,
    /// The session that comes next.
    next: i64,
    past: Vec<i64>,
    watched: Option<ZnodePath>,
    events: VecDeque<ZnodePath>,
    told: Outcome,
    desired: Desired,
    address: Option<Address>,
    /// The last address that this run of the agent found.
    found: Option<Address>,
    scope: usize,
    now: Instant,
    refuses: bool,
}

fn scope(at: usize) -> (ZnodePath, Option<Name>) {
    let (root, domain) = [("/", None), ("/services", None), ("/", Some("prod"))][at];
    let domain = domain.map(|domain: &str| domain.parse().unwrap());
    (root.parse().unwrap(), domain)
}

impl World {
    fn new(flag: &str, sequential: bool) -> Self {
        let registration: Registration = flag.parse().unwrap();
        let mut world = Self {
            model: Model::default(),
            core: Core::new(registration.clone(), "c1".into(), sequential),
            registration,
            sequential,
            session: 100,
            next: 101,
            past: Vec::new(),
            watched: None,
            events: VecDeque::new(),
            told: Outcome::Absent,
            desired: Desired::Present,
            address: Some("10.0.0.1".parse().unwrap()),
            found: None,
            scope: 0,
            now: Instant::now(),
            refuses: false,
        };
        world.start();
        world
    }

    /// Begins a run of the agent.
    fn start(&mut self) {
        let registration = self.registration.clone();
        self.core = Core::new(registration, "c1".into(), self.sequential);
        self.told = Outcome::Absent;
        self.found = None;
        self.core.desire(self.desired);
        self.connect();
    }

    fn connect(&mut self) {
        self.core.connected(self.session);
        self.watched = None;
        self.events.clear();
        self.tell_scope();
    }

    fn new_session(&mut self) {
        self.past.push(self.session);
        self.session = self.next;
        self.next += 1;
    }

    fn tell_scope(&mut self) {
        let (root, domain) = scope(self.scope);
        self.core.scope(&root, domain.as_ref());
    }

    fn place(&self) -> InstancePath {
        let (root, domain) = scope(self.scope);
        let instance = ("c1", self.sequential);
        InstancePath::new(&self.registration, instance, &root, domain.as_ref()).unwrap()
    }

    /// What stands at a place.
    fn look(&self, place: &InstancePath) -> Vec<Seen> {
        let is_there = |path: &ZnodePath| {
            if place.sequential {
                path.parent().as_ref() == Some(&place.parent)
                    && place.numbered(path.component()).is_some()
            } else {
                *path == place.path()
            }
        };
        let there = self.model.znodes.iter().filter(|(path, _)| is_there(path));
        let seen = there.map(|(path, znode)| Seen {
            path: path.clone(),
            owner: znode.owner,
            version: znode.version,
            data: znode.data.clone(),
        });
        // ZooKeeper has no order.
        seen.rev().collect()
    }

    fn commit(&mut self, session: i64, writes: &[Write<'_>]) -> Result<(), Error> {
        let written = self.model.commit(session, writes)?;
        self.happened(written);
        Ok(())
    }

    fn happened(&mut self, paths: Vec<ZnodePath>) {
        if let Some(watched) = &self.watched {
            let heard = paths.into_iter();
            let heard = heard.filter(|path| path.is_within(watched));
            self.events.extend(heard);
        }
    }

    /// Makes the agent's writes, none of which may touch what is not the agent's.
    fn write(&mut self, changes: &[OwnedWrite]) -> Result<(), Error> {
        let touched = changes.iter().filter_map(|change| match change {
            OwnedWrite::Set(path, ..) | OwnedWrite::Delete(path, _) => {
                Some(self.model.get(path)?.owner)
            }
            OwnedWrite::Create(..) => None,
        });
        let touched: Vec<_> = touched.collect();
        let writes: Vec<_> = changes.iter().map(Write::from).collect();
        self.commit(self.session, &writes)?;
        for owner in touched {
            let is_ours = owner == self.session || self.past.contains(&owner);
            assert!(is_ours, "{changes:?} of {owner}");
        }
        Ok(())
    }

    /// One step of the agent.
    fn step(&mut self) -> Did {
        match self.core.next(self.now) {
            Action::Tell(news) => self.tell(news),
            Action::FindAddress => {
                self.found = self.address.or(self.found);
                let address = self.address.ok_or_else(|| "none".to_owned());
                self.core.address(address, self.now);
            }
            Action::Watch(path) => {
                self.watched = Some(path.clone());
                self.events.clear();
                self.core.watching(path);
            }
            Action::Read(place) => {
                let seen = self.look(&place);
                self.core.read(seen, self.past.clone());
            }
            Action::CreateAll(path) => {
                self.model.create_all(&path);
                self.core.created_all();
            }
            Action::Write(changes) => {
                let result = if std::mem::take(&mut self.refuses) {
                    Err(Error::NotAuthorized)
                } else {
                    self.write(&changes)
                };
                if let Err(error) = self.core.wrote(result) {
                    self.core.failed(&error);
                    self.connect();
                }
                return Did::Wrote;
            }
            Action::Wait(until) => match self.events.pop_front() {
                Some(path) => self.core.changed(&path),
                None => return Did::Waits(until),
            },
            Action::End => return Did::Ended,
        }
        Did::Something
    }

    fn tell(&mut self, news: News) {
        self.told = match news {
            News::Present(path, _) => Outcome::Present(path),
            News::Failed(why) => {
                for beaten in [Error::NoNode, Error::NodeExists, Error::BadVersion] {
                    assert!(!why.contains(&beaten.to_string()), "{why}");
                }
                Outcome::Failed(why)
            }
            News::Withdrawn | News::Absent => Outcome::Absent,
            News::Stays(_) | News::Moved(..) => return,
        }
    }

    /// A step of which the agent hears no more.
    fn last_step(&mut self, arrives: bool) {
        match self.core.next(self.now) {
            Action::Tell(news) => {
                self.tell(news);
                self.last_step(arrives);
            }
            Action::Write(changes) if arrives => {
                // Nobody hears the answer.
                let _ = self.write(&changes);
            }
            Action::CreateAll(path) if arrives => self.model.create_all(&path),
            _ => {}
        }
    }

    /// Steps until there is nothing to do, also a while later; how often it wrote.
    fn settle(&mut self) -> usize {
        let mut writes = 0;
        for _ in 0..3 {
            let waits = (0..200).any(|_| match self.step() {
                Did::Waits(_) | Did::Ended => true,
                Did::Wrote => {
                    writes += 1;
                    false
                }
                Did::Something => false,
            });
            assert!(waits, "it comes to no end");
            self.now += LONG;
        }
        writes
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Steps(steps) => {
                for _ in 0..steps {
                    self.step();
                }
            }
            Event::Lose(arrives) => {
                self.last_step(arrives);
                self.connect();
            }
            Event::Expire(arrives) => {
                self.last_step(arrives);
                self.model.end(&[self.session]);
                self.new_session();
                self.connect();
            }
            Event::Kill(arrives) => {
                self.last_step(arrives);
                self.new_session();
                self.start();
            }
            Event::PastEnds => {
                let gone = self.model.end(&self.past);
                self.happened(gone);
            }
            Event::Refuse => self.refuses = true,
            Event::OtherComes => {
                let path = self.place().path();
                self.model.create_all(&path.parent().unwrap());
                // Another agent knows where it may not come.
                let _ = self.commit(OTHER, &[Write::Create(&path, b"other", Create::Ephemeral)]);
            }
            Event::OtherComesWithNumber => {
                let prefix = self.place().prefix();
                self.model.create_all(&prefix.parent().unwrap());
                let create = Write::Create(&prefix, b"other", Create::EphemeralSequential);
                let _ = self.commit(OTHER, &[create]);
            }
            Event::OtherEnds => {
                let gone = self.model.end(&[OTHER]);
                self.happened(gone);
            }
            Event::SomebodyCreates => {
                let path = self.place().path();
                self.model.create_all(&path.parent().unwrap());
                let _ = self.commit(0, &[Write::Create(&path, b"hand", Create::Persistent)]);
            }
            Event::SomebodySets => {
                for seen in self.look(&self.place()) {
                    let _ = self.commit(0, &[Write::Set(&seen.path, b"hand", None)]);
                }
            }
            Event::SomebodyDeletes => {
                for seen in self.look(&self.place()) {
                    let _ = self.commit(0, &[Write::Delete(&seen.path, None)]);
                }
            }
            Event::SomebodyDeletesAll => {
                let gone = std::mem::take(&mut self.model.znodes);
                self.happened(gone.into_keys().collect());
            }
            Event::Overtaken => {
                for _ in 0..10 {
                    match self.core.next(self.now) {
                        Action::Write(_) => break,
                        Action::Tell(news) => self.tell(news),
                        _ => {
                            self.step();
                        }
                    }
                }
                self.happen(Event::SomebodyDeletes);
                self.happen(Event::OtherComes);
            }
            Event::Address(last) => {
                let address = last.map(|last| format!("10.0.0.{last}").parse().unwrap());
                self.address = address;
            }
            Event::Scope(at) => {
                self.scope = at;
                self.tell_scope();
            }
            Event::Desire(desired, arrives) => {
                self.last_step(arrives);
                self.desired = desired;
                self.core.desire(desired);
                self.connect();
            }
            Event::Later => self.now += LONG,
        }
    }

    /// Once all is quiet, all is as it should be.
    fn check(&mut self) {
        self.refuses = false;
        self.settle();
        let ours = self.model.owned_by(&[self.session]);
        if self.desired != Desired::Present {
            assert!(ours.is_empty(), "{ours:?}");
            assert_eq!(self.told, Outcome::Absent);
            return;
        }
        let place = self.place();
        let others = self.look(&place);
        let mut others = others.iter().filter(|seen| seen.owner != self.session);
        let is_taken = !place.sequential && others.next().is_some();
        match (self.found, is_taken) {
            (Some(address), false) => {
                let [path] = ours[..] else {
                    panic!("{ours:?} at {place:?}: {:?}", self.told);
                };
                let data = self.registration.data(address);
                assert_eq!(self.model.get(path).unwrap().data, data);
                assert!(self.look(&place).iter().any(|seen| seen.path == *path));
                assert_eq!(self.told, Outcome::Present(path.clone()));
                let past = self.look(&place);
                let mut past = past.iter().filter(|seen| self.past.contains(&seen.owner));
                assert_eq!(past.next(), None);
            }
            _ => {
                assert!(ours.is_empty(), "{ours:?}");
                assert!(matches!(self.told, Outcome::Failed(_)), "{:?}", self.told);
            }
        }
    }

    /// And nothing is written, whatever wakes the agent.
    fn check_rest(&mut self) {
        let place = self.place();
        for seen in self.look(&place) {
            self.happened(vec![seen.path]);
        }
        assert_eq!(self.settle(), 0, "at an event that says nothing new");
        self.connect();
        assert_eq!(self.settle(), 0, "over a new connection");
    }
}

proptest! {
    // The generator of random numbers would take most of the time.
    #![proptest_config(ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() })]
    #[test]
    fn a_registration_is_not_given_up_and_steals_nothing_and_rests(
        events in proptest::collection::vec(event(), 0..60),
        (flag, sequential) in prop_oneof![
            Just(("web:80", false)),
            Just(("web.prod", true)),
            Just(("primary.db=:5432", true)),
        ],
    ) {
        let mut world = World::new(flag, sequential);
        for event in events {
            world.happen(event);
        }
        world.check();
        world.check_rest();
    }
}

#[test]
fn what_an_earlier_run_left_with_a_number_goes_as_the_new_one_comes() {
    let mut world = World::new("web", true);
    world.settle();
    world.happen(Event::Kill(false));
    assert_eq!(world.settle(), 1);
    world.check();
}

#[test]
fn two_with_a_number_which_should_not_be_become_one() {
    let mut world = World::new("web", true);
    world.settle();
    let create = Write::Create(
        &world.place().prefix(),
        b"late",
        Create::EphemeralSequential,
    );
    world.commit(world.session, &[create]).unwrap();
    assert_eq!(world.model.owned_by(&[world.session]).len(), 2);
    world.connect();
    world.check();
}

#[test]
fn an_end_takes_it_back_and_needs_no_connection_without_it() {
    let mut world = World::new("web", false);
    world.settle();
    assert_eq!(world.model.owned_by(&[world.session]).len(), 1);
    world.core.desire(Desired::End);
    world.settle();
    assert!(world.model.owned_by(&[world.session]).is_empty());
    assert_eq!(world.step(), Did::Ended);

    let registration: Registration = "web".parse().unwrap();
    assert_eq!(registration.kind, Kind::Instance);
    let mut core = Core::new(registration, "c1".into(), false);
    core.desire(Desired::End);
    assert_eq!(core.next(Instant::now()), Action::End);
}

/// The host has two agents of one name, whose ports differ.
#[test]
fn an_id_that_nobody_chose_gives_way_to_an_agent_that_listens_elsewhere() {
    let root = ZnodePath::root();
    let registration: Registration = "web:81".parse().unwrap();
    for (theirs, chosen, expected) in [
        ("80", false, "/web/c1-81"),
        ("81", false, ""),
        ("80", true, ""),
    ] {
        let other = (!chosen).then(|| "c1-81".to_owned());
        let mut core = Core::new(registration.clone(), "c1".into(), false).or_called(other);
        let now = Instant::now();
        core.desire(Desired::Present);
        core.scope(&root, None);
        core.connected(7);
        let mut written = String::new();
        loop {
            match core.next(now) {
                Action::Tell(_) => {}
                Action::FindAddress => core.address(Ok("10.0.0.9".parse().unwrap()), now),
                Action::Watch(path) => core.watching(path),
                Action::Read(place) if place.path().as_str() == "/web/c1" => {
                    let data = format!(r#"{{"address":"10.0.0.9","port":{theirs}}}"#);
                    let seen = Seen {
                        path: place.path(),
                        owner: 8,
                        version: 0,
                        data: data.into_bytes(),
                    };
                    core.read(vec![seen], Vec::new());
                }
                Action::Read(_) => core.read(Vec::new(), Vec::new()),
                Action::Write(writes) => {
                    let [OwnedWrite::Create(path, ..)] = &writes[..] else {
                        panic!("{writes:?}");
                    };
                    path.as_str().clone_into(&mut written);
                    core.wrote(Ok(())).unwrap();
                }
                Action::Wait(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(written, expected, "{theirs} {chosen}");
    }
}

#[test]
fn what_may_not_be_taken_back_ends_with_the_session() {
    let mut world = World::new("web", false);
    world.settle();
    world.core.desire(Desired::End);
    world.refuses = true;
    world.settle();
    assert_eq!(world.step(), Did::Ended);
    assert_eq!(world.model.owned_by(&[world.session]).len(), 1);
}

#[test]
fn without_an_address_it_looks_sooner_and_says_so_once() {
    let mut world = World::new("web", false);
    world.address = None;
    for wait in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let mut said = 0;
        let until = loop {
            let before = world.told.clone();
            match world.step() {
                Did::Waits(until) => break until.unwrap(),
                _ => said += usize::from(world.told != before),
            }
        };
        assert_eq!(until - world.now, Duration::from_millis(wait));
        assert_eq!(said, usize::from(wait == 100), "{:?}", world.told);
        world.now = until;
    }
    world.address = Some("10.0.0.9".parse().unwrap());
    world.check();
}
