//! `nameserver check`: what the tree gives, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use contract::{Counted, Hosts, MAX_ADDRESSES_PER_NAME, Name, hosts_line};
use serde::Serialize;

use crate::namespace::Namespace;
use crate::observe::listing::{self, Row};
use crate::records::{Format, Reading, shown};

/// How many lines of one sort are shown.
const SHOWN: usize = 10;
/// How many problems are shown: they are what one looks for.
const PROBLEMS: usize = 50;

/// What a tree gives, and what is wrong with it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Znodes that were looked at.
    pub znodes: usize,
    /// Names that they give.
    pub names: usize,
    /// Addresses of all names, counted once for each name.
    pub addresses: usize,
    /// How many instances and services there are of each format, in service or not.
    pub formats: BTreeMap<Format, usize>,
    /// How many znodes give no name, or count for less, by the kind of reason.
    pub silences: BTreeMap<&'static str, usize>,
    /// Znodes that give no name, which is fine, in the order of their paths.
    pub nameless: Vec<Line>,
    /// Those of them whose address is left out by a rule.
    pub left_out: Vec<Line>,
    /// What should be mended, in the order of the paths.
    pub problems: Vec<Line>,
    /// Names that a hosts file has from somebody else, in the order of its lines.
    pub shadowed: Vec<Shadow>,
    /// Names that have nearly as many addresses as one may have, or more, with how many.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub crowded: BTreeMap<Name, usize>,
    /// Every name, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<Row>>,
}

/// A name that a line of a hosts file maps which is not hostsync's.
#[derive(Debug, Serialize)]
pub struct Shadow {
    /// The name.
    pub name: Name,
    /// Where that line has it.
    pub address: IpAddr,
    /// The file.
    pub file: String,
    /// The number of the line.
    pub line: usize,
}

/// One thing to say of one znode.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The znode, without the secrets that its name may hold.
    pub path: String,
    /// What is to be said.
    pub reason: String,
    /// The kind of what is to be said, the same for many.
    pub kind: &'static str,
}

impl Report {
    /// The report on a complete namespace.
    pub fn new(namespace: &Namespace) -> Self {
        let hosts = namespace.hosts();
        let mut report = Self {
            znodes: namespace.len(),
            names: hosts.len(),
            addresses: hosts.values().map(|addresses| addresses.len()).sum(),
            formats: formats(namespace),
            silences: BTreeMap::new(),
            nameless: Vec::new(),
            left_out: Vec::new(),
            problems: Vec::new(),
            shadowed: Vec::new(),
            crowded: crowded(&hosts),
            listed: None,
        };
        for (path, findings) in namespace.findings() {
            for finding in findings {
                let line = Line {
                    path: shown(&path),
                    reason: finding.to_string(),
                    kind: finding.kind(),
                };
                if finding.is_problem() {
                    report.problems.push(line);
                    continue;
                }
                *report.silences.entry(line.kind).or_default() += 1;
                if finding.leaves_out() {
                    report.left_out.push(line.clone());
                }
                report.nameless.push(line);
            }
        }
        report
    }

    /// Adds the names of the namespace that lines of others map in the text of a hosts file.
    #[must_use]
    pub fn beside(mut self, namespace: &Namespace, file: &Path, text: &[u8]) -> Self {
        self.shadowed = shadowed(&namespace.hosts(), file, text);
        self
    }

    /// Adds every name.
    #[must_use]
    pub fn listing(mut self, names: Vec<Row>) -> Self {
        self.listed = Some(names);
        self
    }

