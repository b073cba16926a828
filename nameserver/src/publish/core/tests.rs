//! The core against the model: whatever happens, and in whatever order.

use std::time::Duration;

use contract::{Addresses, Hosts, Name};
use proptest::collection::vec;
use proptest::prelude::*;
use zookeeper::Error;

use super::model::{Candidacy, Failure, Model, PATIENCE, Request};
use super::{RETRY, Role};
use crate::publish::action::{Continuity, StateZnode};

/// Enough for a large drop.
const NAMES: u8 = 14;
/// Long enough for each retry, and shorter than a hold.
const WHILE: Duration = Duration::from_secs(30);
/// Longer than anything lasts.
const LONG: Duration = Duration::from_secs(3600);

fn name(number: u8) -> Name {
    format!("n{number}").parse().unwrap()
}

/// So many names, all with one address.
fn hosts(count: u8) -> Hosts {
    let address: contract::Address = "10.0.0.1".parse().unwrap();
    (0..count).map(|i| (name(i), vec![address])).collect()
}

/// A replica that leads and has published so many names.
fn leading(count: u8) -> Model {
    let mut model = Model::new(false);
    model.walk(hosts(count));
    model.rest(WHILE);
    assert_eq!(model.core.role(), Role::Leading);
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
    model.publishes = 0;
    model.log.clear();
    model
}

/// One that holds all names but for so many.
fn holding(count: u8, left: u8) -> Model {
    let mut model = leading(count);
    model.walk(hosts(left));
    model.rest(Duration::ZERO);
    assert!(model.hold.is_some());
    assert_eq!(model.said("would be gone at once"), 1);
    assert_eq!(model.publishes, 0);
    model
}

impl Model {
    fn set(&mut self, number: u8, address: Option<u8>) {
        let addresses =
            address.map(|last| Addresses::from_iter([format!("10.0.0.{last}").parse().unwrap()]));
        let name = name(number);
        self.core
            .set(name.clone(), addresses.as_deref(), self.now.monotonic);
        match addresses {
            Some(addresses) => self.tree.insert(name, addresses),
            None => self.tree.remove(&name),
        };
    }

    fn walk(&mut self, tree: Hosts) {
        self.tree = tree;
        self.core.set_all(self.tree.clone(), self.now.monotonic);
    }
}

/// Settings that are not those of the model.
const OTHERS: &[u8] = br#"{"root":"/","exclude":["other"]}"#;
const NOT_STANDING: &str = "not standing for election: --exclude none (published: other)";

#[test]
fn a_replica_of_other_settings_does_not_stand_and_says_so_once() {
    let mut model = Model::new(false);
    model.foreign_write(StateZnode::Settings, Some(OTHERS.to_vec()));
    for _ in 0..3 {
        model.run();
        assert_eq!(model.candidacy, Candidacy::None);
        assert_eq!(model.core.wake(), Some(model.now.after(RETRY).monotonic));
        model.pass(RETRY);
    }
    assert_eq!(model.said(NOT_STANDING), 1);
    assert!(model.core.complaint().is_some());
    model.foreign_write(StateZnode::Settings, None);
    model.rest(WHILE);
    assert_eq!(model.core.role(), Role::Leading);
    assert_eq!(model.core.complaint(), None);
}

#[test]
fn a_standby_whose_settings_are_no_longer_published_writes_nothing_when_elected() {
    let mut model = Model::new(false);
    model.run();
    model.foreign_write(StateZnode::Settings, Some(OTHERS.to_vec()));
    model.elect();
    model.run();
    assert_eq!(
        (model.core.role(), model.candidacy),
        (Role::Idle, Candidacy::None)
    );
    assert_eq!((model.publishes, model.said(NOT_STANDING)), (0, 1));
    assert_eq!(model.settings.as_deref(), Some(OTHERS));
}

