//! Lays variables over the settings file and both under the flags that were given.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command, Id};

use super::file;
use super::flags::{self, Given};
use super::refusal::Refusal;
use super::values;

/// A flag's values from a variable or from the file, already checked against the flag's value
/// parser.
pub(super) struct Setting {
    pub(super) id: Id,
    /// How messages call it: the variable, or the file and the key.
    pub(super) origin: String,
    pub(super) values: Vec<OsString>,
}

/// The settings that count for this run, highest layer first.
pub(super) fn settings(
    program: &str,
    command: &Command,
    given: &Given,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Setting>, Refusal> {
    let mut problems = Vec::new();
    let variable = |flag: &str| {
        let name = flags::variable_name(program, flag);
        variable(&name)
            .filter(|value| !value.is_empty())
            .map(|value| (name, value))
    };
    let from_variables = variables(command, given, &variable, &mut problems);
    let config = given
        .config
        .clone()
        .or_else(|| variable(flags::CONFIG).map(|(_, value)| PathBuf::from(value)));
    let from_file = match config {
        Some(path) => file::settings(&path, command, given, &mut problems),
        None => Vec::new(),
    };

    let mut settled = given.flags.clone();
    let mut all = Vec::new();
    for layer in [from_variables, from_file] {
        all.extend(lay_under(
            &mut settled,
            layer,
            command,
            given,
            &mut problems,
        ));
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(Refusal::Settings(problems))
    }
}

fn variables(
    command: &Command,
    given: &Given,
    variable: &impl Fn(&str) -> Option<(String, OsString)>,
    problems: &mut Vec<String>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for argument in given.active(command) {
        let overridden =
            given.flags.contains(argument.get_id()) || argument.get_id() == flags::CONFIG;
        let Some((name, value)) = argument
            .get_long()
            .filter(|_| !overridden)
            .and_then(variable)
        else {
            continue;
        };
        match values::from_variable(argument, &value) {
            Ok(values) => settings.push(Setting {
                id: argument.get_id().clone(),
                origin: name,
                values,
            }),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    settings
}

/// Keeps what no higher layer has settled, be it the flag itself or one that it conflicts with.
fn lay_under(
    settled: &mut BTreeSet<Id>,
    mut layer: Vec<Setting>,
    command: &Command,
    given: &Given,
    problems: &mut Vec<String>,
) -> Vec<Setting> {
    let conflicts = conflicts(command, given);
    let rivals = |id: &Id| -> BTreeSet<&Id> {
        let pairs = conflicts
            .iter()
            .filter(|(one, other)| one == id || other == id);
        pairs
            .map(|(one, other)| if one == id { other } else { one })
            .collect()
    };
    layer.retain(|setting| {
        !settled.contains(&setting.id) && rivals(&setting.id).is_disjoint(&settled.iter().collect())
    });
    for (index, setting) in layer.iter().enumerate() {
        let rivals = rivals(&setting.id);
        for rival in layer[..index]
            .iter()
            .filter(|earlier| rivals.contains(&earlier.id))
        {
            problems.push(format!(
                "{}: cannot be used together with {}; keep one",
                setting.origin, rival.origin
            ));
        }
    }
    settled.extend(layer.iter().map(|setting| setting.id.clone()));
    layer
}

fn conflicts(command: &Command, given: &Given) -> Vec<(Id, Id)> {
    let of_one = |command: &Command, argument: &Arg| {
        let others = command.get_arg_conflicts_with(argument);
        others
            .into_iter()
            .map(|other| (argument.get_id().clone(), other.get_id().clone()))
            .collect::<Vec<_>>()
    };
    let commands = given.commands(command);
    commands
        .into_iter()
        .flat_map(|each| {
            each.get_arguments()
                .flat_map(move |argument| of_one(each, argument))
        })
        .collect()
}

/// The command with the settings as its defaults, so that clap applies, converts and combines them
/// like any default.
pub(super) fn as_defaults(command: Command, given: &Given, settings: &[Setting]) -> Command {
    given.change(command, &|argument| match settings
        .iter()
        .find(|setting| setting.id == *argument.get_id())
    {
        Some(setting) => argument.required(false).default_values(&setting.values),
        None => argument,
    })
}
