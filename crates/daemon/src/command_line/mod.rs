//! One command line out of four layers: flag, then environment variable, then settings file, then
//! default.
//!
//! - Every long flag of every subcommand also reads a variable: `--log-level` of `hostsync` reads
//!   `HOSTSYNC_LOG_LEVEL`. An empty variable counts as not set.
//! - The same keys, spelled like the flags (`log-level = "debug"`), stand in the TOML file that
//!   `--config` or `PROGRAM_CONFIG` names. A key of another subcommand is fine and ignored; a key
//!   that no subcommand knows is an error.
//! - Switches are `true` or `false` in the file; a variable may also say `1`, `0`, `yes`, `no`.
//! - Repeatable flags are arrays in the file. A variable separates values with commas, except
//!   inside of `{…}` and `[…]`, so that the glob `db-{a,b}` stays whole. The layers do not add up:
//!   the highest that says anything wins.
//! - Where two flags conflict, the higher layer silences the other flag in the lower ones:
//!   `--auth-file` on the command line wins over `HOSTSYNC_AUTH`.
//! - Flags of a subcommand may stand before it as well: `nameserver -z zk1 status`.
//! - Every problem of the variables and of the file is reported, not only the first.
//! - A variable that begins like ours and that no subcommand knows is warned of, unless it is
//!   empty: it may be another program's, so it is no error.
//!
//! Only clap's `requires` looks at the command line alone; the daemons do not use it.

mod alike;
mod effective;
mod file;
mod flags;
mod layers;
mod leading;
mod refusal;
mod unknown;
mod values;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Arg, Command, CommandFactory, FromArgMatches};

pub use alike::to as alike;
pub(crate) use effective::effective;
pub use refusal::Refusal;

/// Parses this process's command line; prints help, the version or what is wrong and exits where
/// there is nothing to run. Warns of variables that look like the program's and are not.
pub fn parse<C: CommandFactory + FromArgMatches>(program: &'static str) -> C {
    let variable = |name: &str| std::env::var_os(name);
    let outcome = resolve(program, std::env::args_os(), variable);
    // Also where the command line is refused: it may lack just what the variable should have said.
    // Help and the version say nothing else.
    if outcome
        .as_ref()
        .err()
        .is_none_or(|refusal| refusal.code() != 0)
    {
        let environment: Vec<_> = std::env::vars_os().collect();
        let command = C::command().name(program);
        for warning in unknown_variables(program, command, &environment) {
            crate::exit::warn(program, warning);
        }
    }
    outcome.unwrap_or_else(|refusal| refusal.exit(program))
}

/// A warning for each variable that looks like one of the program's, and that no subcommand knows.
fn unknown_variables(
    program: &'static str,
    command: Command,
    environment: &[(OsString, OsString)],
) -> Vec<String> {
    let command = flags::with_config(command, program);
    let known = flags::all_flags(&command)
        .into_iter()
        .filter_map(Arg::get_long)
        .map(|flag| flags::variable_name(program, flag))
        .collect();
    unknown::warnings(program, &known, environment)
}

/// Parses `arguments` (the first is the program) over the variables that `variable` knows and the
/// settings file.
pub fn resolve<C: CommandFactory + FromArgMatches>(
    program: &'static str,
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<C, Refusal> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let plain = flags::with_config(C::command().name(program), program);
    let arguments = leading::behind_subcommand(&plain, arguments);
    let given = flags::Given::of(&plain, program, &arguments)?;
    let settings = layers::settings(program, &plain, &given, variable)?;
    let mut command = layers::as_defaults(plain, &given, &settings);
    let matches = command.try_get_matches_from_mut(arguments)?;
    effective::keep(effective::described(&command, &matches, &settings));
    C::from_arg_matches(&matches).map_err(|error| Refusal::from(error.format(&mut command)))
}

/// The command as help, man pages and completions show it: with `--config` and the variable of each
/// flag.
pub fn command<C: CommandFactory>(program: &'static str) -> Command {
    flags::with_variables(
        flags::with_config(C::command().name(program), program),
        program,
    )
}

/// A value parser for paths that must stay right after a daemon has gone to `/`:
/// `#[arg(long, value_parser = daemon::command_line::absolute_path())]`.
pub fn absolute_path() -> impl TypedValueParser<Value = PathBuf> {
    clap::builder::PathBufValueParser::new().try_map(std::path::absolute)
}
