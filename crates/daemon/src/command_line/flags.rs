//! Walks over the definition of a command line: its long flags, their variables, and which of them
//! were given.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Id};

use super::alike;
use super::refusal::Refusal;

/// The flag that names the settings file. It has a variable, and is no key of that file.
pub(super) const CONFIG: &str = "config";

/// Packagers' subcommand: nobody sets its flags for a whole machine.
const GENERATE: &str = "generate";

/// The variable that a flag also reads.
pub(super) fn variable_name(program: &str, flag: &str) -> String {
    format!("{program}_{flag}")
        .replace(['-', '.'], "_")
        .to_uppercase()
}

/// Adds `--config`, to every subcommand.
pub(super) fn with_config(command: Command, program: &str) -> Command {
    let help =
        format!("Read settings from this TOML file; its keys are the long flags of {program}");
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .global(true)
        .value_name("FILE")
        .help(help);
    command.arg(
        config
            .value_parser(clap::value_parser!(PathBuf))
            .display_order(1000),
    )
}

/// Names each flag's variable in the help, never its value: it may be a password. Flags that both
/// daemons share say `PROGRAM` where their help depends on it.
pub(super) fn with_variables(command: Command, program: &str) -> Command {
    every_flag(command, &|argument| {
        let name = variable_name(program, argument.get_long().unwrap_or_default());
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let argument = argument.env(name).hide_env_values(true);
        if help.contains("PROGRAM") {
            argument.help(help.replace("PROGRAM", program))
        } else {
            argument
        }
    })
}

fn every_flag(command: Command, change: &impl Fn(Arg) -> Arg) -> Command {
    let changed = command.mut_args(|argument| {
        if argument.get_long().is_some() {
            change(argument)
        } else {
            argument
        }
    });
    changed.mut_subcommands(|each| {
        if each.get_name() == GENERATE {
            each
        } else {
            every_flag(each, change)
        }
    })
}

/// The long flags of a command and of everything below it. A flag of several subcommands comes
/// several times.
pub(super) fn all_flags(command: &Command) -> Vec<&Arg> {
    let below = command
        .get_subcommands()
        .filter(|each| each.get_name() != GENERATE);
    own_flags(command)
        .chain(below.flat_map(all_flags))
        .collect()
}

fn own_flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some())
}

/// What the command line itself says, before any other layer.
pub(super) struct Given {
    /// The subcommand to run, and its subcommand.
    path: Vec<String>,
    pub(super) flags: BTreeSet<Id>,
    pub(super) config: Option<PathBuf>,
}

impl Given {
    /// Reads the command line alone. A flag that is missing may still come from another layer, so
    /// nothing is required.
    pub(super) fn of(
        plain: &Command,
        program: &'static str,
        arguments: &[OsString],
    ) -> Result<Self, Refusal> {
        let relaxed = every_flag(plain.clone(), &|argument| argument.required(false));
        let matches = relaxed.try_get_matches_from(arguments).map_err(|error| {
            // Help is shown from the definition that names the variables.
            let shown = with_variables(plain.clone(), program).try_get_matches_from(arguments);
            shown
                .err()
                .filter(|other| other.kind() == error.kind())
                .unwrap_or(error)
        });
        let matches = matches.map_err(|error| alike::suggesting(plain, error))?;
        let mut given = Given {
            path: Vec::new(),
            flags: BTreeSet::new(),
            config: matches.get_one(CONFIG).cloned(),
        };
        given.add(&matches);
        Ok(given)
    }

    fn add(&mut self, matches: &ArgMatches) {
        let explicit =
            |id: &&Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        self.flags.extend(matches.ids().filter(explicit).cloned());
        if let Some((name, below)) = matches.subcommand() {
            self.path.push(name.to_owned());
            self.add(below);
        }
    }

    /// The command itself and the subcommands on the way to the one that runs.
    pub(super) fn commands<'c>(&self, command: &'c Command) -> Vec<&'c Command> {
        let mut all = vec![command];
        for name in &self.path {
            all.extend(all.last().and_then(|last| last.find_subcommand(name)));
        }
        all
    }

    /// The long flags that count for this run. Nothing but flags counts for `generate`.
    pub(super) fn active<'c>(&self, command: &'c Command) -> Vec<&'c Arg> {
        if self.path.first().is_some_and(|name| name == GENERATE) {
            return Vec::new();
        }
        self.commands(command)
            .into_iter()
            .flat_map(own_flags)
            .collect()
    }

    /// Changes the flags that count for this run.
    pub(super) fn change(&self, command: Command, change: &impl Fn(Arg) -> Arg) -> Command {
        fn descend(command: Command, path: &[String], change: &impl Fn(Arg) -> Arg) -> Command {
            let changed = command.mut_args(change);
            match path.split_first() {
                Some((name, rest)) if changed.find_subcommand(name).is_some() => {
                    changed.mut_subcommand(name, |each| descend(each, rest, change))
                }
                _ => changed,
            }
        }
        descend(command, &self.path, change)
    }
}
