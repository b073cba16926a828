//! Names that match a glob, as the argument of a command.

use std::str::FromStr;

use contract::Name;
use globset::{GlobBuilder, GlobMatcher};

/// Which names: `*` stands for dots as well, as in hostsync's `--select`.
#[derive(Debug, Clone)]
pub struct NameGlob(GlobMatcher);

impl NameGlob {
    /// Whether it is one of them.
    pub fn matches(&self, name: &Name) -> bool {
        self.0.is_match(name.as_str())
    }

    /// Whether a name is wanted where a glob may be given: all are without one.
    pub fn wants(glob: Option<&Self>, name: &Name) -> bool {
        glob.is_none_or(|glob| glob.matches(name))
    }
}

impl FromStr for NameGlob {
    type Err = globset::Error;

    fn from_str(text: &str) -> Result<Self, globset::Error> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let glob = GlobBuilder::new(text).case_insensitive(true).build()?;
        Ok(Self(glob.compile_matcher()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_dots_and_a_name_for_itself() {
        let matches = |glob: &str, name: &str| {
            let glob: NameGlob = glob.parse().unwrap();
            glob.matches(&name.parse().unwrap())
        };
        assert!(matches("*.db", "a.b.db") && matches("DB.", "db") && matches("*", "db"));
        assert!(!matches("db", "a.db") && !matches("*.db", "db"));
        assert!("[".parse::<NameGlob>().is_err());
    }
}
