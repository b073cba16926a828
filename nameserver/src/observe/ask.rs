//! What people ask of the tree over HTTP: which names there are, and why a znode gives what it does.
//!
//! Names are looked for in a copy, which costs the tree's own loop nothing. What only that loop knows it is
//! asked for, one question at a time and with pauses, so that publishing is never held up.

use std::collections::VecDeque;
use std::ops::Bound;
use std::time::{Duration, Instant};

use contract::{Hosts, Name, ZnodePath};
use daemon::Answer;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use zookeeper::Session;

use crate::namespace::scope::Scope;

/// How many names, or problems, one answer has.
const PAGE: usize = 50;
/// How many addresses of a name are told.
const ADDRESSES: usize = 8;
/// How many questions wait at most.
const WAITING: usize = 8;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long names wait for what gives them: they are of use without it.
const BRIEFLY: Duration = Duration::from_millis(400);
/// After an answer, so many times as long as that took nothing is answered.
const PAUSES: u32 = 9;

/// What the loop of the tree is asked.
#[derive(Debug)]
pub enum Question {
    /// What gives each of these names; answered by a list of [`Giver`] or null.
    Givers(Vec<Name>),
    /// Everything about a znode, which holds this.
    Explain(ZnodePath, Vec<u8>),
    /// So many problems behind this znode, in the order of the paths; answered by a list of pairs.
    Problems(Option<ZnodePath>, usize),
}

/// What gives a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Giver {
    /// The znode, without the secrets in its path.
    pub znode: String,
    /// The kind, as `nameserver list` has it.
    pub kind: Value,
}

/// A question, and where the answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub question: Question,
    answer: oneshot::Sender<Value>,
}

impl Asked {
    /// Answers. Who has gone away meanwhile does not matter.
    pub fn answer(self, answer: Value) {
        let _ = self.answer.send(answer);
    }
}

/// The questions for the loop of the tree.
#[derive(Debug)]
pub struct Questions {
    from: mpsc::Receiver<Asked>,
    to: mpsc::Sender<Asked>,
    not_before: Option<Instant>,
}

impl Default for Questions {
    fn default() -> Self {
        let (to, from) = mpsc::channel(WAITING);
        Self {
            from,
            to,
            not_before: None,
        }
    }
}

impl Questions {
    /// Waits for the next one. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Asked {
        if let Some(at) = self.not_before {
            tokio::time::sleep_until(at.into()).await;
        }
        match self.from.recv().await {
            Some(asked) => asked,
            // It never ends, since a sender is here.
            None => std::future::pending().await,
        }
    }

    /// One was answered since this time.
    pub fn answered(&mut self, begun: Instant) {
        self.not_before = Some(Instant::now() + begun.elapsed() * PAUSES);
    }

    /// Where they are asked.
    pub fn sender(&self) -> mpsc::Sender<Asked> {
        self.to.clone()
    }
}

/// Whoever asks over HTTP.
#[derive(Debug)]
pub struct Asking {
    scope: Scope,
    session: Session,
    to: mpsc::Sender<Asked>,
    /// The names of the tree that is followed, or was last.
    names: watch::Receiver<Hosts>,
}

impl Asking {
    /// Asks the loop of a tree.
    pub fn new(
        scope: Scope,
        session: Session,
        to: mpsc::Sender<Asked>,
        names: watch::Receiver<Hosts>,
    ) -> Self {
        Self {
            scope,
            session,
            to,
            names,
        }
    }

    /// What is asked for, of these paths: `/names?q=TEXT&after=NAME`, `/explain?path=PATH` and
    /// `/problems?after=PATH`.
    pub async fn answer(&self, path: &str, query: &[(String, String)]) -> Option<Answer> {
        let value = |key: &str| {
            let found = query.iter().find(|(of, _)| of == key);
            found.map(|(_, value)| value.as_str())
        };
        Some(match path {
            "/names" => {
                let wanted = value("q").unwrap_or_default();
                self.names(wanted, value("after").unwrap_or_default()).await
            }
            "/explain" => self.explain(value("path").unwrap_or_default()).await,
            "/problems" => {
                let after = value("after").and_then(|after| after.parse().ok());
                let answer = self.ask(Question::Problems(after, PAGE), PATIENCE).await;
                answer.map_or_else(Answer::Later, Answer::Found)
            }
            _ => return None,
        })
    }

