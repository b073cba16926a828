//! `nameserver check`: what the tree gives, and what is wrong with it.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use snapshot::{Counted, ZnodePath};

use crate::zone::{Finding, Zone};

/// What a tree gives, and what is wrong with it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Znodes that were looked at.
    pub znodes: usize,
    /// Names that they give.
    pub names: usize,
    /// Addresses of all names, counted once for each name.
    pub addresses: usize,
    /// Znodes that give no name, which is fine, in the order of their paths.
    pub nameless: Vec<Line>,
    /// What should be mended, in the order of the paths.
    pub problems: Vec<Line>,
}

/// One thing to say of one znode.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The znode.
    pub path: ZnodePath,
    /// What is to be said.
    pub reason: String,
}

impl Report {
    /// The report on a complete zone.
    pub fn new(zone: &Zone) -> Self {
        let hosts = zone.hosts();
        let mut report = Self {
            znodes: zone.len(),
            names: hosts.len(),
            addresses: hosts.values().map(Vec::len).sum(),
            nameless: Vec::new(),
            problems: Vec::new(),
        };
        for (path, findings) in zone.findings() {
            for finding in findings {
                let lines = match finding {
                    Finding::Nameless(_) => &mut report.nameless,
                    _ => &mut report.problems,
                };
                lines.push(Line {
                    path: path.clone(),
                    reason: finding.to_string(),
                });
            }
        }
        report
    }

    /// 1 when something should be mended.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.problems.is_empty()))
    }

    /// As text: a line for each thing to say, problems last, then the counts.
    ///
    /// # Errors
    /// `to` cannot be written.
    pub fn write_text(&self, mut to: impl Write) -> io::Result<()> {
        for Line { path, reason } in &self.nameless {
            writeln!(to, "no name: {path}: {reason}")?;
        }
        for Line { path, reason } in &self.problems {
            writeln!(to, "problem: {path}: {reason}")?;
        }
        let Self {
            znodes,
            names,
            addresses,
            nameless,
            problems,
        } = self;
        let (nameless, problems) = (nameless.len(), problems.len());
        writeln!(
            to,
            "{}: {} with {}, {nameless} without a name, {}",
            Counted(*znodes, "znode"),
            Counted(*names, "name"),
            Counted(*addresses, "address"),
            Counted(problems, "problem"),
        )
    }

    /// As one JSON object.
    ///
    /// # Errors
    /// `to` cannot be written.
    pub fn write_json(&self, mut to: impl Write) -> io::Result<()> {
        // Not straight to the writer: an I/O error would be hidden in one of JSON.
        writeln!(to, "{}", serde_json::to_string_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{records, scope::Scope};

    fn report(znodes: &[(&str, &str)]) -> Report {
        let scope = Scope::new(
            "/".parse().unwrap(),
            "/nameserver".parse().unwrap(),
            None,
            &[],
        )
        .unwrap();
        let read =
            |(path, data): &(&str, &str)| (path.parse().unwrap(), records::read(data.as_bytes()));
        Report::new(&Zone::new(scope, znodes.iter().map(read)))
    }

    #[test]
    fn every_line_names_path_and_reason() {
        let report = report(&[
            ("/", ""),
            ("/db", ""),
            ("/db/a", "10.0.0.1"),
            ("/db/b", "10.0.0.2"),
            ("/empty", ""),
            ("/bad", "127.0.0.1"),
        ]);
        let mut text = Vec::new();
        report.write_text(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "no name: /empty: holds no data, and no child has an address\n\
             problem: /bad: 127.0.0.1 is a loopback address, which means another host to each reader\n\
             5 znodes: 3 names with 4 addresses, 1 without a name, 1 problem\n"
        );
        assert_eq!(report.exit_code(), ExitCode::from(1));
        let mut json = Vec::new();
        report.write_json(&mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["problems"][0]["path"], "/bad");
        assert_eq!(json["names"], 3);
    }

    #[test]
    fn nothing_to_mend_is_success() {
        assert_eq!(
            report(&[("/db", "10.0.0.1"), ("/empty", "")]).exit_code(),
            ExitCode::SUCCESS
        );
    }
}
