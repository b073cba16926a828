//! Which addresses a name may have had by now: everything that a reader sees must come from there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::history::{self, Change, Event, Kind, Step};
use crate::model;

/// The addresses of each name, and the step of the history from which on it may have each.
#[derive(Debug)]
pub(crate) struct Past {
    names: HashMap<String, HashMap<IpAddr, usize>>,
    begun: AtomicUsize,
}

impl Past {
    /// Nothing but `setup`, and so many names more, has happened yet; the steps count from 1.
    pub(crate) fn new(setup: &[Change], bulk: u32, steps: &[Step]) -> Self {
        let mut past = Self {
            names: HashMap::new(),
            begun: AtomicUsize::new(0),
        };
        for change in setup {
            past.learn(change, 0);
        }
        for (path, address) in history::bulk(bulk) {
            let addresses = HashMap::from([(address, 0)]);
            past.names.insert(model::name(&path), addresses);
        }
        for (number, step) in (1..).zip(steps) {
            if let Event::Change(change) = &step.event {
                past.learn(change, number);
            }
        }
        past
    }

    fn learn(&mut self, change: &Change, step: usize) {
        let (path, data, is_numbered) = match &change.kind {
            Kind::Put { path, data, .. } => (path.clone(), data, false),
            Kind::Append { prefix, data, .. } => (format!("{prefix}#"), data, true),
            Kind::Delete { .. } | Kind::DeleteNth { .. } | Kind::End => return,
        };
        let Some(address) = data.address else { return };
        let service = path.rfind('/').filter(|at| *at > 0);
        let service = service.map(|at| model::name(&path[..at]));
        let leader = service.as_ref().filter(|_| is_numbered);
        let leader = leader.map(|service| format!("leader.{service}"));
        for name in [Some(model::name(&path)), service, leader]
            .into_iter()
            .flatten()
        {
            let addresses = self.names.entry(name).or_default();
            addresses.entry(address).or_insert(step);
        }
    }

    /// From now on this step, counted from 1, may have happened.
    pub(crate) fn begin(&self, step: usize) {
        self.begun.fetch_max(step, Ordering::SeqCst);
    }

    /// Whether a name may have had this address until now.
    pub(crate) fn knows(&self, name: &str, address: IpAddr) -> bool {
        let known = self.names.get(&*without_number(name));
        let known = known.and_then(|addresses| addresses.get(&address));
        known.is_some_and(|step| *step <= self.begun.load(Ordering::SeqCst))
    }

    /// Whether there may have been such a name at any time of the history.
    pub(crate) fn knows_name(&self, name: &str) -> bool {
        self.names.contains_key(&*without_number(name))
    }
}

/// The server chooses the numbers of sequential znodes, so that a history does not know them.
fn without_number(name: &str) -> std::borrow::Cow<'_, str> {
    let (label, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
    let prefix = label.trim_end_matches(|c: char| c.is_ascii_digit());
    match label.len() - prefix.len() {
        10 => format!("{prefix}#{rest}").into(),
        _ => name.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::history::Data;

    /// At step 1, `/n/q-` is appended with 10.0.0.1; at step 2, `/db` is put with 10.0.0.2.
    pub(crate) fn past() -> Past {
        let data = |last| Data {
            text: String::new(),
            address: Some(IpAddr::from([10, 0, 0, last])),
        };
        let kinds = [
            Kind::Append {
                prefix: "/n/q-".into(),
                data: data(1),
                ephemeral: true,
            },
            Kind::Put {
                path: "/db".into(),
                data: data(2),
                ephemeral: false,
            },
        ];
        let step = |kind| Step {
            at: 0,
            event: Event::Change(Change { session: 0, kind }),
        };
        Past::new(&[], 0, &kinds.map(step))
    }

    #[test]
    fn a_name_has_an_address_only_once_its_change_has_begun() {
        let past = past();
        let knows = |name, last| past.knows(name, IpAddr::from([10, 0, 0, last]));
        assert!(!knows("n", 1));
        past.begin(1);
        for name in ["n", "leader.n", "q-0000000017.n"] {
            assert!(knows(name, 1), "{name}");
        }
        assert!(!knows("q-17.n", 1) && !knows("n", 2) && !knows("db", 2));
        past.begin(2);
        assert!(knows("db", 2) && !knows("leader.db", 2) && !knows("db", 1));
        assert!(past.knows_name("db") && !past.knows_name("d"));
    }
}
