//! Which of the published names this machine wants.

use contract::{Hosts, Name};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::store::Unwritten;

/// The names that `--select` asks for; all of them without it.
#[derive(Debug, Clone, Default)]
pub struct Selection(Option<GlobSet>);

impl Selection {
    /// The names that match any of these globs. `*` matches dots as well.
    ///
    /// # Errors
    /// A glob is malformed.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        if globs.is_empty() {
            return Ok(Self(None));
        }
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
        }
        Ok(Self(Some(set.build()?)))
    }

    /// What the hosts file was made to say, of a snapshot of which this was not written.
    pub fn written(hosts: &Hosts, unwritten: &Unwritten) -> Hosts {
        // Globs that are malformed by now were none of this release.
        let selection = Self::new(&unwritten.select).unwrap_or_default();
        without(selection.entries(hosts), &unwritten.shadowed)
    }

    /// True without any glob.
    pub fn is_of_all(&self) -> bool {
        self.0.is_none()
    }

    /// True for a name that is asked for.
    pub fn selects(&self, name: &Name) -> bool {
        let matches = |set: &GlobSet| set.is_match(name.as_str());
        self.0.as_ref().is_none_or(matches)
    }

    /// Those of these names that are asked for; looks at each of them.
    pub fn entries(&self, hosts: &Hosts) -> Hosts {
        if self.is_of_all() {
            return hosts.clone();
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