    /// 1 when something should be mended.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.problems.is_empty()))
    }

    /// As text that fits a screen: the names, where they are asked for, counts of what gives no name, what services leave out, then the
    /// problems, then the counts. With `all`, a line for each thing to say.
    ///
    /// # Errors
    /// `to` cannot be written.
    pub fn write_text(&self, mut to: impl Write, all: bool) -> io::Result<()> {
        if let Some(names) = &self.listed {
            writeln!(to, "{}", listing::table(names, SystemTime::now()))?;
        }
        if all {
            for Line { path, reason, .. } in &self.nameless {
                writeln!(to, "no name: {path}: {reason}")?;
            }
        } else {
            for (kind, count) in largest(&self.silences) {
                let which = if count == 1 { "it" } else { "each" };
                writeln!(to, "no name: {}: {which} {kind}", Counted(count, "znode"))?;
            }
            self.write_left_out(&mut to)?;
        }
        let most = if all { usize::MAX } else { PROBLEMS };
        for Line { path, reason, .. } in self.problems.iter().take(most) {
            writeln!(to, "problem: {path}: {reason}")?;
        }
        let more = self.problems.len().saturating_sub(most);
        if more > 0 {
            writeln!(
                to,
                "and {}; --all lists them",
                Counted(more, "more problem")
            )?;
        }
        let most = if all { usize::MAX } else { SHOWN };
        for shadow in self.shadowed.iter().take(most) {
            let Shadow {
                name,
                address,
                file,
                line,
            } = shadow;
            writeln!(
                to,
                "shadowed: {name}: line {line} of {file} maps it to {address}; hostsync leaves it to that line"
            )?;
        }
        let more = self.shadowed.len().saturating_sub(most);
        if more > 0 {
            writeln!(
                to,
                "and {}; --all lists them",
                Counted(more, "more shadowed name")
            )?;
        }
        for (name, count) in &self.crowded {
            writeln!(
                to,
                "near a limit: {name} has {count} addresses; a name may have {MAX_ADDRESSES_PER_NAME}, and any more \
                 are left out"
            )?;
        }
        self.write_counts(to)
    }

    fn write_counts(&self, mut to: impl Write) -> io::Result<()> {
        let formats = &self.formats;
        if !formats.is_empty() {
            let counts = formats
                .iter()
                .map(|(format, count)| format!("{count} {format}"));
            writeln!(to, "found: {}", counts.collect::<Vec<_>>().join(", "))?;
        }
        let nameless: BTreeSet<_> = self.nameless.iter().map(|line| &line.path).collect();
        writeln!(
            to,
            "{}: {} with {}, {} without a name, {}",
            Counted(self.znodes, "znode"),
            Counted(self.names, "name"),
            Counted(self.addresses, "address"),
            nameless.len(),
            Counted(self.problems.len(), "problem"),
        )
    }

    /// What is left out of the services, a line for each service and kind of reason.
    fn write_left_out(&self, mut to: impl Write) -> io::Result<()> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Line>> = BTreeMap::new();
        for line in &self.left_out {
            let service = line
                .path
                .rsplit_once('/')
                .map_or("", |(service, _)| service);
            groups.entry((service, line.kind)).or_default().push(line);
        }
        let more = groups.len().saturating_sub(SHOWN);
        for lines in groups.into_values().take(SHOWN) {
            let Line { path, reason, .. } = lines[0];
            match lines.len() - 1 {
                0 => writeln!(to, "left out: {path}: {reason}")?,
                others => writeln!(to, "left out: {path} and {others} beside it: {reason}")?,
            }
        }
        if more > 0 {
            writeln!(to, "and {}; --all lists them", Counted(more, "more place"))?;
        }
        Ok(())
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

/// The largest counts first.
fn largest<'a>(counts: &BTreeMap<&'a str, usize>) -> Vec<(&'a str, usize)> {
    let mut all: Vec<_> = counts.iter().map(|(&kind, &count)| (kind, count)).collect();
    all.sort_by_key(|&(_, count)| usize::MAX - count);
    all
}

fn crowded(hosts: &Hosts) -> BTreeMap<Name, usize> {
    let counts = hosts
        .iter()
        .map(|(name, addresses)| (name, addresses.len()));
    let near = counts
        .filter(|(_, count)| daemon::is_near(false, *count as u64, MAX_ADDRESSES_PER_NAME as u64));
    near.map(|(name, count)| (name.clone(), count)).collect()
}

fn formats(namespace: &Namespace) -> BTreeMap<Format, usize> {
    let mut formats = BTreeMap::new();
    for path in namespace.paths() {
        let reading = namespace.reading(path);
        let is_record = match reading {
            // Any text with a dot may be a host name.
            Some(Reading::Instance(instance)) if instance.format == Format::Text => {
                instance
                    .endpoints
                    .iter()
                    .any(|endpoint| endpoint.port.is_some())
                    || !namespace.addresses_at(instance, path).is_empty()
            }
            Some(Reading::Instance(_) | Reading::Service(_)) => true,
            _ => false,
        };
        if let Some(format) = reading.and_then(Reading::format).filter(|_| is_record) {
            *formats.entry(format).or_default() += 1;
        }
    }
    formats
}