#[test]
fn whoever_takes_over_tells_its_settings_before_the_names() {
    let mut model = Model::new(true);
    model.foreign_write(StateZnode::Settings, Some(OTHERS.to_vec()));
    model.run();
    model.requests.clear();
    model.elect();
    model.run();
    assert_eq!(
        model.requests,
        [
            (Request::Read, StateZnode::Hold),
            (Request::Read, StateZnode::Settings),
            (Request::Read, StateZnode::Hosts),
            (Request::Write, StateZnode::Settings),
            (Request::Write, StateZnode::Hosts),
        ]
    );
    assert_eq!(
        model.said("taking over: --exclude none (published: other)"),
        1
    );
    assert!(!model.differs());
}

#[test]
fn a_successor_of_the_same_settings_reads_three_znodes_and_writes_one() {
    let mut model = leading(3);
    model.connect(Continuity::Nothing);
    model.another_publishes(hosts(3));
    model.run();
    while model.deliver() {}
    model.requests.clear();
    model.elect();
    model.run();
    let requests = model.requests.iter();
    let writes = requests.filter(|(request, _)| *request == Request::Write);
    assert_eq!((model.requests.len(), writes.count()), (4, 1));
    model.set(3, Some(1));
    model.requests.clear();
    model.run();
    assert_eq!(model.requests, [(Request::Write, StateZnode::Hosts)]);
    // Its own events are no reason to look.
    while model.deliver() {}
    model.run();
    assert_eq!(model.requests.len(), 1);
}

#[test]
fn who_was_overtaken_looks_before_it_writes_again() {
    for data in [Some(b"junk".to_vec()), None] {
        let mut model = leading(3);
        model.foreign_write(StateZnode::Hosts, data);
        model.set(0, Some(2));
        model.requests.clear();
        model.run();
        assert_eq!(
            model.requests,
            [Request::Write, Request::Read, Request::Write].map(|kind| (kind, StateZnode::Hosts))
        );
        assert_eq!(model.snapshot().unwrap().hosts, model.tree);
    }
}

#[test]
fn what_is_refused_is_said_once_and_tried_again_now_and_then() {
    let mut model = leading(3);
    model.set(0, Some(2));
    for _ in 0..3 {
        model.failures.push_back(Failure::Refused);
        model.run();
        assert_eq!(model.core.wake(), Some(model.now.after(RETRY).monotonic));
        model.pass(RETRY);
    }
    let refused = "cannot write /nameserver/hosts: not authorised";
    assert_eq!((model.publishes, model.said(refused)), (0, 1));
    assert!(
        model
            .core
            .complaint()
            .is_some_and(|complaint| complaint.starts_with(refused))
    );
    model.run();
    assert_eq!((model.publishes, model.core.complaint()), (1, None));
}

#[test]
fn a_hold_that_ends_while_nothing_can_be_written_waits_for_the_next_try() {
    let mut model = holding(12, 0);
    model.pass(PATIENCE - Duration::from_secs(1));
    model.set(20, Some(1));
    model.failures.push_back(Failure::Refused);
    model.run();
    model.pass(Duration::from_secs(2));
    // It checks that this does not wake at once.
    model.run();
    model.rest(WHILE);
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
    assert_eq!(
        model.said("12 names held until now are still gone, so they go"),
        1
    );
}

#[test]
fn a_leader_says_why_it_leads_no_longer_and_stands_again_at_once() {
    for (continuity, why) in [
        (Some(Continuity::Nothing), "its session ended"),
        (Some(Continuity::Session), "its connection was away"),
        (None, "its znode below /nameserver/election is gone"),
    ] {
        let mut model = leading(3);
        model.set(0, None);
        match continuity {
            Some(continuity) => model.connect(continuity),
            None => model.depose(),
        }
        model.run();
        assert_eq!(model.candidacy, Candidacy::Stands);
        assert_eq!((model.said(why), model.publishes), (1, 0));
    }
    let mut model = leading(3);
    model.connect(Continuity::Client);
    model.run();
    assert_eq!((model.core.role(), model.log.len()), (Role::Leading, 0));
}

