//! The cores of several agents against a model of ZooKeeper, in any interleaving of their steps.

use contract::{Address, State, ZnodePath};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use zookeeper::{Create, Error, OwnedWrite, Write};

use super::Binding;
use super::core::{Action, Core, Load, News, Service};
use crate::model::Model;

/// How many agents there are at most.
const AGENTS: usize = 6;

/// Something that may happen at any moment, mostly to one agent.
#[derive(Debug, Clone)]
enum Event {
    /// It takes some steps.
    Steps(usize, usize),
    /// It loses the connection as it takes one, which reaches ZooKeeper or not.
    Lose(usize, bool),
    /// It is killed as it takes one; the next run knows the session of this one.
    Kill(usize, bool),
    /// It loses the connection and the session.
    Expire(usize, bool),
    /// The sessions of its earlier runs time out, as it is about to write perhaps.
    PastEnds(usize, bool),
    /// Somebody deletes its znode, and it hears nothing of it.
    Deleted(usize),
    /// The instances of the service are these, as a set of bits; the leader is that one.
    Published(u8, u8),
    /// An agent hears which they are.
    Heard(usize),
}

/// What harms nobody's claim to be counted.
fn harmless() -> impl Strategy<Value = Event> {
    let agent = || 0..AGENTS;
    prop_oneof![
        8 => (agent(), 1..6_usize).prop_map(|(agent, steps)| Event::Steps(agent, steps)),
        1 => (agent(), any::<bool>()).prop_map(|(agent, arrives)| Event::Lose(agent, arrives)),
        1 => (agent(), any::<bool>()).prop_map(|(agent, arrives)| Event::Kill(agent, arrives)),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let agent = || 0..AGENTS;
    prop_oneof![
        6 => harmless(),
        1 => (agent(), any::<bool>()).prop_map(|(agent, arrives)| Event::Expire(agent, arrives)),
        2 => (agent(), any::<bool>()).prop_map(|(agent, late)| Event::PastEnds(agent, late)),
        1 => agent().prop_map(Event::Deleted),
        2 => (0..16_u8, 0..5_u8).prop_map(|(bits, leader)| Event::Published(bits, leader)),
        4 => agent().prop_map(Event::Heard),
    ]
}

fn address(number: u8) -> Address {
    format!("10.0.0.{number}").parse().unwrap()
}

fn service(bits: u8, leader: u8) -> Service {
    let numbers = (0..4).filter(|number| bits & (1 << number) != 0);
    Service {
        addresses: numbers.map(address).collect(),
        leader: Some(address(leader)),
    }
}

struct Agent {
    core: Core,
    id: String,
    session: i64,
    past: Vec<i64>,
    /// The service as it has heard of it.
    heard: Service,
    /// What it has told, and keeps on disk.
    bound: Option<Address>,
    trouble: Option<String>,
}

struct World {
    model: Model,
    state: State,
    binding: Binding,
    agents: Vec<Agent>,
    service: Service,
    next: i64,
    writes: usize,
}

impl World {
    fn new(flag: &str, agents: usize, service: Service) -> Self {
        let mut world = Self {
            model: Model::default(),
            state: State::new("/nameserver".parse().unwrap()),
            binding: flag.parse().unwrap(),
            agents: Vec::new(),
            service,
            next: 100,
            writes: 0,
        };
        for number in 0..agents {
            let id = format!("agent-{number}");
            let core = Core::new(world.binding.clone(), &world.state, id.clone(), None);
            let heard = world.service.clone();
            world.agents.push(Agent {
                core,
                id,
                session: world.next,
                past: Vec::new(),
                heard,
                bound: None,
                trouble: None,
            });
            world.next += 1;
            world.connect(number);
        }
        world
    }

    fn new_session(&mut self, agent: usize) {
        let agent = &mut self.agents[agent];
        agent.past.push(agent.session);
        agent.session = self.next;
        self.next += 1;
    }

    fn connect(&mut self, agent: usize) {
        let agent = &mut self.agents[agent];
        agent.core.connected(agent.session);
        agent.core.service(agent.heard.clone());
    }

    fn base(&self) -> ZnodePath {
        self.state.bindings_to(&self.binding.service)
    }

    fn count(&self, agent: &Agent) -> Vec<Load> {
        let places = self.model.children(&self.base()).into_iter();
        let places = places.map(|component| self.base().child(&component).unwrap());
        let loads = places.map(|place| {
            let agents = self.model.children(&place).into_iter();
            let own = self.model.get(&place.child(&agent.id).unwrap());
            Load {
                others: agents.filter(|id| *id != agent.id).count(),
                own: own.map(|znode| (znode.owner, znode.version)),
                place,
            }
        });
        loads.collect()
    }

    /// Makes an agent's writes, none of which may touch what is another's, or move it from an instance
    /// that lives.
    fn write(&mut self, agent: usize, writes: &[OwnedWrite]) -> Result<(), Error> {
        let agent = &self.agents[agent];
        let mut deleted = Vec::new();
        for write in writes {
            match write {
                OwnedWrite::Set(path, ..) => assert_eq!(*path, self.base()),
                OwnedWrite::Delete(path, _) => {
                    deleted.extend(self.model.get(path).map(|znode| znode.owner));
                }
                OwnedWrite::Create(path, ..) => {
                    let place = path.parent().unwrap();
                    let stays = agent.bound.filter(|at| agent.heard.addresses.contains(at));
                    let at = stays.map(|at| at.to_string());
                    assert!(at.is_none_or(|at| at == place.component()), "{path}");
                }
            }
        }
        let borrowed: Vec<_> = writes.iter().map(Write::from).collect();
        self.model.commit(agent.session, &borrowed)?;
        for owner in deleted {
            let is_ours = owner == agent.session || agent.past.contains(&owner);
            assert!(is_ours, "{writes:?} of {owner}");
        }
        Ok(())
    }

    fn tell(&mut self, agent: usize, news: News) {
        let agent = &mut self.agents[agent];
        match news {
            News::Bound(address) => agent.bound = Some(address),
            News::Unbound => agent.bound = None,
            News::Trouble(why) => agent.trouble = Some(why),
            News::Content => agent.trouble = None,
        }
    }

    /// One step of an agent; false when there is nothing to do.
    fn step(&mut self, number: usize) -> bool {
        let Some(agent) = self.agents.get_mut(number) else {
            return false;
        };
        match agent.core.next() {
            Action::Tell(news) => self.tell(number, news),
            Action::Look(path) => {
                let version = self.model.get(&path).map(|znode| znode.version);
                agent.core.version(version);
            }
            Action::Open(path) => {
                self.model.create_all(&path);
                agent.core.opened();
                self.writes += 1;
            }
            Action::Count(base) => {
                assert_eq!(base, self.base());
                let loads = self.count(&self.agents[number]);
                let agent = &mut self.agents[number];
                agent.core.counted(loads, agent.past.clone());
            }
            Action::Write(writes) => {
                self.writes += 1;
                let result = self.write(number, &writes);
                self.agents[number].core.wrote(result).unwrap();
            }
            Action::Pause => agent.core.again(),
            Action::Fail(why) => {
                agent.core.failed(&Error::Other(why));
                self.connect(number);
            }
            Action::Wait => return false,
        }
        true
    }

    /// A step of which the agent hears no more.
    fn last_step(&mut self, number: usize, arrives: bool) {
        let Some(agent) = self.agents.get_mut(number) else {
            return;
        };
        match agent.core.next() {
            Action::Tell(news) => {
                self.tell(number, news);
                self.last_step(number, arrives);
            }
            Action::Open(path) if arrives => self.model.create_all(&path),
            Action::Write(writes) if arrives => {
                // Nobody hears the answer.
                let _ = self.write(number, &writes);
            }
            _ => {}
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Steps(agent, steps) => {
                for _ in 0..steps {
                    self.step(agent);
                }
            }
            Event::Published(bits, leader) => self.service = service(bits, leader),
            Event::Lose(agent, _)
            | Event::Kill(agent, _)
            | Event::Expire(agent, _)
            | Event::PastEnds(agent, _)
            | Event::Deleted(agent)
            | Event::Heard(agent)
                if agent >= self.agents.len() => {}
            Event::Lose(agent, arrives) => {
                self.last_step(agent, arrives);
                self.connect(agent);
            }
            Event::Kill(agent, arrives) => {
                self.last_step(agent, arrives);
                let killed = &mut self.agents[agent];
                let (id, bound) = (killed.id.clone(), killed.bound);
                killed.core = Core::new(self.binding.clone(), &self.state, id, bound);
                killed.trouble = None;
                self.new_session(agent);
                self.connect(agent);
            }
            Event::Expire(agent, arrives) => {
                self.last_step(agent, arrives);
                self.model.end(&[self.agents[agent].session]);
                self.new_session(agent);
                self.connect(agent);
            }
            Event::PastEnds(agent, late) => {
                for _ in 0..if late { 10 } else { 0 } {
                    match self.agents[agent].core.next() {
                        Action::Write(_) => break,
                        Action::Tell(news) => self.tell(agent, news),
                        _ => {
                            self.step(agent);
                        }
                    }
                }
                self.model.end(&self.agents[agent].past);
            }
            Event::Deleted(agent) => {
                self.model.end(&[self.agents[agent].session]);
            }
            Event::Heard(agent) => {
                let heard = self.service.clone();
                self.agents[agent].heard = heard.clone();
                self.agents[agent].core.service(heard);
            }
        }
    }

    /// All agents take steps, by turns, until nobody has anything to do; how often they wrote.
    fn settle(&mut self) -> usize {
        self.writes = 0;
        for _ in 0..1000 {
            let agents = 0..self.agents.len();
            if agents.filter(|agent| self.step(*agent)).count() == 0 {
                return self.writes;
            }
        }
        panic!("it comes to no end");
    }

    /// Once all is quiet, each has one znode at an instance that lives, and has told of that one.
    fn check(&mut self) {
        for agent in 0..self.agents.len() {
            self.happen(Event::Heard(agent));
            self.connect(agent);
        }
        self.settle();
        for agent in &self.agents {
            let mut sessions = agent.past.clone();
            sessions.push(agent.session);
            let owned = self.model.owned_by(&sessions);
            match agent.bound {
                Some(bound) => {
                    let service = &self.binding.service;
                    let own = self.state.binding(service, &bound, &agent.id);
                    assert_eq!(owned, [&own.unwrap()]);
                    assert!(self.service.addresses.contains(&bound), "{bound} is gone");
                    assert_eq!(agent.trouble, None);
                }
                None => {
                    assert!(owned.is_empty(), "{owned:?}");
                    assert!(agent.trouble.is_some());
                    let leads = self.service.leader;
                    let leads = leads.is_some_and(|at| self.service.addresses.contains(&at));
                    let needs_leader = self.binding.preference == super::Preference::Leader;
                    assert!(self.service.addresses.is_empty() || (needs_leader && !leads));
                }
            }
        }
    }

    /// And nothing is written, also over new connections.
    fn check_rest(&mut self) {
        assert_eq!(self.settle(), 0);
        for agent in 0..self.agents.len() {
            self.connect(agent);
        }
        assert_eq!(self.settle(), 0);
    }

    fn loads(&self) -> Vec<usize> {
        let addresses = self.service.addresses.iter();
        let load = |at: &Address| {
            let place = self.base().child(&at.to_string()).unwrap();
            self.model.children(&place).len()
        };
        addresses.map(load).collect()
    }
}

/// The generator of random numbers that is the default would take most of the time.
fn config() -> ProptestConfig {
    ProptestConfig {
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn agents_end_within_one_of_each_other_however_their_steps_interleave(
        events in proptest::collection::vec(harmless(), 0..120),
        agents in 1..=AGENTS,
        bits in 1..16_u8,
    ) {
        let mut world = World::new("mqtt=broker", agents, service(bits, 0));
        for event in events {
            world.happen(event);
        }
        world.check();
        let loads = world.loads();
        assert_eq!(loads.iter().sum::<usize>(), agents);
        let (most, least) = (loads.iter().max().unwrap(), loads.iter().min().unwrap());
        assert!(most - least <= 1, "{loads:?}");
        world.check_rest();
    }

    #[test]
    fn an_agent_stays_while_its_instance_lives_and_not_longer_and_rests(
        events in proptest::collection::vec(any_event(), 0..80),
        agents in 1..=3_usize,
        flag in prop_oneof![Just("mqtt=broker"), Just("mqtt=broker:leader"), Just("mqtt=broker:random")],
    ) {
        let mut world = World::new(flag, agents, service(7, 0));
        for event in events {
            world.happen(event);
        }
        world.check();
        world.check_rest();
    }
}

#[test]
fn what_another_agent_of_the_same_id_has_is_left_alone() {
    let mut world = World::new("mqtt=broker", 1, service(3, 0));
    let theirs = world
        .state
        .binding(&world.binding.service, &address(1), "agent-0");
    let theirs = theirs.unwrap();
    world.model.create_all(&theirs.parent().unwrap());
    let create = Write::Create(&theirs, b"", Create::Ephemeral);
    world.model.commit(7, &[create]).unwrap();
    while world.agents[0].trouble.is_none() {
        world.step(0);
    }
    let trouble = world.agents[0].trouble.clone().unwrap();
    assert!(
        trouble.contains("another agent of the same id"),
        "{trouble}"
    );
    assert!(world.model.get(&theirs).is_some());
    world.model.end(&[7]);
    world.check();
}

#[test]
fn a_leader_that_is_no_instance_is_said_to_be_none() {
    let mut world = World::new("mqtt=broker:leader", 1, service(3, 4));
    world.settle();
    let trouble = world.agents[0].trouble.clone().unwrap();
    assert!(trouble.contains("the leader of broker"), "{trouble}");
    world.happen(Event::Published(3, 1));
    world.check();
    assert_eq!(world.agents[0].bound, Some(address(1)));
}