fn shadowed(hosts: &Hosts, file: &Path, text: &[u8]) -> Vec<Shadow> {
    let foreign = hosts_line::foreign(text).into_iter();
    let named = foreign.filter_map(|(line, name, address)| {
        let (name, _) = hosts.get_key_value(name.to_ascii_lowercase().as_str())?;
        Some(Shadow {
            name: name.clone(),
            address,
            file: file.display().to_string(),
            line,
        })
    });
    named.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{namespace::scope::Scope, records};
    use contract::ZnodePath;

    pub(in crate::commands::check) fn namespace(znodes: &[(&str, &str)]) -> Namespace {
        let scope = Scope::new(
            "/".parse().unwrap(),
            "/nameserver".parse().unwrap(),
            None,
            &[],
        )
        .unwrap();
        let read = |(path, data): &(&str, &str)| {
            let path: ZnodePath = path.parse().unwrap();
            let reading = records::read(path.component(), data.as_bytes());
            (path, reading)
        };
        Namespace::new(scope, znodes.iter().map(read))
    }

    fn report(znodes: &[(&str, &str)]) -> Report {
        Report::new(&namespace(znodes))
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
        report.write_text(&mut text, true).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "no name: /empty: holds no data, and no child has an address\n\
             problem: /bad: 127.0.0.1 is a loopback address, which means another host to each reader\n\
             found: 2 plain text\n\
             5 znodes: 3 names with 4 addresses, 1 without a name, 1 problem\n"
        );
        assert_eq!(report.exit_code(), ExitCode::from(1));
        let mut json = Vec::new();
        report.write_json(&mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["problems"][0]["path"], "/bad");
        assert_eq!(json["names"], 3);
        assert_eq!(json["formats"]["plain text"], 2);
    }

    #[test]
    fn names_that_a_hosts_file_has_from_others_are_told() {
        let namespace = namespace(&[("/db", "10.0.0.1"), ("/web", "10.0.0.2")]);
        let text =
            b"127.0.0.1 localhost\n10.1.1.1 DB\n# BEGIN hostsync\n10.0.0.2 web\n# END hostsync\n";
        let report = Report::new(&namespace).beside(&namespace, Path::new("/etc/hosts"), text);
        let mut to = Vec::new();
        report.write_text(&mut to, true).unwrap();
        let to = String::from_utf8(to).unwrap();
        assert!(
            to.starts_with(
                "shadowed: db: line 2 of /etc/hosts maps it to 10.1.1.1; hostsync leaves it to that line\nfound"
            ),
            "{to}"
        );
        assert_eq!(report.exit_code(), ExitCode::SUCCESS);
    }

    #[test]
    fn a_large_tree_fits_a_screen() {
        let mut znodes = vec![
            ("/".to_owned(), ""),
            ("/k".to_owned(), ""),
            ("/bad".to_owned(), ""),
        ];
        for i in 0..2_000 {
            znodes.push((format!("/k/{i}"), "42"));
            znodes.push((format!("/w{i}"), "10.0.0.1"));
            if i < 50 {
                znodes.push((format!("/bad/{i}"), "10.0.0.0/24"));
                znodes.push((format!("/bad/b{i}"), "10.0.0.0/24"));
                znodes.push((format!("/out{i}"), ""));
                let down = r#"{"ip":"10.0.0.1","status":"DOWN"}"#;
                znodes.push((format!("/out{i}/1"), down));
                znodes.push((format!("/out{i}/2"), down));
            }
        }
        let znodes: Vec<_> = znodes
            .iter()
            .map(|(path, data)| (path.as_str(), *data))
            .collect();
        let report = report(&znodes);
        let mut text = Vec::new();
        report.write_text(&mut text, false).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().count() < 70, "{text}");
        for line in [
            "no name: 2000 znodes: each holds a number, true or false\n",
            "left out: /out0/1 and 1 beside it: is out of service: its state or status says so\n",
            "and 40 more places; --all lists them\n",
            "and 50 more problems; --all lists them\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn a_name_that_will_have_too_many_addresses_is_told_of_before_it_has() {
        let of = |count: usize| {
            let address = |i: usize| -> contract::Address {
                format!("10.1.{}.{}", i / 250, 1 + i % 250).parse().unwrap()
            };
            let addresses: contract::Addresses = (0..count).map(address).collect();
            let hosts = [("web".parse::<Name>().unwrap(), addresses)];
            crowded(&hosts.into_iter().collect())
        };
        // Four fifths of 16,384.
        assert!(of(13_107).is_empty());
        assert_eq!(of(13_108).into_values().collect::<Vec<_>>(), [13_108]);
    }

    #[test]
    fn nothing_to_mend_is_success() {
        assert_eq!(
            report(&[("/db", "10.0.0.1"), ("/empty", "")]).exit_code(),
            ExitCode::SUCCESS
        );
    }
}
