//! What a run goes by, for its log.

use std::any::TypeId;
use std::sync::OnceLock;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::layers::Setting;
use crate::secret::Secret;

/// How many characters of one value are shown.
const SHOWN: usize = 200;

static EFFECTIVE: OnceLock<String> = OnceLock::new();

/// The version, and what was given for this run, in whatever layer; none before the command line was parsed.
pub(crate) fn effective() -> Option<&'static str> {
    EFFECTIVE.get().map(String::as_str)
}

/// Keeps it for [`effective`]; only the first counts, as there is one command line.
pub(super) fn keep(text: String) {
    let _ = EFFECTIVE.set(text);
}

/// The version, and each flag that does not have its default, with where else it comes from than the command line.
pub(super) fn described(command: &Command, matches: &ArgMatches, settings: &[Setting]) -> String {
    let (mut command, mut matches) = (command, matches);
    let version = command.get_version().unwrap_or_default().to_owned();
    while let Some((name, below)) = matches.subcommand() {
        match command.find_subcommand(name) {
            Some(found) => (command, matches) = (found, below),
            None => break,
        }
    }
    let given = command.get_arguments().filter_map(|argument| {
        let id = argument.get_id();
        let setting = settings.iter().find(|setting| setting.id == *id);
        let is_given = matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let origin = match (setting, is_given) {
            (_, true) => String::new(),
            (Some(setting), false) => format!(" ({})", setting.origin),
            (None, false) => return None,
        };
        Some(format!(
            "--{}{}{origin}",
            argument.get_long()?,
            value(argument, matches)
        ))
    });
    let given: Vec<_> = given.collect();
    match given.is_empty() {
        true => format!("{version}, all settings by default"),
        false => format!("{version}, {}; all else by default", given.join(", ")),
    }
}

fn value(argument: &Arg, matches: &ArgMatches) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    if argument.get_value_parser().type_id() == TypeId::of::<Secret>() {
        return " ***".to_owned();
    }
    let values = matches
        .get_raw(argument.get_id().as_str())
        .into_iter()
        .flatten();
    let values: Vec<_> = values.map(|value| value.display().to_string()).collect();
    let text = values.join(",");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!(" {}…", &text[..end]),
        None => format!(" {text}"),
    }
}