#[test]
fn an_election_that_ends_without_a_winner_is_tried_again() {
    for (error, wake) in [
        (None, Some(RETRY)),
        (Some(Error::NotAuthorized), Some(RETRY)),
        (Some(Error::Lost), None),
    ] {
        let mut model = Model::new(false);
        model.run();
        model.not_elected(error.clone());
        model.run();
        let wake = wake.map(|wake| model.now.after(wake).monotonic);
        assert_eq!((model.core.role(), model.core.wake()), (Role::Idle, wake));
        let words = "cannot stand for election at /nameserver/election: not authorised";
        assert_eq!(
            model.said(words),
            usize::from(error == Some(Error::NotAuthorized))
        );
        model.rest(WHILE);
        assert_eq!(model.core.role(), Role::Leading);
    }
}

#[test]
fn a_release_that_no_event_told_of_is_found_after_the_connection() {
    let mut model = holding(12, 0);
    model.foreign_write(StateZnode::Hold, None);
    model.connect(Continuity::Client);
    model.run();
    assert_eq!(
        (model.publishes, model.said("an operator released them")),
        (1, 1)
    );
}

#[test]
fn a_hold_that_may_not_be_told_of_is_not_taken_for_a_released_one() {
    let mut model = leading(12);
    model.walk(Hosts::new());
    model.failures.push_back(Failure::Refused);
    model.run();
    assert_eq!(model.said("cannot write /nameserver/hold"), 1);
    model.connect(Continuity::Client);
    model.run();
    assert_eq!((model.publishes, model.said("released")), (0, 0));
    assert!(model.core.draft().held().is_some());
}

#[test]
fn a_successor_goes_on_with_a_hold_and_lets_it_be_until_it_knows_all() {
    let mut model = holding(12, 0);
    let told = model.hold.clone();
    model.restart();
    model.run();
    model.elect();
    // It may read what is held, and then no more.
    model.act();
    model.act();
    model.failures.push_back(Failure::Refused);
    model.run();
    assert_eq!(
        model.said("cannot read /nameserver/settings: not authorised"),
        1
    );
    assert_eq!(model.hold, told);
    model.rest(WHILE);
    assert_eq!((&model.hold, model.publishes), (&told, 0));
    assert_eq!(model.core.draft().held().unwrap().names, 12);
}

#[test]
fn junk_is_said_to_be_replaced() {
    let mut model = leading(3);
    model.foreign_write(StateZnode::Hosts, Some(b"junk".to_vec()));
    model.rest(Duration::ZERO);
    assert_eq!(
        model.said("/nameserver/hosts holds no snapshot of ours and is replaced"),
        1
    );
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
}

/// The names of the older one, and what differs from them, do not lead on from the newest.
#[test]
fn an_older_index_that_was_put_back_is_not_gone_on_with() {
    let mut model = leading(12);
    model.looks_always = true;
    model.set(0, Some(2));
    model.rest(Duration::ZERO);
    let older = model.hosts.clone().unwrap().data;
    model.set(0, Some(3));
    model.rest(Duration::ZERO);
    assert_eq!(model.held.as_ref(), model.snapshot());
    model.foreign_write(StateZnode::Hosts, Some(older));
    model.set(0, Some(2));
    model.set(1, Some(2));
    model.rest(WHILE);
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
    assert_eq!(model.held.as_ref(), model.snapshot());
}

/// A write in doubt was done, and somebody put back what was there before it: our own, so that it could be
/// taken for known.
#[test]
fn what_we_published_ourselves_and_was_put_back_is_published_under_a_newer_generation() {
    let mut model = leading(3);
    let own = model.hosts.clone().unwrap().data;
    model.set(0, Some(2));
    model.failures.push_back(Failure::LostAfter);
    model.run();
    let in_doubt = model.snapshot().unwrap().generation;
    model.foreign_write(StateZnode::Hosts, Some(own));
    model.rest(WHILE);
    let snapshot = model.snapshot().unwrap();
    assert!(snapshot.generation > in_doubt);
    assert_eq!(snapshot.hosts, model.tree);
}

