//! What a daemon says of itself in one word, and why.

use std::fmt;

/// Whether something does its work: healthy; healthy, but …; or not healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why it does not do its work; empty when it does.
    pub reasons: Vec<String>,
    /// What somebody should look at, though the work is done.
    pub remarks: Vec<String>,
}

impl Health {
    /// The words for the three kinds of health.
    pub const WORDS: [&str; 3] = ["healthy", "healthy, but", "not healthy"];

    /// The word for this one.
    pub fn word(&self) -> &'static str {
        match (&*self.reasons, &*self.remarks) {
            ([], []) => Self::WORDS[0],
            ([], _) => Self::WORDS[1],
            _ => Self::WORDS[2],
        }
    }

    /// Whether the work is done, remarks or not.
    pub fn is_healthy(&self) -> bool {
        self.reasons.is_empty()
    }

    /// All that there is to say, the worst first.
    pub fn findings(&self) -> impl Iterator<Item = &str> {
        let findings = self.reasons.iter().chain(&self.remarks);
        findings.map(String::as_str)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let lead = if self.is_healthy() { " " } else { ": " };
        for (i, finding) in self.findings().enumerate() {
            f.write_str(if i == 0 { lead } else { "; " })?;
            f.write_str(finding)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(reasons: &[&str], remarks: &[&str]) -> Health {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Health {
            reasons: owned(reasons),
            remarks: owned(remarks),
        }
    }

    #[test]
    fn three_words() {
        let healthy = health(&[], &[]);
        assert!(healthy.is_healthy());
        assert_eq!(healthy.to_string(), "healthy");
        let but = health(&[], &["1 name is held", "one is behind"]);
        assert!(but.is_healthy());
        assert_eq!(
            but.to_string(),
            "healthy, but 1 name is held; one is behind"
        );
        let not = health(&["nobody leads"], &["one is behind"]);
        assert!(!not.is_healthy());
        assert_eq!(not.to_string(), "not healthy: nobody leads; one is behind");
    }
}
