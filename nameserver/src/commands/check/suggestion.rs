//! `nameserver check --suggest`: which flags leave out what gives no name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use contract::{Counted, ZnodePath};

use crate::namespace::scope::Scope;
use crate::namespace::{Finding, Member, Namespace};

/// More globs than one reads are no help.
const MOST: usize = 20;

/// The flags that leave out what gives no name, and nothing else.
#[derive(Debug)]
pub(super) struct Suggestion {
    /// The znode below which all names lie, where that is not the root already.
    root: Option<ZnodePath>,
    /// The topmost znodes below which there is nothing, the largest first.
    exclude: Vec<(ZnodePath, usize)>,
    /// How many of them are not shown.
    more: usize,
    znodes: usize,
}

impl Suggestion {
    /// What to leave out of the namespace of this scope.
    pub(super) fn new(scope: &Scope, namespace: &Namespace) -> Self {
        let givers = givers(namespace);
        let kept = with_above(&givers);
        let root = common(&kept, &givers).filter(|root| root != scope.root());
        let below = root.as_ref().unwrap_or(scope.root());
        // Each znode that is not kept belongs to the topmost such one above it.
        let mut sizes: BTreeMap<ZnodePath, usize> = BTreeMap::new();
        for path in namespace
            .paths()
            .filter(|path| path.is_within(below) && !kept.contains(path))
        {
            let mut top = path.clone();
            while let Some(parent) = top
                .parent()
                .filter(|parent| !kept.contains(parent) && parent != below)
            {
                top = parent;
            }
            if top != *below {
                *sizes.entry(top).or_default() += 1;
            }
        }
        let mut exclude: Vec<_> = sizes.into_iter().collect();
        exclude.sort_by_key(|(_, size)| usize::MAX - size);
        let more = exclude.len().saturating_sub(MOST);
        exclude.truncate(MOST);
        Self {
            root,
            exclude,
            more,
            znodes: namespace.len(),
        }
    }
}

/// The znodes that give a name, count for a service or should be mended.
fn givers(namespace: &Namespace) -> BTreeSet<ZnodePath> {
    let is_giver = |path: &&ZnodePath| {
        let findings = namespace.findings_of(path);
        namespace.own_record(path).is_some()
            || namespace
                .members(path)
                .any(|member| has_address(namespace, &member))
            || findings.iter().any(Finding::is_problem)
    };
    namespace.paths().filter(is_giver).cloned().collect()
}

fn has_address(namespace: &Namespace, member: &Member<'_>) -> bool {
    !namespace
        .addresses_at(member.instance, member.path)
        .is_empty()
}

/// These znodes and all above them.
fn with_above(givers: &BTreeSet<ZnodePath>) -> BTreeSet<ZnodePath> {
    let mut kept = BTreeSet::new();
    for giver in givers {
        let mut at = Some(giver.clone());
        while let Some(path) = at {
            at = path.parent();
            if !kept.insert(path) {
                break;
            }
        }
    }
    kept
}

/// The deepest znode above all that is kept. As the root it would lose its own name, so it has none.
fn common(kept: &BTreeSet<ZnodePath>, givers: &BTreeSet<ZnodePath>) -> Option<ZnodePath> {
    let mut at: ZnodePath = "/".parse().ok()?;
    loop {
        let mut below = kept
            .iter()
            .filter(|path| path.parent().as_ref() == Some(&at));
        match (below.next(), below.next()) {
            (Some(only), None) if !givers.contains(only) => at = only.clone(),
            _ => return Some(at),
        }
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut flags = Vec::new();
        if let Some(root) = &self.root {
            flags.push(format!("--root {}", shell(root.as_str())));
        }
        for (path, _) in &self.exclude {
            flags.push(format!(
                "--exclude {}",
                shell(&globset::escape(path.as_str()))
            ));
        }
        if flags.is_empty() {
            return f.write_str("nothing to leave out: every znode gives a name or counts for one");
        }
        writeln!(f, "{}", flags.join(" "))?;
        let left_out: usize = self.exclude.iter().map(|(_, size)| size).sum();
        write!(
            f,
            "# --exclude leaves out {left_out} of {} and no name",
            Counted(self.znodes, "znode")
        )?;
        if self.root.is_some() {
            f.write_str("; --root makes every name shorter")?;
        }
        if self.more > 0 {
            write!(f, "; {} smaller ones stay", self.more)?;
        }
        Ok(())
    }
}

/// The text as one word of a shell.
fn shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-:,@%+=".contains(&byte);
    match text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::report::tests::namespace;

    fn suggests(znodes: &[(&str, &str)]) -> String {
        let scope = Scope::new(
            "/".parse().unwrap(),
            "/nameserver".parse().unwrap(),
            None,
            &[],
        );
        Suggestion::new(&scope.unwrap(), &namespace(znodes)).to_string()
    }

    #[test]
    fn what_gives_no_name_is_left_out_from_the_top() {
        let znodes = [
            ("/", ""),
            ("/kafka", ""),
            ("/kafka/brokers", ""),
            ("/kafka/brokers/ids", ""),
            (
                "/kafka/brokers/ids/1",
                r#"{"jmx_port":-1,"host":"10.0.0.1","port":1}"#,
            ),
            ("/kafka/brokers/topics", ""),
            ("/kafka/brokers/topics/a b", "{}"),
            ("/kafka/it's [1]", "1"),
            ("/kafka/bad", "10.0.0.1/24"),
        ];
        assert_eq!(
            suggests(&znodes),
            "--root /kafka --exclude /kafka/brokers/topics --exclude '/kafka/it'\\''s [[]1[]]'\n\
             # --exclude leaves out 3 of 8 znodes and no name; --root makes every name shorter"
        );
        assert!(suggests(&[("/", ""), ("/db", "10.0.0.1")]).starts_with("nothing to leave out"));
    }

    #[test]
    fn the_root_is_no_znode_whose_name_would_go() {
        let znodes = [
            ("/", ""),
            ("/a", ""),
            ("/a/web", ""),
            ("/a/web/1", "10.0.0.1"),
            ("/x", "1"),
        ];
        assert_eq!(
            suggests(&znodes),
            "--root /a\n# --exclude leaves out 0 of 4 znodes and no name; --root makes every name shorter"
        );
    }
}