#[test]
fn a_page_that_went_while_nobody_told_of_it_is_never_named_again() {
    let mut model = leading(12);
    model.connect(Continuity::Client);
    model.failures.push_back(Failure::LostBefore);
    model.run();
    assert!(!model.is_connected);
    model.lose_page(0);
    // The model refuses an index of which a page is missing.
    model.set(0, Some(2));
    model.rest(WHILE);
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
}

#[test]
fn what_was_lost_and_is_there_again_before_anything_is_published_does_not_go() {
    let mut model = Model::new(false);
    model.walk(hosts(10));
    model.core.root_is_gone();
    (0..NAMES).for_each(|name| model.set(name, None));
    model.walk(hosts(1));
    model.rest(LONG);
    assert_eq!(model.snapshot().unwrap().hosts, model.tree);
}

#[test]
fn without_a_connection_nothing_is_done() {
    let mut model = leading(3);
    model.set(0, None);
    model.failures.push_back(Failure::LostBefore);
    model.run();
    assert!(!model.is_connected);
    model.set(1, None);
    assert!(!model.act());
    assert_eq!(model.core.wake(), None);
    model.rest(Duration::ZERO);
    assert_eq!(model.publishes, 1);
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Act,
    Run,
    Deliver,
    Pass(u16),
    Set(u8, u8),
    Lose(u8),
    LoseAll,
    Walk(u8),
    Elect,
    NotElected(Option<Error>),
    Depose,
    Connect(Continuity),
    Restart,
    Fail(Failure),
    Junk(StateZnode),
    Delete(StateZnode),
    PutBack(u8),
    AnotherPublishes(u8),
    AnotherSettings,
    FinishAhead(Option<Failure>),
    LosePage(u8),
}

fn continuity() -> impl Strategy<Value = Continuity> {
    prop_oneof![
        4 => Just(Continuity::Client),
        1 => Just(Continuity::Session),
        1 => Just(Continuity::Nothing),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        2 => Just(Failure::LostBefore),
        2 => Just(Failure::LostAfter),
        1 => Just(Failure::Refused),
    ]
}

