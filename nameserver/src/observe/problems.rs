//! Telling the log of each problem once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;
use std::ops::Bound;
use std::time::{Duration, Instant};

use contract::{Counted, ZnodePath};
use log::warn;

use crate::namespace::Finding;
use crate::records::{Reading, Silence, shown};

/// How many problems below one znode the log names; then one line stands for the others.
const BELOW_ONE: usize = 3;
/// How many problems of one burst the log names.
const BURST: usize = 10;
/// How many lines are logged in one period.
const LINES: usize = 60;
/// The period.
const PERIOD: Duration = Duration::from_secs(60);

/// The problems that the log knows of.
#[derive(Debug, Default)]
pub struct Problems {
    known: BTreeMap<ZnodePath, Vec<Finding>>,
    /// How many of them are of which kind.
    kinds: BTreeMap<&'static str, usize>,
    /// How many of them lie directly below each znode.
    below: HashMap<ZnodePath, usize>,
    /// Znodes that held an address and now hold something else.
    spoilt: HashSet<ZnodePath>,
    /// Services that have no name, while all their addresses had one when that was looked at.
    elsewhere: HashSet<ZnodePath>,
    limit: Limit,
}

/// How many lines went to the log lately.
#[derive(Debug, Default)]
struct Limit {
    begun: Option<Instant>,
    lines: usize,
    left_out: usize,
}

impl Problems {
    /// How many znodes have something to be mended.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True when nothing is to be mended.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many there are of each kind; kinds of which there are none are left out.
    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let some = self.kinds.iter().filter(|(_, count)| **count > 0);
        some.map(|(kind, count)| (*kind, *count)).collect()
    }

    /// So many of them behind a znode, in the order of the paths: the path, and what is wrong.
    pub fn listed(&self, after: Option<&ZnodePath>, most: usize) -> Vec<(String, String)> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let some = self.known.range((begin, Bound::Unbounded)).take(most);
        some.map(|(path, findings)| {
            let said: Vec<_> = findings.iter().map(Finding::to_string).collect();
            (shown(path), said.join("; "))
        })
        .collect()
    }

    /// Whether it is to be looked at, among all names, if a service without one has its addresses
    /// elsewhere: once, and again with the whole tree.
    pub fn weighs(&self, path: &ZnodePath, findings: &[Finding]) -> bool {
        let is_new = || !self.elsewhere.contains(path) && !self.known.contains_key(path);
        findings.iter().any(is_unnameable) && is_new()
    }

    /// Takes over that a znode says something else than before. One that was an instance was meant as
    /// one, whatever it says now.
    pub fn changed(&mut self, path: &ZnodePath, before: Option<&Reading>, now: Option<&Reading>) {
        let is_instance = |reading: &Reading| {
            let instance = reading.instance();
            instance.is_some_and(|instance| instance.word().is_none())
        };
        match now {
            None | Some(Reading::Nothing(Silence::NoData | Silence::LeftOut)) => {
                self.spoilt.remove(path);
            }
            Some(now) if is_instance(now) => {
                self.spoilt.remove(path);
            }
            Some(_) if before.is_some_and(is_instance) => {
                self.spoilt.insert(path.clone());
            }
            Some(_) => {}
        }
    }

    /// Takes over the findings of the whole tree, and logs the problems that are new.
    pub fn replace(&mut self, findings: impl IntoIterator<Item = (ZnodePath, Vec<Finding>)>) {
        let old = mem::take(&mut self.known);
        self.kinds.clear();
        self.below.clear();
        self.elsewhere.clear();
        let news = self.note(findings.into_iter().collect(), &old);
        log(&self.limit.lines(news, Instant::now()));
    }

    /// Takes over the findings of some znodes, and logs the problems that are new.
    pub fn update(&mut self, findings: Vec<(ZnodePath, Vec<Finding>)>) {
        let taken = findings.iter().filter_map(|(path, _)| {
            let taken = self.known.remove_entry(path)?;
            if let Some(count) = kind(&taken.1).and_then(|kind| self.kinds.get_mut(kind)) {
                *count -= 1;
            }
            if let Some(parent) = path.parent()
                && let Some(count) = self.below.get_mut(&parent)
            {
                *count -= 1;
                if *count == 0 {
                    self.below.remove(&parent);
                }
            }
            Some(taken)
        });
        let old = taken.collect();
        let news = self.note(findings, &old);
        log(&self.limit.lines(news, Instant::now()));
    }

    /// The lines to log: of a znode that had a problem before, none, whatever it says now.
    fn note(
        &mut self,
        findings: Vec<(ZnodePath, Vec<Finding>)>,
        old: &BTreeMap<ZnodePath, Vec<Finding>>,
    ) -> Vec<String> {
        let mut news = Vec::new();
        for (path, mut findings) in findings {
            if findings
                .iter()
                .any(|finding| matches!(finding, Finding::NamedElsewhere(_)))
            {
                self.elsewhere.insert(path.clone());
            } else if !findings.iter().any(is_unnameable) {
                self.elsewhere.remove(&path);
            } else if self.elsewhere.contains(&path) {
                findings.retain(|finding| !is_unnameable(finding));
            }
            let is_spoilt =
                self.spoilt.contains(&path) && !findings.iter().any(Finding::is_problem);
            if let Some(finding) = findings.first().filter(|_| is_spoilt) {
                findings = vec![Finding::Spoilt(Box::new(finding.clone()))];
            }
            findings.retain(Finding::is_problem);
            if findings.is_empty() {
                continue;
            }
            let count = match path.parent() {
                // What stands below the top has nothing to do with each other.
                Some(parent) if parent.parent().is_some() => {
                    let count = self.below.entry(parent).or_default();
                    *count += 1;
                    *count
                }
                _ => 0,
            };
            if !old.contains_key(&path) {
                news.extend(line(&path, &findings, count));
            }
            if let Some(kind) = kind(&findings) {
                *self.kinds.entry(kind).or_default() += 1;
            }
            self.known.insert(path, findings);
        }
        news
    }
}

