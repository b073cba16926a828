//! Telling the log of each problem once.

use std::collections::HashMap;

use contract::ZnodePath;
use log::warn;

use crate::namespace::Finding;

/// How many problems of one burst the log names.
const SHOWN: usize = 10;

/// The problems that the log knows of.
#[derive(Debug, Default)]
pub struct Problems {
    known: HashMap<ZnodePath, Vec<Finding>>,
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

    /// Takes over the findings of the whole tree, and logs the problems that are new.
    pub fn replace(&mut self, findings: impl IntoIterator<Item = (ZnodePath, Vec<Finding>)>) {
        let old = std::mem::take(&mut self.known);
        let findings: Vec<_> = findings.into_iter().collect();
        let news = self.note(findings, &old);
        log(&news);
    }

    /// Takes over the findings of some znodes, and logs the problems that are new.
    pub fn update(&mut self, findings: Vec<(ZnodePath, Vec<Finding>)>) {
        let taken = findings
            .iter()
            .filter_map(|(path, _)| self.known.remove_entry(path));
        let old = taken.collect();
        let news = self.note(findings, &old);
        log(&news);
    }

    /// The lines to log.
    fn note(
        &mut self,
        findings: Vec<(ZnodePath, Vec<Finding>)>,
        old: &HashMap<ZnodePath, Vec<Finding>>,
    ) -> Vec<String> {
        let mut news = Vec::new();
        for (path, mut findings) in findings {
            findings.retain(Finding::is_problem);
            if findings.is_empty() {
                continue;
            }
            if old.get(&path) != Some(&findings) {
                news.extend(findings.iter().map(|finding| format!("{path}: {finding}")));
            }
            self.known.insert(path, findings);
        }
        news
    }
}

fn log(news: &[String]) {
    for line in news.iter().take(SHOWN) {
        warn!("{line}");
    }
    if news.len() > SHOWN {
        warn!(
            "and {} more problems; `nameserver check` lists them all",
            news.len() - SHOWN
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Problem;

    fn junk(path: &str, said: &str) -> (ZnodePath, Vec<Finding>) {
        (
            path.parse().unwrap(),
            vec![
                Problem::NoAddress(said.into()).into(),
                Finding::Nameless("x"),
            ],
        )
    }

    #[test]
    fn each_problem_is_news_once_until_it_changes() {
        let mut problems = Problems::default();
        let news = problems.note(vec![junk("/a", "x"), junk("/b", "x")], &HashMap::new());
        assert_eq!(news.len(), 2);
        assert!(news[0].starts_with("/a: \"x\" is no address"));
        let known = problems.known.clone();
        assert_eq!(
            problems.note(vec![junk("/a", "x")], &known),
            Vec::<String>::new()
        );
        assert_eq!(problems.note(vec![junk("/a", "y")], &known).len(), 1);
    }

    #[test]
    fn a_mended_znode_is_forgotten() {
        let mut problems = Problems::default();
        problems.update(vec![junk("/a", "x")]);
        problems.update(vec![("/a".parse().unwrap(), vec![])]);
        assert!(problems.known.is_empty());
        problems.update(vec![junk("/a", "x")]);
        problems.replace(vec![]);
        assert!(problems.known.is_empty());
    }
}