fn znode() -> impl Strategy<Value = StateZnode> {
    prop_oneof![
        4 => Just(StateZnode::Hosts),
        1 => Just(StateZnode::Settings),
        2 => Just(StateZnode::Hold),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let lost = Just(Step::NotElected(Some(Error::Lost)));
    let refused = Just(Step::NotElected(Some(Error::NotAuthorized)));
    prop_oneof![
        12 => Just(Step::Act),
        8 => Just(Step::Run),
        8 => Just(Step::Deliver),
        3 => (0..9_000u16).prop_map(Step::Pass),
        1 => (0..u16::MAX).prop_map(Step::Pass),
        8 => (0..NAMES, 1..4u8).prop_map(|(name, address)| Step::Set(name, address)),
        4 => (0..NAMES).prop_map(Step::Lose),
        1 => Just(Step::LoseAll),
        2 => (0..NAMES).prop_map(Step::Walk),
        8 => Just(Step::Elect),
        1 => prop_oneof![Just(Step::NotElected(None)), lost, refused],
        2 => Just(Step::Depose),
        4 => continuity().prop_map(Step::Connect),
        1 => Just(Step::Restart),
        5 => failure().prop_map(Step::Fail),
        2 => znode().prop_map(Step::Junk),
        2 => znode().prop_map(Step::Delete),
        2 => any::<u8>().prop_map(Step::PutBack),
        3 => (0..NAMES).prop_map(Step::AnotherPublishes),
        1 => Just(Step::AnotherSettings),
        4 => prop::option::weighted(0.2, failure()).prop_map(Step::FinishAhead),
        1 => any::<u8>().prop_map(Step::LosePage),
    ]
}

fn happen(model: &mut Model, step: Step) {
    match step {
        Step::Act => drop(model.act()),
        Step::Run => model.run(),
        Step::Deliver => drop(model.deliver()),
        Step::Pass(milliseconds) => model.pass(Duration::from_millis(milliseconds.into())),
        Step::Set(name, address) => model.set(name, Some(address)),
        Step::Lose(name) => model.set(name, None),
        Step::LoseAll => {
            model.core.root_is_gone();
            (0..NAMES).for_each(|name| model.set(name, None));
        }
        Step::Walk(count) => model.walk(hosts(count)),
        Step::Elect => model.elect(),
        Step::NotElected(error) => model.not_elected(error),
        Step::Depose => model.depose(),
        Step::Connect(continuity) => model.connect(continuity),
        Step::Restart => model.restart(),
        Step::Fail(failure) => model.failures.push_back(failure),
        Step::Junk(znode) => model.foreign_write(znode, Some(b"junk".to_vec())),
        Step::Delete(znode) => model.foreign_write(znode, None),
        Step::PutBack(number) => model.put_back(number.into()),
        Step::AnotherPublishes(count) => model.another_publishes(hosts(count)),
        Step::FinishAhead(failure) => drop(model.finish_ahead(failure)),
        Step::LosePage(number) => model.lose_page(number.into()),
        Step::AnotherSettings => {
            model.foreign_write(StateZnode::Settings, Some(OTHERS.to_vec()));
        }
    }
}

/// What may come between a release and what it leads to.
fn delay() -> impl Strategy<Value = Step> {
    let lost = prop_oneof![Just(Failure::LostBefore), Just(Failure::LostAfter)];
    prop_oneof![
        6 => Just(Step::Act),
        3 => Just(Step::Run),
        4 => Just(Step::Deliver),
        2 => Just(Step::Connect(Continuity::Client)),
        3 => lost.prop_map(Step::Fail),
        1 => (0..900u16).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// The model refuses each write that is not over what was read last, that does not raise the
    /// generation, or that comes from one who does not lead.
    #[test]
    fn nothing_is_written_that_must_not_be_and_in_the_end_all_is_as_the_tree_says(
        takes_over in any::<bool>(),
        steps in vec(step(), 1..50),
    ) {
        let mut model = Model::new(takes_over);
        for step in steps {
            happen(&mut model, step);
        }
        model.rest(LONG);
        if model.core.role() == Role::Leading {
            prop_assert_eq!(model.snapshot().map(|snapshot| &snapshot.hosts), Some(&model.tree));
            prop_assert_eq!(model.core.draft().held(), None);
            prop_assert!(model.hold.is_none() || model.is_hold_wrong);
        } else {
            prop_assert!(!takes_over && model.differs());
        }
    }

    #[test]
    fn a_hold_that_was_released_is_published_once_and_ends(
        before in vec(delay(), 0..10),
        after in vec(delay(), 0..15),
    ) {
        let mut model = holding(NAMES, 2);
        for step in before {
            happen(&mut model, step);
        }
        model.foreign_write(StateZnode::Hold, None);
        for step in after {
            happen(&mut model, step);
        }
        model.rest(WHILE);
        prop_assert_eq!(&model.snapshot().unwrap().hosts, &model.tree);
        prop_assert_eq!((model.core.draft().held(), &model.hold), (None, &None));
        let words = "12 names held until now go: an operator released them";
        prop_assert_eq!((model.publishes, model.said(words)), (1, 1));
    }
}

/// A number that nobody counted up to is no generation: the leader counts on from its own, and so
/// does a successor who knows of none. Else agents would wait for one above it for ever.
#[test]
fn a_forged_generation_is_not_counted_on_from() {
    for forged in [1_000, contract::MAX_GENERATION, u64::MAX] {
        for restarts in [false, true] {
            let mut model = leading(3);
            let own = model.snapshot().unwrap().clone();
            let forgery = contract::Snapshot {
                generation: forged,
                hosts: hosts(4),
                ..own.clone()
            };
            model.forge(&forgery);
            if restarts {
                model.restart();
            }
            model.rest(WHILE);
            if restarts {
                model.rest(LONG);
            }
            let now = model.snapshot().unwrap();
            assert_eq!(now.hosts, model.tree, "{forged}, {restarts}");
            assert!(now.generation > own.generation, "{forged}, {restarts}");
            assert!(
                now.generation < 100,
                "{forged}, {restarts}: {}",
                now.generation
            );
        }
    }
}