/// The kind of a problem, the same for many.
fn kind(findings: &[Finding]) -> Option<&'static str> {
    findings.first().map(|finding| match finding {
        Finding::Spoilt(_) => "held an address before, and holds none now",
        Finding::Unnameable { .. } => "a service whose path makes no name",
        Finding::HostName { .. } => "a host name that leads to no address",
        Finding::Name(_) => "a path that makes no name",
        Finding::Taken { .. } => "a name that another path has",
        Finding::Shortened { .. } | Finding::TooMany { .. } => "more addresses than are given",
        _ => "no address where one should be",
    })
}

fn is_unnameable(finding: &Finding) -> bool {
    matches!(finding, Finding::Unnameable { .. })
}

/// What to say of a new problem, which is the so-many-eth below its parent.
fn line(path: &ZnodePath, findings: &[Finding], count: usize) -> Option<String> {
    if count <= BELOW_ONE {
        let said: Vec<_> = findings.iter().map(Finding::to_string).collect();
        return Some(format!("{}: {}", shown(path), said.join("; ")));
    }
    let parent = path.parent().filter(|_| count == BELOW_ONE + 1)?;
    Some(format!(
        "{parent}: more znodes below it have problems; `nameserver check` lists them all"
    ))
}

impl Limit {
    /// The lines of these that may be logged now, with what there is to say of the others.
    fn lines(&mut self, news: Vec<String>, now: Instant) -> Vec<String> {
        if news.is_empty() {
            return news;
        }
        let mut lines = Vec::new();
        if self
            .begun
            .is_none_or(|begun| now.duration_since(begun) >= PERIOD)
        {
            let left_out = mem::take(&mut self.left_out);
            if left_out > 0 {
                let problems = Counted(left_out, "problem");
                lines.push(format!("{problems} before this one were left out here"));
            }
            (self.begun, self.lines) = (Some(now), 0);
        }
        let shown = news.len().min(BURST).min(LINES - self.lines);
        let left_out = news.len() - shown;
        self.lines += shown;
        lines.extend(news.into_iter().take(shown));
        if left_out > 0 && self.lines == LINES {
            if self.left_out == 0 {
                let seconds = PERIOD.as_secs();
                lines.push(format!(
                    "more problems are left out here for {seconds} s; `nameserver check` lists them all"
                ));
            }
            self.left_out += left_out;
        } else if left_out > 0 {
            let problems = Counted(left_out, "more problem");
            lines.push(format!("and {problems}; `nameserver check` lists them all"));
        }
        lines
    }
}