    async fn names(&self, wanted: &str, after: &str) -> Answer {
        let hosts = self.names.borrow().clone();
        let (names, more) = search(&hosts, wanted, after);
        let givers = self.ask(Question::Givers(names.clone()), BRIEFLY).await;
        // Without the loop, as without ZooKeeper, there are the names at least.
        let asked = givers.is_ok();
        let mut givers: VecDeque<Value> = match givers {
            Ok(Value::Array(givers)) => givers.into(),
            _ => VecDeque::new(),
        };
        let rows = names.iter().filter_map(|name| {
            let addresses = hosts.get(name)?;
            let given = givers.pop_front().unwrap_or_default();
            let shown = addresses.iter().take(ADDRESSES).map(ToString::to_string);
            Some(json!({
                "name": name,
                "addresses": shown.collect::<Vec<_>>(),
                "more": addresses.len().saturating_sub(ADDRESSES),
                "by": given,
            }))
        });
        let rows: Vec<_> = rows.collect();
        Answer::Found(json!({"names": rows, "more": more, "all": hosts.len(), "asked": asked}))
    }

    async fn explain(&self, path: &str) -> Answer {
        let path: ZnodePath = match path.parse() {
            Ok(path) => path,
            Err(error) => return Answer::Not(format!("{path:?} is no path: {error}")),
        };
        let mut data = Vec::new();
        if self.scope.covers(&path) {
            let read = async { self.session.connected().await.read(&path).await };
            data = match tokio::time::timeout(PATIENCE, read).await {
                Ok(Ok(Some(znode))) => znode.data,
                Ok(Ok(None)) => return Answer::Not(format!("there is no znode {path}")),
                Ok(Err(error)) => return Answer::Later(format!("cannot read {path}: {error}")),
                Err(_) => return Answer::Later(format!("cannot read {path}: ZooKeeper is away")),
            };
        }
        let answer = self.ask(Question::Explain(path, data), PATIENCE).await;
        answer.map_or_else(Answer::Later, Answer::Found)
    }

    async fn ask(&self, question: Question, patience: Duration) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { question, answer };
        if self.to.try_send(asked).is_err() {
            return Err("too many ask at once; try again".to_owned());
        }
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(value)) => Ok(value),
            _ => Err("the tree is not followed now; try again".to_owned()),
        }
    }
}

/// The names behind `after` in which this text stands, at most as many as one answer has, and whether there are
/// more.
fn search(hosts: &Hosts, wanted: &str, after: &str) -> (Vec<Name>, bool) {
    let wanted = wanted.trim().to_ascii_lowercase();
    let begin = match after.parse::<Name>() {
        Ok(after) => Bound::Excluded(after),
        Err(_) => Bound::Unbounded,
    };
    let mut names = hosts
        .range((begin, Bound::Unbounded))
        .map(|(name, _)| name)
        .filter(|name| name.as_str().contains(&wanted));
    let found: Vec<_> = names.by_ref().take(PAGE).cloned().collect();
    let more = found.len() == PAGE && names.next().is_some();
    (found, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Addresses;

    #[test]
    fn names_are_found_by_any_part_page_by_page() {
        let hosts: Hosts = (0..120)
            .map(|number| {
                let name: Name = format!("n{number:03}.db").parse().unwrap();
                (name, Addresses::from_iter(["10.0.0.1".parse().unwrap()]))
            })
            .collect();
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let (names, more) = search(&hosts, "", &after);
            after = names.last().unwrap().to_string();
            seen.extend(names);
            if !more {
                break;
            }
        }
        assert_eq!(seen, hosts.keys().cloned().collect::<Vec<_>>());
        let (some, more) = search(&hosts, " N01", "");
        assert_eq!((some.len(), more), (10, false));
        assert_eq!(search(&hosts, "<script>", ""), (vec![], false));
        assert_eq!(search(&hosts, "", "no name!").0.len(), PAGE);
        assert_eq!(search(&hosts, "n", "zzz"), (vec![], false));
    }

    #[tokio::test]
    async fn who_answers_rests_for_longer_than_it_took() {
        let mut questions = Questions::default();
        let to = questions.sender();
        for _ in 0..2 {
            let (answer, _) = oneshot::channel();
            let question = Question::Givers(Vec::new());
            to.try_send(Asked { question, answer }).unwrap();
        }
        questions.next().await.answer(Value::Null);
        let begun = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        questions.answered(begun);
        let rests = Instant::now();
        questions.next().await.answer(Value::Null);
        assert!(
            rests.elapsed() >= Duration::from_millis(40),
            "{:?}",
            rests.elapsed()
        );
    }
}
