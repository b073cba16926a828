//! The settings file: TOML whose keys are the long flags.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, Command};
use toml::Table;
use toml::de::DeTable;

use super::alike;
use super::flags::{self, Given};
use super::layers::Setting;
use super::values;
use crate::secret::{self, Secret};

/// The file's settings for this run. What is wrong with the rest of the file is reported too, so
/// that a file which is right for one subcommand is right for all.
pub(super) fn settings(
    path: &Path,
    command: &Command,
    given: &Given,
    problems: &mut Vec<String>,
) -> Vec<Setting> {
    let (table, lines) = match read(path) {
        Ok(read) => read,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let active = given.active(command);
    let mut all = flags::all_flags(command);
    all.retain(|argument| argument.get_id() != flags::CONFIG);

    let mut settings = Vec::new();
    for (key, value) in &table {
        let line = match lines.get(key) {
            Some(line) => format!("{}: line {line}", path.display()),
            None => path.display().to_string(),
        };
        let origin = format!("{line}: {key}");
        let is_key = |argument: &&&Arg| argument.get_long() == Some(key);
        let here = active
            .iter()
            .find(is_key)
            .filter(|argument| argument.get_id() != flags::CONFIG);
        let Some(argument) = here.or_else(|| all.iter().find(is_key)) else {
            let known = all.iter().filter_map(|argument| argument.get_long());
            problems.push(format!(
                "{line}: unknown key '{key}'; {}",
                nearest(key, known)
            ));
            continue;
        };
        match values::from_file(argument, value) {
            Ok(values) if here.is_some() => {
                warn_of_readable_secret(path, argument, command.get_name());
                let id = argument.get_id().clone();
                settings.push(Setting { id, origin, values });
            }
            Ok(_) => {}
            Err(problem) => problems.push(format!("{origin}: {problem}")),
        }
    }
    settings
}

fn warn_of_readable_secret(path: &Path, argument: &Arg, program: &str) {
    let is_secret = argument.get_value_parser().type_id() == TypeId::of::<Secret>();
    let problem = secret::readable_by_others(path, "a password").filter(|_| is_secret);
    if let Some(problem) = problem {
        crate::exit::warn(program, problem);
    }
}

/// What stands in the file, and the line of each key.
fn read(path: &Path) -> Result<(Table, BTreeMap<String, usize>), String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the settings file {}: {error}", path.display()))?;
    let line_at = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let explained = |error: toml::de::Error| {
        // The error's own text would show the line, and the line may hold a password.
        let line = error.span().map_or(1, |span| line_at(span.start));
        format!(
            "{}: line {line}: {}",
            path.display(),
            error.message().lines().collect::<Vec<_>>().join(", ")
        )
    };
    let table = toml::from_str(&text).map_err(explained)?;
    let keys = DeTable::parse(&text).map_err(explained)?;
    let lines = keys.get_ref().keys();
    let lines = lines.map(|key| (key.get_ref().to_string(), line_at(key.span().start)));
    Ok((table, lines.collect()))
}

fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    match alike::to(key, known.iter().copied()).as_slice() {
        [] => format!("the keys are {}", known.join(", ")),
        some => format!("nearest: {}", some[..some.len().min(3)].join(", ")),
    }
}