fn log(lines: &[String]) {
    for line in lines {
        warn!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Problem, read};

    fn junk(path: &str, said: &str) -> (ZnodePath, Vec<Finding>) {
        (
            path.parse().unwrap(),
            vec![
                Problem::NoAddress(said.into()).into(),
                Finding::Nameless(Silence::NoData),
            ],
        )
    }

    fn news(problems: &mut Problems, findings: Vec<(ZnodePath, Vec<Finding>)>) -> Vec<String> {
        let old = mem::take(&mut problems.known);
        problems.below.clear();
        problems.note(findings, &old)
    }

    #[test]
    fn each_problem_is_news_once_until_it_is_mended() {
        let mut problems = Problems::default();
        let first = news(&mut problems, vec![junk("/a", "x"), junk("/b", "x")]);
        assert_eq!(first.len(), 2);
        assert!(first[0].starts_with("/a: \"x\" is no address"));
        for said in ["x", "y"] {
            assert_eq!(
                news(&mut problems, vec![junk("/a", said)]),
                Vec::<String>::new()
            );
        }
        assert_eq!(news(&mut problems, vec![]), Vec::<String>::new());
        assert_eq!(news(&mut problems, vec![junk("/a", "x")]).len(), 1);
    }

    #[test]
    fn a_mended_znode_is_forgotten() {
        let mut problems = Problems::default();
        problems.update(vec![junk("/a", "x")]);
        problems.update(vec![("/a".parse().unwrap(), vec![])]);
        assert!(problems.known.is_empty() && problems.below.is_empty());
        problems.update(vec![junk("/a", "x")]);
        problems.replace(vec![]);
        assert!(problems.known.is_empty() && problems.below.is_empty());
    }

    #[test]
    fn many_below_one_znode_are_told_by_that() {
        let all = (0..9).map(|i| junk(&format!("/a/{i}"), "x")).collect();
        let said = news(&mut Problems::default(), all);
        assert_eq!(said.len(), BELOW_ONE + 1);
        assert!(
            said[BELOW_ONE].starts_with("/a: more znodes below it"),
            "{said:?}"
        );
    }

    #[test]
    fn no_more_lines_than_so_many_in_a_period_and_the_others_are_counted() {
        let (mut limit, begun) = (Limit::default(), Instant::now());
        let lines = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        let said = limit.lines(lines(BURST + 2), begun);
        assert_eq!(said.len(), BURST + 1);
        assert!(said[BURST].starts_with("and 2 more problems"), "{said:?}");
        for _ in 1..LINES / BURST {
            assert_eq!(limit.lines(lines(BURST), begun).len(), BURST);
        }
        let said = limit.lines(lines(5), begun + PERIOD / 2);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("left out here for 60 s"), "{said:?}");
        assert_eq!(
            limit.lines(lines(5), begun + PERIOD / 2),
            Vec::<String>::new()
        );
        assert_eq!(limit.lines(lines(0), begun + PERIOD), Vec::<String>::new());
        let said = limit.lines(lines(1), begun + PERIOD);
        assert_eq!(
            said,
            ["10 problems before this one were left out here", "0"]
        );
        assert_eq!(limit.lines(lines(1), begun + PERIOD), ["0"]);
    }

    #[test]
    fn what_was_an_instance_was_meant_as_one() {
        let (mut problems, path) = (Problems::default(), "/a".parse::<ZnodePath>().unwrap());
        let readings = ["10.0.0.1", "word", "42", "", "42"].map(|data| read("a", data.as_bytes()));
        let quiet = || vec![(path.clone(), vec![Finding::Nameless(Silence::Number)])];
        let mut told = Vec::new();
        for pair in readings.windows(2) {
            problems.changed(&path, Some(&pair[0]), Some(&pair[1]));
            told.push(news(&mut problems, quiet()).len());
        }
        // Told when it becomes a word, and no more: neither as a number, nor empty, nor after that.
        assert_eq!(told, [1, 0, 0, 0]);
        assert!(problems.is_empty());
    }
}
