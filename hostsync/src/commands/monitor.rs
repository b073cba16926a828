//! `hostsync monitor`: which names of the hosts file move, while they do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use contract::plain;
use daemon::{Signal, Signals, WrongUsage, stdout_closed};
use globset::{GlobBuilder, GlobMatcher};
use hosts_file::WatchSet;
use serde::Serialize;

use crate::apply::remedy::Remedied;
use crate::apply::watch::Watch;
use crate::commands::cli::{MonitorArgs, PROGRAM};
use crate::observe::control_socket;
use crate::store::paths::User;

/// The addresses of each name, in the order of the lines.
type Mappings = BTreeMap<String, Vec<String>>;

/// A name that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Line {
    name: String,
    before: Vec<String>,
    after: Vec<String>,
    file: String,
    /// The newest that the agent which keeps the file had read just then, if one runs.
    generation: Option<u64>,
}

pub(super) fn monitor(args: &MonitorArgs) -> anyhow::Result<ExitCode> {
    let path = args.hosts_file.one()?;
    let glob = args.names.as_ref().map(|text| {
        let glob = GlobBuilder::new(text).case_insensitive(true).build();
        glob.map(|glob| glob.compile_matcher())
            .map_err(WrongUsage::new)
    });
    let glob = glob.transpose()?;
    let runtime = daemon::runtime()?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        tokio::select! {
            biased;
            () = stopped(&mut signals) => Ok(()),
            () = stdout_closed() => Ok(()),
            ended = follow(&path, glob.as_ref(), args.json) => ended,
        }
    });
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

async fn stopped(signals: &mut Signals) {
    while signals.next().await == Signal::Hangup {}
}

async fn follow(path: &Path, glob: Option<&GlobMatcher>, json: bool) -> anyhow::Result<()> {
    let mut watch = Watch::default();
    watch.follow(&watch_set(path));
    let mut before = read(path)?;
    if !path.exists() {
        let text = format!(
            "{} does not exist yet; its names are told from then on",
            path.display()
        );
        daemon::notice(PROGRAM, &text);
    }
    loop {
        watch.changed().await;
        // A symbolic link may lead elsewhere now.
        watch.follow(&watch_set(path));
        let after = read(path)?;
        let mut moved = moves(&before, &after);
        moved.retain(|(name, ..)| glob.is_none_or(|glob| glob.is_match(name)));
        before = after;
        if moved.is_empty() {
            continue;
        }
        let asked = path.to_owned();
        let agent =
            tokio::task::spawn_blocking(move || control_socket::ask(&User::current(), &asked));
        let generation = agent
            .await
            .ok()
            .flatten()
            .and_then(|agent| agent.snapshot.seen);
        let mut stdout = daemon::stdout();
        for (name, before, after) in moved {
            let line = Line {
                name,
                before,
                after,
                file: path.display().to_string(),
                generation,
            };
            match json {
                true => writeln!(stdout, "{}", serde_json::to_string(&line)?)?,
                false => writeln!(stdout, "{}", plain(&line.to_string()))?,
            }
        }
        stdout.flush()?;
    }
}

fn watch_set(path: &Path) -> WatchSet {
    let target = hosts_file::target(path);
    let parents = [path, &target].map(|path| path.parent().map(Path::to_owned));
    WatchSet {
        directories: parents.into_iter().flatten().collect(),
        mount: Some(target.clone()),
        paths: BTreeSet::from([path.to_owned(), target]),
    }
}

fn read(path: &Path) -> anyhow::Result<Mappings> {
    let text = hosts_file::read(path).map_err(Remedied::from)?;
    Ok(mappings(&String::from_utf8_lossy(&text)))
}

fn mappings(text: &str) -> Mappings {
    let mut mappings = Mappings::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(address) = words.next() else {
            continue;
        };
        for name in words {
            let addresses = mappings.entry(name.to_ascii_lowercase()).or_default();
            if !addresses.iter().any(|known| known == address) {
                addresses.push(address.to_owned());
            }
        }
    }
    mappings
}

/// The names whose addresses differ, in order, with those before and after.
fn moves(before: &Mappings, after: &Mappings) -> Vec<(String, Vec<String>, Vec<String>)> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let of = |mappings: &Mappings, name: &String| mappings.get(name).cloned().unwrap_or_default();
    let all = names
        .into_iter()
        .map(|name| (name.clone(), of(before, name), of(after, name)));
    all.filter(|(_, before, after)| before != after).collect()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |addresses: &[String], none: &str| match addresses {
            [] => none.to_owned(),
            some => some.join(","),
        };
        let (before, after) = (of(&self.before, "new"), of(&self.after, "gone"));
        write!(f, "{} {before} → {after}  {}", self.name, self.file)?;
        match self.generation {
            Some(generation) => write!(f, "  generation {generation}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_moves_when_its_addresses_do_and_not_when_lines_are_written_otherwise() {
        let before = mappings("127.0.0.1 localhost\n10.0.0.1 a b # x\n10.0.0.2 a\n");
        let same =
            mappings("10.0.0.1 B  \n#10.0.0.9 a\n10.0.0.1\ta\n10.0.0.2 a \n127.0.0.1 localhost\n");
        assert_eq!(moves(&before, &same), []);
        let after = mappings("127.0.0.1 localhost\n10.0.0.2 a\n10.0.0.3 c\n");
        let texts = moves(&before, &after)
            .into_iter()
            .map(|(name, before, after)| {
                let (file, generation) = ("/etc/hosts".to_owned(), Some(7));
                let line = Line {
                    name,
                    before,
                    after,
                    file,
                    generation,
                };
                line.to_string()
            });
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [
                "a 10.0.0.1,10.0.0.2 → 10.0.0.2  /etc/hosts  generation 7",
                "b 10.0.0.1 → gone  /etc/hosts  generation 7",
                "c new → 10.0.0.3  /etc/hosts  generation 7",
            ]
        );
    }
}
