//! Which of the published names this machine wants.

use std::collections::BTreeMap;

use contract::{Hosts, Name};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::store::Unwritten;

/// What `--select` says of several hosts files: a glob of names, or `WHERE=GLOB` for the files of one pattern, whose
/// files then have only what is said of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selections {
    general: Vec<String>,
    special: BTreeMap<String, Vec<String>>,
}

impl Selections {
    /// Those of these words. No name has a `=`.
    pub fn new(select: &[String]) -> Self {
        let mut selections = Self::default();
        for word in select {
            let (globs, glob) = match word.rsplit_once('=') {
                Some((of, glob)) => {
                    let of = of.trim().to_owned();
                    (selections.special.entry(of).or_default(), glob)
                }
                None => (&mut selections.general, &word[..]),
            };
            globs.push(glob.trim().to_owned());
        }
        selections
    }

    /// The globs for the files of a pattern, by any word for it; none where all names are wanted.
    pub fn of(&self, pattern: &[String]) -> Vec<String> {
        let special = pattern.iter().find_map(|word| self.special.get(word));
        special.unwrap_or(&self.general).clone()
    }

    /// What was not written of the files of a pattern, of what was not written of all files.
    pub fn unwritten(all: &Unwritten, pattern: &[String]) -> Unwritten {
        Unwritten {
            select: Self::new(&all.select).of(pattern),
            shadowed: all.shadowed.clone(),
        }
    }

    /// The words for patterns in it.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.special.keys().map(String::as_str)
    }
}

/// The names that `--select` asks for; all of them without it. Never this machine's own name: that is what its
/// other lines, or its engine, say.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    globs: Option<GlobSet>,
    own: Option<Name>,
}

impl Selection {
    /// The names that match any of these globs. `*` matches dots as well.
    ///
    /// # Errors
    /// A glob is malformed.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        if globs.is_empty() {
            return Ok(Self::default());
        }
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
        }
        Ok(Self {
            globs: Some(set.build()?),
            own: None,
        })
    }

    /// The same without the name of this machine, if that is a name.
    #[must_use]
    pub fn of_others(self, own: Option<Name>) -> Self {
        Self { own, ..self }
    }

    /// The name that is left out, where these hosts have it.
    pub fn own(&self, hosts: &Hosts) -> Option<&Name> {
        let own = self.own.as_ref();
        own.filter(|own| hosts.contains_key(*own))
    }

    /// What the hosts file was made to say, of a snapshot of which this was not written.
    pub fn written(hosts: &Hosts, unwritten: &Unwritten) -> Hosts {
        // Globs that are malformed by now were none of this release.
        let selection = Self::new(&unwritten.select).unwrap_or_default();
        without(selection.entries(hosts), &unwritten.shadowed)
    }

    /// True without any glob.
    pub fn is_of_all(&self) -> bool {
        self.globs.is_none()
    }

    /// True for a name that is asked for.
    pub fn selects(&self, name: &Name) -> bool {
        let matches = |set: &GlobSet| set.is_match(name.as_str());
        self.own.as_ref() != Some(name) && self.globs.as_ref().is_none_or(matches)
    }

    /// Those of these names that are asked for; looks at each of them, unless all are.
    pub fn entries(&self, hosts: &Hosts) -> Hosts {
        if self.is_of_all() {
            return without(hosts.clone(), &self.own);
        }
        let selected = hosts.iter().filter(|(name, _)| self.selects(name));
        selected
            .map(|(name, list)| (name.clone(), list.clone()))
            .collect()
    }
}

/// These hosts without some names, at the cost of those.
pub(crate) fn without<'a>(mut hosts: Hosts, names: impl IntoIterator<Item = &'a Name>) -> Hosts {
    for name in names {
        hosts.remove(name);
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_pattern_have_what_is_said_of_them_or_else_of_all() {
        let words = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let select = words(&[
            "db",
            "docker=*.web",
            "docker=web",
            "/srv/a=b/*/hosts=*.a",
            "*.db",
        ]);
        let selections = Selections::new(&select);
        for (pattern, expected) in [
            (&["/etc/hosts"][..], &["db", "*.db"][..]),
            (&["docker"], &["*.web", "web"]),
            (&["podman", "docker"], &["*.web", "web"]),
            (&["/srv/a=b/*/hosts"], &["*.a"]),
            (&[], &["db", "*.db"]),
        ] {
            assert_eq!(
                selections.of(&words(pattern)),
                words(expected),
                "{pattern:?}"
            );
        }
        let patterns: Vec<&str> = selections.patterns().collect();
        assert_eq!(patterns, ["/srv/a=b/*/hosts", "docker"]);
        assert!(Selections::new(&words(&["docker=db"])).of(&[]).is_empty());
    }

    #[test]
    fn globs_select_names() {
        let hosts: Hosts = ["a.db", "b.x.db", "db", "web"]
            .iter()
            .map(|name| (name.parse().unwrap(), vec!["10.0.0.1".parse().unwrap()]))
            .collect();
        for (globs, expected) in [
            (&[][..], &["a.db", "b.x.db", "db", "web"][..]),
            (&["*.db"], &["a.db", "b.x.db"]),
            (&["d?", "WE[ab]"], &["db", "web"]),
            (&["{web,db}"], &["db", "web"]),
            (&["nothing"], &[]),
        ] {
            let globs: Vec<String> = globs.iter().map(|glob| glob.to_string()).collect();
            let selection = Selection::new(&globs).unwrap();
            let names: Vec<String> = selection
                .entries(&hosts)
                .keys()
                .map(|name| name.to_string())
                .collect();
            assert_eq!(names, expected, "{globs:?}");
        }
        assert!(Selection::new(&["a[".to_owned()]).is_err());
    }
}
