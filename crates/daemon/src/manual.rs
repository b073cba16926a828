//! What a man page has beyond the definition of the command line.

use std::fmt::Write;

/// The sections of one command's page, in the order in which they are to stand.
#[derive(Debug, Clone, Default)]
pub struct Manual(Vec<(&'static str, Body)>);

#[derive(Debug, Clone)]
enum Body {
    /// Terms, each with what it means.
    Terms(Vec<(String, String)>),
    /// Lines as they are.
    Verbatim(String),
    /// A paragraph.
    Text(String),
}

impl Manual {
    /// A section of terms and what they mean.
    #[must_use]
    pub fn terms(mut self, heading: &'static str, terms: &[(&str, &str)]) -> Self {
        let terms = terms
            .iter()
            .map(|(term, text)| ((*term).to_owned(), (*text).to_owned()));
        self.0.push((heading, Body::Terms(terms.collect())));
        self
    }

    /// A section of lines as they are, such as examples.
    #[must_use]
    pub fn verbatim(mut self, heading: &'static str, lines: &str) -> Self {
        self.0.push((heading, Body::Verbatim(lines.to_owned())));
        self
    }

    /// A section of one paragraph.
    #[must_use]
    pub fn text(mut self, heading: &'static str, text: &str) -> Self {
        self.0.push((heading, Body::Text(text.to_owned())));
        self
    }

    /// As roff.
    pub(crate) fn roff(&self) -> String {
        let mut roff = String::new();
        for (heading, body) in &self.0 {
            // A String takes all text.
            let _ = writeln!(roff, ".SH \"{heading}\"");
            match body {
                Body::Terms(terms) => {
                    for (term, text) in terms {
                        let _ = writeln!(roff, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(text));
                    }
                }
                Body::Verbatim(lines) => {
                    let _ = writeln!(roff, ".nf\n{}\n.fi", escaped(lines));
                }
                Body::Text(text) => {
                    let _ = writeln!(roff, "{}", escaped(text));
                }
            }
        }
        roff
    }
}

/// Text as roff shows it.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Roff in ASCII alone, as every roff reads it: any other character by its number.
pub(crate) fn ascii(roff: &str) -> String {
    let mut text = String::with_capacity(roff.len());
    for character in roff.chars() {
        match character.is_ascii() {
            true => text.push(character),
            false => {
                let _ = write!(text, "\\[u{:04X}]", u32::from(character));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_a_request_of_roff() {
        let manual = Manual::default()
            .terms("EXIT STATUS", &[("0", "yes")])
            .verbatim("EXAMPLES", ".x 'a-b'\n'y\\n");
        assert_eq!(
            manual.roff(),
            ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nyes\n.SH \"EXAMPLES\"\n.nf\n\\&.x 'a\\-b'\n\\&'y\\en\n.fi\n"
        );
        assert_eq!(ascii("a → …"), "a \\[u2192] \\[u2026]");
    }
}
